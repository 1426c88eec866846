"""Texts in HDF5 files that claim more than there is, stand elsewhere, or are used again and again: every door."""

from __future__ import annotations

import json
import struct

import h5py
import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.security import attacks as a
from tests.security.test_files import _model
from tests.security.test_forms import folder_of, legacy_file, load, sharded

import kfront
from kfront.core.errors import SavingError, UnsafeFileError

CONFIG = a.sequential(a.dense())
TRAINING = {"loss": "mse", "optimizer_config": {"class_name": "SGD", "config": {"learning_rate": 0.1}}}


@pytest.fixture(autouse=True, scope="module")
def engines():
    """Every engine is loaded before memory is measured."""
    for name in ENGINES:
        with kfront.backend_scope(name):
            _model()


def _write(path, data):
    path.write_bytes(data)
    return path


# name of a door -> (texts in the file that are read there, writes a file, opens it)
DOORS = {
    "archive": (["bfloat16"], lambda t, h5: a.keras_file(t / "m.keras", CONFIG, h5), load),
    "folder": (["bfloat16"], lambda t, h5: folder_of(t / "m", CONFIG, h5), load),
    "weights": (["bfloat16"], lambda t, h5: _write(t / "m.weights.h5", h5), lambda p: _model().load_weights(p)),
    "shards": (
        ["bfloat16"],
        lambda t, h5: sharded(t, ["s_00000.weights.h5"], h5),
        lambda p: _model().load_weights(p),
    ),
    "editor": (
        ["bfloat16", "named"],
        lambda t, h5: _write(t / "m.weights.h5", h5),
        lambda p: kfront.saving.KerasFileEditor(p),
    ),
    "legacy": (
        ["2.15.0", json.dumps(CONFIG), json.dumps(TRAINING), "dense", "dense/kernel:0"],
        lambda t, h5: _write(t / "m.h5", h5),
        load,
    ),
    "legacy weights": (
        ["dense", "dense/kernel:0"],
        lambda t, h5: _write(t / "m.h5", h5),
        lambda p: _model().load_weights(p),
    ),
}


def harmless(door, tmp_path):
    """The bytes of a file that loads, before they are put where the door looks."""
    if door.startswith("legacy"):
        return legacy_file(tmp_path / "harmless.h5", CONFIG, training=TRAINING).read_bytes()
    return a.weights(a.opaque)


def pointers(data, text):
    """What points to a text of that length: length and address of the collection."""
    at, out = data.find(b"GCOL"), []
    while at >= 0:
        pointer = struct.pack("<IQ", len(text), at)
        out += [pointer] if pointer in data else []
        at = data.find(b"GCOL", at + 1)
    assert out
    return out


def longer(data, text):
    """The text claims 4 GB, which HDF5 takes before it looks."""
    for pointer in pointers(data, text):
        data = data.replace(pointer, b"\xff\xff\xff\xff" + pointer[4:])
    return data


def shorter(data, text):
    """The text is longer than the place that its pointer asks for."""
    for pointer in pointers(data, text):
        data = data.replace(pointer, b"\x01\0\0\0" + pointer[4:])
    return data


def beyond(data, text):
    """The collection stands beyond the end of the file."""
    for pointer in pointers(data, text):
        data = data.replace(pointer, pointer[:4] + (1 << 50).to_bytes(8, "little"))
    return data


def no_heap(data, text):
    """The collection is none."""
    for pointer in pointers(data, text):
        data = data.replace(pointer, pointer[:4] + (8).to_bytes(8, "little"))
    return data


def endless(data, text):
    """The collection claims to be larger than any file."""
    at = data.find(b"GCOL")
    while at >= 0:
        data = data[: at + 8] + b"\xff" * 8 + data[at + 16 :]
        at = data.find(b"GCOL", at + 1)
    return data


ATTACKS = {
    longer: "claims 4,294,967,295",
    shorter: "claims 1",
    beyond: "beyond its end",
    no_heap: "damaged heap",
    endless: "beyond its end",
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("door", DOORS)
def test_texts_that_lie(backend, door, tmp_path):
    texts, write, enter = DOORS[door]
    data = harmless(door, tmp_path)
    enter(write(tmp_path, data))
    cases = [(attack, words, text) for attack, words in ATTACKS.items() for text in texts]
    with a.little_memory(128 << 20):
        for i, (attack, words, text) in enumerate(cases):
            (folder := tmp_path / str(i)).mkdir()
            path = write(folder, attack(data, text))
            with pytest.raises(SavingError, match=words):
                enter(path)


def test_the_model_is_left_alone(backend, tmp_path):
    model = _model()
    before = model.get_weights()
    path = _write(tmp_path / "m.weights.h5", longer(a.weights(a.opaque), "bfloat16"))
    for skip in (False, True):
        with pytest.raises(UnsafeFileError, match="claims"):
            model.load_weights(path, skip_mismatch=skip)
    for x, y in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(x, y)


def test_one_long_text_used_again_and_again(tmp_path):
    """A list of names whose every entry points to the same megabyte."""
    path = legacy_file(tmp_path / "m.h5", CONFIG)
    with h5py.File(path, "r+") as file:
        names = ["y" * (1 << 20)] + ["x"] * 3000
        file["model_weights"].attrs["layer_names"] = np.array(names, dtype=h5py.string_dtype())
    data = bytearray(path.read_bytes())
    (pointer,) = pointers(data, names[0])
    first = data.find(pointer)
    data[first : first + 16 * 3001] = data[first : first + 16] * 3001
    path.write_bytes(bytes(data))
    with a.little_memory(64 << 20), pytest.raises(UnsafeFileError, match="again and again"):
        load(path)


def test_headers_that_go_round(tmp_path):
    """The header of a group goes on where it began."""
    path = legacy_file(tmp_path / "m.h5", CONFIG)
    with h5py.File(path) as file:
        start = h5py.h5o.get_info(file["model_weights/dense"].id).addr
    data = bytearray(path.read_bytes())
    at = data.find(struct.pack("<HH", 0x10, 16), start)
    assert start < at < start + 1000
    length = struct.unpack_from("<I", data, start + 8)[0]
    data[at + 8 : at + 24] = struct.pack("<QQ", start + 16, length)
    path.write_bytes(bytes(data))
    with a.little_memory(64 << 20), pytest.raises(SavingError):
        load(path)


@pytest.mark.parametrize("options", [{}, {"libver": "latest"}, {"libver": "latest", "track_order": True}])
@pytest.mark.parametrize("kind", [np.bytes_, str])
def test_every_form_of_texts_is_read(tmp_path, options, kind):
    """Both versions of object headers, texts in place and in the heap."""
    kernel, bias = np.full((4, 2), 0.5, "float32"), np.ones(2, "float32")
    with h5py.File(tmp_path / "m.h5", "w", **options) as file:
        file.attrs["keras_version"], file.attrs["model_config"] = kind("2.15.0"), kind(json.dumps(CONFIG))
        group = file.create_group("model_weights")
        group.attrs["layer_names0"], group.attrs["layer_names1"] = [kind("x")], [kind("dense")]
        group.create_group("x").attrs["weight_names"] = np.empty(0)
        inner = group.create_group("dense")
        inner.attrs["weight_names"] = [kind("dense/kernel:0"), kind("b")]
        inner["dense/kernel:0"], inner["b"] = kernel, bias
    for got, want in zip(load(tmp_path / "m.h5").get_weights(), (kernel, bias), strict=True):
        np.testing.assert_array_equal(got, want)


def test_more_attributes_than_a_header_holds(tmp_path):
    """HDF5's latest form keeps them elsewhere, which no file of Keras needs; the error says what to do."""

    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["model_config"] = json.dumps(CONFIG)
        for i in range(20):
            file.attrs[f"a{i}"] = "x"
    with pytest.raises(SavingError, match="libver='earliest'"):
        load(path)
