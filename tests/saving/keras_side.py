"""What the installed Keras does in its own process: ``python keras_side.py exchange|changed|ops|layers FOLDER``."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import sys
import traceback
from typing import Any

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import changed_models
import models


def write(folder: str, names: list[str], optimizers: list[str]) -> None:
    """Save the models of these names, their weights and predictions, and models trained by these optimizers."""
    import keras

    for name in names:
        keras.utils.clear_session()
        keras.utils.set_random_seed(7)
        model = models.MODELS[name][0](keras)
        model.save(f"{folder}/{name}.keras")
        model.save_weights(f"{folder}/{name}.weights.h5")
        np.savez(f"{folder}/{name}.npz", *models.predict(model, name))
        for save in models.FORMS.values():
            save(model, f"{folder}/{name}")
    for name in optimizers:
        model = models.trainable(keras, name)
        model.save(f"{folder}/{name}.trained.keras")
        if name not in models.NOT_IN_LEGACY:
            model.save(f"{folder}/{name}.trained.h5")
        np.savez(f"{folder}/{name}.trained.npz", *[v.numpy() for v in (*model.weights, *model.optimizer.variables)])
        with open(f"{folder}/{name}.loss", "w") as file:
            again = keras.saving.load_model(f"{folder}/{name}.trained.keras")
            json.dump(float(models.continue_training(again)), file)


def read(folder: str) -> None:
    """Load every `.keras` file below the folder, write predictions or what went wrong."""
    import keras

    for path in sorted(str(p) for e in ("*.keras", "*.trained.h5") for p in pathlib.Path(folder).rglob(e)):
        file = os.path.basename(path)
        name = file.split(".")[0]
        try:
            model = keras.saving.load_model(path)
            if ".trained." in file:
                values = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
                np.savez(f"{path}.out.npz", *values)  # Keras leaves the optimizer's state in legacy files
                if path.endswith(".keras"):
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


def forms(folder: str, names: list[str]) -> None:
    """Load what kfront wrote in other forms, write predictions or what went wrong; objects of every class."""
    import keras

    for form in models.FORMS:
        for name in names:
            path = f"{folder}/{name}"
            try:
                model = models.load_form(keras, form, models.MODELS[name][0], path)
                np.savez(f"{path}.{form}.npz", *models.predict(model, name))
            except Exception:
                with open(f"{path}.{form}.error", "w") as out:
                    out.write(traceback.format_exc())
    with open(f"{folder}/objects.json") as file:
        theirs = json.load(file)
    back = {}
    for name, config in theirs.items():
        try:
            made = keras.saving.deserialize_keras_object(config)
            back[name] = keras.saving.serialize_keras_object(made)
        except Exception as error:
            back[name] = f"{type(error).__name__}: {error}"
    for name, value in (("back.json", back), ("keras.json", models.objects(keras))):
        with open(f"{folder}/{name}", "w") as file:
            json.dump(value, file, default=str)


def exchange(folder: str) -> None:
    """All of the above, in one process."""
    chosen = json.loads(pathlib.Path(folder, "chosen.json").read_text())
    write(f"{folder}/from_keras", **chosen)
    read(f"{folder}/to_keras")
    forms(f"{folder}/forms", chosen["names"])


def _save_changed(folder: pathlib.Path, name: str) -> None:
    """Write a model and what it predicts."""
    import keras

    changed_models.save(keras, folder, name, models.FORMS, _predict_changed)


def _load_changed(folder: pathlib.Path, name: str) -> None:
    """Read a model and write what it predicts."""
    import keras

    keras.utils.clear_session()
    model = keras.saving.load_model(folder / f"{name}.keras")
    np.save(folder / f"{name}.keras.npy", _predict_changed(model, name))
    if name in changed_models.WEIGHTS:
        model = changed_models.build(keras, name, changed_models.SEEDS[1])
        model.load_weights(folder / f"{name}.weights.h5")
        np.save(folder / f"{name}.weights.npy", _predict_changed(model, name))
    for form in changed_models.forms_of(name):
        model = models.load_form(keras, form, changed_models.fresh(name), f"{folder}/{name}")
        np.save(folder / f"{name}.{form}.npy", _predict_changed(model, name))


def _predict_changed(model: Any, name: str) -> np.ndarray:
    """What a model makes of its data; strings have to be tensors."""
    data = changed_models.CASES[name].data
    if data.dtype.kind != "U":
        return changed_models.predict(model, name)
    import keras
    import tensorflow as tf

    return keras.ops.convert_to_numpy(model(tf.constant(data)))


def changed(folder: str) -> None:
    """Save the models that were changed after they were made, and open what kfront saved."""
    names = json.loads(pathlib.Path(folder, "names.json").read_text())
    for job, part in ((_save_changed, "from_keras"), (_load_changed, "to_keras")):
        for name in names:
            try:
                job(pathlib.Path(folder) / part, name)
            except Exception:
                (pathlib.Path(folder) / part / f"{name}.keras.error").write_text(traceback.format_exc())


def ops(folder: str) -> None:
    """Write the graph of every op call and its values; load kfront's graphs and write their values."""
    import keras

    with open(f"{folder}/kfront.json") as file:
        theirs = json.load(file)
    graphs, errors = {}, {}
    for i, case in pickle.loads(pathlib.Path(folder, "cases.pickle").read_bytes()).items():
        case = models.OpCase(*case)
        arrays = models.op_arrays(case)
        for kind, make in (
            ("own", lambda case=case: models.op_model(keras, case)),
            ("own", lambda i=i: keras.models.model_from_json(graphs[i])),
            ("theirs", lambda i=i: keras.models.model_from_json(theirs[str(i)])),
        ):
            if f"own{i}" in errors or (kind == "theirs" and str(i) not in theirs):
                continue
            try:
                model = make()
                if i not in graphs:
                    graphs[i] = model.to_json()
                values = [keras.ops.convert_to_numpy(x) for x in keras.tree.flatten(model(arrays))]
                values = [x.astype("float32") if x.dtype.name == "bfloat16" else x for x in values]
                np.savez(f"{folder}/{kind}{i}.npz", *values)
            except Exception as error:
                errors[f"{kind}{i}"] = f"{type(error).__name__}: {error}"
    for name, value in (("keras.json", graphs), ("errors.json", errors)):
        with open(f"{folder}/{name}", "w") as file:
            json.dump(value, file)


def layers(folder: str) -> None:
    """Write a model of every layer and its outputs in both forms; load kfront's and write their outputs."""
    import keras

    errors = {}
    chosen = json.loads(pathlib.Path(folder, "cases.json").read_text())
    for i, (module, case) in enumerate(models.layer_cases()):
        if i not in chosen:
            continue
        for form in models.LAYER_FORMS:
            own, theirs = f"own{i}.{form}", f"kfront{i}.{form}"
            try:
                model = models.layer_model(keras, module, case)
                model.save(f"{folder}/{own}")
                want = models.layer_outputs(keras, model, module, case)
                model = keras.saving.load_model(f"{folder}/{own}")
                for x, y in zip(models.layer_outputs(keras, model, module, case), want, strict=True):
                    np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)
                np.savez(f"{folder}/{own}.npz", *want)
            except Exception as error:
                errors[own] = f"{type(error).__name__}: {error}"
                continue
            if not os.path.exists(f"{folder}/{theirs}"):
                continue
            try:
                model = keras.saving.load_model(f"{folder}/{theirs}")
                np.savez(f"{folder}/{theirs}.read.npz", *models.layer_outputs(keras, model, module, case))
            except Exception as error:
                errors[theirs] = f"{type(error).__name__}: {error}"
    with open(f"{folder}/errors.json", "w") as file:
        json.dump(errors, file)


if __name__ == "__main__":
    {"exchange": exchange, "changed": changed, "ops": ops, "layers": layers}[sys.argv[1]](sys.argv[2])
