"""Python operators for values that are not native tensors (KerasTensor, Variable), in terms of ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from kfront.core.errors import ArgumentTypeError
from kfront.core.op_registry import ops
from kfront.core.typing import AnyCallable

if TYPE_CHECKING:
    from kfront.core.typing import Backend, Tensor

_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}
_COMPARE = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "ne": "not_equal", "eq": "equal"}
_UNARY = {"neg": "negative", "abs": "absolute", "invert": "logical_not"}


class ArrayOperators:
    """Mixin: ``x + y``, ``x @ y``, ``x[i]``, ``x < y`` … through the public ops."""

    __slots__ = ()
    __array_priority__ = 100

    def __getitem__(self, key: Any) -> Any:
        return ops.get_item(self, key)

    def __setitem__(self, key: object, value: object) -> NoReturn:
        name = "Variable" if isinstance(self, VariableBase) else "KerasTensor"
        raise ArgumentTypeError(
            f"[{name}] expected no assignment to elements; use kfront.ops.slice_update or "
            "kfront.ops.scatter_update, which return a new tensor (and `assign` it to a Variable)."
        )

    def __divmod__(self, other: object) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: object) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __round__(self, ndigits: int | None = None) -> Any:
        return ops.round(self, ndigits or 0)

    def __pos__(self) -> Self:
        return self

    __hash__ = object.__hash__

    if TYPE_CHECKING:  # the loops below define them

        def _binary(self, other: object, /) -> Tensor: ...
        def _unary(self) -> Tensor: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
        __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _binary
        __lshift__ = __rshift__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _binary
        __lt__ = __le__ = __gt__ = __ge__ = _binary
        __neg__ = __abs__ = __invert__ = _unary


def _forward(name: str) -> AnyCallable:
    def method(self: object, other: object) -> Any:
        return getattr(ops, name)(self, other)

    return method


def _reflected(name: str) -> AnyCallable:
    def method(self: object, other: object) -> Any:
        return getattr(ops, name)(other, self)

    return method


def _unary(name: str) -> AnyCallable:
    def method(self: object) -> Any:
        return getattr(ops, name)(self)

    return method


for _name, _target in _BINARY.items():
    setattr(ArrayOperators, f"__{_name}__", _forward(_target))
    setattr(ArrayOperators, f"__r{_name}__", _reflected(_target))
for _name, _target in _COMPARE.items():
    setattr(ArrayOperators, f"__{_name}__", _forward(_target))
for _name, _target in _UNARY.items():
    setattr(ArrayOperators, f"__{_name}__", _unary(_target))


class VariableBase(ArrayOperators):
    """Base of what is read like a Variable: a `value` of one backend with a shape and a dtype.

    Variables are; so are weights that a layer computes from Variables.
    """

    _kf_backend: Backend
    _value: Any
    shape: Any
    dtype: Any
    value: Any
    _tensor: Any  # what is computed with: `value`, unless that is an engine's own variable

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "value" in cls.__dict__ and "_tensor" not in cls.__dict__:
            cls._tensor = cls.__dict__["value"]

    @property
    def _handle(self) -> Self:
        """The Variable itself, where this is what an engine knows its storage as."""
        return self

    def _autocast_now(self) -> bool:
        """Whether the value is read in the dtype of an autocast scope."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `_autocast_now`.")

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array (a copy)."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `numpy`.")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        out = self.numpy()
        return out if dtype is None else out.astype(dtype)
