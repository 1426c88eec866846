"""How often predictions are right: functions and metrics."""

from __future__ import annotations

from typing import Any

from kfront import ops
from kfront.config import floatx
from kfront.core.errors import ArgumentError
from kfront.core.registry import serializable
from kfront.core.state import state
from kfront.losses.regression import pair
from kfront.metrics.reduction import MeanMetricWrapper

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def _native(y_true: Any, y_pred: Any) -> bool:
    types = state.backend.types
    return type(y_pred) in types and type(y_true) in types


def _to_float(matches: Any) -> Any:
    b = state.backend
    return b.cast(matches, floatx()) if type(matches) in b.types else ops.cast(matches, floatx())


# ---- which predictions are right, as booleans ------------------------------------------------------------------------


def _equal(y_true: Any, y_pred: Any) -> Any:
    y_true, y_pred = pair(y_true, y_pred)
    return ops.equal(y_true, y_pred)


def _binary(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    y_true, y_pred = pair(y_true, y_pred)
    return ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), y_true.dtype))


def _categorical(y_true: Any, y_pred: Any) -> Any:
    if _native(y_true, y_pred):
        b = state.backend
        return b.equal(b.argmax(y_true, -1, False), b.argmax(y_pred, -1, False))
    return ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))


def _flat_labels(y_true: Any, y_pred: Any) -> Any:
    """Integer labels without a last axis of size 1 too many."""
    if not _native(y_true, y_pred):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    shape = y_true.shape
    if len(shape) == len(y_pred.shape) and len(shape) > 1 and shape[-1] == 1:
        return ops.squeeze(y_true, -1)
    return y_true


def _sparse(y_true: Any, y_pred: Any) -> Any:
    y_true = _flat_labels(y_true, y_pred)
    best = ops.argmax(y_pred, axis=-1)
    return ops.equal(y_true, best)


def _rows(x: Any) -> Any:
    """All axes but the last as one."""
    return x if len(x.shape) == 2 else ops.reshape(x, (-1, x.shape[-1]))


def _sparse_top_k(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    y_true = ops.cast(_flat_labels(y_true, y_pred), "int32")
    y_pred = ops.convert_to_tensor(y_pred)
    flat = ops.reshape(y_true, (-1,))
    if from_sorted_ids:
        found = ops.equal(ops.expand_dims(flat, -1), ops.cast(_rows(y_pred)[:, :k], "int32"))
        matches = ops.any(found, axis=-1)
    else:
        matches = ops.in_top_k(flat, _rows(y_pred), k)
    return matches if len(y_true.shape) == 1 else ops.reshape(matches, ops.shape(y_true))


def _top_k(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    return _sparse_top_k(ops.argmax(y_true, axis=-1), y_pred, k)


# ---- the public functions --------------------------------------------------------------------------------------------


@serializable("keras.metrics")
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1.0 where a prediction lies on the right side of `threshold`.

    Args:
        y_true: targets, 0 or 1.
        y_pred: predictions of the same shape.
        threshold: a prediction above it counts as 1.

    Returns:
        Floats of the shape of the predictions.

    Example:

    >>> import kfront
    >>> kfront.metrics.binary_accuracy([[0.0, 1.0]], [[0.2, 0.4]]).tolist()
    [[1.0, 0.0]]
    """
    return _to_float(_binary(y_true, y_pred, threshold))


@serializable("keras.metrics")
def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1.0 where the highest score is that of the right class.

    Args:
        y_true: one-hot targets.
        y_pred: scores.

    Returns:
        One float per sample.

    Example:

    >>> import kfront
    >>> kfront.metrics.categorical_accuracy([[0.0, 1.0]], [[0.2, 0.8]]).tolist()
    [1.0]
    """
    return _to_float(_categorical(y_true, y_pred))


@serializable("keras.metrics")
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1.0 where the highest score is that of the right class.

    Args:
        y_true: class numbers.
        y_pred: scores.

    Returns:
        One float per sample.

    Example:

    >>> import kfront
    >>> kfront.metrics.sparse_categorical_accuracy([1], [[0.2, 0.8]]).tolist()
    [1.0]
    """
    return _to_float(_sparse(y_true, y_pred))


@serializable("keras.metrics")
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1.0 where the right class is among the `k` highest scores.

    Args:
        y_true: one-hot targets.
        y_pred: scores.
        k: how many.

    Returns:
        One float per sample.

    Example:

    >>> import kfront
    >>> kfront.metrics.top_k_categorical_accuracy([[0.0, 0.0, 1.0]], [[0.2, 0.5, 0.3]], k=2).tolist()
    [1.0]
    """
    return _to_float(_top_k(y_true, y_pred, k))


@serializable("keras.metrics")
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """1.0 where the right class is among the `k` highest scores.

    Args:
        y_true: class numbers.
        y_pred: scores; with `from_sorted_ids` class numbers, best first.
        k: how many.
        from_sorted_ids: whether `y_pred` holds class numbers.

    Returns:
        One float per sample.

    Example:

    >>> import kfront
    >>> kfront.metrics.sparse_top_k_categorical_accuracy([2], [[0.2, 0.5, 0.3]], k=2).tolist()
    [1.0]
    """
    return _to_float(_sparse_top_k(y_true, y_pred, k, from_sorted_ids))


# ---- the metrics -----------------------------------------------------------------------------------------------------


@serializable("keras.metrics")
class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Accuracy()([[1], [2]], [[1], [0]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(_equal, name, dtype)


@serializable("keras.metrics")
class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions lie on the right side of a threshold.

    Args:
        name, dtype: see `Metric`.
        threshold: a prediction above it counts as 1; from 0 to 1.

    Raises:
        ArgumentError: if `threshold` is out of range.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.BinaryAccuracy()([[0.0], [1.0]], [[0.2], [0.4]]))
    0.5
    """

    _direction = "up"
    arguments = ("threshold",)

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise ArgumentError(f"[{name}] expected `threshold` from 0 to 1, got {threshold!r}.")
        super().__init__(_binary, name, dtype, threshold=threshold)


@serializable("keras.metrics")
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is that of the right class; one-hot targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.CategoricalAccuracy()([[0.0, 1.0]], [[0.2, 0.8]]))
    1.0
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_categorical, name, dtype)


@serializable("keras.metrics")
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is that of the right class; integer targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.SparseCategoricalAccuracy()([1], [[0.2, 0.8]]))
    1.0
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_sparse, name, dtype)


@serializable("keras.metrics")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` highest scores; one-hot targets.

    Args:
        k: how many.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.TopKCategoricalAccuracy(k=2)([[0.0, 0.0, 1.0]], [[0.2, 0.5, 0.3]]))
    1.0
    """

    _direction = "up"
    arguments = ("k",)

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_top_k, name, dtype, k=k)


@serializable("keras.metrics")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` highest scores; integer targets.

    Args:
        k: how many.
        name, dtype: see `Metric`.
        from_sorted_ids: whether predictions are class numbers, best first, instead of scores.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.SparseTopKCategoricalAccuracy(k=2)([2], [[0.2, 0.5, 0.3]]))
    1.0
    """

    _direction = "up"
    arguments = ("k", "from_sorted_ids")

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(_sparse_top_k, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
