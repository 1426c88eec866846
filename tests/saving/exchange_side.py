"""Keras's side of the exchange, in a process of its own: ``python exchange_side.py FOLDER``.

It saves every model below FOLDER/keras, and opens what kfront saved below FOLDER/kfront.
"""

from __future__ import annotations

import os
import pathlib
import sys
import traceback

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import exchange_models as models
import keras


def save(folder: pathlib.Path, name: str) -> None:
    """Write a model and what it predicts."""
    model = models.build(keras, name, models.SEEDS[0])
    model.save(folder / f"{name}.keras")
    if name in models.WEIGHTS:
        model.save_weights(folder / f"{name}.weights.h5")
    np.save(folder / f"{name}.npy", models.predict(model, name))


def load(folder: pathlib.Path, name: str) -> None:
    """Read a model and write what it predicts."""
    keras.utils.clear_session()
    model = keras.saving.load_model(folder / f"{name}.keras")
    np.save(folder / f"{name}.keras.npy", models.predict(model, name))
    if name in models.WEIGHTS:
        model = models.build(keras, name, models.SEEDS[1])
        model.load_weights(folder / f"{name}.weights.h5")
        np.save(folder / f"{name}.weights.npy", models.predict(model, name))


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    for folder in [p for p in sorted(root.iterdir()) if p.is_dir()]:
        for name in models.CASES:
            if folder.name != "keras" and not (folder / f"{name}.npy").exists():
                continue
            try:
                (save if folder.name == "keras" else load)(folder, name)
            except Exception:
                (folder / f"{name}.error").write_text(traceback.format_exc())
