"""Files that tf.keras wrote: each layer that both have, TensorFlow functions in graphs, optimizers and their state."""

from __future__ import annotations

import functools
import io
import json
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.saving import models

import kfront
from kfront.core.errors import SavingError, UnsafeFileError

ARCHIVE = Path(__file__).parent / "keras2_files.tar.xz"


@functools.cache
def _files():
    with tarfile.open(ARCHIVE) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}


def _names(kind):
    return sorted(n.removesuffix(".h5") for n in _files() if n.startswith(kind) and n.endswith(".h5"))


def _numbers(name):
    with np.load(io.BytesIO(_files()[f"{name}.npz"])) as file:
        arrays = {n: file[n] for n in file.files}
    inputs = [arrays[n] for n in sorted(arrays) if n.startswith("in")]
    return inputs, [arrays[n] for n in sorted(arrays) if n.startswith("out")], arrays["losses"]


def _open(name, path, **kwargs):
    path.write_bytes(_files()[f"{name}.h5"])
    return kfront.saving.load_model(path, **kwargs)


def _check(name, tmp_path, rtol=1e-4):
    inputs, outputs, _ = _numbers(name)
    model = _open(name, tmp_path / "m.h5")
    got = models.flat(kfront.tree.flatten(model(inputs if len(inputs) > 1 else inputs[0], training=False)))
    assert len(got) == len(outputs)
    for x, y in zip(got, outputs, strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)
    return model


@pytest.mark.parametrize("name", [*_names("layer/"), *_names("function/")])
def test_layers_and_functions(name, tmp_path):
    with kfront.backend_scope("numpy"):
        _check(name, tmp_path)


@pytest.mark.parametrize("name", _names("scenario/"))
def test_scenarios(backend, name, tmp_path):
    model = _check(name, tmp_path)
    model.save(tmp_path / "again.keras")
    again = kfront.saving.load_model(tmp_path / "again.keras")
    for x, y in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", _names("optimizer/"))
def test_training_goes_on(name, tmp_path):
    with kfront.backend_scope("torch"):
        model = _check(name, tmp_path)
        got = [models.continue_training(model) for _ in range(2)]
    np.testing.assert_allclose(got, _numbers(name)[2], rtol=1e-4)


def test_training_goes_on_everywhere(trainable_backend, tmp_path):
    model = _check("optimizer/adam", tmp_path)
    got = [models.continue_training(model) for _ in range(2)]
    np.testing.assert_allclose(got, _numbers("optimizer/adam")[2], rtol=1e-4)


def test_without_compiling(tmp_path):
    assert not _open("optimizer/adam", tmp_path / "m.h5", compile=False).compiled


def _changed(name, path, change):
    """A file whose model config is changed."""
    path.write_bytes(_files()[f"{name}.h5"])
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        file.attrs["model_config"] = json.dumps(config)
    return path


def test_what_has_no_counterpart(tmp_path):
    def time_major(layers):
        next(x for x in layers if x["class_name"] == "LSTM")["config"]["time_major"] = True

    with pytest.raises(SavingError, match="time_major"):
        kfront.saving.load_model(_changed("scenario/states", tmp_path / "a.h5", time_major))

    def other_function(layers):
        layers[-1]["config"]["function"] = "io.read_file"

    with pytest.raises(UnsafeFileError, match=r"io\.read_file"):
        kfront.saving.load_model(_changed("function/softmax", tmp_path / "b.h5", other_function))


def test_old_forms_of_configs(tmp_path):
    """Keras before 2.3: layers in a plain list, a first layer with its own input shape, `Model`, initializers bare."""
    initializer = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "seed": None}}
    initializer["config"]["distribution"] = "uniform"
    dense = {"name": "d", "units": 2, "batch_input_shape": [None, 3], "dtype": "float32", "activation": "relu"}
    config = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": dense}]}
    dense["kernel_initializer"] = initializer
    kernel = np.arange(6, dtype="float32").reshape(3, 2)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"] = b"2.2.4"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"d"]
        inner = group.create_group("d")
        inner.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        inner["d/kernel:0"], inner["d/bias:0"] = kernel, np.ones(2, "float32")
    with kfront.backend_scope("numpy"):
        model = kfront.saving.load_model(tmp_path / "m.h5")
        x = np.ones((1, 3), "float32")
        np.testing.assert_allclose(models.flat(model(x))[0], x @ kernel + 1)
