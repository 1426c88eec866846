"""What Keras gives for the runs of `test_distillation.py`: `KERAS_BACKEND=jax python values.py > keras_values.json`."""

from __future__ import annotations

import json
import sys

import keras
import numpy as np
from keras.distillation import Distiller, FeatureDistillation, LogitsDistillation

X = np.sin(np.arange(28)).reshape(7, 4).astype("float32")
Y = (np.arange(7) * 3) % 4


def make(name, scale):
    hidden = keras.layers.Dense(8, activation="tanh", name="h")
    last = keras.layers.Dense(4, activation="softmax", name="o")
    model = keras.Sequential([keras.Input((4,)), hidden, last], name=name)
    model.set_weights(
        [scale * np.cos(np.arange(w.size) * (1 + i)).reshape(w.shape) for i, w in enumerate(model.get_weights())]
    )
    return model


def run(losses, weights, part):
    student = make("student", 0.15)
    model = Distiller(make("teacher", 0.5), student, losses, weights, part)
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, batch_size=3, epochs=3, shuffle=False, verbose=0).history
    tests = model.evaluate(X, Y, batch_size=3, verbose=0, return_dict=True)
    return {
        "history": {k: [float(x) for x in v] for k, v in history.items()},
        "evaluate": {k: float(v) for k, v in tests.items()},
        "kernel": student.get_weights()[0].tolist(),
    }


if __name__ == "__main__":
    both = [LogitsDistillation(2.0, "mse"), FeatureDistillation("mae", "h", "h")]
    runs = {
        "logits": run(LogitsDistillation(2.0), None, 0.3),
        "features": run(both, [2.0, 0.5], 0.6),
        "student": run(LogitsDistillation(), None, 1.0),
        "teacher": run(FeatureDistillation(), None, 0.0),
    }
    json.dump(runs, sys.stdout, indent=1)
