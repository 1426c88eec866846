"""Batches of slow sources, made in another thread while a step runs.

A source is asked for its batches one by one in the thread of the loop, and its time is taken. When it has been slow
twice in a row, the rest of the epoch is made in a thread of its own: in the same order, and never more than
`kfront.config.read_ahead()` batches ahead. What it makes is copied, because a source may fill the same arrays again and
again. Sources in memory, those that have workers of their own, and runs that a
callback must be able to take up exactly where they stood (`BackupAndRestore`) never get such a thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import numpy as np

from kfront.core import tree
from kfront.core.state import state
from kfront.core.typing import Tensor

_SLOW = 1e-3  # seconds for a batch; passing a batch between threads takes about a tenth of that
_END = object()


class _Failure:
    """What a source raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _copied(x: Tensor) -> Any:
    """An array that the source does not write to: NumPy's and torch's are copied, others are immutable."""
    copy = getattr(x, "copy" if isinstance(x, np.ndarray) else "clone", None)
    return x if copy is None else copy()


class ReadAhead:
    """An iterator over batches, and a context manager whose end stops its thread.

    Args:
        source: iterator over the batches of an epoch.
        depth: how many batches may be ready or in the making, at least 1.
        most: how many batches are wanted of the source at most, None for all: it is not asked for more.
    """

    def __init__(self, source: Iterator[object], depth: int, most: int | None = None) -> None:
        self.source, self.most = source, most
        self._taken = self._slow = 0
        self._thread: threading.Thread | None = None
        self._kf_ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room = threading.Semaphore(depth)
        self._stopped = False

    def __iter__(self) -> Iterator[object]:
        return self

    def __next__(self) -> Any:
        if self._thread is not None:
            return self._next_ready()
        if self._taken == self.most:
            raise StopIteration
        began = time.perf_counter()
        batch = next(self.source)
        self._taken += 1
        self._slow = self._slow + 1 if time.perf_counter() - began > _SLOW else 0
        if self._slow == 2 and self._taken != self.most:
            batch = tree.map_structure(_copied, batch)
            self._start()
        return batch

    def _start(self) -> None:
        here = dict(vars(state))  # backend, device and the like belong to a thread

        def work() -> None:
            vars(state).update(here)
            self._work()

        self._thread = threading.Thread(target=copy_context().run, args=(work,), name="kfront-data", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            while self._taken != self.most:
                self._room.acquire()
                if self._stopped:
                    return
                batch = next(self.source)
                self._taken += 1
                self._kf_ready.put(tree.map_structure(_copied, batch))
            self._kf_ready.put(_END)
        except StopIteration:
            self._kf_ready.put(_END)
        except BaseException as error:
            self._kf_ready.put(_Failure(error))

    def _next_ready(self) -> Any:
        batch = self._kf_ready.get()
        if batch is _END or isinstance(batch, _Failure):
            self._kf_ready.put(_END)  # for the next call
            if batch is _END:
                raise StopIteration
            raise batch.error
        self._room.release()
        return batch

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *exc: object) -> None:
        """Wait for the batch that is being made, and begin no other."""
        if self._thread is not None:
            self._stopped = True
            self._room.release()
            self._thread.join()
