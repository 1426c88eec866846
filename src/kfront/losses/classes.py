"""The loss classes: each wraps the function of the same meaning."""

from __future__ import annotations

from collections.abc import Sequence

from kfront.core.options import above_zero, normalisers, number
from kfront.core.typing import Config, DTypeLike
from kfront.losses import classification, regression
from kfront.losses.base import FunctionLoss


class MeanSquaredError(FunctionLoss, function=regression.mean_squared_error):
    """The mean of squared errors.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.MeanSquaredError()
    >>> float(loss([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5
    """


class MeanAbsoluteError(FunctionLoss, function=regression.mean_absolute_error):
    """The mean of absolute errors.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.MeanAbsoluteError()
    >>> float(loss([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """


class MeanAbsolutePercentageError(FunctionLoss, function=regression.mean_absolute_percentage_error):
    """The mean of absolute errors in per cent of the targets.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.MeanAbsolutePercentageError()
    >>> float(loss([[2.0, 4.0]], [[1.0, 4.0]]))
    25.0
    """


class MeanSquaredLogarithmicError(FunctionLoss, function=regression.mean_squared_logarithmic_error):
    """The mean of squared differences of ``log(1 + y)``.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.MeanSquaredLogarithmicError()
    >>> float(loss([[1.0]], [[1.0]]))
    0.0
    """


class CosineSimilarity(FunctionLoss, function=regression.cosine_similarity):
    """Minus the cosine between targets and predictions.

    Args:
        axis: axis of the vectors.
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.CosineSimilarity()
    >>> float(loss([[0.0, 2.0]], [[0.0, 1.0]]))
    -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class Huber(FunctionLoss, function=regression.huber):
    """Squared for small errors, linear for large ones.

    Args:
        delta: where the line begins.
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.Huber()
    >>> float(loss([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5
    """

    _kf_normalise = normalisers(delta=above_zero)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class LogCosh(FunctionLoss, function=regression.log_cosh):
    """The mean of ``log(cosh(error))``.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.LogCosh()
    >>> round(float(loss([[0.0]], [[1.0]])), 4)
    0.4338
    """


class Poisson(FunctionLoss, function=regression.poisson):
    """The mean of ``y_pred - y_true * log(y_pred)``.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.Poisson()
    >>> round(float(loss([[1.0]], [[1.0]])), 4)
    1.0
    """


class Hinge(FunctionLoss, function=classification.hinge):
    """The mean of ``max(0, 1 - y_true * y_pred)``, targets -1 and 1 (or 0 and 1).

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.Hinge()
    >>> float(loss([[-1.0, 1.0]], [[0.0, 0.5]]))
    0.75
    """


class SquaredHinge(FunctionLoss, function=classification.squared_hinge):
    """The mean of ``max(0, 1 - y_true * y_pred) ** 2``, targets -1 and 1 (or 0 and 1).

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.SquaredHinge()
    >>> float(loss([[-1.0, 1.0]], [[0.0, 0.0]]))
    1.0
    """


class CategoricalHinge(FunctionLoss, function=classification.categorical_hinge):
    """``max(0, 1 + highest wrong score - right score)`` for one-hot targets.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.CategoricalHinge()
    >>> float(loss([[0.0, 1.0]], [[0.5, 0.75]]))
    0.75
    """


class KLDivergence(FunctionLoss, function=classification.kl_divergence):
    """``sum(y_true * log(y_true / y_pred))`` for probabilities.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.KLDivergence()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """


class BinaryCrossentropy(FunctionLoss, function=classification.binary_crossentropy):
    """Crossentropy of yes-or-no targets.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: from 0 to 1: how far targets are drawn towards 0.5.
        axis: axis that the mean is taken over.
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.BinaryCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class CategoricalCrossentropy(FunctionLoss, function=classification.categorical_crossentropy):
    """Crossentropy of one-hot targets.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: from 0 to 1: how far targets are drawn towards equal probabilities.
        axis: axis of the classes.
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.CategoricalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class SparseCategoricalCrossentropy(FunctionLoss, function=classification.sparse_categorical_crossentropy):
    """Crossentropy of integer targets.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        ignore_class: a class number (-1, say) that does not count.
        axis: axis of the classes.
        label_smoothing: from 0 to 1: how far targets are drawn towards equal probabilities.
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.SparseCategoricalCrossentropy()
    >>> round(float(loss([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    _kf_takes_labels = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        label_smoothing: float = 0.0,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._kf_plain = ignore_class is None

    def get_config(self) -> Config:
        """Constructor arguments; Keras before 3.16 has no `label_smoothing`, which files have where it is not 0."""
        return {k: v for k, v in super().get_config().items() if k != "label_smoothing" or v}


class SparseCategoricalFocalCrossentropy(FunctionLoss, function=classification.sparse_categorical_focal_crossentropy):
    """Crossentropy of integer targets in which easy samples count less.

    Args:
        alpha: a weight, or one for each class.
        gamma: how much less easy samples count.
        from_logits: whether predictions are logits rather than probabilities.
        ignore_class: a class number (-1, say) that does not count.
        axis: axis of the classes.
        reduction, name, dtype: see `Loss`.

    Reference: Lin et al., 2017, "Focal loss for dense object detection", arXiv:1708.02002.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.SparseCategoricalFocalCrossentropy()
    >>> round(float(loss([1], [[0.5, 0.5]])), 4)
    0.0433
    """

    _kf_takes_labels = True

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sparse_categorical_focal_crossentropy",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._kf_plain = ignore_class is None


class BinaryFocalCrossentropy(FunctionLoss, function=classification.binary_focal_crossentropy):
    """Binary crossentropy in which easy samples count less.

    Args:
        apply_class_balancing: weigh class 1 by `alpha` and class 0 by ``1 - alpha``.
        alpha: weight of class 1.
        gamma: how much less easy samples count.
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: from 0 to 1: how far targets are drawn towards 0.5.
        axis: axis that the mean is taken over.
        reduction, name, dtype: see `Loss`.

    Reference: Lin et al., 2017, "Focal loss for dense object detection", arXiv:1708.02002.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.BinaryFocalCrossentropy()
    >>> round(float(loss([[1.0]], [[0.5]])), 4)
    0.1733
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class CategoricalFocalCrossentropy(FunctionLoss, function=classification.categorical_focal_crossentropy):
    """Categorical crossentropy in which easy samples count less.

    Args:
        alpha: a weight, or one for each class.
        gamma: how much less easy samples count.
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: from 0 to 1: how far targets are drawn towards equal probabilities.
        axis: axis of the classes.
        reduction, name, dtype: see `Loss`.

    Reference: Lin et al., 2017, "Focal loss for dense object detection", arXiv:1708.02002.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.CategoricalFocalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class CategoricalGeneralizedCrossEntropy(FunctionLoss, function=classification.categorical_generalized_cross_entropy):
    """Crossentropy that wrong labels move little; integer targets.

    Args:
        q: from 0 (crossentropy) to 1 (mean absolute error), both excluded.
        reduction, name, dtype: see `Loss`.

    Reference: Zhang and Sabuncu, 2018, "Generalized cross entropy loss for training deep neural networks with noisy
    labels", arXiv:1805.07836.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.CategoricalGeneralizedCrossEntropy()
    >>> float(loss([1], [[0.75, 0.25]]))
    1.0
    """

    _kf_takes_labels = True
    _kf_normalise = normalisers(q=number("in (0, 1)", lambda x: 0 < x < 1))

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class Dice(FunctionLoss, function=classification.dice):
    """One minus the Dice coefficient, for segmentation.

    Args:
        axis: axes that sums are taken over; all if None.
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.Dice()
    >>> round(float(loss([[1.0, 0.0]], [[1.0, 0.0]])), 4)
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class Tversky(FunctionLoss, function=classification.tversky):
    """One minus the Tversky index, for segmentation.

    Args:
        alpha: weight of false negatives.
        beta: weight of false positives.
        axis: axes that sums are taken over; all if None.
        reduction, name, dtype: see `Loss`.

    Reference: Salehi, Erdogmus and Gholipour, 2017, "Tversky loss function for image segmentation using 3D fully
    convolutional deep networks", arXiv:1706.05721.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.Tversky()
    >>> round(float(loss([[1.0, 0.0]], [[1.0, 0.0]])), 4)
    0.0
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class Circle(FunctionLoss, function=classification.circle):
    """Circle loss of embeddings, for integer class targets.

    Args:
        gamma: scale.
        margin: how far from the optimum pairs stop to count.
        remove_diagonal: leave out the comparison of each sample with itself.
        reduction, name, dtype: see `Loss`.

    Reference: Sun et al., 2020, "Circle loss: A unified perspective of pair similarity optimization",
    arXiv:2002.10857.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.Circle()
    >>> float(loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])) >= 0
    True
    """

    _kf_takes_labels = True

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._kf_plain = False


class CTC(FunctionLoss, function=classification.ctc):
    """Connectionist temporal classification, for targets without an alignment to the steps of the prediction.

    Args:
        reduction, name, dtype: see `Loss`.

    Example:

    >>> import kfront
    >>> loss = kfront.losses.CTC()
    >>> round(float(loss([[1]], kfront.ops.zeros((1, 1, 2)))), 4)
    0.6931
    """

    _kf_takes_labels = True
