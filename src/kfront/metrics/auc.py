"""Area under the ROC or the precision-recall curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kfront import config, ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.registry import serializable
from kfront.metrics.confusion import Batch, Curve, check_thresholds, spread

__all__ = ["AUC"]


@serializable("keras.metrics")
class AUC(Curve):
    """The area under a curve that is approximated by its points at a number of thresholds.

    Args:
        num_thresholds: how many, at least 2; they are spread evenly from 0 to 1.
        curve: ``"ROC"`` or ``"PR"`` (precision over recall).
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

    _direction = "up"
    thresholds: Sequence[float] = ()

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        if str(curve).upper() not in ("ROC", "PR"):
            raise ArgumentError(f"[{self.name}] expected `curve` to be 'ROC' or 'PR', got {curve!r}.")
        if str(summation_method).lower() not in ("interpolation", "minoring", "majoring"):
            raise ArgumentError(
                f"[{self.name}] expected `summation_method` to be 'interpolation', 'minoring' or 'majoring', "
                f"got {summation_method!r}."
            )
        if num_labels and not multi_label:
            raise ArgumentError(f"[{self.name}] expected multi_label=True with `num_labels`, got False.")
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = label_weights
        self._given = thresholds is not None
        self.thresholds = self._all_thresholds(thresholds, num_thresholds)
        self.num_thresholds = len(self.thresholds)
        self._evenly = not self._given or _is_spread(self.thresholds)
        self.built, self._labels = False, None
        if not multi_label or num_labels:
            self.build((None, num_labels) if multi_label else (), ())

    def _all_thresholds(self, thresholds: Any, num_thresholds: int) -> list[float]:
        if thresholds is None:
            if num_thresholds <= 1:
                raise ArgumentError(f"[{self.name}] expected `num_thresholds` > 1, got {num_thresholds!r}.")
            return spread(num_thresholds)
        inner = sorted(check_thresholds(self.name, thresholds))
        return [-config.epsilon(), *(float(t) for t in inner), 1.0 + config.epsilon()]

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
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

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, 0 or 1.
            y_pred: predictions from 0 to 1 (or logits), of the same shape.
            sample_weight: weights.
        """
        y_pred = ops.convert_to_tensor(y_pred)
        if not self.built:
            self.build(tuple(getattr(y_true, "shape", ())), tuple(y_pred.shape))
        if self.from_logits:
            y_pred = ops.sigmoid(ops.cast(y_pred, self._dtype))
        batch = Batch(y_true, y_pred, sample_weight, self._dtype)
        if self.label_weights is not None and not self.multi_label:
            batch.scale(ops.convert_to_tensor(self.label_weights, dtype=self._dtype))
        self._count(batch, self._labels if self.multi_label else None)

    def result(self) -> Any:
        """The area so far."""
        tp, fp, tn, fn = (
            v.value for v in (self.true_positives, self.false_positives, self.true_negatives, self.false_negatives)
        )
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        recall = ops.divide_no_nan(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            x, y = ops.divide_no_nan(fp, ops.add(fp, tn)), recall
        else:
            x, y = recall, ops.divide_no_nan(tp, ops.add(tp, fp))
        return self._total(ops.multiply(ops.subtract(x[:-1], x[1:]), self._heights(y[:-1], y[1:])))

    def interpolate_pr_auc(self) -> Any:
        """The area under the precision-recall curve, with counts that grow linearly between thresholds.

        Reference: Davis and Goadrich, 2006, https://www.biostat.wisc.edu/~page/rocpr.pdf.
        """
        return self._total(
            _interpolated(self.true_positives.value, self.false_positives.value, self.false_negatives.value)
        )

    def _total(self, areas: Any) -> Any:
        """The sum of the areas between thresholds, the mean over labels."""
        if not self.multi_label:
            return ops.sum(areas)
        by_label = ops.sum(areas, axis=0)
        if self.label_weights is None:
            return ops.mean(by_label)
        weights = ops.convert_to_tensor(self.label_weights, dtype=self._dtype)
        return ops.divide_no_nan(ops.sum(ops.multiply(by_label, weights)), ops.sum(weights))

    def _heights(self, left: Any, right: Any) -> Any:
        if self.summation_method == "minoring":
            return ops.minimum(left, right)
        if self.summation_method == "majoring":
            return ops.maximum(left, right)
        return ops.multiply(ops.add(left, right), 0.5)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        own = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        if self._given:
            own["thresholds"] = self.thresholds[1:-1]
        return {**super().get_config(), **own}


def _is_spread(thresholds: list[float]) -> bool:
    even = spread(len(thresholds))
    return all(abs(a - b) < 1e-9 for a, b in zip(thresholds, even, strict=True))


def _interpolated(tp: Any, fp: Any, fn: Any) -> Any:
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
