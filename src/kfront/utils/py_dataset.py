"""`PyDataset`, and the loader that lets threads or processes make its batches ahead of time."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count, islice
from typing import Any

from kfront.core.errors import ArgumentError, DataError


class PyDataset:
    """Base of a dataset written in Python: define `__len__` (number of batches) and `__getitem__` (one batch).

    `fit` asks for each batch of an epoch exactly once. A dataset without end has `num_batches` None.

    Args:
        workers: how many threads or processes make batches; 0 makes them in the thread that trains, 1 too, unless they
            are slow (see `kfront.config.read_ahead`).
        use_multiprocessing: processes instead of threads, for work that holds Python's interpreter lock. Each gets a
            copy of the dataset, which must be picklable; the script needs `if __name__ == "__main__":`.
        max_queue_size: how many batches may be ready or in the making.

    Raises:
        ArgumentError: a number is out of range.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> class Squares(kfront.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.full((2, 1), index)
    ...         return x, x**2
    >>> [int(y[0, 0]) for x, y in Squares()]
    [0, 1, 4]
    """

    # so that a subclass that forgets `super().__init__()` works with the defaults
    _workers: int = 1
    _use_multiprocessing: bool = False
    _max_queue_size: int = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def workers(self) -> int:
        """How many threads or processes make batches."""
        return self._workers

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = _at_least("workers", value, 0)

    @property
    def use_multiprocessing(self) -> bool:
        """Whether they are processes."""
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = bool(value)

    @property
    def max_queue_size(self) -> int:
        """How many batches may be ready or in the making."""
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = _at_least("max_queue_size", value, 0)

    def __getitem__(self, index: int) -> Any:
        """The batch number `index`: `x`, `(x, y)` or `(x, y, sample_weight)`."""
        raise NotImplementedError(
            f"[{type(self).__name__}] expected `__getitem__` to be defined; return a batch there."
        )

    @property
    def num_batches(self) -> int | None:
        """Number of batches of an epoch; None for a dataset without end."""
        try:
            return len(self)  # type: ignore[arg-type]
        except TypeError as e:
            raise NotImplementedError(
                f"[{type(self).__name__}] expected `__len__` to be defined; return the number of batches there."
            ) from e

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch, e.g. to shuffle."""

    def __iter__(self) -> Iterator[object]:
        try:
            n = self.num_batches
        except NotImplementedError:  # without end
            n = None
        for i in count() if n is None else range(n):
            yield self[i]


def _at_least(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ArgumentError(f"[PyDataset] expected `{name}` to be an integer of at least {least}, got {value!r}.")
    return value


# ---- loading ahead ---------------------------------------------------------------------------------------------------

_in_worker: PyDataset | None = None  # the dataset of a worker process


def _receive(dataset: PyDataset) -> None:
    global _in_worker
    _in_worker = dataset


def _make(index: int) -> object:
    assert _in_worker is not None
    return _in_worker[index]


class Loader:
    """Batches of a `PyDataset`, in order, made ahead of time by its workers.

    Use it as a context manager, or call `close` at the end: then no thread or process stays behind. An error in
    `__getitem__` reaches the loop with its traceback.

    Args:
        dataset: the dataset.

    Example:

    >>> import kfront
    >>> class Numbers(kfront.utils.PyDataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index
    >>> with Loader(Numbers(workers=2)) as loader:
    ...     list(loader.epoch()), list(loader.epoch([3, 0]))
    ([0, 1, 2, 3], [3, 0])
    """

    def __init__(self, dataset: PyDataset) -> None:
        self.dataset = dataset
        self._pool: Executor | None = None
        kind = type(dataset)
        # worker processes hold copies: one that changes between epochs must be sent again
        self.changes = (
            kind.on_epoch_end is not PyDataset.on_epoch_end or kind.on_epoch_begin is not PyDataset.on_epoch_begin
        )

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers; what they are at is finished, what they have not begun is dropped."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def epoch(self, order: Iterable[int] | None = None) -> Iterator[Any]:
        """The batches of one epoch.

        Args:
            order: batch numbers in the order wanted; 0, 1, 2 … if None.

        Raises:
            DataError: a worker process died.
        """
        if order is None:
            n = self.dataset.num_batches
            order = count() if n is None else range(n)
        if self.dataset.workers <= 1 and not self.dataset.use_multiprocessing:
            return (self.dataset[i] for i in order)
        return self._ahead(iter(order))

    def _ahead(self, order: Iterator[int]) -> Iterator[object]:
        if self.changes and self.dataset.use_multiprocessing:
            self.close()
        if self._pool is None:
            self._pool = self._start()
        pool = self._pool
        make = _make if self.dataset.use_multiprocessing else self.dataset.__getitem__
        waiting: deque[Future[object]] = deque()
        try:
            waiting.extend(pool.submit(make, i) for i in islice(order, max(self.dataset.max_queue_size, 1)))
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(pool.submit(make, i) for i in islice(order, 1))
                yield batch
        except BrokenProcessPool as e:
            raise DataError(
                f"[{type(self.dataset).__name__}] expected worker processes to keep running, one exited; the dataset "
                "must be picklable, and the script must start its work under `if __name__ == '__main__':`."
            ) from e
        finally:
            for future in waiting:
                future.cancel()

    def _start(self) -> Executor:
        workers = max(self.dataset.workers, 1)
        if not self.dataset.use_multiprocessing:
            return ThreadPoolExecutor(workers, thread_name_prefix="kfront-data")
        # never plain fork: engines hold threads and locks that a forked child would wait for
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(method)
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_receive, initargs=(self.dataset,))
