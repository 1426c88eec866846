"""A model of each single layer goes both ways between kfront and Keras."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from tests.conftest import ENGINES, wanted
from tests.saving import models
from tests.saving.keras_process import run_keras

import kfront

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]
CASES = [(i, module, case) for i, (module, case) in enumerate(models.layer_cases())]
IDS = [f"{i}-{case.id}" for i, _, case in CASES]


def _arrays(path):
    with np.load(path) as file:
        return [file[n] for n in file.files]


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory, request):
    """The folder in which both sides have written; kfront's files are those of each engine in turn."""
    folder = tmp_path_factory.mktemp("layers")
    chosen = wanted(request.session, __file__, "i")
    (folder / "cases.json").write_text(json.dumps(sorted(chosen)))
    for i, module, case in CASES:
        if i not in chosen:
            continue
        with kfront.backend_scope(ENGINES[i % len(ENGINES)]):
            try:
                model = models.layer_model(kfront, module, case)
                for form in models.LAYER_FORMS:
                    model.save(folder / f"kfront{i}.{form}")
                np.savez(folder / f"kfront{i}.npz", *models.layer_outputs(kfront, model, module, case))
            except Exception as error:
                (folder / f"kfront{i}.error").write_text(f"{type(error).__name__}: {error}")
    run_keras("layers", folder, "numpy")
    return folder


def _compare(got, want):
    assert len(got) == len(want)
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4)


def _errors(exchanged, own):
    errors = json.loads((exchanged / "errors.json").read_text())
    if own in errors:
        pytest.skip(f"Keras itself cannot: {errors[own][:200]}")
    return errors


@pytest.mark.parametrize("form", models.LAYER_FORMS)
@pytest.mark.sampled(6, by="i")
@pytest.mark.parametrize("i,module,case", CASES, ids=IDS)
def test_keras_reads_the_layer(exchanged, i, module, case, form):
    errors = _errors(exchanged, f"own{i}.{form}")
    error = exchanged / f"kfront{i}.error"
    assert not error.exists(), error.read_text()
    assert f"kfront{i}.{form}" not in errors, errors[f"kfront{i}.{form}"]
    _compare(_arrays(exchanged / f"kfront{i}.{form}.read.npz"), _arrays(exchanged / f"kfront{i}.npz"))


@pytest.mark.sampled(6, by="i")
@pytest.mark.parametrize("i,module,case", CASES, ids=IDS)
def test_the_layer_of_keras_is_read(backend, exchanged, i, module, case):
    _errors(exchanged, f"own{i}.keras")
    model = kfront.saving.load_model(exchanged / f"own{i}.keras")
    _compare(models.layer_outputs(kfront, model, module, case), _arrays(exchanged / f"own{i}.keras.npz"))


@pytest.mark.sampled(6, by="i")
@pytest.mark.parametrize("i,module,case", CASES, ids=IDS)
def test_the_layer_of_keras_is_read_from_legacy_files(exchanged, i, module, case):
    _errors(exchanged, f"own{i}.h5")
    with kfront.backend_scope("numpy"):
        model = kfront.saving.load_model(exchanged / f"own{i}.h5")
        got = models.layer_outputs(kfront, model, module, case)
    _compare(got, _arrays(exchanged / f"own{i}.h5.npz"))
