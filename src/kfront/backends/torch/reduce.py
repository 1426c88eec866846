"""Reductions, scans along an axis, sorting and counting on torch."""

from __future__ import annotations

import builtins

import torch

from kfront.backends.torch.common import NOTHING, axes_of, native
from kfront.backends.typing import Axes, Function
from kfront.core import shapes
from kfront.core.sparse import sparse_bincount
from kfront.core.typing import DTypeLike

Tensor = torch.Tensor


def sum(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if axis in NOTHING:
        return x
    return torch.sum(x, axis, keepdims, dtype=x.dtype)


def mean(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if axis in NOTHING:
        return x
    return torch.mean(x, axis, keepdims)


def prod(x: Tensor, axis: Axes = None, keepdims: bool = False, dtype: DTypeLike = None) -> Tensor:
    kind = x.dtype if dtype is None else native(dtype)
    if type(axis) is int:
        return torch.prod(x, axis, keepdims, dtype=kind)
    for a in sorted(axes_of(axis, x.ndim), reverse=True):
        x = torch.prod(x, a, keepdims, dtype=kind)
    return x.to(kind)


def max(x: Tensor, axis: Axes = None, keepdims: bool = False, initial: Tensor | float | None = None) -> Tensor:
    return _extreme(torch.amax, torch.maximum, x, axis, keepdims, initial)


def min(x: Tensor, axis: Axes = None, keepdims: bool = False, initial: Tensor | float | None = None) -> Tensor:
    return _extreme(torch.amin, torch.minimum, x, axis, keepdims, initial)


amax, amin = max, min


def _extreme(
    reduce: Function[Tensor],
    pick: Function[Tensor],
    x: Tensor,
    axis: Axes,
    keepdims: bool,
    initial: Tensor | float | None,
) -> Tensor:
    if initial is None:
        return x if axis in NOTHING else reduce(x, () if axis is None else axis, keepdims)
    start = torch.as_tensor(initial, dtype=x.dtype, device=x.device)
    axes = axes_of(axis, x.ndim)
    if x.numel() == 0:
        shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
        out = start.expand(shape)
        return out if keepdims else out.reshape([n for i, n in enumerate(shape) if i not in axes])
    return pick(reduce(x, axes, keepdims) if axes else x, start)


def argmax(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if x.dtype is torch.bool:
        x = x.to(torch.uint8)
    return torch.argmax(x, axis, keepdims).to(torch.int32)


def argmin(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if x.dtype is torch.bool:
        x = x.to(torch.uint8)
    return torch.argmin(x, axis, keepdims).to(torch.int32)


def all(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if axis in NOTHING:
        return x
    return torch.all(x, tuple(axis) if axis.__class__ is list else axis, keepdims)


def any(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if axis in NOTHING:
        return x
    return torch.any(x, tuple(axis) if axis.__class__ is list else axis, keepdims)


def count_nonzero(x: Tensor, axis: Axes = None) -> Tensor:
    some = torch.as_tensor(x) != 0
    return some.to(torch.int32) if axis in NOTHING else torch.sum(some, axis, dtype=torch.int32)


def var(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if axis in NOTHING:
        return torch.zeros_like(x)
    return torch.var(x, axis, correction=0, keepdim=keepdims)


def std(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if axis in NOTHING:
        return torch.zeros_like(x)
    return torch.std(x, axis, correction=0, keepdim=keepdims)


def cumsum(x: Tensor, axis: Axes = None, dtype: DTypeLike = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.cumsum(x, axis, dtype=x.dtype if dtype is None else native(dtype))


def cumprod(x: Tensor, axis: Axes = None, dtype: DTypeLike = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.cumprod(x, axis, dtype=x.dtype if dtype is None else native(dtype))


def logsumexp(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if axis in NOTHING:
        return x
    return torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


def sort(x: Tensor, axis: Axes = -1) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.sort(x, axis)[0]


def argsort(x: Tensor, axis: Axes = -1) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


def top_k(x: Tensor, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[Tensor, Tensor]:
    """Of equal values the first, as on the other engines; which `torch.topk` takes is not defined.

    https://docs.pytorch.org/docs/stable/generated/torch.topk.html
    """
    if not is_stable and x.dtype is not torch.bool:
        values, indices = torch.topk(x, k, -1, True, sorted)
        return values, indices.to(torch.int32)
    shapes.top_k(x, k)
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], indices[..., :k].to(torch.int32)


def searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Tensor:
    if values.dtype is not sorted_sequence.dtype:
        kind = torch.promote_types(values.dtype, sorted_sequence.dtype)
        values, sorted_sequence = values.to(kind), sorted_sequence.to(kind)
    if sorted_sequence.dtype is torch.bool:  # torch has no kernel for it
        sorted_sequence, values = sorted_sequence.to(torch.uint8), values.to(torch.uint8)
    return torch.searchsorted(sorted_sequence.contiguous(), values.contiguous(), side=side, out_int32=True)


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    minlength = minlength or 0
    if x.ndim == 1 and weights is None and not sparse:
        return torch.bincount(x, minlength=minlength).to(torch.int32)
    size = minlength if x.numel() == 0 else builtins.max(int(x.max()) + 1, minlength)
    if sparse:
        return sparse_bincount(x, weights, size)
    index = x.to(torch.int64)
    if weights is None:
        source = torch.ones_like(x, dtype=torch.int32)
    else:
        source = weights if weights.shape == x.shape else weights.expand(x.shape)
    out = torch.zeros((*x.shape[:-1], size), dtype=source.dtype, device=x.device)
    return out.scatter_add(-1, index, source)
