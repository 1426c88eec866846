"""Shapes, joining, splitting, repeating, padding."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx
import numpy as np

from kfront.backends.typing import Axes, Sizes
from kfront.core.shapes import pad_pairs
from kfront.core.typing import Nested, ShapeLike
from kfront_mlx.common import axes, dims, every_axis, number


def shape(x: mx.array) -> tuple[int, ...]:
    return x.shape


def reshape(x: mx.array, newshape: ShapeLike) -> mx.array:
    wanted = list(dims(newshape))
    if -1 in wanted and x.size == 0:  # MLX cannot tell the open size then
        rest = int(np.prod([d for d in wanted if d != -1]))
        wanted[wanted.index(-1)] = 0 if not rest else x.size // rest
    return mx.reshape(x, wanted)


def transpose(x: mx.array, axes: Axes = None) -> mx.array:
    return mx.transpose(x, None if axes is None else [int(a) for a in axes])


def broadcast_to(x: mx.array, shape: ShapeLike) -> mx.array:
    wanted = dims(shape)
    lead = len(wanted) - x.ndim
    return mx.broadcast_to(x, [x.shape[i - lead] if d == -1 else d for i, d in enumerate(wanted)])


def concatenate(xs: Sequence[mx.array], axis: int | None = 0) -> mx.array:
    if axis is None:
        return mx.concatenate([x.reshape(-1) for x in xs], 0)
    return mx.concatenate(list(xs), axis)


def stack(x: Sequence[mx.array], axis: int = 0) -> mx.array:
    return mx.stack(list(x), axis)


def split(x: mx.array, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[mx.array, ...]:
    at = indices_or_sections
    return tuple(mx.split(x, at if isinstance(at, int) else [int(i) for i in at], axis))


def pad(
    x: mx.array, pad_width: Nested[int], mode: str = "constant", constant_values: mx.array | float | None = None
) -> mx.array:
    pairs = [tuple(int(n) for n in p) for p in pad_pairs(pad_width, x.ndim)]
    if mode != "constant":
        for axis, (before, after) in enumerate(pairs):
            if before or after:  # NumPy knows which element stands where
                places = np.pad(np.arange(x.shape[axis]), (before, after), mode)
                x = mx.take(x, mx.array(places.astype(np.int32)), axis)
        return x
    value = 0 if constant_values is None else constant_values
    return mx.pad(
        x, pairs, constant_values=value.astype(x.dtype) if isinstance(value, mx.array) else number(value, x.dtype)
    )


def flip(x: mx.array, axis: Axes = None) -> mx.array:
    return mx.flip(x, every_axis(x, axis)) if x.ndim else x


def roll(x: mx.array, shift: Sizes, axis: Axes = None) -> mx.array:
    shift = shift.tolist() if hasattr(shift, "tolist") else shift
    if not isinstance(shift, int) and isinstance(axis, int):
        return mx.roll(x, sum(shift), axis)
    return mx.roll(x, shift if isinstance(shift, int) else tuple(shift), axis if axis is None else axes(axis))


def repeat(x: mx.array, repeats: Sizes, axis: int | None = None) -> mx.array:
    counts = np.asarray(repeats).reshape(-1)
    if axis is None:
        x, axis = x.reshape(-1), 0
    if counts.size == 1:
        return mx.repeat(x, int(counts[0]), axis)
    return mx.take(x, mx.array(np.repeat(np.arange(x.shape[axis]), counts).astype(np.int32)), axis)


def tile(x: mx.array, repeats: Sizes) -> mx.array:
    return mx.tile(x, list(dims(repeats)))


def expand_dims(x: mx.array, axis: Axes) -> mx.array:
    return mx.expand_dims(x, axes(axis))


def squeeze(x: mx.array, axis: Axes = None) -> mx.array:
    return mx.squeeze(x, axes(axis))
