"""Reading and writing by position: indexing, scattering, segments."""

from __future__ import annotations

import math
from builtins import slice as slice_of
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from kfront.backends.tensorflow.common import (
    broadcast_sizes,
    constant,
    dims,
    nonnegative,
    product,
    raw,
    records,
    shape_vector,
    size_of,
)
from kfront.backends.tensorflow.shape import ravel
from kfront.backends.typing import Function
from kfront.core import shapes
from kfront.core.operators import VariableBase
from kfront.core.typing import ShapeLike

Tensor = tf.Tensor
_cast = raw("Cast")
_not_equal = raw("NotEqual")


def nonzero(x: Tensor) -> tuple[Tensor, ...]:
    """Indices of the elements that are not zero, an int32 vector for each axis."""
    found = _cast(tf.where(x if x.dtype == tf.bool else _not_equal(x, constant(0, x.dtype))), tf.int32)
    return tuple(tf.unstack(found, x.shape.rank, axis=1))


_reshape, _transpose = raw("Reshape"), raw("Transpose")
_broadcast, _pack = raw("BroadcastTo"), raw("Pack")
_select = raw("SelectV2")
_gather, _less, _add = raw("GatherV2"), raw("Less"), raw("AddV2")


# ---- reading by index ------------------------------------------------------------------------------------------------

_INDEX = (tf.int32, tf.int64)


def _wrapped(indices: Tensor, size: Tensor) -> Tensor:
    """Indices as the gather kernels take them: negative ones count from the end."""
    if indices.dtype.is_unsigned or indices.dtype == tf.bool:
        return _cast(indices, tf.int64 if indices.dtype in (tf.uint32, tf.uint64) else tf.int32)
    if indices.dtype not in _INDEX:
        indices = _cast(indices, tf.int32)
    size = constant(size, indices.dtype) if isinstance(size, int) else tf.cast(size, indices.dtype)
    return _select(_less(indices, constant(0, indices.dtype)), _add(indices, size), indices)


def take(x: Tensor, indices: Tensor, axis: int | None = None) -> Tensor:
    """Slices at indices along an axis; in the flattened tensor without one."""
    if axis is None:
        x, axis = ravel(x), 0
    return _gather(x, _wrapped(indices, size_of(x, axis)), axis)


def take_along_axis(x: Tensor, indices: Tensor, axis: int | None = None) -> Tensor:
    """One element along an axis for each index; the other axes are matched, with broadcasting."""
    if axis is None:
        x, indices, axis = ravel(x), ravel(indices), 0
    rank = x.shape.rank
    axis = nonnegative(axis, rank)
    indices = _wrapped(indices, size_of(x, axis))
    order = [i for i in range(rank) if i != axis] + [axis]
    swap = order != list(range(rank))
    if swap:
        x, indices = _transpose(x, constant(tuple(order))), _transpose(indices, constant(tuple(order)))
    a, b = x.shape.as_list()[:-1], indices.shape.as_list()[:-1]
    if a != b or None in a:
        x, indices = _matched(x, indices)
    out = _gather(x, indices, rank - 1, rank - 1)
    return _transpose(out, constant(tuple(np.argsort(order).tolist()))) if swap else out


def _matched(x: Tensor, indices: Tensor) -> Tensor:
    """Both with the same sizes on all axes but the last."""
    common = broadcast_sizes(dims(x)[:-1], dims(indices)[:-1])
    return (_broadcast(t, shape_vector([*common, size_of(t, -1)])) for t in (x, indices))


def get_item(x: Tensor, key: Any) -> Tensor:
    """x[key] as NumPy indexes: ints, slices, None, `...`, and arrays of integers or booleans."""
    keys = list(key) if isinstance(key, tuple) else [key]
    spec = _strided(keys)
    if spec is not None:
        begin, end, strides, *masks = spec
        return _strided_slice(x, constant(begin), constant(end), constant(strides), *masks)
    if all(k is None or k is Ellipsis or isinstance(k, slice_of) for k in keys):
        return x[key]  # bounds that are tensors
    return _advanced(x, keys)


_strided_slice = raw("StridedSlice")


def _strided(keys: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
    """Arguments of the strided slice op for ints, slices with int bounds, None and `...`; None for other keys."""
    rows: list[tuple[int, int, int]] = []
    no_begin = no_end = dots = new = drop = 0
    for i, k in enumerate(keys):
        bit = 1 << i
        if k.__class__ is int:
            rows.append((k, k + 1, 1))
            drop |= bit
            no_end |= bit if k == -1 else 0
        elif k.__class__ is slice_of:
            if any(p is not None and p.__class__ is not int for p in (k.start, k.stop, k.step)):
                return None
            rows.append((k.start or 0, k.stop or 0, 1 if k.step is None else k.step))
            no_begin |= bit if k.start is None else 0
            no_end |= bit if k.stop is None else 0
        elif k is None or k is Ellipsis:
            rows.append((0, 0, 1))
            new |= bit if k is None else 0
            dots |= 0 if k is None else bit
        else:
            return None
    begin, end, strides = zip(*rows, strict=True) if rows else ((), (), ())
    return begin, end, strides, no_begin, no_end, dots, new, drop


def _advanced(x: Tensor, keys: list[Tensor]) -> Tensor:
    """Indexing with arrays: the plain parts first, then the arrays, which are broadcast together."""
    keys = shapes.complete_key([_index_array(k) for k in keys], x.shape.rank)
    x, keys = _numbered(x, keys)
    arrays = [k for k in keys if isinstance(k, tf.Tensor)]
    if len(arrays) == 1 and arrays[0].dtype == tf.bool and len(keys) == 1:
        return tf.boolean_mask(x, arrays[0])
    keys = [part for k in keys for part in _nonzero_parts(k)]
    if any(isinstance(k, tf.Tensor) and k.shape.rank > 0 for k in keys):
        keys = [constant(k) if isinstance(k, int) else k for k in keys]  # ints join the arrays
    plain = tuple(slice_of(None) if isinstance(k, tf.Tensor) else k for k in keys)
    x = x[plain]
    places, axis = [], 0
    for k in keys:
        if isinstance(k, tf.Tensor):
            places.append((axis, k))
        axis += not isinstance(k, int)
    return _gather_places(x, places)


def _numbered(x: Tensor, keys: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """True and False as indices choose from an axis of their own."""
    masks = [isinstance(k, tf.Tensor) and k.dtype == tf.bool for k in keys]
    alone = [m and k.shape.rank == 0 for k, m in zip(keys, masks, strict=True)]
    if not any(alone):
        return x, keys
    parts = [(k.shape.rank or None) if m else 1 for k, m in zip(keys, masks, strict=True) if k is not None]
    x = x[tuple(p for n in parts for p in ([None] if n is None else [slice_of(None)] * n))]
    return x, [tf.reshape(k, (1,)) if a else k for k, a in zip(keys, alone, strict=True)]


def _index_array(k: object) -> object:
    if k is None or k is Ellipsis or isinstance(k, slice_of) or (isinstance(k, int) and k.__class__ is not bool):
        return k
    if isinstance(k, VariableBase):
        return k._tensor
    if isinstance(k, np.integer):
        return int(k)
    out = k if isinstance(k, tf.Tensor) else tf.convert_to_tensor(np.asarray(k))
    if out.dtype.is_floating or out.dtype == tf.string:
        raise TypeError(f"expected integers or bools as indices, got {k!r}")
    return out


def _nonzero_parts(k: Tensor) -> list[Tensor]:
    if isinstance(k, tf.Tensor) and k.dtype == tf.bool:
        return tf.unstack(_cast(tf.where(k), tf.int32), k.shape.rank, axis=1)
    return [k]


def _gather_places(x: Tensor, places: list[tuple[int, Tensor]]) -> Tensor:
    """Gather by index arrays at several axes at once."""
    axes = [a for a, _ in places]
    index = [_cast(_wrapped(k, size_of(x, a)), tf.int32) for a, k in places]
    if len(axes) == 1:
        return _gather(x, index[0], axes[0])
    shape: Any = tf.shape(index[0])
    for i in index[1:]:
        shape = tf.broadcast_dynamic_shape(shape, tf.shape(i))
    rank = max(i.shape.rank for i in index)
    joined = _pack([tf.broadcast_to(i, shape) for i in index], -1)
    rest = [a for a in range(x.shape.rank) if a not in axes]
    out = tf.gather_nd(tf.transpose(x, axes + rest), joined)
    if axes != list(range(axes[0], axes[0] + len(axes))):
        return out  # arrays that are apart: their axes come first
    before = axes[0]
    order = [*range(rank, rank + before), *range(rank), *range(rank + before, rank + len(rest))]
    return tf.transpose(out, order)


def slice(inputs: Tensor, start_indices: Tensor | Sequence[int], shape: ShapeLike) -> Tensor:
    """A block of a fixed shape that starts at indices."""
    block = tf.cast(shape_vector(shape), tf.int32)
    return raw("Slice")(inputs, _starts(inputs, start_indices, block), block)


def _starts(x: Tensor, start: Tensor, block: Tensor) -> Tensor:
    """Where a block begins, as `shapes.block_of` has it."""
    known = not isinstance(start, (tf.Tensor, np.ndarray, VariableBase))
    begin = shape_vector(start) if known else tf.cast(start, tf.int32)
    at, size = tf.get_static_value(begin), tf.get_static_value(block)
    if at is not None and size is not None and x.shape.is_fully_defined():
        return constant(tuple(s.start for s in shapes.block_of(x.shape.as_list(), at.tolist(), size.tolist())))
    sizes = tf.shape(x)
    begin = tf.where(begin < 0, begin + sizes, begin)
    return tf.maximum(tf.minimum(begin, sizes - tf.where(block < 0, sizes - begin, block)), 0)


def slice_update(inputs: Tensor, start_indices: Tensor | Sequence[int], updates: Tensor) -> Tensor:
    """With a block written at indices."""
    rank = inputs.shape.rank
    if rank == 0:
        return _reshape(updates, constant(()))
    block = shape_vector(dims(updates))
    begin = _starts(inputs, start_indices, block)
    if not tf.executing_eagerly() and tf.get_static_value(begin) is None:
        return _update_anywhere(inputs, begin, updates)
    end = _add(begin, block)
    return raw("TensorStridedSliceUpdate")(inputs, begin, end, constant((1,) * rank), updates)


@tf.custom_gradient
def _update_anywhere(inputs: Tensor, begin: Tensor, updates: Tensor) -> Any:
    """`slice_update` where XLA could not compile the other kernel: it wants indices that are known when it compiles.

    The kernel has no gradient of its own. https://www.tensorflow.org/xla/operation_semantics#dynamicupdateslice
    """

    def back(dy: Tensor) -> Any:
        return slice_update(dy, begin, tf.zeros_like(updates)), None, slice(dy, begin, dims(updates))

    return xla.dynamic_update_slice(inputs, updates, begin), back


# ---- writing by index, segments --------------------------------------------------------------------------------------


def scatter(indices: Tensor, values: Tensor, shape: ShapeLike) -> Tensor:
    """Zeros with values added at indices."""
    sizes = shape_vector(shape)
    indices = _wrapped(indices, sizes[: indices.shape[-1]])
    sizes, kernel = _cast(sizes, indices.dtype), raw("ScatterNd")
    if values.dtype == tf.bool:
        return _cast(kernel(indices, _cast(values, tf.int32), sizes), tf.bool)
    return kernel(indices, values, sizes)


_UPDATES = {None: "TensorScatterUpdate", "add": "TensorScatterAdd", "max": "TensorScatterMax"} | {
    "min": "TensorScatterMin",
    "sub": "TensorScatterSub",
}


def scatter_update(inputs: Tensor, indices: Tensor, updates: Tensor, reduction: str | None = None) -> Tensor:
    """With updates written at indices, or joined to what stands there: "add", "max", "min", "mul"."""
    indices = _wrapped(indices, shape_vector(dims(inputs)[: indices.shape[-1]]))
    if inputs.dtype == tf.bool and reduction is not None:
        out = scatter_update(_cast(inputs, tf.int32), indices, _cast(updates, tf.int32), reduction)
        return _cast(out, tf.bool)
    if reduction == "mul":
        return inputs * _scattered_product(inputs, indices, updates)
    if reduction is None and records():
        updates = _last_ones(inputs, indices, updates)
    return raw(_UPDATES[reduction])(inputs, indices, updates)


def _scattered_product(inputs: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """For each element of `inputs` the product of the updates that fall on it, else 1."""
    depth, sizes = indices.shape[-1], dims(inputs)
    rows = _reshape(updates, shape_vector([-1, *sizes[depth:]]))
    out = tf.math.unsorted_segment_prod(rows, *_flat_places(inputs, indices))
    return _reshape(out, shape_vector(sizes))


def _flat_places(inputs: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
    """The places that `indices` name among the flattened leading axes, in one axis, and how many there are."""
    depth, sizes = indices.shape[-1], dims(inputs)
    strides = [product(sizes[i + 1 : depth]) for i in range(depth)]
    place = tf.reduce_sum(indices * tf.cast(tf.stack(strides), indices.dtype), -1)
    return _reshape(place, constant((-1,))), product(sizes[:depth])


def _last_ones(inputs: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """`updates` without a gradient for those that later ones overwrite (the kernel's own counts them all)."""
    place, count = _flat_places(inputs, indices)
    order = tf.range(tf.size(place))
    stays = tf.equal(tf.gather(tf.math.unsorted_segment_max(order, place, count), place), order)
    shape = [*dims(indices)[:-1], *(1,) * (updates.shape.rank - indices.shape.rank + 1)]
    return _select(_reshape(stays, shape_vector(shape)), updates, tf.stop_gradient(updates))


def _segment(name: str, empty: float | None = None) -> Function[Tensor]:
    """A segment op; ids out of range are left out, `empty` is the value of floating segments without elements."""
    kernel = raw(name)

    def segment(data: Tensor, segment_ids: Tensor, num_segments: int | None = None, sorted: bool = False) -> Tensor:
        if data.dtype == tf.bool:
            return _cast(segment(_cast(data, tf.int32), segment_ids, num_segments), tf.bool)
        ids = segment_ids if segment_ids.dtype in _INDEX else _cast(segment_ids, tf.int32)
        if num_segments is None:
            num_segments = tf.reduce_max(ids) + 1
        else:  # the kernel leaves out negative ids, and raises for large ones
            ids = _select(_less(ids, tf.cast(num_segments, ids.dtype)), ids, constant(-1, ids.dtype))
        out = kernel(data, ids, num_segments)
        if empty is None or not data.dtype.is_floating:
            return out
        lowest = constant(data.dtype.min if empty < 0 else data.dtype.max, data.dtype)  # the kernel's own filling
        return _select(raw("Equal")(out, lowest), constant(empty, out.dtype), out)

    return segment


segment_sum = _segment("UnsortedSegmentSum")
segment_max = _segment("UnsortedSegmentMax", -math.inf)
segment_min = _segment("UnsortedSegmentMin", math.inf)
segment_prod = _segment("UnsortedSegmentProd")
