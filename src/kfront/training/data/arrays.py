"""Arrays in memory: NumPy, native tensors, pandas, polars, sparse matrices of SciPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kfront.config import floatx
from kfront.core import tree
from kfront.core.errors import ArgumentError, DataError
from kfront.core.operators import VariableBase
from kfront.core.rng import make_default_seed, permutation
from kfront.core.spec import is_text
from kfront.core.typing import Backend, Tensor
from kfront.training.data.base import Batch, Data, origin


class SparseRows:
    """A sparse matrix of SciPy whose rows become dense arrays when they are taken: a batch at a time.

    Args:
        matrix: the matrix, of any of SciPy's formats.
        dtype: of the dense arrays.
    """

    ndim = 2

    def __init__(self, matrix: Any, dtype: Any) -> None:
        self.rows = matrix.tocsr()
        self.shape, self.dtype = tuple(matrix.shape), np.dtype(dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: object) -> np.ndarray:
        return self.rows[index].toarray().astype(self.dtype, copy=False)

    def take(self, index: np.ndarray, axis: int = 0) -> np.ndarray:
        """The rows with these numbers."""
        return self[index]


def is_sparse(x: object) -> bool:
    """Whether `x` is a sparse matrix or array of SciPy."""
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


def _of_engine(x: Any, backend: Backend) -> object:
    """An engine's sparse matrix as one of SciPy where that is installed, else as an array."""
    try:
        from scipy.sparse import csr_matrix
    except ImportError:
        return backend.to_numpy(x)
    places, values, shape = backend.sparse_parts(x)
    if len(shape) != 2:
        return backend.to_numpy(x)
    places, values = backend.to_numpy(places), backend.to_numpy(values)
    inside = (places < np.array(shape)).all(1)  # JAX pads with places outside
    return csr_matrix((values[inside], tuple(places[inside].T)), shape=tuple(map(int, shape)))


def is_numbers(x: object) -> bool:
    """Whether `x` is a NumPy array of numbers or bools."""
    return type(x) is np.ndarray and x.dtype.kind in "fiub"


def to_array(x: Any, name: str, backend: Backend) -> Any:
    """One array-like as a NumPy array of a dtype that engines take.

    Floats become floatx; integers, bools and strings stay.

    Raises:
        DataError: for things that are no arrays.
    """
    if is_numbers(x):
        return x if x.dtype.kind != "f" or x.dtype == floatx() else x.astype(floatx())
    if backend.is_sparse(x):
        x = _of_engine(x, backend)
    if is_sparse(x):
        return SparseRows(x, floatx() if x.dtype.kind == "f" else x.dtype)
    kind = origin(x)
    if hasattr(x, "to_numpy") and ("pandas" in kind or "polars" in kind):
        x = x.to_numpy()
    elif backend.is_tensor(x) or "torch" in kind or "tensorflow" in kind:
        x = backend.to_numpy(x if backend.is_tensor(x) else backend.convert(x))
    elif isinstance(x, VariableBase):
        x = x.numpy()
    elif not isinstance(x, np.ndarray):
        try:
            x = np.asarray(x)
        except Exception as error:
            raise DataError(f"[fit] expected `{name}` to be an array, got {type(x).__name__}: {error}") from error
    if x.dtype == object and not is_text(x):
        try:
            if not all(hasattr(v, "__float__") for v in x.flat):  # NumPy makes NaN of None
                raise TypeError
            x = x.astype(floatx())
        except (ValueError, TypeError):
            raise DataError(
                f"[fit] expected `{name}` to be a rectangular array of numbers, got objects of shape {x.shape}; "
                "pad ragged rows (kfront.utils.pad_sequences), encode strings and fill in what is missing first."
            ) from None
    if x.dtype.kind == "f" and x.dtype != floatx():
        x = x.astype(floatx())
    return x


def epoch_order(count: int, size: int, shuffle: bool | str) -> np.ndarray | None:
    """The order of samples in an epoch, from host Philox: the same on every engine.

    Args:
        count: samples.
        size: samples per batch.
        shuffle: False, True (samples) or "batch" (whole batches).

    Returns:
        Their numbers, None without a shuffle.
    """
    if not shuffle:
        return None
    seed = make_default_seed()
    if shuffle == "batch":
        full = count // size
        blocks = permutation(seed, full)
        order = (blocks[:, None] * size + np.arange(size)).reshape(-1)
        return np.concatenate([order, np.arange(full * size, count)])
    return permutation(seed, count)


def check_batch_size(batch_size: object) -> int:
    """`batch_size` as an int.

    Raises:
        ArgumentError: it is none, or less than 1.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ArgumentError(f"[fit] expected `batch_size` to be an int >= 1, got {batch_size!r}.")
    return int(batch_size)


class ArrayData(Data):
    """Arrays in memory, cut into batches.

    Args:
        x, y, sample_weight: nested arrays with the same first dimension; y and sample_weight may be None.
        batch_size: samples per batch.
        shuffle: False, True (samples) or "batch" (whole batches).
    """

    stays = True

    def __init__(self, x: Tensor, y: Tensor, sample_weight: object, batch_size: int, shuffle: bool | str) -> None:
        self.x, self.y, self.weight = x, y, sample_weight
        given = (x, y, sample_weight)
        self._kf_plain = not any(map(tree.is_nested, given))
        if all(a is None for a in (given if self._kf_plain else tree.flatten(given))):
            raise DataError("[fit] expected at least one array in `x`, got none.")
        self.size = check_sizes(x, y, sample_weight)
        self.batch_size = self._count = check_batch_size(batch_size)
        self.steps = -(-self.size // self._count)
        self.remainder = self.size % self._count if self.steps > 1 else 0
        self.shuffle = shuffle
        self.fresh = bool(shuffle)  # else they are parts of the arrays

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        return self._iterate(epoch_order(self.size, self._count, self.shuffle), skip)

    def _iterate(self, order: np.ndarray | None, skip: int) -> Iterator[Batch]:
        n, size = self.size, self._count
        x, y, w = given = self.x, self.y, self.weight
        for i in range(skip * size, n, size):
            part: object = slice(i, i + size) if order is None else order[i : i + size]
            if self._kf_plain:
                yield _cut(x, part), None if y is None else _cut(y, part), None if w is None else _cut(w, part)
            else:
                yield tree.map_structure(lambda a, part=part: _cut(a, part), given)


def _cut(a: Any, part: object) -> object:
    """Samples of an array: those of a slice, or in the order of an array of numbers."""
    if a is None:
        return None
    return a[part] if part.__class__ is slice else a.take(part, 0)


def check_sizes(x: Any, y: Any, sample_weight: Any) -> int:
    """The number of samples.

    Raises:
        DataError: if arrays differ in their first dimension, or have none.
    """
    given = [a for a in (x, y, sample_weight) if a is not None]
    if all(type(a) is np.ndarray and a.ndim for a in given) and len({len(a) for a in given}) == 1:
        return len(given[0])
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


def class_weights(class_weight: dict[int, float], y: Any, sample_weight: object = None) -> np.ndarray:
    """Sample weights from class weights and labels (integers, or one-hot rows).

    Raises:
        ArgumentError: there are sample weights already, or other targets than one array.
    """
    if sample_weight is not None:
        raise ArgumentError("[fit] expected one of `sample_weight` and `class_weight`, got both; multiply them.")
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
    return table[labels]


def split_arrays(x: object, y: object, sample_weight: object, fraction: float) -> tuple[Batch, Batch]:
    """The last `fraction` of the samples apart, for validation.

    Raises:
        ArgumentError: if the data are no arrays, or a part would be empty.
    """
    arrays = [a for a in tree.flatten((x, y, sample_weight)) if a is not None]
    if not arrays or not all(hasattr(a, "shape") or hasattr(a, "iloc") for a in arrays):
        raise ArgumentError(
            f"[fit] expected arrays with `validation_split`, got {type(x).__name__}; pass `validation_data` instead."
        )
    size = arrays[0].shape[0]
    at = int(size * (1.0 - fraction))
    if at == 0 or at == size:
        raise ArgumentError(
            f"[fit] expected `validation_split` to leave samples on both sides of {size}, got {fraction}."
        )

    def cut(part: slice) -> Batch:
        def take(a: Any) -> object:
            if a is None:
                return None
            return a.iloc[part] if hasattr(a, "iloc") else (a.tocsr() if is_sparse(a) else a)[part]

        return tree.map_structure(take, (x, y, sample_weight))

    return cut(slice(0, at)), cut(slice(at, size))
