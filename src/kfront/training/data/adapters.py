"""Which adapter a source of data gets.

Libraries are recognized by the module of a type; none is imported for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from kfront.config import floatx
from kfront.core import tree
from kfront.core.errors import DataError
from kfront.core.typing import Backend
from kfront.training.data.arrays import ArrayData, class_weights, to_array
from kfront.training.data.base import Data, origin
from kfront.training.data.datasets import IndexedData, IterableData, LoaderData, SequenceData, by_index

_BATCH = 32


def make_data(
    x: object,
    y: object,
    sample_weight: object,
    batch_size: int | None,
    shuffle: bool | str,
    backend: Backend,
    class_weight: dict[int, float] | None = None,
) -> Data:
    """The adapter for whatever was passed to `fit`, `evaluate` or `predict`.

    Raises:
        DataError: if `x` is of no known kind, or `y` is given beside a dataset.
    """
    size = _BATCH if batch_size is None else batch_size
    data = None
    if not isinstance(x, np.ndarray) and not backend.is_tensor(x):
        if _is_table(x):
            data, y = _table(x, y, size, shuffle), None
        else:
            data = _dataset(x, size, shuffle, backend)
    if data is None:
        arrays = _as_arrays(x, y, sample_weight, backend)
        if class_weight is not None:
            arrays = (arrays[0], arrays[1], class_weights(class_weight, arrays[1], arrays[2]))
        return ArrayData(*arrays, size, shuffle)
    if y is not None or sample_weight is not None:
        what = "y" if y is not None else "sample_weight"
        raise DataError(
            f"[fit] expected `{what}` inside the dataset, got it beside a {type(x).__name__}; let it yield (x, y)."
        )
    if class_weight is not None:
        _weigh(data, class_weight)
    return data


def _weigh(data: Any, class_weight: dict[int, float]) -> None:
    """Make a source yield sample weights from class weights."""
    inner = data.batches
    data.batches = lambda skip=0: ((a, b, class_weights(class_weight, b, w)) for a, b, w in inner(skip))


def _as_arrays(x: object, y: object, sample_weight: object, backend: Backend) -> tuple[Any, Any, Any]:
    if x is None:
        raise DataError("[fit] expected `x`, got None.")
    return _arrays(x, "x", backend), _arrays(y, "y", backend), _arrays(sample_weight, "sample_weight", backend)


def _arrays(v: object, name: str, backend: Backend) -> Any:
    """Array-likes, nested or not, as arrays."""
    if v is None or type(v) is np.ndarray:
        return None if v is None else to_array(v, name, backend)
    return tree.map_structure(lambda a: None if a is None else to_array(a, name, backend), _struct(v))


def _struct(v: object) -> Any:
    """A list of plain numbers (or of lists of numbers) is one array, a list of arrays a structure."""
    if isinstance(v, (list, tuple)) and not any(hasattr(a, "shape") for a in tree.flatten(v)):
        return np.asarray(v)
    return v


# ---- batches, and samples one by one ---------------------------------------------------------------------------------


def _dataset(x: Any, size: int, shuffle: bool | str, backend: Backend) -> Data | None:
    """The adapter of something that is no array; None for arrays."""
    kind = origin(x)
    if hasattr(x, "num_batches") and hasattr(x, "__getitem__") and hasattr(x, "on_epoch_end"):
        return SequenceData(x, shuffle)
    if "tensorflow.python.data" in kind:
        count = int(x.cardinality().numpy())
        make = iter if backend.takes_tf_data else _as_numpy
        return IterableData(x, count if count >= 0 else None, restart=True, make=make)
    if "tensorflow.python.distribute" in kind:
        return IterableData(x, _length(x), restart=True, make=backend.whole_batches)
    if "torch" in kind and hasattr(x, "collate_fn"):
        return LoaderData(x)
    if "torch.utils.data" in kind:
        return _torch_dataset(x, size, shuffle)
    if hasattr(x, "__next__"):
        return IterableData(x, None, restart=False)
    if _is_array_like(x):
        return None
    if "grain" in kind and hasattr(x, "__getitem__") and not hasattr(x, "__iter__"):
        return IndexedData(x, size, shuffle, by_index)
    if hasattr(x, "__iter__") and not isinstance(x, str):
        return IterableData(x, _length(x), restart=True)
    raise DataError(
        f"[fit] expected arrays, a table, a torch Dataset or DataLoader, a tf.data.Dataset, a grain dataset, a "
        f"PyDataset or a generator as `x`, got {type(x).__name__}."
    )


def _is_array_like(x: object) -> bool:
    return hasattr(x, "shape") or isinstance(x, (list, tuple, dict)) or hasattr(x, "__array__")


def _length(x: Any) -> int | None:
    """The number of batches as far as `x` says it (grain repeats by a length of 2**63)."""
    try:
        count = len(x)
    except (TypeError, OverflowError, NotImplementedError):
        return None
    return count if count < 2**40 else None


def _as_numpy(dataset: Any) -> Iterator[object]:
    """A tf.data.Dataset read as NumPy arrays."""
    return dataset.as_numpy_iterator()


def _torch_dataset(x: object, size: int, shuffle: bool | str) -> Data:
    if hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        return IndexedData(x, size, shuffle, by_index, engines=("torch",))
    raise DataError(
        f"[fit] expected a torch Dataset with `__getitem__` and `__len__`, got the iterable {type(x).__name__}; wrap "
        "it: DataLoader(dataset, batch_size)."
    )


# ---- tables ----------------------------------------------------------------------------------------------------------


def _is_table(x: object) -> bool:
    """Whether `x` is a Dataset or IterableDataset of Hugging Face's `datasets`."""
    return hasattr(x, "column_names") and any(c.__module__.partition(".")[0] == "datasets" for c in type(x).__mro__)


def _table(x: Any, y: object, size: int, shuffle: bool | str) -> Data:
    """Columns as inputs and targets: `y` names the columns of the targets, the others are inputs."""
    targets = [y] if isinstance(y, str) else list(y) if isinstance(y, (list, tuple)) else None
    if y is not None and (targets is None or not all(isinstance(n, str) for n in targets)):
        raise DataError(
            f"[fit] expected `y` to name columns of the {type(x).__name__} (such as y='label'), got {type(y).__name__}."
        )
    columns = x.column_names
    unknown = [n for n in targets or () if columns is not None and n not in columns]
    if unknown:
        raise DataError(f"[fit] expected `y` among the columns {columns}, got {', '.join(unknown)}.")
    split = partial(_columns, targets=targets, alone=isinstance(y, str))
    if hasattr(x, "__len__"):
        return IndexedData(x, size, shuffle, lambda source, index: split(source[index]))
    return IterableData(x, None, True, lambda source: map(split, source.iter(size)), own_state=False)


def _columns(rows: dict[str, object], targets: Sequence[str] | None, alone: bool) -> Any:
    """Rows (a dict of columns) as inputs, or inputs and targets; a single column is not nested."""
    arrays = {name: _column(name, values) for name, values in rows.items()}
    inputs: object = {n: a for n, a in arrays.items() if n not in (targets or ())}
    if len(inputs) == 1:
        (inputs,) = inputs.values()
    if targets is None:
        return (inputs,)
    return inputs, arrays[targets[0]] if alone else {n: arrays[n] for n in targets}


def _column(name: str, values: Any) -> np.ndarray:
    try:
        array = values.numpy() if hasattr(values, "numpy") else np.asarray(values)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype == object:
        raise DataError(f"[fit] expected rows of one shape in column {name!r}, got others; pad or remove the column.")
    return array.astype(floatx()) if array.dtype.kind == "f" else array
