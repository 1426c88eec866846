"""Shapes, joining and padding on torch."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from kfront.backends.torch.common import axes_of
from kfront.backends.typing import Axes, Sizes
from kfront.core.errors import ShapeError
from kfront.core.shapes import pad_pairs
from kfront.core.typing import Nested
from kfront.ops.shapes import padded_by_index

Tensor = torch.Tensor


reshape, broadcast_to = torch.reshape, torch.broadcast_to
concatenate, stack = torch.cat, torch.stack
ravel, swapaxes = torch.ravel, torch.swapaxes
copy, tile = torch.clone, torch.tile
diagonal, moveaxis, tril, triu = torch.diagonal, torch.movedim, torch.tril, torch.triu


def shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    if axes is None:
        return x.permute(tuple(range(x.ndim - 1, -1, -1)))
    return x.permute(axes)


def expand_dims(x: Tensor, axis: Axes) -> Tensor:
    if axis.__class__ is int:
        return x.unsqueeze(axis)
    for a in sorted(axes_of(axis, x.ndim + len(axis))):
        x = x.unsqueeze(a)
    return x


def squeeze(x: Tensor, axis: Axes = None) -> Tensor:
    if axis is None:
        return x.squeeze()
    if axis.__class__ is int:
        if x.ndim and x.shape[axis] != 1:
            raise ShapeError(f"[squeeze] expected size 1 at axis {axis}, got shape {tuple(x.shape)}.")
        return x.squeeze(axis)
    for a in axis:
        if x.shape[a] != 1:
            raise ShapeError(f"[squeeze] expected size 1 at axis {a}, got shape {tuple(x.shape)}.")
    return x.squeeze(tuple(axis))


def flip(x: Tensor, axis: Axes = None) -> Tensor:
    return torch.flip(x, (axis,) if axis.__class__ is int else axes_of(axis, x.ndim))


def roll(x: Tensor, shift: Sizes, axis: Axes = None) -> Tensor:
    if axis is None:
        return torch.roll(x, shift if isinstance(shift, int) else builtins.sum(shift))
    if isinstance(axis, (tuple, list)):
        shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,) * len(axis)
        return torch.roll(x, shifts, tuple(axis))
    shift = shift if isinstance(shift, int) else builtins.sum(shift)
    return torch.roll(x, shift, axis)


def repeat(x: Tensor, repeats: Sizes, axis: int | None = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    if not isinstance(repeats, int):
        repeats = torch.as_tensor(repeats, dtype=torch.int64, device=x.device)
        if repeats.ndim == 1 and repeats.shape[0] == 1:
            repeats = repeats.expand(x.shape[axis])
    return torch.repeat_interleave(x, repeats, axis)


def split(x: Tensor, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    n = x.shape[axis]
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ShapeError(
                f"[split] expected a size at axis {axis} that {indices_or_sections} divides, got {tuple(x.shape)}."
            )
        if n == 0:
            return (x,) * indices_or_sections
        return torch.split(x, n // indices_or_sections, axis)
    return _cut(x, [int(i) for i in indices_or_sections], axis)


def _cut(x: Tensor, at: list[int], axis: int) -> tuple[Tensor, ...]:
    """Pieces between positions; positions past the end give empty pieces."""
    n = x.shape[axis]
    ends = [builtins.min(i, n) if i >= 0 else builtins.max(i + n, 0) for i in at]
    starts = [0, *ends]
    return tuple(torch.narrow(x, axis, s, builtins.max(e - s, 0)) for s, e in zip(starts, [*ends, n], strict=True))


# ---- padding ---------------------------------------------------------------------------------------------------------


def pad(
    x: Tensor, pad_width: Nested[int], mode: str = "constant", constant_values: Tensor | float | None = None
) -> Tensor:
    widths = pad_pairs(pad_width, x.ndim)
    if mode == "constant":
        flat = [w for pair in reversed(widths) for w in pair]
        fill = 0 if constant_values is None else constant_values
        if isinstance(fill, Tensor):
            return _pad_tensor(x, widths, fill)
        return F.pad(x, flat, value=fill)
    return padded_by_index(x, widths, mode)  # torch's own modes cover few ranks and no "symmetric"


def _pad_tensor(x: Tensor, widths: Sequence[tuple[int, int]], fill: Tensor) -> Tensor:
    shape = [n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]
    inside = tuple(builtins.slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))
    out = fill.to(x.dtype).expand(shape).clone()
    out[inside] = x
    return out
