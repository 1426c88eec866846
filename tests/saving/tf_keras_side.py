"""Files that tf_keras (Keras 2) writes when the tests run: ``python tf_keras_side.py FOLDER``."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np


def main(folder: str) -> None:
    """Write models, their inputs and predictions."""
    import tf_keras as k

    for name, model in _archives(k).items():
        x = np.random.default_rng(1).normal(size=(4, *model.input_shape[1:])).astype("float32")
        model.save(f"{folder}/{name}.keras")
        np.savez(f"{folder}/{name}.npz", x, model.predict(x, verbose=0))
    for name in ("LSTM", "GRU", "both"):
        _cudnn(k, name, folder)


def _archives(k: Any) -> dict[str, Any]:
    L = k.layers
    sequential = k.Sequential(
        [
            k.Input((6,)),
            L.Dense(4, activation="hard_sigmoid"),
            L.BatchNormalization(),
            L.LeakyReLU(0.2),
            L.Dense(2),
        ]
    )
    sequential.compile(k.optimizers.Adam(0.01), "mse", metrics=["mae"])
    sequential.fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0)
    x = k.Input((5, 3))
    y = L.Bidirectional(L.LSTM(4, return_sequences=True))(L.Conv1D(3, 2, padding="same")(x))
    inner = k.Sequential([k.Input((8,)), L.Dense(8, activation="swish"), L.LayerNormalization()])
    y = L.TimeDistributed(inner)(y)
    functional = k.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(L.Add()([y, y]))))
    return {"sequential": sequential, "functional": functional}


def _cudnn(k: Any, name: str, folder: str) -> None:
    """A model of a layer that needs a GPU to run, and what the layer that takes its weights gives."""
    kind = "LSTM" if name == "both" else name
    module = importlib.import_module(f"tf_keras.src.layers.rnn.cudnn_{kind.lower()}")
    classes = {"fast": getattr(module, f"CuDNN{kind}"), "plain": getattr(k.layers, kind)}
    models = {}
    for form, cls in classes.items():
        x = k.Input((4, 5), name="x")
        layer = cls(3, name="r")
        if name == "both":
            layer = k.layers.Bidirectional(cls(3, name="r"), name="r")
        models[form] = k.Model(x, k.layers.Dense(2, name="d")(layer(x)), name="m")
    rng = np.random.default_rng(2)
    models["fast"].set_weights([rng.normal(size=w.shape) * 0.5 for w in models["fast"].get_weights()])
    models["fast"].save(f"{folder}/{name}.h5")
    models["plain"].load_weights(f"{folder}/{name}.h5")
    x = rng.normal(size=(3, 4, 5)).astype("float32")
    np.savez(f"{folder}/{name}.npz", x, models["plain"].predict(x, verbose=0))


if __name__ == "__main__":
    main(sys.argv[1])
