"""One table of op calls: arguments for every public op. NumPy arrays stand for tensors, the rest is static.

Used by the tests of values (against Keras) and of inference (symbolic = eager).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """A call `ops.<name>(*args, **kwargs)`; `tol` is the relative tolerance of its values."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tol: float
    keras: str  # "" or the reason why Keras is no reference here
    dynamic: bool  # whether unknown dimensions are tried as well

    @property
    def label(self) -> str:
        named = [f"{k}={_short(v)}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join([*map(_short, self.args), *named])})"


def _short(v: Any) -> str:
    if isinstance(v, np.ndarray):
        return f"{v.dtype}{list(v.shape)}".replace("float", "f").replace(" ", "")
    if isinstance(v, (list, tuple)) and any(isinstance(x, np.ndarray) for x in v):
        return "[" + " ".join(map(_short, v)) + "]"
    return repr(v)


def words(text: str) -> list[str]:
    """Names separated by blanks."""
    return text.split()


CASES: list[Case] = []


def case(name: str, *args: Any, tol: float = 2e-6, keras: str = "", dynamic: bool = True, **kwargs: Any) -> None:
    CASES.append(Case(name, args, kwargs, tol, keras, dynamic))


_rng = np.random.Generator(np.random.Philox(key=7))


def f(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str = "float32") -> np.ndarray:
    """Floating numbers."""
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    return np.asarray(_rng.uniform(low, high, shape)).astype(kind)


def i(*shape: int, low: int = -5, high: int = 6, dtype: str = "int32") -> np.ndarray:
    """Integers."""
    return np.asarray(_rng.integers(low, high, shape)).astype(dtype)


def b(*shape: int) -> np.ndarray:
    """Bools."""
    return np.asarray(_rng.integers(0, 2, shape)).astype(bool)


EDGE = np.array(
    [-math.inf, -1e4, -30.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 30.0, 1e4, math.inf, math.nan], "float32"
)
POSITIVE = {"log", "sqrt", "rsqrt", "log2", "log10"}
HALF = 2e-3
BF = 2e-2

# ---- elementwise, one tensor ----------------------------------------------------------------------------------------

for _n in words(
    "abs absolute arctan arcsinh ceil cos cosh deg2rad erf exp exp2 expm1 floor negative rad2deg reciprocal relu "
    "relu6 sigmoid sign silu sin sinh softplus softsign sqrt square tan tanh tanh_shrink trunc log log1p log2 log10 "
    "rsqrt log_sigmoid elu gelu celu selu leaky_relu hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink "
    "soft_shrink sparse_plus sparse_sigmoid squareplus swish isnan isinf isfinite isposinf isneginf logical_not "
    "nan_to_num "
):
    _low = 0.1 if _n in POSITIVE else -0.9 if _n == "log1p" else -3.0
    case(_n, f(2, 3, low=_low, high=3), tol=6e-6)
    case(_n, f(3, low=_low, high=3, dtype="float16"), tol=HALF)
    case(_n, f(3, low=_low, high=3, dtype="bfloat16"), tol=BF)
    _why = {"hard_silu": "Keras gives NaN at -inf", "hard_shrink": "Keras turns NaN into 0"}
    _why |= {"hard_swish": _why["hard_silu"], "soft_shrink": _why["hard_shrink"]}
    case(_n, EDGE, tol=1e-5, keras=_why.get(_n, ""))
    if _n not in ("rsqrt", "sigmoid", "silu", "swish", "erf"):
        case(_n, i(4, low=1), tol=2e-5)
        _why = "Keras lets uint8 wrap around" if _n in ("log_sigmoid", "hard_tanh") else ""
        case(_n, i(4, low=1, high=4, dtype="uint8"), tol=2e-5, keras=_why)
        if _n not in ("negative", "sign", "log_sigmoid", "isposinf", "isneginf"):
            case(_n, b(5))
for _n in ("arccos", "arcsin", "arctanh", "erfinv"):
    case(_n, f(2, 3, low=-0.95, high=0.95), tol=1e-5)
    case(_n, np.array([-1.0, 0.0, 1.0, 1.5, 1e-7, 0.99999], "float32"), tol=1e-5)
    case(_n, np.array([0, 1], "int32"))
case("arccosh", f(2, 3, low=1.1, high=5), tol=1e-5)
for _n in ("bitwise_invert", "bitwise_not"):
    case(_n, i(4))
    case(_n, i(4, low=0, dtype="uint8"))
    case(_n, b(4))
case("round", f(7, low=-9, high=9))
case("round", np.array([0.5, 1.5, 2.5, -0.5, 1.25], "float32"), decimals=1)
case("round", i(5, low=-90, high=90), decimals=-1)
case("round", i(5))
case("nan_to_num", EDGE, nan=1.0, posinf=2.0, neginf=-2.0)
for _d in ("float16", "bfloat16", "int8", "int32", "bool", "uint8", "float32"):
    case("cast", f(2, 3, low=0, high=9), _d)
    case("saturate_cast", f(9, low=0, high=200), _d, tol=BF)
case("saturate_cast", np.array([-300.0, 300.0, 3e9, -3e9], "float32"), "int32", keras="bounds differ by rounding")
case("saturate_cast", i(5, low=-300, high=300), "int8")
case("leaky_relu", f(4), negative_slope=0.5)
case("elu", f(4), alpha=0.5)
case("celu", f(4), alpha=0.5)
case("gelu", f(4), approximate=False, tol=1e-5)
case("gelu", EDGE, approximate=False, tol=1e-5)
case("squareplus", f(4), b=2)
case("threshold", f(6), 0.5, -1.0)
case("hard_shrink", f(6), threshold=1.0)
case("soft_shrink", f(6), threshold=1.0)
case("stop_gradient", f(2, 2))
case("copy", f(2, 2))

# ---- elementwise, two tensors ---------------------------------------------------------------------------------------

_PAIRS = [("float32", "float32"), ("int32", "float32"), ("int8", "int32"), ("uint8", "int8"), ("float16", "bfloat16")]
for _n in words(
    "add subtract multiply divide true_divide maximum minimum floor_divide mod power arctan2 logaddexp equal "
    "not_equal less less_equal greater greater_equal logical_and logical_or logical_xor hypot heaviside "
    "divide_no_nan isclose "
):
    for _a, _b in _PAIRS:
        _x = f(2, 3, low=0.5, high=3, dtype=_a) if "float" in _a else i(2, 3, low=1, high=4, dtype=_a)
        _y = f(3, low=0.5, high=3, dtype=_b) if "float" in _b else i(3, low=1, high=4, dtype=_b)
        case(_n, _x, _y, tol=HALF if _a == "float16" else 1e-5)
    case(_n, f(2, 1), f(1, 3), tol=1e-5)
    if _n not in ("hypot", "heaviside"):
        case(_n, i(3, low=1), 1.5, tol=1e-5)
        case(_n, f(3, dtype="float16"), 2, tol=HALF)
        case(_n, 2, i(3, low=1, high=4, dtype="int8"), tol=1e-5)
    if _n not in ("subtract", "floor_divide", "mod", "power", "arctan2", "heaviside", "hypot"):
        case(_n, b(3), b(3))
case("divide_no_nan", np.array([1.0, 0.0, 2.0], "float32"), np.array([0.0, 0.0, 4.0], "float32"))
case("heaviside", np.array([-1.0, 0.0, 2.0], "float32"), 0.5)
case("floor_divide", f(5, low=-9, high=9), 2.0)
case("mod", f(5, low=-9, high=9), -2.0)
case("mod", i(5, low=-9, high=9), 4)
case("power", f(5, low=0.1), f(5))
case("logaddexp", EDGE, np.array(0.5, "float32"))
case("hypot", np.array([0.0, 3.0, 3e30, math.inf], "float32"), np.array([0.0, 4.0, 4e30, 1.0], "float32"))
for _n in (
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
    "bitwise_left_shift",
    "bitwise_right_shift",
):
    case(_n, i(2, 3, low=0), i(3, low=0, high=4))
    case(_n, i(3, low=-100, high=100, dtype="int8"), i(3, low=0, high=3, dtype="int8"))
for _n in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    case(_n, b(4), b(4))
case("isclose", EDGE, EDGE, equal_nan=True)
case("isclose", EDGE, EDGE)
case("isclose", f(4), f(4), rtol=0.5)
case("allclose", f(4), f(4))
case("clip", f(2, 3), -0.5, 0.5)
case("clip", i(5), -2, 2)
case("clip", i(5), 0.5, 2.5)
case("clip", f(2, 3), f(3, low=-1, high=0), f(3, low=0, high=1))
case("where", b(2, 3), f(2, 3), f(3))
case("where", b(2, 3), i(2, 3), 0.5)
case("where", f(3), 1, 0)
case("where", b(4), i(4, dtype="int8"), i(4, dtype="uint8"))
case("where", b(2, 3), dynamic=False)
case("nonzero", i(2, 3, low=0, high=2), dynamic=False)

# ---- reductions -----------------------------------------------------------------------------------------------------

_R = "sum prod max min mean var std all any logsumexp amax amin ptp nansum nanmean nanmax nanmin median"
for _n in _R.split():
    case(_n, f(2, 3, 4, low=-1), tol=1e-5)
    for _axis, _keep in ((0, False), (-1, True), ((0, 2), False), ((0, 2), True), (None, True)):
        case(_n, f(2, 3, 4), axis=_axis, keepdims=_keep, tol=1e-5)
    case(_n, f(4, 3, dtype="float16"), axis=0, tol=HALF)
    case(_n, f(4, 3, dtype="bfloat16"), axis=0, tol=BF)
    case(_n, i(4, 3, dtype="int8"), axis=0, tol=1e-5)
    case(_n, i(4, 3, low=0, dtype="uint8"), tol=1e-5)
    if _n not in ("ptp",):
        case(_n, b(4, 3), axis=1)
for _n in ("nansum", "nanmean", "nanmax", "nanmin"):
    case(_n, np.array([[1.0, math.nan], [3.0, 2.0]], "float32"), axis=1)
case("max", f(2, 3), axis=1, initial=0.5)
case("min", i(2, 3), initial=-9)
case("prod", i(2, 3, dtype="int8"), axis=1, dtype="float32")
case("median", np.array([[1.0, math.nan, 3.0], [3.0, 2.0, 5.0]], "float32"), axis=1)
for _n in ("argmax", "argmin"):
    for _kw in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": None, "keepdims": True}):
        case(_n, f(3, 4), **_kw)
        case(_n, i(3, 4, low=0, high=2), **_kw)
for _n in ("cumsum", "cumprod"):
    for _kw in ({}, {"axis": 0}, {"axis": -1}, {"axis": 1, "dtype": "float32"}):
        case(_n, f(3, 4), tol=1e-5, **_kw)
        case(_n, i(3, 4, low=-2, high=3, dtype="int8"), **_kw)
    case(_n, b(3, 2), axis=0)
for _n in ("sort", "argsort"):
    for _kw in ({}, {"axis": 0}, {"axis": None}):
        case(_n, f(3, 4), **_kw)
        case(_n, i(3, 4, low=0, high=4), **_kw)
    case(_n, f(5, dtype="bfloat16"))
case("top_k", f(3, 5), 2)
case("top_k", i(3, 5, low=0, high=3), 3)
case("top_k", i(2, 4, low=0, dtype="uint8"), 2)
case("in_top_k", i(4, low=0, high=5), f(4, 5), 2)
case("searchsorted", np.sort(f(6)), f(2, 3))
case("searchsorted", np.array([1, 2, 2, 3], "int32"), np.array([2, 3, 4], "int32"), side="right")
case("digitize", f(2, 3), np.array([-1.0, 0.0, 1.0], "float32"))
case("bincount", i(6, low=0, high=4), dynamic=False)
case("bincount", i(6, low=0, high=4), minlength=7, dynamic=False)
case("bincount", i(6, low=0, high=4), weights=f(6), dynamic=False)
case("bincount", i(2, 6, low=0, high=4), dynamic=False, keras="Keras's jax backend does not run it")
case("average", f(3, 4), axis=1, weights=f(4, low=0.1), tol=1e-5)
case("average", f(3, 4), weights=f(3, 4, low=0.1), tol=1e-5)
case("average", f(3, 4), axis=0)
case("average", i(3, 4), axis=0)
case("count_nonzero", i(3, 4, low=0, high=2))
case("count_nonzero", i(3, 4, low=0, high=2), axis=1)
for _m in ("linear", "lower", "higher", "midpoint", "nearest"):
    case("quantile", f(3, 5), 0.3, axis=1, method=_m, tol=1e-5)
case("quantile", f(3, 5), np.array([0.1, 0.5, 1.0], "float32"), axis=0, tol=1e-5)
case("quantile", f(3, 5), np.array([0.1, 0.5], "float32"), axis=(0, 1), keepdims=True, tol=1e-5)
case("quantile", i(7), 0.25, tol=1e-5)
case("diff", f(3, 4))
case("diff", i(3, 4), n=2, axis=0)
case("diff", b(5))
case("argpartition", f(6), 2, keras="any order is allowed")

# ---- shapes ---------------------------------------------------------------------------------------------------------

case("reshape", f(2, 6), (3, 4), dynamic=False)
case("reshape", f(2, 6), (-1, 3))
case("reshape", f(2, 6), -1)
case("transpose", f(2, 3, 4))
case("transpose", f(2, 3, 4), (2, 0, 1))
case("broadcast_to", f(3), (2, 3), dynamic=False)
case("broadcast_to", f(2, 1, 3), (4, 2, 5, 3), dynamic=False)
case("concatenate", [f(2, 3), f(4, 3)], axis=0)
case("concatenate", [f(2, 3), i(2, 4)], axis=-1)
case("stack", [f(2, 3), i(2, 3, dtype="int8")], axis=1)
case("stack", [f(3), f(3)])
case("split", f(6, 4), 3, dynamic=False)
case("split", f(6, 4), [1, 4])
case("split", f(6, 4), 2, axis=1)
case("array_split", f(7, 2), 3, dynamic=False)
case("array_split", f(7, 2), [2, 3])
case("pad", f(2, 3), 1)
case("pad", f(2, 3), ((1, 2), (0, 1)))
case("pad", f(2, 3), ((1, 0), (2, 2)), constant_values=5)
for _m in ("reflect", "symmetric"):
    case("pad", f(4, 5), ((1, 2), (2, 3)), mode=_m)
case("pad", i(4), (1, 2))
case("flip", f(2, 3))
case("flip", f(2, 3), axis=1)
case("flip", f(2, 3, 2), axis=(0, 2))
case("roll", f(2, 3), 1)
case("roll", f(2, 3), -2, axis=1)
case("roll", f(4, 3), (1, 2), axis=(0, 1))
case("repeat", f(2, 3), 2)
case("repeat", f(2, 3), 2, axis=1)
case("repeat", f(2, 3), [1, 2, 3], axis=1)
case("tile", f(2, 3), (2, 1))
case("tile", f(3), (2, 2))
case("tile", f(2, 3), 2)
case("expand_dims", f(2, 3), 1)
case("expand_dims", f(2, 3), (0, -1))
case("squeeze", f(2, 1, 3, 1))
case("squeeze", f(2, 1, 3, 1), axis=1)
case("squeeze", f(2, 1, 3, 1), axis=(1, -1))
case("ravel", f(2, 3))
case("swapaxes", f(2, 3, 4), 0, -1)
case("moveaxis", f(2, 3, 4), 0, -1)
case("moveaxis", f(2, 3, 4), (0, 1), (-1, 0))
case("append", f(2, 3), f(2, 3))
case("append", f(2, 3), i(2, 3), axis=1)
case("hstack", [f(2, 3), f(2, 1)])
case("hstack", [f(3), f(2)])
case("vstack", [f(3), f(3)])
case("vstack", [f(2, 3), f(1, 3)])
case("dstack", [f(2, 3), f(2, 3)])
case("dstack", [f(3), f(3)])
case("unstack", f(2, 3), axis=1)
case("unstack", f(2, 3), dynamic=False)
case("meshgrid", f(3), f(2))
case("meshgrid", f(3), f(2), f(4), indexing="ij")
case("tril", f(3, 4))
case("tril", f(2, 3, 3), k=-1)
case("triu", i(3, 4), k=1)
case("diagonal", f(3, 4))
case("diagonal", f(2, 3, 4), offset=1, axis1=1, axis2=2)
case("diagonal", f(3, 4), offset=-1)
case("diag", f(3))
case("diag", f(3), k=1)
case("diag", f(3), k=-2)
case("diag", f(3, 4), k=1)
case("trace", f(3, 4))
case("trace", i(2, 3, 3, dtype="int8"), axis1=1, axis2=2)
case("rot90", f(2, 3))
case("rot90", f(2, 3, 4), k=2, axes=(0, 2))
case("rot90", f(2, 3), k=3)

# ---- indexing -------------------------------------------------------------------------------------------------------

case("take", f(5, 3), i(2, 2, low=-5, high=5))
case("take", f(5, 3), i(4, low=0, high=5), axis=0)
case("take", f(5, 3), i(2, 2, low=-3, high=3, dtype="int8"), axis=-1)
case("take", f(5, 3), 1, axis=0)
case("take_along_axis", f(3, 4), i(3, 2, low=0, high=4), axis=1)
case("take_along_axis", f(3, 4), i(1, 4, low=0, high=3), axis=0)
case("take_along_axis", f(3, 4), i(5, low=0, high=12))
for _key in (
    0, -1, slice(None), slice(1, None), (slice(None), 1), (Ellipsis, 0), (None, 1), (slice(None, None, 2), None),
    (0, slice(None), slice(0, 2)), (Ellipsis, slice(None, None, -1)), (1, Ellipsis, 2), (slice(-2, None), Ellipsis),
):  # fmt: skip
    case("get_item", f(3, 4, 5), _key, dynamic=not isinstance(_key, int))
case("get_item", f(3, 4), np.array([0, 2, 1], "int32"), dynamic=False)
case("get_item", f(3, 4), (slice(None), np.array([[0, 2], [1, 1]], "int32")), dynamic=False)
case("slice", f(4, 5), (1, 2), (2, 3), dynamic=False)
case("slice_update", f(4, 5), (1, 2), f(2, 3), dynamic=False)
case("slice_update", i(4, 5), (3, 0), f(1, 2), dynamic=False)
case("scatter", i(3, 1, low=0, high=4), f(3), (4,))
case("scatter", np.array([[0, 1], [2, 0], [0, 1]], "int32"), f(3), (3, 2))
case("scatter", np.array([[0], [2], [0]], "int32"), i(3, 2), (3, 2))
case("scatter_update", f(4, 3), np.array([[0], [2]], "int32"), f(2, 3))
case("scatter_update", f(4, 3), np.array([[0, 1], [2, 2]], "int32"), f(2))
for _m in ("add", "max", "min", "mul"):
    case("scatter_update", f(4), np.array([[0], [0], [3]], "int32"), f(3), reduction=_m)
case("unravel_index", i(4, low=0, high=12), (3, 4))

# ---- creation -------------------------------------------------------------------------------------------------------

for _n in ("zeros", "ones", "empty"):
    case(_n, (2, 3), keras="undefined values" if _n == "empty" else "")
    case(_n, 2, dtype="int8", keras="undefined values" if _n == "empty" else "")
case("full", (2, 3), 2.5)
case("full", (2, 3), 2, dtype="int32")
case("full", (2, 3), f(3))
for _n in ("zeros_like", "ones_like"):
    case(_n, i(2, 3, dtype="int8"))
    case(_n, f(2, 3), dtype="int32")
case("empty_like", f(2, 3), keras="undefined values")
case("full_like", i(2, 3, dtype="int8"), 3)
case("full_like", f(2, 3), 3, dtype="int32")
for _args in ((5,), (5.0,), (1, 7, 2), (0, 1, 0.25), (5, 0, -2)):
    case("arange", *_args)
case("arange", 4, dtype="float16")
case("linspace", 0, 1, 5)
case("linspace", 0.0, 1.0, 5, endpoint=False)
case("linspace", 0, 10, 5, dtype="int32")
case("linspace", f(2), f(2), 4, axis=1)
case("linspace", f(2, 3), 5.0, 4, axis=-1)
case("linspace", 0, 1, 5, retstep=True)
case("linspace", 3.0, 1.0, 1)
case("logspace", 0, 2, 3, tol=1e-5)
case("logspace", 0.0, 1.0, 4, base=2.0, tol=1e-5)
case("eye", 3)
case("eye", 2, 4, k=1, dtype="int32")
case("identity", 3)
case("tri", 3, 4, k=-1)
case("tri", 3, dtype="int32")
case("array", [1, 2])
case("array", [[1.0, 2.0]])
case("convert_to_tensor", 1)
case("convert_to_tensor", True)
case("convert_to_tensor", 1.5)
case("convert_to_tensor", [1, 2], dtype="float16")

# ---- products and linear algebra ------------------------------------------------------------------------------------

for _a, _b in (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
):
    case("matmul", f(*_a), f(*_b), tol=1e-5)
case("matmul", i(2, 3, dtype="int8"), i(3, 2, dtype="int8"))
case("matmul", f(2, 3, dtype="bfloat16"), f(3, 2, dtype="bfloat16"), tol=BF)
case("matmul", i(2, 3), f(3, 2), tol=1e-5)
case("dot", f(2, 3), f(3, 4), tol=1e-5)
case("dot", f(2, 2, 3), f(5, 3, 4), tol=1e-5)
case("dot", f(2, 3), 2.0)
case("dot", f(2, 2, 3), f(3), tol=1e-5)
case("tensordot", f(2, 3, 4), f(3, 4, 5), tol=1e-5)
case("tensordot", f(2, 3), f(3, 4), axes=1, tol=1e-5)
case("tensordot", f(2, 3, 4), f(4, 2), axes=([0, 2], [1, 0]), tol=1e-5)
case("vdot", f(2, 3), f(2, 3), tol=1e-5)
case("inner", f(2, 3), f(4, 3), tol=1e-5)
case("inner", f(2, 3), 2.0)
case("outer", f(2, 3), f(4))
case("outer", i(3, dtype="int8"), f(2))
case("kron", f(2, 3), f(4, 2))
case("kron", f(2), f(3))
case("cross", f(4, 3), f(4, 3), tol=1e-5)
case("cross", f(4, 2), f(4, 2), tol=1e-5)
case("cross", f(4, 2), f(4, 3), tol=1e-5)
case("cross", f(3, 4), f(3, 4), axis=0, tol=1e-5)
for _s, _x in (
    ("ij,jk->ik", [f(2, 3), f(3, 4)]), ("bij,bjk", [f(2, 3, 4), f(2, 4, 2)]), ("ii->i", [f(3, 3)]), ("ij->", [f(2, 3)]),
    ("...ij,...jk->...ik", [f(2, 2, 3), f(1, 3, 2)]), ("btnh,bsnh->bnts", [f(2, 3, 2, 4), f(2, 5, 2, 4)]),
    ("ij", [f(2, 3)]),
):  # fmt: skip
    case("einsum", _s, *_x, tol=1e-5)


def _spd(*shape: int) -> np.ndarray:
    x = f(*shape)
    return (x @ np.swapaxes(x, -1, -2) + 2 * np.eye(shape[-1])).astype("float32")


def _regular(*shape: int) -> np.ndarray:
    return (f(*shape, low=-1, high=1) + 3 * np.eye(shape[-1])).astype("float32")


case("cholesky", _spd(3, 3), tol=1e-5)
case("cholesky", _spd(2, 3, 3), upper=True, tol=1e-5)
case("cholesky_inverse", np.linalg.cholesky(_spd(3, 3)), tol=1e-4)
case("cholesky_inverse", np.swapaxes(np.linalg.cholesky(_spd(3, 3)), 0, 1).copy(), upper=True, tol=1e-4)
case("det", _regular(2, 3, 3), tol=1e-5)
case("inv", _regular(2, 3, 3), tol=1e-4)
case("solve", _regular(3, 3), f(3, 2), tol=1e-4)
case("solve", _regular(3, 3), f(3), tol=1e-4)
case("solve", _regular(2, 3, 3), f(2, 3, 1), tol=1e-4)
case("solve_triangular", _regular(3, 3), f(3, 2), lower=True, tol=1e-4)
case("solve_triangular", _regular(3, 3), f(3), tol=1e-4)
case("qr", f(4, 3), tol=1e-4, keras="signs may differ")
case("qr", f(4, 3), mode="complete", tol=1e-4, keras="signs may differ")
case("svd", f(4, 3), tol=1e-4, keras="signs may differ")
case("svd", f(4, 3), full_matrices=False, keras="signs may differ")
case("svd", f(2, 4, 3), compute_uv=False, tol=1e-4)
case("eigh", _spd(3, 3), tol=1e-4, keras="signs may differ")
case("eig", _regular(3, 3), keras="signs may differ")
case("lu_factor", _regular(3, 3), tol=1e-4)
case("lu_factor", f(4, 4), tol=1e-4)
case("slogdet", _regular(2, 3, 3), tol=1e-4)
case("slogdet", f(4, 4), tol=1e-4)
case("logdet", _spd(3, 3), tol=1e-4)
case("pinv", f(4, 3), tol=1e-4)
case("lstsq", f(5, 3), f(5), tol=1e-3)
case("lstsq", f(5, 3), f(5, 2), tol=1e-3)
case("matrix_rank", np.array([[1.0, 2.0], [2.0, 4.0]], "float32"))
case("matrix_rank", f(4, 3))
case("norm", f(2, 3), tol=1e-5)
for _o in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
    case("norm", f(4, 3), ord=_o, tol=1e-4)
    case("norm", f(2, 4, 3), ord=_o, axis=(0, 2), keepdims=True, tol=1e-4)
for _o in (None, 0, 1, 2, 3, -1, 0.5, math.inf, -math.inf):
    case("norm", f(4, 3), ord=_o, axis=1, tol=1e-4)
    case("norm", f(4, 3), ord=_o, axis=-1, keepdims=True, tol=1e-4)
case("norm", i(4, 3), tol=1e-5)

# ---- neural networks ------------------------------------------------------------------------------------------------

for _n in ("softmax", "log_softmax"):
    for _axis in (-1, 0, (0, 2), None):
        case(_n, f(2, 3, 4, low=-50, high=50), axis=_axis, tol=1e-5)
    case(_n, f(3, 4, dtype="float16"), tol=HALF)
    case(_n, f(3, 4, dtype="bfloat16"), tol=BF)
case("sparsemax", f(3, 5), tol=1e-5, keras="Keras's result does not sum up to 1")
case("sparsemax", f(3, 5), axis=0, tol=1e-5, keras="Keras's result does not sum up to 1")
case("glu", f(3, 4), tol=1e-5)
case("glu", f(4, 3), axis=0, tol=1e-5, dynamic=False)
for _fmt in ("channels_last", "channels_first"):
    for _rank in (1, 2, 3):
        _space = (7, 6, 5)[:_rank]
        _x = f(2, *_space, 4) if _fmt == "channels_last" else f(2, 4, *_space)
        for _pad in ("valid", "same"):
            for _stride, _dil, _k, _cin in ((1, 1, 3, 4), (2, 1, 2, 4), (1, 2, 2, 4), (3, 1, 3, 2)):
                case(
                    "conv", _x, f(*(_k,) * _rank, _cin, 6), strides=_stride, padding=_pad, data_format=_fmt,
                    dilation_rate=_dil, tol=1e-4,
                )  # fmt: skip
            for _stride, _dil, _k in ((2, 1, 3), (1, 2, 2), (3, 1, 2)):
                case(
                    "conv_transpose", _x, f(*(_k,) * _rank, 3, 4), strides=_stride, padding=_pad, data_format=_fmt,
                    dilation_rate=_dil, tol=1e-4,
                )  # fmt: skip
                if _rank < 3 and _stride != 2:
                    case(
                        "depthwise_conv", _x, f(*(_k,) * _rank, 4, 2), strides=_stride, padding=_pad, data_format=_fmt,
                        dilation_rate=_dil, tol=1e-4,
                    )  # fmt: skip
            if _rank < 3:
                case(
                    "separable_conv", _x, f(*(3,) * _rank, 4, 2), f(*(1,) * _rank, 8, 3), padding=_pad,
                    data_format=_fmt, tol=1e-4,
                )  # fmt: skip
            for _pool, _stride in (((2,), (2,)), ((3,), (2,)), ((2,), (1,))):
                _pool, _stride = _pool * _rank, _stride * _rank
                case("max_pool", _x, _pool, _stride, padding=_pad, data_format=_fmt)
                case("average_pool", _x, _pool, _stride, padding=_pad, data_format=_fmt, tol=1e-5)
case("conv", f(2, 8, 9, 3), f(3, 2, 3, 4), strides=(2, 1), padding="same", tol=1e-4)
case("conv", f(2, 8, 9, 3), f(3, 2, 3, 4), dilation_rate=(1, 2), padding="same", tol=1e-4)
case("conv_transpose", f(2, 5, 4, 3), f(3, 2, 6, 3), strides=(2, 1), padding="same", tol=1e-4)
for _pad in ("valid", "same"):
    for _k in (1, 2, 4):
        case("conv_transpose", f(2, 5, 3), f(_k, 6, 3), strides=2, padding=_pad, output_padding=1, tol=1e-4)
    case("conv_transpose", f(2, 5, 3), f(3, 6, 3), strides=2, padding=_pad, output_padding=1, tol=1e-4)
    case("conv_transpose", f(2, 5, 3), f(4, 6, 3), strides=3, padding=_pad, output_padding=0, tol=1e-4)
case("max_pool", f(2, 6, 7, 3), 2)
case("average_pool", i(2, 6, 7, 3), 2, dynamic=False)
case("max_pool", i(2, 6, 7, 3), 2, 1)
case("max_pool", f(2, 6, 7, 3), (2, 3), (1, 2), padding="same")
case("conv", f(2, 6, 3, dtype="float16"), f(3, 3, 4, dtype="float16"), tol=HALF)

case("one_hot", i(2, 3, low=-1, high=4), 4)
case("one_hot", i(2, 3, low=0, high=4), 4, axis=1, dtype="int32")
case("one_hot", i(3, low=0, high=4, dtype="uint8"), 4, axis=0)
case("multi_hot", i(3, low=0, high=4), 4)
case("multi_hot", i(2, 3, low=0, high=4), 4, dtype="int32")
case("moments", f(2, 3, 4), [0, 2], tol=1e-5)
case("moments", f(2, 3, 4), 1, keepdims=True, tol=1e-5)
case("moments", f(8, 3, dtype="float16"), [0], tol=HALF)
case("batch_normalization", f(2, 3, 4), f(4), f(4, low=0.1), -1, tol=1e-5)
case("batch_normalization", f(2, 3, 4), f(3), f(3, low=0.1), 1, offset=f(3), scale=f(3), epsilon=0.1, tol=1e-5)
case("layer_normalization", f(2, 3, 4), tol=1e-4)
case("layer_normalization", f(2, 3, 4), f(4), f(4), tol=1e-4)
case(
    "layer_normalization", f(2, 3, 4), f(3), f(3), axis=1, epsilon=0.1, tol=1e-4, keras="Keras broadcasts wrongly here"
)
case("layer_normalization", f(2, 3, 4), f(3, 4), None, axis=[1, 2], tol=1e-4)
case("layer_normalization", f(2, 8, dtype="float16"), tol=HALF)
case("rms_normalization", f(2, 3, 4), f(4), tol=1e-5)
case("rms_normalization", f(2, 3, 4), tol=1e-5)
case("rms_normalization", f(2, 8, dtype="bfloat16"), tol=BF)
case("normalize", f(3, 4), tol=1e-5)
case("normalize", f(3, 4), axis=0, order=1, tol=1e-5)
case("normalize", f(3, 4), order=3, tol=1e-5)
for _kw in (
    {}, {"is_causal": True}, {"scale": 0.3}, {"mask": b(2, 1, 3, 5)}, {"bias": f(2, 4, 3, 5)},
    {"attn_logits_soft_cap": 1.0},
):  # fmt: skip
    case("dot_product_attention", f(2, 3, 4, 8), f(2, 5, 4, 8), f(2, 5, 4, 8), tol=1e-4, **_kw)
case("dot_product_attention", f(2, 3, 4, 8), f(2, 5, 2, 8), f(2, 5, 2, 8), tol=1e-4)


def _probabilities(*shape: int) -> np.ndarray:
    x = f(*shape, low=0.05, high=1)
    return (x / x.sum(-1, keepdims=True)).astype("float32")


case("categorical_crossentropy", _probabilities(3, 4), _probabilities(3, 4), tol=1e-5)
case("categorical_crossentropy", _probabilities(3, 4), f(3, 4, low=-9, high=9), from_logits=True, tol=1e-5)
case("categorical_crossentropy", _probabilities(2, 3, 4), _probabilities(2, 3, 4), axis=1, tol=1e-5)
case("sparse_categorical_crossentropy", i(3, low=0, high=4), _probabilities(3, 4), tol=1e-5)
case("sparse_categorical_crossentropy", i(3, 1, low=0, high=4), f(3, 4), from_logits=True, tol=1e-5)
case("sparse_categorical_crossentropy", i(2, 3, low=-1, high=5), f(2, 4, 3), from_logits=True, axis=1, tol=1e-5)
case("binary_crossentropy", _probabilities(3, 4), _probabilities(3, 4), tol=1e-5)
case("binary_crossentropy", _probabilities(3, 4), f(3, 4, low=-90, high=90), from_logits=True, tol=1e-5)
case("psnr", f(2, 3), f(2, 3), 2.0, tol=1e-5)
case("segment_sum", f(5, 2), np.array([0, 0, 1, 3, 3], "int32"), num_segments=4, tol=1e-5)
case("segment_sum", i(5), np.array([2, 0, 1, 7, -1], "int32"), num_segments=4)
case("segment_max", f(5, 2), np.array([0, 0, 1, 3, 3], "int32"), num_segments=5)
case("segment_max", i(5), np.array([2, 0, 1, 3, 3], "int32"), num_segments=5)

# ---- signals --------------------------------------------------------------------------------------------------------

case("fft", (f(2, 8), f(2, 8)), tol=1e-4)
case("fft2", (f(2, 4, 8), f(2, 4, 8)), tol=1e-4)
case("ifft2", (f(2, 4, 8), f(2, 4, 8)), tol=1e-4)
case("rfft", f(2, 8), tol=1e-4)
case("rfft", f(2, 8), fft_length=6, tol=1e-4)
case("rfft", f(2, 7), fft_length=10, tol=1e-4)
case("irfft", (f(2, 5), f(2, 5)), tol=1e-4)
case("irfft", (f(2, 5), f(2, 5)), fft_length=7, tol=1e-4)
