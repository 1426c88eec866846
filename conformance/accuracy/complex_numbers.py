"""Ops on complex numbers: the distance in the plane, in units of the last place of the exact result's modulus."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mp

import kfront

from .measure import Errors
from .references import BITS

__all__ = ["PREFIX", "errors", "names"]

PREFIX = "complex "
DTYPES = {"float32": "complex64", "float64": "complex128"}  # of parts -> of numbers
MANY, FEW = 120, 40

ONE: dict[str, Callable[[Any], Any]] = {
    "absolute": abs,
    "angle": mp.arg,
    "cos": mp.cos,
    "cosh": mp.cosh,
    "exp": mp.exp,
    "log": mp.log,
    "reciprocal": lambda z: 1 / z,
    "sin": mp.sin,
    "sinh": mp.sinh,
    "sqrt": mp.sqrt,
    "square": lambda z: z * z,
    "tan": mp.tan,
    "tanh": mp.tanh,
}
TWO: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "divide": lambda a, b: a / b,
    "multiply": lambda a, b: a * b,
    "power": lambda a, b: mp.exp(b * mp.log(a)),
}


def names() -> list[str]:
    """Every op that is measured."""
    return [PREFIX + n for n in sorted([*ONE, *TWO])]


def _numbers(rng: np.random.Generator, dtype: str) -> dict[str, np.ndarray]:
    """Numbers by group: in a square, of each size, next to axes and to what functions turn at."""
    largest = 60 if dtype == "float32" else 300  # binary exponents whose squares are finite, and whose are not

    def of_size(low: float, high: float) -> np.ndarray:
        return np.exp2(rng.uniform(low, high, FEW)) * np.exp(1j * rng.uniform(-3.1, 3.1, FEW))

    special = np.array([1, -1, 1j, -1j, 0.5, 2j, np.pi / 2, 1j * np.pi / 2])
    near = (special[:, None] + 2.0 ** -np.arange(4, 20, 5) * np.exp(1j * rng.uniform(-3.1, 3.1, (8, 4)))).ravel()
    square = rng.uniform(-5, 5, MANY) + 1j * rng.uniform(-5, 5, MANY)
    made = {"ordinary": square, "points": near, "huge": of_size(largest, 2 * largest), "tiny": of_size(-largest, -9)}
    return {group: x.astype(DTYPES[dtype]) for group, x in made.items()}


def _exact(x: np.ndarray) -> list[Any]:
    return [mp.mpc(float(v.real), float(v.imag)) for v in x]


@functools.cache
def _problem(op: str, dtype: str) -> dict[str, tuple[tuple[np.ndarray, ...], list[Any]]]:
    rng = np.random.default_rng(zlib.crc32(f"{PREFIX}{op} {dtype}".encode()))
    function: Callable[..., Any] = ONE.get(op) or TWO[op]
    out = {}
    for group, first in _numbers(rng, dtype).items():
        other = rng.uniform(-2, 2, first.size).astype(first.dtype) if op == "power" else rng.permutation(first)
        args = (first,) if op in ONE else (first, other)
        with mp.workprec(BITS):
            out[group] = (args, [function(*one) for one in zip(*map(_exact, args), strict=True)])
    return out


def _distances(got: np.ndarray, want: list[Any], dtype: str) -> np.ndarray:
    """In units of the last place of the modulus; NaN where that is no normal number."""
    info = np.finfo(dtype)
    out = np.full(len(want), np.nan)
    with mp.workprec(BITS):
        for i, (a, b) in enumerate(zip(got.tolist(), want, strict=True)):
            if not float(info.smallest_normal) <= abs(b) <= float(info.max) / 2:
                continue
            unit = mp.mpf(2) ** (int(mp.floor(mp.log(abs(b), 2))) - int(info.nmant))
            out[i] = float(abs(mp.mpmathify(a) - b) / unit) if np.isfinite(a) else float("inf")
    return out


def errors(name: str, dtype: str) -> Errors:
    """The largest and the mean error of an op on the current engine; nothing for half precision."""
    if dtype not in DTYPES:
        return {}
    op, out = name.removeprefix(PREFIX), {}
    for group, (args, want) in _problem(op, dtype).items():
        tensors = [kfront.ops.convert_to_tensor(a) for a in args]
        got = np.asarray(kfront.ops.convert_to_numpy(getattr(kfront.ops, op)(*tensors)))
        found = _distances(got, want, dtype)
        found = found[~np.isnan(found)]
        if found.size:
            out[group] = (float(found.max()), float(found.mean()))
    return out
