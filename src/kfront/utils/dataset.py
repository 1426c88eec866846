"""`Dataset`: batches or samples that are made while they are iterated, of NumPy arrays, for every engine.

It has the methods of `tf.data.Dataset` that pipelines are written with, so that they run without TensorFlow. A step
such as `map` takes NumPy arrays in the structure of an element; each iteration starts from the beginning.
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

from kfront.backends import owner_of
from kfront.core import tree
from kfront.core.errors import ArgumentError
from kfront.core.rng import host_generator, make_default_seed
from kfront.core.spec import KerasTensor, is_text
from kfront.core.typing import AnyCallable, Shape

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

    def __init__(self, source: Callable[[], Iterator[object]], size: int | None = None, **facts: object) -> None:
        self._source, self._size, self._facts = source, size, facts
        self._batch_size: int | None = None
        self.__dict__.update(facts)

    @classmethod
    def from_arrays(cls, arrays: object, **facts: object) -> Dataset:
        """The samples of arrays with the same first axis, in their nested structure."""
        flat = [np.asarray(a) for a in tree.flatten(arrays)]
        if len({len(a) for a in flat}) != 1:
            raise ArgumentError(f"[Dataset] expected arrays of one length, got {[len(a) for a in flat]}.")

        def samples() -> Iterator[object]:
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
        """The elements; what a step made tensors of an engine is NumPy arrays again."""
        return (tree.map_structure(_on_host, element) for element in self)

    @property
    def element_spec(self) -> Any:
        """Shapes and dtypes of an element as KerasTensors, the batch size open; it makes the first element.

        Raises:
            ArgumentError: there is no element.
        """
        for element in self.as_numpy_iterator():
            return tree.map_structure(lambda a: _spec(np.asarray(a), self._batch_size is not None), element)
        raise ArgumentError("[Dataset] expected an element whose shape can be read, got an empty dataset.")

    def reduce(self, initial_state: object, reduce_func: Callable[[object, object], object]) -> Any:
        """What is left when `reduce_func(state, element)` has taken all elements, from `initial_state` on."""
        state = initial_state
        for element in self:
            state = reduce_func(state, element)
        return state

    def __repr__(self) -> str:
        return f"<Dataset of {'?' if self._size is None else self._size} elements>"

    # -- steps --------------------------------------------------------------------------------------------------------

    def _kf_step(self, source: Callable[[], Iterator[object]], size: int | None) -> Dataset:
        return type(self)(source, size, **self._facts)

    def map(self, map_func: AnyCallable, num_parallel_calls: int | None = None) -> Dataset:
        """`map_func` of each element; a tuple is handed over as several arguments.

        Args:
            map_func: takes an element, returns another.
            num_parallel_calls: number of threads; -1 for as many as suit.
        """

        def one(element: object) -> Any:
            return map_func(*element) if isinstance(element, tuple) else map_func(element)

        if num_parallel_calls is None:
            return self._kf_step(lambda: map(one, self), self._size)
        threads = _THREADS if num_parallel_calls < 1 else num_parallel_calls
        return self._kf_step(lambda: _threaded(one, iter(self), threads), self._size)

    def filter(self, predicate: AnyCallable) -> Dataset:
        """The elements for which `predicate` holds."""
        test = lambda e: bool(predicate(*e) if isinstance(e, tuple) else predicate(e))  # noqa: E731
        return self._kf_step(lambda: filter(test, self), None)

    def flat_map(self, map_func: AnyCallable) -> Dataset:
        """The elements of the datasets that `map_func` makes of each element, one dataset after another."""
        return self._kf_step(lambda: itertools.chain.from_iterable(self.map(map_func)), None)

    def interleave(
        self, map_func: AnyCallable, cycle_length: int | None = None, block_length: int = 1, **options: object
    ) -> Dataset:
        """The elements of the datasets that `map_func` makes of each element, taken from several in turn.

        Args:
            map_func: takes an element, returns a dataset.
            cycle_length: how many datasets take turns; 8 if None.
            block_length: elements that are taken from one at a time.
            **options: `num_parallel_calls` and `deterministic`, which change nothing here.
        """
        at_once = _THREADS if cycle_length is None or cycle_length < 1 else cycle_length

        def mixed() -> Iterator[Any]:
            waiting = iter(self.map(map_func))
            open_ones = [iter(one) for one in itertools.islice(waiting, at_once)]
            while open_ones:
                following = []
                for one in open_ones:
                    block = list(itertools.islice(one, block_length))
                    yield from block
                    if len(block) < block_length:  # it has ended: the next one takes its turn
                        one = next((iter(fresh) for fresh in waiting), None)
                    if one is not None:
                        following.append(one)
                open_ones = following

        return self._kf_step(mixed, None)

    def apply(self, transformation_func: Callable[[Dataset], object]) -> Any:
        """What a function makes of the dataset."""
        return transformation_func(self)

    def with_options(self, options: object) -> Dataset:
        """The dataset as it is: options of `tf.data` say how its runtime works."""
        return self

    @staticmethod
    def zip(*datasets: object) -> Dataset:
        """Tuples of the elements of several datasets, until the first ends."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list)) else datasets
        sizes = [one._size if isinstance(one, Dataset) else None for one in parts]
        known = [size for size in sizes if size is not None]
        return Dataset(lambda: zip(*parts, strict=False), min(known) if len(known) == len(sizes) else None)

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Every `num_shards`-th element, from number `index` on.

        Raises:
            ArgumentError: `index` is not below `num_shards`.
        """
        if not 0 <= index < num_shards:
            raise ArgumentError(f"[Dataset.shard] expected `index` from 0 to {num_shards - 1}, got {index}.")
        size = None if self._size is None else len(range(index, self._size, num_shards))
        return self._kf_step(lambda: itertools.islice(self, index, None, num_shards), size)

    def window(self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False) -> Dataset:
        """Datasets of `size` elements each; of tuples and dicts, a structure of datasets.

        Args:
            size: elements of a window.
            shift: elements from the begin of a window to that of the next; `size` if None.
            stride: elements from one of a window to its next.
            drop_remainder: whether windows that the data do not fill are left out.
        """
        step, span = shift or size, (size - 1) * stride + 1

        def windows() -> Iterator[object]:
            elements, held = iter(self), collections.deque()
            while True:
                held.extend(itertools.islice(elements, span - len(held)))
                found = list(held)[::stride]
                if not found or (drop_remainder and len(found) < size):
                    return
                yield tree.map_structure(lambda *values: Dataset(lambda: iter(values), len(values)), *found)
                for _ in range(step):
                    if not held:
                        next(elements, None)
                    else:
                        held.popleft()

        return self._kf_step(windows, None)

    def rebatch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def padded_batch(
        self, batch_size: int, padded_shapes: object = None, padding_values: object = None, drop_remainder: bool = False
    ) -> Dataset:
        """`batch_size` elements at a time, filled up to one shape.

        Args:
            batch_size: elements of a batch.
            padded_shapes: shapes in the structure of an element, None or -1 for the largest size in the batch.
            padding_values: what fills them, one value or a structure; zeros and empty texts if None.
            drop_remainder: whether a smaller last batch is left out.
        """

        def groups() -> Iterator[object]:
            elements = iter(self)
            while group := list(itertools.islice(elements, batch_size)):
                if len(group) == batch_size or not drop_remainder:
                    yield _padded(group, padded_shapes, padding_values)

        size = self.batch(batch_size, drop_remainder)._size
        out = self._kf_step(groups, size)
        out._facts = {**out._facts, "_batch_size": batch_size}
        out._batch_size = batch_size
        return out

    def take(self, count: int) -> Dataset:
        """The first `count` elements; all if it is -1."""
        if count < 0:
            return self
        return self._kf_step(
            lambda: itertools.islice(self, count), None if self._size is None else min(count, self._size)
        )

    def skip(self, count: int) -> Dataset:
        """All but the first `count` elements."""
        size = None if self._size is None else max(self._size - count, 0)
        return self._kf_step(lambda: itertools.islice(self, count, None), size)

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
        out = self._kf_step(batches, size)
        out._facts = {**out._facts, "_batch_size": batch_size}
        out._batch_size = batch_size
        return out

    def unbatch(self) -> Dataset:
        """The samples of batches, one by one."""

        def samples() -> Iterator[object]:
            for batch in self:
                flat = tree.flatten(batch)
                for i in range(len(flat[0])):
                    yield tree.map_structure(lambda a, i=i: a[i], batch)

        out = self._kf_step(samples, None)
        out._facts = {n: v for n, v in out._facts.items() if n != "_batch_size"}
        out._batch_size = None
        return out

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        """The elements in random order, as far as a buffer of `buffer_size` mixes them; of all if it is None."""
        rounds = itertools.count()
        first = make_default_seed() if seed is None else seed

        def shuffled() -> Iterator[object]:
            generator = host_generator(first + next(rounds) if reshuffle_each_iteration else first)
            elements = iter(self)
            buffer = list(itertools.islice(elements, buffer_size))
            for element in elements:
                i = int(generator.integers(len(buffer)))
                buffer[i], element = element, buffer[i]
                yield element
            for i in generator.permutation(len(buffer)):
                yield buffer[i]

        return self._kf_step(shuffled, self._size)

    def repeat(self, count: int | None = None) -> Dataset:
        """The elements `count` times; without end if it is None or -1."""
        endless = count is None or count < 0

        def repeated() -> Iterator[object]:
            for _ in itertools.count() if endless else range(count or 0):
                yield from self

        return self._kf_step(repeated, None if endless or self._size is None else self._size * (count or 0))

    def concatenate(self, dataset: Any) -> Dataset:
        """The elements, and those of another dataset behind them."""
        other = dataset._size if isinstance(dataset, Dataset) else None
        size = None if self._size is None or other is None else self._size + other
        return self._kf_step(lambda: itertools.chain(self, dataset), size)

    def enumerate(self, start: int = 0) -> Dataset:
        """Tuples (number, element)."""
        return self._kf_step(lambda: iter(zip(itertools.count(start), self, strict=False)), self._size)

    def cache(self) -> Dataset:
        """Keep the elements of the first whole iteration in memory."""
        kept: list[object] | None = None

        def cached() -> Iterator[object]:
            nonlocal kept
            if kept is not None:
                yield from kept
                return
            found = []
            for element in self:
                found.append(element)
                yield element
            kept = found

        return self._kf_step(cached, self._size)

    def prefetch(self, buffer_size: int | None = None) -> Dataset:
        """Make elements ahead in a thread, up to `buffer_size` of them (2 if it is None or negative)."""
        count = buffer_size if buffer_size is not None and buffer_size > 0 else 2
        return self._kf_step(lambda: _ahead(self, count), self._size)


def stack(elements: list[object]) -> Any:
    """Elements of one structure as one, their arrays stacked along a new first axis."""

    def one(*values: object) -> np.ndarray:
        if isinstance(values[0], (str, bytes)):
            out = np.empty(len(values), object)
            out[:] = values
            return out
        arrays = [np.asarray(v) for v in values]
        if is_text(arrays[0]):
            return np.stack([a.astype(object) for a in arrays])
        return np.stack(arrays)

    return tree.map_structure(one, *elements)


def _on_host(value: object) -> object:
    """A value as NumPy has it; texts and NumPy arrays as they are."""
    if isinstance(value, (str, bytes, np.ndarray, np.generic)):
        return value
    engine = owner_of(value)
    return engine.to_numpy(value) if engine is not None else np.asarray(value)


def _spec(array: np.ndarray, batched: bool) -> KerasTensor:
    shape = (None, *array.shape[1:]) if batched and array.ndim else array.shape
    return KerasTensor(shape, "string" if array.dtype.kind in "OSU" else array.dtype.name)


def _padded(group: list[object], shapes: Any, values: Any) -> object:
    flat = [[np.asarray(a) for a in tree.flatten(element)] for element in group]
    count = len(flat[0])
    shapes = [None] * count if shapes is None else _leaves(shapes, count)
    values = tree.flatten(values) if isinstance(values, (tuple, list, dict)) else [values] * count
    columns = [
        _filled(list(column), shape, value)
        for column, shape, value in zip(zip(*flat, strict=True), shapes, values, strict=True)
    ]
    return tree.pack_sequence_as(group[0], columns)


def _leaves(shapes: object, count: int) -> list[object]:
    """The shapes of a structure, where a tuple of sizes is one of them."""
    found: list[object] = []
    tree.map_shape_structure(found.append, shapes)
    if len(found) != count:
        raise ArgumentError(f"[Dataset.padded_batch] expected {count} `padded_shapes`, got {shapes!r}.")
    return found


def _filled(arrays: list[np.ndarray], shape: Shape, value: object) -> np.ndarray:
    largest = [max(sizes) for sizes in zip(*(a.shape for a in arrays), strict=True)]
    wanted = [n if d in (None, -1) else d for n, d in zip(largest, shape or [None] * len(largest), strict=True)]
    if any(n > d for n, d in zip(largest, wanted, strict=True)):
        raise ArgumentError(f"[Dataset.padded_batch] expected elements up to {tuple(wanted)}, got {tuple(largest)}.")
    text = is_text(arrays[0]) or arrays[0].dtype.kind == "O"
    empty: object = ("" if text else 0) if value is None else value
    out = np.full((len(arrays), *wanted), empty, object if text else arrays[0].dtype)
    for i, array in enumerate(arrays):
        out[(i, *(slice(n) for n in array.shape))] = array
    return out


def _threaded(fn: Callable[[object], object], elements: Iterator[object], threads: int) -> Iterator[object]:
    """`map` in threads, the results in order, few made ahead."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = collections.deque(pool.submit(fn, e) for e in itertools.islice(elements, 2 * threads))
        while waiting:
            out = waiting.popleft().result()
            for element in itertools.islice(elements, 1):
                waiting.append(pool.submit(fn, element))
            yield out


def _ahead(source: Iterable[object], count: int) -> Iterator[Any]:
    """The elements of `source`, made in a thread that ends with the iteration, however that ends."""
    made: queue.Queue[tuple[bool, Any]] = queue.Queue(count)
    stop = threading.Event()

    def put(item: tuple[bool, object]) -> None:
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
        except BaseException as error:  # raised in the reader
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
