"""How often predictions are right: functions and metrics."""

from __future__ import annotations

from kfront import ops
from kfront.config import floatx
from kfront.core.options import normalisers, number
from kfront.core.registry import serializable
from kfront.core.state import state
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.losses.regression import as_tensor, as_tensors, pair
from kfront.metrics.reduction import FunctionMetric


def _to_float(matches: Tensor) -> Tensor:
    b = state.backend
    return b.cast(matches, floatx()) if type(matches) in b.types else ops.cast(matches, floatx())


# ---- which predictions are right, as booleans ------------------------------------------------------------------------


def _equal(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    y_true, y_pred = pair(y_true, y_pred)
    return ops.equal(y_true, y_pred)


def _binary(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    y_true, y_pred = pair(y_true, y_pred)
    return ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), y_true.dtype))


def _categorical(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    b = state.backend
    if type(y_pred) in b.types and type(y_true) in b.types:
        return b.equal(b.argmax(y_true, -1, False), b.argmax(y_pred, -1, False))
    return ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))


def _flat_labels(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Integer labels without a last axis of size 1 too many."""
    labels, scores = as_tensors(y_true, y_pred)
    shape = labels.shape
    if len(shape) == len(scores.shape) and len(shape) > 1 and shape[-1] == 1:
        return ops.squeeze(labels, -1)
    return labels


def _sparse(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    return ops.equal(_flat_labels(y_true, y_pred), ops.argmax(y_pred, axis=-1))


def _rows(x: Tensor) -> Tensor:
    """All axes but the last as one."""
    return x if len(x.shape) == 2 else ops.reshape(x, (-1, x.shape[-1]))


def _sparse_top_k(y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    labels = ops.cast(_flat_labels(y_true, y_pred), "int32")
    scores = _rows(as_tensor(y_pred))
    flat = ops.reshape(labels, (-1,))
    if from_sorted_ids:
        found = ops.equal(ops.expand_dims(flat, -1), scores[:, :k])
        matches = ops.any(found, axis=-1)
    else:
        matches = ops.in_top_k(flat, scores, k)
    return matches if len(labels.shape) == 1 else ops.reshape(matches, ops.shape(labels))


def _top_k(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    return _sparse_top_k(ops.argmax(y_true, axis=-1), y_pred, k)


# ---- the public functions --------------------------------------------------------------------------------------------


@serializable("keras.metrics")
def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """1.0 where a prediction lies on the right side of `threshold`.

    Args:
        y_true: targets, 0 or 1, of shape (batch, ..., size).
        y_pred: floating predictions of the same shape.
        threshold: a prediction above it counts as 1.

    Returns:
        Floats of the shape of the predictions.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.metrics.binary_accuracy([[0.0, 1.0]], [[0.2, 0.4]])).tolist()
    [[1.0, 0.0]]
    """
    return _to_float(_binary(y_true, y_pred, threshold))


@serializable("keras.metrics")
def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1.0 where the highest score is that of the right class.

    Args:
        y_true: one-hot targets of shape (batch, ..., classes).
        y_pred: floating scores of the same shape.

    Returns:
        One float per sample: a tensor of shape (batch, ...), of the dtype floatx.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.metrics.categorical_accuracy([[0.0, 1.0]], [[0.2, 0.8]])).tolist()
    [1.0]
    """
    return _to_float(_categorical(y_true, y_pred))


@serializable("keras.metrics")
def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1.0 where the highest score is that of the right class.

    Args:
        y_true: class numbers, integers of shape (batch, ...) or (batch, ..., 1).
        y_pred: floating scores of shape (batch, ..., classes).

    Returns:
        One float per sample: a tensor of shape (batch, ...), of the dtype floatx.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.metrics.sparse_categorical_accuracy([1], [[0.2, 0.8]])).tolist()
    [1.0]
    """
    return _to_float(_sparse(y_true, y_pred))


@serializable("keras.metrics")
def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    """1.0 where the right class is among the `k` highest scores.

    Args:
        y_true: one-hot targets of shape (batch, ..., classes).
        y_pred: floating scores of the same shape.
        k: how many.

    Returns:
        One float per sample: a tensor of shape (batch, ...), of the dtype floatx.

    Example:

    >>> import kfront
    >>> out = kfront.metrics.top_k_categorical_accuracy([[0.0, 0.0, 1.0]], [[0.2, 0.5, 0.3]], k=2)
    >>> kfront.ops.convert_to_numpy(out).tolist()
    [1.0]
    """
    return _to_float(_top_k(y_true, y_pred, k))


@serializable("keras.metrics")
def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """1.0 where the right class is among the `k` highest scores.

    Args:
        y_true: class numbers, integers of shape (batch, ...) or (batch, ..., 1).
        y_pred: floating scores of shape (batch, ..., classes); with `from_sorted_ids` class numbers, best first.
        k: how many.
        from_sorted_ids: whether `y_pred` holds class numbers.

    Returns:
        One float per sample: a tensor of shape (batch, ...), of the dtype floatx.

    Example:

    >>> import kfront
    >>> out = kfront.metrics.sparse_top_k_categorical_accuracy([2], [[0.2, 0.5, 0.3]], k=2)
    >>> kfront.ops.convert_to_numpy(out).tolist()
    [1.0]
    """
    return _to_float(_sparse_top_k(y_true, y_pred, k, from_sorted_ids))


# ---- the metrics -----------------------------------------------------------------------------------------------------


class _Share(FunctionMetric):
    _direction = "up"


class Accuracy(_Share, function=_equal, name="accuracy"):
    """How often predictions equal targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Accuracy()([[1], [2]], [[1], [0]]))
    0.5
    """


class BinaryAccuracy(_Share, function=_binary):
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

    _kf_normalise = normalisers(threshold=number("from 0 to 1", lambda x: 0 <= x <= 1))

    def __init__(self, name: str | None = "binary_accuracy", dtype: DTypeLike = None, threshold: float = 0.5) -> None:
        super().__init__(**self._kf_store(locals()))


class CategoricalAccuracy(_Share, function=_categorical, name="categorical_accuracy"):
    """How often the highest score is that of the right class; one-hot targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.CategoricalAccuracy()([[0.0, 1.0]], [[0.2, 0.8]]))
    1.0
    """


class SparseCategoricalAccuracy(_Share, function=_sparse, name="sparse_categorical_accuracy"):
    """How often the highest score is that of the right class; integer targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.SparseCategoricalAccuracy()([1], [[0.2, 0.8]]))
    1.0
    """


class TopKCategoricalAccuracy(_Share, function=_top_k):
    """How often the right class is among the `k` highest scores; one-hot targets.

    Args:
        k: how many.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.TopKCategoricalAccuracy(k=2)([[0.0, 0.0, 1.0]], [[0.2, 0.5, 0.3]]))
    1.0
    """

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: DTypeLike = None) -> None:
        super().__init__(**self._kf_store(locals()))


class SparseTopKCategoricalAccuracy(_Share, function=_sparse_top_k):
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

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
