"""`split_dataset`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kfront.backends import current, get
from kfront.core import tree
from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError
from kfront.core.spec import Abstract
from kfront.core.typing import Backend
from kfront.utils.dataset import Dataset, stack
from kfront.utils.dataset_files import seed_for


def split_dataset(
    dataset: object,
    left_size: object = None,
    right_size: object = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[object, object]:
    """Two parts of the samples, for training and validation for instance.

    Args:
        dataset: an array, nested arrays of one length, or a data set (of batches or samples) that fits in memory.
        left_size: of the first part: a fraction between 0 and 1, or a number of samples; all others if None.
        right_size: of the second part, likewise.
        shuffle: whether to shuffle the samples before.
        seed: of the order.
        preferred_backend: engine that the result is for; the current one if None.

    Returns:
        two data sets of samples, or of batches of the same size for a batched `tf.data.Dataset`, `Dataset` or torch
        DataLoader: `tf.data.Dataset` for TensorFlow, `kfront.utils.dataset.Dataset`, which has its methods, for every
        other engine.

    Raises:
        ArgumentError: the sizes do not fit the samples.

    Example:

    >>> import numpy as np, kfront
    >>> left, right = kfront.utils.split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), [int(x) for x in right]
    (8, [8, 9])
    """
    samples, batch_size = _samples(dataset)
    left, right = _sizes(len(samples), left_size, right_size)
    order = np.arange(len(samples))
    if shuffle:
        np.random.RandomState(seed_for(seed)).shuffle(order)
    backend = current() if preferred_backend is None else get(preferred_backend)
    parts = (order[:left], order[len(order) - right :])
    one, other = (_made(samples, part, batch_size, backend) for part in parts)
    return one, other


def _samples(dataset: Any) -> tuple[list[object], int | None]:
    """All samples, and the size of the batches that they came in."""
    if hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__") and not _nested(dataset):
        return [dataset[i] for i in range(len(dataset))], None
    if _nested(dataset):
        flat = [np.asarray(a) for a in tree.flatten(dataset)]
        if len({len(a) for a in flat}) > 1:
            raise ArgumentError(f"[split_dataset] expected arrays of one length, got {[len(a) for a in flat]}.")
        form = tuple(dataset) if isinstance(dataset, list) else dataset  # elements of data sets are tuples
        return [tree.pack_sequence_as(form, list(values)) for values in zip(*flat, strict=True)], None
    return _from_iterable(dataset)


def _nested(x: object) -> bool:
    return isinstance(x, (list, tuple, dict)) or hasattr(x, "shape")


def _from_iterable(dataset: Any) -> tuple[list[object], int | None]:
    source = dataset.as_numpy_iterator() if hasattr(dataset, "as_numpy_iterator") else iter(dataset)
    items = [tree.map_structure(np.asarray, item) for item in source]
    if not items:
        return [], None
    size = getattr(dataset, "_batch_size", None) or getattr(dataset, "batch_size", None)
    if size is None:
        return items, None
    samples = [
        tree.map_structure(lambda a, i=i: a[i], item) for item in items for i in range(len(tree.flatten(item)[0]))
    ]
    return samples, int(size)


def _sizes(count: int, left: Any, right: Any) -> tuple[int, int]:
    if left is None and right is None:
        raise ArgumentError("[split_dataset] expected `left_size` or `right_size`, got neither.")
    numbers = []
    for name, value in (("left_size", left), ("right_size", right)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        fits = value is None or (0 < value <= count if whole else isinstance(value, float) and 0 < value < 1)
        if not fits:
            raise ArgumentError(
                f"[split_dataset] expected `{name}` to be a fraction between 0 and 1 or a number from 1 to {count}, "
                f"got {value!r}."
            )
        numbers.append(None if value is None else int(value) if whole else value)
    a = None if numbers[0] is None else numbers[0] if isinstance(numbers[0], int) else round(numbers[0] * count)
    b = None if numbers[1] is None else numbers[1] if isinstance(numbers[1], int) else round(numbers[1] * count)
    a, b = count - b if a is None else a, count - a if b is None else b  # type: ignore[operator]
    if a + b > count or a < 1 or b < 1:
        raise ArgumentError(f"[split_dataset] expected two parts of {count} samples, got sizes {a} and {b}.")
    return a, b


def _made(samples: list[object], part: np.ndarray, batch_size: int | None, backend: Backend) -> object:
    def elements() -> Iterator[object]:
        return (samples[i] for i in part)

    out = Dataset(elements, len(part))
    first = stack([samples[part[0]]])
    spec = tree.map_structure(lambda a: Abstract(a.shape[1:], backend_dtype(a)), first)
    if batch_size is not None:
        out = out.batch(batch_size)
        spec = tree.map_structure(lambda s: Abstract((None, *s.shape), s.dtype), spec)
    return backend.dataset(out, spec)


def backend_dtype(a: np.ndarray) -> str:
    """The name of an array's dtype."""
    return standardize(a.dtype)
