"""Reading and writing by position on torch: indexing, scattering, segments."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from kfront.backends.torch.recording import one_call
from kfront.backends.torch.step import nesting
from kfront.core.errors import ArgumentError
from kfront.core.operators import VariableBase
from kfront.core.shapes import block_of
from kfront.core.typing import ShapeLike

Tensor = torch.Tensor


def nonzero(x: Tensor) -> tuple[Tensor, ...]:
    return tuple(i.to(torch.int32) for i in torch.nonzero(x, as_tuple=True))


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
    indices = torch.where(indices < 0, indices + n, indices)
    axis = axis % x.ndim
    if all([a == b for i, (a, b) in enumerate(zip(x.shape, indices.shape, strict=False)) if i != axis]):
        return torch.gather(x, axis, indices)  # `take_along_dim` would fix the sizes in an export
    return torch.take_along_dim(x, indices, axis)


def get_item(x: Tensor, key: Any) -> Tensor:
    if key.__class__ is not tuple:
        return x[key] if _easy(key) else _get_hard(x, (key,))
    for k in key:
        if not _easy(k):
            return _get_hard(x, key)
    return x[key]


def _easy(k: Tensor) -> bool:
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


def _get_hard(x: Tensor, keys: tuple[Tensor, ...]) -> Tensor:
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


def _consumed(k: Tensor) -> int:
    """How many axes of the source one key stands for."""
    if k is None or k is Ellipsis:
        return 0
    if isinstance(k, bool):
        return 0
    return k.ndim if isinstance(k, Tensor) and k.dtype is torch.bool else 1


def _plain_key(k: Tensor, device: Tensor) -> Tensor:
    """A key that torch understands."""
    if k is None or k is Ellipsis or isinstance(k, (bool, int)):
        return k
    if isinstance(k, np.bool_):
        return bool(k)
    if isinstance(k, builtins.slice):
        return builtins.slice(*(None if p is None else int(p) for p in (k.start, k.stop, k.step)))
    if isinstance(k, VariableBase):
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


def _starts(start_indices: Tensor | Sequence[int]) -> Tensor | list[int]:
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


@one_call
def slice(inputs: Tensor, start_indices: Tensor | Sequence[int], shape: ShapeLike) -> Tensor:
    starts = _starts(start_indices)
    if isinstance(starts, Tensor):
        for axis, n in enumerate(shape):
            n = inputs.shape[axis] - int(starts[axis] % inputs.shape[axis]) if n == -1 else n
            if n != inputs.shape[axis]:
                inputs = torch.index_select(inputs, axis, _places(inputs, starts, axis, n))
        return inputs
    return inputs[block_of(inputs.shape, starts, shape)]


@one_call
def slice_update(inputs: Tensor, start_indices: Tensor | Sequence[int], updates: Tensor) -> Tensor:
    starts = _starts(start_indices)
    if isinstance(starts, Tensor):
        at = []
        for axis, n in enumerate(updates.shape):
            i = _places(inputs, starts, axis, n)
            at.append(i.reshape([-1 if a == axis else 1 for a in range(updates.ndim)]))
        return inputs.index_put(tuple(at), updates)
    out = inputs.clone()
    out[block_of(inputs.shape, starts, updates.shape)] = updates
    return out


def _places(x: Tensor, starts: Tensor, axis: int, n: int) -> Tensor:
    """The places of a block along an axis, as `block_of` has them."""
    start, size = starts[axis], x.shape[axis]
    start = torch.where(start < 0, start + size, start).clamp(0, size - n)
    return torch.arange(n, device=x.device) + start


# ---- writing by position ---------------------------------------------------------------------------------------------


def write_slots(slots: Tensor, new: Tensor, start: int | Tensor) -> Tensor:
    """See `Backend.write_slots`; in place."""
    start = torch.as_tensor(start, device=slots.device)
    places = start.to(torch.int64).unsqueeze(-1)
    if new.shape[2] > 1:
        places = places + torch.arange(new.shape[2], device=slots.device)
    if places.ndim == 1:
        return slots.index_copy_(2, places, new)
    rows = torch.arange(slots.shape[0], device=slots.device).unsqueeze(1)
    slots.transpose(1, 2).index_put_((rows, places), new.transpose(1, 2))
    return slots


_REDUCTIONS = {"max": "amax", "min": "amin", "mul": "prod"}


def scatter(indices: Tensor, values: Tensor, shape: ShapeLike) -> Tensor:
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
    flat, before = flat.reshape(-1, 1), inputs.reshape(-1, rows)
    if reduction == "mul" and nesting.func:  # forward, the derivative of torch's kernel is 0
        here = flat == torch.arange(before.shape[0], device=flat.device)
        out = before * torch.where(here.unsqueeze(-1), source.unsqueeze(1), 1).prod(0)
    else:
        out = before.scatter_reduce(0, flat.expand_as(source), source, _REDUCTIONS[reduction])
    return out.reshape(inputs.shape)


def _last_ones(inputs: Tensor, at: Sequence[Tensor], updates: Tensor) -> Tensor:
    """`updates` without a gradient for those that later ones overwrite (torch's own counts them all)."""
    flat = _flat_positions(inputs.shape, at)[1]
    order = torch.arange(flat.numel(), device=flat.device).reshape(flat.shape)
    places = flat.new_zeros(math.prod(inputs.shape[: len(at)]))
    last = places.scatter_reduce(0, flat.reshape(-1), order.reshape(-1), "amax")
    stays = last[flat] == order
    return torch.where(stays.reshape(*stays.shape, *(1,) * (updates.ndim - stays.ndim)), updates, updates.detach())


def _flat_positions(shape: ShapeLike, at: Sequence[Tensor]) -> tuple[int, Tensor]:
    """Size of what one index stands for, and the positions in the flattened leading axes."""
    lead = shape[: len(at)]
    flat = torch.zeros_like(at[0])
    for n, i in zip(lead, at, strict=True):
        flat = flat * n + torch.where(i < 0, i + n, i)
    return math.prod(shape[len(at) :]), flat


# ---- segments --------------------------------------------------------------------------------------------------------


def _segments(ids: Tensor, num_segments: int | None) -> tuple[int, Tensor]:
    """The number of segments, and ids in which those out of range point past the end."""
    if ids.ndim != 1:
        raise ValueError(f"segment_ids of rank {ids.ndim}")  # the op's rule of shapes tells the rest
    ids = ids.to(torch.int64)
    if num_segments is None:
        num_segments = int(ids.max()) + 1 if ids.numel() else 0
    return num_segments, torch.where(torch.logical_or(ids < 0, ids >= num_segments), num_segments, ids)


def segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    n, ids = _segments(segment_ids, num_segments)
    out = torch.zeros((n + 1, *data.shape[1:]), dtype=data.dtype, device=data.device)
    return out.index_add(0, ids, data)[:n]


def segment_max(data: Tensor, segment_ids: Tensor, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    n, ids = _segments(segment_ids, num_segments)
    kind = data.dtype
    lowest = -math.inf if kind.is_floating_point else 0 if kind is torch.bool else torch.iinfo(kind).min
    out = torch.full((n + 1, *data.shape[1:]), lowest, dtype=kind, device=data.device)
    index = ids.reshape((-1,) + (1,) * (data.ndim - 1)).expand_as(data)
    return out.scatter_reduce(0, index, data, "amax")[:n]
