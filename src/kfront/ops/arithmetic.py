"""Arithmetic of two tensors, elementwise with broadcasting. Python scalars are weak: they take the tensor's dtype."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, numeric, promote
from kfront.core.op import op


@op(2, promote, shapes.elementwise, weak=True, zeros="joined", home="numpy")
def add(x1: Any, x2: Any) -> Any:
    """Sum, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="joined", home="numpy")
def subtract(x1: Any, x2: Any) -> Any:
    """Difference, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, promote, shapes.elementwise, weak=True, zeros="absorbed", home="numpy")
def multiply(x1: Any, x2: Any) -> Any:
    """Product, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, floating, shapes.elementwise, weak=True, zeros="scaled", home="numpy", aliases=("true_divide",))
def divide(x1: Any, x2: Any) -> Any:
    """True quotient, elementwise; integers become floatx.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def power(x1: Any, x2: Any) -> Any:
    """`x1` to the power `x2`, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def floor_divide(x1: Any, x2: Any) -> Any:
    """Largest integer <= x1 / x2, in the common dtype.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def mod(x1: Any, x2: Any) -> Any:
    """Remainder of `floor_divide`; it has the sign of `x2`.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, promote, shapes.elementwise, zeros="joined", home="numpy")
def maximum(x1: Any, x2: Any) -> Any:
    """Larger of two values, elementwise; NaN if either is.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, promote, shapes.elementwise, zeros="joined", home="numpy")
def minimum(x1: Any, x2: Any) -> Any:
    """Smaller of two values, elementwise; NaN if either is.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, floating, shapes.elementwise, home="numpy")
def arctan2(x1: Any, x2: Any) -> Any:
    """Angle in radians of the point (x2, x1), in [-pi, pi].

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, floating, shapes.elementwise, home="numpy")
def logaddexp(x1: Any, x2: Any) -> Any:
    """log(exp(x1) + exp(x2)), without overflow.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


# ---- composed -------------------------------------------------------------------------------------------------------


@op(3, numeric, weak=True, zeros="filled", home="numpy", call_args=("x",))
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Values below `x_min` become `x_min`, values above `x_max` become `x_max`.

    Args:
        x: tensor of any shape.
        x_min: lower bound, a number or tensor that broadcasts.
        x_max: upper bound, a number or tensor that broadcasts.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.clip(ops.array([-2.0, 0.5, 3.0]), 0.0, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    if x_min is not None:
        x = maximum(x, x_min)
    return x if x_max is None else minimum(x, x_max)


@op(2, floating, fuse=True, home="numpy")
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """Quotient that is 0 where the divisor is 0.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.
    """
    from kfront.ops.logic import equal, where

    zero = equal(x2, 0)
    return where(zero, 0.0, divide(x1, where(zero, 1.0, x2)))


@op(2, floating, fuse=True, home="numpy")
def heaviside(x1: Any, x2: Any) -> Any:
    """The step function: 0 below 0, 1 above, `x2` at 0.

    Args:
        x1: tensor of any shape.
        x2: value at 0, a number or tensor that broadcasts.

    Returns:
        tensor of the broadcast shape, floating.
    """
    from kfront.ops.logic import equal, greater, less, where

    return where(less(x1, 0), 0.0, where(greater(x1, 0), 1.0, where(equal(x1, 0), x2, x1)))  # x1: NaN


@op(2, floating, fuse=True, home="numpy")
def hypot(x1: Any, x2: Any) -> Any:
    """sqrt(x1^2 + x2^2) without overflow: the length of the hypotenuse.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.
    """
    from kfront.ops.elementwise import abs, sqrt, square
    from kfront.ops.logic import equal, isinf, logical_or, where

    a, b = abs(x1), abs(x2)
    large, small = maximum(a, b), minimum(a, b)
    safe = where(equal(large, 0), 1.0, large)
    infinite = logical_or(isinf(a), isinf(b))  # even beside NaN (IEEE 754)
    ratio = where(infinite, 0.0, divide(small, safe))
    return where(infinite, math.inf, multiply(large, sqrt(add(1.0, square(ratio)))))
