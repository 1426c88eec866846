"""Metrics from counts of true and false positives and negatives at one or more thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from kfront import config, ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import above_zero, from_0_to_1, normalisers, or_none, positive
from kfront.core.state import state
from kfront.core.typing import Config, DTypeLike, Tensor, TensorLike
from kfront.core.variable import Variable, read
from kfront.losses.base import align_weights
from kfront.losses.regression import pair
from kfront.metrics.base import Metric, as_tensor
from kfront.metrics.reduction import _with_mask

Thresholds: TypeAlias = float | Sequence[float] | None

LOWEST = -1e10  # score of an entry outside the top k, and the threshold that lets all others pass


def check_thresholds(who: str | None, thresholds: Thresholds, default: float = 0.5) -> list[float]:
    """`thresholds` (None, a float or a list) as a list.

    Raises:
        ArgumentError: one is not from 0 to 1.
    """
    found: list[Any] = [default] if thresholds is None else [thresholds]
    if isinstance(thresholds, (list, tuple, np.ndarray)):
        found = list(thresholds)
    bad = [t for t in found if not hasattr(type(t), "__float__") or (not 0 <= t <= 1 and t != LOWEST)]
    if bad:
        raise ArgumentError(f"[{who}] expected `thresholds` from 0 to 1, got {bad}.")
    return found


_MOST_THRESHOLDS = 1 << 20  # files may ask for some too


def spread(num_thresholds: int) -> list[float]:
    """Thresholds from just below 0 to just above 1, evenly spaced in between."""
    if not isinstance(num_thresholds, int) or num_thresholds > _MOST_THRESHOLDS:
        raise ArgumentError(
            f"[spread] expected at most {_MOST_THRESHOLDS:,} thresholds, got {num_thresholds!r}; pass fewer."
        )
    inner = [(i + 1) * 1.0 / (num_thresholds - 1) for i in range(num_thresholds - 2)]
    return [-config.epsilon(), *inner, 1.0 + config.epsilon()]


class Batch:
    """Targets, predictions and weights of a batch for counting.

    Attributes:
        positive: weights of the positive targets, 0 for others.
        negative: weights of the negative targets, 0 for others.
        scores: the predictions.
    """

    __slots__ = ("negative", "positive", "scores")

    def __init__(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        weight: TensorLike | None,
        dtype: str,
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        mask = state.backend.get_mask(y_pred) if state.any_mask_seen and hasattr(y_pred, "shape") else None
        weight = _with_mask(mask, weight, dtype)
        y_pred = as_tensor(y_pred, dtype)
        y_true, y_pred = pair(y_true, y_pred)
        if top_k is not None:
            y_pred = _keep_top(y_pred, top_k)
        if class_id is not None:
            if len(y_pred.shape) < 2 or class_id >= (y_pred.shape[-1] or class_id + 1):
                shape = tuple(y_pred.shape)
                raise ShapeError(f"[class_id] expected predictions (…, classes) with class {class_id}, got {shape}.")
            y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
        is_positive = ops.cast(ops.cast(y_true, "bool"), dtype)
        self.scores = y_pred
        self.positive, self.negative = is_positive, ops.subtract(1.0, is_positive)
        if weight is not None:
            weights = as_tensor(weight, dtype)
            if class_id is not None and len(weights.shape) > len(y_pred.shape):
                weights = weights[..., class_id] if weights.shape[-1] != 1 else ops.squeeze(weights, -1)
            self.scale(align_weights(weights, y_pred))

    def scale(self, weights: Tensor) -> None:
        """Multiply by weights of the samples, or of the last axis (labels)."""
        self.positive, self.negative = ops.multiply(self.positive, weights), ops.multiply(self.negative, weights)


def _keep_top(y_pred: Tensor, k: int) -> Tensor:
    """Scores, `LOWEST` where an entry is not among the `k` highest of the last axis."""
    _, best = ops.top_k(y_pred, k, sorted=False)
    kept = ops.sum(ops.one_hot(best, y_pred.shape[-1], axis=-1, dtype=y_pred.dtype), axis=-2)
    return ops.add(ops.multiply(y_pred, kept), ops.multiply(ops.subtract(1.0, kept), LOWEST))


def count_passing(batch: Batch, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of positive and of negative targets whose score is above each threshold, shape (thresholds,) each."""
    scores = ops.reshape(batch.scores, (1, -1))
    passing = ops.cast(ops.greater(scores, ops.reshape(thresholds, (-1, 1))), scores.dtype)
    sides = ops.stack([ops.reshape(batch.positive, (-1,)), ops.reshape(batch.negative, (-1,))], axis=1)
    counts = ops.matmul(passing, sides)
    return counts[:, 0], counts[:, 1]


def count_spread(batch: Batch, num_thresholds: int, labels: int | None) -> tuple[Tensor, Tensor]:
    """As `count_passing` for the thresholds of `spread`, in one pass over the batch.

    Args:
        batch: the batch; scores lie from 0 to 1.
        num_thresholds: how many.
        labels: count each column of the batch for itself: shape (thresholds, labels).
    """
    n = num_thresholds
    place = ops.subtract(ops.ceil(ops.multiply(ops.clip(batch.scores, 0.0, 1.0), n - 1)), 1)
    place = ops.cast(ops.maximum(place, 0), "int32")
    if labels is not None:
        place = ops.add(ops.multiply(ops.reshape(place, (-1, labels)), labels), ops.arange(labels, dtype="int32"))
    sides = ops.stack([ops.reshape(batch.positive, (-1,)), ops.reshape(batch.negative, (-1,))], axis=1)
    counts = ops.segment_sum(sides, ops.reshape(place, (-1,)), n * (labels or 1))
    counts = ops.reshape(counts, (n, labels, 2) if labels is not None else (n, 2))
    counts = ops.flip(ops.cumsum(ops.flip(counts, 0), 0), 0)
    return counts[..., 0], counts[..., 1]


# ---- plain counts ----------------------------------------------------------------------------------------------------


class _Count(Metric):
    """One of the four counts at each threshold."""

    _passing, _positive = True, True

    def __init__(self, thresholds: Thresholds = None, name: str | None = None, dtype: DTypeLike = None) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = check_thresholds(self.name, thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, 0 or 1, of any shape and dtype.
            y_pred: floating predictions from 0 to 1, of the same shape.
            sample_weight: weights that broadcast over them from the first axis on.
        """
        batch = Batch(y_true, y_pred, sample_weight, self._dtype)
        thresholds = ops.convert_to_tensor(self.thresholds, dtype=self._dtype)
        found = count_passing(batch, thresholds)[0 if self._positive else 1]
        if not self._passing:
            found = ops.subtract(ops.sum(batch.positive if self._positive else batch.negative), found)
        self._kf_backend.foreach.increment(self.accumulator, found)

    def result(self) -> Tensor:
        """The count, or one for each threshold."""
        return read(self.accumulator) if len(self.thresholds) > 1 else read(self.accumulator)[0]

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """How many positive targets are predicted as positive.

    Args:
        thresholds: a prediction above it counts as positive; 0.5 if None; a list gives a list of counts.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.TruePositives()([0, 1, 1], [0.9, 0.8, 0.1]))
    1.0
    """

    _direction = "up"


class FalsePositives(_Count):
    """How many negative targets are predicted as positive.

    Args:
        thresholds: a prediction above it counts as positive; 0.5 if None; a list gives a list of counts.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.FalsePositives()([0, 1, 1], [0.9, 0.8, 0.1]))
    1.0
    """

    _positive = False
    _direction = "down"


class TrueNegatives(_Count):
    """How many negative targets are predicted as negative.

    Args:
        thresholds: a prediction above it counts as positive; 0.5 if None; a list gives a list of counts.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.TrueNegatives()([0, 1, 1], [0.9, 0.8, 0.1]))
    0.0
    """

    _passing, _positive = False, False
    _direction = "up"


class FalseNegatives(_Count):
    """How many positive targets are predicted as negative.

    Args:
        thresholds: a prediction above it counts as positive; 0.5 if None; a list gives a list of counts.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.FalseNegatives()([0, 1, 1], [0.9, 0.8, 0.1]))
    1.0
    """

    _passing = False
    _direction = "down"


# ---- precision and recall --------------------------------------------------------------------------------------------


class _Ratio(Metric):
    """True positives over true positives and something else."""

    top_k: int | None
    class_id: int | None
    _kf_normalise = normalisers(thresholds=None, top_k=or_none(positive))
    _direction = "up"
    _other = ""

    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.init_thresholds = thresholds
        self.thresholds = check_thresholds(self.name, thresholds, 0.5 if top_k is None else LOWEST)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self._second = self.add_variable(shape, "zeros", name=self._other)
        object.__setattr__(self, self._other, self._second)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, 0 or 1, of any shape and dtype.
            y_pred: floating predictions from 0 to 1, of the same shape.
            sample_weight: weights that broadcast over them from the first axis on.
        """
        batch = Batch(y_true, y_pred, sample_weight, self._dtype, self.top_k, self.class_id)
        true, false = count_passing(batch, ops.convert_to_tensor(self.thresholds, dtype=self._dtype))
        add = self._kf_backend.foreach.increment
        add(self.true_positives, true)
        add(self._second, self._else(batch, true, false))

    def _else(self, batch: Batch, true: Tensor, false: Tensor) -> Tensor:
        raise NotImplementedError

    def result(self) -> Tensor:
        """The ratio, or one for each threshold; 0 where nothing was counted."""
        true = read(self.true_positives)
        out = ops.divide_no_nan(true, ops.add(true, read(self._second)))
        return out if len(self.thresholds) > 1 else out[0]

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class Precision(_Ratio):
    """How many of the positive predictions are right.

    Args:
        thresholds: a prediction above it counts as positive; 0.5 if None; a list gives a list of results.
        top_k: only the `top_k` highest scores of each sample count as positive.
        class_id: look only at this column.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Precision()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.2]))
    0.5
    """

    _other = "false_positives"

    def _else(self, batch: Batch, true: Tensor, false: Tensor) -> Tensor:
        return false


class Recall(_Ratio):
    """How many of the positive targets are found.

    Args:
        thresholds: a prediction above it counts as positive; 0.5 if None; a list gives a list of results.
        top_k: only the `top_k` highest scores of each sample count as positive.
        class_id: look only at this column.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.Recall()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7])), 4)
    0.6667
    """

    _other = "false_negatives"

    def _else(self, batch: Batch, true: Tensor, false: Tensor) -> Tensor:
        return ops.subtract(ops.sum(batch.positive), true)


# ---- curves ----------------------------------------------------------------------------------------------------------

FOUR = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class Curve(Metric):
    """The four counts at many thresholds."""

    thresholds: list[float]
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable
    _evenly = True

    def _create(self, shape: tuple[int, ...]) -> None:
        for name in FOUR:
            setattr(self, name, self.add_variable(shape, "zeros", name=name))

    def _count(self, batch: Batch, labels: int | None = None) -> None:
        if self._evenly:
            true, false = count_spread(batch, len(self.thresholds), labels)
        elif labels is None:
            true, false = count_passing(batch, ops.convert_to_tensor(self.thresholds, dtype=self._dtype))
        else:
            true, false = self._count_columns(batch, labels)
        axis = None if labels is None else tuple(range(len(batch.positive.shape) - 1))
        add = self._kf_backend.foreach.increment
        add(self.true_positives, true)
        add(self.false_positives, false)
        add(self.true_negatives, ops.subtract(ops.sum(batch.negative, axis), false))
        add(self.false_negatives, ops.subtract(ops.sum(batch.positive, axis), true))

    def _count_columns(self, batch: Batch, labels: int) -> tuple[Tensor, Tensor]:
        thresholds = ops.reshape(ops.convert_to_tensor(self.thresholds, dtype=self._dtype), (-1, 1, 1))
        scores, positive, negative = (
            ops.reshape(x, (1, -1, labels)) for x in (batch.scores, batch.positive, batch.negative)
        )
        passing = ops.cast(ops.greater(scores, thresholds), scores.dtype)
        return ops.sum(ops.multiply(passing, positive), axis=1), ops.sum(ops.multiply(passing, negative), axis=1)


class _At(Curve):
    """The best value of one ratio among the thresholds at which another reaches `value`."""

    num_thresholds: int
    class_id: int | None
    _kf_normalise = normalisers(
        **dict.fromkeys(("specificity", "sensitivity", "precision", "recall"), from_0_to_1), num_thresholds=above_zero
    )
    _direction = "up"
    value: float

    def __init__(self, num_thresholds: int, class_id: int | None, name: str | None, dtype: DTypeLike) -> None:
        super().__init__(**self._kf_store(locals()))
        self.thresholds = [0.5] if num_thresholds == 1 else spread(num_thresholds)
        self._evenly = num_thresholds > 1
        self._create((len(self.thresholds),))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, 0 or 1, of any shape and dtype.
            y_pred: floating predictions from 0 to 1, of the same shape.
            sample_weight: weights that broadcast over them from the first axis on.
        """
        self._count(Batch(y_true, y_pred, sample_weight, self._dtype, class_id=self.class_id))

    def _ratio(self, of: Variable, rest: Variable) -> Tensor:
        return ops.divide_no_nan(read(of), ops.add(read(of), read(rest)))

    def _best(self, reached: Tensor, wanted: Tensor) -> Tensor:
        """The largest of `wanted` where `reached` is at least the value; 0 if it is nowhere."""
        enough = ops.greater_equal(reached, self.value)
        return ops.max(ops.where(enough, wanted, ops.zeros_like(wanted)))


class SensitivityAtSpecificity(_At):
    """The best sensitivity ``tp / (tp + fn)`` where specificity ``tn / (tn + fp)`` is at least a given value.

    Args:
        specificity: from 0 to 1.
        num_thresholds: how many thresholds are tried.
        class_id: look only at this column.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.value = specificity

    def result(self) -> Tensor:
        """The sensitivity."""
        specificity = self._ratio(self.true_negatives, self.false_positives)
        return self._best(specificity, self._ratio(self.true_positives, self.false_negatives))


class SpecificityAtSensitivity(_At):
    """The best specificity ``tn / (tn + fp)`` where sensitivity ``tp / (tp + fn)`` is at least a given value.

    Args:
        sensitivity: from 0 to 1.
        num_thresholds: how many thresholds are tried.
        class_id: look only at this column.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.value = sensitivity

    def result(self) -> Tensor:
        """The specificity."""
        sensitivity = self._ratio(self.true_positives, self.false_negatives)
        return self._best(sensitivity, self._ratio(self.true_negatives, self.false_positives))


class PrecisionAtRecall(_At):
    """The best precision where recall is at least a given value.

    Args:
        recall: from 0 to 1.
        num_thresholds: how many thresholds are tried.
        class_id: look only at this column.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.value = recall

    def result(self) -> Tensor:
        """The precision."""
        recall = self._ratio(self.true_positives, self.false_negatives)
        return self._best(recall, self._ratio(self.true_positives, self.false_positives))


class RecallAtPrecision(_At):
    """The best recall where precision is at least a given value.

    Args:
        precision: from 0 to 1.
        num_thresholds: how many thresholds are tried.
        class_id: look only at this column.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.RecallAtPrecision(0.8)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.value = precision

    def result(self) -> Tensor:
        """The recall."""
        precision = self._ratio(self.true_positives, self.false_positives)
        return self._best(precision, self._ratio(self.true_positives, self.false_negatives))
