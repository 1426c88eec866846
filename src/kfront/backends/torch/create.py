"""New tensors on torch."""

from __future__ import annotations

import torch

from kfront.backends.torch.common import current_device, native
from kfront.core.dtypes import result_type
from kfront.core.operators import VariableBase
from kfront.core.typing import DTypeLike, ShapeLike

Tensor = torch.Tensor


def zeros(shape: ShapeLike, dtype: DTypeLike = None) -> Tensor:
    return torch.zeros(shape, dtype=native(dtype), device=current_device())


def ones(shape: ShapeLike, dtype: DTypeLike = None) -> Tensor:
    return torch.ones(shape, dtype=native(dtype), device=current_device())


def full(shape: ShapeLike, fill_value: Tensor | float, dtype: DTypeLike = None) -> Tensor:
    kind = native(dtype)
    if isinstance(fill_value, (bool, int, float, complex)):
        return torch.full(shape, fill_value, dtype=kind, device=current_device())
    fill_value = fill_value.value if isinstance(fill_value, VariableBase) else fill_value
    return torch.as_tensor(fill_value, device=current_device()).to(kind).expand(shape).clone()


def _tensor(x: Tensor) -> Tensor:
    """Operands of ops without a dtype rule may be Python scalars."""
    return x if isinstance(x, Tensor) else torch.tensor(x, dtype=native(result_type(type(x))))


def zeros_like(x: Tensor, dtype: DTypeLike = None) -> Tensor:
    return torch.zeros_like(_tensor(x), dtype=None if dtype is None else native(dtype))


def ones_like(x: Tensor, dtype: DTypeLike = None) -> Tensor:
    return torch.ones_like(_tensor(x), dtype=None if dtype is None else native(dtype))


def arange(
    start: Tensor | float | None, stop: Tensor | float | None, step: Tensor | float | None, dtype: DTypeLike
) -> Tensor:
    kind = native(dtype)
    if kind is torch.bool:
        return torch.arange(start, stop, step, device=current_device()).to(kind)
    return torch.arange(start, stop, step, dtype=kind, device=current_device())


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    M = N if M is None else M
    if not k:
        return torch.eye(N, M, dtype=native(dtype), device=current_device())
    rows = torch.arange(N, device=current_device())[:, None]
    return (torch.arange(M, device=current_device()) - rows == k).to(native(dtype))
