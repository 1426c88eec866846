"""The table: statistics, and reductions that leave NaN out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .entry import Entry, Kink, floats, ints, tol

__all__ = ["entries"]

INF, NAN = math.inf, math.nan
_ALL = ("float64", "float16", "bfloat16")
_SUM = tol(8, 4, 8)


def _holes(*shape: int) -> np.ndarray:
    x = floats(*shape)
    x.ravel()[::3] = NAN
    return x


def _cdist(x: Any, y: Any) -> Any:
    return np.sqrt(np.sum((x[..., :, None, :] - y[..., None, :, :]) ** 2.0, -1))


def _unique(x: Any, sorted: bool = True, return_index: bool = False, return_inverse: bool = False,
            return_counts: bool = False, axis: Any = None, size: Any = None, fill_value: Any = None) -> Any:  # fmt: skip
    out = np.unique(x, return_index, return_inverse, return_counts, axis)
    if size is None or isinstance(out, tuple):  # the latter only with the size that it has anyway
        return out
    fill = out[0] if fill_value is None else fill_value
    return np.concatenate([out, np.full(max(size - len(out), 0), fill)])[:size]


def _statistics() -> list[Entry]:
    c = Entry("corrcoef", np.corrcoef, tol(16, 8, 8), "real")
    c(floats(3, 5)).also("float64").edge(floats(5)).edge(ints(2, 4))
    v = Entry("cov", np.cov, tol(16, 8, 8), "real")
    v(floats(3, 5)).also("float64").edge(floats(5)).edge(ints(2, 4))
    d = Entry("cdist", _cdist, tol(16, 8, 4), "real")
    d(floats(3, 4), floats(2, 4)).also(*_ALL)(floats(2, 3, 2), floats(2, 4, 2))
    d.kinks = (Kink((np.ones((1, 2)), np.ones((1, 2))), (np.zeros((1, 2)), np.zeros((1, 2)))),)
    r = Entry("correlate", lambda x, y, mode="valid": np.correlate(x * 1.0, y * 1.0, mode), tol(8, 4, 8), "real")
    for mode in ("valid", "same", "full"):
        r.fixed(floats(6), floats(3), mode).fixed(floats(5), floats(4), mode).edge(ints(3), ints(5), mode)
    r.samples = [s._replace(batch=()) for s in r.samples]
    t = Entry("trapezoid", lambda y, x=None, dx=1.0, axis=-1: np.trapezoid(y, x, dx, axis), _SUM, "real")
    t(floats(3, 4)).also(*_ALL)(floats(3, 4), np.array([0.0, 0.5, 2.0, 3.0], "float32"))(floats(3, 4), dx=0.5, axis=0)
    h = Entry(
        "histogram", lambda x, bins=10, range=None: np.histogram(x, bins, range), tol(8, 4, 2), "real", smooth=False
    )
    h(floats(20)).edge(floats(3, 4), 4, (-1.0, 1.0)).edge(ints(9), 3)
    g = Entry("geomspace", lambda a, b, num=50, endpoint=True, dtype=None, axis=0: np.geomspace(a, b, num, endpoint, None, axis),
              tol(16, 8), "float", smooth=False)  # fmt: skip
    g(floats(2, low=1), floats(2, low=1), 4)(1, 100, 3)(1.0, 8.0, 3, False).edge(
        floats(2, low=1), floats(2, low=1), 3, axis=-1
    )
    u = Entry("unique", _unique, smooth=False, compiles=False)
    u.fixed(ints(8, low=0, high=4)).fixed(
        ints(2, 4, low=0, high=3), return_index=True, return_inverse=True, return_counts=True
    )
    u.fixed(np.array([[1, 2], [1, 2], [0, 5]], "int32"), axis=0).fixed(ints(6, low=0, high=3), size=5).fixed(floats(4))
    return [c, v, d, r, t, h, g, u]


def _nan_reductions() -> list[Entry]:
    out = []
    for name in ("nanprod", "nanvar", "nanstd", "nanmedian"):
        e = Entry(name, getattr(np, name), tol(8, 6, 4), "real")
        e(floats(3, 4)).also(*_ALL)(_holes(3, 4), axis=1).edge(_holes(3, 4), axis=0, keepdims=True).edge(
            ints(3, 2), axis=0
        )
        e.samples = [s._replace(smooth=s.smooth and not np.isnan(s.args[0]).any()) for s in e.samples]
        out.append(e)
    out[0].edge(np.array([NAN, NAN], "float32"))
    for name in ("nanargmax", "nanargmin"):
        e = Entry(name, getattr(np, name), domain="real", smooth=False)
        out.append(
            e(floats(3, 4))
            .edge(_holes(3, 4), axis=1)
            .edge(_holes(3, 4), axis=0, keepdims=True)
            .edge(ints(3, 2), axis=0)
        )
    for name in ("nancumsum", "nancumprod"):
        fn = getattr(np, name)
        e = Entry(name, lambda x, axis=None, dtype=None, fn=fn: fn(x, axis), tol(8, 8, 4), "real")
        out.append(e(floats(3, 4)).also(*_ALL).edge(_holes(3, 4), axis=1).edge(ints(4)))
    for name in ("percentile", "nanpercentile", "nanquantile"):
        scale = 1.0 if name == "nanquantile" else 100.0
        e = Entry(name, _q(getattr(np, name)), tol(16, 6, 8), ("real", "fixed"))
        for method in ("linear", "lower", "higher", "midpoint", "nearest"):
            e(floats(3, 5), 0.3 * scale, axis=1, method=method)
        e(floats(3, 5), np.array([0.1, 0.55]) * scale, axis=0).edge(
            floats(3, 5), 0.3 * scale, axis=(0, 1), keepdims=True
        ).edge(ints(7), 0.25 * scale)
        if name != "percentile":
            e.edge(_holes(3, 5), 0.4 * scale, axis=1).edge(_holes(4), 0.5 * scale)
        out.append(e)
    return out


def _q(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, q, axis=None, method="linear", keepdims=False: fn(
        x * 1.0, q, axis, method=method, keepdims=keepdims
    )


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_statistics(), *_nan_reductions()]
