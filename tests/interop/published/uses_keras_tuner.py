"""KerasTuner: searches over hyperparameters."""

import tempfile

import keras
import numpy as np
from keras_tuner.src.engine.metrics_tracking import infer_metric_direction

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)

import keras_tuner


def make(hp):
    layers = [keras.layers.Dense(hp.Int("units", 4, 8, step=4)), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.Adam(hp.Choice("rate", [1e-2, 1e-3])), "mse", metrics=["mae"])
    return model


x = rng.random((64, 4)).astype("float32")
y = x.sum(1)
for tuner, most in ((keras_tuner.RandomSearch, {"max_trials": 2}), (keras_tuner.Hyperband, {"max_epochs": 3})):
    search = tuner(make, objective="val_loss", directory=tempfile.mkdtemp(), project_name="p", **most)
    search.search(x, y, validation_split=0.25, epochs=1, verbose=0)
    assert np.isfinite(search.get_best_models(1)[0].evaluate(x, y, verbose=0)[0])

# the direction of a metric is found by its name or its class
directions = {"accuracy": "max", "loss": "min", "mae": "min", "auc": "max", "val_mean_squared_error": "min"}
assert {name: infer_metric_direction(name) for name in directions} == directions
assert infer_metric_direction(keras.metrics.AUC()) == "max"
assert infer_metric_direction(keras.metrics.MeanAbsoluteError()) == "min"
tuned = search.hypermodel.build(search.get_best_hyperparameters(1)[0])
assert tuned.layers[0].units in (4, 8)
