"""How closely predictions follow targets: R2, Pearson and concordance correlation."""

from __future__ import annotations

from kfront import config, ops
from kfront.core.errors import ShapeError
from kfront.core.options import normalisers, not_negative, one_of
from kfront.core.registry import serializable
from kfront.core.typing import DTypeLike, Shape, Tensor, TensorLike
from kfront.core.variable import read
from kfront.losses.regression import pair
from kfront.metrics.base import Metric, as_tensor, check_same_shape
from kfront.metrics.reduction import FunctionMetric


class R2Score(Metric):
    """The coefficient of determination: 1 for perfect predictions, 0 for those no better than the mean.

    Args:
        class_aggregation: ``"uniform_average"`` or ``"variance_weighted_average"`` over outputs, or None for one value
            each.
        num_regressors: if above 0, the adjusted form for so many regressors.
        name, dtype: see `Metric`.

    Raises:
        ArgumentError: for an argument out of range.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
    0.5714
    """

    _direction = "up"
    class_aggregation: str | None
    num_regressors: int
    _kf_normalise = normalisers(
        class_aggregation=one_of(None, "uniform_average", "variance_weighted_average"), num_regressors=not_negative
    )

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self.built = False

    def build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Create the state, which needs the number of outputs.

        Args:
            y_true_shape: shape of the targets.
            y_pred_shape: shape of the predictions.

        Raises:
            ShapeError: shapes are not (batch, outputs).
        """
        if len(y_pred_shape) != 2 or y_pred_shape[-1] is None or y_pred_shape[-1:] != y_true_shape[-1:]:
            raise ShapeError(
                f"[{self.name}] expected targets and predictions of shape (batch, outputs), "
                f"got {tuple(y_true_shape)} and {tuple(y_pred_shape)}."
            )
        shape = (y_pred_shape[-1],)
        self.squared_sum = self.add_variable(shape, "zeros", name="squared_sum")
        self.sum = self.add_variable(shape, "zeros", name="sum")
        self.total_mse = self.add_variable(shape, "zeros", name="residual")
        self.count = self.add_variable(shape, "zeros", name="count")
        self.built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, shape (batch, outputs).
            y_pred: predictions of the same shape.
            sample_weight: one weight per sample.

        Raises:
            ShapeError: the shapes differ.
        """
        y_true, y_pred = (as_tensor(y, self._dtype) for y in (y_true, y_pred))
        if not self.built:
            self.build(tuple(y_true.shape), tuple(y_pred.shape))
        check_same_shape(self.name, y_true, y_pred)
        weight = ops.ones_like(y_true[:, :1])
        if sample_weight is not None:
            weight = ops.reshape(as_tensor(sample_weight, self._dtype), (-1, 1))
        weighted = ops.multiply(y_true, weight)
        add = self._kf_backend.foreach.increment
        add(self.sum, ops.sum(weighted, axis=0))
        add(self.squared_sum, ops.sum(ops.multiply(y_true, weighted), axis=0))
        residual = ops.multiply(ops.square(ops.subtract(y_true, y_pred)), weight)
        add(self.total_mse, ops.sum(residual, axis=0))
        add(self.count, ops.sum(ops.multiply(ops.ones_like(y_true), weight), axis=0))
        add(self.num_samples, ops.cast(ops.size(y_true), self._dtype))

    def result(self) -> Tensor:
        """The score so far."""
        if not self.built:
            return ops.zeros((), self._dtype)
        count = read(self.count)
        mean = ops.divide(read(self.sum), count)
        total = ops.subtract(read(self.squared_sum), ops.multiply(read(self.sum), mean))
        score = ops.subtract(1.0, ops.divide(read(self.total_mse), total))
        score = ops.where(ops.isinf(score), ops.zeros_like(score), score)
        flat = ops.logical_and(ops.equal(total, 0.0), ops.equal(self.total_mse.value, 0.0))
        score = ops.where(flat, ops.ones_like(score), score)  # targets that are all the same, and met
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.divide(ops.sum(ops.multiply(total, score)), ops.sum(total))
        if self.num_regressors:
            score = self._adjusted(score)
        return score

    def _adjusted(self, score: Tensor) -> Tensor:
        n, p = read(self.num_samples), self.num_regressors
        value = ops.divide(ops.multiply(ops.subtract(1.0, score), ops.subtract(n, 1.0)), ops.subtract(n, p + 1.0))
        return ops.where(ops.less_equal(n, p + 1.0), score, ops.subtract(1.0, value))


def _centred(y_true: TensorLike, y_pred: TensorLike, axis: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    y_true, y_pred = pair(y_true, y_pred)
    first, second = (ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    return ops.subtract(y_true, first), ops.subtract(y_pred, second), first, second


@serializable("keras.metrics")
def pearson_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Covariance over the product of the standard deviations.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: axis of the samples that are compared.

    Returns:
        Values from -1 to 1, one for each place of the other axes.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])[0]), 4)
    1.0
    """
    a, b, _, _ = _centred(y_true, y_pred, axis)
    covariance = ops.mean(ops.multiply(a, b), axis=axis)
    spread = ops.multiply(*(ops.sqrt(ops.mean(ops.square(x), axis=axis)) for x in (a, b)))
    return ops.divide(covariance, ops.add(spread, config.epsilon()))


@serializable("keras.metrics")
def concordance_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """As Pearson's correlation, lowered by differences of mean and scale.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: axis of the samples that are compared.

    Returns:
        Values from -1 to 1, one for each place of the other axes.

    Reference: Lin, 1989, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.concordance_correlation([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])[0]), 4)
    1.0
    """
    a, b, mean_a, mean_b = _centred(y_true, y_pred, axis)
    covariance = ops.mean(ops.multiply(a, b), axis=axis)
    variances = ops.add(ops.mean(ops.square(a), axis=axis), ops.mean(ops.square(b), axis=axis))
    apart = ops.square(ops.squeeze(ops.subtract(mean_a, mean_b), axis))
    return ops.divide(ops.multiply(covariance, 2.0), ops.add(ops.add(variances, apart), config.epsilon()))


class _Correlation(FunctionMetric):
    _direction = "up"
    axis: int


class PearsonCorrelation(_Correlation, function=pearson_correlation):
    """The mean of Pearson's correlation of targets and predictions.

    Args:
        name, dtype: see `Metric`.
        axis: axis of the samples that are compared.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])), 4)
    1.0
    """

    def __init__(self, name: str | None = "pearson_correlation", dtype: DTypeLike = None, axis: int = -1) -> None:
        super().__init__(**self._kf_store(locals()))


class ConcordanceCorrelation(_Correlation, function=concordance_correlation):
    """The mean of the concordance correlation of targets and predictions.

    Args:
        name, dtype: see `Metric`.
        axis: axis of the samples that are compared.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 4)
    1.0
    """

    def __init__(self, name: str | None = "concordance_correlation", dtype: DTypeLike = None, axis: int = -1) -> None:
        super().__init__(**self._kf_store(locals()))
