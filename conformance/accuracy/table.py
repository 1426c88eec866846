"""The area: no op is further from the exact result than was recorded.

`recorded.json` holds the largest and the mean error by engine, op, dtype and group of arguments; `python -m
conformance.accuracy` measures all of it again and writes it, with `docs/accuracy.md`; of complex numbers, of whole
arrays and of gradients as well. What a vector library of another
processor rounds otherwise is no regression: half as much again and one ULP are allowed.
"""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
import warnings
from collections.abc import Iterator

import numpy as np

import kfront

from ..ops.entry import FLOATS
from ..suite import Case, in_turn
from . import complex_numbers, measure, slopes, whole

__all__ = ["FAMILIES", "RECORD", "cases", "measured", "names", "recorded"]

RECORD = pathlib.Path(__file__).with_name("recorded.json")
SHARE = 8  # a quick run takes one op in so many
INFINITE = 1e308  # what JSON, which has no infinity, holds in its place
UNHELD = ("denormal",)  # other engines in the process, and the processor's mode, decide whether these become zero

FAMILIES = (measure, complex_numbers, whole, slopes)
Table = dict[str, dict[str, measure.Errors]]  # op -> dtype -> errors


def names() -> list[str]:
    """All that is measured."""
    return [name for family in FAMILIES for name in family.names()]


@functools.cache
def recorded() -> dict[str, Table]:
    """What was recorded, by engine."""
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """A case for each op and engine with a record."""
    for backend in backends:
        for name in recorded().get(backend, {}):
            if in_turn(quick, SHARE, name):
                yield Case("accuracy", name, backend, functools.partial(check, backend, name))


def check(backend: str, name: str) -> None:
    """Measure an op, and compare with the record.

    Raises:
        AssertionError: if an error is larger than recorded.
    """
    before = recorded()[backend][name]
    found = measured(backend, name)
    for dtype, groups in found.items():
        for group, (largest, _) in groups.items():
            if group in UNHELD:
                continue
            known = before[dtype][group][0]
            limit = 1.5 * known + 1 if known < INFINITE else np.inf
            assert largest <= limit, f"{dtype}, {group}: {largest:.3g} ULP, recorded {known:.3g}"


def measured(backend: str, name: str) -> dict[str, measure.Errors]:
    """The errors of an op by dtype on an engine."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"), kfront.backend_scope(backend):
        out = {}
        errors = next(family.errors for family in FAMILIES if name in family.names())
        for dtype in FLOATS:
            with _wide(backend, dtype):
                out[dtype] = errors(name, dtype)
        return {dtype: found for dtype, found in out.items() if found}


def _wide(backend: str, dtype: str) -> contextlib.AbstractContextManager[object]:
    if backend != "jax" or dtype != "float64":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def everything(backend: str, only: str = "") -> Table:
    """The errors on an engine of all ops, of those whose names have a text, or of the module of that name."""
    chosen = [n for f in FAMILIES for n in f.names() if only in n or f.__name__.endswith(f".{only}")]
    found = {name: measured(backend, name) for name in chosen}
    return {name: dtypes for name, dtypes in found.items() if dtypes}
