"""Exponentials, logarithms, roots and trigonometric functions, elementwise."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from kfront.core import shapes
from kfront.core.dtypes import floating
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def exp(x: TensorLike) -> Tensor:
    """Exponential, elementwise.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.exp(1.0)), 4)
    2.7183
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def log(x: TensorLike) -> Tensor:
    """Natural logarithm, elementwise; NaN below 0, -inf at 0.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.log(10.0)), 4)
    2.3026
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def log1p(x: TensorLike) -> Tensor:
    """log(1 + x), accurate for small x.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.log1p(1.0)), 4)
    0.6931
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def expm1(x: TensorLike) -> Tensor:
    """exp(x) - 1, accurate for small x.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.expm1(1.0)), 4)
    1.7183
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def sqrt(x: TensorLike) -> Tensor:
    """Square root, elementwise; NaN below 0.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sqrt([4.0, 9.0])).tolist()
    [2.0, 3.0]
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="math")
def rsqrt(x: TensorLike) -> Tensor:
    """1 / sqrt(x), elementwise.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.rsqrt([4.0, 16.0])).tolist()
    [0.5, 0.25]
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def sin(x: TensorLike) -> Tensor:
    """Sine of an angle in radians.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.sin(1.0)), 4)
    0.8415
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def cos(x: TensorLike) -> Tensor:
    """Cosine of an angle in radians.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.cos(1.0)), 4)
    0.5403
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def tan(x: TensorLike) -> Tensor:
    """Tangent of an angle in radians.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.tan(1.0)), 4)
    1.5574
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arcsin(x: TensorLike) -> Tensor:
    """Inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.arcsin(1.0)), 4)
    1.5708
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def arccos(x: TensorLike) -> Tensor:
    """Inverse cosine, in [0, pi]; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.arccos(0.0)), 4)
    1.5708
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arctan(x: TensorLike) -> Tensor:
    """Inverse tangent, in [-pi/2, pi/2].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.arctan(1.0)), 4)
    0.7854
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def sinh(x: TensorLike) -> Tensor:
    """Hyperbolic sine.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.sinh(1.0)), 4)
    1.1752
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def cosh(x: TensorLike) -> Tensor:
    """Hyperbolic cosine.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.cosh(1.0)), 4)
    1.5431
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def tanh(x: TensorLike) -> Tensor:
    """Hyperbolic tangent.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.tanh(1.0)), 4)
    0.7616
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arcsinh(x: TensorLike) -> Tensor:
    """Inverse hyperbolic sine.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.arcsinh(1.0)), 4)
    0.8814
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def arccosh(x: TensorLike) -> Tensor:
    """Inverse hyperbolic cosine; NaN below 1.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.arccosh(2.0)), 4)
    1.317
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arctanh(x: TensorLike) -> Tensor:
    """Inverse hyperbolic tangent; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.arctanh(0.5)), 4)
    0.5493
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="math")
def erf(x: TensorLike) -> Tensor:
    """Gauss error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.erf(1.0)), 4)
    0.8427
    """


@op(dtype=floating, shape=shapes.same, home="math")
def lgamma(x: TensorLike) -> Tensor:
    """Logarithm of the absolute value of the gamma function; infinite at 0, -1, -2 and so on.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.lgamma(4.0)), 4)
    1.7918
    """


@op(dtype=floating, shape=shapes.same, home="math")
def erfinv(x: TensorLike) -> Tensor:
    """Inverse of the Gauss error function; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.erfinv(0.5)), 4)
    0.4769
    """
