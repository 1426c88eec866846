"""Area under the ROC or the precision-recall curve."""

from __future__ import annotations

from collections.abc import Sequence

from kfront import config, ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import normalisers, one_of
from kfront.core.typing import Config, DTypeLike, Shape, Tensor, TensorLike
from kfront.core.variable import read
from kfront.metrics.base import as_tensor
from kfront.metrics.confusion import Batch, Curve, Thresholds, check_thresholds, spread


class AUC(Curve):
    """The area under a curve that is approximated by its points at a number of thresholds.

    Args:
        num_thresholds: how many, at least 2; they are spread evenly from 0 to 1. None with `thresholds`.
        curve: ``"ROC"``, ``"PR"`` (precision over recall) or ``"PRGAIN"`` (precision gain over recall gain, Flach and
            Kull, 2015, https://papers.nips.cc/paper/5867).
        summation_method: ``"interpolation"`` (the trapezoid rule for ROC, the interpolation of Davis and Goadrich for
            PR), ``"minoring"`` or ``"majoring"`` (the lower or upper height of each interval).
        name, dtype: see `Metric`.
        thresholds: thresholds of your own instead, from 0 to 1; 0 and 1 are added.
        multi_label: compute the area of each label (column) for itself, and average.
        num_labels: number of labels, so that the state exists from the start.
        label_weights: weight of each label.
        from_logits: whether predictions are logits.

    Raises:
        ArgumentError: for an argument out of range.

    Reference: Davis and Goadrich, 2006, "The relationship between precision-recall and ROC curves", ICML.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.75
    """

    num_thresholds: int
    curve: str
    summation_method: str
    multi_label: bool
    num_labels: int | None
    label_weights: Sequence[float] | None
    from_logits: bool
    _kf_normalise = normalisers(
        curve=one_of("ROC", "PR", "PRGAIN", case=str.upper),
        summation_method=one_of("interpolation", "minoring", "majoring"),
        thresholds=None,
    )
    _direction = "up"
    thresholds: Sequence[float] = ()

    def __init__(
        self,
        num_thresholds: int | None = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypeLike = None,
        thresholds: Thresholds = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self._kf_store(locals())
        if num_labels and not multi_label:
            raise ArgumentError(f"[{self.name}] expected multi_label=True with `num_labels`, got False.")
        self._given = thresholds is not None
        self.thresholds = self._all_thresholds(thresholds, num_thresholds)
        self.num_thresholds = len(self.thresholds)
        self._evenly = not self._given or _is_spread(self.thresholds)
        self.built, self._labels = False, None
        if not multi_label or num_labels:
            self.build((None, num_labels) if multi_label else (), ())

    def _all_thresholds(self, thresholds: Thresholds, num_thresholds: int | None) -> list[float]:
        if thresholds is None:
            if num_thresholds is None or num_thresholds <= 1:
                raise ArgumentError(f"[{self.name}] expected `num_thresholds` > 1, got {num_thresholds!r}.")
            return spread(num_thresholds)
        inner = sorted(check_thresholds(self.name, thresholds))
        return [-config.epsilon(), *(float(t) for t in inner), 1.0 + config.epsilon()]

    def build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Create the state, which needs the number of labels with `multi_label`.

        Args:
            y_true_shape: shape of the targets.
            y_pred_shape: shape of the predictions.
        """
        if self.built:
            return
        shape: tuple[int, ...] = (self.num_thresholds,)
        if self.multi_label:
            self._labels = self.num_labels or (y_pred_shape or y_true_shape)[-1]
            if self._labels is None:
                raise ShapeError(f"[{self.name}] expected a known last axis with multi_label=True, got {y_pred_shape}.")
            shape = (self.num_thresholds, self._labels)
        self._create(shape)
        self.built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, 0 or 1.
            y_pred: predictions from 0 to 1 (or logits), of the same shape.
            sample_weight: weights.
        """
        y_pred = as_tensor(y_pred)
        if not self.built:
            self.build(tuple(getattr(y_true, "shape", ())), tuple(y_pred.shape))
        if self.from_logits:
            y_pred = ops.sigmoid(ops.cast(y_pred, self._dtype))
        batch = Batch(y_true, y_pred, sample_weight, self._dtype)
        if self.label_weights is not None and not self.multi_label:
            batch.scale(ops.convert_to_tensor(self.label_weights, dtype=self._dtype))
        self._count(batch, self._labels if self.multi_label else None)

    def result(self) -> Tensor:
        """The area so far."""
        tp, fp, tn, fn = (
            read(v) for v in (self.true_positives, self.false_positives, self.true_negatives, self.false_negatives)
        )
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        recall = ops.divide_no_nan(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            x, y = ops.divide_no_nan(fp, ops.add(fp, tn)), recall
        elif self.curve == "PRGAIN":
            odds = ops.divide_no_nan(ops.add(tp, fn), ops.add(fp, tn))
            x, y = (_gain(wrong, tp, odds) for wrong in (fn, fp))
            x = ops.where(ops.greater(tp, 0), ops.maximum(x, 0.0), 0.0)  # the curve begins where recall gains
        else:
            x, y = recall, ops.divide_no_nan(tp, ops.add(tp, fp))
        return self._total(ops.multiply(ops.subtract(x[:-1], x[1:]), self._heights(y[:-1], y[1:])))

    def interpolate_pr_auc(self) -> Tensor:
        """The area under the precision-recall curve, with counts that grow linearly between thresholds.

        Reference: Davis and Goadrich, 2006, https://www.biostat.wisc.edu/~page/rocpr.pdf.
        """
        return self._total(
            _interpolated(read(self.true_positives), read(self.false_positives), read(self.false_negatives))
        )

    def _total(self, areas: Tensor) -> Tensor:
        """The sum of the areas between thresholds, the mean over labels."""
        if not self.multi_label:
            return ops.sum(areas)
        by_label = ops.sum(areas, axis=0)
        if self.label_weights is None:
            return ops.mean(by_label)
        weights = ops.convert_to_tensor(self.label_weights, dtype=self._dtype)
        return ops.divide_no_nan(ops.sum(ops.multiply(by_label, weights)), ops.sum(weights))

    def _heights(self, left: Tensor, right: Tensor) -> Tensor:
        if self.summation_method == "minoring":
            return ops.minimum(left, right)
        if self.summation_method == "majoring":
            return ops.maximum(left, right)
        return ops.multiply(ops.add(left, right), 0.5)

    def get_config(self) -> Config:
        """Constructor arguments."""
        own = {"thresholds": self.thresholds[1:-1]} if self._given else {}
        return {**super().get_config(), **own}


def _gain(wrong: Tensor, right: Tensor, odds: Tensor) -> Tensor:
    """Gain of recall (with false negatives) or precision (with false positives) over always saying yes."""
    return ops.subtract(1.0, ops.multiply(odds, ops.divide_no_nan(wrong, right)))


def _is_spread(thresholds: list[float]) -> bool:
    even = spread(len(thresholds))
    return all(abs(a - b) < 1e-9 for a, b in zip(thresholds, even, strict=True))


def _interpolated(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """Area of each interval of the precision-recall curve when true positives grow linearly with predictions.

    Between two thresholds precision is (slope * p + start) / p for p predicted positives; its integral over recall is
    slope * (change of tp + start * log(p ratio)) / positives.
    """
    predicted = ops.add(tp, fp)
    change = ops.subtract(tp[:-1], tp[1:])
    slope = ops.divide_no_nan(change, ops.maximum(ops.subtract(predicted[:-1], predicted[1:]), 0.0))
    start = ops.subtract(tp[1:], ops.multiply(slope, predicted[1:]))
    both = ops.logical_and(ops.greater(predicted[:-1], 0), ops.greater(predicted[1:], 0))
    ratio = ops.divide_no_nan(predicted[:-1], ops.maximum(predicted[1:], 0.0))
    ratio = ops.where(both, ratio, ops.ones_like(ratio))
    area = ops.multiply(slope, ops.add(change, ops.multiply(start, ops.log(ratio))))
    return ops.divide_no_nan(area, ops.maximum(ops.add(tp[1:], fn[1:]), 0.0))
