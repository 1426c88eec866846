"""Further elementwise functions: special functions, number theory, bits of floating numbers, complex numbers.

Complex tensors are at home in few ops; where an engine has none, these raise `UnsupportedError`.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

from kfront.core.dtypes import COMPLEX, floating, keep, numeric, promote, result_type, to_float
from kfront.core.errors import ShapeError, UnsupportedError
from kfront.core.op import op
from kfront.core.op_registry import function
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.ops._prepare import optional_dtype
from kfront.ops.arithmetic import (
    add,
    arctan2,
    divide,
    floor_divide,
    logaddexp,
    maximum,
    minimum,
    mod,
    multiply,
    power,
    subtract,
)
from kfront.ops.control import while_loop
from kfront.ops.elementwise import abs, cast, cos, dtype_of, erf, exp, exp2, negative, sign, sin, sqrt
from kfront.ops.index import get_item
from kfront.ops.logic import equal, greater, isnan, less, logical_and, logical_not, logical_or, not_equal, where
from kfront.ops.reduce import any
from kfront.ops.shape import expand_dims, ravel, stack


def _missing(name: str) -> NoReturn:
    raise UnsupportedError(f"[{name}] expected an engine that has it, got {state.backend.name!r}.")


# ---- special functions ----------------------------------------------------------------------------------------------


@op(dtype=floating, home="numpy")
def fabs(x: Any) -> Any:
    """Absolute value, as a floating number.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    return abs(x)


@op(dtype=floating, home="numpy")
def cbrt(x: Any) -> Any:
    """Cube root, also of negative numbers.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    zero = equal(x, 0)
    root = power(abs(where(zero, 1.0, x)), 1 / 3)
    return where(zero, x, multiply(sign(x), root))


@op(dtype=floating, home="math")
def erfc(x: Any) -> Any:
    """1 - erf(x).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    return subtract(1.0, erf(x))


@op(dtype=floating, home="numpy")
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    y = multiply(x, math.pi)
    zero = equal(y, 0)
    safe = where(zero, 1.0, y)
    return where(zero, 1.0, divide(sin(safe), safe))


# Abramowitz and Stegun (1964), 9.8.1 and 9.8.2; relative error below 2e-7
_I0_NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
_I0_FAR = (
    0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281, -0.00157565, 0.00225319, 0.01328592, 0.39894228,
)  # fmt: skip


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    out: Any = coefficients[0]
    for c in coefficients[1:]:
        out = add(multiply(out, x), c)
    return out


# Chebyshev coefficients of exp(-y) sqrt(y) I0(y) in 16 / y - 1, for y from 8 on.
_I0_CHEBYSHEV = (
    0.4022452055070544,
    0.0033691164782556943,
    6.889758346916825e-05,
    2.8913705208347567e-06,
    2.0489185894690638e-07,
    2.266668990498178e-08,
    3.3962320257083865e-09,
    4.94060238822497e-10,
    1.1889147107846439e-11,
    -3.1499165279632416e-11,
    -1.3215811840447713e-11,
    -1.7941785315068062e-12,
    7.180124451383666e-13,
    3.8527783827421426e-13,
    1.54008621752141e-14,
    -4.150569347287222e-14,
    -9.554846698828307e-15,
    3.811680669352621e-15,
    1.7725601330565245e-15,
    -3.425485619677142e-16,
    -2.827623980516646e-16,
    3.461222867695658e-17,
    4.465621420302078e-17,
)


def _i0_exact(x: Any) -> Any:
    """I0 to the last digits of float64: its power series up to 8, Chebyshev polynomials (Clenshaw, 1955) beyond."""
    y = abs(x)
    near = less(y, 8.0)
    small, large = multiply(where(near, y, 0.0), 0.5), where(near, 8.0, y)
    series = _polynomial(multiply(small, small), tuple(math.factorial(k) ** -2.0 for k in range(26, -1, -1)))
    t, one, two = subtract(divide(16.0, large), 1.0), 0.0, 0.0
    for c in _I0_CHEBYSHEV[:0:-1]:
        one, two = add(subtract(multiply(multiply(t, 2.0), one), two), c), one
    factor = add(subtract(multiply(t, one), two), _I0_CHEBYSHEV[0])
    return where(near, series, multiply(divide(exp(large), sqrt(large)), factor))


@op(dtype=floating, fuse=True, home="numpy")
def i0(x: Any) -> Any:
    """Modified Bessel function of the first kind, order 0.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.
    """
    if dtype_of(x) == "float64":
        return _i0_exact(x)
    y = abs(x)
    near = less(y, 3.75)
    small = divide(where(near, y, 0.0), 3.75)
    large = where(near, 3.75, y)
    far = multiply(divide(exp(large), sqrt(large)), _polynomial(divide(3.75, large), _I0_FAR))
    return where(near, _polynomial(multiply(small, small), _I0_NEAR), far)


@op(2, floating, fuse=True, home="numpy")
def logaddexp2(x1: Any, x2: Any) -> Any:
    """log2(2^x1 + 2^x2), without overflow.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.
    """
    two = math.log(2)
    return divide(logaddexp(multiply(x1, two), multiply(x2, two)), two)


def _ldexp_rule(x1: Any, x2: Any) -> tuple[Any, Any]:
    d = to_float(result_type(x1, x2))
    return d, d


@op(2, _ldexp_rule, fuse=True, home="numpy")
def ldexp(x1: Any, x2: Any) -> Any:
    """x1 * 2^x2.

    Args:
        x1: tensor, or Python scalar.
        x2: integer tensor, or int; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.
    """
    return multiply(x1, exp2(x2))


# ---- choice and remainders ------------------------------------------------------------------------------------------


@op(2, promote, fuse=True, home="numpy")
def fmax(x1: Any, x2: Any) -> Any:
    """Larger of two values; NaN only where both are.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """
    return where(isnan(x1), x2, where(isnan(x2), x1, maximum(x1, x2)))


@op(2, promote, fuse=True, home="numpy")
def fmin(x1: Any, x2: Any) -> Any:
    """Smaller of two values; NaN only where both are.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """
    return where(isnan(x1), x2, where(isnan(x2), x1, minimum(x1, x2)))


@op(2, numeric, fuse=True, home="numpy")
def fmod(x1: Any, x2: Any) -> Any:
    """Remainder with the sign of `x1`.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """
    if dtype_of(x1).startswith("u"):
        return mod(x1, x2)
    rest = mod(abs(x1), abs(x2))
    found = where(less(x1, 0), negative(rest), rest)
    return where(logical_and(equal(x1, 0), greater(abs(x2), 0)), x1, found)  # 0 itself, whose slope is 1


@op(2, promote, fuse=True, home="numpy")
def gcd(x1: Any, x2: Any) -> Any:
    """Greatest common divisor, >= 0.

    Args:
        x1: integer tensor, or int.
        x2: integer tensor, or int; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """
    if isinstance(x1, KerasTensor) or isinstance(x2, KerasTensor):
        return add(x1, x2)
    zero = multiply(add(x1, x2), 0)
    a, b = (abs(add(x, zero)) for x in (x1, x2))

    def step(a: Any, b: Any) -> tuple[Any, Any]:
        done = equal(b, 0)
        rest = mod(a, where(done, 1, b))
        return where(done, a, b), where(done, 0, rest)

    return while_loop(lambda a, b: any(not_equal(b, 0)), step, (a, b))[0]


@op(2, promote, fuse=True, home="numpy")
def lcm(x1: Any, x2: Any) -> Any:
    """Least common multiple, >= 0; 0 if one of the two is 0.

    Args:
        x1: integer tensor, or int.
        x2: integer tensor, or int; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """
    divisor = gcd(x1, x2)
    return abs(multiply(floor_divide(x1, where(equal(divisor, 0), 1, divisor)), x2))


@op(2, promote, home="numpy", class_name="IsIn")
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element is among those of another tensor.

    Args:
        x1: tensor of any shape.
        x2: tensor, flattened.
        assume_unique: kept for compatibility.
        invert: whether True means that it is not.

    Returns:
        bool tensor of the shape of `x1`.
    """
    found = any(equal(expand_dims(x1, -1), ravel(x2)), -1)
    return logical_not(found) if invert else found


@function("numpy", call_args=("condlist", "choicelist", "default"))
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Each element from the first choice whose condition is true there.

    Args:
        condlist: list of bool tensors.
        choicelist: list of as many tensors; the shapes broadcast.
        default: value where no condition is true.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Raises:
        ShapeError: if the lists differ in length, or are empty.
    """
    conditions, choices = list(condlist), list(choicelist)
    if len(conditions) != len(choices) or not choices:
        raise ShapeError(
            f"[select] expected as many conditions as choices, at least one, got {len(conditions)} and {len(choices)}."
        )
    from kfront.ops.create import convert_to_tensor

    choices = [convert_to_tensor(c) for c in choices]
    kinds = [dtype_of(c) for c in choices]
    kind = result_type(*kinds, type(default) if _scalar(default) else dtype_of(default))
    out = default
    for condition, choice, own in zip(reversed(conditions), reversed(choices), reversed(kinds), strict=True):
        out = where(condition, choice if own == kind else cast(choice, kind), out)
    return out


def _scalar(x: Any) -> bool:
    return isinstance(x, (bool, int, float))


# ---- bits of floating numbers ---------------------------------------------------------------------------------------


@op(dtype=keep, zeros="kept", home="numpy")
def signbit(x: Any) -> Any:
    """Whether the sign is negative, also that of -0.0.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.
    """
    below = less(x, 0)
    return logical_or(below, logical_and(equal(x, 0), less(divide(1.0, x), 0)))


@op(2, floating, home="numpy")
def nextafter(x1: Any, x2: Any) -> Any:
    """The next floating number from `x1` towards `x2`.

    Args:
        x1: tensor.
        x2: tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, floating.
    """
    return add(x1, x2) if isinstance(x1, KerasTensor) or isinstance(x2, KerasTensor) else _missing("nextafter")


def _width(dtype: str) -> int:
    from kfront.core.dtypes import numpy_dtype

    return numpy_dtype(dtype).itemsize


@op(prepare={"dtype": optional_dtype}, home="numpy")
def view(x: Any, dtype: Any = None) -> Any:
    """The same bytes, read as another dtype.

    Args:
        x: tensor of shape (..., n).
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor whose last axis is longer or shorter when the sizes of the dtypes differ.

    Raises:
        ShapeError: if the last axis does not hold a whole number of elements.
    """
    have = dtype_of(x)
    if dtype is None or dtype == have:
        return x
    if not isinstance(x, KerasTensor):
        return _missing("view")
    old, new, s = _width(have), _width(dtype), tuple(x.shape)
    if old == new:
        return Abstract(s, dtype)
    if not s or (s[-1] is not None and s[-1] * old % new):
        raise ShapeError(f"[view] expected a last axis of whole {dtype} elements, got shape {s} of {have}.")
    return Abstract((*s[:-1], None if s[-1] is None else s[-1] * old // new), dtype)


# ---- complex numbers ------------------------------------------------------------------------------------------------


def _real_dtype(dtype: str) -> str:
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


@op(2, floating)
def to_complex(re: Any, im: Any) -> Any:
    """A complex tensor of its two parts. Not public; engines define it.

    Args:
        re: real parts, float32 or float64.
        im: imaginary parts, of the same shape.

    Returns:
        complex64 or complex128 tensor.
    """
    if isinstance(re, KerasTensor) or isinstance(im, KerasTensor):
        out = add(re, im)
        return Abstract(out.shape, "complex128" if out.dtype == "float64" else "complex64")
    return _missing("to_complex")


@op()
def complex_parts(x: Any) -> Any:
    """The parts of a complex tensor. Not public; engines define it.

    Args:
        x: complex tensor.

    Returns:
        Tuple (real, imaginary).
    """
    if isinstance(x, KerasTensor):
        return (Abstract(x.shape, _real_dtype(x.dtype)),) * 2
    return _missing("complex_parts")


def _is_complex(x: Any) -> bool:
    return dtype_of(x) in COMPLEX


@op(zeros="kept", home="numpy")
def real(x: Any) -> Any:
    """Real part.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, real.
    """
    return complex_parts(x)[0] if _is_complex(x) else x


@op(zeros="kept", home="numpy")
def imag(x: Any) -> Any:
    """Imaginary part; 0 for real tensors.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, real.
    """
    from kfront.ops.create import zeros_like

    return complex_parts(x)[1] if _is_complex(x) else zeros_like(x)


@op(zeros="kept", home="numpy", aliases=("conjugate",))
def conj(x: Any) -> Any:
    """Complex conjugate; real tensors stay.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    if not _is_complex(x):
        return x
    re, im = complex_parts(x)
    return to_complex(re, negative(im))


@op(fuse=True, home="numpy")
def angle(x: Any) -> Any:
    """Angle in the complex plane, in radians.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, floating.
    """
    from kfront.ops.create import zeros_like

    if _is_complex(x):
        re, im = complex_parts(x)
        return arctan2(im, re)
    x = cast(x, to_float(dtype_of(x)))
    return arctan2(zeros_like(x), x)


@op(home="numpy")
def isreal(x: Any) -> Any:
    """Whether the imaginary part is 0.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.
    """
    return equal(imag(x), 0)


@op(2, floating, fuse=True, home="nn")
def polar(abs_: Any, angle: Any) -> Any:
    """Complex numbers from length and angle.

    Args:
        abs_: lengths, floating tensor.
        angle: angles in radians, of the same shape.

    Returns:
        complex64 or complex128 tensor.
    """
    return to_complex(multiply(abs_, cos(angle)), multiply(abs_, sin(angle)))


@op(dtype=floating, home="math")
def view_as_complex(x: Any) -> Any:
    """Pairs (real, imaginary) in the last axis as complex numbers.

    Args:
        x: floating tensor of shape (..., 2).

    Returns:
        complex tensor of shape (...,).

    Raises:
        ShapeError: if the last axis is not of length 2.
    """
    if not len(x.shape) or x.shape[-1] != 2:
        raise ShapeError(f"[view_as_complex] expected `x` of shape (..., 2), got {tuple(x.shape)}.")
    return to_complex(get_item(x, (..., 0)), get_item(x, (..., 1)))


@op(home="math")
def view_as_real(x: Any) -> Any:
    """Complex numbers as pairs (real, imaginary) in a new last axis.

    Args:
        x: complex tensor.

    Returns:
        tensor of shape x.shape + (2,), real.
    """
    return stack([real(x), imag(x)], -1)
