"""Losses as metrics: their means over batches."""

from __future__ import annotations

from kfront import ops
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.losses import classification, regression
from kfront.metrics.reduction import FunctionMetric, Mean


class _Error(FunctionMetric):
    _direction = "down"


class MeanSquaredError(_Error, function=regression.mean_squared_error):
    """The mean of squared errors.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5
    """


class MeanAbsoluteError(_Error, function=regression.mean_absolute_error):
    """The mean of absolute errors.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """


class MeanAbsolutePercentageError(_Error, function=regression.mean_absolute_percentage_error):
    """The mean of absolute errors in per cent of the targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
    25.0
    """


class MeanSquaredLogarithmicError(_Error, function=regression.mean_squared_logarithmic_error):
    """The mean of squared differences of ``log(1 + y)``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanSquaredLogarithmicError()([[1.0]], [[1.0]]))
    0.0
    """


class LogCoshError(_Error, function=regression.log_cosh, name="logcosh"):
    """The mean of ``log(cosh(error))``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.LogCoshError()([[1.0]], [[1.0]])), 4)
    0.0
    """


class Poisson(_Error, function=regression.poisson):
    """The mean of ``y_pred - y_true * log(y_pred)``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Poisson()([[0.0]], [[1.0]]))
    1.0
    """


class KLDivergence(_Error, function=classification.kl_divergence):
    """``sum(y_true * log(y_true / y_pred))`` of probabilities.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.KLDivergence()([[0.0, 1.0]], [[0.0, 1.0]])), 4)
    0.0
    """


class Hinge(_Error, function=classification.hinge):
    """The mean of ``max(0, 1 - y_true * y_pred)``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Hinge()([[-1.0, 1.0]], [[0.0, 0.5]]))
    0.75
    """


class SquaredHinge(_Error, function=classification.squared_hinge):
    """The mean of ``max(0, 1 - y_true * y_pred) ** 2``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.SquaredHinge()([[-1.0, 1.0]], [[0.0, 0.0]]))
    1.0
    """


class CategoricalHinge(_Error, function=classification.categorical_hinge):
    """``max(0, 1 + highest wrong score - right score)``; one-hot targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]]))
    0.75
    """


class BinaryCrossentropy(_Error, function=classification.binary_crossentropy):
    """Crossentropy of yes-or-no targets.

    Args:
        name, dtype: see `Metric`.
        from_logits: whether predictions are logits.
        label_smoothing: how far targets are drawn towards 0.5.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class CategoricalCrossentropy(_Error, function=classification.categorical_crossentropy):
    """Crossentropy of one-hot targets.

    Args:
        name, dtype: see `Metric`.
        from_logits: whether predictions are logits.
        label_smoothing: how far targets are drawn towards equal probabilities.
        axis: axis of the classes.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class SparseCategoricalCrossentropy(_Error, function=classification.sparse_categorical_crossentropy):
    """Crossentropy of integer targets.

    Args:
        name, dtype: see `Metric`.
        from_logits: whether predictions are logits.
        ignore_class: a class number that does not count.
        axis: axis of the classes.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


def _cosine(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    return ops.negative(regression.cosine_similarity(y_true, y_pred, axis))


class CosineSimilarity(FunctionMetric, function=_cosine):
    """The cosine of the angle between targets and predictions: 1 where they point the same way.

    Args:
        name, dtype: see `Metric`.
        axis: axis of the vectors.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.CosineSimilarity()([[0.0, 2.0]], [[0.0, 1.0]]))
    1.0
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: DTypeLike = None, axis: int = -1) -> None:
        super().__init__(**self._kf_store(locals()))


class RootMeanSquaredError(Mean):
    """The root of the mean of squared errors.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.RootMeanSquaredError()([[0.0, 0.0]], [[2.0, 2.0]]))
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets of shape (batch, ...).
            y_pred: floating predictions of the same shape.
            sample_weight: weights of the samples.
        """
        y_true, y_pred = regression.pair(y_true, y_pred)
        super().update_state(ops.square(ops.subtract(y_pred, y_true)), sample_weight)

    def result(self) -> Tensor:
        """The root of the mean so far."""
        return ops.sqrt(super().result())
