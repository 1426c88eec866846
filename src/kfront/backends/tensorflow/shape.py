"""Shapes, joining and padding."""

from __future__ import annotations

import itertools
from builtins import slice as slice_of
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kfront.backends.tensorflow.common import constant, dims, nonnegative, raw, shape_vector, via
from kfront.backends.typing import Axes, Sizes
from kfront.core import shapes
from kfront.core.typing import Nested, ShapeLike
from kfront.ops.shapes import padded_by_index

Tensor = tf.Tensor
_reshape, _transpose = raw("Reshape"), raw("Transpose")
_broadcast, _concat, _pack = raw("BroadcastTo"), raw("ConcatV2"), raw("Pack")
_expand, _squeeze = raw("ExpandDims"), raw("Squeeze")
_gather = raw("GatherV2")
_reversed_axes = [tuple(range(n))[::-1] for n in range(16)]


def shape(x: Tensor) -> tuple[int, ...]:
    """Sizes: ints where known, else scalar int32 tensors."""
    return tuple(dims(x))


def size(x: Tensor) -> Tensor:
    """The number of elements."""
    count = x.shape.num_elements()
    return constant(count) if count is not None else tf.size(x)


def reshape(x: Tensor, newshape: ShapeLike) -> Tensor:
    """Another shape; one size may be -1."""
    return _reshape(x, shape_vector(newshape))


def ravel(x: Tensor) -> Tensor:
    """One axis."""
    return _reshape(x, constant((-1,)))


def transpose(x: Tensor, axes: Axes = None) -> Tensor:
    """Axes in another order, reversed if not given."""
    rank = x.shape.rank
    if axes is not None:  # the gradient does not know negative axes
        return _transpose(x, constant(tuple([a + rank if a < 0 else a for a in axes])))
    return tf.transpose(x) if rank is None else _transpose(x, constant(_reversed_axes[rank]))


def _listed(axis: Axes) -> list[int]:
    return list(axis) if isinstance(axis, (tuple, list)) else [axis]


def broadcast_to(x: Tensor, shape: ShapeLike) -> Tensor:
    """Repeated to a shape."""
    return _broadcast(x, shape_vector(shape))


def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Joined along an axis; None joins flattened tensors."""
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    return _concat(xs, axis) if len(xs) > 1 else tf.identity(xs[0])


def stack(x: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Joined along a new axis."""
    return _pack(x, axis)


def unstack(x: Tensor, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along an axis."""
    return tf.unstack(x, num, axis)


def split(x: Tensor, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Parts along an axis: so many, or cut at these indices."""
    if isinstance(indices_or_sections, int):
        return tuple(raw("Split")(axis, x, indices_or_sections))
    if isinstance(indices_or_sections, tf.Tensor):
        indices_or_sections = tf.get_static_value(indices_or_sections)
    cuts = [int(i) for i in indices_or_sections]
    total = x.shape[axis]
    sizes = [] if total is None else shapes.section_sizes(cuts, total)
    if sizes and sum(sizes) == total:
        return tuple(raw("SplitV")(x, constant(tuple(sizes)), axis, len(sizes)))
    return tuple(_between(x, start, end, axis) for start, end in itertools.pairwise((0, *cuts, None)))


def _between(x: Tensor, start: int, end: int | None, axis: int) -> Tensor:
    index: list[Any] = [slice_of(None)] * x.shape.rank
    index[axis] = slice_of(start, end)
    return x[tuple(index)]


def expand_dims(x: Tensor, axis: Axes) -> Tensor:
    """New axes of size 1."""
    if axis.__class__ is int:
        return _expand(x, axis)
    rank = x.shape.rank + len(axis)
    for a in sorted(nonnegative(a, rank) for a in axis):
        x = _expand(x, a)
    return x


def squeeze(x: Tensor, axis: Axes = None) -> Tensor:
    """Without axes of size 1."""
    return _squeeze(x, [] if axis is None else _listed(axis))


def flip(x: Tensor, axis: Axes = None) -> Tensor:
    """Reversed along axes."""
    axes = tuple(range(x.shape.rank)) if axis is None else tuple(_listed(axis))
    return raw("ReverseV2")(x, constant(axes))


def roll(x: Tensor, shift: Sizes, axis: Axes = None) -> Tensor:
    """Elements moved along axes, round the end."""
    if axis is None:
        return _reshape(raw("Roll")(ravel(x), shift, 0), shape_vector(dims(x)))
    shift, axis = _listed(shift), _listed(axis)
    count = max(len(shift), len(axis))
    return tf.roll(x, shift * (count // len(shift)), axis * (count // len(axis)))


def tile(x: Tensor, repeats: Sizes) -> Tensor:
    """The whole tensor repeated along axes."""
    missing = x.shape.rank - len(repeats)
    if missing < 0:
        x = _reshape(x, shape_vector([1] * -missing + dims(x)))
    kernel, vector = raw("Tile"), shape_vector([1] * missing + list(repeats))
    return via(kernel, tf.int32, x, vector) if x.dtype == tf.uint16 else kernel(x, vector)  # which has no kernel


def repeat(x: Tensor, repeats: Sizes, axis: int | None = None) -> Tensor:
    """Each element repeated along an axis."""
    if axis is None:
        x, axis = ravel(x), 0
    if isinstance(repeats, (tuple, list, np.ndarray)):
        if len(repeats) == 1:
            repeats = int(repeats[0])
        elif x.shape[axis] is not None:
            index = np.repeat(np.arange(x.shape[axis]), np.asarray(repeats))
            return _gather(x, constant(tuple(index.tolist())), axis)
    if not isinstance(repeats, int):
        return tf.repeat(x, repeats, axis)
    rank, sizes = x.shape.rank, dims(x)
    axis = nonnegative(axis, rank)
    wide = [*sizes[: axis + 1], repeats, *sizes[axis + 1 :]]
    out = [*sizes[:axis], sizes[axis] * repeats, *sizes[axis + 1 :]]
    return _reshape(_broadcast(_expand(x, axis + 1), shape_vector(wide)), shape_vector(out))


# ---- padding ---------------------------------------------------------------------------------------------------------


def _pad_matrix(pairs: Sequence[Sequence[Any]]) -> Tensor:
    """Pads of shape (rank, 2), of which some may be tensors of a graph."""
    if all(isinstance(n, (int, np.integer)) for pair in pairs for n in pair):
        return constant(pairs)
    return tf.stack([shape_vector(pair) for pair in pairs])


def pad(
    x: Tensor, pad_width: Nested[int], mode: str = "constant", constant_values: Tensor | float | None = None
) -> Tensor:
    """Wider at the edges: filled with a constant, reflected, or repeated."""
    pairs = shapes.pad_pairs(pad_width, x.shape.rank)
    if mode == "constant":
        fill = 0 if constant_values is None else constant_values
        fill = constant(fill, x.dtype) if isinstance(fill, (int, float)) else tf.cast(fill, x.dtype)
        return raw("PadV2")(x, _pad_matrix(pairs), fill)
    if mode in ("reflect", "symmetric"):
        sizes = x.shape.as_list()
        known = [[n for n in pair if isinstance(n, (int, np.integer))] for pair in pairs]
        least = [max(widths, default=0) + (mode == "reflect") for widths in known]
        if all(size is None or n <= size for size, n in zip(sizes, least, strict=True)):
            return raw("MirrorPad")(x, _pad_matrix(pairs), mode.upper())
    return padded_by_index(x, pairs, mode)
