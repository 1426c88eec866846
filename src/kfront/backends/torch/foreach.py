"""Multi-tensor and in-place forms of `kfront.backends.foreach`: `torch._foreach_*` and fused optimizer kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kfront.backends.foreach import Foreach
from kfront.backends.torch.common import at_hand
from kfront.backends.typing import Function
from kfront.core.state import state

if TYPE_CHECKING:
    from kfront.core.variable import Variable


_compiling = torch.compiler.is_dynamo_compiling


def _number(x: Tensor | float) -> bool:
    return x.__class__ is float or x.__class__ is int


_constants: dict[tuple[int, torch.dtype, torch.device], Tensor] = {}


def _constant(x: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A number as a tensor: to add one that is there takes a third of the time of adding a number."""
    found = _constants.get((x, dtype, device))
    if found is None:
        found = torch.tensor(x, dtype=dtype, device=device)
        if type(found) is Tensor and len(_constants) < 1024:  # not one of a mode that makes others
            _constants[x, dtype, device] = found
    return found


def _new_or_in_place(
    new: Function[Tensor], in_place: Function[Tensor], xs: Sequence[Tensor], donate: bool, *args: object
) -> list[Tensor]:
    """What `new` gives, in the memory of `xs` if those are donated."""
    if not donate:
        return list(new(xs, *args))
    in_place(xs, *args)
    return list(xs)


class TorchForeach(Foreach):
    """Variables are changed in place, except inside a scope that holds other values for them."""

    # -- single numbers -----------------------------------------------------------------------------------------------

    def number(self, variable: Variable) -> float | None:
        """The value, if it is on the CPU and nothing is being traced."""
        value = variable._value
        return value.item() if at_hand(value) else None

    def increment(self, variable: Variable, by: Tensor | float, times: Tensor | float = 1) -> None:
        """V += by * times."""
        value = variable._value
        if (
            state.stateless is not None
            or value is not variable.own
            or variable._aliased_by_autograd
            or times.__class__ is not int
        ):
            super().increment(variable, by, times)
        elif by.__class__ is int and not _compiling():
            value.add_(_constant(by, value.dtype, value.device), alpha=times)
        else:
            value.add_(by.detach() if not _number(by) and by.requires_grad else by, alpha=times)

    def label_range(self, x: Tensor | float) -> tuple[Tensor, Tensor] | None:
        """Smallest and largest element of a tensor on the CPU, None elsewhere and while tracing."""
        if not at_hand(x) or not x.numel():
            return None
        low, high = torch.aminmax(x)
        return low.item(), high.item()

    # -- reading and arithmetic ---------------------------------------------------------------------------------------

    def values(self, variables: Sequence[Variable]) -> list[Tensor]:
        """The tensors."""
        return [v._value for v in variables]

    def _tensors(self, y: Tensor | float | Sequence[Tensor], like: Tensor) -> Tensor:
        """A second operand as `torch._foreach_*` takes it."""
        if _number(y):
            return y
        if isinstance(y, (list, tuple)):
            return list(y)
        return y if y.dtype == like.dtype else y.to(like.dtype)

    def add(self, xs: Sequence[Tensor], y: Tensor | float | Sequence[Tensor], donate: bool = False) -> list[Tensor]:
        return _new_or_in_place(torch._foreach_add, torch._foreach_add_, xs, donate, self._tensors(y, xs[0]))

    def sub(self, xs: Sequence[Tensor], y: Tensor | float | Sequence[Tensor], donate: bool = False) -> list[Tensor]:
        y = self._tensors(y, xs[0])
        if not _number(y) and not isinstance(y, list):
            return self.add(xs, -y, donate)
        return _new_or_in_place(torch._foreach_sub, torch._foreach_sub_, xs, donate, y)

    def mul(self, xs: Sequence[Tensor], y: Tensor | float | Sequence[Tensor], donate: bool = False) -> list[Tensor]:
        return _new_or_in_place(torch._foreach_mul, torch._foreach_mul_, xs, donate, self._tensors(y, xs[0]))

    def div(self, xs: Sequence[Tensor], y: Tensor | float | Sequence[Tensor], donate: bool = False) -> list[Tensor]:
        return _new_or_in_place(torch._foreach_div, torch._foreach_div_, xs, donate, self._tensors(y, xs[0]))

    def pow(self, xs: Sequence[Tensor], y: Tensor | float | Sequence[Tensor]) -> list[Tensor]:
        if _number(y):
            return list(torch._foreach_pow(xs, y))
        return super().pow(xs, y)

    def maximum(self, xs: Sequence[Tensor], y: Tensor | float | Sequence[Tensor]) -> list[Tensor]:
        if _number(y) or isinstance(y, (list, tuple)):
            return list(torch._foreach_maximum(xs, y))
        return [torch.maximum(x, y) for x in xs]

    def clip(self, xs: Sequence[Tensor], low: float, high: float) -> list[Tensor]:
        return list(torch._foreach_clamp_min(torch._foreach_clamp_max(xs, high), low))

    def sqrt(self, xs: Sequence[Tensor], donate: bool = False) -> list[Tensor]:
        return _new_or_in_place(torch._foreach_sqrt, torch._foreach_sqrt_, xs, donate)

    def square(self, xs: Sequence[Tensor]) -> list[Tensor]:
        return list(torch._foreach_mul(xs, xs))

    def abs(self, xs: Sequence[Tensor]) -> list[Tensor]:
        return list(torch._foreach_abs(xs))

    def neg(self, xs: Sequence[Tensor]) -> list[Tensor]:
        return list(torch._foreach_neg(xs))

    def sign(self, xs: Sequence[Tensor]) -> list[Tensor]:
        return list(torch._foreach_sign(xs))

    def zeros_like(self, xs: Sequence[Tensor]) -> list[Tensor]:
        return [torch.zeros_like(x) for x in xs]

    def lerp(self, xs: Sequence[Tensor], ys: Sequence[Tensor], weight: Tensor | float) -> list[Tensor]:
        if _number(weight):
            return list(torch._foreach_lerp(xs, ys, weight))
        return super().lerp(xs, ys, weight)

    def addcmul(
        self, xs: Sequence[Tensor], a: Sequence[Tensor], b: Sequence[Tensor], value: Tensor | float | None = None
    ) -> list[Tensor]:
        if value is None or _number(value):
            return list(torch._foreach_addcmul(xs, a, b, 1.0 if value is None else value))
        return super().addcmul(xs, a, b, value)

    def addcdiv(
        self, xs: Sequence[Tensor], a: Sequence[Tensor], b: Sequence[Tensor], value: Tensor | float = 1.0
    ) -> list[Tensor]:
        if _number(value):
            return list(torch._foreach_addcdiv(xs, a, b, value))
        return super().addcdiv(xs, a, b, value)

    def norms(self, xs: Sequence[Tensor]) -> list[Tensor]:
        return list(torch._foreach_norm(xs))

    def global_norm(self, xs: Sequence[Tensor]) -> Tensor:
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(xs)))

    def clip_norms(self, xs: Sequence[Tensor], most: float) -> list[Tensor]:
        norms = torch._foreach_maximum(torch._foreach_norm(xs), most)
        return list(torch._foreach_mul(xs, [most / n for n in norms]))

    def all_finite(self, xs: Sequence[Tensor]) -> Tensor:
        found = torch.stack([x.isfinite().all() for x in xs]).all()
        return bool(found) if found.is_cpu and not _compiling() else found

    # -- changing Variables -------------------------------------------------------------------------------------------

    def assign(self, variables: Sequence[Variable], values: Sequence[Tensor]) -> None:
        """Copies into the Variables' storage."""
        out = self._not_aliased(variables)
        if out is None:
            super().assign(variables, values)
        else:
            with torch.no_grad():
                torch._foreach_copy_(out, values)

    def zero(self, variables: Sequence[Variable]) -> None:
        out = self._not_aliased(variables)
        if out is None:
            super().zero(variables)
        else:
            with torch.no_grad():
                torch._foreach_zero_(out)

    def in_place(self, variables: Sequence[Variable]) -> list[Tensor] | None:
        """The storage to change in place; None where the Variables stand for other values (scopes, `bind`)."""
        if state.stateless is not None or variables[0]._value is not variables[0].own:
            return None
        return [v._value for v in variables]

    def _not_aliased(self, variables: Sequence[Variable]) -> list[Tensor] | None:
        """The storage, where autograd has saved none of it for a backward pass; else None."""
        out = self.in_place(variables)
        return None if out is None or any(v._aliased_by_autograd for v in variables) else out

    def add_to(
        self, variables: Sequence[Variable], xs: Sequence[Tensor], factor: Tensor | float | None = None
    ) -> list[Tensor]:
        out = self.in_place(variables)
        if out is None:
            return super().add_to(variables, xs, factor)
        if factor is None:
            torch._foreach_add_(out, xs)
        elif _number(factor):
            torch._foreach_add_(out, xs, alpha=factor)
        else:
            torch._foreach_add_(out, self.mul(xs, factor))
        return out

    def mul_to(self, variables: Sequence[Variable], y: Tensor | float | Sequence[Tensor]) -> list[Tensor]:
        out = self.in_place(variables)
        if out is None:
            return super().mul_to(variables, y)
        torch._foreach_mul_(out, self._tensors(y, out[0]))
        return out

    def maximum_to(self, variables: Sequence[Variable], xs: Sequence[Tensor]) -> list[Tensor]:
        out = self.in_place(variables)
        if out is None:
            return super().maximum_to(variables, xs)
        torch._foreach_maximum_(out, xs)
        return out

    def lerp_to(self, variables: Sequence[Variable], xs: Sequence[Tensor], weight: Tensor | float) -> list[Tensor]:
        out = self.in_place(variables)
        if out is None or not _number(weight):
            return super().lerp_to(variables, xs, weight)
        torch._foreach_lerp_(out, xs, weight)
        return out

    def lerp_square_to(
        self, variables: Sequence[Variable], xs: Sequence[Tensor], weight: Tensor | float
    ) -> list[Tensor]:
        out = self.in_place(variables)
        if out is None or not _number(weight):
            return super().lerp_square_to(variables, xs, weight)
        torch._foreach_mul_(out, 1.0 - weight)
        torch._foreach_addcmul_(out, xs, xs, weight)
        return out

    def addcmul_to(
        self,
        variables: Sequence[Variable],
        a: Sequence[Tensor],
        b: Sequence[Tensor],
        value: Tensor | float | None = None,
    ) -> list[Tensor]:
        out = self.in_place(variables)
        if out is None or not (value is None or _number(value)):
            return super().addcmul_to(variables, a, b, value)
        torch._foreach_addcmul_(out, a, b, 1.0 if value is None else value)
        return out

    def addcdiv_to(
        self, variables: Sequence[Variable], a: Sequence[Tensor], b: Sequence[Tensor], value: Tensor | float = 1.0
    ) -> list[Tensor]:
        out = self.in_place(variables)
        if out is None:
            return super().addcdiv_to(variables, a, b, value)
        if _number(value):
            torch._foreach_addcdiv_(out, a, b, value)
        else:
            torch._foreach_add_(out, self.mul(torch._foreach_div(a, b), value))
        return out
