"""The table: special functions, remainders, divisors, choices: what is less usual of elementwise functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .entry import Entry, Kink, bools, floats, ints, tol

__all__ = ["entries"]

INF, NAN = math.inf, math.nan
_EXACT = tol(0, 0)
_ALL = ("float64", "float16", "bfloat16")


def _half_of(x: Any) -> Any:
    return x.astype("int64") if x.dtype == bool else x


_EDGE = np.array([-INF, -1e4, -3.0, -0.5, 0.0, 0.5, 3.0, 1e4, INF, NAN], "float32")


_BESSEL = tol(16, 4, reason="the polynomials are good to 2e-7, and exp(x) in float32 to x times half an ulp")


# name: (reference, range, tolerance, edge values, values far out, {kink: slope})
_FINITE = _EDGE[np.isfinite(_EDGE)]


_UNARY: dict[str, tuple[Any, ...]] = {
    "fabs": (np.fabs, (-3, 3), _EXACT, _EDGE, (-1e4, 1e4), {0.0: 0.0}),
    "cbrt": (np.cbrt, (0.3, 3), tol(8), _EDGE, (-1e4, 1e4), {}),
    "erfc": (np.vectorize(math.erfc, otypes=["float64"]), (-2, 3), tol(16, 4), _EDGE, (-1e4, 1e4), {}),
    "sinc": (np.sinc, (-0.9, 0.9), tol(16, 4, 2), np.array([0.0, 0.5, -2.5, 1.0, NAN], "float32"), (), {0.0: 0.0}),
    "i0": (np.i0, (-3, 3), _BESSEL, np.array([0.0, 3.75, -5.0, 20.0], "float32"), (), {0.0: 0.0}),
    "signbit": (np.signbit, (-3, 3), _EXACT, np.array([-0.0, 0.0, -INF, INF, 1.0], "float32"), (), {}),
}


def _special() -> list[Entry]:
    out = []
    for name, (fn, (low, high), tolerance, edge, far, kinks) in _UNARY.items():
        e = Entry(name, lambda x, fn=fn: fn(_half_of(x)), tolerance, far=far, smooth=name not in ("signbit", "i0"))
        if name == "signbit":
            e.reference, e.domain = (lambda x: np.signbit(x * 1.0)), "real"
        e(floats(2, 3, low=low, high=high)).also("float16", "bfloat16").edge(edge).edge(
            np.array([-3, 0, 1, 2], "int32")
        ).edge(floats(0))
        if name != "i0":  # a polynomial for float32
            e.edge(floats(3, low=low, high=high, dtype="float64"))
        e.kinks = tuple(Kink((np.array([p]),), (np.array([s]),)) for p, s in kinks.items())
        out.append(e)
    return out


def _pairs() -> list[Entry]:
    fmax, fmin = (Entry(n, getattr(np, n), _EXACT, scalars=True, far=(-1e4, 1e4)) for n in ("fmax", "fmin"))
    tie, nan = np.array([1.0]), np.array([NAN])
    for e in (fmax, fmin):
        e.kinks = (Kink((tie, tie), ([0.5], [0.5])), Kink((nan, tie), ([0.0], [1.0])))
        e.edge(np.array([1.0, NAN, NAN, INF], "float32"), np.array([NAN, 2.0, NAN, 1.0], "float32"))
    la = Entry("logaddexp2", np.logaddexp2, tol(8, 4), scalars=True, far=(-1e4, 1e4))
    ld = Entry("ldexp", lambda x, n: x * 2.0**n, tol(4, 2), ("float", "int"))
    ld(floats(2, 3), ints(3)).also(*_ALL).edge(ints(3), 2)
    fm = Entry("fmod", np.fmod, tol(2, 2, 2), "real", scalars=True)
    for e in (fmax, fmin, la, fm):
        e(floats(2, 3, low=0.5, high=3), floats(2, 3, low=0.5, high=3)).also(*_ALL)(
            floats(2, 1, low=0.5), floats(1, 3, low=0.5)
        )
        e.edge(floats(3, low=0.5), 2).edge(ints(3, low=1), ints(3, low=1))
    fm.samples[0], fm.samples[4] = fm.samples[4], fm.samples[0]
    fm.edge(floats(5, low=-9, high=9), -2.0).edge(ints(5, low=-9, high=9), 4)
    g, c = (Entry(n, getattr(np, n), domain="int", smooth=False) for n in ("gcd", "lcm"))
    for e in (g, c):
        e(ints(5, low=1, high=30), ints(5, low=1, high=30)).edge(ints(2, 1, low=-9), ints(3, low=1)).edge(
            np.array([0, 6, 0]), np.array([0, 0, 4])
        )
    i = Entry("isin", lambda x, y, assume_unique=False, invert=False: np.isin(x, y, invert=invert), smooth=False)
    i(ints(2, 3), ints(4)).edge(floats(3), np.array([0.5, 1.0], "float32"), invert=True).edge(ints(3), 2)
    n = Entry("nextafter", np.nextafter, _EXACT, "fixed", smooth=False, raw=True)
    n(np.array([0.0, 1.0, -1.0], "float32"), np.array([1.0, INF, 0.0], "float32"))
    s = Entry(
        "select",
        lambda conditions, choices, default=0: np.select(conditions, choices, default),
        _EXACT,
        ("bool", "fixed"),
    )
    s([bools(3), bools(3)], [floats(3), floats(3)])([bools(2, 3)], [floats(3)], 1.5).edge([bools(3)], [ints(3)], 7)
    return [fmax, fmin, la, ld, fm, g, c, i, n, s]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_special(), *_pairs()]
