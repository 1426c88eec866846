"""What `adapt` reads: arrays, lists, tf.data, torch DataLoaders, PyDatasets, generators, as NumPy batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from kfront.backends import owner_of
from kfront.core.errors import DataError


def host_array(x: Any) -> np.ndarray:
    """Anything array-like as a NumPy array: lists, strings, pandas columns, tensors of any engine."""
    if isinstance(x, np.ndarray):
        return x
    owner = owner_of(x)
    if owner is not None:
        return owner.to_numpy(x)
    if isinstance(x, list):
        return np.array(x, object if x and type(x[0]) is str else None)  # strings: not each as long as the longest
    return np.asarray(x.to_numpy() if hasattr(x, "to_numpy") else x)


def host_batches(data: object, who: str, steps: int | None = None) -> Iterator[np.ndarray]:
    """The batches of a data set as NumPy arrays; an array is one batch.

    Args:
        data: an array, a list of values, or a data set that yields arrays.
        who: the layer's name, for messages.
        steps: how many batches to take of a data set; all if None.

    Raises:
        DataError: the data set yields several arrays at once (features and labels).
    """
    for batch in itertools.islice(_source(data), steps):
        if isinstance(batch, (tuple, list)) and len(batch) == 1 and hasattr(batch[0], "shape"):
            batch = batch[0]
        if isinstance(batch, (tuple, dict)) or (isinstance(batch, list) and any(hasattr(b, "shape") for b in batch)):
            raise DataError(
                f"[{who}] expected `adapt` to get batches of one array, got a {type(batch).__name__} of {len(batch)}; "
                "map the data set to the feature first, e.g. `dataset.map(lambda x, y: x)`."
            )
        yield host_array(batch)


def _source(data: Any) -> Iterable[Any]:
    if isinstance(data, (str, bytes, list, tuple)) or hasattr(data, "shape") or hasattr(data, "to_numpy"):
        return [data if not isinstance(data, (list, tuple)) else host_array(data)]
    if hasattr(data, "as_numpy_iterator"):
        return data.as_numpy_iterator()
    if hasattr(data, "num_batches") and hasattr(data, "__getitem__"):
        return (data[i] for i in range(data.num_batches))
    if hasattr(data, "__iter__") or hasattr(data, "__next__"):
        return data
    raise DataError(f"[adapt] expected an array or a data set, got {type(data).__name__}.")
