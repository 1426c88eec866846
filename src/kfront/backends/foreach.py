"""Functions over lists of tensors: what optimizers and metrics are written with.

`Foreach` is the form that any engine can run, one op per tensor; an engine with multi-tensor or in-place kernels
subclasses it. Names that end in `_to` change Variables and return their new values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from kfront.core.op_registry import ops
from kfront.core.typing import Scalar, Tensor

if TYPE_CHECKING:
    from kfront.backends.base import Backend
    from kfront.core.variable import Variable


Second: TypeAlias = "Scalar | Sequence[Scalar]"  # one number for all tensors of the list, or one value for each


class Foreach:
    """Functions over lists of tensors of one dtype.

    A second operand may be a list, a Python number or a 0-d tensor (of any float dtype). Results are new lists of new
    tensors. `donate` says that those of the first operand are not needed any more: an engine may take their memory.
    """

    def __init__(self, backend: Backend) -> None:
        self.b = backend

    def _scalar(self, x: object, like: Tensor) -> Any:
        """A Python number as it is, a 0-d tensor in the dtype of `like`."""
        if isinstance(x, (int, float)) or x.dtype == like.dtype:
            return x
        return self.b.cast(x, self.b.dtype_name(like.dtype))

    def _map2(self, name: str, xs: Sequence[Tensor], y: Second) -> list[Tensor]:
        f = getattr(self.b, name)
        if isinstance(y, (list, tuple)):
            return [f(a, b) for a, b in zip(xs, y, strict=True)]
        y = self._scalar(y, xs[0])
        return [f(a, y) for a in xs]

    def _map(self, name: str, xs: Sequence[Tensor]) -> list[Tensor]:
        f = getattr(self.b, name)
        return [f(a) for a in xs]

    # -- single numbers -----------------------------------------------------------------------------------------------

    def number(self, variable: Variable) -> float | None:
        """The value of a 0-d Variable as a Python number if it can be had without waiting, else None.

        None is always a right answer; the caller then computes with 0-d tensors.
        """
        return None

    def increment(self, variable: Variable, by: Tensor | float, times: Tensor | float = 1) -> None:
        """Add a Python number or a tensor of the Variable's shape, times a Python number or 0-d tensor."""
        variable.assign_add(by if times.__class__ is int and times == 1 else self.b.multiply(by, times))

    def tally(
        self, total: Variable, count: Variable, value: Scalar, number: Tensor | float, times: Tensor | float = 1
    ) -> None:
        """``total += value * times`` and ``count += number``, for 0-d Variables and 0-d tensors or Python numbers."""
        self.increment(total, value, times)
        self.increment(count, number)

    def label_range(self, x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Smallest and largest element, to check labels; None if they are not at hand."""
        if self.b.is_tracing():
            return None
        x = self.b.to_numpy(x)
        return (x.min(), x.max()) if x.size else None

    # -- reading and arithmetic ---------------------------------------------------------------------------------------

    def values(self, variables: Sequence[Variable]) -> list[Tensor]:
        """The native tensors of Variables."""
        return [v._read() for v in variables]

    def add(self, xs: Sequence[Tensor], y: Second, donate: bool = False) -> list[Tensor]:
        """``x + y``."""
        return self._map2("add", xs, y)

    def sub(self, xs: Sequence[Tensor], y: Second, donate: bool = False) -> list[Tensor]:
        """``x - y``."""
        return self._map2("subtract", xs, y)

    def mul(self, xs: Sequence[Tensor], y: Second, donate: bool = False) -> list[Tensor]:
        """``x * y``."""
        return self._map2("multiply", xs, y)

    def div(self, xs: Sequence[Tensor], y: Second, donate: bool = False) -> list[Tensor]:
        """``x / y``."""
        return self._map2("divide", xs, y)

    def pow(self, xs: Sequence[Tensor], y: Second) -> list[Tensor]:
        """``x ** y``."""
        return self._map2("power", xs, y)

    def maximum(self, xs: Sequence[Tensor], y: Second) -> list[Tensor]:
        """The larger elements."""
        if isinstance(y, (int, float)):
            y = self.b.convert(float(y), self.b.dtype_name(xs[0].dtype))
        return self._map2("maximum", xs, y)

    def clip(self, xs: Sequence[Tensor], low: float, high: float) -> list[Tensor]:
        """Elements kept from `low` to `high`."""
        return [self.b.clip(x, low, high) for x in xs]

    def where(self, condition: Tensor | bool, xs: Sequence[Tensor], ys: Second) -> list[Tensor]:
        """Elements of x where `condition` (one tensor for all, or a list) holds, else of y."""
        conditions = condition if isinstance(condition, (list, tuple)) else [condition] * len(xs)
        if isinstance(ys, (int, float)):
            ys = [self.b.convert(float(ys), self.b.dtype_name(x.dtype)) for x in xs]
        return [self.b.where(c, x, y) for c, x, y in zip(conditions, xs, ys, strict=True)]

    def sqrt(self, xs: Sequence[Tensor], donate: bool = False) -> list[Tensor]:
        """Square roots."""
        return self._map("sqrt", xs)

    def square(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Squares."""
        return [self.b.multiply(x, x) for x in xs]

    def abs(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Absolute values."""
        return self._map("abs", xs)

    def neg(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """``-x``."""
        return self._map("negative", xs)

    def sign(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Signs."""
        return self._map("sign", xs)

    def zeros_like(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Zeros."""
        return self._map("zeros_like", xs)

    def lerp(self, xs: Sequence[Tensor], ys: Sequence[Tensor], weight: Scalar) -> list[Tensor]:
        """``x + (y - x) * weight``."""
        return self.add(xs, self.mul(self.sub(ys, xs), weight))

    def addcmul(
        self, xs: Sequence[Tensor], a: Sequence[Tensor], b: Sequence[Tensor], value: Scalar | None = None
    ) -> list[Tensor]:
        """``x + value * a * b`` (value None: 1)."""
        product = self.mul(a, b)
        return self.add(xs, product if value is None else self.mul(product, value))

    def addcdiv(
        self, xs: Sequence[Tensor], a: Sequence[Tensor], b: Sequence[Tensor], value: Scalar = 1.0
    ) -> list[Tensor]:
        """``x + value * a / b``."""
        return self.add(xs, self.mul(self.div(a, b), value))

    def norms(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Euclidean norms, each a 0-d tensor."""
        return [self.b.sqrt(ops.sum(self.b.multiply(x, x))) for x in xs]

    def global_norm(self, xs: Sequence[Tensor]) -> Tensor:
        """The Euclidean norm of all elements together, a 0-d tensor."""
        sums = [ops.sum(self.b.multiply(x, x)) for x in xs]
        total = sums[0]
        for one in sums[1:]:
            total = self.b.add(total, one)
        return self.b.sqrt(total)

    def clip_norms(self, xs: Sequence[Tensor], most: float) -> list[Tensor]:
        """Each x scaled down to the norm `most` where its norm is larger."""
        return self.mul(xs, [most / n for n in self.maximum(self.norms(xs), most)])

    def all_finite(self, xs: Sequence[Tensor]) -> Tensor:
        """Whether no element is infinite or NaN: a bool where that is known without waiting, else a 0-d tensor."""
        found = [ops.all(self.b.isfinite(x)) for x in xs]
        return found[0] if len(found) == 1 else ops.all(ops.stack(found))

    # -- changing Variables -------------------------------------------------------------------------------------------

    def assign(self, variables: Sequence[Variable], values: Sequence[Tensor]) -> None:
        """Set Variables to values of their shape and dtype."""
        for v, x in zip(variables, values, strict=True):
            v.assign(x)

    def zero(self, variables: Sequence[Variable]) -> None:
        """Set Variables to zero."""
        self.assign(variables, [self.b.zeros(v._shape, v._dtype) for v in variables])

    def _set(self, variables: Sequence[Variable], values: list[Tensor]) -> list[Tensor]:
        self.assign(variables, values)
        return values

    def add_to(
        self, variables: Sequence[Variable], xs: Sequence[Tensor], factor: Tensor | float | None = None
    ) -> list[Tensor]:
        """``v + factor * x`` (factor None: 1)."""
        xs = xs if factor is None else self.mul(xs, factor)
        return self._set(variables, self.add(self.values(variables), xs))

    def mul_to(self, variables: Sequence[Variable], y: Second) -> list[Tensor]:
        """``v * y``."""
        return self._set(variables, self.mul(self.values(variables), y))

    def maximum_to(self, variables: Sequence[Variable], xs: Sequence[Tensor]) -> list[Tensor]:
        """The larger elements of ``v`` and ``x``."""
        return self._set(variables, self.maximum(self.values(variables), xs))

    def lerp_to(self, variables: Sequence[Variable], xs: Sequence[Tensor], weight: Scalar) -> list[Tensor]:
        """``v + (x - v) * weight``: the running mean whose old value has the weight ``1 - weight``."""
        return self._set(variables, self.lerp(self.values(variables), xs, weight))

    def lerp_square_to(self, variables: Sequence[Variable], xs: Sequence[Tensor], weight: Scalar) -> list[Tensor]:
        """``v + (x ** 2 - v) * weight``: the running mean of squares."""
        return self._set(variables, self.lerp(self.values(variables), self.square(xs), weight))

    def addcmul_to(
        self, variables: Sequence[Variable], a: Sequence[Tensor], b: Sequence[Tensor], value: Scalar | None = None
    ) -> list[Tensor]:
        """``v + value * a * b``."""
        return self._set(variables, self.addcmul(self.values(variables), a, b, value))

    def addcdiv_to(
        self, variables: Sequence[Variable], a: Sequence[Tensor], b: Sequence[Tensor], value: Scalar = 1.0
    ) -> list[Tensor]:
        """``v + value * a / b``."""
        return self._set(variables, self.addcdiv(self.values(variables), a, b, value))

    # -- whole rules, for engines with a fused kernel -----------------------------------------------------------------

    def adam(
        self,
        variables: Sequence[Variable],
        grads: Sequence[Tensor],
        means: Sequence[Variable],
        squares: Sequence[Variable],
        largest: Sequence[Variable] | None,
        learning_rate: Scalar,
        step: Scalar,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ) -> bool:
        """The whole rule of `Adam` on Variables and their slots, if the engine has it as one kernel.

        Returns:
            False if nothing was done: the caller goes on with the functions above.
        """
        return False
