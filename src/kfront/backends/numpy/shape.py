"""Shapes, joining and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.backends.numpy.common import tuple_axis
from kfront.core.shapes import pad_pairs

copy = np.copy


def shape(x: Any) -> tuple[int, ...]:
    return np.shape(x)


def reshape(x: Any, newshape: Any) -> Any:
    return np.reshape(x, newshape)


def transpose(x: Any, axes: Any = None) -> Any:
    return np.transpose(x, axes)


def broadcast_to(x: Any, shape: Any) -> Any:
    if -1 in shape:
        lead = len(shape) - np.ndim(x)
        shape = tuple(np.shape(x)[i - lead] if d == -1 else d for i, d in enumerate(shape))
    return np.broadcast_to(x, shape)


def concatenate(xs: Any, axis: int = 0) -> Any:
    return np.concatenate(xs, axis)


def stack(x: Any, axis: int = 0) -> Any:
    return np.stack(x, axis)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return tuple(np.split(x, indices_or_sections, axis))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    pairs = pad_pairs(pad_width, x.ndim)
    extra = {"constant_values": constant_values or 0} if mode == "constant" else {}
    return np.pad(x, pairs, mode, **extra)  # type: ignore[call-overload]


def flip(x: Any, axis: Any = None) -> Any:
    return np.flip(x, tuple_axis(axis))


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    return np.roll(x, shift, axis)


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    return np.repeat(x, repeats, axis)


def tile(x: Any, repeats: Any) -> Any:
    return np.tile(x, repeats)


def expand_dims(x: Any, axis: Any) -> Any:
    return np.expand_dims(x, axis)


def squeeze(x: Any, axis: Any = None) -> Any:
    return np.squeeze(x, axis)
