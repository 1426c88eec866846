"""Functions on lists of tensors: torch's multi-tensor kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import Parameter

from kfront.backends.base import Foreach
from kfront.core.state import state

__all__ = ["TorchForeach"]

Tensor = torch.Tensor


class TorchForeach(Foreach):
    """Multi-tensor kernels; a second operand is a list, a number or a 0-d tensor."""

    def add(self, xs: Sequence[Any], y: Any) -> list[Any]:
        return list(torch._foreach_add(xs, y)) if xs else []

    def sub(self, xs: Sequence[Any], y: Any) -> list[Any]:
        if isinstance(y, Tensor):
            return self.add(xs, -y)
        return list(torch._foreach_sub(xs, y)) if xs else []

    def mul(self, xs: Sequence[Any], y: Any) -> list[Any]:
        return list(torch._foreach_mul(xs, y)) if xs else []

    def div(self, xs: Sequence[Any], y: Any) -> list[Any]:
        return list(torch._foreach_div(xs, y)) if xs else []

    def maximum(self, xs: Sequence[Any], y: Any) -> list[Any]:
        if isinstance(y, Tensor):
            return [torch.maximum(x, y) for x in xs]
        return list(torch._foreach_maximum(xs, y)) if xs else []

    def sqrt(self, xs: Sequence[Any]) -> list[Any]:
        return list(torch._foreach_sqrt(xs)) if xs else []

    def square(self, xs: Sequence[Any]) -> list[Any]:
        return list(torch._foreach_mul(xs, xs)) if xs else []

    def abs(self, xs: Sequence[Any]) -> list[Any]:
        return list(torch._foreach_abs(xs)) if xs else []

    def neg(self, xs: Sequence[Any]) -> list[Any]:
        return list(torch._foreach_neg(xs)) if xs else []

    def sign(self, xs: Sequence[Any]) -> list[Any]:
        return list(torch._foreach_sign(xs)) if xs else []

    def zeros_like(self, xs: Sequence[Any]) -> list[Any]:
        return [torch.zeros_like(x) for x in xs]

    def lerp(self, xs: Sequence[Any], ys: Sequence[Any], weight: Any) -> list[Any]:
        if isinstance(weight, Tensor):
            return super().lerp(xs, ys, weight)
        return list(torch._foreach_lerp(xs, ys, weight)) if xs else []

    def addcmul(self, xs: Sequence[Any], a: Sequence[Any], b: Sequence[Any], value: Any = 1.0) -> list[Any]:
        if isinstance(value, Tensor):
            return super().addcmul(xs, a, b, value)
        return list(torch._foreach_addcmul(xs, a, b, value)) if xs else []

    def addcdiv(self, xs: Sequence[Any], a: Sequence[Any], b: Sequence[Any], value: Any = 1.0) -> list[Any]:
        if isinstance(value, Tensor):
            return super().addcdiv(xs, a, b, value)
        return list(torch._foreach_addcdiv(xs, a, b, value)) if xs else []

    def norms(self, xs: Sequence[Any]) -> list[Any]:
        return list(torch._foreach_norm(xs)) if xs else []

    def global_norm(self, xs: Sequence[Any]) -> Any:
        return torch.linalg.vector_norm(torch.stack(self.norms(xs)))

    def assign(self, variables: Sequence[Any], values: Sequence[Any]) -> None:
        targets = [v._value for v in variables]
        if state.stateless is not None or any(type(t) is not Parameter for t in targets):
            super().assign(variables, values)
        elif targets:
            with torch.no_grad():
                torch._foreach_copy_(targets, values)
