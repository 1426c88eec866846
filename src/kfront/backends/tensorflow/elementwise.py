"""Elementwise ops. A generated op stands where its signature and dtypes fit; the rest are the dtypes that it lacks."""

from __future__ import annotations

import functools
import math

import tensorflow as tf

from kfront.backends.tensorflow.common import constant, dims, raw, records, via
from kfront.backends.tensorflow.control import stop_gradient
from kfront.backends.typing import Function
from kfront.core.errors import DTypeError

Tensor = tf.Tensor
_cast = raw("Cast")
_select = raw("SelectV2")
_not_equal = raw("NotEqual")
_square, _add, _sub, _mul, _div = raw("Square"), raw("AddV2"), raw("Sub"), raw("Mul"), raw("RealDiv")
exp, log, log1p, expm1, sqrt, rsqrt = map(raw, ("Exp", "Log", "Log1p", "Expm1", "Sqrt", "Rsqrt"))
sin, cos, tan, sinh, cosh, tanh = map(raw, ("Sin", "Cos", "Tan", "Sinh", "Cosh", "Tanh"))
arcsin, arccos, arctan = map(raw, ("Asin", "Acos", "Atan"))
arcsinh, arccosh, arctanh = map(raw, ("Asinh", "Acosh", "Atanh"))
_erf, erfc, sigmoid = map(raw, ("Erf", "Erfc", "Sigmoid"))
logical_and, logical_or, logical_not = map(raw, ("LogicalAnd", "LogicalOr", "LogicalNot"))
_FLOATING = (tf.float32, tf.float64, tf.float16, tf.bfloat16)
_UNSIGNED = (tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool)


def _half_through_float32(f: Function[Tensor]) -> Function[Tensor]:
    """`f` for half precision too, where the kernel exists for float32 and float64 only."""

    @functools.wraps(f)
    def wide(x: Tensor, *rest: Tensor) -> Tensor:
        if x.dtype in (tf.float32, tf.float64):
            return f(x, *rest)
        return _cast(f(_cast(x, tf.float32), *[_cast(r, tf.float32) for r in rest]), x.dtype)

    return wide


_erfinv, _clip, _less, _abs = raw("Erfinv"), raw("ClipByValue"), raw("Less"), raw("Abs")


# Maclaurin coefficients of x, x^3, ... x^9, the last one first (Abramowitz and Stegun's c_k, by pi)
_ERFINV = tuple(
    c * math.pi**k * math.sqrt(math.pi) / 2
    for k, c in ((4, 4369 / 5806080), (3, 127 / 40320), (2, 7 / 480), (1, 1 / 12), (0, 1.0))
)


def erf(x: Tensor) -> Tensor:
    """The error function; the kernel for float64 gives NaN where the square of its argument overflows."""
    if x.dtype != tf.float64:
        return _erf(x)
    return _erf(_clip(x, constant(-10.0, tf.float64), constant(10.0, tf.float64)))


def erfinv(x: Tensor) -> Tensor:
    """Inverse of the error function; computed in double precision, so that normal numbers are the same everywhere."""
    return _erfinv64(x) if x.dtype == tf.float64 else via(_erfinv64, tf.float64, x)


def _erfinv64(x: Tensor) -> Tensor:
    """The kernel takes the quantile of (x + 1) / 2, and small numbers vanish beside 1: those by the series."""
    square, series = _square(x), constant(0.0, x.dtype)
    for coefficient in _ERFINV:
        series = _add(_mul(series, square), constant(coefficient, x.dtype))
    return _select(_less(_abs(x), constant(0.02, x.dtype)), _mul(x, series), _erfinv(x))


lgamma = _half_through_float32(raw("Lgamma"))
_igamma = _half_through_float32(raw("Igamma"))


def gammainc(x1: Tensor, x2: Tensor) -> Tensor:
    """The incomplete gamma function; the kernel is wrong where the first argument is 0, and at some ill arguments."""
    nan, zero, one = (constant(v, x1.dtype) for v in (math.nan, 0.0, 1.0))
    found = tf.where(x1 > zero, _igamma(tf.where(x1 > zero, x1, one), x2), one)
    known = tf.logical_and(x1 >= zero, x2 >= zero)
    ends = tf.logical_and(tf.equal(x1, x2), tf.logical_or(tf.equal(x1, zero), tf.math.is_inf(x1)))
    return tf.where(tf.logical_and(known, tf.logical_not(ends)), found, nan)


nextafter = _half_through_float32(raw("NextAfter"))


def cast(x: Tensor, dtype: str) -> Tensor:
    """To another dtype; float8 is reached from float32."""
    kind = tf.as_dtype(dtype)
    if x.dtype == kind:
        return x
    if x.dtype == tf.string:
        raise DTypeError(
            f"[cast] expected numbers, got strings, to cast to {dtype}; encode them, as StringLookup does."
        )
    try:
        return _cast(x, kind)
    except (tf.errors.OpError, TypeError):
        if "float8" not in dtype and "float8" not in x.dtype.name:
            raise
        return _cast(_cast(x, tf.float32), kind)


# ---- one operand -----------------------------------------------------------------------------------------------------


def _only_floats(name: str) -> Function[Tensor]:
    """A rounding op: whole numbers are left as they are."""
    kernel = raw(name)

    def rounding(x: Tensor) -> Tensor:
        return kernel(x) if x.dtype in _FLOATING else x

    return rounding


floor = _only_floats("Floor")
ceil = _only_floats("Ceil")
_round = raw("Round")


def round(x: Tensor, decimals: int = 0) -> Tensor:
    """Half to even."""
    if x.dtype not in _FLOATING:
        if decimals >= 0 or x.dtype == tf.bool:
            return x
        return via(round, tf.float64, x, decimals)
    if decimals == 0:
        return _round(x)
    scale = tf.constant(10.0 ** math.fabs(decimals), x.dtype)
    return _div(_round(_mul(x, scale)), scale) if decimals > 0 else _mul(_round(_div(x, scale)), scale)


_abs, _complex_abs, _neg, _sign = raw("Abs"), raw("ComplexAbs"), raw("Neg"), raw("Sign")


def abs(x: Tensor) -> Tensor:
    """Magnitude."""
    kind = x.dtype
    if kind in _UNSIGNED:
        return x
    if kind.is_complex:
        return _complex_abs(x, tf.float64 if kind == tf.complex128 else tf.float32)
    return _abs(x)


def negative(x: Tensor) -> Tensor:
    """-x; unsigned integers wrap round."""
    return _sub(constant(0, x.dtype), x) if x.dtype in _UNSIGNED else _neg(x)


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return _cast(_not_equal(x, constant(0, x.dtype)), x.dtype) if x.dtype in _UNSIGNED else _sign(x)


def _float_test(name: str, otherwise: bool) -> Function[Tensor]:
    kernel = raw(name)

    def test(x: Tensor) -> Tensor:
        kind = x.dtype
        if kind in _FLOATING:
            return kernel(x)
        if kind.is_complex:
            parts = kernel(tf.math.real(x)), kernel(tf.math.imag(x))
            return logical_and(*parts) if otherwise else logical_or(*parts)
        return tf.ones_like(x, tf.bool) if otherwise else tf.zeros_like(x, tf.bool)

    return test


isnan = _float_test("IsNan", False)
isinf = _float_test("IsInf", False)
isfinite = _float_test("IsFinite", True)
_relu, _invert = raw("Relu"), raw("Invert")


def relu(x: Tensor) -> Tensor:
    """max(x, 0); the gradient at 0 is 0."""
    return x if x.dtype == tf.bool else _relu(x)


def bitwise_invert(x: Tensor) -> Tensor:
    """~x."""
    return logical_not(x) if x.dtype == tf.bool else _invert(x)


# ---- two operands ----------------------------------------------------------------------------------------------------

_FAILED = (TypeError, ValueError, tf.errors.OpError)


def _binary(
    name: str, for_bool: Function[Tensor] | None = None, wide: Tensor | None = None, lacks: Tensor = ()
) -> Function[Tensor]:
    """A generated binary op that also takes what it does not know itself.

    The generated op runs at once; only when it refuses are the operands looked at: in graphs it takes a Python scalar
    for float32 or int32 whatever the other operand is, and kernels for some dtypes do not exist.

    Args:
        name: the op.
        for_bool: what bool operands mean.
        wide: the dtype to compute in for the dtypes in `lacks`.
        lacks: dtypes without a kernel.
    """
    kernel = raw(name)

    def run(x1: Tensor, x2: Tensor) -> Tensor:
        try:
            return kernel(x1, x2)
        except _FAILED:
            return repair(x1, x2)

    def repair(x1: Tensor, x2: Tensor) -> Tensor:
        if not isinstance(x1, tf.Tensor):
            x1 = _number(x1, x2.dtype)
        elif not isinstance(x2, tf.Tensor):
            x2 = _number(x2, x1.dtype)
        kind = x1.dtype
        if kind == tf.bool and for_bool is not None:
            return for_bool(x1, x2)
        if kind in lacks and wide is not None:
            out = kernel(_cast(x1, wide), _cast(x2, wide))
            return out if out.dtype == tf.bool else _cast(out, kind)
        return kernel(x1, x2)

    run.__name__ = run.__qualname__ = name
    return run


def _number(x: float, kind: tf.DType) -> Tensor:
    """A Python scalar in the dtype of the tensor it meets."""
    return tf.constant(int(x) if x.__class__ is bool and kind != tf.bool else x, kind)


def _as_int8(kernel: Function[Tensor]) -> Function[Tensor]:
    return lambda x1, x2: kernel(_cast(x1, tf.int8), _cast(x2, tf.int8))


_xor = raw("NotEqual")
_UINTS = (tf.uint8, tf.uint16, tf.uint32, tf.uint64)
add = _binary("AddV2", logical_or)
subtract = _binary("Sub", _xor)
multiply = _binary("Mul", logical_and)
divide = _binary("RealDiv")
_larger = _binary("Maximum", logical_or)
_smaller = _binary("Minimum", logical_and)


def _extreme(kernel: Function[Tensor]) -> Function[Tensor]:
    """Maximum or minimum. The kernel's gradient goes to the first operand where both are equal; while a tape records,
    half of it comes from either order, as on the other engines (composed ops such as `hypot` rest on that).
    """

    def run(x1: Tensor, x2: Tensor) -> Tensor:
        if not records():
            return kernel(x1, x2)
        first, second = kernel(x1, x2), kernel(x2, x1)
        if first.dtype not in _FLOATING:
            return first
        half = constant(0.5, first.dtype)
        return _add(_mul(half, first), _mul(half, second))

    return run


maximum, minimum = _extreme(_larger), _extreme(_smaller)
floor_divide = _binary("FloorDiv")
mod = _binary("FloorMod")
power = _binary("Pow", None, tf.int64, _UINTS)
_atan2 = _half_through_float32(raw("Atan2"))
equal = _binary("Equal")
not_equal = _binary("NotEqual")
less = _binary("Less", _as_int8(raw("Less")))
less_equal = _binary("LessEqual", _as_int8(raw("LessEqual")))
greater = _binary("Greater", _as_int8(raw("Greater")))
greater_equal = _binary("GreaterEqual", _as_int8(raw("GreaterEqual")))
bitwise_and = _binary("BitwiseAnd", logical_and)
bitwise_or = _binary("BitwiseOr", logical_or)
bitwise_xor = _binary("BitwiseXor", _xor)
left_shift = _binary("LeftShift")
right_shift = _binary("RightShift")
_equal, _softplus = raw("Equal"), raw("Softplus")
divide_no_nan = _binary("DivNoNan")


def arctan2(x1: Tensor, x2: Tensor) -> Tensor:
    """The angle of (x2, x1); its gradient at the origin is 0, where the kernel has NaN."""
    out = _atan2(x1, x2)
    if not records():
        return out
    origin = logical_and(equal(x1, constant(0, x1.dtype)), equal(x2, constant(0, x2.dtype)))
    elsewhere = _atan2(x1, _select(origin, constant(1, x2.dtype), x2))
    return _select(origin, stop_gradient(out), elsewhere)


def square(x: Tensor) -> Tensor:
    """x * x."""
    return x if x.dtype == tf.bool else _square(x)


def where(condition: Tensor, x1: Tensor, x2: Tensor) -> Tensor:
    """Choice between two tensors, or a tensor and a float, which graphs do not convert."""
    if x1.__class__ is float:
        x1 = constant(x1, x2.dtype)
    elif x2.__class__ is float:
        x2 = constant(x2, x1.dtype)
    return _select(condition, x1, x2)


def logaddexp(x1: Tensor, x2: Tensor) -> Tensor:
    """log(exp(x1) + exp(x2)): finite, with the right gradient everywhere (a half each where both are equal)."""
    d = _sub(x2, x1)
    both_infinite = logical_and(_equal(x1, x2), _is_nan(d))
    d = _select(both_infinite, constant(0, d.dtype), d)
    return _select(_greater(d, constant(0, d.dtype)), _add(x2, _softplus(_neg(d))), _add(x1, _softplus(d)))


_is_nan, _greater = raw("IsNan"), raw("Greater")


def clip(x: Tensor, x_min: Tensor | float | None, x_max: Tensor | float | None) -> Tensor:
    """x held between two bounds; None stands for no bound."""
    x = x if x_min is None else _larger(x, x_min)
    return x if x_max is None else _smaller(x, x_max)


# ---- complex ---------------------------------------------------------------------------------------------------------

to_complex = tf.complex


def complex_parts(x: Tensor) -> tuple[Tensor, Tensor]:
    """(real, imaginary) part."""
    return tf.math.real(x), tf.math.imag(x)


def view(x: Tensor, dtype: str | None = None) -> Tensor:
    """The same bytes as another dtype; the last axis is longer or shorter by the ratio of the sizes."""
    if dtype is None:
        return x
    kind, sizes = tf.as_dtype(dtype), dims(x)
    ratio = x.dtype.size / kind.size
    if ratio < 1:
        x = tf.reshape(x, [*sizes, int(1 / ratio)] if sizes[-1] is None else [*sizes[:-1], -1, int(1 / ratio)])
    out = tf.bitcast(x, kind)
    return out if ratio <= 1 else tf.reshape(out, [*sizes[:-1], -1])
