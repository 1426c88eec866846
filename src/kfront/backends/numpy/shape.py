"""Shapes, joining and padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kfront.backends.numpy.common import tuple_axis
from kfront.backends.typing import Axes, Sizes
from kfront.core.shapes import pad_pairs
from kfront.core.typing import Nested, ShapeLike

copy = np.copy


def shape(x: np.ndarray) -> tuple[int, ...]:
    return np.shape(x)


def reshape(x: np.ndarray, newshape: ShapeLike) -> np.ndarray:
    return np.reshape(x, newshape)


def transpose(x: np.ndarray, axes: Axes = None) -> np.ndarray:
    return np.transpose(x, axes)


def broadcast_to(x: np.ndarray, shape: ShapeLike) -> np.ndarray:
    if -1 in shape:
        lead = len(shape) - np.ndim(x)
        shape = tuple(np.shape(x)[i - lead] if d == -1 else d for i, d in enumerate(shape))
    return np.broadcast_to(x, shape)


def concatenate(xs: np.ndarray, axis: int = 0) -> np.ndarray:
    return np.concatenate(xs, axis)


def stack(x: np.ndarray, axis: int = 0) -> np.ndarray:
    return np.stack(x, axis)


def split(x: np.ndarray, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[np.ndarray, ...]:
    return tuple(np.split(x, indices_or_sections, axis))


def pad(
    x: np.ndarray, pad_width: Nested[int], mode: str = "constant", constant_values: np.ndarray | float | None = None
) -> np.ndarray:
    pairs = pad_pairs(pad_width, x.ndim) or 0  # of a scalar
    extra = {"constant_values": constant_values or 0} if mode == "constant" else {}
    return np.pad(x, pairs, mode, **extra)  # type: ignore[call-overload]


def flip(x: np.ndarray, axis: Axes = None) -> np.ndarray:
    return np.flip(x, tuple_axis(axis))


def roll(x: np.ndarray, shift: Sizes, axis: Axes = None) -> np.ndarray:
    return np.roll(x, shift, axis)


def repeat(x: np.ndarray, repeats: Sizes, axis: Axes = None) -> np.ndarray:
    return np.repeat(x, repeats, axis)


def tile(x: np.ndarray, repeats: Sizes) -> np.ndarray:
    return np.tile(x, repeats)


def expand_dims(x: np.ndarray, axis: Axes) -> np.ndarray:
    return np.expand_dims(x, axis)


def squeeze(x: np.ndarray, axis: Axes = None) -> np.ndarray:
    return np.squeeze(x, axis)
