"""Reading and writing by position: indexing, scattering, segments."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from kfront.backends.typing import Function
from kfront.core.errors import ArgumentError
from kfront.core.operators import VariableBase
from kfront.core.shapes import block_of
from kfront.core.typing import ShapeLike
from kfront_mlx.common import FLOATING, INTEGERS, dims, known, limits, number, to_numpy

# ---- reading ---------------------------------------------------------------------------------------------------------


def _integers(indices: mx.array) -> mx.array:
    indices = mx.stop_gradient(indices)
    return indices if indices.dtype in INTEGERS else indices.astype(mx.int32)


def _counted(indices: mx.array, n: int) -> mx.array:
    """Positions counted from 0; MLX wraps negative ones itself, but not for gradients of what is gathered."""
    indices = _integers(indices).astype(mx.int64)
    return mx.where(indices < 0, indices + n, indices)


def take(x: mx.array, indices: mx.array, axis: int | None = None) -> mx.array:
    """Elements at positions; outside of the array NaN, or the lowest number."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    n = x.shape[axis]
    where = _counted(indices, n)
    inside = (where >= 0) & (where < n)
    if not n:
        return mx.broadcast_to(_missing(x.dtype), (*x.shape[:axis], *indices.shape, *x.shape[axis % x.ndim + 1 :]))
    out = mx.take(x, mx.clip(where, 0, n - 1), axis)
    axis %= x.ndim
    inside = inside.reshape([1] * axis + list(inside.shape) + [1] * (x.ndim - axis - 1))
    return mx.where(inside, out, _missing(x.dtype))


def _missing(dtype: mx.Dtype) -> mx.array:
    return number(np.nan if dtype in FLOATING or dtype == mx.complex64 else limits(dtype)[0], dtype)


def take_along_axis(x: mx.array, indices: mx.array, axis: int | None = None) -> mx.array:
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    axis %= x.ndim
    sizes = [m if a != axis and n == 1 else n for a, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True))]
    counts = [
        m if a == axis else builtins.max(n, m) for a, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True))
    ]
    return mx.take_along_axis(
        mx.broadcast_to(x, sizes), _counted(mx.broadcast_to(indices, counts), x.shape[axis]), axis
    )


def get_item(x: mx.array, key: Any) -> mx.array:
    key = key if isinstance(key, tuple) else (key,)
    key = tuple(_index(k) for k in key)
    masks = [k for k in key if _is_mask(k)]
    return x[_without_masks(key) if masks else key]


def _is_mask(k: object) -> bool:
    return isinstance(k, mx.array) and k.dtype == mx.bool_


def _index(k: object) -> object:
    k = k.value if isinstance(k, VariableBase) else k
    if isinstance(k, list):
        k = np.asarray(k)
    if isinstance(k, (np.bool_, bool)):
        k = np.asarray(k)
    if isinstance(k, np.integer):
        return int(k)
    if isinstance(k, np.ndarray):
        return mx.array(k if k.dtype == bool else k.astype(np.int32))
    if isinstance(k, mx.array):
        return mx.stop_gradient(k)
    if isinstance(k, builtins.slice):
        return builtins.slice(*(None if v is None else int(v) for v in (k.start, k.stop, k.step)))
    return k


def _without_masks(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Masks as the positions of what they keep; their values must be known."""
    out: list[Any] = []
    for k in key:
        if _is_mask(k):
            out += [mx.array(i.astype(np.int32)) for i in np.nonzero(to_numpy(k))] if k.ndim else [None, _kept(k)]
        else:
            out.append(k)
    return tuple(out)


def _kept(k: mx.array) -> mx.array:
    return mx.zeros((int(k.item()),), mx.int32)


def nonzero(x: mx.array) -> tuple[mx.array, ...]:
    """Positions of what is not 0; their number depends on the values, so not inside compiled code."""
    return tuple(mx.array(i.astype(np.int32)) for i in np.nonzero(to_numpy(x)))


def slice(inputs: mx.array, start_indices: mx.array | Sequence[int], shape: ShapeLike) -> mx.array:
    """A block."""
    sizes = dims(shape)
    if isinstance(start_indices, (list, tuple)) and builtins.all(
        isinstance(i, (int, np.integer)) for i in start_indices
    ):
        return inputs[block_of(inputs.shape, [int(i) for i in start_indices], sizes)]
    start = _starts(start_indices)
    if -1 in sizes:
        sizes = tuple(n - int(i) if s == -1 else s for n, i, s in zip(inputs.shape, start.tolist(), sizes, strict=True))
    return _block(inputs, _held(start, inputs.shape, sizes), tuple(sizes))


def _block(x: mx.array, start: mx.array, sizes: tuple[int, ...]) -> mx.array:
    for axis, size in enumerate(sizes):
        x = mx.take(x, start[axis] + mx.arange(size), axis)
    return x


def _starts(start: Any) -> mx.array:
    if isinstance(start, (list, tuple)):
        return mx.stack([s.astype(mx.int32) if isinstance(s, mx.array) else mx.array(int(s), mx.int32) for s in start])
    return (start if isinstance(start, mx.array) else mx.array(np.asarray(start))).astype(mx.int32)


def _held(start: mx.array, shape: Sequence[int], sizes: Sequence[int]) -> mx.array:
    """Where a block begins, as `block_of` has it."""
    most = mx.array([n - s for n, s in zip(shape, sizes, strict=True)], mx.int32)
    start = mx.where(start < 0, start + mx.array(shape, mx.int32), start)
    return mx.clip(start, mx.zeros_like(most), most)


# ---- writing ---------------------------------------------------------------------------------------------------------


def slice_update(inputs: mx.array, start_indices: mx.array | Sequence[int], updates: mx.array) -> mx.array:
    if not inputs.ndim:
        return updates
    start = _held(_starts(start_indices), inputs.shape, updates.shape)
    return mx.slice_update(inputs, updates.astype(inputs.dtype), start, tuple(range(inputs.ndim)))


def _columns(indices: mx.array, shape: Sequence[int]) -> tuple[mx.array, ...]:
    return tuple(_counted(indices[..., i], shape[i]) for i in range(indices.shape[-1]))


def scatter(indices: mx.array, values: mx.array, shape: ShapeLike) -> mx.array:
    return scatter_update(mx.zeros(dims(shape), values.dtype), indices, values, "add")


def scatter_update(inputs: mx.array, indices: mx.array, updates: mx.array, reduction: str | None = None) -> mx.array:
    """`inputs` with `updates` set, or combined, at `indices`; of several for a place the last one is set."""
    depth = indices.shape[-1]
    block = inputs.shape[depth:]
    size = int(np.prod(inputs.shape[:depth]))
    flat = inputs.reshape(size, *block)
    place = mx.zeros(indices.shape[:-1], mx.int64)
    for i, column in enumerate(_columns(indices, inputs.shape)):
        place = place * inputs.shape[i] + column
    count = place.size
    place = place.reshape(count)
    new = mx.broadcast_to(updates, (*indices.shape[:-1], *block)).reshape(count, *block).astype(inputs.dtype)
    return _WRITE[reduction](flat, place, new).reshape(inputs.shape) if new.size else inputs


def _hits(place: mx.array, size: int, ndim: int) -> mx.array:
    """Which place each update is for: shape (places, updates, 1, ...)."""
    found = mx.arange(size).reshape(-1, 1) == place.reshape(1, -1)
    return found.reshape(*found.shape, *[1] * (ndim - 1))


def _set(x: mx.array, place: mx.array, new: mx.array) -> mx.array:
    last = mx.max(mx.where(_hits(place, x.shape[0], 1), mx.arange(place.size), -1), 1)
    chosen = mx.take(new, mx.maximum(last, 0), 0)
    return mx.where((last >= 0).reshape(-1, *[1] * (x.ndim - 1)), chosen, x)


@mx.custom_function
def _added(x: mx.array, place: mx.array, new: mx.array) -> mx.array:
    return x.at[place].add(new)


@_added.vjp
def _added_vjp(primals: list[mx.array], cotangent: mx.array, output: mx.array) -> tuple[mx.array, ...]:
    return cotangent, mx.zeros_like(primals[1]), mx.take(cotangent, primals[1], 0)


@_added.jvp
def _added_jvp(primals: list[mx.array], tangents: list[mx.array]) -> mx.array:
    return _added(tangents[0], primals[1], tangents[2])


def _multiplied(x: mx.array, place: mx.array, new: mx.array) -> mx.array:
    factors = mx.where(_hits(place, x.shape[0], x.ndim), new[None], number(1, x.dtype))
    for i in range(place.size):
        x = x * factors[:, i]
    return x


def _extreme(reduce: Function[mx.array], neutral: int) -> Function[mx.array]:
    """The extreme of what is there and what is written there, reduced together: equals share the gradient."""

    def run(x: mx.array, place: mx.array, new: mx.array) -> mx.array:
        rest = number(limits(x.dtype)[neutral], x.dtype)
        offered = mx.where(_hits(place, x.shape[0], x.ndim), new[None], rest)
        return reduce(mx.concatenate([x[:, None], offered], 1), 1)

    return run


_WRITE: dict[str | None, Function[mx.array]] = {
    None: _set,
    "add": _added,
    "mul": _multiplied,
    "max": _extreme(mx.max, 0),
    "min": _extreme(mx.min, 1),
}


# ---- segments --------------------------------------------------------------------------------------------------------


def _count(ids: mx.array, count: int | None) -> int:
    if count is not None:
        return int(count)
    if not known(ids):
        raise ArgumentError("[segment ops] expected `num_segments` inside compiled code on MLX, got None.")
    return int(mx.max(ids).item()) + 1 if ids.size else 0


def segment_sum(data: mx.array, segment_ids: mx.array, num_segments: int | None, sorted: bool) -> mx.array:
    """Ids out of range are left out: they add to a segment behind the last."""
    count = _count(segment_ids, num_segments)
    ids = _integers(segment_ids).astype(mx.int64)
    ids = mx.where((ids >= 0) & (ids < count), ids, count)
    if not data.size:  # a scatter of nothing ends the process (mlx 0.32)
        return mx.zeros((count, *data.shape[1:]), data.dtype)
    return _added(mx.zeros((count + 1, *data.shape[1:]), data.dtype), ids, data)[:count]


def segment_max(data: mx.array, segment_ids: mx.array, num_segments: int | None, sorted: bool) -> mx.array:
    count = _count(segment_ids, num_segments)
    lowest = number(limits(data.dtype)[0], data.dtype)
    if not segment_ids.size:
        return mx.broadcast_to(lowest, (count, *data.shape[1:]))
    return mx.max(mx.where(_hits(_integers(segment_ids), count, data.ndim), data[None], lowest), 1)
