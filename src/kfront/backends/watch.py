"""Processes that work together notice when one of them ends, stops, or does something else than the others.

Each has a thread that writes signs of life into the store by which the engine brought the processes together, looks for
those of its neighbour, and compares what the first process has done with its own calls. Training itself writes down a
number for each step, in memory; it never waits for this. What is found is raised at the next step of every process. A
process that cannot raise it, because it waits for one that is gone, says so and ends.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import sys
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from kfront.core import settings
from kfront.core.errors import KfrontError, ProcessError
from kfront.core.typing import Config

_TICK = 0.5  # seconds
_ALARMED = 5.0  # of silence, after an exchange has failed
_GRACE = 8.0  # seconds in which the program may raise what was found
_FAILED, _ENDED = "!failed with ", "!has ended after step "
_EXCHANGE = re.compile(r"gloo|nccl|peer|socket|rendezvous|store|coordination|heartbeat|process group|\brank\b", re.I)
_EVERY, _LAST = 64, 128  # of the steps of an epoch, those that are compared: each 64th, and the last 128


class Store(Protocol):
    """Texts by name, which all processes see."""

    def put(self, name: str, text: str) -> None:
        """Set a text."""

    def find(self, name: str) -> str | None:
        """A text, None if there is none yet."""


class Watch:
    """Watches over the processes of a program.

    Args:
        store: of them all.
        count: how many there are.
        mine: which this is.
        keeper: who keeps the store, for the message when it is gone.

    Attributes:
        problem: what was found; None as long as all is well.
    """

    def __init__(self, store: Store, count: int, mine: int, keeper: str) -> None:
        self.store, self.count, self.mine, self.keeper = store, count, mine, keeper
        self.problem: str | None = None
        self._found = self._inside = 0.0
        self._alarmed = self._kf_told = False
        self._silent: dict[int, tuple[str | None, float]] = {}  # process -> its last sign, and when it was new
        self._calls = 0
        self._chain = 0
        self._kf_steps: deque[tuple[int, int]] = deque(maxlen=_LAST)
        self._marks: deque[tuple[int, int]] = deque(maxlen=_LAST)
        self._done = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._kf_run, name="kfront-watch", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _kf_run(self) -> None:
        number = 0
        while not self._over.wait(_TICK):
            number += 1
            try:
                self._tick(number)
            except Exception as error:  # the store is out of reach
                reason = str(error).partition("\n")[0][:200]
                self._find(f"{self.keeper} has stopped: the store of the processes is out of reach ({reason})", False)
            if self.problem is not None and self._inside and time.monotonic() - max(self._found, self._inside) > _GRACE:
                print(f"[distribution] {self.problem}; this process cannot go on.", file=sys.stderr, flush=True)
                os._exit(1)

    def _tick(self, number: int) -> None:
        if not self._kf_told:
            self.store.put(f"sign/{self.mine}", str(number))
        if self.problem is None:
            told = self.store.find("problem")
            if told is not None:
                self._find(told, False)
        if self.problem is not None:
            return
        others = [i for i in range(self.count) if i != self.mine]
        for i in others if self._alarmed else [(self.mine + 1) % self.count]:
            self._look_at(i)
        self._compare_steps()

    def _look_at(self, i: int) -> None:
        """Whether a process has given a new sign of life."""
        now, sign = time.monotonic(), self.store.find(f"sign/{i}")
        before, since = self._silent.get(i, (None, now))
        if sign != before or i not in self._silent:
            self._silent[i] = sign, now
        if sign is not None and sign.startswith(_FAILED):
            self._find(f"rank {i} of {self.count} {sign[1:]}")
        elif sign is not None and sign.startswith(_ENDED):
            if self._alarmed or self._done > int(sign.removeprefix(_ENDED)):  # a step that the other never took
                self._find(f"rank {i} of {self.count} has ended while others were in the middle of their work")
        elif sign == before and now - since > (_ALARMED if self._alarmed else settings.process_timeout()):
            self._find(f"rank {i} of {self.count} has stopped: no sign of life for {now - since:.0f} seconds")

    def _find(self, problem: str, tell: bool = True) -> None:
        if self.problem is None:
            self._found, self.problem = time.monotonic(), problem
            if tell:
                self.store.put("problem", problem)

    def _compare_steps(self) -> None:
        """Compare what the steps of the first process were with one's own."""
        marks, steps = list(self._marks), list(self._kf_steps)
        if not self.mine:
            self.store.put("steps", json.dumps([*marks, *steps]))
            return
        told, own = self.store.find("steps"), dict([*marks, *steps])
        for number, chain in json.loads(told) if told else ():
            if own.get(number, chain) != chain:
                self._find(
                    f"rank {self.mine} of {self.count} does not do what rank 0 does: by its step {number} it was "
                    "given another batch or learning rate, or called another method; give all processes the same data, "
                    "settings and calls, or pass `auto_shard_dataset=False` to the distribution if each has its own "
                    "part of the data"
                )
                return

    def close(self) -> None:
        """The program ends: the thread must not be in the engine's code when the interpreter goes."""
        error = getattr(sys, "last_value", None)  # of a loop of the user's own
        raised = isinstance(error, Exception) and not isinstance(error, ProcessError) and not self._kf_told
        if raised and self._explain(error):
            print(f"[distribution] {self.problem}.", file=sys.stderr, flush=True)
        self._over.set()
        self._thread.join(_ALARMED)
        self._end(f"{_ENDED}{self._done}")

    def _end(self, sign: str) -> None:
        """Leave a last sign."""
        if not self._kf_told:
            self._kf_told = True
            try:
                self.store.put(f"sign/{self.mine}", sign)
            except Exception:  # the store is gone, and with it those who would read it
                return

    # -- the program --------------------------------------------------------------------------------------------------

    def step(self, facts: tuple[int, ...]) -> None:
        """A step begins.

        Args:
            facts: numbers that must be the same in all processes.

        Raises:
            ProcessError: something was found.
        """
        if self.problem is not None:
            raise self._error()
        self._done = number = self._done + 1
        self.note(facts)
        chain = self._chain
        self._kf_steps.append((number, chain))
        if not number % _EVERY:
            self._marks.append((number, chain))

    def note(self, facts: tuple[int, ...]) -> None:
        """Remember numbers that must be the same in all processes; the next step tells."""
        self._chain = hash((self._chain, *facts))

    def _error(self) -> ProcessError:
        return ProcessError(f"[distribution] expected all processes to go on together, got a problem: {self.problem}.")

    def compare(self, facts: Config) -> None:
        """All processes are about to do the same: compare it with what the first one is about to do.

        Args:
            facts: what, by name; numbers and texts.

        Raises:
            ProcessError: it differs, or the first process is gone.
        """
        self._calls += 1
        name = f"call/{self._calls}"
        if not self.mine:
            self.store.put(name, json.dumps(facts))
            return
        while (told := self.store.find(name)) is None:
            ahead = self.problem is None and self._first_done() > self._done
            if ahead and self.store.find(name) is None:  # asked again: it tells of its call before it goes on
                call = facts.get("call")
                self._find(f"rank {self.mine} of {self.count} calls {call} where rank 0 takes step {self._done + 1}")
            if self.problem is not None:
                raise self._error()
            time.sleep(0.005)
        self.compare_with(json.loads(told), facts)

    def compare_with(self, theirs: Config, facts: Config) -> None:
        """Compare what this process does or has with what the first one does or has, by name.

        Args:
            theirs: numbers and texts of the first process.
            facts: those of this one.

        Raises:
            ProcessError: something differs.
        """
        differing = [k for k in {**theirs, **facts} if theirs.get(k) != facts.get(k)]
        if differing:
            listed = ", ".join(f"{k}: {facts.get(k)!r} instead of {theirs.get(k)!r}" for k in differing)
            self._find(f"rank {self.mine} of {self.count} differs from rank 0 ({listed})")
            raise self._error()

    def _first_done(self) -> int:
        """The number of the last step that the first process has begun, as far as it has told."""
        told = json.loads(self.store.find("steps") or "[]")
        return told[-1][0] if told else 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Context of a loop that all processes run: an error says which process it comes from."""
        outer, self._inside = self._inside, self._inside or time.monotonic()
        try:
            yield
        except ProcessError:
            self._linger()
            raise
        except Exception as error:
            if not self._explain(error):
                raise
            raise self._error() from error
        finally:
            self._inside = outer

    def _explain(self, error: Exception) -> bool:
        """Whether it comes from an exchange, whose reason is known then; another error is told to the others."""
        text = f"{type(error).__name__}: {error}"
        exchange = not isinstance(error, KfrontError) and _EXCHANGE.search(text) is not None  # JAX tells it last
        if exchange:
            self._inside, self._alarmed = 0.0, True  # it has raised: nobody has to end it
            end = time.monotonic() + settings.process_timeout() + _ALARMED
            while self.problem is None and time.monotonic() < end:
                time.sleep(_TICK / 5)
            self.problem = self.problem or f"an exchange between them failed: {error}"
        else:
            self._end(_FAILED + text[:300])
        self._linger()
        return exchange

    def _linger(self) -> None:
        """The process that keeps the store leaves the others time to read what was found."""
        if not self.mine:
            time.sleep(4 * _TICK)


def digest(x: object) -> int:
    """A number for a text or bytes, the same in every process."""
    return zlib.crc32(x if isinstance(x, bytes) else str(x).encode())


def shortest(x: float) -> float:
    """A number as it was written before it became a float32: 0.1, not 0.10000000149."""
    return float(f"{x:.8g}")
