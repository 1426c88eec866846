"""Files of tf_keras that are no legacy ones, or hold layers for GPUs: made when the tests run, if it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.security import attacks as a

import kfront
from kfront.core.errors import SavingError

installed = pytest.mark.skipif(importlib.util.find_spec("tf_keras") is None, reason="tf_keras is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tf_keras")
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).parent / "tf_keras_side.py"), str(folder)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def _compare(model, path):
    with np.load(path) as file:
        x, want = (file[n] for n in file.files)
    np.testing.assert_allclose(np.asarray(model.predict(x, verbose=0)), want, rtol=1e-5, atol=1e-5)


@pytest.mark.sampled(4, table="long")
@installed
@pytest.mark.parametrize("name", ["sequential", "functional"])
@pytest.mark.filterwarnings("ignore:.*optimizer state")
def test_archives(backend, folder, name):
    _compare(kfront.saving.load_model(folder / f"{name}.keras"), folder / f"{name}.npz")


@installed
@pytest.mark.parametrize("name", ["LSTM", "GRU", "both"])
def test_layers_for_gpus(backend, folder, name):
    model = kfront.saving.load_model(folder / f"{name}.h5")
    assert not any("CuDNN" in type(layer).__name__ for layer in model.layers)
    _compare(model, folder / f"{name}.npz")


def _cudnn_file(path):
    """A CuDNNLSTM whose weights are 0, 1, 2 … in the order in which they stand in the file."""
    layer = {"class_name": "CuDNNLSTM", "config": {"name": "r", "units": 3, "unit_forget_bias": True}}
    layer["config"]["batch_input_shape"] = [None, 4, 5]
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.2.4"
        file.attrs["model_config"] = json.dumps(
            {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}
        )
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = ["r"]
        names = ["r/kernel:0", "r/recurrent_kernel:0", "r/bias:0"]
        group.create_group("r").attrs["weight_names"] = names
        start = 0
        for name, shape in zip(names, [(5, 12), (3, 12), (24,)], strict=True):
            size = int(np.prod(shape))
            group["r"][name] = np.arange(start, start + size, dtype="float32").reshape(shape)
            start += size
    return path


def test_the_layout_of_cudnn(tmp_path):
    """The numbers are those that tf_keras 2.21 gives an LSTM that loads such a file."""
    kernel, recurrent, bias = kfront.saving.load_model(_cudnn_file(tmp_path / "m.h5")).get_weights()
    np.testing.assert_array_equal(
        kernel[:2], [[0, 14, 37, 3, 17, 40, 6, 20, 43, 9, 23, 46], [1, 24, 38, 4, 27, 41, 7, 30, 44, 10, 33, 47]]
    )
    np.testing.assert_array_equal(recurrent[0], [60, 72, 84, 63, 75, 87, 66, 78, 90, 69, 81, 93])
    np.testing.assert_array_equal(bias[:2], [204, 206])


def test_archives_of_keras_2_pass_the_gate(backend, tmp_path):
    metadata = json.dumps({"keras_version": "2.15.0"})
    evil = a.marshalled(tmp_path / "marker")
    for layer in (a.lambda_layer(evil), a.named("os", "system", {}), a.named("tf_keras.utils", "get_file", {})):
        with pytest.raises(SavingError):
            kfront.saving.load_model(a.keras_file(tmp_path / "m.keras", a.sequential(layer), metadata=metadata))
    assert not (tmp_path / "marker").exists()
