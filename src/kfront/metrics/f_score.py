"""F scores."""

from __future__ import annotations

from kfront import config, ops
from kfront.core.errors import ShapeError
from kfront.core.options import kept, normalisers, number, one_of
from kfront.core.typing import DTypeLike, Shape, Tensor, TensorLike
from kfront.core.variable import Variable, read
from kfront.metrics.base import Metric, as_tensor, check_same_shape


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall: ``(1 + b ** 2) * p * r / (b ** 2 * p + r)``.

    Args:
        average: None gives the score of each class; ``"micro"`` counts all classes together, ``"macro"`` averages the
            scores, ``"weighted"`` averages them by the classes' numbers of samples.
        beta: weight of recall against precision, above 0.
        threshold: a prediction above it counts as positive; None: the highest of each sample does.
        name, dtype: see `Metric`.

    Raises:
        ArgumentError: for an argument out of range.

    Example:

    >>> import kfront
    >>> metric = kfront.metrics.FBetaScore(average="micro", beta=1.0, threshold=0.5)
    >>> round(float(metric([[1.0, 1.0], [0.0, 1.0]], [[0.9, 0.2], [0.6, 0.7]])), 4)
    0.6667
    """

    _direction = "up"
    average: str | None
    beta: float
    threshold: float | None
    _kf_normalise = normalisers(
        average=one_of(None, "micro", "macro", "weighted"),
        beta=number("to be a float above 0", lambda x: isinstance(x, float) and x > 0),
        threshold=number("in (0, 1] or None", lambda x: x is None or (isinstance(x, float) and 0 < x <= 1)),
    )
    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.axis = None if average == "micro" else 0
        self.built = False

    def build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Create the state, which needs the number of classes.

        Args:
            y_true_shape: shape of the targets.
            y_pred_shape: shape of the predictions.

        Raises:
            ShapeError: shapes are not (batch, classes).
        """
        if len(y_pred_shape) != 2 or y_pred_shape[-1] is None or y_pred_shape[-1:] != y_true_shape[-1:]:
            raise ShapeError(
                f"[{self.name}] expected targets and predictions of shape (batch, classes), "
                f"got {tuple(y_true_shape)} and {tuple(y_pred_shape)}; use utils.to_categorical for class numbers."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(shape, "zeros", name=name))
        self.built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: one-hot (or multi-hot) targets, shape (batch, classes).
            y_pred: predictions, same shape.
            sample_weight: one weight per sample.

        Raises:
            ShapeError: the shapes differ.
        """
        y_true, y_pred = (as_tensor(y, self._dtype) for y in (y_true, y_pred))
        if not self.built:
            self.build(tuple(y_true.shape), tuple(y_pred.shape))
        check_same_shape(self.name, y_true, y_pred)
        if self.threshold is None:
            highest = ops.max(y_pred, axis=-1, keepdims=True)
            chosen = ops.logical_and(ops.greater_equal(y_pred, highest), ops.greater(ops.absolute(y_pred), 1e-9))
        else:
            chosen = ops.greater(y_pred, self.threshold)
        chosen = ops.cast(chosen, self._dtype)
        weight = None
        if sample_weight is not None:
            weight = as_tensor(sample_weight, self._dtype)
            weight = ops.expand_dims(weight, 1) if len(weight.shape) == 1 else weight
        add = self._kf_backend.foreach.increment
        add(self.true_positives, self._sum(ops.multiply(chosen, y_true), weight))
        add(self.false_positives, self._sum(ops.multiply(chosen, ops.subtract(1.0, y_true)), weight))
        add(self.false_negatives, self._sum(ops.multiply(ops.subtract(1.0, chosen), y_true), weight))
        add(self.intermediate_weights, self._sum(y_true, weight))

    def _sum(self, x: Tensor, weight: Tensor | None) -> Tensor:
        return ops.sum(x if weight is None else ops.multiply(x, weight), axis=self.axis)

    def result(self) -> Tensor:
        """The score, or one for each class."""
        if not self.built:
            return ops.zeros((), self._dtype)
        small, b2 = config.epsilon(), self.beta**2
        tp = read(self.true_positives)
        precision = ops.divide(tp, ops.add(ops.add(tp, read(self.false_positives)), small))
        recall = ops.divide(tp, ops.add(ops.add(tp, read(self.false_negatives)), small))
        low = ops.add(ops.add(ops.multiply(precision, b2), recall), small)
        score = ops.multiply(ops.divide(ops.multiply(precision, recall), low), 1.0 + b2)
        if self.average == "weighted":
            weights = read(self.intermediate_weights)
            weights = ops.divide(weights, ops.add(ops.sum(weights), small))
            return ops.sum(ops.multiply(score, weights))
        return score if self.average is None else ops.mean(score)


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall.

    Args:
        average, threshold: see `FBetaScore`.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> metric = kfront.metrics.F1Score(average="micro", threshold=0.5)
    >>> round(float(metric([[1.0, 1.0], [0.0, 1.0]], [[0.9, 0.2], [0.6, 0.7]])), 4)
    0.6667
    """

    _kf_normalise = normalisers(beta=kept)

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
