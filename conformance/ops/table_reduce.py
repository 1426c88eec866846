"""The table: reductions, cumulative sums, sorting, searching and statistics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .entry import Entry, Kink, bools, floats, ints, tol

__all__ = ["entries"]

NAN, INF = math.nan, math.inf
_ARGS: tuple[dict[str, Any], ...] = (
    {"axis": 0},
    {"axis": -1, "keepdims": True},
    {"axis": (0, 2)},
    {"axis": (0, -1), "keepdims": True},
    {"keepdims": True},
)
_SUM = tol(4, 4, 8)  # terms cancel: relative to the largest result


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = np.asarray(x, "float64")
    top = np.max(x, axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    out = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    return out if keepdims else np.sum(out, axis)


def _int(x: Any) -> Any:
    return np.asarray(x) * 1


# name: (reference, tolerance, kinks)
_EVEN = (Kink((np.array([1.0, 3.0, 3.0]),), (np.array([0.0, 0.5, 0.5]),)),)  # a tie shares the gradient evenly
_EVEN_MIN = (Kink((np.array([3.0, 1.0, 1.0]),), (np.array([0.0, 0.5, 0.5]),)),)
_ZERO = (Kink((np.array([2.0, 2.0]),), (np.array([0.0, 0.0]),)),)
_REDUCTIONS: dict[str, tuple[Callable[..., Any], Any, tuple[Kink, ...]]] = {
    "sum": (np.sum, _SUM, ()),
    "prod": (np.prod, tol(8, 8), (Kink((np.array([0.0, 2.0, 3.0]),), (np.array([6.0, 0.0, 0.0]),)),)),
    "max": (np.max, tol(0, 0), _EVEN),
    "min": (np.min, tol(0, 0), _EVEN_MIN),
    "mean": (np.mean, _SUM, ()),
    "var": (np.var, tol(8, 4, 4), ()),
    "std": (np.std, tol(8, 4, 4), _ZERO),
    "all": (np.all, tol(), ()),
    "any": (np.any, tol(), ()),
    "logsumexp": (_logsumexp, tol(4, 2, 2), ()),
    "amax": (np.max, tol(0, 0), _EVEN),
    "amin": (np.min, tol(0, 0), _EVEN_MIN),
    "ptp": (lambda x, axis=None, keepdims=False: np.ptp(_int(x), axis, keepdims=keepdims), tol(1, 1), ()),
    "nansum": (np.nansum, _SUM, ()),
    "nanmean": (np.nanmean, _SUM, ()),
    "nanmax": (np.nanmax, tol(0, 0), ()),
    "nanmin": (np.nanmin, tol(0, 0), ()),
    "median": (np.median, tol(2, 2, 1), ()),  # the two in the middle may cancel
}


def _reductions() -> list[Entry]:
    out = []
    for name, (reference, tolerance, kinks) in _REDUCTIONS.items():
        smooth = name not in ("all", "any")
        far = smooth and name not in ("prod",)
        e = Entry(name, reference, tolerance, smooth=smooth, far=far, kinks=kinks, one_by_one=name in ("var", "std"))
        e(floats(2, 3, 4)).also("float64", "float16", "bfloat16")
        for kw in _ARGS:
            e(floats(2, 3, 4), **kw)
        e.edge(ints(4, 3, dtype="int8"), axis=0).edge(ints(4, 3, low=0, dtype="uint8")).edge(ints(3, 2), axis=1)
        if name != "ptp":
            e.edge(bools(4, 3), axis=1)
        e.edge(np.asarray(1.5, "float32")).edge(floats(2, 0, 3), axis=0)
        if name in ("sum", "prod", "all", "any", "nansum"):
            e.edge(floats(0, 3), axis=0).edge(floats(0))
        if name.startswith("nan"):
            e(floats(3, 3, low=-1.0)).edge(np.array([[1.0, NAN, 5.0], [3.0, 2.0, -INF]], "float32"), axis=1)
            e.kinks = (Kink((np.array([1.0, NAN]),), ([1.0, 0.0],)),)
        elif name not in ("all", "any"):
            e.edge(np.array([[1.0, NAN], [3.0, 2.0]], "float32"), axis=1)
        out.append(e)
    by_name = {e.name: e for e in out}
    by_name["max"](floats(2, 3), axis=1, initial=0.5).edge(floats(2, 0), axis=1, initial=-1.0).edge(ints(3), initial=9)
    by_name["min"](floats(2, 3), axis=1, initial=0.5).edge(ints(2, 3), initial=-9)
    ones = np.array([1.0, 1.0, 0.0])
    by_name["max"].kinks += (Kink((ones, None, False, 1.0), ([0.25, 0.25, 0.0],)),)
    by_name["median"].kinks = (Kink((np.ones(4),), ([0.0, 0.5, 0.5, 0.0],)),)
    by_name["prod"].edge(ints(2, 3, dtype="int8"), axis=1, dtype="float32")
    for name in ("max", "min", "sum", "logsumexp", "mean"):
        by_name[name].edge(np.array([[-INF, 1.0], [INF, 2.0]], "float32"), axis=1)
    by_name["logsumexp"].edge(np.array([[-INF, -INF], [1e4, 1e4]], "float32"), axis=1)
    return out


def _positions() -> list[Entry]:
    out = []
    for name in ("argmax", "argmin"):
        e = Entry(name, getattr(np, name), smooth=False)
        for kw in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": None, "keepdims": True}):
            e(floats(3, 4), **kw).edge(ints(3, 4, low=0, high=2), **kw)
        e.edge(floats(5, dtype="bfloat16")).edge(floats(5, dtype="float16")).edge(bools(4, 2), axis=0)
        e.edge(ints(4, low=0, dtype="uint8")).edge(np.array([1.0, NAN, 5.0], "float32")).edge(
            np.asarray(2.0, "float32")
        )
        out.append(e)
    s = Entry("sort", lambda x, axis=-1: np.sort(x, axis), tol(0, 0))
    a = Entry("argsort", lambda x, axis=-1: np.argsort(x, axis, kind="stable"), smooth=False)
    for e in (s, a):
        for kw in ({}, {"axis": 0}, {"axis": None}):
            e(floats(3, 4), **kw).edge(ints(3, 4, low=0, high=4), **kw)
        e.edge(floats(5, dtype="bfloat16")).edge(floats(5, dtype="float16")).edge(ints(6, low=0, dtype="uint8"))
        e.edge(floats(0, 3)).edge(bools(5)).edge(np.array([1.0, -INF, INF, 0.0], "float32"))

    def top_k(x: Any, k: int, sorted: bool = True) -> Any:
        order = np.argsort(-(x * 1), -1, kind="stable")[..., :k]
        return np.take_along_axis(x, order, -1), order

    t = Entry("top_k", top_k, tol(0, 0), "real", outputs=(0,))
    t(floats(3, 5), 2).also("float64", "float16", "bfloat16").edge(ints(3, 5, low=0, high=3), 3)(floats(4), 4)
    t.edge(ints(2, 4, low=1, dtype="uint8"), 2).edge(np.array([1.0, INF, -INF], "float32"), 2)
    s.kinks = (Kink((np.array([[1.0, 0.0, 1.0]]),), (np.ones((1, 3)),)),)
    t.kinks = (Kink((np.ones(4), 2), ([1.0, 1.0, 0.0, 0.0],)),)
    p = Entry("argpartition", _partition_is_sorted, smooth=False, raw=True)
    p(floats(6), 2)(floats(3, 5), 1, axis=0).edge(ints(6), 3).edge(floats(2, 3), 2, axis=None)
    return [*out, s, a, t, p]


def _partition_is_sorted(x: Any, kth: int, axis: Any = -1) -> Any:
    """Any order within the parts is allowed; here the engines sort."""
    return np.argsort(x, axis, kind="stable")


def _cumulative() -> list[Entry]:
    out = []
    for name in ("cumsum", "cumprod"):
        fn = getattr(np, name)
        e = Entry(name, lambda x, axis=None, dtype=None, fn=fn: fn(_int(x), axis), tol(8, 8, 4), far=name == "cumsum")
        for kw in ({}, {"axis": 0}, {"axis": -1}, {"axis": 1, "dtype": "float64"}):
            e(floats(3, 4), **kw).edge(ints(3, 4, low=-2, high=3, dtype="int8"), **kw)
        e(floats(3, 2), axis=0).also("float64", "float16", "bfloat16").edge(bools(3, 2), axis=0).edge(
            floats(0, 2), axis=0
        )
        out.append(e)
    out[1].kinks = (Kink((np.array([2.0, 0.0, 3.0]),), (np.array([1.0, 8.0, 0.0]),)),)
    return out


def _searching() -> list[Entry]:
    s = Entry("searchsorted", lambda a, v, side="left": np.searchsorted(a, v, side), domain="real", smooth=False)
    s(np.sort(floats(6)), floats(2, 3)).edge(
        np.array([1, 2, 2, 3], "int32"), np.array([2, 3, 4, 0], "int32"), side="right"
    )
    s.edge(np.array([1, 2, 2, 3], "int32"), np.array([2, 3, 4, 0], "int32")).edge(
        np.sort(floats(6)), np.asarray(0.1, "float32")
    )
    s.edge(np.array([False, True, True]), bools(2, 2)).edge(np.array([False, True, True]), bools(3), side="right")
    s.edge(np.array([1, 2, 3], "int32"), floats(4)).edge(floats(0), floats(2))
    d = Entry("digitize", np.digitize, domain="real", smooth=False)
    d(floats(2, 3), np.array([-1.0, 0.0, 1.0], "float32")).edge(ints(5), np.array([-1, 2], "int32"))
    d.edge(np.array([-1.0, 0.0, 1.0], "float32"), np.array([-1.0, 0.0, 1.0], "float32"))

    def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
        if x.ndim == 1:
            return np.bincount(x, weights, minlength)
        n = max(int(x.max()) + 1, minlength)
        rows = [None] * len(x) if weights is None else weights
        return np.stack([np.bincount(r, w, n) for r, w in zip(x, rows, strict=True)])

    b = Entry("bincount", bincount, tol(4, 4), ("index", "float"), compiles=False)
    b(ints(6, low=0, high=4)).edge(ints(6, low=0, high=4), minlength=7)(ints(6, low=0, high=4), weights=floats(6))
    b.edge(ints(2, 6, low=0, high=4)).edge(ints(6, low=0, high=4, dtype="uint8")).edge(
        ints(6, low=0, high=4, dtype="int64")
    )
    b(ints(2, 6, low=0, high=4), weights=floats(2, 6)).edge(ints(0, low=0), minlength=2)

    def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
        inside = np.clip(targets, 0, predictions.shape[-1] - 1)
        score = np.take_along_axis(predictions, inside[:, None], -1)
        return (np.sum(predictions > score, -1) < k) & np.isfinite(score[:, 0]) & (targets == inside)

    k = Entry("in_top_k", in_top_k, domain=("index", "float"), smooth=False)
    k(ints(4, low=0, high=5), floats(4, 5), 2).edge(
        ints(4, low=0, high=5, dtype="int64"), floats(4, 5, dtype="bfloat16"), 1
    )
    k.edge(np.array([5, -1, 9, 2], "int32"), floats(4, 5), 9)
    k.edge(np.array([0, 1], "int32"), np.array([[1.0, 1.0, 0.0], [NAN, 1.0, 2.0]], "float32"), 1)
    return [s, d, b, k]


def _quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    return np.quantile(x * 1.0, q, axis, method=method, keepdims=keepdims)  # type: ignore[call-overload]


def _statistics() -> list[Entry]:
    a = Entry("average", lambda x, axis=None, weights=None: np.average(x, axis, weights), _SUM)
    a(floats(3, 4), axis=1, weights=floats(4, low=0.1))(floats(3, 4), weights=floats(3, 4, low=0.1))(
        floats(3, 4), axis=0
    )
    a(floats(3, 4), axis=-1, weights=floats(3, 4, low=0.1)).also("float64", "float16", "bfloat16").edge(
        ints(3, 4), axis=0
    )
    a.edge(ints(3, 4), axis=0, weights=ints(3, low=1)).edge(floats(4))
    c = Entry("count_nonzero", lambda x, axis=None: np.count_nonzero(x, axis), smooth=False)
    c(ints(3, 4, low=0, high=2)).edge(ints(3, 4, low=0, high=2), axis=1).edge(bools(3, 4), axis=(0, 1)).edge(
        floats(3, 2), axis=0
    )
    c.edge(np.array([NAN, 0.0, -0.0], "float32")).edge(floats(0, 2), axis=0)
    q = Entry("quantile", _quantile, tol(16, 4, 4), ("real", "float"))
    for m in ("linear", "lower", "higher", "midpoint", "nearest"):
        q(floats(3, 5), 0.3, axis=1, method=m)
    q(floats(3, 5), np.array([0.1, 0.55, 0.9]), axis=0)(floats(3, 5), 0.4, axis=(0, 1), keepdims=True)
    q.edge(floats(3, 5), np.array([0.1, 0.5]), axis=(0, 1), keepdims=True).edge(ints(7), 0.25).edge(
        floats(2, 3, 4), 0.25, axis=(0, 2)
    )
    q.edge(floats(7, dtype="float64"), 0.3).edge(np.array([[1.0, NAN, 3.0], [3.0, 2.0, 5.0]], "float32"), 0.5, axis=1)
    d = Entry("diff", lambda a, n=1, axis=-1: np.diff(a, n, axis), tol(2, 2, 4))
    d(floats(3, 4)).also("float64", "float16", "bfloat16").edge(ints(3, 4), n=2, axis=0).edge(bools(5))(
        floats(4, 2), n=2, axis=0
    )
    d.edge(ints(4, dtype="int8")).edge(floats(3, 1))(floats(5), n=3)
    return [a, c, q, d]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_reductions(), *_positions(), *_cumulative(), *_searching(), *_statistics()]
