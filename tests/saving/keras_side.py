"""What the installed Keras does in a process of its own: ``python keras_side.py write|read FOLDER``."""

from __future__ import annotations

import json
import os
import pathlib
import sys
import traceback

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import models


def write(folder: str) -> None:
    """Save every model, its weights and its predictions."""
    import keras

    for name, (build, _) in models.MODELS.items():
        keras.utils.set_random_seed(7)
        model = build(keras)
        model.save(f"{folder}/{name}.keras")
        model.save_weights(f"{folder}/{name}.weights.h5")
        with open(f"{folder}/{name}.json", "w") as file:
            file.write(model.to_json())
        np.savez(f"{folder}/{name}.npz", *models.predict(model, name))
    for name in models.OPTIMIZERS:
        model = models.trainable(keras, name)
        model.save(f"{folder}/{name}.trained.keras")
        np.savez(f"{folder}/{name}.trained.npz", *[v.numpy() for v in (*model.weights, *model.optimizer.variables)])
        with open(f"{folder}/{name}.loss", "w") as file:
            again = keras.saving.load_model(f"{folder}/{name}.trained.keras")
            json.dump(float(models.continue_training(again)), file)


def read(folder: str) -> None:
    """Load every `.keras` file below the folder, write predictions or what went wrong."""
    import keras

    for path in sorted(str(p) for p in pathlib.Path(folder).rglob("*.keras")):
        file = os.path.basename(path)
        name = file.split(".")[0]
        try:
            model = keras.saving.load_model(path)
            if ".trained." in file:
                values = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
                np.savez(f"{path}.out.npz", *values)
                with open(f"{path}.loss", "w") as out:
                    json.dump(float(models.continue_training(model)), out)
            else:
                np.savez(f"{path}.out.npz", *models.predict(model, name))
                fresh = models.MODELS[name][0](keras)
                weights = path.replace(".keras", ".weights.h5")
                fresh.load_weights(weights)
                np.savez(f"{path}.weights.npz", *models.predict(fresh, name))
        except Exception:
            with open(f"{path}.error", "w") as out:
                out.write(traceback.format_exc())


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
