"""Arithmetic, elementwise with broadcasting. Python scalars are weak: they take the tensor's dtype."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from kfront.core import shapes
from kfront.core.dtypes import floating, numeric, promote, result_type
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike


@op(2, promote, shapes.elementwise, weak=True, zeros="joined", home="numpy")
def add(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.add([1, 2], 3)).tolist()
    [4, 5]
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="joined", home="numpy")
def subtract(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Difference, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.subtract([3, 2], [1, 5])).tolist()
    [2, -3]
    """


@op(2, promote, shapes.elementwise, weak=True, zeros="absorbed", home="numpy")
def multiply(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Product, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.multiply([1, 2], [[3], [4]])).tolist()
    [[3, 6], [4, 8]]
    """


@op(2, floating, shapes.elementwise, weak=True, zeros="scaled", home="numpy", aliases=("true_divide",))
def divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """True quotient, elementwise; integers become floatx.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.divide([1, 3], 2)).tolist()
    [0.5, 1.5]
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """`x1` to the power `x2`, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.power([1, 2, 3], 2)).tolist()
    [1, 4, 9]
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def floor_divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Largest integer <= x1 / x2, in the common dtype.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.floor_divide([-3, 3], 2)).tolist()
    [-2, 1]
    """


@op(2, numeric, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def mod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Remainder of `floor_divide`; it has the sign of `x2`.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.mod([-3, 3], 2)).tolist()
    [1, 1]
    """


@op(2, promote, shapes.elementwise, zeros="joined", home="numpy")
def maximum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Larger of two values, elementwise; NaN if either is.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.maximum([1, 5], 3)).tolist()
    [3, 5]
    """


@op(2, promote, shapes.elementwise, zeros="joined", home="numpy")
def minimum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Smaller of two values, elementwise; NaN if either is.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.minimum([1, 5], 3)).tolist()
    [1, 3]
    """


@op(2, floating, shapes.elementwise, home="numpy")
def arctan2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Angle in radians of the point (x2, x1), in [-pi, pi].

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> f"{float(ops.arctan2(1.0, -1.0)):.4f}"
    '2.3562'
    """


@op(2, floating, shapes.elementwise, home="numpy")
def logaddexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """log(exp(x1) + exp(x2)), without overflow.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> f"{float(ops.logaddexp(1000.0, 1000.0)):.4f}"
    '1000.6932'
    """


@op(2, floating, shapes.elementwise, home="math")
def gammainc(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Regularized lower incomplete gamma function: the integral of t^(x1 - 1) exp(-t) from 0 to x2, as a part of gamma.

    It is the probability that a number of the gamma distribution of shape x1 is at most x2.

    Args:
        x1: tensor, or Python scalar; NaN below 0.
        x2: tensor, or Python scalar; NaN below 0. The shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype, floating.

    Example:

    >>> from kfront import ops
    >>> f"{float(ops.gammainc(1.0, 2.0)):.4f}"
    '0.8647'
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def floor(x: TensorLike) -> Tensor:
    """Largest integer <= x, as a floating number.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.floor([-1.5, 1.5])).tolist()
    [-2.0, 1.0]
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def ceil(x: TensorLike) -> Tensor:
    """Smallest integer >= x, as a floating number.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.ceil([-1.5, 1.5])).tolist()
    [-1.0, 2.0]
    """


def _magnitude(x: Tensor) -> tuple[object, object]:
    d = result_type(x)
    return None, {"complex64": "float32", "complex128": "float64"}.get(d, d)


@op(dtype=_magnitude, shape=shapes.same, zeros="kept", home="numpy", aliases=("absolute",), class_name="Absolute")
def abs(x: TensorLike) -> Tensor:
    """Absolute value, elementwise; the modulus of complex numbers.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, in its dtype (its real dtype when it is complex).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.abs([-2, 3])).tolist()
    [2, 3]
    """


@op(dtype=numeric, shape=shapes.same, zeros="kept", home="numpy")
def negative(x: TensorLike) -> Tensor:
    """-x, elementwise.

    Args:
        x: tensor of any shape; bool becomes int32.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.negative([-2, 3])).tolist()
    [2, -3]
    """


@op(dtype=numeric, shape=shapes.same, zeros="kept", home="numpy")
def sign(x: TensorLike) -> Tensor:
    """-1, 0 or 1, elementwise; NaN stays.

    Args:
        x: tensor of any shape; bool becomes int32.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sign([-2.5, 0.0, 3.0])).tolist()
    [-1.0, 0.0, 1.0]
    """


@op(dtype=numeric, shape=shapes.same, zeros="kept", home="numpy")
def round(x: TensorLike, decimals: int = 0) -> Tensor:
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
