"""Shapes, indexing and scattering on torch; each name is the op of that name in `kfront.ops`."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from kfront.backends.torch.common import axes_of
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.shapes import pad_pairs
from kfront.ops.shape import padded_by_index

Tensor = torch.Tensor

# ---- shapes ----------------------------------------------------------------------------------------------------------

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


def expand_dims(x: Tensor, axis: Any) -> Tensor:
    if axis.__class__ is int:
        return x.unsqueeze(axis)
    for a in sorted(axes_of(axis, x.ndim + len(axis))):
        x = x.unsqueeze(a)
    return x


def squeeze(x: Tensor, axis: Any = None) -> Tensor:
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


def flip(x: Tensor, axis: Any = None) -> Tensor:
    return torch.flip(x, (axis,) if axis.__class__ is int else axes_of(axis, x.ndim))


def roll(x: Tensor, shift: Any, axis: Any = None) -> Tensor:
    if axis is None:
        return torch.roll(x, shift if isinstance(shift, int) else builtins.sum(shift))
    if isinstance(axis, (tuple, list)):
        shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,) * len(axis)
        return torch.roll(x, shifts, tuple(axis))
    shift = shift if isinstance(shift, int) else builtins.sum(shift)
    return torch.roll(x, shift, axis)


def repeat(x: Tensor, repeats: Any, axis: int | None = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    if not isinstance(repeats, int):
        repeats = torch.as_tensor(repeats, dtype=torch.int64, device=x.device)
        if repeats.ndim == 1 and repeats.shape[0] == 1:
            repeats = repeats.expand(x.shape[axis])
    return torch.repeat_interleave(x, repeats, axis)


def split(x: Tensor, indices_or_sections: Any, axis: int = 0) -> Any:
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


# ---- pad -------------------------------------------------------------------------------------------------------------


def pad(x: Tensor, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
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


# ---- reading by position ---------------------------------------------------------------------------------------------

_POSITIONS = frozenset((torch.int32, torch.int64))


def take(x: Tensor, indices: Tensor, axis: int | None = None) -> Tensor:
    if indices.dtype not in _POSITIONS:
        indices = indices.to(torch.int64)
    if axis is None:
        return x.reshape(-1)[indices]
    if axis == 0:
        return x[indices]
    if axis < 0:
        axis += x.ndim
    return x[(builtins.slice(None),) * axis + (indices,)]


def take_along_axis(x: Tensor, indices: Tensor, axis: int | None = None) -> Tensor:
    indices = indices.to(torch.int64)
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    n = x.shape[axis]
    return torch.take_along_dim(x, torch.where(indices < 0, indices + n, indices), axis)


def get_item(x: Tensor, key: Any) -> Tensor:
    if key.__class__ is not tuple:
        return x[key] if _easy(key) else _get_hard(x, (key,))
    for k in key:
        if not _easy(k):
            return _get_hard(x, key)
    return x[key]


def _easy(k: Any) -> bool:
    """Whether torch takes a key as it is."""
    kind = k.__class__
    if kind is int or k is None or k is Ellipsis:
        return True
    if kind is builtins.slice:
        return _forward(k)
    return kind is Tensor and (k.dtype is torch.int64 or k.dtype is torch.int32 or k.dtype is torch.bool)


def _forward(s: builtins.slice) -> bool:
    """Whether a slice is one that torch takes: plain ends, step > 0."""
    return (s.step is None or (s.step.__class__ is int and s.step > 0)) and not (
        isinstance(s.start, (Tensor, np.generic)) or isinstance(s.stop, (Tensor, np.generic))
    )


def _get_hard(x: Tensor, keys: tuple[Any, ...]) -> Tensor:
    """Index with lists, arrays, Variables and negative steps, which torch does not have: flip, then slice."""
    ready = [_plain_key(k, x.device) for k in keys]
    used = builtins.sum(_consumed(k) for k in ready)
    flips, out, axis = [], [], 0
    for k in ready:
        if k is Ellipsis:
            axis += x.ndim - used
        elif isinstance(k, builtins.slice) and k.step is not None and k.step < 0:
            n = x.shape[axis]
            start, stop, step = k.indices(n)
            k = builtins.slice(n - 1 - start, n - 1 - stop, -step)
            flips.append(axis)
        axis += _consumed(k)
        out.append(k)
    if flips:
        x = torch.flip(x, flips)
    return x[tuple(out)]


def _consumed(k: Any) -> int:
    """How many axes of the source one key stands for."""
    if k is None or k is Ellipsis:
        return 0
    if isinstance(k, bool):
        return 0
    return k.ndim if isinstance(k, Tensor) and k.dtype is torch.bool else 1


def _plain_key(k: Any, device: Any) -> Any:
    """A key that torch understands."""
    if k is None or k is Ellipsis or isinstance(k, (bool, int)):
        return k
    if isinstance(k, np.bool_):
        return bool(k)
    if isinstance(k, builtins.slice):
        return builtins.slice(*(None if p is None else int(p) for p in (k.start, k.stop, k.step)))
    if hasattr(k, "_is_variable"):
        k = k.value
    if not isinstance(k, Tensor):
        k = np.asarray(k)
        if k.dtype.kind not in "iub":
            raise TypeError(f"expected integers or bools as indices, got {k!r}")
        if not k.ndim:
            return k.item()
        k = torch.as_tensor(k, device=device)
    if k.dtype.is_floating_point:
        raise TypeError(f"expected integers or bools as indices, got {k.dtype}")
    if k.dtype is torch.bool or k.dtype in _POSITIONS:
        return k
    return k.to(torch.int64)


def _starts(start_indices: Any) -> Any:
    """Start positions as ints, or as a tensor when reading them would wait for the device or break a graph."""
    if isinstance(start_indices, Tensor):
        if torch.compiler.is_compiling() or start_indices.device.type != "cpu":
            return start_indices
        return start_indices.tolist()
    if builtins.any(isinstance(s, Tensor) for s in start_indices):
        if torch.compiler.is_compiling():
            return torch.stack([torch.as_tensor(s) for s in start_indices])
        return [int(s) for s in start_indices]
    return [int(s) for s in start_indices]


def slice(inputs: Tensor, start_indices: Any, shape: Any) -> Tensor:
    starts = _starts(start_indices)
    if isinstance(starts, Tensor):
        for axis, n in enumerate(shape):
            if n != inputs.shape[axis]:
                at = torch.arange(n, device=inputs.device) + starts[axis]
                inputs = torch.index_select(inputs, axis, at)
        return inputs
    return inputs[tuple(builtins.slice(s, s + n) for s, n in zip(starts, shape, strict=True))]


def slice_update(inputs: Tensor, start_indices: Any, updates: Tensor) -> Tensor:
    starts = _starts(start_indices)
    if isinstance(starts, Tensor):
        at = []
        for axis, n in enumerate(updates.shape):
            i = torch.arange(n, device=inputs.device) + starts[axis]
            at.append(i.reshape([-1 if a == axis else 1 for a in range(updates.ndim)]))
        return inputs.index_put(tuple(at), updates)
    out = inputs.clone()
    out[tuple(builtins.slice(s, s + n) for s, n in zip(starts, updates.shape, strict=True))] = updates
    return out


# ---- scatter ---------------------------------------------------------------------------------------------------------

_REDUCTIONS = {"max": "amax", "min": "amin", "mul": "prod"}


def scatter(indices: Tensor, values: Tensor, shape: Any) -> Tensor:
    out = torch.zeros(tuple(shape), dtype=values.dtype, device=values.device)
    return out.index_put(indices.to(torch.int64).unbind(-1), values, accumulate=True)


def scatter_update(inputs: Tensor, indices: Tensor, updates: Tensor, reduction: str | None = None) -> Tensor:
    at = indices.to(torch.int64).unbind(-1)
    updates = updates.to(inputs.dtype)
    if reduction is None and updates.requires_grad:
        updates = _last_ones(inputs, at, updates)
    if reduction is None or reduction == "add":
        return inputs.index_put(at, updates, accumulate=reduction == "add")
    if reduction not in _REDUCTIONS:
        raise ArgumentError(
            f"[scatter_update] expected `reduction` None, 'add', 'max', 'min' or 'mul', got {reduction!r}."
        )
    if not inputs.numel():
        return inputs
    rows, flat = _flat_positions(inputs.shape, at)
    source = updates.reshape(-1, rows)
    index = flat.reshape(-1, 1).expand_as(source)
    out = inputs.reshape(-1, rows).scatter_reduce(0, index, source, _REDUCTIONS[reduction])
    return out.reshape(inputs.shape)


def _last_ones(inputs: Tensor, at: Sequence[Tensor], updates: Tensor) -> Tensor:
    """`updates` without a gradient for those that later ones overwrite (torch's own counts them all)."""
    flat = _flat_positions(inputs.shape, at)[1]
    order = torch.arange(flat.numel(), device=flat.device).reshape(flat.shape)
    places = flat.new_zeros(math.prod(inputs.shape[: len(at)]))
    last = places.scatter_reduce(0, flat.reshape(-1), order.reshape(-1), "amax")
    stays = last[flat] == order
    return torch.where(stays.reshape(*stays.shape, *(1,) * (updates.ndim - stays.ndim)), updates, updates.detach())


def _flat_positions(shape: Any, at: Sequence[Tensor]) -> tuple[int, Tensor]:
    """Size of what one index stands for, and the positions in the flattened leading axes."""
    lead = shape[: len(at)]
    flat = torch.zeros_like(at[0])
    for n, i in zip(lead, at, strict=True):
        flat = flat * n + torch.where(i < 0, i + n, i)
    return math.prod(shape[len(at) :]), flat
