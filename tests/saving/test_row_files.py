"""Layers of the conformance table that `layer_cases.py` lacks: Keras opens their files, and we what it then saves."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from conformance.layers.row import arrays_of
from conformance.layers.running import arrays_of_specs, ready, specs
from conformance.layers.table import ROWS
from tests.saving import models

import kfront

pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")

# layers whose files Keras does not open, and why
NOT_IN_KERAS = {
    "Layer": "a class of the row's own",
    "Wrapper": "a class of the row's own",
    "Lambda": "a function of the row's own",
    "RandomCrop": "Keras's layer takes no symbolic labels and boxes",
    "Mosaic": "of Keras 3.16, see tests/keras_next",
    "TernaryDense": "of Keras 3.16, see tests/keras_next",
    "Equalization": "Keras finds a cycle in its own graph of byte images",
}
_DONE = {case.layer for _, case in models.layer_cases()} | NOT_IN_KERAS.keys()
CASES = [r for r in {r.layer: r for r in reversed(ROWS)}.values() if r.layer not in _DONE and "." not in r.layer]

_KERAS = """
import json, os, sys
import numpy as np, keras
folder, errors = sys.argv[1], {}
for name in sorted(f[:-7] for f in os.listdir(folder) if f.endswith(".in.npz")):
    try:
        with np.load(f"{folder}/{name}.in.npz") as file:
            arrays = [file[k] for k in file.files]
        model = keras.saving.load_model(f"{folder}/{name}.keras", safe_mode=False)
        out = model(arrays if len(arrays) > 1 else arrays[0], training=False)
        found = [np.asarray(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(out)]
        np.savez(f"{folder}/{name}.out.npz", *found)
        model.save(f"{folder}/{name}.back.keras")
    except Exception as error:
        errors[name] = f"{type(error).__name__}: {error}"[:500]
json.dump(errors, open(folder + "/errors.json", "w"))
"""


def outputs(model: Any, row: Any) -> list[np.ndarray]:
    """What the model gives for the row's arrays, without training."""
    arrays = arrays_of((row.args, row.kwargs))
    out = model(arrays if len(arrays) > 1 else arrays[0], training=False)
    return models.flat(kfront.tree.flatten(out))


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory: Any) -> Any:
    """The folder in which both sides have written, and what kfront computed."""
    folder, want = tmp_path_factory.mktemp("rows"), {}
    with kfront.backend_scope("numpy"):
        for row in CASES:
            args, kwargs = arguments = specs(row)
            model = kfront.Model(arrays_of_specs(arguments), ready(row)(*args, **kwargs))
            model.save(folder / f"{row.layer}.keras")
            np.savez(folder / f"{row.layer}.in.npz", *arrays_of((row.args, row.kwargs)))
            want[row.layer] = outputs(model, row)
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    subprocess.run([sys.executable, "-c", _KERAS, str(folder)], env=env, check=True, timeout=300)
    return folder, want, json.loads((folder / "errors.json").read_text())


@pytest.mark.sampled(6)
@pytest.mark.parametrize("row", CASES, ids=lambda r: r.layer)
def test_both_ways(backend: Any, exchanged: Any, row: Any) -> None:
    folder, want, errors = exchanged
    assert row.layer not in errors, errors[row.layer]
    with np.load(folder / f"{row.layer}.out.npz") as file:
        theirs = [file[k] for k in file.files]
    back = outputs(kfront.models.load_model(folder / f"{row.layer}.back.keras", safe_mode=False), row)
    assert len(back) == len(theirs) == len(want[row.layer])
    for a, b, c in zip(back, theirs, want[row.layer], strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-5)
        # a level halfway between two bytes becomes either of them
        np.testing.assert_allclose(b.astype("float64"), c, rtol=1e-3, atol=1 if c.dtype == "uint8" else 1e-3)


def test_training_that_keras_fills_in() -> None:
    """Keras writes `training=True` for layers that augment, their default, and leaves it to the model all the same."""
    with kfront.backend_scope("numpy"):
        x = kfront.Input((6, 6, 3))
        model = kfront.Model(x, kfront.layers.RandomFlip("horizontal", seed=1)(x))
        config = json.loads(model.to_json())
        config["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = {"training": True}
        again = kfront.models.model_from_json(json.dumps(config))
        images = np.random.default_rng(0).random((4, 6, 6, 3), dtype="float32")
        np.testing.assert_array_equal(again.predict(images, verbose=0), images)
        assert (np.asarray(again(images, training=True)) != images).any()
