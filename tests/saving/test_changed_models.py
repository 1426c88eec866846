"""Quantized, adapted and preprocessing models go both ways between kfront and the installed Keras, on every engine."""

from __future__ import annotations

import importlib.util
import itertools
import json
import traceback

import numpy as np
import pytest
from tests.conftest import ENGINES, TRAINABLE, wanted
from tests.saving import changed_models as models
from tests.saving.keras_process import run_keras
from tests.saving.models import FORMS, load_form

import kfront

KERAS_ENGINE = "tensorflow" if "tensorflow" in ENGINES else None  # strings need it
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("keras") is None or KERAS_ENGINE is None, reason="Keras or TensorFlow is not installed"
    ),
]
ENGINE_OF = dict(zip(models.CASES, itertools.cycle(TRAINABLE), strict=False))  # which engine's file Keras opens


@pytest.fixture(scope="module")
def folder(tmp_path_factory, request):
    """What both wrote, and what Keras made of kfront's files: one process of Keras for all."""
    root = tmp_path_factory.mktemp("changed")
    (root / "from_keras").mkdir()
    (root / "to_keras").mkdir()
    names = wanted(request.session, __file__, "name")
    (root / "names.json").write_text(json.dumps(sorted(names)))
    for name, engine in ENGINE_OF.items():
        if name not in names:
            continue
        with kfront.backend_scope(engine):
            try:
                models.save(kfront, root / "to_keras", name, FORMS)
            except Exception:
                (root / "to_keras" / f"{name}.error").write_text(traceback.format_exc())
    run_keras("changed", root, KERAS_ENGINE)
    return root


def _numbers(path):
    for ending in ("error", "keras.error"):  # kfront's, Keras's
        error = path.parent / f"{path.name.split('.')[0]}.{ending}"
        assert not error.exists(), error.read_text()[-2000:]
    return np.load(path)


def _close(got, want, name=""):
    assert np.ptp(want) > 1e-3
    rtol, atol = (1e-2, 1e-3) if name == "policies" else (1e-4, 1e-5)  # activations have 8 bits
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


@pytest.mark.sampled(8, by="name")
@pytest.mark.parametrize("name", models.CASES)
def test_from_keras(backend, folder, name):
    want = _numbers(folder / "from_keras" / f"{name}.npy")
    model = kfront.saving.load_model(folder / "from_keras" / f"{name}.keras")
    _close(models.predict(model, name), want, name)


@pytest.mark.sampled(8, by="name")
@pytest.mark.parametrize("name", models.WEIGHTS)
def test_weights_from_keras(trainable_backend, folder, name):
    want = _numbers(folder / "from_keras" / f"{name}.npy")
    model = models.build(kfront, name, models.SEEDS[1])
    assert not np.allclose(models.predict(model, name), want, atol=1e-3)
    model.load_weights(folder / "from_keras" / f"{name}.weights.h5")
    _close(models.predict(model, name), want, name)


@pytest.mark.sampled(8, by="name")
@pytest.mark.parametrize("name, engine", ENGINE_OF.items())
def test_other_forms_from_keras(folder, engine, name):
    want = _numbers(folder / "from_keras" / f"{name}.npy")
    with kfront.backend_scope(engine):
        for form in models.forms_of(name):
            model = load_form(kfront, form, models.fresh(name), f"{folder}/from_keras/{name}")
            _close(models.predict(model, name), want, name)


@pytest.mark.sampled(8, by="name")
@pytest.mark.parametrize("name, engine", ENGINE_OF.items())
def test_to_keras(folder, engine, name):
    want = _numbers(folder / "to_keras" / f"{name}.npy")
    _close(_numbers(folder / "to_keras" / f"{name}.keras.npy"), want, name)
    if name in models.WEIGHTS:
        _close(_numbers(folder / "to_keras" / f"{name}.weights.npy"), want, name)
    for form in models.forms_of(name):
        _close(_numbers(folder / "to_keras" / f"{name}.{form}.npy"), want, name)
