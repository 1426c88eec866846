"""Quantized, adapted and preprocessing models go both ways between kfront and the installed Keras, on every engine."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ENGINES, TRAINABLE
from tests.saving import exchange_models as models

import kfront

HERE = Path(__file__).parent
KERAS_ENGINE = next((n for n in ("tensorflow", "jax", "torch") if n in ENGINES), None)
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None or KERAS_ENGINE is None, reason="Keras is not installed"
)
ENGINE_OF = dict(zip(models.CASES, itertools.cycle(TRAINABLE), strict=False))  # which engine's file Keras opens


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What both wrote, and what Keras made of kfront's files: one process of Keras for all."""
    root = tmp_path_factory.mktemp("exchange")
    (root / "keras").mkdir()
    (root / "kfront").mkdir()
    for name, engine in ENGINE_OF.items():
        with kfront.backend_scope(engine):
            try:
                _save(root / "kfront", name)
            except Exception:
                (root / "kfront" / f"{name}.error").write_text(traceback.format_exc())
    env = {**os.environ, "KERAS_BACKEND": KERAS_ENGINE, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    env.pop("PYTHONPATH", None)
    command = [sys.executable, str(HERE / "exchange_side.py"), str(root)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return root


def _save(folder, name):
    model = models.build(kfront, name, models.SEEDS[0])
    model.save(folder / f"{name}.keras")
    if name in models.WEIGHTS:
        model.save_weights(folder / f"{name}.weights.h5")
    np.save(folder / f"{name}.npy", models.predict(model, name))


def _numbers(path):
    error = path.parent / f"{path.name.split('.')[0]}.error"
    assert not error.exists(), error.read_text()[-2000:]
    return np.load(path)


def _close(got, want):
    assert np.ptp(want) > 1e-3
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", models.CASES)
def test_from_keras(backend, folder, name):
    want = _numbers(folder / "keras" / f"{name}.npy")
    model = kfront.saving.load_model(folder / "keras" / f"{name}.keras")
    _close(models.predict(model, name), want)


@pytest.mark.parametrize("name", models.WEIGHTS)
def test_weights_from_keras(trainable_backend, folder, name):
    want = _numbers(folder / "keras" / f"{name}.npy")
    model = models.build(kfront, name, models.SEEDS[1])
    assert not np.allclose(models.predict(model, name), want, atol=1e-3)
    model.load_weights(folder / "keras" / f"{name}.weights.h5")
    _close(models.predict(model, name), want)


@pytest.mark.parametrize("name, engine", ENGINE_OF.items())
def test_to_keras(folder, engine, name):
    want = _numbers(folder / "kfront" / f"{name}.npy")
    _close(_numbers(folder / "kfront" / f"{name}.keras.npy"), want)
    if name in models.WEIGHTS:
        _close(_numbers(folder / "kfront" / f"{name}.weights.npy"), want)
