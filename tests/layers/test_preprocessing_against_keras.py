"""Layers for numbers, strings, text and audio give what Keras gives, and their files open on either side."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import preprocessing_cases
import pytest
from preprocessing_cases import CASES, build

import kfront

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("keras") is None or importlib.util.find_spec("tensorflow") is None,
        reason="Keras and TensorFlow are not installed",
    ),
]
# Keras does not write these weights to its files, and gives other values for the model that it has saved
# a vocabulary that ends in an empty string or has line breaks: in the config here, a damaged file of lines there
STRANGE_WORDS = [n for n, (layer, args, *_) in CASES.items() if layer == "StringLookup" and "vocabulary" not in args]
STRANGE_WORDS = [n for n in STRANGE_WORDS if n != "words-mask"] + ["text-characters"]
WITHOUT_WEIGHTS = [n for n, (_, args, *_) in CASES.items() if args.get("output_mode") == "tf_idf"]


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
    """The folder in which both sides have written."""
    folder = tmp_path_factory.mktemp("preprocessing")
    with kfront.backend_scope("numpy"):
        for name in CASES:
            build(kfront, name).save(folder / f"kfront-{name}.keras")
    env = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_HOME": str(folder)}
    subprocess.run([sys.executable, preprocessing_cases.__file__, str(folder)], check=True, env=env, timeout=300)
    return folder


def array(folder: Path, who: str, name: str) -> np.ndarray:
    error = folder / f"{who}-{name}.error"
    assert not error.exists(), error.read_text()
    with np.load(folder / f"{who}-{name}.npz") as file:
        return file["arr_0"]


def plain(config):
    """A config without what is left to each side: the name, how the dtype is written, a padded window."""
    return {k: v for k, v in config.items() if k not in ("dtype", "name")}


def same(got, want):
    assert got.shape == want.shape
    if want.dtype.kind == "f":  # the largest element counts: spectra cancel to zero in places
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5 * max(1.0, float(np.abs(want).max())))
    else:
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", CASES)
def test_values_and_configs(exchanged, name):
    for who in ("numpy", "torch") if "torch" in kfront.backends.installed() else ("numpy",):
        with kfront.backend_scope(who) as b:
            model = build(kfront, name)
            same(b.to_numpy(model.get_layer("layer")(CASES[name][3])), array(exchanged, "keras", name))
    ours, theirs = (
        json.loads(json.dumps(plain(c)))
        for c in (model.get_layer("layer").get_config(), json.loads((exchanged / f"keras-{name}.json").read_text()))
    )
    if name in STRANGE_WORDS:
        assert ours.pop("vocabulary") == model.get_layer("layer").get_vocabulary()
        assert theirs.pop("vocabulary") is None
        if "tf_idf" in name:
            assert ours.pop("idf_weights") and theirs.pop("idf_weights") is None
    if name.startswith("bins-"):
        assert ours.pop("bin_boundaries") == pytest.approx(theirs.pop("bin_boundaries"), abs=2e-6)
    assert ours == theirs


@pytest.mark.parametrize("name", [n for n in CASES if n not in WITHOUT_WEIGHTS])
def test_keras_reads_our_files(exchanged, name):
    same(array(exchanged, "read", name), array(exchanged, "keras", name))


@pytest.mark.parametrize("name", [n for n in CASES if n != "text-characters"])
def test_we_read_keras_files(exchanged, name):
    with kfront.backend_scope("numpy"):
        model = kfront.saving.load_model(exchanged / f"keras-{name}.keras")
        layer = model.get_layer("layer")
        if name in WITHOUT_WEIGHTS:
            with pytest.raises(kfront.errors.NotBuiltError, match="idf_weights"):
                layer(CASES[name][3])
            return
        same(np.asarray(layer(CASES[name][3])), array(exchanged, "keras", name))


@pytest.mark.parametrize("name", CASES)
def test_our_own_files(exchanged, name, backend):
    model = kfront.saving.load_model(exchanged / f"kfront-{name}.keras")
    same(backend.to_numpy(model.get_layer("layer")(CASES[name][3])), array(exchanged, "keras", name))


def test_assets_are_where_keras_has_them(exchanged):
    for name in ("words-mask", "ints-count-3", "text-plain"):
        ours, theirs = (zipfile.ZipFile(exchanged / f"{who}-{name}.keras") for who in ("kfront", "keras"))
        files = [n for n in theirs.namelist() if n.startswith("assets")]
        assert files and all(ours.read(n) == theirs.read(n) for n in files)
