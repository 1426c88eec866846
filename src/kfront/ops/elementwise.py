"""Functions of one tensor, applied to each element."""

from __future__ import annotations

import math
from typing import Any

from kfront.core.dtypes import floating, keep, numeric
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p


@op(dtype=numeric, zeros="kept", home="numpy")
def square(x: TensorLike) -> Tensor:
    """x * x, elementwise.

    Args:
        x: tensor of any shape; bool becomes int32.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.square([2, -3])).tolist()
    [4, 9]
    """
    return p.multiply(x, x)


@op(dtype=floating, zeros="filled", home="numpy")
def log2(x: TensorLike) -> Tensor:
    """Logarithm to base 2.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.log2(8.0)), 4)
    3.0
    """
    return p.divide(p.log(x), math.log(2))


@op(dtype=floating, zeros="filled", home="numpy")
def log10(x: TensorLike) -> Tensor:
    """Logarithm to base 10.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.log10(1000.0)), 4)
    3.0
    """
    return p.divide(p.log(x), math.log(10))


@op(dtype=floating, zeros="filled", home="numpy")
def exp2(x: TensorLike) -> Tensor:
    """2 to the power x.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.exp2([1.0, 3.0])).tolist()
    [2.0, 8.0]
    """
    return p.power(2.0, x)


@op(dtype=floating, zeros="filled", home="numpy")
def reciprocal(x: TensorLike) -> Tensor:
    """1 / x, elementwise.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.reciprocal([2.0, 4.0])).tolist()
    [0.5, 0.25]
    """
    return p.divide(1.0, x)


@op(dtype=floating, zeros="kept", fuse=True, home="numpy")
def deg2rad(x: TensorLike) -> Tensor:
    """Degrees to radians.

    Args:
        x: tensor of angles in degrees; integers become floatx.

    Returns:
        tensor of angles in radians, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.deg2rad(180.0)), 4)
    3.1416
    """
    return p.multiply(x, math.pi / 180)


@op(dtype=floating, zeros="kept", fuse=True, home="numpy")
def rad2deg(x: TensorLike) -> Tensor:
    """Radians to degrees.

    Args:
        x: tensor of angles in radians; integers become floatx.

    Returns:
        tensor of angles in degrees, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.rad2deg(1.0)), 4)
    57.2958
    """
    return p.multiply(x, 180 / math.pi)


@op(dtype=keep, zeros="kept", home="numpy")
def trunc(x: Tensor) -> Tensor:
    """The fraction cut off: rounding towards 0.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.trunc([-1.7, 1.7])).tolist()
    [-1.0, 1.0]
    """
    return p.where(p.less(x, 0), p.ceil(x), p.floor(x)) if p.is_floating(x) else x


@op(dtype=keep, zeros="filled", fuse=True, home="numpy")
def nan_to_num(x: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN and infinities replaced by numbers.

    Args:
        x: tensor of any shape.
        nan: what NaN becomes.
        posinf: what inf becomes; the largest number of the dtype if None.
        neginf: what -inf becomes; the smallest number of the dtype if None.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.nan_to_num([1.0, float("nan")])).tolist()
    [1.0, 0.0]
    """
    if not p.is_floating(x):
        return x
    low, high = p.limits(p.dtype_of(x))
    x = p.where(p.isnan(x), nan, x)
    x = p.where(p.equal(x, math.inf), high if posinf is None else posinf, x)
    return p.where(p.equal(x, -math.inf), low if neginf is None else neginf, x)


@op(dtype=floating, home="numpy")
def fabs(x: TensorLike) -> Tensor:
    """Absolute value, as a floating number.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.fabs([-2.0, 3.0])).tolist()
    [2.0, 3.0]
    """
    return p.abs(x)


@op(dtype=floating, home="numpy")
def cbrt(x: TensorLike) -> Tensor:
    """Cube root, also of negative numbers.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.cbrt(-8.0)), 4)
    -2.0
    """
    itself = p.logical_or(p.equal(x, 0), p.isinf(x))
    magnitude = p.abs(p.where(itself, 1.0, x))
    root = p.power(magnitude, 1 / 3)
    root = p.subtract(root, p.divide(p.subtract(root, p.divide(magnitude, square(root))), 3.0))  # 1 / 3 is rounded
    return p.where(itself, x, p.multiply(p.sign(x), root))


@op(dtype=floating, home="math")
def erfc(x: TensorLike) -> Tensor:
    """1 - erf(x).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.erfc(1.0)), 4)
    0.1573
    """
    return p.subtract(1.0, p.erf(x))


_SINC_NEAR = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(7, -1, -1))  # of the square; Taylor


@op(dtype=floating, home="numpy")
def sinc(x: TensorLike) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.sinc(0.5)), 4)
    0.6366
    """
    y = p.multiply(x, math.pi)
    near = p.less(p.abs(y), 0.5)  # where derivatives of a quotient have few digits
    whole = p.round(x)  # sin(pi x) is that of the rest: pi times a large number is rounded by more than it is
    odd = p.not_equal(p.floor_divide(whole, 2.0), p.divide(whole, 2.0))
    sine = p.sin(p.multiply(p.subtract(x, whole), math.pi))
    small = p.where(near, y, 0.0)
    series = _polynomial(p.multiply(small, small), _SINC_NEAR)
    return p.where(near, series, p.divide(p.where(odd, p.negative(sine), sine), p.where(near, 1.0, y)))


# Abramowitz and Stegun (1964), 9.8.1 and 9.8.2; relative error below 2e-7
_I0_NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
_I0_FAR = (
    0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281, -0.00157565, 0.00225319, 0.01328592, 0.39894228,
)  # fmt: skip


def _polynomial(x: TensorLike, coefficients: tuple[float, ...]) -> Any:
    out: Any = coefficients[0]
    for c in coefficients[1:]:
        out = p.add(p.multiply(out, x), c)
    return out


# Chebyshev coefficients of exp(-y) sqrt(y) I0(y) in 16 / y - 1, for y from 8 on.
_I0_CHEBYSHEV = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06, 2.0489185894690638e-07,
    2.266668990498178e-08, 3.3962320257083865e-09, 4.94060238822497e-10, 1.1889147107846439e-11,
    -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12, 7.180124451383666e-13,
    3.8527783827421426e-13, 1.54008621752141e-14, -4.150569347287222e-14, -9.554846698828307e-15,
    3.811680669352621e-15, 1.7725601330565245e-15, -3.425485619677142e-16, -2.827623980516646e-16,
    3.461222867695658e-17, 4.465621420302078e-17,
)  # fmt: skip


def _i0_exact(x: TensorLike) -> Tensor:
    """I0 to the last digits of float64: its power series up to 8, Chebyshev polynomials (Clenshaw, 1955) beyond."""
    y = p.abs(x)
    near = p.less(y, 8.0)
    small, large = p.multiply(p.where(near, y, 0.0), 0.5), p.where(near, 8.0, y)
    series = _polynomial(p.multiply(small, small), tuple(math.factorial(k) ** -2.0 for k in range(26, -1, -1)))
    t, one, two = p.subtract(p.divide(16.0, large), 1.0), 0.0, 0.0
    for c in _I0_CHEBYSHEV[:0:-1]:
        one, two = p.add(p.subtract(p.multiply(p.multiply(t, 2.0), one), two), c), one
    factor = p.add(p.subtract(p.multiply(t, one), two), _I0_CHEBYSHEV[0])
    return p.where(near, series, p.multiply(p.divide(p.exp(large), p.sqrt(large)), factor))


@op(dtype=floating, fuse=True, home="numpy")
def i0(x: TensorLike) -> Tensor:
    """I0, the modified Bessel function of order 0.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.i0(1.0)), 4)
    1.2661
    """
    if p.dtype_of(x) == "float64":
        return _i0_exact(x)
    y = p.abs(x)
    near = p.less(y, 3.75)
    small = p.divide(p.where(near, y, 0.0), 3.75)
    large = p.where(near, 3.75, y)
    far = p.multiply(p.divide(p.exp(large), p.sqrt(large)), _polynomial(p.divide(3.75, large), _I0_FAR))
    return p.where(near, _polynomial(p.multiply(small, small), _I0_NEAR), far)


@op(dtype=keep, zeros="kept", home="numpy")
def signbit(x: TensorLike) -> Tensor:
    """Whether the sign is negative, also that of -0.0.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.signbit([-0.0, 0.0])).tolist()
    [True, False]
    """
    below = p.less(x, 0)
    return p.logical_or(below, p.logical_and(p.equal(x, 0), p.less(p.divide(1.0, x), 0)))
