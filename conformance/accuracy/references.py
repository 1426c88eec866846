"""What floating ops are, exactly: functions of mpmath numbers of `BITS` bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mpmath
from mpmath import mp

__all__ = ["BITS", "ELEMENTWISE", "PAIRS", "ROWS", "Reference", "exactly"]

BITS = 400  # two hundred are left where terms cancel
INF = float("inf")

Number = Any  # mpmath.mpf has no types


class Reference(NamedTuple):
    """One op.

    Attributes:
        function: of mpmath numbers: of one, of two, or of a list that stands for a row.
        low, high: the range of the arguments; of the first where the second has another.
        points: near which arguments are tried as well: poles, zeros, branches.
        second: the range of the second argument, that of the first if None.
        kwargs: keyword arguments of the op.
    """

    function: Callable[..., Number]
    low: float = -INF
    high: float = INF
    points: tuple[float, ...] = (0.0,)
    second: tuple[float, float] | None = None
    kwargs: tuple[tuple[str, Any], ...] = ()


def exactly(function: Callable[..., Number], *args: Number) -> Number:
    """The result in `BITS` bits; NaN outside of the domain.

    Args:
        function: of mpmath numbers.
        *args: mpmath numbers, or lists of them.
    """
    with mp.workprec(BITS):
        try:
            result = function(*args)
        except (ValueError, ZeroDivisionError, OverflowError, mpmath.libmp.ComplexResult):
            return mp.nan
        return mp.nan if isinstance(result, mp.mpc) and result.imag else mp.mpf(result.real)


def _sigmoid(x: Number) -> Number:
    return 1 / (1 + mp.exp(-x))


def _softplus(x: Number) -> Number:
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def _gelu(x: Number) -> Number:
    return x * mp.erfc(-x / mp.sqrt(2)) / 2


def _gelu_tanh(x: Number) -> Number:
    inner = mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)
    return x / (1 + mp.exp(-2 * inner))


def _tanh_shrink(x: Number) -> Number:
    return x - mp.tanh(x)


def _sinc(x: Number) -> Number:
    return mp.mpf(1) if x == 0 else mp.sinpi(x) / (mp.pi * x)


def _logaddexp(a: Number, b: Number) -> Number:
    high, low = max(a, b), min(a, b)
    return high + mp.log1p(mp.exp(low - high))


def _logaddexp2(a: Number, b: Number) -> Number:
    high, low = max(a, b), min(a, b)
    return high + mp.log1p(mp.power(2, low - high)) / mp.ln2


def _celu(x: Number) -> Number:
    return x if x > 0 else mp.expm1(x)


def _selu(x: Number) -> Number:
    scale, alpha = mp.mpf("1.0507009873554805"), mp.mpf("1.6732632423543772")
    return scale * (x if x > 0 else alpha * mp.expm1(x))


def _cbrt(x: Number) -> Number:
    return mp.sign(x) * mp.cbrt(abs(x))


_MULTIPLES_OF_HALF_PI = tuple(k * 3.141592653589793 / 2 for k in (-4, -3, -2, -1, 0, 1, 2, 3, 4, 100))
_SATURATED = (-104.0, -88.0, -17.0, -9.0, -1.0, 0.0, 1.0, 9.0, 17.0, 88.0)

ELEMENTWISE: dict[str, Reference] = {
    "arccos": Reference(mp.acos, -1, 1, (-1.0, -0.5, 0.0, 0.5, 1.0)),
    "arccosh": Reference(mp.acosh, 1, INF, (1.0,)),
    "arcsin": Reference(mp.asin, -1, 1, (-1.0, -0.5, 0.0, 0.5, 1.0)),
    "arcsinh": Reference(mp.asinh),
    "arctan": Reference(mp.atan, points=(-1.0, 0.0, 1.0)),
    "arctanh": Reference(mp.atanh, -1, 1, (-1.0, 0.0, 1.0)),
    "cbrt": Reference(_cbrt, points=(-1.0, 0.0, 1.0)),
    "celu": Reference(_celu, points=_SATURATED),
    "cos": Reference(mp.cos, points=_MULTIPLES_OF_HALF_PI),
    "cosh": Reference(mp.cosh, points=_SATURATED),
    "deg2rad": Reference(lambda x: x * mp.pi / 180),
    "elu": Reference(_celu, points=_SATURATED),
    "erf": Reference(mp.erf, points=(-4.0, -1.0, 0.0, 1.0, 4.0)),
    "erfc": Reference(mp.erfc, -INF, INF, (-4.0, -0.5, 0.0, 0.5, 1.0, 4.0, 9.0)),
    "erfinv": Reference(mp.erfinv, -1, 1, (-1.0, -0.5, 0.0, 0.5, 1.0)),
    "exp": Reference(mp.exp, points=_SATURATED),
    "exp2": Reference(lambda x: mp.power(2, x), points=(-149.0, -126.0, -1.0, 0.0, 1.0, 127.0)),
    "expm1": Reference(mp.expm1, points=_SATURATED),
    "gelu": Reference(_gelu, points=_SATURATED, kwargs=(("approximate", False),)),
    "gelu tanh": Reference(_gelu_tanh, points=_SATURATED, kwargs=(("approximate", True),)),
    "i0": Reference(lambda x: mp.besseli(0, x), -80, 80, (-3.75, 0.0, 3.75, 8.0)),
    "log": Reference(mp.log, 0, INF, (0.0, 1.0, 2.0)),
    "log10": Reference(mp.log10, 0, INF, (0.0, 1.0, 10.0)),
    "log1p": Reference(mp.log1p, -1, INF, (-1.0, 0.0, 1.0)),
    "log2": Reference(lambda x: mp.log(x) / mp.ln2, 0, INF, (0.0, 1.0, 2.0)),
    "log_sigmoid": Reference(lambda x: -_softplus(-x), points=_SATURATED),
    "rad2deg": Reference(lambda x: x * 180 / mp.pi),
    "reciprocal": Reference(lambda x: 1 / x, points=(0.0, 1.0)),
    "rsqrt": Reference(lambda x: 1 / mp.sqrt(x), 0, INF, (0.0, 1.0)),
    "selu": Reference(_selu, points=_SATURATED),
    "sigmoid": Reference(_sigmoid, points=_SATURATED),
    "silu": Reference(lambda x: x * _sigmoid(x), points=_SATURATED),
    "sin": Reference(mp.sin, points=_MULTIPLES_OF_HALF_PI),
    "sinc": Reference(_sinc, -1e4, 1e4, (-2.0, -1.0, 0.0, 1.0, 2.0)),
    "sinh": Reference(mp.sinh, points=_SATURATED),
    "softplus": Reference(_softplus, points=_SATURATED),
    "softsign": Reference(lambda x: x / (1 + abs(x)), points=(-1.0, 0.0, 1.0)),
    "sqrt": Reference(mp.sqrt, 0, INF, (0.0, 1.0)),
    "square": Reference(lambda x: x * x),
    "squareplus": Reference(lambda x: (x + mp.sqrt(x * x + 4)) / 2, points=_SATURATED),
    "tan": Reference(mp.tan, points=_MULTIPLES_OF_HALF_PI),
    "tanh": Reference(mp.tanh, points=_SATURATED),
    "tanh_shrink": Reference(_tanh_shrink, points=_SATURATED),
}

PAIRS: dict[str, Reference] = {
    "add": Reference(lambda a, b: a + b),
    "arctan2": Reference(mp.atan2),
    "divide": Reference(lambda a, b: a / b),
    "hypot": Reference(mp.hypot),
    "logaddexp": Reference(_logaddexp, -100, 100),
    "logaddexp2": Reference(_logaddexp2, -100, 100),
    "mod": Reference(lambda a, b: a - b * mp.floor(a / b), -1000, 1000, second=(0.1, 100)),
    "multiply": Reference(lambda a, b: a * b),
    "power": Reference(mp.power, 0, INF, (0.0, 1.0), second=(-30, 30)),
    "subtract": Reference(lambda a, b: a - b),
}


def _mean(row: Sequence[Number]) -> Number:
    return mp.fsum(row) / len(row)


def _variance(row: Sequence[Number]) -> Number:
    mean = _mean(row)
    return mp.fsum((x - mean) ** 2 for x in row) / len(row)


def _logsumexp(row: Sequence[Number]) -> Number:
    return mp.log(mp.fsum(mp.exp(x) for x in row))


# a row of numbers to one number; of `softmax` and its like it is the first of the row
ROWS: dict[str, Reference] = {
    "cumsum": Reference(mp.fsum, 0, 10),
    "log_softmax": Reference(lambda row: row[0] - _logsumexp(row), -10, 10),
    "logsumexp": Reference(_logsumexp, -10, 10),
    "mean": Reference(_mean, 0, 10),
    "norm": Reference(lambda row: mp.sqrt(mp.fsum(x * x for x in row)), -10, 10),
    "prod": Reference(mp.fprod, 0.8, 1.25),
    "softmax": Reference(lambda row: mp.exp(row[0] - _logsumexp(row)), -10, 10),
    "std": Reference(lambda row: mp.sqrt(_variance(row)), -10, 10),
    "sum": Reference(mp.fsum, 0, 10),
    "var": Reference(_variance, -10, 10),
}
