"""Logs of models that override `compute_metrics` or `metrics`."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers


class Extra(kfront.Model):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**logs, "largest": kfront.ops.max(y)}


class Listed(kfront.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.gap = kfront.metrics.Mean(name="gap")

    @property
    def metrics(self):
        return [self.gap]


def made(cls, **kwargs):
    x = kfront.Input((3,))
    model = cls(x, layers.Dense(1)(x))
    model.compile("sgd", "mse", metrics=["mae"], **kwargs)
    return model


X, Y = np.ones((8, 3), "float32"), np.arange(8, dtype="float32")[:, None]


@pytest.mark.parametrize("steps", [1, 2])
def test_results_of_compute_metrics_are_logs(trainable_backend, steps):
    model = made(Extra, steps_per_execution=steps)
    history = model.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history
    assert set(history) == {"loss", "mae", "largest"}
    assert history["largest"] == [7.0]  # of the last batch
    assert model.evaluate(X, Y, batch_size=4, verbose=0, return_dict=True)["largest"] == 7.0
    assert set(model.train_on_batch(X, Y, return_dict=True)) == {"loss", "mae", "largest"}
    assert set(model.test_on_batch(X, Y, return_dict=True)) == {"loss", "mae", "largest"}


def test_only_the_metrics_that_the_class_lists(trainable_backend):
    assert set(made(Listed).fit(X, Y, verbose=0).history) == {"gap"}
