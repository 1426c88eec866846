"""Weights of metrics, and what a metric holds. Expected numbers are those of Keras 3.15.1."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import metrics

RNG = np.random.default_rng(0)
TARGETS, PREDICTIONS = (RNG.random((3, 4)).astype("float32") for _ in range(2))
SCORES = np.random.default_rng(0).random((3, 4)).astype("float32")
WEIGHTS = {
    "none": None,
    "one": 2.0,
    "samples": [1.0, 2.0, 0.0],
    "column": [[1.0], [2.0], [0.0]],
    "row": [[1.0, 0.0, 2.0, 3.0]],
    "all": np.arange(12).reshape(3, 4) / 10,
    "single": [[2.0]],
}
MEANS = {  # shape of the values -> weights -> result
    (3, 4): {"one": 0.527, "samples": 0.591, "column": 0.591, "row": 0.398, "all": 0.575, "single": 0.527},
    (3,): {"one": 0.665, "samples": 0.755, "column": 0.755, "single": 0.665},
    (3, 2, 2): {"one": 0.527, "samples": 0.591, "column": 0.591, "single": 0.527},
}
PAIRS: list[tuple[Any, Any, Any, dict[str, float]]] = [
    (metrics.CosineSimilarity, TARGETS, PREDICTIONS, {"none": 0.744, "samples": 0.884, "single": 0.744}),
    (metrics.PearsonCorrelation, TARGETS, PREDICTIONS, {"none": 0.224, "samples": 0.559, "column": 0.559}),
    (metrics.ConcordanceCorrelation, TARGETS, PREDICTIONS, {"none": 0.094, "samples": 0.287}),
    (metrics.BinaryAccuracy, TARGETS > 0.5, PREDICTIONS, {"none": 0.5, "samples": 0.583, "row": 0.389, "all": 0.348}),
    (
        lambda: metrics.MeanIoU(4),
        np.array([[0, 1, 2, 3]] * 3),
        np.array([[0, 1, 1, 3]] * 3),
        {"none": 0.625, "one": 0.625, "single": 0.625},
    ),
]


@pytest.mark.parametrize("shape", MEANS)
def test_mean_with_weights_that_broadcast(shape: tuple[int, ...], backend: Any) -> None:
    values = TARGETS[:, 0] if shape == (3,) else TARGETS.reshape(shape)
    for name, expected in MEANS[shape].items():
        assert float(metrics.Mean()(values, sample_weight=WEIGHTS[name])) == pytest.approx(expected, abs=6e-4), name
    assert float(metrics.Mean()([[1, 3], [5, 7]], sample_weight=[[1, 0]])) == 3.0


@pytest.mark.parametrize(("make", "targets", "predictions", "expected"), PAIRS)
def test_weights_of_metrics(make: Any, targets: Any, predictions: Any, expected: Any, backend: Any) -> None:
    for name, value in expected.items():
        found = make()(np.asarray(targets), predictions, sample_weight=WEIGHTS[name])
        assert float(found) == pytest.approx(value, abs=6e-4), name


def test_weights_of_an_ignored_class_do_not_count(backend: Any) -> None:
    labels = np.array([0, 2, 1])
    for weights, total, count in [
        (None, 2.5178, 3),
        ([1.0, 2.0, 0.0], 3.2379, 2),
        ([1.0, 2.0, 3.0], 5.9345, 5),
        ([[1.0], [2.0], [3.0]], 5.9345, 5),
    ]:
        metric = metrics.SparseCategoricalCrossentropy(ignore_class=0)
        metric.update_state(labels, SCORES, sample_weight=weights)
        assert [float(v.numpy()) for v in metric.variables] == pytest.approx([total, count], abs=1e-4)


class Holding(metrics.Metric):
    """Holds state in every way that an attribute can."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.own = kfront.Variable(1.0, name="own")
        self.one = metrics.Mean()
        self.several = [metrics.Mean(), metrics.Sum()]
        self.named = {"mean": metrics.Mean(), "own": kfront.Variable(2.0, name="named")}
        self.pair = (metrics.Sum(),)
        self.weight = self.add_weight(shape=(), name="weight")

    def update_state(self, values: Any) -> None:
        self.own.assign(5.0)
        for one in (self.one, *self.several, self.named["mean"], *self.pair):
            one.update_state(values)

    def result(self) -> Any:
        return self.one.result()


def test_what_a_metric_holds_is_tracked_and_reset(backend: Any) -> None:
    metric = Holding()
    names = ["own", "named", "weight", "total", "count", "total", "count", "total", "total", "count", "total"]
    assert [v.name for v in metric.variables] == names
    metric.several.append(metrics.Mean())
    assert len(metric.variables) == 13
    start = [v.value for v in metric.variables]
    assert len(metric.stateless_update_state(start, [1.0, 2.0])) == 13
    metric.update_state([1.0, 2.0])
    for twin in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert len(twin.variables) == 13
        assert float(twin.result()) == 1.5
    metric.reset_state()
    assert all(float(v.numpy()) == 0 for v in metric.variables)
