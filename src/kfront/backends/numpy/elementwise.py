"""Elementwise functions and casts."""

from __future__ import annotations

import math
import operator

import numpy as np

from kfront.backends.numpy.common import HALVES, dtype_of, quiet
from kfront.backends.typing import Function
from kfront.core.errors import DTypeError

exp = quiet(np.exp)
log = quiet(np.log)
log1p = quiet(np.log1p)
expm1 = quiet(np.expm1)
exp2 = quiet(np.exp2)
log2 = quiet(np.log2)
log10 = quiet(np.log10)
sqrt = quiet(np.sqrt)
sin = quiet(np.sin)
cos = quiet(np.cos)
tan = quiet(np.tan)
arcsin = quiet(np.arcsin)
arccos = quiet(np.arccos)
arctan = np.arctan
sinh = quiet(np.sinh)
cosh = quiet(np.cosh)
tanh = np.tanh
arcsinh = np.arcsinh
arccosh = quiet(np.arccosh)
arctanh = quiet(np.arctanh)
floor = np.floor
ceil = np.ceil
abs = np.abs
negative = np.negative
sign = quiet(np.sign)
isnan = np.isnan
isinf = np.isinf
isfinite = np.isfinite
square = quiet(np.square)


def _weak(fn: Function[np.ndarray]) -> Function[np.ndarray]:
    """Arithmetic in which a Python scalar takes the array's dtype; NumPy does not for the dtypes of ml_dtypes."""

    def run(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
        if type(x2) in _PYTHON and x1.dtype.kind == "V":
            x2 = x1.dtype.type(x2)
        elif type(x1) in _PYTHON and x2.dtype.kind == "V":
            x1 = x2.dtype.type(x1)
        with np.errstate(all="ignore"):
            return fn(x1, x2)

    return run


_PYTHON = (float, int, bool)
add = _weak(operator.add)
subtract = _weak(operator.sub)
multiply = _weak(operator.mul)
divide = _weak(operator.truediv)
floor_divide = _weak(operator.floordiv)
mod = _weak(operator.mod)
maximum = quiet(np.maximum)
minimum = quiet(np.minimum)
arctan2 = np.arctan2
logaddexp = quiet(np.logaddexp)
hypot = quiet(np.hypot)
fmax = quiet(np.fmax)
fmin = quiet(np.fmin)
fmod = quiet(np.fmod)
gcd = np.gcd
lcm = np.lcm
nextafter = np.nextafter
signbit = np.signbit
cbrt = np.cbrt
equal = np.equal
not_equal = np.not_equal
less = np.less
less_equal = np.less_equal
greater = np.greater
greater_equal = np.greater_equal
logical_and = np.logical_and
logical_or = np.logical_or
logical_xor = np.logical_xor
logical_not = np.logical_not
bitwise_and = np.bitwise_and
bitwise_or = np.bitwise_or
bitwise_xor = np.bitwise_xor
bitwise_invert = np.invert
left_shift = np.left_shift
right_shift = np.right_shift


def where(condition: np.ndarray, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    if type(x2) is float:
        x2 = x1.dtype.type(x2)
    elif type(x1) is float:
        x1 = x2.dtype.type(x1)
    return np.where(condition, x1, x2)


def view(x: np.ndarray, dtype: str | None = None) -> np.ndarray:
    return x if dtype is None else np.ascontiguousarray(x).view(dtype_of(dtype))


def to_complex(re: np.ndarray, im: np.ndarray) -> np.ndarray:
    y = np.empty(np.broadcast(re, im).shape, np.result_type(re, np.complex64))  # re + 1j * im has NaN of infinities
    y.real, y.imag = re, im
    return y


def complex_parts(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.real(x), np.imag(x)


def cast(x: np.ndarray, dtype: str) -> np.ndarray:
    if x.dtype.kind in "OUS":
        raise DTypeError(f"[cast] expected numbers, got dtype {x.dtype}, to cast to {dtype}.")
    with np.errstate(all="ignore"):
        return x.astype(dtype_of(dtype), copy=False)


@quiet
def rsqrt(x: np.ndarray) -> np.ndarray:
    return 1 / np.sqrt(x)


@quiet
def round(x: np.ndarray, decimals: int = 0) -> np.ndarray:
    if x.dtype in HALVES and decimals:
        return np.round(x.astype(np.float32), decimals).astype(x.dtype)
    return np.round(x, decimals) if decimals or x.dtype.kind not in "iu" else x


@_weak
def power(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    if getattr(x1, "dtype", np.dtype(int)).kind in "iu" and getattr(x2, "dtype", np.dtype(int)).kind in "iu":
        kind = x1.dtype if hasattr(x1, "dtype") else x2.dtype
        if np.any(np.less(x2, 0)):  # NumPy refuses; other engines truncate
            return np.trunc(np.power(np.asarray(x1, np.float64), x2)).astype(kind)
    return x1**x2


# ---- special functions -----------------------------------------------------------------------------------------------


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, x.dtype.type(0))


@quiet
def sigmoid(x: np.ndarray) -> np.ndarray:
    half = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + half), half / (1 + half))


# Rational approximations of Cody (1969), "Rational Chebyshev approximations for the error function": coefficients from
# the highest power down.
_NEAR = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
        2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ),
)  # fmt: skip
_FAR = (
    (
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
        1.60837851487422766e-2, 6.58749161529837803e-4,
    ),
    (
        1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)  # fmt: skip


def _ratio(x: np.ndarray, coefficients: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.polyval(coefficients[0], x) / np.polyval(coefficients[1], x)


def _complement64(y: np.ndarray) -> np.ndarray:
    """1 - erf(y) for y >= 0.46875."""
    middle = _ratio(np.clip(y, 0.4, 4.0), _MIDDLE)
    inverse = 1 / np.square(np.maximum(y, 4.0))
    tail = (1 / np.sqrt(np.pi) - inverse * _ratio(inverse, _FAR)) / np.maximum(y, 4.0)
    y = np.minimum(y, 30.0)
    cut = np.trunc(y * 16) / 16  # its square is exact, and exp would multiply the error of another
    return np.exp(-cut * cut) * np.exp((cut - y) * (cut + y)) * np.where(y <= 4.0, middle, tail)


def _erf64(x: np.ndarray) -> np.ndarray:
    y = np.abs(x)
    near = x * _ratio(np.square(np.minimum(y, 0.5)), _NEAR)
    return np.where(y <= 0.46875, near, np.copysign(1 - _complement64(y), x))


@quiet
def erfc(x: np.ndarray) -> np.ndarray:
    y = np.asarray(x, np.float64)
    return np.where(y < 0.5, 1 - _erf64(y), _complement64(np.maximum(y, 0.46875))).astype(x.dtype)


@quiet
def i0(x: np.ndarray) -> np.ndarray:
    return np.i0(np.asarray(x, np.float64)).astype(x.dtype)


@quiet
def erf(x: np.ndarray) -> np.ndarray:
    return _erf64(np.asarray(x, np.float64)).astype(x.dtype)


def _lgamma64(x: float) -> float:
    return math.inf if x <= 0 and math.isfinite(x) and x == math.floor(x) else math.lgamma(x)


@quiet
def lgamma(x: np.ndarray) -> np.ndarray:
    return np.vectorize(_lgamma64, otypes=["float64"])(np.asarray(x, np.float64)).astype(x.dtype)


@quiet
def gammainc(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """The sum of x^(a + n) exp(-x) / gamma(a + n + 1), whose terms are all positive (https://dlmf.nist.gov/8.7#E1)."""
    a, x = np.broadcast_arrays(np.asarray(x1, np.float64), np.asarray(x2, np.float64))
    near = (a > 0) & (x > 0) & np.isfinite(a) & (x < a + 10 * np.sqrt(np.abs(a)) + 40)  # beyond, the rest is below eps
    safe, at = np.where(near, a, 1.0), np.where(near, x, 1.0)
    total = term = np.ones_like(safe)
    n = 0
    while np.any(term > np.finfo(np.float64).eps * total / 4):
        n += 1
        term = term * at / (safe + n)
        total = total + term
    found = np.minimum(np.exp(safe * np.log(at) - at - lgamma(safe + 1)) * total, 1.0)
    limit = np.where(np.isinf(a) | (x == 0), 0.0, 1.0)
    ill = ~(a >= 0) | ~(x >= 0) | ((a == 0) & (x == 0)) | (np.isinf(a) & np.isinf(x))
    return np.where(ill, np.nan, np.where(near, found, limit)).astype(np.result_type(x1))


@quiet
def erfinv(x: np.ndarray) -> np.ndarray:
    y = np.asarray(x, np.float64)
    log = np.log1p(-y) + np.log1p(y)
    a = 2 / (np.pi * 0.147) + log / 2  # Winitzki's approximation, then Newton steps
    z = np.copysign(np.sqrt(np.sqrt(a * a - log / 0.147) - a), y)
    for _ in range(4):
        far = np.sign(y) * (1 - np.abs(y) - _complement64(np.maximum(np.abs(z), 0.46875)))
        residual = np.where(np.abs(y) < 0.53, _erf64(z) - y, far)
        z = z - residual * (np.sqrt(np.pi) / 2) * np.exp(np.square(z))
    z = np.where(np.abs(y) == 1, np.copysign(np.inf, y), z)
    return np.where(np.abs(y) > 1, np.nan, z).astype(x.dtype)
