"""Paired timing that stands a noisy machine."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Paired", "Row", "count_calls", "paired", "per_call", "quartiles"]


class Row(NamedTuple):
    """One line of the result table.

    Attributes:
        name: what was measured.
        unit: "x" (ratio to native) or "us" (over native).
        kfront, keras: the measure, None where there is none.
        native: the native time of one run in microseconds.
        limit: the project's own bound on `kfront`, None where there is none.
        spread: the quartiles of `kfront` over the rounds, None where it was measured once.
    """

    name: str
    unit: str
    kfront: float | None
    keras: float | None
    native: float
    limit: float | None
    spread: tuple[float, float] | None = None


class Paired(NamedTuple):
    """What paired timing gives.

    Attributes:
        ratios: the median ratio of each candidate to "native".
        native: the median time of "native" in microseconds.
        spread: the quartiles of kfront's ratio, None without a candidate of that name or with one round.
    """

    ratios: dict[str, float]
    native: float
    spread: tuple[float, float] | None


def quartiles(values: list[float]) -> tuple[float, float] | None:
    """The first and the third quartile, None of fewer than two values."""
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


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
) -> Paired:
    """Medians over rounds of the ratio to the candidate "native".

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
    ratios = {k: [a / b for a, b in zip(v, base, strict=True)] for k, v in times.items() if k != "native"}
    medians = {k: statistics.median(v) for k, v in ratios.items()}
    return Paired(medians, statistics.median(base), quartiles(ratios.get("kfront", [])))


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
