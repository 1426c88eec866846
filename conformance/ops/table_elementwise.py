"""The table: functions of one tensor, of two tensors, comparisons, logic and bits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from .entry import Entry, Kink, bools, floats, ints, tol

__all__ = ["entries"]

INF, NAN = math.inf, math.nan
EDGE = np.array([-INF, -1e4, -30.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 30.0, 1e4, INF, NAN], "float32")
FAR = (-1e4, 1e4)

erf = np.vectorize(math.erf, otypes=["float64"])


def _lgamma(x: float) -> float:
    if math.isnan(x):
        return x
    return math.inf if math.isinf(x) or (x <= 0 and x == math.floor(x)) else math.lgamma(x)


@np.vectorize(otypes=["float64"])
def _gammainc(a: float, x: float) -> float:
    """Up to moderate arguments, by the power series of the integral from 0."""
    if math.isnan(a) or math.isnan(x) or min(a, x) < 0 or (a == x and a in (0, math.inf)):
        return NAN
    if a == 0 or math.isinf(x) or math.isinf(a) or x == 0:
        return float(x > 0 and not math.isinf(a))
    terms = [math.exp(a * math.log(x) - x - math.lgamma(a + 1))]
    while terms[-1] > 1e-18 * terms[0] or len(terms) < x:
        terms.append(terms[-1] * x / (a + len(terms)))
    return math.fsum(terms)


def _erfinv(y: float) -> float:
    if not -1 < y < 1:
        return math.copysign(INF, y) if abs(y) == 1 else NAN
    x = statistics.NormalDist().inv_cdf((y + 1) / 2) / math.sqrt(2)
    for _ in range(3):
        x -= (math.erf(x) - y) * math.sqrt(math.pi) / 2 * math.exp(x * x)
    return x


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x * 1.0))
    return np.where(np.asarray(x) >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


def _number(x: Any) -> Any:
    """bool as int64: NumPy's functions give halves for bool."""
    return x.astype("int64") if x.dtype == bool else x


def _at(point: float, slope: float) -> Kink:
    return Kink((np.array([point]),), (np.array([slope]),))


# name: (reference, smallest and largest ordinary value, tolerance, domain, values far out, {kink: slope})
_UNARY: dict[str, tuple[Any, ...]] = {
    "abs": (np.abs, -3, 3, tol(0, 0), "number", FAR, {0.0: 0.0}),
    "arccos": (np.arccos, -0.95, 0.95, tol(), "number", (), {}),
    "arccosh": (np.arccosh, 1.1, 5, tol(), "number", (1e4,), {}),
    "arcsin": (np.arcsin, -0.95, 0.95, tol(), "number", (), {}),
    "arcsinh": (np.arcsinh, -3, 3, tol(), "number", FAR, {}),
    "arctan": (np.arctan, -3, 3, tol(), "number", FAR, {}),
    "arctanh": (np.arctanh, -0.95, 0.95, tol(), "number", (), {}),
    "ceil": (np.ceil, -3, 3, tol(0, 0), "number", FAR, {0.0: 0.0}),
    "cos": (np.cos, -3, 3, tol(), "number", FAR, {}),
    "cosh": (np.cosh, -3, 3, tol(16), "number", (-80, 80), {}),
    "deg2rad": (np.deg2rad, -360, 360, tol(), "number", FAR, {}),
    "erf": (erf, -3, 3, tol(), "number", FAR, {}),
    "erfinv": (np.vectorize(_erfinv, otypes=["float64"]), -0.95, 0.95, tol(), "number", (), {}),
    "lgamma": (np.vectorize(_lgamma, otypes=["float64"]), 0.5, 5, tol(16, 8, 16), "number", (1e4,), {}),
    "exp": (np.exp, -3, 3, tol(), "number", (-1e4, 80), {}),
    "exp2": (np.exp2, -3, 3, tol(16), "number", (-1e4, 80), {}),
    "expm1": (np.expm1, -3, 3, tol(), "number", (-1e4, 80), {}),
    "floor": (np.floor, -3, 3, tol(0, 0), "number", FAR, {0.0: 0.0}),
    "isfinite": (np.isfinite, -3, 3, tol(), "number", (), {}),
    "isinf": (np.isinf, -3, 3, tol(), "number", (), {}),
    "isnan": (np.isnan, -3, 3, tol(), "number", (), {}),
    "isneginf": (lambda x: x == -INF, -3, 3, tol(), "number", (), {}),
    "isposinf": (lambda x: x == INF, -3, 3, tol(), "number", (), {}),
    "log": (np.log, 0.1, 3, tol(), "number", (1e-4, 1e4), {}),
    "log10": (np.log10, 0.1, 3, tol(), "number", (1e-4, 1e4), {}),
    "log1p": (np.log1p, -0.9, 3, tol(), "number", (1e4,), {}),
    "log2": (np.log2, 0.1, 3, tol(), "number", (1e-4, 1e4), {}),
    "logical_not": (lambda x: np.asarray(x) == 0, -3, 3, tol(), "number", (), {}),
    "negative": (np.negative, -3, 3, tol(0, 0), "number", FAR, {}),
    "rad2deg": (np.rad2deg, -3, 3, tol(), "number", FAR, {}),
    "reciprocal": (lambda x: 1 / np.asarray(x, "float64"), 0.5, 3, tol(), "number", FAR, {}),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0.1, 3, tol(), "number", (1e-4, 1e4), {}),
    "sign": (np.sign, -3, 3, tol(0, 0), "number", FAR, {0.0: 0.0}),
    "sin": (np.sin, -3, 3, tol(), "number", FAR, {}),
    "sinh": (np.sinh, -3, 3, tol(16), "number", (-80, 80), {}),
    "sqrt": (np.sqrt, 0.1, 3, tol(), "number", (1e-4, 1e4), {}),
    "square": (np.square, -3, 3, tol(), "number", FAR, {}),
    "stop_gradient": (lambda x: x, -3, 3, tol(0, 0), "number", (), {1.0: 0.0}),
    "copy": (lambda x: x, -3, 3, tol(0, 0), "number", FAR, {}),
    "tan": (np.tan, -1.4, 1.4, tol(), "number", FAR, {}),
    "tanh": (np.tanh, -3, 3, tol(), "number", FAR, {}),
    "trunc": (np.trunc, -3, 3, tol(0, 0), "number", FAR, {0.0: 0.0}),
    # activations
    "relu": (lambda x: np.maximum(x, 0), -3, 3, tol(0, 0), "number", FAR, {0.0: 0.0}),
    "relu6": (lambda x: np.clip(x, 0, 6), -3, 9, tol(0, 0), "number", FAR, {0.0: 0.0, 6.0: 0.0}),
    "sigmoid": (_sigmoid, -3, 3, tol(), "number", FAR, {}),
    "softplus": (_softplus, -3, 3, tol(), "number", FAR, {}),
    "log_sigmoid": (lambda x: -_softplus(-np.asarray(x, "float64")), -3, 3, tol(), "number", FAR, {}),
    "silu": (lambda x: x * _sigmoid(x), -3, 3, tol(), "number", FAR, {}),
    "softsign": (lambda x: x / (1 + np.abs(x * 1.0)), -3, 3, tol(), "number", FAR, {0.0: 1.0}),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), -4, 4, tol(), "number", FAR, {-3.0: 0.0, 3.0: 0.0}),
    "hard_silu": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -4, 4, tol(), "number", FAR, {-3.0: 0.0, 3.0: 1.0}),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), -3, 3, tol(0, 0), "number", FAR, {-1.0: 0.0, 1.0: 0.0}),
    # next to 0 it has no digits (docs/accuracy.md)
    "tanh_shrink": (lambda x: x - np.tanh(x), 0.5, 3, tol(4, 4, 2), "number", FAR, {}),
    "sparse_plus": (
        lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1.0) ** 2 / 4)), -3, 3, tol(), "number", FAR,
        {-1.0: 0.0, 1.0: 1.0},
    ),
    "sparse_sigmoid": (lambda x: np.clip((x + 1.0) / 2, 0, 1), -3, 3, tol(), "number", FAR, {-1.0: 0.0, 1.0: 0.0}),
}  # fmt: skip
# no infinities: the formula gives inf * 0 or inf - inf there, which engines are free to resolve
_FINITE_EDGE = {"silu", "softsign", "hard_silu", "tanh_shrink", "sparse_plus", "gelu", "squareplus"}
_BITS_TO = {"tan": 3.0, "sinh": 30.0, "cosh": 30.0}


def _unary(name: str, reference: Callable[..., Any], low: float, high: float, *rest: Any) -> Entry:
    tolerance, domain, far, kinks = rest
    e = Entry(name, lambda x, *a, **kw: reference(_number(x), *a, **kw), tolerance, domain, far=far)
    e.kinks = tuple(_at(p, s) for p, s in kinks.items())
    e(floats(2, 3, low=low, high=high)).also("float64", "float16", "bfloat16")
    e.edge(np.asarray(floats(low=low, high=high))).edge(floats(0, 3))
    edge = EDGE[np.isfinite(EDGE)] if name in _FINITE_EDGE else EDGE
    e.edge(edge if name not in _BITS_TO else edge[~(np.abs(edge) == 1e4)])
    e.edge(ints(4, low=1)).edge(ints(4, low=1, high=4, dtype="uint8")).edge(ints(3, low=0, high=2, dtype="int8"))
    if name != "rsqrt":
        e.edge(np.array([True, False]))
    return e


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _celu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _selu(x: Any) -> Any:
    return 1.0507009873554805 * _elu(x, 1.6732632423543772)


def _gelu(x: Any, approximate: bool = True) -> Any:
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3.0)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def _leaky(x: Any, negative_slope: float = 0.2) -> Any:
    return np.where(x > 0, x, negative_slope * x)


def _hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    return np.where(np.abs(x * 1.0) <= threshold, 0, x)


def _soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    return np.sign(x) * np.maximum(np.abs(x * 1.0) - threshold, 0)


def _squareplus(x: Any, b: float = 4) -> Any:
    return 0.5 * (x + np.sqrt(np.square(x * 1.0) + b))


def _threshold(x: Any, threshold: float, default_value: float) -> Any:
    return np.where(x <= threshold, default_value, x)


def _parametric() -> list[Entry]:
    """Functions of one tensor with options."""
    tail = tol(
        8, 4, 2, "1 + tanh and 1 + erf cancel for negative x, where the result is a small share of the largest one"
    )
    out = [
        _unary("elu", _elu, -3, 3, tol(), "number", FAR, {0.0: 1.0})(floats(4), alpha=0.5),
        _unary("celu", _celu, -3, 3, tol(), "number", FAR, {0.0: 1.0})(floats(4), alpha=0.5),
        _unary("selu", _selu, -3, 3, tol(), "number", FAR, {0.0: 1.0507009873554805 * 1.6732632423543772}),
        _unary("gelu", _gelu, -3, 3, tail, "number", FAR, {})(floats(4), approximate=False)(floats(4), False),
        _unary("leaky_relu", _leaky, -3, 3, tol(), "number", FAR, {0.0: 0.2})(floats(4), negative_slope=0.5),
        _unary("hard_shrink", _hard_shrink, -3, 3, tol(0, 0), "number", FAR, {0.5: 0.0, -0.5: 0.0})(
            floats(6), threshold=1.0
        ),
        _unary("soft_shrink", _soft_shrink, -3, 3, tol(), "number", FAR, {0.5: 0.0, -0.5: 0.0})(
            floats(6), threshold=1.0
        ),
        _unary("squareplus", _squareplus, -3, 3, tol(8, 4, 2), "number", FAR, {})(floats(4), b=2),
    ]
    e = Entry("threshold", _threshold, tol(0, 0), "number")
    e.kinks = (Kink((np.array([0.5]), 0.5, -1.0), (np.array([0.0]),)),)
    out.append(
        e(floats(6), 0.5, -1.0).also("float16", "bfloat16", "float64").edge(EDGE, 0.5, 2.0).edge(floats(0, 2), 1.0, 0.0)
    )
    return out


def _limits(dtype: str) -> tuple[float, float]:
    if dtype == "bool":
        return 0, 1
    info = ml_dtypes.finfo(dtype) if "float" in dtype else ml_dtypes.iinfo(dtype)
    return float(info.min), float(info.max)


def _conversions() -> list[Entry]:
    def cast_to(x: Any, dtype: str) -> Any:
        if dtype == "bool":
            return x != 0
        return np.trunc(x * 1) if "float" not in dtype else x

    def saturated(x: Any, dtype: str) -> Any:
        low, high = _limits(dtype)
        return cast_to(np.clip(x * 1, low, high), dtype)

    def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
        if x.dtype.kind in "biu":
            return x
        low, high = _limits(x.dtype.name)
        y = np.nan_to_num(x.astype("float64"), nan=nan, posinf=high if posinf is None else posinf, neginf=neginf or low)
        return np.clip(y, low, high)

    e = Entry("cast", cast_to, tol(1, 1), "any")
    s = Entry("saturate_cast", saturated, tol(1, 1), "any")
    for d in ("float16", "bfloat16", "float32", "float64", "int8", "int32", "bool", "uint8", "int64"):
        (e.edge if "16" in d else e)(floats(2, 3, low=0, high=9), d).edge(ints(3, low=0, high=2), d).edge(bools(3), d)
        (s.edge if "16" in d else s)(floats(5, low=0, high=200), d).edge(ints(5, low=-300, high=300), d)
    e.edge(np.array([-1.7, 1.7, -0.3, 100.9], "float32"), "int32")
    for d in ("int8", "uint8", "int16"):
        s.edge(np.array([-3e9, -300.7, 127.9, 300.2, 3e9], "float32"), d)
    n = Entry("nan_to_num", nan_to_num, tol(1, 1), "number", raw=True)
    n(floats(2, 3)).edge(EDGE).also("float16", "bfloat16", "float64").edge(EDGE, nan=1.0, posinf=2.0, neginf=-2.0)
    n.edge(ints(3)).edge(bools(2)).edge(floats(0))
    n.kinks = (Kink((np.array([NAN, INF, -INF, 2.0]),), (np.array([0.0, 0.0, 0.0, 1.0]),)),)
    r = Entry("round", lambda x, decimals=0: np.round(x * 1, decimals), tol(2, 1))
    r(floats(7, low=-9, high=9)).also("float64").edge(np.array([0.5, 1.5, 2.5, -0.5, -1.5], "float32")).also(
        "float16", "bfloat16"
    )
    r(floats(5, low=-9, high=9), decimals=1).edge(floats(5, low=-900, high=900), decimals=-1)
    r.edge(ints(5, low=-90, high=90), decimals=-1).edge(ints(5)).edge(bools(3)).edge(EDGE).edge(floats(0))
    return [e, s, n, r]


# ---- two tensors ---------------------------------------------------------------------------------------------------


def _wide(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` with bools as integers."""
    return lambda *xs: fn(*(np.asarray(x) * 1 for x in xs))


def _half(x: float, y: float, a: float, b: float) -> Kink:
    return Kink((np.array([x]), np.array([y])), (np.array([a]), np.array([b])))


_COMPARE = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
# name: (reference, tolerance, whether bool pairs are tried, values far out, kinks)
_TIE = (_half(1.0, 1.0, 0.5, 0.5),)  # a tie shares the gradient evenly
_BINARY: dict[str, tuple[Any, ...]] = {
    "add": (np.add, tol(1, 1), True, FAR, ()),
    "subtract": (_wide(np.subtract), tol(1, 1), False, FAR, ()),
    "multiply": (np.multiply, tol(1, 1), True, FAR, ()),
    "divide": (np.true_divide, tol(2, 1), True, FAR, ()),
    "maximum": (np.maximum, tol(0, 0), True, FAR, _TIE),
    "minimum": (np.minimum, tol(0, 0), True, FAR, _TIE),
    "floor_divide": (_wide(np.floor_divide), tol(1, 1), False, FAR, ()),
    "mod": (_wide(np.mod), tol(2, 2, 2), False, FAR, ()),
    "power": (_wide(np.power), tol(8, 2), False, (), (_half(0.0, 2.0, 0.0, 0.0), _half(2.0, 0.0, 0.0, math.log(2)))),
    "arctan2": (np.arctan2, tol(), False, FAR, (_half(0.0, 0.0, 0.0, 0.0),)),
    "logaddexp": (np.logaddexp, tol(), False, FAR, (_half(1.0, 1.0, 0.5, 0.5),)),
    "hypot": (np.hypot, tol(), False, FAR, (_half(0.0, 0.0, 0.0, 0.0),)),
    "gammainc": (_gammainc, tol(16), False, (), ()),
    "copysign": (lambda x, y: np.copysign(x * 1.0, y * 1.0), tol(0, 0), False, FAR, ()),
    "float_power": (lambda x, y: np.power(x * 1.0, y * 1.0), tol(8, 2), False, (), ()),
    "heaviside": (np.heaviside, tol(0, 0), False, FAR, (_half(0.0, 0.5, 0.0, 1.0),)),
    "divide_no_nan": (
        lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)), tol(2, 1), False, FAR, (_half(2.0, 0.0, 0.0, 0.0),),
    ),
}  # fmt: skip
_PAIRS = (("float64", "float32"), ("int32", "float32"), ("int8", "int32"), ("uint8", "int8"), ("float16", "bfloat16"))


def _operand(dtype: str, *shape: int) -> np.ndarray:
    if "float" in dtype:
        return floats(*shape, low=0.5, high=3, dtype=dtype)
    return ints(*shape, low=1, high=4, dtype=dtype)


def _pairs(e: Entry, with_bools: bool) -> Entry:
    e(floats(2, 3, low=0.5, high=3), floats(2, 3, low=0.5, high=3)).also("float64", "float16", "bfloat16")
    e(floats(2, 1, low=0.5, high=3), floats(1, 3, low=0.5, high=3)).edge(floats(0, 3), floats(3)).edge(
        floats(), floats(2, 3)
    )
    for a, b in _PAIRS:
        e.edge(_operand(a, 2, 3), _operand(b, 3))
    e.edge(ints(3, low=1), 1.5).edge(floats(3, low=0.5, dtype="float16"), 2).edge(
        2, ints(3, low=1, high=4, dtype="int8")
    )
    e.edge(floats(3, low=0.5, dtype="bfloat16"), 0.5).edge(3, floats(3, low=0.5, dtype="float64"))
    return e.edge(bools(4), bools(4)) if with_bools else e


_SPECIAL = np.array([-INF, -1.0, 0.0, 1.0, INF, NAN], "float32")


def _two_tensors() -> list[Entry]:
    out = []
    for name, (reference, tolerance, with_bools, far, kinks) in _BINARY.items():
        e = _pairs(Entry(name, reference, tolerance, scalars=True, far=far, kinks=kinks), with_bools)
        if name not in ("floor_divide", "mod", "power", "float_power", "copysign", "heaviside"):
            e.edge(_SPECIAL[:, None], _SPECIAL[None])
        if name == "gammainc":  # where the rest of the series is not small, and where it is
            e.edge(np.array([12.0, 8.0, 12.0], "float32"), np.array([20.0, 25.0, 70.0], "float32"))
        if name in ("floor_divide", "mod"):
            e(floats(5, low=-9, high=9), 2.0)(floats(5, low=-9, high=9), -2.0).edge(ints(5, low=-9, high=9), 4)
            e.edge(ints(5, low=-9, high=9), ints(5, low=1)).edge(ints(5, low=-9, high=9, dtype="int8"), -3)
        out.append(e)
    for name, reference in _COMPARE.items():
        e = _pairs(Entry(name, reference, scalars=True, smooth=False), True)
        e.edge(ints(2, 3, low=0, high=2), ints(3, low=0, high=2)).edge(_SPECIAL[:, None], _SPECIAL[None])
        out.append(e)
    by_name = {e.name: e for e in out}
    by_name["power"].edge(np.array([-2.0, 0.0, 0.0, 4.0], "float32"), np.array([3.0, 0.0, 2.0, -0.5], "float32"))
    by_name["heaviside"].edge(np.array([-1.0, 0.0, 2.0], "float32"), 0.5)
    by_name["divide_no_nan"].edge(np.array([1.0, 0.0, 2.0], "float32"), np.array([0.0, 0.0, 4.0], "float32"))
    by_name["hypot"].edge(np.array([0.0, 3.0, 3e30, INF], "float32"), np.array([0.0, 4.0, 4e30, 1.0], "float32"))
    return out


def _bits() -> list[Entry]:
    out = []
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"):
        shift = "shift" in name
        fn = getattr(np, name)
        e = Entry(name, _wide(fn) if shift else fn, domain="int" if shift else "bits", smooth=False)
        e(ints(2, 3, low=0), ints(3, low=0, high=4)).edge(ints(0, 3), ints(3))
        e.edge(ints(3, low=-100, high=100, dtype="int8"), ints(3, low=0, high=3, dtype="int8"))
        e.edge(ints(3, low=0, high=200, dtype="uint8"), ints(3, low=0, high=3)).edge(
            ints(2, 2, low=-9, dtype="int64"), 1
        )
        out.append(e if shift else e.edge(bools(4), bools(4)))
    e = Entry("bitwise_invert", lambda x: ~x, domain="bits", smooth=False)
    out.append(
        e(ints(2, 3)).edge(ints(3, low=0, dtype="uint8")).edge(bools(4)).edge(ints(3, dtype="int8")).edge(ints(0))
    )
    return out


def _choices() -> list[Entry]:
    def clip(x: Any, low: Any, high: Any) -> Any:
        x = x * 1
        x = x if low is None else np.maximum(x, low)
        return x if high is None else np.minimum(x, high)

    c = Entry("clip", clip, tol(0, 0), far=FAR)
    c(floats(2, 3), -0.5, 0.5).also("float64", "float16", "bfloat16")(
        floats(2, 3), floats(3, low=-1, high=0), floats(3, low=0)
    )
    c.edge(ints(5), -2, 2).edge(ints(5), 0.5, 2.5).edge(EDGE, -1.0, 1.0).edge(floats(0), 0.0, 1.0).edge(bools(3), 0, 1)
    c(floats(4), None, 0.5)(floats(4), 0.5, None).edge(np.asarray(0.25, "float32"), 0.5, 1.0)
    c.kinks = (Kink((np.array([-1.0, -0.5, 0.0, 0.5, 1.0]), -0.5, 0.5), ([0.0, 1.0, 1.0, 1.0, 0.0],)),)
    w = Entry("where", np.where, tol(0, 0), ("bool", "number"))
    w(bools(2, 3), floats(2, 3), floats(3)).also("float64", "float16", "bfloat16").edge(bools(2, 3), ints(2, 3), 0.5)
    w.edge(floats(3), 1, 0).edge(bools(4), ints(4, dtype="int8"), ints(4, low=0, dtype="uint8")).edge(
        bools(0), floats(0), 1.0
    )
    w(np.asarray(True), floats(2), 0.0).edge(np.array([True, False]), np.array([1.0, NAN], "float32"), 2.0)
    w.kinks = (Kink((np.array([True, False]), np.array([1.0, NAN]), np.array([INF, 2.0])), ([1.0, 0.0], [0.0, 1.0])),)

    def isclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
        return np.isclose(x * 1, y * 1, rtol, atol, equal_nan)

    i = Entry("isclose", isclose, scalars=True, smooth=False)
    a = Entry("allclose", lambda *args, **kw: np.all(isclose(*args, **kw)), scalars=True, smooth=False)
    for e in (i, a):
        e(floats(4), floats(4)).also("float64", "float16").edge(EDGE, EDGE).edge(EDGE, EDGE, equal_nan=True)
        e.edge(floats(4), floats(4), rtol=0.5).edge(floats(4), 1.0, atol=10.0).edge(ints(3), ints(3)).edge(
            floats(0), floats(0)
        )
        e.edge(floats(2, 3, low=0.1), floats(3, low=0.1), 0.1, 0.2)
    return [c, w, i, a]


def entries() -> list[Entry]:
    """The entries of this file."""
    unary = [_unary(name, *rest) for name, rest in _UNARY.items()]
    for e in unary:
        if e.name.startswith("is") or e.name in ("logical_not", "stop_gradient"):
            e.smooth = False
            e.samples = [s._replace(smooth=False) for s in e.samples]
        if e.name == "softsign":
            e.far_slack = 2e-11, "1 / (1 + |x|) - |x| / (1 + |x|)^2 cancel: an ulp of 1e-4"
    return [*unary, *_parametric(), *_conversions(), *_two_tensors(), *_bits(), *_choices()]
