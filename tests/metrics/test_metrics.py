"""Metrics in compiled steps, of one's own, under masks; names, configs, errors. Values: tests/losses/test_values.py."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import backends, metrics, ops
from kfront.core.errors import ArgumentError, ShapeError

BACKENDS = [b for b in ("numpy", "torch", "jax", "tensorflow") if b in backends.installed()]
R = np.random.default_rng(0)
ONEHOT = np.eye(3, dtype="float32")[R.integers(0, 3, 8)]
SCORES = R.random((8, 3)).astype("float32")
PROBABILITIES = (SCORES / SCORES.sum(-1, keepdims=True)).astype("float32")
LABELS = ONEHOT.argmax(-1)

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("Mean", {}, "values"),
    ("Sum", {}, "values"),
    ("MeanSquaredError", {}, "onehot"),
    ("RootMeanSquaredError", {}, "onehot"),
    ("CosineSimilarity", {}, "onehot"),
    ("CategoricalAccuracy", {}, "onehot"),
    ("SparseCategoricalAccuracy", {}, "labels"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "labels"),
    ("BinaryAccuracy", {}, "onehot"),
    ("CategoricalCrossentropy", {}, "onehot"),
    ("SparseCategoricalCrossentropy", {}, "labels"),
    ("AUC", {}, "onehot"),
    ("AUC", {"multi_label": True, "curve": "PR"}, "onehot"),
    ("Precision", {}, "onehot"),
    ("Recall", {"top_k": 1}, "onehot"),
    ("FalseNegatives", {"thresholds": [0.2, 0.4]}, "onehot"),
    ("PrecisionAtRecall", {"recall": 0.4}, "onehot"),
    ("F1Score", {"average": "macro"}, "onehot"),
    ("R2Score", {}, "onehot"),
    ("PearsonCorrelation", {}, "onehot"),
    ("OneHotMeanIoU", {"num_classes": 3}, "onehot"),
]


def arguments(kind: str) -> list[np.ndarray]:
    if kind == "values":
        return [SCORES]
    return [ONEHOT if kind == "onehot" else LABELS, PROBABILITIES]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("backend", [b for b in BACKENDS if b != "numpy"])
@pytest.mark.parametrize(("name", "config", "kind"), CASES)
def test_compiled_equals_eager(backend: str, name: str, config: dict[str, Any], kind: str) -> None:
    with kfront.backend_scope(backend) as b:
        eager, jitted = (getattr(metrics, name)(**config) for _ in range(2))
        native = [ops.convert_to_tensor(x) for x in arguments(kind)]
        if hasattr(jitted, "build"):
            jitted.build(*(tuple(x.shape) for x in native))
        step: Any = lambda *xs: jitted.update_state(*xs)  # noqa: E731
        if backend == "torch":
            import torch

            torch._dynamo.reset()
            run = torch.compile(step, fullgraph=True, backend="eager")
        else:
            run = b.compile_step(step, lambda: jitted.variables, True)
        for _ in range(2):
            eager.update_state(*native)
            run(*native)
        np.testing.assert_allclose(
            ops.convert_to_numpy(jitted.result()), ops.convert_to_numpy(eager.result()), rtol=1e-5, atol=1e-6
        )


class Both(metrics.Metric):
    """A metric of one's own, with state, a metric inside, and several results."""

    def __init__(self, name: str = "both", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.steps = self.add_variable(shape=(), initializer="zeros", name="steps")
        self.inner = metrics.Mean(name="inner")
        self.most = self.add_weight(shape=(), initializer="zeros", name="most")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.steps.assign_add(1.0)
        self.most.assign(ops.maximum(self.most, ops.max(y_pred)))
        self.inner.update_state(y_pred)

    def result(self) -> dict[str, Any]:
        return {"steps": self.steps.value, "mean": self.inner.result(), "most": self.most}


@pytest.mark.parametrize("backend", BACKENDS)
def test_own_metric(backend: str) -> None:
    with kfront.backend_scope(backend):
        metric = Both()
        assert [v.path for v in metric.variables] == ["both/steps", "both/most", "inner/total", "inner/count"]
        for _ in range(2):
            out = metric([0.0], [1.0, 3.0])
        assert {k: float(ops.convert_to_numpy(v)) for k, v in out.items()} == {"steps": 2, "mean": 2, "most": 3}
        metric.reset_state()
        assert all(float(v.numpy()) == 0 for v in metric.variables)
        state = metric.stateless_update_state(metric.stateless_reset_state(), [0.0], [5.0])
        assert float(metric.steps.numpy()) == 0
        assert float(ops.convert_to_numpy(metric.stateless_result(state)["most"])) == 5
        for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
            assert other([0.0], [1.0])["steps"] is not None
        assert float(metric.steps.numpy()) == 0


@pytest.mark.parametrize("backend", [b for b in BACKENDS if b != "numpy"])
def test_masked_steps_do_not_count(backend: str) -> None:
    from kfront.core.state import state

    with kfront.backend_scope(backend) as b:
        before, state.any_mask_seen = state.any_mask_seen, True
        y_pred = ops.convert_to_tensor(np.eye(3, dtype="float32")[[[0, 1, 1], [2, 0, 0]]])
        b.set_mask(y_pred, ops.convert_to_tensor(np.array([[True, True, False], [True, False, False]])))
        metric = metrics.SparseCategoricalAccuracy()
        metric.update_state(ops.convert_to_tensor(np.array([[0, 2, 0], [2, 1, 1]])), y_pred)
        state.any_mask_seen = before
        np.testing.assert_allclose(ops.convert_to_numpy(metric.result()), 2 / 3, rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dtype(backend: str) -> None:
    with kfront.backend_scope(backend):
        metric = metrics.Mean(dtype="float16")
        assert metric.dtype == metric.variables[0].dtype == "float16"
        assert metrics.Mean().dtype == "float32"
        assert metrics.MeanIoU(num_classes=2).dtype == "int32"


def test_names() -> None:
    for public in metrics.__all__:
        found = getattr(metrics, public)
        if not isinstance(found, type) or found is metrics.Metric:
            continue
        needed = {
            "MeanMetricWrapper": {"fn": metrics.mean_squared_error},
            "IoU": {"num_classes": 3, "target_class_ids": [0]},
            "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]},
            "MeanIoU": {"num_classes": 3},
            "OneHotMeanIoU": {"num_classes": 3},
            "PrecisionAtRecall": {"recall": 0.5},
            "RecallAtPrecision": {"precision": 0.5},
            "SensitivityAtSpecificity": {"specificity": 0.5},
            "SpecificityAtSensitivity": {"sensitivity": 0.5},
        }.get(public, {})
        metric = found(**needed)
        config = metrics.serialize(metric)
        assert (config["module"], config["class_name"]) == ("keras.metrics", public)
        assert metrics.deserialize(config).get_config() == metric.get_config()
        if not needed:
            assert type(metrics.get(public)) is found
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert metrics.get(None) is None
    assert isinstance(metrics.get(metrics.AUC), metrics.AUC)


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: metrics.get("acuracy"), ArgumentError, "name of a metric"),
    (lambda: metrics.get(3), ArgumentError, "got 3"),
    (lambda: metrics.AUC(num_thresholds=1), ArgumentError, "num_thresholds"),
    (lambda: metrics.AUC(curve="LIFT"), ArgumentError, "curve"),
    (lambda: metrics.Precision(thresholds=2.0), ArgumentError, "thresholds"),
    (lambda: metrics.BinaryAccuracy(threshold=2.0), ArgumentError, "threshold"),
    (lambda: metrics.F1Score(average="all"), ArgumentError, "average"),
    (lambda: metrics.F1Score()(LABELS, SCORES), ShapeError, "to_categorical"),
    (lambda: metrics.PrecisionAtRecall(2.0), ArgumentError, "recall"),
    (lambda: metrics.AUC(num_thresholds=None), ArgumentError, "num_thresholds"),
    (lambda: metrics.Precision(class_id=1)([0, 1], [0.0, 1.0]), ShapeError, "class 1"),
    (lambda: metrics.SensitivityAtSpecificity(0.5, class_id=2)([[0, 1]], [[0.0, 1.0]]), ShapeError, "class 2"),
    (lambda: metrics.MeanSquaredError()(np.zeros((4, 3)), np.zeros((4, 2))), ShapeError, "shape"),
    (lambda: metrics.Mean().stateless_result([1.0]), ArgumentError, "2 variables"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("name", BACKENDS)
def test_fractions_of_weights_are_not_lost_silently(name: str) -> None:
    """IoU metrics count in int32, as Keras's: whoever weighs by fractions is told, once; with floats they count."""
    y_true, y_pred = [0, 0, 1, 1], [0, 1, 0, 1]
    weights, whole = [0.5, 2.0, 1.5, 1.0], [1.0, 2.0, 0.0, 1.0]
    with backends.backend_scope(name), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quiet, exact, cut = (metrics.MeanIoU(2, dtype=d) for d in (None, "float32", None))
        quiet.update_state(y_true, y_pred, whole)
        exact.update_state(y_true, y_pred, weights)
        assert not caught
        for _ in range(2):
            cut.update_state(y_true, y_pred, weights)
        assert [str(w.message) for w in caught if "fractions are cut off" in str(w.message)] == [
            f"[{cut.name}] expected whole numbers as `sample_weight`, because the metric counts in int32, got 0.5: "
            "fractions are cut off. Make the metric with dtype='float32' to count them."
        ]
        assert float(exact.result()) == pytest.approx((0.5 / 4 + 1.0 / 4.5) / 2)
