"""A progress bar of one line."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kfront import config
from kfront.backends import current
from kfront.core.errors import ArgumentError
from kfront.utils.io_utils import print_msg


class Progbar:
    """Shows how far a loop is, how long a step takes, and values.

    In a terminal the line is redrawn at most every `interval` seconds; elsewhere (a file, a pipe) only the final line
    is written. Values may be tensors on a device: they are read when the line is drawn, never in between.

    Args:
        target: number of steps, None if not known.
        width: characters of the bar.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        stateful_metrics: names of values that are shown as they are.
        stateless_metrics: names of values that are averaged over the steps, as all are if neither list is given.
        interval: least time between two drawings, in seconds.
        unit_name: what is counted.

    Raises:
        ArgumentError: both lists of names are given.

    Example:

    >>> import kfront
    >>> bar = kfront.utils.Progbar(2, verbose=0)
    >>> bar.update(1, [("loss", 0.5)])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError("[Progbar] expected `stateful_metrics` or `stateless_metrics`, got both; pass one.")
        self.target, self.width, self.verbose, self.interval = target, width, verbose, interval
        self.unit_name = unit_name
        self._as_is = None if stateful_metrics is None else frozenset(stateful_metrics)
        self._averaged = None if stateless_metrics is None else frozenset(stateless_metrics)
        self._shown: dict[str, Any] = {}  # latest value, or [sum, weight] of an averaged one
        self._pending: list[tuple[str, object, int]] = []
        self._start = self._drawn_at = time.perf_counter()
        self._first_step_at: float | None = None
        self._seen = 0
        self._line_length = 0
        self._live = _is_live()

    def _is_averaged(self, name: str) -> bool:
        if self._averaged is not None:
            return name in self._averaged
        return self._as_is is None or name not in self._as_is

    def update(
        self, current: int, values: Sequence[tuple[str, object]] | None = None, finalize: bool | None = None
    ) -> None:
        """Report that `current` steps are done.

        Args:
            current: steps done.
            values: pairs (name, value) to show.
            finalize: whether this is the last report; by default when `current` reaches `target`.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = current - self._seen
        for name, value in values or ():
            if self._is_averaged(name):
                self._shown.setdefault(name, (0.0, 0))  # values keep the order in which they first came
                self._pending.append((name, value, steps))
            else:
                self._shown[name] = value
        self._seen = current
        now = time.perf_counter()
        if self._first_step_at is None and current:
            self._first_step_at = now
        if len(self._pending) > 1024:
            self._flush()
        if not self.verbose or not (finalize or (self.verbose == 1 and self._live)):
            return
        if finalize or now - self._drawn_at >= self.interval:
            self._draw(current, now, finalize)

    def add(self, n: int, values: Sequence[tuple[str, object]] | None = None) -> None:
        """Report that `n` more steps are done."""
        self.update(self._seen + n, values)

    # ---- drawing -----------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        for name, value, steps in self._pending:
            total, weight = self._shown[name]
            self._shown[name] = (total + _number(value) * steps, weight + steps)
        self._pending.clear()

    def _draw(self, current: int, now: float, final: bool) -> None:
        self._flush()
        self._drawn_at = now
        colour = self._live and config.is_interactive_logging_enabled() and "NO_COLOR" not in os.environ
        text = self._counter(current, colour) + " " + self._times(current, now, final) + self._values()
        if not self._live or self.verbose == 2 or not config.is_interactive_logging_enabled():
            if final:
                print_msg(text)
            return
        plain = len(text) - (14 if colour and self.verbose == 1 and self.target else 0)
        columns = shutil.get_terminal_size().columns
        if plain >= columns and not final:
            text, plain = self._counter(current, False)[: columns - 1], columns - 1
        blanks = " " * max(self._line_length - plain, 0)
        self._line_length = plain
        print_msg("\r" + text + blanks, line_break=final)

    def _counter(self, current: int, colour: bool) -> str:
        if not self.target:
            return f"{current:>7}/Unknown"
        digits = len(str(self.target))
        count = f"{current:>{digits}}/{self.target}"
        if self.verbose == 2:
            return count + " -"
        done = min(int(self.width * current / self.target), self.width)
        full, empty = "━" * done, "━" * (self.width - done)
        if colour:
            return f"{count} \x1b[32m{full}\x1b[37m{empty}\x1b[0m"
        return f"{count} {full}{' ' * len(empty)}"

    def _times(self, current: int, now: float, final: bool) -> str:
        passed = now - self._start
        # the first step compiles; it says nothing about the others
        if current > 1 and self._first_step_at is not None:
            per_step = (now - self._first_step_at) / (current - 1)
        else:
            per_step = passed / max(current, 1)
        if final or not self.target:
            clock = _clock(passed)
        else:
            clock = _clock(per_step * max(self.target - current, 0))
        dash = "- " if self.verbose == 2 else ""
        return f"{clock} {dash}{_short(per_step)}/{self.unit_name}"

    def _values(self) -> str:
        parts = []
        for name, value in self._shown.items():
            if isinstance(value, tuple):
                value = value[0] / max(value[1], 1)
            number = _number(value)
            parts.append(f"{name}: {number:.4f}" if abs(number) > 1e-3 or number == 0 else f"{name}: {number:.4e}")
        return "".join(f" - {p}" for p in parts)


def _is_live() -> bool:
    """Whether a line that was written can be drawn over."""
    tty = getattr(sys.stdout, "isatty", None)
    return "ipykernel" in sys.modules or bool(tty and tty())


def _number(value: Any) -> float:
    """A Python float of a number, array or tensor (the mean, where it has several elements)."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float(np.mean(current().to_numpy(value)))


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}" if whole >= 60 else f"{whole}s"


def _short(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return "0us"
