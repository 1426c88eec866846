"""Every op against the installed Keras on the same engine, in a process of its own: values, dtypes and shapes.

A difference is a failure, unless `conformance/keras.txt` has a line with its reason: Keras's fault, or a choice of ours
that the documentation states. A line about an op that no difference needs is a failure too. What Keras refuses is not
compared.
"""

from __future__ import annotations

import atexit
import dataclasses
import fnmatch
import functools
import importlib.util
import json
import pathlib
import pickle
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from kfront.backends import get

from ..suite import Case, process_of
from .entry import FLOATS, Entry, Sample, kind_of
from .running import compare, eager, supported
from .samples import table

__all__ = ["Difference", "cases", "listed"]

ENGINES = ("torch", "jax", "tensorflow")  # on NumPy Keras has what NumPy gives, integers and float32 for most


class Difference(NamedTuple):
    """A line of `keras.txt`: on which engines which samples differ, and why."""

    engines: tuple[str, ...]
    pattern: str
    reason: str


@functools.cache
def listed() -> tuple[Difference, ...]:
    """The differences that are known.

    Raises:
        ValueError: for a line that is not ``engines op/sample  reason``.
    """
    out = []
    path = pathlib.Path(__file__).parents[1] / "keras.txt"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            where, _, reason = line.strip().partition("  ")
            engines, _, pattern = where.partition(" ")
            if not reason.strip() or "/" not in pattern:
                raise ValueError(f"{path.name}:{number}: expected 'engines op/sample  reason', got {line!r}")
            out.append(Difference(ENGINES if engines == "*" else tuple(engines.split(",")), pattern, reason.strip()))
    return tuple(out)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each op that Keras has and each of its engines; on one engine when `quick`."""
    if importlib.util.find_spec("keras") is None:
        return
    engines = [b for b in backends if b in ENGINES]
    for engine in engines[:1] if quick else engines:
        for name in _names():
            yield Case("keras_values", name, engine, _check(engine, table()[name], quick))


@functools.cache
def _names() -> list[str]:
    """Public ops of the table that are functions of tensors alone, and whose values are defined."""
    import kfront.ops

    from .table_control import CALLS

    public = {*dir(kfront.ops), *dir(kfront.ops.image)} - {"empty", "empty_like"}
    return [n for n, e in table().items() if n in public and not e.random and n not in CALLS]


# ---- the other process ----------------------------------------------------------------------------------------------


@functools.cache
def _keras(engine: str) -> Callable[[str, list[int]], list[Any]]:
    """Asks Keras on an engine for the results of samples, which are given by their places."""
    command, env = process_of("keras_side", KERAS_BACKEND=engine)
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    atexit.register(process.kill)

    def ask(name: str, places: list[int]) -> list[Any]:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps([name, places]).encode() + b"\n")
        process.stdin.flush()
        return pickle.load(process.stdout)

    return ask


# ---- comparison ----------------------------------------------------------------------------------------------------


def _check(engine: str, entry: Entry, quick: bool) -> Callable[[], None]:
    def check() -> None:
        chosen = entry.some(quick, 1)
        places = [i for i, s in enumerate(entry.samples) if any(s is c for c in chosen) and supported(get(engine), s)]
        results = _keras(engine)(entry.name, places)
        known = [d for d in listed() if engine in d.engines and d.pattern.partition("/")[0] in (entry.name, "*")]
        unused, wrong = {d for d in known if d.pattern.startswith(entry.name)}, []
        for place, theirs in zip(places, results, strict=True):
            sample = entry.samples[place]
            found = None if isinstance(theirs, str) else _difference(engine, entry, sample, theirs)
            lines = [d for d in known if fnmatch.fnmatchcase(f"{entry.name}/{sample.label}", d.pattern)]
            if found and not lines:
                wrong.append(f"{sample.label}: {found}")
            elif found:
                unused -= set(lines)
        assert not wrong, f"{len(wrong)} of {len(places)} differ: " + "; ".join(wrong)
        assert quick or not unused, f"no difference needs {[d.pattern for d in unused]}: take it out of keras.txt"

    return check


def _difference(engine: str, entry: Entry, sample: Sample, theirs: list[np.ndarray]) -> str:
    """What differs, or nothing."""
    ours = eager(engine, entry, sample)
    kinds = [kind_of(x) for x in ours], [kind_of(x) for x in theirs]
    if kinds[0] != kinds[1]:
        return f"dtypes {kinds[0]}, Keras {kinds[1]}"
    try:
        compare(_lenient(entry), ours, [_wide(x) for x in theirs])
    except AssertionError as error:
        return str(error).replace("expected", "Keras")
    return ""


def _lenient(entry: Entry) -> Entry:
    """Twice the tolerance: both may be that far from the right result."""
    t = entry.tolerance
    return dataclasses.replace(entry, tolerance=t._replace(ulp=2 * t.ulp, half=2 * t.half, spread=2 * t.spread))


def _wide(x: np.ndarray) -> np.ndarray:
    return x.astype("float64") if kind_of(x) in FLOATS else x
