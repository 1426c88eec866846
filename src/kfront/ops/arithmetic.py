"""Arithmetic of several tensors, elementwise with broadcasting."""

from __future__ import annotations

import math

from kfront.core.dtypes import floating, numeric, promote, result_type, to_float
from kfront.core.op import op
from kfront.core.spec import KerasTensor
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.elementwise import exp2, signbit, square
from kfront.ops.primitives.arguments import missing


@op(3, numeric, weak=True, zeros="filled", home="numpy", call_args=("x",))
def clip(x: TensorLike, x_min: TensorLike | None, x_max: TensorLike | None) -> Tensor:
    """Values below `x_min` become `x_min`, values above `x_max` become `x_max`.

    Args:
        x: tensor of any shape.
        x_min: lower bound, a number or tensor that broadcasts.
        x_max: upper bound, a number or tensor that broadcasts.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.clip(ops.array([-2.0, 0.5, 3.0]), 0.0, 1.0)).tolist()
    [0.0, 0.5, 1.0]
    """
    if x_min is not None:
        x = p.maximum(x, x_min)
    return x if x_max is None else p.minimum(x, x_max)  # type: ignore[return-value]  # a body gets tensors


@op(2, floating, fuse=True, home="numpy")
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Quotient that is 0 where the divisor is 0.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.divide_no_nan([1.0, 2.0], [0.0, 4.0])).tolist()
    [0.0, 0.5]
    """
    zero = p.equal(x2, 0)
    return p.where(zero, 0.0, p.divide(x1, p.where(zero, 1.0, x2)))


@op(2, floating, fuse=True, home="numpy")
def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The step function: 0 below 0, 1 above, `x2` at 0.

    Args:
        x1: tensor of any shape.
        x2: value at 0, a number or tensor that broadcasts.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.heaviside([-1.0, 0.0, 1.0], 0.5)).tolist()
    [0.0, 0.5, 1.0]
    """
    return p.where(p.less(x1, 0), 0.0, p.where(p.greater(x1, 0), 1.0, p.where(p.equal(x1, 0), x2, x1)))  # x1: NaN


@op(2, floating, fuse=True, home="numpy")
def hypot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """sqrt(x1^2 + x2^2) without overflow: the length of the hypotenuse.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.hypot(3.0, 4.0))
    5.0
    """
    infinite = p.logical_or(p.isinf(x1), p.isinf(x2))  # even beside NaN (IEEE 754)
    a, b = p.where(infinite, 0.0, x1), p.where(infinite, 0.0, x2)
    large = p.stop_gradient(p.maximum(p.abs(a), p.abs(b)))  # a constant: derivatives of a maximum are halved in a tie
    none = p.equal(large, 0)
    scale = p.where(none, 1.0, large)
    squares = p.add(square(p.divide(a, scale)), square(p.divide(b, scale)))
    return p.where(infinite, math.inf, p.multiply(large, p.sqrt(p.where(none, 1.0, squares))))


@op(2, floating, fuse=True, home="numpy")
def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """log2(2^x1 + 2^x2), without overflow.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.logaddexp2(3.0, 3.0))
    4.0
    """
    two = math.log(2)
    return p.divide(p.logaddexp(p.multiply(x1, two), p.multiply(x2, two)), two)


def _ldexp_rule(x1: Tensor, x2: Tensor) -> tuple[object, object]:
    d = to_float(result_type(x1, x2))
    return d, d


@op(2, _ldexp_rule, fuse=True, home="numpy")
def ldexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 * 2^x2.

    Args:
        x1: tensor, or Python scalar.
        x2: integer tensor, or int; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.ldexp([1.0, 3.0], [2, 1])).tolist()
    [4.0, 6.0]
    """
    return p.multiply(x1, exp2(x2))


@op(2, promote, fuse=True, home="numpy")
def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Larger of two values; NaN only where both are.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.fmax([1.0, float("nan")], [0.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    return p.where(p.isnan(x1), x2, p.where(p.isnan(x2), x1, p.maximum(x1, x2)))


@op(2, promote, fuse=True, home="numpy")
def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Smaller of two values; NaN only where both are.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.fmin([1.0, float("nan")], [0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return p.where(p.isnan(x1), x2, p.where(p.isnan(x2), x1, p.minimum(x1, x2)))


@op(2, numeric, fuse=True, home="numpy")
def fmod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Remainder with the sign of `x1`.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.fmod([-3, 3], 2)).tolist()
    [-1, 1]
    """
    if p.dtype_of(x1).startswith("u"):
        return p.mod(x1, x2)
    rest = p.mod(p.abs(x1), p.abs(x2))
    found = p.where(p.less(x1, 0), p.negative(rest), rest)
    return p.where(p.logical_and(p.equal(x1, 0), p.greater(p.abs(x2), 0)), x1, found)  # 0 itself, whose slope is 1


@op(2, floating, fuse=True, home="numpy")
def copysign(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The size of `x1` with the sign of `x2`, that of a zero included.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.copysign(ops.array([-1.0, 2.0]), ops.array([1.0, -0.0]))).tolist()
    [1.0, -2.0]
    """
    size = p.abs(x1)
    return p.where(signbit(x2), p.negative(size), size)


@op(2, floating, fuse=True, home="numpy")
def float_power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """`x1` to the power `x2`, computed in a floating dtype: integers may have negative exponents.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.float_power(ops.array([2, 4]), ops.array([-1, 2]))).tolist()
    [0.5, 16.0]
    """
    return p.power(x1, x2)


@op(2, floating, home="numpy")
def nextafter(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The next floating number from `x1` towards `x2`.

    Args:
        x1: tensor.
        x2: tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.nextafter(ops.array(1.0), ops.array(2.0))) > 1.0
    True
    """
    return p.add(x1, x2) if isinstance(x1, KerasTensor) or isinstance(x2, KerasTensor) else missing("nextafter")
