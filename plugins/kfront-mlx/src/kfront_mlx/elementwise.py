"""One element of the result from one of each operand; casts, bits, complex parts.

MLX computes exp, sin, cos and what rests on them in float32 even for float64 (mlx 0.32, on the CPU); for float64 they
are taken from functions that it does compute in it.
"""

from __future__ import annotations

import itertools
import math

import mlx.core as mx

from kfront.backends.typing import Function
from kfront.core.typing import DTypeLike
from kfront_mlx.common import FLOATING, HALVES, INTEGERS, UNSIGNED, in_float32, known, native, number, wide_floats

log, log1p, expm1, sqrt, rsqrt = mx.log, mx.log1p, mx.expm1, mx.sqrt, mx.rsqrt
tan, arcsin, arctan = mx.tan, mx.arcsin, mx.arctan
sinh, cosh, tanh, arcsinh, arccosh, arctanh = mx.sinh, mx.cosh, mx.tanh, mx.arcsinh, mx.arccosh, mx.arctanh
arccos = mx.arccos
floor, ceil, negative, square = mx.floor, mx.ceil, mx.negative, mx.square
isnan, isinf, isfinite = mx.isnan, mx.isinf, mx.isfinite
logical_and, logical_or, logical_not = mx.logical_and, mx.logical_or, mx.logical_not
bitwise_and, bitwise_or, bitwise_xor = mx.bitwise_and, mx.bitwise_or, mx.bitwise_xor
left_shift, right_shift = mx.left_shift, mx.right_shift


def _typed(fn: Function[mx.array]) -> Function[mx.array]:
    """`fn`, in which a Python number takes the dtype of the array beside it."""

    def run(x1: mx.array, x2: mx.array) -> mx.array:
        if not isinstance(x2, mx.array):
            x2 = number(x2, x1.dtype)
        elif not isinstance(x1, mx.array):
            x1 = number(x1, x2.dtype)
        return fn(x1, x2)

    return run


add, subtract, multiply, divide = map(_typed, (mx.add, mx.subtract, mx.multiply, mx.divide))
equal, not_equal, less, less_equal = map(_typed, (mx.equal, mx.not_equal, mx.less, mx.less_equal))
greater, greater_equal = map(_typed, (mx.greater, mx.greater_equal))


# ---- exponentials and angles: in float64, from functions that MLX computes in it -------------------------------------


def exp(x: mx.array) -> mx.array:
    """Of float32 on the CPU as well: MLX's own is 10 ULP off there at -30."""
    if x.dtype == mx.float64:
        return mx.power(number(math.e, mx.float64), x)
    return exp(x.astype(mx.float64)).astype(x.dtype) if x.dtype == mx.float32 and wide_floats() else mx.exp(x)


def sin(x: mx.array) -> mx.array:
    return mx.tan(x) * cos(x) if x.dtype == mx.float64 else mx.sin(x)


def cos(x: mx.array) -> mx.array:
    if x.dtype != mx.float64:
        return mx.cos(x)
    size = mx.rsqrt(1 + mx.square(mx.tan(x)))
    return mx.where(mx.abs(mx.tan(x / 2)) < 1, size, -size)


def sigmoid(x: mx.array) -> mx.array:
    if x.dtype not in (mx.float32, mx.float64):
        return mx.sigmoid(x)
    positive = x > 0
    small = exp(mx.where(positive, -x, x))
    return mx.where(positive, 1 / (1 + small), small / (1 + small))


def logaddexp(x1: mx.array, x2: mx.array) -> mx.array:
    if x1.dtype != mx.float64:
        return mx.logaddexp(x1, x2)
    top = mx.stop_gradient(mx.maximum(x1, x2))
    top = mx.where(mx.isfinite(top), top, 0)
    return mx.log(exp(x1 - top) + exp(x2 - top)) + top


# ---- where derivatives are a convention ------------------------------------------------------------------------------


def maximum(x1: mx.array, x2: mx.array) -> mx.array:
    return _of_two(mx.maximum, x1, x2)


def minimum(x1: mx.array, x2: mx.array) -> mx.array:
    return _of_two(mx.minimum, x1, x2)


def _of_two(fn: Function[mx.array], x1: mx.array, x2: mx.array) -> mx.array:
    """Equal operands share the gradient evenly; MLX gives it to the second."""
    found = fn(x1, x2)
    return mx.where(x1 == x2, (x1 + x2) / 2, found) if found.dtype in FLOATING and found.dtype not in HALVES else found


def clip(x: mx.array, x_min: mx.array | float | None, x_max: mx.array | float | None) -> mx.array:
    """Gradient 1 at the bounds, as on the other engines (`mx.clip` has 1/2)."""
    for bound, beyond in ((x_min, mx.less), (x_max, mx.greater)):
        if bound is not None:
            edge = bound if isinstance(bound, mx.array) else _inside(bound, x.dtype)
            x = mx.where(beyond(x, edge) | mx.isnan(edge), edge, x)
    return x


def _inside(bound: float, dtype: mx.Dtype) -> mx.array:
    """A Python number as one that the dtype holds."""
    if dtype in INTEGERS:
        info = mx.iinfo(dtype)
        bound = sorted((info.min, int(bound), info.max))[1]
    return number(bound, dtype)


def abs(x: mx.array) -> mx.array:
    return x if x.dtype in UNSIGNED or x.dtype == mx.bool_ else mx.abs(x)


def sign(x: mx.array) -> mx.array:
    return mx.where(mx.isnan(x), x, mx.sign(x)) if x.dtype in FLOATING else mx.sign(x)


def relu(x: mx.array) -> mx.array:
    return mx.where(x > 0, x, mx.where(mx.isnan(x), x, number(0, x.dtype))) if x.dtype in FLOATING else mx.maximum(x, 0)


def arctan2(x1: mx.array, x2: mx.array) -> mx.array:
    """The angle of (x2, x1), with gradient 0 at the origin."""
    origin = (x1 == 0) & (x2 == 0)
    elsewhere = mx.arctan2(x1, mx.where(origin, number(1, x2.dtype), x2))
    return mx.where(origin, mx.stop_gradient(mx.arctan2(x1, x2)), elsewhere)


def where(condition: mx.array, x1: mx.array, x2: mx.array) -> mx.array:
    if not isinstance(x1, mx.array):
        x1 = number(x1, x2.dtype)
    elif not isinstance(x2, mx.array):
        x2 = number(x2, x1.dtype)
    return mx.where(condition, x1, x2)


# ---- integers and rounding -------------------------------------------------------------------------------------------


@_typed
def floor_divide(x1: mx.array, x2: mx.array) -> mx.array:
    if x1.dtype in INTEGERS:
        safe = _divisor(x2)
        return mx.where(x2 == safe, mx.floor_divide(x1, safe), mx.where(x2 == 0, x2, mx.negative(x1)))
    return mx.where(mx.isfinite(x1) & (x2 != 0), mx.round((x1 - mod(x1, x2)) / x2), mx.floor(x1 / x2))


@_typed
def mod(x1: mx.array, x2: mx.array) -> mx.array:
    if x1.dtype not in INTEGERS:
        return mx.remainder(x1, x2)
    safe = _divisor(x2)
    return mx.where(x2 == safe, mx.remainder(x1, safe), number(0, x1.dtype))


def _divisor(x: mx.array) -> mx.array:
    """`x` with 1 for 0 and for -1: dividing by these ends the process (mlx 0.32), the latter of the least integer."""
    return mx.where((x == 0) | (x == number(-1, x.dtype) if x.dtype not in UNSIGNED else x == 0), number(1, x.dtype), x)


@_typed
def power(x1: mx.array, x2: mx.array) -> mx.array:
    if x1.dtype in INTEGERS and x1.dtype not in UNSIGNED:
        base = mx.where(x2 < 0, number(1, x1.dtype), x1)
        small = mx.where(mx.abs(x1) == 1, mx.where((x1 == 1) | (x2 % 2 == 0), 1, -1), 0).astype(x1.dtype)
        return mx.where(x2 < 0, small, mx.power(base, mx.maximum(x2, 0)))
    return mx.power(x1, x2)


def round(x: mx.array, decimals: int = 0) -> mx.array:
    """Half to even, as NumPy."""
    if x.dtype in INTEGERS:
        return x if decimals >= 0 else _round_integers(x, 10**-decimals)
    if not decimals:
        return mx.round(x)
    wide = x.astype(mx.float32) if x.dtype in HALVES else x
    scale = number(10.0 ** _absolute(decimals), wide.dtype)
    out = mx.round(wide * scale) / scale if decimals > 0 else mx.round(wide / scale) * scale
    return mx.where(mx.isfinite(out), out, wide).astype(x.dtype)


def _absolute(n: int) -> int:
    return n if n >= 0 else -n


def _round_integers(x: mx.array, unit: int) -> mx.array:
    rest = mx.remainder(x, number(unit, x.dtype))
    low = mx.where(x - rest > x, x, x - rest)  # what is below all integers stays
    up = (2 * rest > unit) | ((2 * rest == unit) & (mx.remainder(low // unit, number(2, x.dtype)) == 1))
    return mx.where(up, low + unit, low)


def bitwise_invert(x: mx.array) -> mx.array:
    return mx.bitwise_invert(x)


def nextafter(x1: mx.array, x2: mx.array) -> mx.array:
    """The next number towards `x2`: floating numbers of one sign are in the order of their bits as integers."""
    x1, x2 = mx.broadcast_arrays(x1, x2)
    kind = {mx.float64: mx.int64, mx.float32: mx.int32}.get(x1.dtype, mx.int16)
    away = (x2 > x1) == (x1 > 0)
    moved = (x1.view(kind) + mx.where(away, number(1, kind), number(-1, kind))).view(x1.dtype)
    least = mx.where(x2 > 0, number(1, kind), number(mx.iinfo(kind).min + 1, kind)).view(x1.dtype)
    moved = mx.where(x1 == 0, least, moved)
    return mx.where(mx.isnan(x1) | mx.isnan(x2), x1 + x2, mx.where(x1 == x2, x2, moved))


# ---- dtypes ----------------------------------------------------------------------------------------------------------


def cast(x: mx.array, dtype: DTypeLike) -> mx.array:
    kind = native(dtype)
    if x.dtype == kind:
        return x
    if x.dtype == mx.complex64 and kind != mx.bool_:
        x = mx.real(x)
    return x.astype(kind)


def view(x: mx.array, dtype: DTypeLike = None) -> mx.array:
    """The same bits read as another dtype."""
    return x if dtype is None else x.view(native(dtype))


def to_complex(re: mx.array, im: mx.array) -> mx.array:
    return _joined(*mx.broadcast_arrays(re.astype(mx.float32), im.astype(mx.float32)))


@mx.custom_function
def _joined(re: mx.array, im: mx.array) -> mx.array:
    """By their bits: `re + 1j * im` has NaN of infinities."""
    return mx.stack([re, im], -1).view(mx.complex64).squeeze(-1)


@_joined.vjp
def _joined_vjp(primals: object, cotangent: mx.array, output: mx.array) -> tuple[mx.array, mx.array]:
    return mx.real(cotangent), mx.imag(cotangent)


@_joined.jvp
def _joined_jvp(primals: object, tangents: list[mx.array]) -> mx.array:
    return _joined(*tangents)


def complex_parts(x: mx.array) -> tuple[mx.array, mx.array]:
    return mx.real(x), mx.imag(x)


# ---- special functions -----------------------------------------------------------------------------------------------


def erf(x: mx.array) -> mx.array:
    return _with_slope(_erf64, _erf_slope)(x) if x.dtype == mx.float64 else in_float32(mx.erf)(x)


def erfc(x: mx.array) -> mx.array:
    """1 - erf(x), in float64, as what is near 0 has no digits in float32."""
    with mx.stream(mx.cpu):
        return _with_slope(_erfc64, _erfc_slope)(x.astype(mx.float64)).astype(x.dtype)


def erfinv(x: mx.array) -> mx.array:
    return _with_slope(_erfinv64, _erfinv_slope)(x) if x.dtype == mx.float64 else in_float32(mx.erfinv)(x)


def lgamma(x: mx.array) -> mx.array:
    """Logarithm of |gamma(x)|, in float64, which MLX has on the CPU of every machine."""
    with mx.stream(mx.cpu):
        return _lgamma64(x.astype(mx.float64)).astype(x.dtype)


def gammainc(x1: mx.array, x2: mx.array) -> mx.array:
    """The incomplete gamma function, in float64."""
    with mx.stream(mx.cpu):
        return _gammainc64(x1.astype(mx.float64), x2.astype(mx.float64)).astype(x1.dtype)


def _with_slope(fn: Function[mx.array], slope: Function[mx.array]) -> Function[mx.array]:
    """A function of one operand with the derivative `slope(x, y)`."""
    out = mx.custom_function(fn)
    out.vjp(lambda x, cotangent, y: cotangent * slope(x, y))
    out.jvp(lambda x, tangent: tangent * slope(x, fn(x)))  # of one operand: an array, no list
    return out


def _erf_slope(x: mx.array, y: mx.array) -> mx.array:
    return 2 / math.sqrt(math.pi) * exp(-x * x)


def _erfc_slope(x: mx.array, y: mx.array) -> mx.array:
    return -_erf_slope(x, y)


def _erfinv_slope(x: mx.array, y: mx.array) -> mx.array:
    return math.sqrt(math.pi) / 2 * exp(y * y)


def _erf64(x: mx.array) -> mx.array:
    """Kummer's series near 0 (DLMF 7.6.2), elsewhere from the complement."""
    y = mx.abs(x)
    total = term = near = mx.minimum(y, 1.0)
    for n in range(1, 30):
        term = term * (2 * near * near) / (2 * n + 1)
        total = total + term
    found = mx.where(y < 1, 2 / math.sqrt(math.pi) * exp(-near * near) * total, 1 - _complement(y))
    return mx.where(mx.isnan(x), x, mx.where(x < 0, -found, found))


def _complement(y: mx.array) -> mx.array:
    """1 - erf(y) for y >= 1, by the continued fraction (DLMF 7.9.1)."""
    y = mx.clip(y, 1.0, 30.0)
    fraction = y
    for n in range(200, 0, -1):
        fraction = y + (n / 2) / fraction
    return exp(-y * y) / fraction / math.sqrt(math.pi)


def _erfc64(x: mx.array) -> mx.array:
    return mx.where(x < 1, 1 - _erf64(x), _complement(x))


def _erfinv64(x: mx.array) -> mx.array:
    """Newton's steps from MLX's result, which has the digits of float32."""
    y = mx.erfinv(x)
    inside = mx.abs(x) < 1
    y = mx.where(inside, y, 0)
    for _ in range(2):
        y = y - (_erf64(y) - mx.where(inside, x, 0)) / _erf_slope(y, y)
    edge = mx.where(mx.abs(x) == 1, x * math.inf, math.nan)
    return mx.where(inside, y, edge)


_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def _lgamma_positive(x: mx.array) -> mx.array:
    """Stirling's series after ten steps of gamma(x + 1) = x gamma(x), for x > 0."""
    shifted = x + 10
    product = x
    for n in range(1, 10):
        product = product * (x + n)
    inverse = 1 / shifted
    series = sum(c * inverse ** (2 * n + 1) for n, c in enumerate(_STIRLING))
    low = (shifted - 0.5) * mx.log(shifted) - shifted + 0.5 * math.log(2 * math.pi) + series - mx.log(product)
    high = (x - 0.5) * mx.log(x) - x + 0.5 * math.log(2 * math.pi)
    return mx.where(x < 1e8, low, high)


def _lgamma64(x: mx.array) -> mx.array:
    left = x < 0.5
    positive = _lgamma_positive(mx.where(mx.isfinite(x), mx.where(left, 1 - x, x), 1))
    rest = x - mx.stop_gradient(mx.round(x))  # sin(pi x) has its size
    pole = left & (rest == 0)
    sine = mx.abs(sin(math.pi * mx.where(pole | ~left, 0.25, rest)))
    mirrored = math.log(math.pi) - mx.log(sine) - positive
    out = mx.where(left, mirrored, positive)
    out = out - mx.stop_gradient(mx.where((x == 1) | (x == 2), out, 0))
    return mx.where(pole | mx.isinf(x), math.inf, mx.where(mx.isnan(x), x, out))


_MOST_TERMS = 400  # of a series whose values are not known, as they are traced


def _gammainc64(a: mx.array, x: mx.array) -> mx.array:
    """The sum of x^(a + n) exp(-x) / gamma(a + n + 1), whose terms are all positive (DLMF 8.7.1)."""
    a, x = mx.broadcast_arrays(a, x)
    reach = a + 10 * mx.sqrt(mx.abs(a)) + 40  # beyond, the rest is below eps
    near = (a > 0) & (x > 0) & mx.isfinite(a) & (x < reach)
    safe, at = mx.where(near, a, 1), mx.where(near, x, 1)
    total = term = mx.ones_like(safe)
    for n in itertools.count(1):
        term = term * at / (safe + n)
        total = total + term
        if n % 40 == 0 and (n >= _MOST_TERMS if not known(term) else not mx.any(term > 5e-17 * total).item()):
            break
    found = exp(safe * mx.log(at) - at - _lgamma64(safe + 1)) * total
    limit = mx.where(mx.isinf(a) | (x == 0), mx.zeros_like(a), mx.ones_like(a))
    ill = ~(a >= 0) | ~(x >= 0) | ((a == 0) & (x == 0)) | (mx.isinf(a) & mx.isinf(x))
    out = mx.where(near, mx.where(found > 1, 1, found), limit)
    return mx.where(ill, math.nan, out)
