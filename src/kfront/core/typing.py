"""Types that signatures of the whole package share. Nothing here is needed at run time but the names.

`Tensor` describes a tensor of any engine by what all of them have. `TensorLike` is what ops, losses and metrics take
where they convert their arguments themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypedDict, TypeVar

import numpy as np

if TYPE_CHECKING:
    from types import EllipsisType

    from kfront.backends.base import Backend
    from kfront.backends.foreach import Foreach
    from kfront.callbacks import Callback, CallbackList
    from kfront.constraints import Constraint
    from kfront.core.rng import SeedGenerator
    from kfront.dtype_policies import DTypePolicy
    from kfront.initializers import Initializer
    from kfront.losses import Loss
    from kfront.metrics import Metric
    from kfront.optimizers import Optimizer
    from kfront.regularizers import Regularizer
else:
    Backend = Foreach = Any  # so that the names can be imported from here

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class Arithmetic(Protocol):
    """Python's operators, as tensors and Variables have them."""

    def __getitem__(self, key: Any, /) -> Tensor: ...
    def __bool__(self) -> bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __neg__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __add__(self, other: Operand, /) -> Tensor: ...
    def __radd__(self, other: Operand, /) -> Tensor: ...
    def __sub__(self, other: Operand, /) -> Tensor: ...
    def __rsub__(self, other: Operand, /) -> Tensor: ...
    def __mul__(self, other: Operand, /) -> Tensor: ...
    def __rmul__(self, other: Operand, /) -> Tensor: ...
    def __truediv__(self, other: Operand, /) -> Tensor: ...
    def __rtruediv__(self, other: Operand, /) -> Tensor: ...
    def __floordiv__(self, other: Operand, /) -> Tensor: ...
    def __rfloordiv__(self, other: Operand, /) -> Tensor: ...
    def __mod__(self, other: Operand, /) -> Tensor: ...
    def __rmod__(self, other: Operand, /) -> Tensor: ...
    def __pow__(self, other: Operand, /) -> Tensor: ...
    def __rpow__(self, other: Operand, /) -> Tensor: ...
    def __matmul__(self, other: Operand, /) -> Tensor: ...
    def __rmatmul__(self, other: Operand, /) -> Tensor: ...
    def __and__(self, other: Operand, /) -> Tensor: ...
    def __or__(self, other: Operand, /) -> Tensor: ...
    def __xor__(self, other: Operand, /) -> Tensor: ...
    def __lt__(self, other: Operand, /) -> Tensor: ...
    def __le__(self, other: Operand, /) -> Tensor: ...
    def __gt__(self, other: Operand, /) -> Tensor: ...
    def __ge__(self, other: Operand, /) -> Tensor: ...


class Tensor(Arithmetic, Protocol):
    """A tensor of an engine, or a symbolic one: a shape, a dtype and arithmetic.

    Attributes:
        shape: the sizes of its axes, a tuple of ints; None where a size is not known yet.
        dtype: its dtype as the engine writes it; the dtype's name for symbolic tensors.
        ndim: the number of axes.
    """

    @property
    def shape(self) -> tuple[Any, ...]: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def ndim(self) -> int: ...

    def __len__(self) -> int: ...


class VariableLike(Arithmetic, Protocol):
    """What code that reads, assigns or trains a Variable uses of it.

    Attributes:
        name, path: its name, without and with the scopes that it was made in.
        shape: the sizes of its axes.
        dtype: the dtype's name.
        value: the tensor that it holds.
        trainable: whether optimizers update it.
        overwrite_with_gradient: whether the optimizer assigns the gradient instead of a step.
        regularizer, constraint: functions of its value, or None.
    """

    name: str
    path: str
    overwrite_with_gradient: bool

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def ndim(self) -> int: ...
    @property
    def value(self) -> Tensor: ...
    @property
    def trainable(self) -> bool: ...
    @property
    def regularizer(self) -> AnyCallable | None: ...
    @property
    def constraint(self) -> AnyCallable | None: ...

    def assign(self, value: TensorLike, /) -> Any: ...
    def assign_add(self, value: TensorLike, /) -> Any: ...
    def assign_sub(self, value: TensorLike, /) -> Any: ...
    def numpy(self) -> np.ndarray: ...


Size: TypeAlias = "int | Tensor"
"""The size of one axis; a tensor where it is known only when the code runs."""

Shape: TypeAlias = tuple[int | None, ...]
"""The sizes of axes; None where a size is not known yet."""

Sizes: TypeAlias = "Sequence[Size | None]"
"""What ops take as `shape`: numbers, tensors of one number, None in shapes of symbolic tensors."""

Axis: TypeAlias = int | Sequence[int] | None
"""One axis, several of them, or None for all."""

ShapeLike: TypeAlias = Sequence[int | None] | int
"""What arguments named `shape` take."""

Index: TypeAlias = "int | slice | EllipsisType | Tensor | np.ndarray | Sequence[Index] | None"
"""What stands between the brackets of ``x[...]``."""

Numbers: TypeAlias = bool | int | float | complex | np.generic

Scalar: TypeAlias = "float | Tensor"
"""One number: a Python number, or a 0-d tensor where the value is not at hand."""

Operand: TypeAlias = Any
"""The other side of an operator; engines differ in what they take there besides tensors and numbers."""

TensorLike: TypeAlias = "Tensor | VariableLike | np.ndarray | Numbers | Sequence[TensorLike]"
"""What converts to a tensor: tensors of the current engine, Variables, arrays, numbers, nested sequences of them."""

DTypeLike: TypeAlias = "str | type | np.dtype[Any] | DTypePolicy | Config | None"
"""A dtype by name, NumPy's or Python's type for it, or a policy (or its config) where one is taken."""

Config: TypeAlias = dict[str, Any]
"""Constructor arguments, as `get_config` gives them."""

CustomObjects: TypeAlias = dict[str, Any] | None
"""Classes and functions that a file may name, by name."""


class Store(Protocol):
    """A mapping of names to arrays that can be written to: a dict, or a group of a file."""

    def __getitem__(self, key: str, /) -> Any: ...
    def __setitem__(self, key: str, value: Any, /) -> None: ...
    def keys(self) -> Any: ...


Nested: TypeAlias = "T | Sequence[Nested[T]] | Mapping[str, Nested[T]]"
"""One, or lists, tuples and dicts of them."""

Seed: TypeAlias = "int | SeedGenerator | None"
"""An int for the same numbers each time, a generator for new ones, None to draw one now."""

AnyCallable: TypeAlias = Callable[..., Any]
"""A callable whose arguments are those of its caller's own documentation."""

Activation: TypeAlias = AnyCallable
ActivationLike: TypeAlias = str | Config | Activation | None
InitializerLike: TypeAlias = "str | Config | Initializer | AnyCallable | None"
RegularizerLike: TypeAlias = "str | Config | Regularizer | AnyCallable | None"
ConstraintLike: TypeAlias = "str | Config | Constraint | AnyCallable | None"
OptimizerLike: TypeAlias = "str | Config | Optimizer | None"
LossLike: TypeAlias = "str | Config | type[Loss] | Loss | AnyCallable | None"
CallbacksLike: TypeAlias = "CallbackList | Callback | Sequence[Callback] | None"
MetricLike: TypeAlias = "str | Config | type[Metric] | Metric | AnyCallable | None"


class SharedOptions(TypedDict, total=False):
    """Keyword arguments that every layer takes, without `name` and `activity_regularizer`."""

    trainable: bool
    dtype: DTypeLike
    autocast: bool
    input_shape: Shape | None


class NamedOptions(SharedOptions, total=False):
    """Those of a layer whose `activity_regularizer` stands in its own signature."""

    name: str | None


class UnnamedOptions(SharedOptions, total=False):
    """Those of a layer whose `name` stands in its own signature."""

    activity_regularizer: RegularizerLike


class LayerOptions(NamedOptions, total=False):
    """Those of all other layers."""

    activity_regularizer: RegularizerLike
