"""A backend from elsewhere is found by its entry point, runs models, and the conformance suite runs on it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
BOXED = HERE / "boxed"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(BOXED), str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environ = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "boxed"}
    return subprocess.run([sys.executable, *command], env=environ, capture_output=True, text=True, timeout=600)


MODEL = """
import numpy as np, kfront
from kfront import layers
x = np.random.default_rng(0).normal(size=(4, 6, 6, 1)).astype("float32")
def model():
    kfront.utils.set_random_seed(1)
    return kfront.Sequential([
        kfront.Input((6, 6, 1)), layers.Conv2D(3, 3, activation="relu"), layers.BatchNormalization(),
        layers.MaxPooling2D(), layers.Reshape((4, 3)), layers.LSTM(5, return_sequences=True),
        layers.LayerNormalization(), layers.Flatten(),
        layers.Dropout(0.5), layers.Dense(2, activation="softmax")])
one = model()
assert type(one(x)).__name__ == "Box", type(one(x))
with kfront.backend_scope("numpy"):
    other = model()
np.testing.assert_allclose(one.predict(x, verbose=0), other.predict(x, verbose=0), rtol=1e-5)
np.testing.assert_allclose(kfront.convert(other, "boxed").predict(x, verbose=0), other.predict(x, verbose=0), rtol=1e-5)
one.compile("adam", "mse")
try:
    one.fit(x, np.zeros((4, 2)), verbose=0)
except kfront.errors.UnsupportedError as error:
    print("clear:", error)
"""


def test_a_model_runs_on_it():
    done = run("-c", MODEL)
    assert done.returncode == 0, done.stderr
    assert "clear: [boxed] expected a backend that differentiates" in done.stdout


def test_missing_primitives_are_named():
    code = "import kfront.ops, kfront_boxed as k; del k.BoxedBackend.modules[0].add; kfront.ops.ones(1)"
    done = run("-c", code)
    assert "BackendError: [boxed] expected an implementation of every primitive, 1 are missing: add" in done.stderr


@pytest.mark.sampled(4, table="long")
@pytest.mark.parametrize("areas", ["values,inputs,dtypes,specs,transforms", "errors"])
def test_the_conformance_suite_runs_on_it(areas):
    xfail = str(BOXED / "xfail.txt")
    done = run("-m", "conformance", "--backend", "boxed", "--quick", "--areas", areas, "--xfail", xfail)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " 0 failed" in done.stdout
