"""Paired timing that stands a noisy machine."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Row", "count_calls", "paired", "per_call"]


class Row(NamedTuple):
    """One line of the result table.

    Attributes:
        name: what was measured.
        unit: "x" (ratio to native) or "us" (over native).
        kfront, keras: the measure, None where there is none.
        native: the native time of one run in microseconds.
        limit: the project's own bound on `kfront`, None where there is none.
    """

    name: str
    unit: str
    kfront: float | None
    keras: float | None
    native: float
    limit: float | None


def _burst(f: Callable[[], Any], n: int, clock: Callable[[], int]) -> float:
    start = clock()
    for _ in range(n):
        f()
    return (clock() - start) / n / 1e3


def per_call(candidates: dict[str, Callable[[], Any]], n: int = 200, rounds: int = 60) -> dict[str, float]:
    """Microseconds of one call: bursts of `n`, candidates interleaved, the least of many (thread CPU time)."""
    best = dict.fromkeys(candidates, float("inf"))
    for f in candidates.values():
        _burst(f, n // 4 or 1, time.thread_time_ns)
    gc.disable()
    try:
        for _ in range(rounds):
            for name, f in candidates.items():
                best[name] = min(best[name], _burst(f, n, time.thread_time_ns))
    finally:
        gc.enable()
    return best


def paired(
    candidates: dict[str, Callable[[], Any]],
    n: int = 1,
    rounds: int = 15,
    settle: Callable[[], Any] | None = None,
) -> tuple[dict[str, float], float]:
    """Medians over rounds of the ratio to the candidate "native", and its median time in microseconds.

    Args:
        candidates: what is timed, one after another in each round, in the other order every second time.
        n: calls of a candidate in a row.
        rounds: how often all of them are timed.
        settle: called before each, untimed: ends what the one before has left to the system.
    """
    times: dict[str, list[float]] = {k: [] for k in candidates}
    for f in candidates.values():
        f()
        f()
    for i in range(rounds):
        for name, f in list(candidates.items())[:: -1 if i % 2 else 1]:
            if settle is not None:
                settle()
            times[name].append(_burst(f, n, time.perf_counter_ns))
    base = times["native"]
    ratios = {
        k: statistics.median(a / b for a, b in zip(v, base, strict=True)) for k, v in times.items() if k != "native"
    }
    return ratios, statistics.median(base)


def count_calls(f: Callable[[], Any]) -> int:
    """The number of Python and C functions of which Python frames are entered while `f` runs once."""
    count = 0

    def profile(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        if event == "call":
            count += 1

    f()
    sys.setprofile(profile)
    try:
        f()
    finally:
        sys.setprofile(None)
    return count
