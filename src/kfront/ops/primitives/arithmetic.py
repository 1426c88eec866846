"""Arithmetic, elementwise with broadcasting. Python scalars are weak: they take the tensor's dtype."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, numeric, promote, result_type
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


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def floor(x: Any) -> Any:
    """Largest integer <= x, as a floating number.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def ceil(x: Any) -> Any:
    """Smallest integer >= x, as a floating number.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


def _magnitude(x: Any) -> tuple[Any, Any]:
    d = result_type(x)
    return None, {"complex64": "float32", "complex128": "float64"}.get(d, d)


@op(dtype=_magnitude, shape=shapes.same, zeros="kept", home="numpy", aliases=("absolute",))
def abs(x: Any) -> Any:
    """Absolute value, elementwise; the modulus of complex numbers.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, in its dtype (its real dtype when it is complex).
    """


@op(dtype=numeric, shape=shapes.same, zeros="kept", home="numpy")
def negative(x: Any) -> Any:
    """-x, elementwise.

    Args:
        x: tensor of any shape; bool becomes int32.

    Returns:
        tensor of the shape and dtype of `x`.
    """


@op(dtype=numeric, shape=shapes.same, zeros="kept", home="numpy")
def sign(x: Any) -> Any:
    """-1, 0 or 1, elementwise; NaN stays.

    Args:
        x: tensor of any shape; bool becomes int32.

    Returns:
        tensor of the shape and dtype of `x`.
    """


@op(dtype=numeric, shape=shapes.same, zeros="kept", home="numpy")
def round(x: Any, decimals: int = 0) -> Any:
    """Round to a number of decimals, halves to the even neighbour.

    Args:
        x: tensor of any shape; bool becomes int32.
        decimals: digits after the point; negative to round before it.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> float(ops.round(ops.array(2.5)))
    2.0
    """
