"""Functions of `K` that make values: Variables and what they hold, constants, random numbers, gradients."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Sequence

import numpy as np

from kfront import ops, random
from kfront.backends import current
from kfront.config import floatx
from kfront.core.errors import ArgumentError, UnsupportedError
from kfront.core.typing import ConstraintLike, DTypeLike, Seed, Shape, Size, Sizes, Tensor, TensorLike
from kfront.core.variable import Variable


def variable(
    value: TensorLike, dtype: DTypeLike = None, name: str | None = None, constraint: ConstraintLike = None
) -> Variable | Tensor:
    """A Variable with a value; where the engine compiles, which makes none, a tensor."""
    value = ops.cast(to_dense(value), dtype or floatx())
    if current().is_tracing():
        return value
    made = Variable(value, name=name)
    made.constraint = constraint
    return made


def zeros(shape: Shape | int, dtype: DTypeLike = None, name: str | None = None) -> Variable | Tensor:
    """A Variable of zeros."""
    return variable(ops.zeros(shape, dtype or floatx()), dtype, name)


def ones(shape: Shape | int, dtype: DTypeLike = None, name: str | None = None) -> Variable | Tensor:
    """A Variable of ones."""
    return variable(ops.ones(shape, dtype or floatx()), dtype, name)


def eye(size: int, dtype: DTypeLike = None, name: str | None = None) -> Variable | Tensor:
    """A Variable with the unit matrix."""
    return variable(ops.eye(size, dtype=dtype or floatx()), dtype, name)


def zeros_like(x: TensorLike, dtype: DTypeLike = None, name: str | None = None) -> Tensor:
    """Zeros in the shape of a tensor."""
    return ops.zeros_like(x, dtype)


def ones_like(x: TensorLike, dtype: DTypeLike = None, name: str | None = None) -> Tensor:
    """Ones in the shape of a tensor."""
    return ops.ones_like(x, dtype)


def constant(
    value: TensorLike, dtype: DTypeLike = None, shape: Sequence[int] | None = None, name: str | None = None
) -> Tensor:
    """A tensor with a value, in a given shape: one number fills it."""
    x = ops.cast(value, dtype or floatx())
    if shape is None:
        return x
    return ops.broadcast_to(x, shape) if ops.size(x) == 1 else ops.reshape(x, shape)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: str = "int32") -> Tensor:
    """Numbers in equal steps; they are floating if `start`, `stop` or `step` is, whatever int32 says."""
    found = ops.arange(start, stop, step)
    return found if dtype == "int32" else ops.cast(found, dtype)


def cast_to_floatx(x: TensorLike) -> Tensor | np.ndarray:
    """A tensor in the dtype floatx; what is no tensor becomes a NumPy array."""
    return ops.cast(x, floatx()) if ops.is_tensor(x) or isinstance(x, Variable) else np.asarray(x, floatx())


# ---- what Variables hold ---------------------------------------------------------------------------------------------


def get_value(x: TensorLike) -> TensorLike:
    """The value of a tensor or Variable as a NumPy array; anything else as it is."""
    return ops.convert_to_numpy(x) if ops.is_tensor(x) or isinstance(x, Variable) else x


def batch_get_value(tensors: Iterable[TensorLike]) -> list[TensorLike]:
    """The values of several."""
    return [get_value(x) for x in tensors]


def eval(x: TensorLike) -> TensorLike:
    """The value, of a sparse tensor too."""
    return get_value(to_dense(x))


def set_value(x: Variable, value: TensorLike) -> None:
    """Give a Variable another value."""
    x.assign(np.asarray(value))


def batch_set_value(tuples: Iterable[tuple[Variable, TensorLike]]) -> None:
    """Give several Variables other values: pairs (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


def update(x: Variable, new_x: TensorLike) -> Tensor:
    """Assign a value; returns it."""
    return x.assign(new_x)


def update_add(x: Variable, increment: TensorLike) -> Tensor:
    """Add to a Variable; returns the new value."""
    return x.assign_add(increment)


def update_sub(x: Variable, decrement: TensorLike) -> Tensor:
    """Subtract from a Variable; returns the new value."""
    return x.assign_sub(decrement)


def moving_average_update(x: Variable, value: TensorLike, momentum: float) -> Tensor:
    """Move a Variable towards a value; returns the new value."""
    return x.assign(ops.add(ops.multiply(x, momentum), ops.multiply(value, 1 - momentum)))


def is_sparse(tensor: object) -> bool:
    """Whether it is a sparse tensor of the current engine."""
    return current().is_sparse(tensor)


def to_dense(tensor: TensorLike) -> TensorLike:
    """A sparse tensor as a dense one; anything else as it is."""
    return current().densify(tensor) if is_sparse(tensor) else tensor


# ---- gradients -------------------------------------------------------------------------------------------------------


def stop_gradient(variables: TensorLike) -> Tensor | list[Tensor]:
    """Values that count as constants for gradients."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(v) for v in variables]
    return ops.stop_gradient(variables)


def gradients(loss: Tensor, variables: Tensor | list[Tensor]) -> list[Tensor]:
    """The gradients of one symbolic tensor of a TensorFlow graph by others.

    Raises:
        UnsupportedError: for anything but tensors of TensorFlow.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not tensorflow.is_tensor(loss):
        raise UnsupportedError(
            f"[gradients] expected a tensor in a TensorFlow graph, got {type(loss).__name__}; other engines keep no "
            "record from which gradients follow later: compute the loss in a function and call "
            "`kfront.value_and_grad(function, wrt=variables)`."
        )
    return tensorflow.gradients(loss, variables)


def name_scope(name: str) -> contextlib.AbstractContextManager[str]:
    """A block that changes nothing: it names the operations of TensorFlow graphs, never layers or Variables."""
    return contextlib.nullcontext(f"{name}/")


# ---- random numbers --------------------------------------------------------------------------------------------------


def random_bernoulli(shape: Sizes, p: float = 0.0, dtype: DTypeLike = None, seed: Seed = None) -> Tensor:
    """1 with probability `p`, else 0."""
    return ops.cast(ops.less(random.uniform(shape, seed=seed), p), dtype or floatx())


def random_normal_variable(
    shape: Shape, mean: float, scale: float, dtype: DTypeLike = None, name: str | None = None, seed: Seed = None
) -> Variable | Tensor:
    """A Variable of normally distributed numbers."""
    return variable(random.normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Shape, low: float, high: float, dtype: DTypeLike = None, name: str | None = None, seed: Seed = None
) -> Variable | Tensor:
    """A Variable of uniformly distributed numbers."""
    return variable(random.uniform(shape, low, high, dtype, seed), dtype, name)


def dropout(x: TensorLike, level: float, noise_shape: Sequence[Size | None] | None = None, seed: Seed = None) -> Tensor:
    """Elements set to 0 at random, the others scaled up.

    Raises:
        ArgumentError: if `level` is not from 0 to 1, 1 excluded.
    """
    if not 0 <= level < 1:
        raise ArgumentError(f"[dropout] expected `level` from 0 to 1, 1 excluded, got {level}.")
    return random.dropout(x, level, noise_shape, seed)
