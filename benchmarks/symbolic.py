"""Inference of shapes and dtypes: microseconds of a symbolic call, for every op and sample of the conformance table."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from conformance.ops.entry import arrays_of, kind_of, with_arrays
from conformance.ops.running import quiet, supported
from conformance.ops.samples import function_of, table

import kfront
from kfront.backends import current
from kfront.core.spec import Abstract, KerasTensor

__all__ = ["Inferred", "measure"]

_NOT_SYMBOLIC = {"cond", "switch", "custom_gradient", "jvp", "vectorize"}  # called through closures


class Inferred(NamedTuple):
    """The time of one symbolic call.

    Attributes:
        op, sample: what was called.
        abstract: microseconds inside the inference of something larger (`Abstract` operands).
        recorded: microseconds where a node of a functional graph is made (`KerasTensor` operands).
    """

    op: str
    sample: str
    abstract: float
    recorded: float


def _least(f: Callable[[], Any], budget: float) -> float:
    """The least microseconds of a call, from as many as fit into `budget` seconds (at least 5)."""
    best, calls, end = float("inf"), 0, time.perf_counter() + budget
    while calls < 5 or (calls < 200 and time.perf_counter() < end):
        start = time.thread_time_ns()
        f()
        best = min(best, (time.thread_time_ns() - start) / 1e3)
        calls += 1
    return best


def _calls(only: str) -> Iterator[tuple[str, str, Callable[[type], Callable[[], Any]]]]:
    for entry in table().values():
        if entry.random or not entry.compiles or entry.name in _NOT_SYMBOLIC or only not in entry.name:
            continue
        function = function_of(entry.name)
        for sample in entry.some(False):
            arrays = arrays_of((sample.args, sample.kwargs))
            if not arrays or not supported(current(), sample):
                continue

            def call(kind: type, sample: Any = sample, arrays: Any = arrays, f: Any = function) -> Callable[[], Any]:
                specs = [kind(x.shape, kind_of(x)) for x in arrays]
                args, kwargs = with_arrays((sample.args, sample.kwargs), specs)
                return lambda: f(*args, **kwargs)

            yield entry.name, sample.label, call


def measure(only: str = "", budget: float = 0.004) -> list[Inferred]:
    """Time all samples of all ops; the slowest sample of each op, the slowest op first.

    Args:
        only: a part of the names of ops.
        budget: seconds for each measurement.
    """
    rows = []
    gc.disable()
    try:
        with quiet(), kfront.SymbolicScope():
            for name, label, call in _calls(only):
                rows.append(Inferred(name, label, *(_least(call(k), budget) for k in (Abstract, KerasTensor))))
    finally:
        gc.enable()
    slowest = {r.op: r for r in sorted(rows, key=lambda r: r.recorded)}
    return sorted(slowest.values(), key=lambda r: -r.recorded)
