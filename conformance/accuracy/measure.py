"""Measuring: arguments of each kind, and the distance of what an engine gives from the exact result."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from mpmath import mp

import kfront

from .references import BITS, ELEMENTWISE, PAIRS, ROWS, Reference, exactly

__all__ = ["GROUPS", "Errors", "arguments_of", "errors", "errors_of", "function_of", "names", "numbers", "result_of"]

GROUPS = ("ordinary", "points", "huge", "tiny", "denormal")
MANY, FEW = 240, 60
WIDTH = 100  # of a row that is reduced

Problem = dict[str, tuple[tuple[np.ndarray, ...], list[Any]]]  # group -> arguments and exact results
Errors = dict[str, tuple[float, float]]  # group -> largest and mean error in ULP


def names() -> list[str]:
    """Every op that has an exact reference."""
    return sorted([*ELEMENTWISE, *PAIRS, *ROWS])


# ---- arguments -----------------------------------------------------------------------------------------------------


def _arguments(reference: Reference, dtype: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arguments by group, exact in the dtype and within the range."""
    info = ml_dtypes.finfo(dtype)
    tiny, huge, eps = float(info.smallest_normal), float(info.max), float(info.eps)
    signs = rng.choice([-1.0, 1.0], FEW)
    steps = {p: abs(p) * eps or tiny for p in reference.points}
    near = [p + s * step * 2.0**k for p, step in steps.items() for s in (-1, 1) for k in range(0, 20, 3)]
    small = 1e-8 if dtype in ("float32", "float64") else 1e-3
    made = {
        "ordinary": np.concatenate(
            [rng.uniform(-10, 10, MANY), rng.uniform(-1, 1, MANY), _spread(rng, small, 100.0, FEW) * signs]
        ),
        "points": np.array([*reference.points, *near]),
        "huge": _spread(rng, 100.0, huge, FEW) * signs,
        "tiny": _spread(rng, tiny, small, FEW) * signs,
        "denormal": _spread(rng, float(info.smallest_subnormal), tiny, FEW) * signs,
    }
    with np.errstate(over="ignore", under="ignore"):
        rounded = {k: _within(v.astype(dtype), reference) for k, v in made.items()}
    return {k: v for k, v in rounded.items() if v.size}


def _spread(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Positive numbers, as many of each magnitude."""
    return np.exp2(rng.uniform(np.log2(low), np.log2(high), count))


def _within(x: np.ndarray, reference: Reference) -> np.ndarray:
    wide = x.astype("float64")
    return x[(wide >= reference.low) & (wide <= reference.high) & np.isfinite(wide)]


def _seconds(reference: Reference, dtype: str, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A second argument for each first one."""
    if reference.second is not None:
        return rng.uniform(*reference.second, first.size).astype(dtype)
    return rng.permutation(first)


# ---- distances -----------------------------------------------------------------------------------------------------


def _ulps(got: np.ndarray, want: list[Any], dtype: str) -> np.ndarray:
    """The distance of each result in units of the last place of the exact one; NaN where that is not a number."""
    info = ml_dtypes.finfo(dtype)
    bits, low, most = int(info.nmant), int(info.minexp), mp.mpf(float(info.max))
    limit = most * (1 + mp.mpf(2) ** (-bits - 2))  # what is larger rounds to infinity
    out = np.full(len(want), np.nan)
    with mp.workprec(BITS):
        for i, (a, b) in enumerate(zip(got.astype("float64").tolist(), want, strict=True)):
            if mp.isnan(b):
                continue
            beyond = abs(b) >= limit
            if a != a or beyond or abs(a) == float("inf"):
                same = beyond and a == float(mp.sign(b)) * float("inf")
                out[i] = 0.0 if same else _far(a, b, most, bits)
                continue
            exponent = max(int(mp.floor(mp.log(abs(b), 2))), low) if b else low
            out[i] = float(abs(mp.mpf(a) - b) / mp.mpf(2) ** (exponent - bits))
    return out


def _far(a: float, b: Any, most: Any, bits: int) -> float:
    """The distance where one of the two is no finite number: infinity counts as the next after the largest."""
    if a != a:
        return float("inf")
    unit = mp.mpf(2) ** (int(mp.floor(mp.log(most, 2))) - bits)
    clipped = [max(-most - unit, min(most + unit, mp.mpf(v))) for v in (a, b)]
    return float(abs(clipped[0] - clipped[1]) / unit)


def arguments_of(name: str, dtype: str, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, ...]]:
    """Arguments of an op by group."""
    if name in ROWS:
        reference = ROWS[name]
        return {"ordinary": (rng.uniform(reference.low, reference.high, (FEW, WIDTH)).astype(dtype),)}
    reference = ELEMENTWISE.get(name) or PAIRS[name]
    made = _arguments(reference, dtype, rng).items()
    return {g: (x,) if name in ELEMENTWISE else (x, _seconds(reference, dtype, x, rng)) for g, x in made}


@functools.cache
def _problem(name: str, dtype: str) -> Problem:
    """Arguments and exact results by group."""
    function, out = {**ELEMENTWISE, **PAIRS, **ROWS}[name].function, {}
    for group, args in arguments_of(name, dtype, np.random.default_rng(zlib.crc32(f"{name} {dtype}".encode()))).items():
        columns = [list(map(numbers, args[0]))] if name in ROWS else list(map(numbers, args))
        out[group] = (args, [exactly(function, *one) for one in zip(*columns, strict=True)])
    return out


def numbers(x: np.ndarray) -> list[Any]:
    """Numbers as mpmath has them."""
    return [mp.mpf(v) for v in x.astype("float64").tolist()]


def function_of(name: str) -> Callable[..., Any]:
    """The op with its keyword arguments."""
    axis = {"axis": -1} if name in ROWS else {}
    kwargs = {**axis, **dict({**ELEMENTWISE, **PAIRS, **ROWS}[name].kwargs)}
    return functools.partial(getattr(kfront.ops, name.split()[0]), **kwargs)


def result_of(name: str, result: Any) -> Any:
    """Of rows: the number that the reference gives."""
    whole = name in ROWS and len(result.shape) > 1
    return (result[:, -1] if name == "cumsum" else result[:, 0]) if whole else result


def _call(name: str, args: tuple[np.ndarray, ...], dtype: str) -> np.ndarray:
    tensors = [kfront.ops.convert_to_tensor(a, dtype) for a in args]
    return result_of(name, np.asarray(kfront.ops.convert_to_numpy(function_of(name)(*tensors))))


def errors(name: str, dtype: str) -> Errors:
    """The largest and the mean error of an op on the current engine.

    Args:
        name: of `names`.
        dtype: a floating dtype.
    """
    return errors_of(_problem(name, dtype), lambda args: _call(name, args, dtype), dtype)


def errors_of(problem: Problem, call: Callable[[tuple[np.ndarray, ...]], np.ndarray], dtype: str) -> Errors:
    """The errors of what is called; results below the normal numbers are of the group of denormals."""
    small = float(ml_dtypes.finfo(dtype).smallest_normal)
    found: dict[str, list[np.ndarray]] = {}
    for group, (args, want) in problem.items():
        ulps = _ulps(call(args), want, dtype)
        below = np.array([abs(w) < small if not mp.isnan(w) else False for w in want])
        found.setdefault(group, []).append(ulps[~below])
        found.setdefault("denormal", []).append(ulps[below])
    merged = {g: np.concatenate(found[g]) for g in GROUPS if g in found}
    kept = {g: v[~np.isnan(v)] for g, v in merged.items()}
    return {g: (float(v.max()), float(v.mean())) for g, v in kept.items() if v.size}
