"""Gradients of the ops that have an exact reference: by the first operand, or the first number of a row."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mp

import kfront
from kfront.backends import current

from .measure import Errors, Problem, arguments_of, errors_of, function_of, numbers, result_of
from .references import ELEMENTWISE, PAIRS, ROWS, Reference, exactly

__all__ = ["PREFIX", "errors", "names"]

PREFIX = "gradient of "
GROUPS = ("ordinary", "points")
EACH = 4  # one argument in so many of the values' ones
FEW = 12  # rows
FLAT = ("deg2rad", "rad2deg", "add", "subtract", "sum", "mean", "cumsum")  # the slope is a constant


def names() -> list[str]:
    """Every op with an exact reference whose slope is no constant."""
    return [PREFIX + n for n in sorted({*ELEMENTWISE, *PAIRS, *ROWS} - {*FLAT})]


def _slope(reference: Reference, first: Any, *rest: Any) -> Any:
    if isinstance(first, list):
        return exactly(lambda x: mp.diff(lambda v: reference.function([v, *first[1:]]), x), first[0])
    return exactly(lambda x: mp.diff(lambda v: reference.function(v, *rest), x), first)


@functools.cache
def _problem(op: str, dtype: str) -> Problem:
    reference = {**ELEMENTWISE, **PAIRS, **ROWS}[op]
    out = {}
    for group, args in arguments_of(op, dtype, np.random.default_rng(zlib.crc32(f"{op} {dtype}".encode()))).items():
        if group not in GROUPS:
            continue
        args = tuple(a[:FEW] for a in args) if op in ROWS else tuple(a[::EACH] for a in args)
        if group == "points":  # the slope at them may be a convention
            apart = ~np.isin(args[0].astype("float64"), reference.points)
            args = tuple(a[apart] for a in args)
        if args[0].size:
            columns = [list(map(numbers, args[0]))] if op in ROWS else list(map(numbers, args))
            out[group] = (args, [_slope(reference, *one) for one in zip(*columns, strict=True)])
    return out


def _call(op: str, args: tuple[np.ndarray, ...], dtype: str) -> np.ndarray:
    ops = kfront.ops
    first, *rest = [ops.convert_to_tensor(a, dtype) for a in args]
    function: Callable[..., Any] = function_of(op)
    slopes = kfront.grad(lambda x: ops.sum(result_of(op, function(x, *rest))))(first)
    out = np.asarray(ops.convert_to_numpy(slopes))
    return out[:, 0] if op in ROWS else out


def errors(name: str, dtype: str) -> Errors:
    """The largest and the mean error of a gradient on the current engine; nothing where it has none."""
    if not current().trainable:
        return {}
    op = name.removeprefix(PREFIX)
    return errors_of(_problem(op, dtype), lambda args: _call(op, args, dtype), dtype)
