"""Losses as metrics: their means over batches."""

from __future__ import annotations

from typing import Any

from kfront import ops
from kfront.core.registry import serializable
from kfront.losses import classification, regression
from kfront.metrics.reduction import Mean, MeanMetricWrapper

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


@serializable("keras.metrics")
class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared errors.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(regression.mean_squared_error, name, dtype)


@serializable("keras.metrics")
class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute errors.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(regression.mean_absolute_error, name, dtype)


@serializable("keras.metrics")
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of absolute errors in per cent of the targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
    25.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(regression.mean_absolute_percentage_error, name, dtype)


@serializable("keras.metrics")
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of squared differences of ``log(1 + y)``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.MeanSquaredLogarithmicError()([[1.0]], [[1.0]]))
    0.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(regression.mean_squared_logarithmic_error, name, dtype)


@serializable("keras.metrics")
class LogCoshError(MeanMetricWrapper):
    """The mean of ``log(cosh(error))``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.LogCoshError()([[1.0]], [[1.0]])), 4)
    0.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(regression.log_cosh, name, dtype)


@serializable("keras.metrics")
class Poisson(MeanMetricWrapper):
    """The mean of ``y_pred - y_true * log(y_pred)``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Poisson()([[0.0]], [[1.0]]))
    1.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(regression.poisson, name, dtype)


@serializable("keras.metrics")
class KLDivergence(MeanMetricWrapper):
    """``sum(y_true * log(y_true / y_pred))`` of probabilities.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.KLDivergence()([[0.0, 1.0]], [[0.0, 1.0]])), 4)
    0.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(classification.kl_divergence, name, dtype)


@serializable("keras.metrics")
class Hinge(MeanMetricWrapper):
    """The mean of ``max(0, 1 - y_true * y_pred)``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Hinge()([[-1.0, 1.0]], [[0.0, 0.5]]))
    0.75
    """

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(classification.hinge, name, dtype)


@serializable("keras.metrics")
class SquaredHinge(MeanMetricWrapper):
    """The mean of ``max(0, 1 - y_true * y_pred) ** 2``.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.SquaredHinge()([[-1.0, 1.0]], [[0.0, 0.0]]))
    1.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(classification.squared_hinge, name, dtype)


@serializable("keras.metrics")
class CategoricalHinge(MeanMetricWrapper):
    """``max(0, 1 + highest wrong score - right score)``; one-hot targets.

    Args:
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]]))
    0.75
    """

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(classification.categorical_hinge, name, dtype)


@serializable("keras.metrics")
class BinaryCrossentropy(MeanMetricWrapper):
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

    _direction = "down"
    arguments = ("from_logits", "label_smoothing")

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            classification.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )


@serializable("keras.metrics")
class CategoricalCrossentropy(MeanMetricWrapper):
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

    _direction = "down"
    arguments = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        own = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(classification.categorical_crossentropy, name, dtype, **own)


@serializable("keras.metrics")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
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

    _direction = "down"
    arguments = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        own = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(classification.sparse_categorical_crossentropy, name, dtype, **own)


@serializable("keras.metrics")
class CosineSimilarity(MeanMetricWrapper):
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
    arguments = ("axis",)

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    return ops.negative(regression.cosine_similarity(y_true, y_pred, axis))


@serializable("keras.metrics")
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

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: targets.
            y_pred: predictions of the same shape.
            sample_weight: weights of the samples.
        """
        y_true, y_pred = regression.pair(y_true, y_pred)
        super().update_state(ops.square(ops.subtract(y_pred, y_true)), sample_weight)

    def result(self) -> Any:
        """The root of the mean so far."""
        return ops.sqrt(super().result())
