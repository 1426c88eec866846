"""Functions of one tensor, applied to each element."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import FLOATS, floating, keep, numeric, result_type, standardize, static_rule
from kfront.core.op import op
from kfront.ops._prepare import dtype_name
from kfront.ops.arithmetic import divide, multiply, power
from kfront.ops.logic import equal, isnan, less, where


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def exp(x: Any) -> Any:
    """Exponential, elementwise.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def log(x: Any) -> Any:
    """Natural logarithm, elementwise; NaN below 0, -inf at 0.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def log1p(x: Any) -> Any:
    """log(1 + x), accurate for small x.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def expm1(x: Any) -> Any:
    """exp(x) - 1, accurate for small x.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def sqrt(x: Any) -> Any:
    """Square root, elementwise; NaN below 0.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="math")
def rsqrt(x: Any) -> Any:
    """1 / sqrt(x), elementwise.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def sin(x: Any) -> Any:
    """Sine of an angle in radians.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def cos(x: Any) -> Any:
    """Cosine of an angle in radians.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def tan(x: Any) -> Any:
    """Tangent of an angle in radians.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arcsin(x: Any) -> Any:
    """Inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def arccos(x: Any) -> Any:
    """Inverse cosine, in [0, pi]; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arctan(x: Any) -> Any:
    """Inverse tangent, in [-pi/2, pi/2].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def sinh(x: Any) -> Any:
    """Hyperbolic sine.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def cosh(x: Any) -> Any:
    """Hyperbolic cosine.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arcsinh(x: Any) -> Any:
    """Inverse hyperbolic sine.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="numpy")
def arccosh(x: Any) -> Any:
    """Inverse hyperbolic cosine; NaN below 1.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="numpy")
def arctanh(x: Any) -> Any:
    """Inverse hyperbolic tangent; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, zeros="kept", home="math")
def erf(x: Any) -> Any:
    """Gauss error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """


@op(dtype=floating, shape=shapes.same, home="math")
def erfinv(x: Any) -> Any:
    """Inverse of the Gauss error function; NaN outside [-1, 1].

    Args:
        x: tensor of any shape; integers and bool become floatx.

    Returns:
        tensor of the shape of `x`, floating.
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


@static_rule
def _cast_rule(dtypes: tuple[Any, ...], dtype: Any) -> tuple[Any, Any]:
    return None, dtype


_cast_rule.keeps = True  # type: ignore[attr-defined]


@op(dtype=_cast_rule, shape=shapes.same, prepare={"dtype": dtype_name}, zeros="kept", home="core")
def cast(x: Any, dtype: Any) -> Any:
    """The same values in another dtype.

    Args:
        x: tensor of any shape.
        dtype: dtype name; floating to integer truncates, to bool is `x != 0`.

    Returns:
        tensor of the shape of `x`.

    Raises:
        DTypeError: if there is no such dtype.

    Example:

    >>> from kfront import ops
    >>> ops.cast(ops.array([1.7, -1.7]), "int32").tolist()
    [1, -1]
    """


# ---- composed -------------------------------------------------------------------------------------------------------


@op(dtype=numeric, zeros="kept", home="numpy")
def square(x: Any) -> Any:
    """x * x, elementwise.

    Args:
        x: tensor of any shape; bool becomes int32.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    return multiply(x, x)


@op(dtype=floating, zeros="filled", home="numpy")
def log2(x: Any) -> Any:
    """Logarithm to base 2.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    return divide(log(x), math.log(2))


@op(dtype=floating, zeros="filled", home="numpy")
def log10(x: Any) -> Any:
    """Logarithm to base 10.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    return divide(log(x), math.log(10))


@op(dtype=floating, zeros="filled", home="numpy")
def exp2(x: Any) -> Any:
    """2 to the power x.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    return power(2.0, x)


@op(dtype=floating, zeros="filled", home="numpy")
def reciprocal(x: Any) -> Any:
    """1 / x, elementwise.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    return divide(1.0, x)


@op(dtype=floating, zeros="kept", fuse=True, home="numpy")
def deg2rad(x: Any) -> Any:
    """Degrees to radians.

    Args:
        x: tensor of angles in degrees; integers become floatx.

    Returns:
        tensor of angles in radians, floating.
    """
    return multiply(x, math.pi / 180)


@op(dtype=floating, zeros="kept", fuse=True, home="numpy")
def rad2deg(x: Any) -> Any:
    """Radians to degrees.

    Args:
        x: tensor of angles in radians; integers become floatx.

    Returns:
        tensor of angles in degrees, floating.
    """
    return multiply(x, 180 / math.pi)


@op(dtype=keep, zeros="kept", home="numpy")
def trunc(x: Any) -> Any:
    """The fraction cut off: rounding towards 0.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    return where(less(x, 0), ceil(x), floor(x)) if _floats(x) else x


@op(dtype=keep, zeros="filled", fuse=True, home="numpy")
def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """NaN and infinities replaced by numbers.

    Args:
        x: tensor of any shape.
        nan: what NaN becomes.
        posinf: what inf becomes; the largest number of the dtype if None.
        neginf: what -inf becomes; the smallest number of the dtype if None.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    if not _floats(x):
        return x
    low, high = limits(dtype_of(x))
    x = where(isnan(x), nan, x)
    x = where(equal(x, math.inf), high if posinf is None else posinf, x)
    return where(equal(x, -math.inf), low if neginf is None else neginf, x)


@op(home="core")
def saturate_cast(x: Any, dtype: Any) -> Any:
    """Cast with values out of the target's range set to its nearest bound.

    Args:
        x: tensor of any shape.
        dtype: dtype name.

    Returns:
        tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.saturate_cast(ops.array([300.0, -5.0]), "uint8").tolist()
    [255, 0]
    """
    from kfront.ops.arithmetic import clip

    dtype = standardize(dtype)
    have = dtype_of(x)
    (low, high), (own_low, own_high) = limits(dtype), limits(have)
    low, high = max(low, own_low), min(high, own_high)
    if have in FLOATS and dtype not in FLOATS:
        low, high = _float_inside(low, have), _float_inside(high, have)
    return cast(clip(x, low, high), dtype)


# ---- helpers --------------------------------------------------------------------------------------------------------


def dtype_of(x: Any) -> str:
    """The dtype name of a tensor, symbolic or native, or of a Python scalar."""
    from kfront.core.spec import KerasTensor
    from kfront.core.state import state

    if isinstance(x, KerasTensor):
        return x.dtype
    if isinstance(x, (bool, int, float)):
        return result_type(type(x))
    return state.backend.dtype_name(x.dtype)


def _floats(x: Any) -> bool:
    return dtype_of(x) in FLOATS


# tables, because torch.compile cannot look into ml_dtypes.finfo
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": 2.0**128 - 2.0**120,
    "float32": 2.0**128 - 2.0**104,
    "float64": 1.7976931348623157e308,
    "float8_e4m3fn": 448.0,
    "float8_e5m2": 57344.0,
}
_PRECISION = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53, "float8_e4m3fn": 4, "float8_e5m2": 3}


def limits(dtype: str) -> tuple[Any, Any]:
    """Smallest and largest finite number of a dtype, as Python numbers."""
    if dtype == "bool":
        return 0, 1
    if dtype in _LARGEST:
        return -_LARGEST[dtype], _LARGEST[dtype]
    bits = int(dtype.lstrip("uint"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def eps(dtype: str) -> float:
    """Distance from 1 to the next larger number of a floating dtype."""
    return 2.0 ** (1 - _PRECISION[dtype])


def _float_inside(bound: Any, dtype: str) -> float:
    """The number of a floating dtype nearest to an integer bound that does not lie outside of it."""
    if isinstance(bound, float):
        return bound
    size = -bound if bound < 0 else bound
    cut = max(size.bit_length() - _PRECISION[dtype], 0)
    return math.copysign(size >> cut << cut, bound)
