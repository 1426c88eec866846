"""Adapters: arrays, pandas, torch DataLoader, tf.data, PyDataset, generators.

Each yields tuples ``(x, y, sample_weight)`` of NumPy arrays or native tensors in their nested structure. Engines are
recognized by the module of a type; none is imported for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kfront.core import tree
from kfront.core.errors import ArgumentError, DataError
from kfront.core.rng import host_generator, make_default_seed

__all__ = ["ArrayData", "Data", "IterableData", "SequenceData", "make_data", "split_arrays"]

Batch = tuple[Any, Any, Any]


class Data:
    """One source of batches.

    Attributes:
        steps: batches per epoch, None when it is not known.
        batch_size: samples per batch, None when it is not known.
    """

    steps: int | None = None
    batch_size: int | None = None

    def batches(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        raise NotImplementedError

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    def close(self) -> None:
        """Called once when the loop ends, however it ends."""


def _origin(x: Any) -> str:
    """Modules of the classes of `x`, to recognize a library without importing it."""
    return " ".join(c.__module__ for c in type(x).__mro__)


def to_array(x: Any, name: str, backend: Any) -> Any:
    """One array-like as a NumPy array of a dtype that engines take.

    Floats become floatx; integers, bools and strings stay.

    Raises:
        DataError: for things that are no arrays.
    """
    from kfront.config import floatx

    origin = _origin(x)
    if hasattr(x, "to_numpy") and ("pandas" in origin or "polars" in origin):
        x = x.to_numpy()
    elif backend.is_tensor(x) or "torch" in origin or "tensorflow" in origin:
        x = backend.to_numpy(x if backend.is_tensor(x) else backend.convert(x))
    elif hasattr(x, "_is_variable"):
        x = x.numpy()
    elif not isinstance(x, np.ndarray):
        try:
            x = np.asarray(x)
        except Exception as error:
            raise DataError(f"[fit] expected `{name}` to be an array, got {type(x).__name__}: {error}") from error
    if x.dtype == object:
        try:
            x = x.astype(floatx())
        except (ValueError, TypeError):
            raise DataError(
                f"[fit] expected `{name}` to be a rectangular array of numbers, got objects of shape {x.shape}; "
                "pad ragged rows (kfront.utils.pad_sequences) or encode strings first."
            ) from None
    if x.dtype.kind == "f" and x.dtype != floatx():
        x = x.astype(floatx())
    return x


class ArrayData(Data):
    """Arrays in memory, cut into batches; shuffles come from host Philox and are the same on every engine.

    Args:
        x, y, sample_weight: nested arrays with the same first dimension; y and sample_weight may be None.
        batch_size: samples per batch.
        shuffle: False, True (samples) or "batch" (whole batches).
    """

    def __init__(self, x: Any, y: Any, sample_weight: Any, batch_size: int, shuffle: bool | str, backend: Any) -> None:
        self.x, self.y, self.weight = x, y, sample_weight
        flat = [a for a in tree.flatten((x, y, sample_weight)) if a is not None]
        if not flat:
            raise DataError("[fit] expected at least one array in `x`, got none.")
        self.size = check_sizes(x, y, sample_weight)
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ArgumentError(f"[fit] expected `batch_size` to be an int >= 1, got {batch_size!r}.")
        self.batch_size = self._count = int(batch_size)
        self.steps = -(-self.size // self._count)
        self.shuffle = shuffle
        self._plain = all(not tree.is_nested(v) for v in (x, y, sample_weight))

    def batches(self) -> Iterator[Batch]:
        n, size = self.size, self._count
        order = self._order()
        if order is None:
            for i in range(0, n, size):
                yield self._cut(lambda a, i=i: a[i : i + size])
        else:
            for i in range(0, n, size):
                index = order[i : i + size]
                yield self._cut(lambda a, index=index: a.take(index, 0))

    def _order(self) -> np.ndarray | None:
        if not self.shuffle:
            return None
        generator = host_generator(make_default_seed())
        if self.shuffle == "batch":
            full = self.size // self._count
            blocks = generator.permutation(full)
            order = (blocks[:, None] * self._count + np.arange(self._count)).reshape(-1)
            return np.concatenate([order, np.arange(full * self._count, self.size)])
        return generator.permutation(self.size)

    def _cut(self, f: Callable[[np.ndarray], Any]) -> Batch:
        if self._plain:
            y, w = self.y, self.weight
            return f(self.x), None if y is None else f(y), None if w is None else f(w)
        return tree.map_structure(lambda a: None if a is None else f(a), (self.x, self.y, self.weight))


def check_sizes(x: Any, y: Any, sample_weight: Any) -> int:
    """The number of samples.

    Raises:
        DataError: if arrays differ in their first dimension, or have none.
    """
    sizes: dict[str, int] = {}
    for name, value in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        for path, a in tree.flatten_with_path(value):
            if a is None:
                continue
            label = name + "".join(f"[{p!r}]" for p in path)
            if np.ndim(a) == 0:
                raise DataError(f"[fit] expected `{label}` to have a batch dimension, got a scalar.")
            sizes[label] = len(a)
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{k}: {v}" for k, v in sizes.items())
        raise DataError(f"[fit] expected arrays with the same number of samples, got {found}; cut them to one length.")
    return next(iter(sizes.values()))


class IterableData(Data):
    """Anything that can be iterated: generators, torch DataLoader, tf.data, lists of batches.

    Args:
        source: the iterable, or a callable that makes one per epoch.
        steps: batches per epoch, if it is known.
        restart: whether a new iterator is made for each epoch.
    """

    def __init__(self, source: Any, steps: int | None, restart: bool) -> None:
        self.source, self.steps, self.restart = source, steps, restart
        self._live: Iterator[Any] | None = None

    def batches(self) -> Iterator[Batch]:
        if self.restart:
            iterator = iter(self.source)
        else:
            iterator = self._live = self._live if self._live is not None else iter(self.source)
        for item in iterator:
            yield unpack(item)


class SequenceData(Data):
    """A `PyDataset`: indexable batches, loaded by its workers.

    Args:
        source: the dataset.
        shuffle: whether the order of batches is shuffled each epoch.
    """

    def __init__(self, source: Any, shuffle: bool | str) -> None:
        from kfront.utils import py_dataset

        self.source, self.shuffle = source, shuffle
        self.steps = source.num_batches
        self._enqueuer = py_dataset.Loader(source)

    def batches(self) -> Iterator[Batch]:
        count = self.steps
        order = None
        if count is not None:
            order = host_generator(make_default_seed()).permutation(count) if self.shuffle else np.arange(count)
        for item in self._enqueuer.epoch(order):
            yield unpack(item)

    def on_epoch_begin(self) -> None:
        self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.source.on_epoch_end()

    def close(self) -> None:
        self._enqueuer.close()


def unpack(item: Any) -> Batch:
    """A batch as (x, y, sample_weight).

    Raises:
        DataError: for a tuple of more than three.
    """
    if isinstance(item, list):
        item = tuple(item)
    if not isinstance(item, tuple):
        return item, None, None
    if len(item) == 1:
        return item[0], None, None
    if len(item) == 2:
        return item[0], item[1], None
    if len(item) == 3:
        return item[0], item[1], item[2]
    raise DataError(
        f"[fit] expected batches (x,), (x, y) or (x, y, sample_weight), got a tuple of {len(item)}; several inputs go "
        "in one list or dict as x."
    )


def make_data(
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    shuffle: bool | str,
    backend: Any,
    steps: int | None = None,
    class_weight: dict[int, float] | None = None,
) -> Data:
    """The adapter for whatever was passed to `fit`, `evaluate` or `predict`.

    Raises:
        DataError: if `x` is of no known kind, or `y` is given beside a dataset.
    """
    data = _dataset(x, shuffle, steps, backend)
    if data is None:
        arrays = _as_arrays(x, y, sample_weight, backend)
        if class_weight is not None:
            arrays = (arrays[0], arrays[1], class_weights(class_weight, arrays[1], arrays[2]))
        return ArrayData(*arrays, 32 if batch_size is None else batch_size, shuffle, backend)
    if y is not None or sample_weight is not None:
        what = "y" if y is not None else "sample_weight"
        raise DataError(
            f"[fit] expected `{what}` inside the dataset, got it beside a {type(x).__name__}; let it yield (x, y)."
        )
    if class_weight is not None:
        inner = data.batches
        data.batches = lambda: (  # type: ignore[method-assign]
            (a, b, class_weights(class_weight, b, w)) for a, b, w in inner()
        )
    return data


def _as_arrays(x: Any, y: Any, sample_weight: Any, backend: Any) -> tuple[Any, Any, Any]:
    if x is None:
        raise DataError("[fit] expected `x`, got None.")
    return tuple(
        None
        if v is None
        else tree.map_structure(lambda a, n=n: None if a is None else to_array(a, n, backend), _struct(v))
        for n, v in (("x", x), ("y", y), ("sample_weight", sample_weight))
    )  # type: ignore[return-value]


def _struct(v: Any) -> Any:
    """A list of plain numbers (or of lists of numbers) is one array, a list of arrays a structure."""
    if isinstance(v, (list, tuple)) and not any(hasattr(a, "shape") for a in tree.flatten(v)):
        return np.asarray(v)
    return v


def _dataset(x: Any, shuffle: bool | str, steps: int | None, backend: Any) -> Data | None:
    origin = _origin(x)
    if isinstance(x, np.ndarray) or backend.is_tensor(x):
        return None
    if hasattr(x, "num_batches") and hasattr(x, "__getitem__") and hasattr(x, "on_epoch_end"):
        return SequenceData(x, shuffle)
    if "tensorflow.python.data" in origin:
        count = int(x.cardinality().numpy())
        source = x if backend.takes_tf_data else _NumpyIterable(x)
        return IterableData(source, count if count >= 0 else steps, restart=count != -1 or steps is None)
    if "torch.utils.data" in origin and hasattr(x, "collate_fn"):
        try:
            count = len(x)
        except TypeError:
            count = None
        return IterableData(x, count, restart=True)
    if "torch.utils.data" in origin:
        raise DataError(
            "[fit] expected a torch DataLoader, got a torch Dataset; wrap it: DataLoader(dataset, batch_size)."
        )
    if hasattr(x, "__next__"):
        return IterableData(x, steps, restart=False)
    if hasattr(x, "__iter__") and not hasattr(x, "shape") and not isinstance(x, (list, tuple, dict, str)):
        return IterableData(x, len(x) if hasattr(x, "__len__") else steps, restart=True)
    if hasattr(x, "shape") or isinstance(x, (list, tuple, dict)) or hasattr(x, "__array__"):
        return None
    raise DataError(
        f"[fit] expected arrays, a pandas object, a torch DataLoader, a tf.data.Dataset, a PyDataset or a generator as "
        f"`x`, got {type(x).__name__}."
    )


class _NumpyIterable:
    """A tf.data.Dataset read as NumPy arrays."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        return self.dataset.as_numpy_iterator()


def class_weights(class_weight: dict[int, float], y: Any, sample_weight: Any) -> Any:
    """Sample weights from class weights and labels (integers, or one-hot rows)."""
    if tree.is_nested(y):
        raise ArgumentError("[fit] expected a model with one output for `class_weight`, got nested targets.")
    if y is None:
        raise ArgumentError("[fit] expected `y` with `class_weight`, got None.")
    labels = np.asarray(y.numpy() if hasattr(y, "numpy") else y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = labels.reshape(labels.shape[0], -1)[:, 0].astype("int64")
    table = np.ones(max(int(labels.max(initial=0)), *map(int, class_weight)) + 1, dtype="float32")
    for k, v in class_weight.items():
        table[int(k)] = v
    weights = table[labels]
    return weights if sample_weight is None else weights * np.asarray(sample_weight)


def split_arrays(x: Any, y: Any, sample_weight: Any, fraction: float) -> tuple[Batch, Batch]:
    """The last `fraction` of the samples apart, for validation.

    Raises:
        ArgumentError: if the data are no arrays, or a part would be empty.
    """
    arrays = [a for a in tree.flatten((x, y, sample_weight)) if a is not None]
    if not arrays or not all(hasattr(a, "shape") or hasattr(a, "iloc") for a in arrays):
        raise ArgumentError(
            f"[fit] expected arrays with `validation_split`, got {type(x).__name__}; pass `validation_data` instead."
        )
    size = len(arrays[0])
    at = int(size * (1.0 - fraction))
    if at == 0 or at == size:
        raise ArgumentError(
            f"[fit] expected `validation_split` to leave samples on both sides of {size}, got {fraction}."
        )

    def cut(part: slice) -> Batch:
        take = lambda a: None if a is None else a.iloc[part] if hasattr(a, "iloc") else a[part]  # noqa: E731
        return tree.map_structure(take, (x, y, sample_weight))

    return cut(slice(0, at)), cut(slice(at, size))
