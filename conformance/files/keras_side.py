"""What the installed Keras does, in a process of its own: ``python -m …files.keras_side FOLDER NAME,NAME...``.

It writes a trained file of each model under ``FOLDER/keras``, then loads every other `.keras` file below the folder;
beside each it writes what it predicts and the losses when it goes on training, or what went wrong.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from . import models


def _describe(model: Any, name: str, path: str) -> None:
    np.savez(f"{path}.npz", *models.predictions(model, name))
    if model.optimizer is not None and model.optimizer.iterations.numpy() > 0:
        np.savez(f"{path}.state.npz", *[np.asarray(v) for v in (*model.weights, *model.optimizer.variables)])
        with open(f"{path}.losses", "w") as out:
            json.dump([float(v) for v in models.go_on(model, name)], out)


def _write(keras: Any, folder: str, name: str) -> None:
    keras.utils.clear_session()
    model = models.train(keras, name)
    models.go_on(model, name)
    model.save(f"{folder}/keras/{name}.keras")
    model.save_weights(f"{folder}/keras/{name}.weights.h5")
    _describe(model, name, f"{folder}/keras/{name}.keras")


def _read(keras: Any, path: str) -> None:
    name = os.path.basename(path).removesuffix(".keras")
    keras.utils.clear_session()
    fresh = models.MODELS[name].build(keras)
    fresh.load_weights(path.replace(".keras", ".weights.h5"))
    np.savez(f"{path}.weights.npz", *models.predictions(fresh, name))
    _describe(keras.saving.load_model(path), name, f"{path}.keras_side")


def _try(path: str, run: Callable[..., None], *args: Any) -> None:
    try:
        run(*args)
    except Exception:
        with open(f"{path}.error", "w") as out:
            out.write(traceback.format_exc())


def main(folder: str, names: list[str]) -> None:
    import keras

    os.makedirs(f"{folder}/keras", exist_ok=True)
    theirs = sorted(str(p) for p in pathlib.Path(folder).rglob("*.keras"))
    for name in names:
        _try(f"{folder}/keras/{name}.keras", _write, keras, folder, name)
    for path in theirs:
        _try(path, _read, keras, path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","))
