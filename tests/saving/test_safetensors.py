"""Weights as safetensors."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from tests.saving import models

import kfront
from kfront.core.errors import SavingError, UnsafeFileError


def _model(units=2):
    return kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(3), kfront.layers.Dense(units)], name="m")


@pytest.mark.parametrize("name", models.MODELS)
def test_round_trip(backend, name, tmp_path):
    model, other = (models.MODELS[name][0](kfront) for _ in range(2))
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    for x, y in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_safetensors_package_reads_it(dtype, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(3, dtype=dtype)])
    model.save_weights(tmp_path / "w.safetensors")
    if dtype == "bfloat16":
        pytest.skip("the package has no bfloat16 in NumPy")
    found = numpy.load_file(tmp_path / "w.safetensors")
    assert sorted(found) == ["layers/dense/bias", "layers/dense/kernel"]
    np.testing.assert_array_equal(found["layers/dense/kernel"], model.get_weights()[0])
    numpy.save_file({k: v + 1 for k, v in found.items()}, tmp_path / "x.safetensors")
    model.load_weights(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(model.get_weights()[0], found["layers/dense/kernel"] + 1)


def test_what_does_not_fit(tmp_path):
    model, other = _model(), _model(5)
    model.save_weights(tmp_path / "w.safetensors")
    before = other.get_weights()
    with pytest.raises(SavingError, match=r"layers/dense_1/kernel.*expected \(3, 5\), got \(3, 2\)"):
        other.load_weights(tmp_path / "w.safetensors")
    for x, y in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(x, y)
    with pytest.warns(UserWarning, match="dense_1"):
        other.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def _write(path, header, data=b"\0" * 100):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [4, 3], "data_offsets": [80, 128]},
        {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 48]},
        {"dtype": "F32", "shape": [4, -3], "data_offsets": [0, 48]},
        {"dtype": "F32", "shape": [4, True], "data_offsets": [0, 48]},
        {"dtype": "PICKLE", "shape": [4, 3], "data_offsets": [0, 48]},
        {"dtype": "F32", "shape": "43", "data_offsets": [0, 48]},
        {"dtype": "F32", "shape": [4, 3], "data_offsets": [-48, 0]},
        {"dtype": "F32", "shape": [4, 3]},
        [],
        None,
    ],
)
def test_headers_that_lie(entry, tmp_path):
    with pytest.raises(SavingError):
        _model().load_weights(_write(tmp_path / "x.safetensors", {"layers/dense/kernel": entry}))


def test_damaged_files(tmp_path):
    for content in (b"", b"\0" * 8, b"\xff" * 8, struct.pack("<Q", 2**63), struct.pack("<Q", 5) + b"{}", b"PK\3\4" * 9):
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(SavingError):
            _model().load_weights(tmp_path / "x.safetensors")
    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    two = {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}
    with pytest.raises(UnsafeFileError, match="one after another"):
        _model().load_weights(_write(tmp_path / "x.safetensors", {"a": one, "b": two}))
    with pytest.raises(UnsafeFileError):
        _model().load_weights(_write(tmp_path / "x.safetensors", b"[" * 100_000))
