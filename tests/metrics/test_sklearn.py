"""Metrics have scikit-learn's values, over batches and with sample weights; they stay on the device, and without loops.

Scores lie in the middles between the 200 thresholds that curves use, so that their points are all points there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.conftest import ENGINES

import kfront
from kfront import metrics, ops

sk: Any = pytest.importorskip("sklearn.metrics")
R = np.random.default_rng(5)
N, CLASSES = 120, 4
SCORE = ((R.integers(0, 199, N) + 0.5) / 199).astype("float32")
BINARY = (R.random(N) < SCORE).astype("int32")
LABELS = R.integers(0, CLASSES, N)
GUESSES = np.where(R.random(N) < 0.6, LABELS, R.integers(0, CLASSES, N))
PROB = R.dirichlet(np.ones(CLASSES), N).astype("float32")
MANY = (R.random((N, CLASSES)) < PROB + 0.2).astype("int32")
REAL, GUESS = R.gamma(2.0, size=(2, N, 3)).astype("float32")
WEIGHT = R.random(N).astype("float32")

Case = tuple[Callable[[], Any], Any, Any, Callable[[Any], Any]]


def _curve_point(found: str, least: str, value: float) -> Callable[[Any], float]:
    """The best of one rate where the other is at least a value."""

    def best(w: Any) -> float:
        fpr, tpr, _ = sk.roc_curve(BINARY, SCORE, sample_weight=w, drop_intermediate=False)
        precision, recall, _ = sk.precision_recall_curve(BINARY, SCORE, sample_weight=w)
        rates = {"sensitivity": (fpr, tpr), "specificity": (fpr, 1 - fpr)}
        if found in rates:
            return max(a for a, b in zip(rates[found][1], rates[least][1], strict=True) if b >= value)
        pairs = {"precision": precision[:-1], "recall": recall[:-1]}  # without the point that predicts nothing
        return max(a for a, b in zip(pairs[found], pairs[least], strict=True) if b >= value)

    return best


def _f(average: str | None, beta: float = 1.0) -> Callable[[Any], Any]:
    return lambda w: sk.fbeta_score(MANY, PROB > 0.3, beta=beta, average=average, sample_weight=w, zero_division=0)


CASES: dict[str, Case] = {
    "Precision": (
        lambda: metrics.Precision(0.4),
        BINARY,
        SCORE,
        lambda w: sk.precision_score(BINARY, SCORE > 0.4, sample_weight=w),
    ),
    "Recall": (
        lambda: metrics.Recall(0.4),
        BINARY,
        SCORE,
        lambda w: sk.recall_score(BINARY, SCORE > 0.4, sample_weight=w),
    ),
    "Recall of a class": (
        lambda: metrics.Recall(0.3, class_id=1),
        MANY,
        PROB,
        lambda w: sk.recall_score(MANY[:, 1], PROB[:, 1] > 0.3, sample_weight=w),
    ),
    "counts": (
        lambda: metrics.FalsePositives([0.2, 0.6]),
        BINARY,
        SCORE,
        lambda w: [sk.confusion_matrix(BINARY, t < SCORE, sample_weight=w)[0, 1] for t in (0.2, 0.6)],
    ),
    "ROC": (metrics.AUC, BINARY, SCORE, lambda w: sk.roc_auc_score(BINARY, SCORE, sample_weight=w)),
    "ROC of labels": (
        lambda: metrics.AUC(thresholds=sorted(set((np.unique(PROB)[1:] + np.unique(PROB)[:-1]) / 2)), multi_label=True),
        MANY,
        PROB,
        lambda w: sk.roc_auc_score(MANY, PROB, average="macro", sample_weight=w),
    ),
    "sensitivity": (
        lambda: metrics.SensitivityAtSpecificity(0.7),
        BINARY,
        SCORE,
        _curve_point("sensitivity", "specificity", 0.7),
    ),
    "specificity": (
        lambda: metrics.SpecificityAtSensitivity(0.7),
        BINARY,
        SCORE,
        _curve_point("specificity", "sensitivity", 0.7),
    ),
    "precision at": (lambda: metrics.PrecisionAtRecall(0.6), BINARY, SCORE, _curve_point("precision", "recall", 0.6)),
    "recall at": (lambda: metrics.RecallAtPrecision(0.8), BINARY, SCORE, _curve_point("recall", "precision", 0.8)),
    "F1": (lambda: metrics.F1Score(threshold=0.3), MANY, PROB, _f(None)),
    "F1 macro": (lambda: metrics.F1Score("macro", 0.3), MANY, PROB, _f("macro")),
    "F1 weighted": (lambda: metrics.F1Score("weighted", 0.3), MANY, PROB, _f("weighted")),
    "F2 micro": (lambda: metrics.FBetaScore("micro", 2.0, 0.3), MANY, PROB, _f("micro", 2.0)),
    "accuracy": (
        metrics.SparseCategoricalAccuracy,
        LABELS,
        PROB,
        lambda w: sk.accuracy_score(LABELS, PROB.argmax(-1), sample_weight=w),
    ),
    "top 2": (
        lambda: metrics.SparseTopKCategoricalAccuracy(2),
        LABELS,
        PROB,
        lambda w: sk.top_k_accuracy_score(LABELS, PROB, k=2, sample_weight=w),
    ),
    "log loss": (
        metrics.SparseCategoricalCrossentropy,
        LABELS,
        PROB,
        lambda w: sk.log_loss(LABELS, PROB, sample_weight=w),
    ),
    "binary log loss": (
        metrics.BinaryCrossentropy,
        BINARY[:, None],
        SCORE[:, None],
        lambda w: sk.log_loss(BINARY, SCORE, sample_weight=w),
    ),
    "hinge": (
        metrics.Hinge,
        BINARY[:, None],
        SCORE[:, None] - 0.5,
        lambda w: sk.hinge_loss(BINARY, SCORE - 0.5, sample_weight=w),
    ),
    "IoU": (
        lambda: metrics.IoU(CLASSES, [0, 2], dtype="float32"),
        LABELS,
        GUESSES,
        lambda w: sk.jaccard_score(LABELS, GUESSES, labels=[0, 2], average="macro", sample_weight=w),
    ),
    "mean IoU": (
        lambda: metrics.MeanIoU(CLASSES, dtype="float32"),
        LABELS,
        GUESSES,
        lambda w: sk.jaccard_score(LABELS, GUESSES, average="macro", sample_weight=w),
    ),
    "MSE": (metrics.MeanSquaredError, REAL, GUESS, lambda w: sk.mean_squared_error(REAL, GUESS, sample_weight=w)),
    "MAE": (metrics.MeanAbsoluteError, REAL, GUESS, lambda w: sk.mean_absolute_error(REAL, GUESS, sample_weight=w)),
    "MAPE": (
        metrics.MeanAbsolutePercentageError,
        REAL,
        GUESS,
        lambda w: 100 * sk.mean_absolute_percentage_error(REAL, GUESS, sample_weight=w),
    ),
    "MSLE": (
        metrics.MeanSquaredLogarithmicError,
        REAL,
        GUESS,
        lambda w: sk.mean_squared_log_error(REAL, GUESS, sample_weight=w),
    ),
    "R2": (
        lambda: metrics.R2Score("uniform_average"),
        REAL,
        GUESS,
        lambda w: sk.r2_score(REAL, GUESS, sample_weight=w),
    ),
    "R2 by variance": (
        lambda: metrics.R2Score("variance_weighted_average"),
        REAL,
        GUESS,
        lambda w: sk.r2_score(REAL, GUESS, sample_weight=w, multioutput="variance_weighted"),
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES)
def test_value(engine: str, case: str) -> None:
    make, y_true, y_pred, reference = CASES[case]
    with kfront.backend_scope(engine):
        for weights in (None, WEIGHT):
            metric = make()
            for part in (slice(0, 50), slice(50, N)):
                metric.update_state(y_true[part], y_pred[part], None if weights is None else weights[part])
            np.testing.assert_allclose(ops.convert_to_numpy(metric.result()), reference(weights), rtol=2e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_precision_recall_curve(engine: str) -> None:
    """The area lies where the lower and the upper sum have it, the average precision between these."""
    with kfront.backend_scope(engine):
        areas = [
            float(metrics.AUC(curve="PR", summation_method=m)(BINARY, SCORE))
            for m in ("minoring", "interpolation", "majoring")
        ]
        assert areas[0] < areas[1] < areas[2]
        assert areas[0] < sk.average_precision_score(BINARY, SCORE) < areas[2]


@pytest.mark.parametrize("engine", ENGINES)
def test_correlation(engine: str) -> None:
    """Pearson's against NumPy's; Lin's from its definition."""
    with kfront.backend_scope(engine):
        y_true, y_pred = REAL[:, :1].T, GUESS[:, :1].T + 0.5 * REAL[:, :1].T
        found = float(metrics.PearsonCorrelation()(y_true, y_pred))
        np.testing.assert_allclose(found, np.corrcoef(y_true[0], y_pred[0])[0, 1], rtol=1e-5)
        a, b = y_true[0].astype("float64"), y_pred[0].astype("float64")
        lin = 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
        np.testing.assert_allclose(float(metrics.ConcordanceCorrelation()(y_true, y_pred)), lin, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_metrics_can_be_traced(case: str) -> None:
    """So nothing is read back to the host: a value that is asked for stops the trace."""
    jax = pytest.importorskip("jax")
    make, y_true, y_pred, _ = CASES[case]
    with kfront.backend_scope("jax"):
        metric = make()
        if hasattr(metric, "build") and not getattr(metric, "built", True):
            metric.build(y_true.shape, y_pred.shape)
        metric.update_state(y_true, y_pred, WEIGHT)
        values = [v.value for v in metric.variables]
        with jax.transfer_guard_device_to_host("disallow"):
            new = jax.make_jaxpr(metric.stateless_update_state)(values, y_true, y_pred, WEIGHT)
            jax.make_jaxpr(metric.stateless_result)(values)
    assert len(new.out_avals) == len(values)


@pytest.mark.parametrize("name", ["TruePositives", "Precision", "Recall", "AUC"])
def test_thresholds_cost_no_further_operations(name: str) -> None:
    """The program for fifty thresholds has as many operations as that for three."""
    jax = pytest.importorskip("jax")
    sizes = []
    with kfront.backend_scope("jax"):
        for count in (3, 50):
            metric = getattr(metrics, name)(thresholds=np.linspace(0.1, 0.9, count).tolist())
            values = [v.value for v in metric.variables]
            jaxpr = jax.make_jaxpr(metric.stateless_update_state)(values, BINARY, SCORE)
            sizes.append(len(jaxpr.eqns))
    assert sizes[0] == sizes[1]
