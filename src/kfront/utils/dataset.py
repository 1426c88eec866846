"""`Dataset`: batches or samples that are made while they are iterated, of NumPy arrays, for every engine.

It has the methods of `tf.data.Dataset` that pipelines are written with, so that they run without TensorFlow. A step
such as `map` takes NumPy arrays in the structure of an element; each iteration starts anew.
"""

from __future__ import annotations

import collections
import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from kfront.core import tree
from kfront.core.errors import ArgumentError
from kfront.core.rng import host_generator, make_default_seed
from kfront.core.spec import is_text

__all__ = ["Dataset", "stack"]

_THREADS = 8


class Dataset:
    """Elements that are made while they are iterated.

    Args:
        source: a callable that gives an iterator of elements; called once for each iteration.
        size: the number of elements, None if it is not known.
        **facts: further attributes, such as `class_names`; the steps below keep them.

    Example:

    >>> import numpy as np, kfront
    >>> from kfront.utils.dataset import Dataset
    >>> data = Dataset.from_arrays((np.arange(5), np.arange(5) * 2)).batch(2).map(lambda x, y: x + y)
    >>> [batch.tolist() for batch in data]
    [[0, 3], [6, 9], [12]]
    """

    def __init__(self, source: Callable[[], Iterator[Any]], size: int | None = None, **facts: object) -> None:
        self._source, self._size, self._facts = source, size, facts
        self._batch_size: int | None = None
        self.__dict__.update(facts)

    @classmethod
    def from_arrays(cls, arrays: object, **facts: object) -> Dataset:
        """The samples of arrays with the same first axis, in their nested structure."""
        flat = [np.asarray(a) for a in tree.flatten(arrays)]
        if len({len(a) for a in flat}) != 1:
            raise ArgumentError(f"[Dataset] expected arrays of one length, got {[len(a) for a in flat]}.")

        def samples() -> Iterator[Any]:
            for values in zip(*flat, strict=True):
                yield tree.pack_sequence_as(arrays, list(values))

        return cls(samples, len(flat[0]), **facts)

    # -- reading ------------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return iter(self._source())

    def __len__(self) -> int:
        if self._size is None:
            raise TypeError("the number of elements of this dataset is not known")
        return self._size

    def __bool__(self) -> bool:
        return True

    def cardinality(self) -> int:
        """The number of elements; -2 if it is not known."""
        return -2 if self._size is None else self._size

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements."""
        return iter(self)

    def __repr__(self) -> str:
        return f"<Dataset of {'?' if self._size is None else self._size} elements>"

    # -- steps --------------------------------------------------------------------------------------------------------

    def _step(self, source: Callable[[], Iterator[Any]], size: int | None) -> Dataset:
        return type(self)(source, size, **self._facts)

    def map(self, map_func: Callable[..., Any], num_parallel_calls: int | None = None) -> Dataset:
        """`map_func` of each element; a tuple is handed over as several arguments.

        Args:
            map_func: takes an element, returns another.
            num_parallel_calls: number of threads; -1 for as many as suit.
        """

        def one(element: object) -> Any:
            return map_func(*element) if isinstance(element, tuple) else map_func(element)

        if num_parallel_calls is None:
            return self._step(lambda: map(one, self), self._size)
        threads = _THREADS if num_parallel_calls < 1 else num_parallel_calls
        return self._step(lambda: _threaded(one, iter(self), threads), self._size)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements for which `predicate` holds."""
        test = lambda e: bool(predicate(*e) if isinstance(e, tuple) else predicate(e))  # noqa: E731
        return self._step(lambda: filter(test, self), None)

    def take(self, count: int) -> Dataset:
        """The first `count` elements; all if it is -1."""
        if count < 0:
            return self
        return self._step(lambda: itertools.islice(self, count), None if self._size is None else min(count, self._size))

    def skip(self, count: int) -> Dataset:
        """All but the first `count` elements."""
        size = None if self._size is None else max(self._size - count, 0)
        return self._step(lambda: itertools.islice(self, count, None), size)

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """`batch_size` elements at a time, stacked along a new first axis."""
        if batch_size < 1:
            raise ArgumentError(f"[Dataset.batch] expected `batch_size` >= 1, got {batch_size}.")

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while group := list(itertools.islice(elements, batch_size)):
                if len(group) == batch_size or not drop_remainder:
                    yield stack(group)

        size = self._size
        if size is not None:
            size = size // batch_size if drop_remainder else -(-size // batch_size)
        out = self._step(batches, size)
        out._facts = {**out._facts, "_batch_size": batch_size}
        out._batch_size = batch_size
        return out

    def unbatch(self) -> Dataset:
        """The samples of batches, one by one."""

        def samples() -> Iterator[Any]:
            for batch in self:
                flat = tree.flatten(batch)
                for i in range(len(flat[0])):
                    yield tree.map_structure(lambda a, i=i: a[i], batch)

        out = self._step(samples, None)
        out._facts = {n: v for n, v in out._facts.items() if n != "_batch_size"}
        out._batch_size = None
        return out

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        """The elements in random order, as far as a buffer of `buffer_size` mixes them; of all if it is None."""
        rounds = itertools.count()
        first = make_default_seed() if seed is None else seed

        def shuffled() -> Iterator[Any]:
            generator = host_generator(first + next(rounds) if reshuffle_each_iteration else first)
            elements = iter(self)
            buffer = list(itertools.islice(elements, buffer_size))
            for element in elements:
                i = int(generator.integers(len(buffer)))
                buffer[i], element = element, buffer[i]
                yield element
            for i in generator.permutation(len(buffer)):
                yield buffer[i]

        return self._step(shuffled, self._size)

    def repeat(self, count: int | None = None) -> Dataset:
        """The elements `count` times; without end if it is None or -1."""
        endless = count is None or count < 0

        def repeated() -> Iterator[Any]:
            for _ in itertools.count() if endless else range(count or 0):
                yield from self

        return self._step(repeated, None if endless or self._size is None else self._size * (count or 0))

    def concatenate(self, dataset: Any) -> Dataset:
        """The elements, and those of another dataset behind them."""
        other = dataset._size if isinstance(dataset, Dataset) else None
        size = None if self._size is None or other is None else self._size + other
        return self._step(lambda: itertools.chain(self, dataset), size)

    def enumerate(self, start: int = 0) -> Dataset:
        """Tuples (number, element)."""
        return self._step(lambda: iter(zip(itertools.count(start), self, strict=False)), self._size)

    def cache(self) -> Dataset:
        """Keep the elements of the first whole iteration in memory."""
        kept: list[Any] | None = None

        def cached() -> Iterator[Any]:
            nonlocal kept
            if kept is not None:
                yield from kept
                return
            found = []
            for element in self:
                found.append(element)
                yield element
            kept = found

        return self._step(cached, self._size)

    def prefetch(self, buffer_size: int | None = None) -> Dataset:
        """Make elements ahead in a thread, up to `buffer_size` of them (2 if it is None or negative)."""
        count = buffer_size if buffer_size is not None and buffer_size > 0 else 2
        return self._step(lambda: _ahead(self, count), self._size)


def stack(elements: list[Any]) -> Any:
    """Elements of one structure as one, their arrays stacked along a new first axis."""

    def one(*values: Any) -> np.ndarray:
        if isinstance(values[0], (str, bytes)):
            out = np.empty(len(values), object)
            out[:] = values
            return out
        arrays = [np.asarray(v) for v in values]
        if is_text(arrays[0]):
            return np.stack([a.astype(object) for a in arrays])
        return np.stack(arrays)

    return tree.map_structure(one, *elements)


def _threaded(fn: Callable[[Any], Any], elements: Iterator[Any], threads: int) -> Iterator[Any]:
    """`map` in threads, the results in order, few made ahead."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = collections.deque(pool.submit(fn, e) for e in itertools.islice(elements, 2 * threads))
        while waiting:
            out = waiting.popleft().result()
            for element in itertools.islice(elements, 1):
                waiting.append(pool.submit(fn, element))
            yield out


def _ahead(source: Iterable[Any], count: int) -> Iterator[Any]:
    """The elements of `source`, made in a thread that ends with the iteration, however that ends."""
    made: queue.Queue[tuple[bool, Any]] = queue.Queue(count)
    stop = threading.Event()

    def put(item: tuple[bool, Any]) -> None:
        while not stop.is_set():
            try:
                return made.put(item, timeout=0.1)
            except queue.Full:
                continue
        return None

    def work() -> None:
        try:
            for element in source:
                put((True, element))
                if stop.is_set():
                    return
            put((False, None))
        except BaseException as error:  # goes to the reader
            put((False, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            more, value = made.get()
            if more:
                yield value
            elif value is None:
                return
            else:
                raise value
    finally:
        stop.set()
