"""The same attacks through every other door: legacy `.h5`, folders, sharded weights, the file editor, the hub."""

from __future__ import annotations

import json
import os
import pickle
import socket
import time

import h5py
import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.security import attacks as a
from tests.security.test_code import GADGETS, _gadget
from tests.security.test_files import _external, _links, _model, _rss, _virtual

import kfront
from kfront.core.errors import KfrontError, SavingError, UnsafeFileError


@pytest.fixture(autouse=True, scope="module")
def engines():
    """Every engine is loaded before memory is measured."""
    for name in ENGINES:
        with kfront.backend_scope(name):
            _model()


@pytest.fixture(autouse=True)
def nothing_happens(tmp_path, monkeypatch):
    """No marker file, no socket, little time and memory."""

    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    start, before = time.monotonic(), _rss()
    yield
    assert not (tmp_path / "marker").exists(), "the payload ran"
    assert time.monotonic() - start < 60 and _rss() - before < 400 << 20


def legacy_file(path, config, write=None, training=None):
    """A whole-model `.h5` file with this config."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = ["dense"]
        inner = group.create_group("dense")
        inner.attrs["weight_names"] = ["dense/kernel:0", "dense/bias:0"]
        inner["dense/kernel:0"], inner["dense/bias:0"] = np.full((4, 2), 0.5, "float32"), np.zeros(2, "float32")
        if write is not None:
            write(file)
    return path


def old(form):
    """A config without modules, as Keras 2 has it."""
    if isinstance(form, dict):
        return {k: old(v) for k, v in form.items() if k not in ("module", "registered_name")}
    return [old(v) for v in form] if isinstance(form, list) else form


def folder_of(path, config, h5=None):
    """A model as a folder."""
    path.mkdir()
    (path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    (path / "metadata.json").write_text(a.METADATA)
    (path / "model.weights.h5").write_bytes(a.weights() if h5 is None else h5)
    return path


def sharded(tmp_path, parts, h5=None):
    """A list that names these parts; the first one, if it is a plain name, is written."""
    listed = {"metadata": {"total_size": 40}, "weight_map": {"/layers/dense/vars": parts}}
    (tmp_path / "s.weights.json").write_text(json.dumps(listed))
    (tmp_path / "s_00000.weights.h5").write_bytes(a.weights() if h5 is None else h5)
    return tmp_path / "s.weights.json"


def load(path, **kwargs):
    return kfront.saving.load_model(path, **kwargs)


def test_the_harmless_files_load(backend, tmp_path):
    load(legacy_file(tmp_path / "a.h5", a.sequential(a.dense())))
    load(legacy_file(tmp_path / "b.h5", old(a.sequential(a.dense()))))
    load(folder_of(tmp_path / "f", a.sequential(a.dense())))
    kfront.saving.load_weights(_model(), sharded(tmp_path, ["s_00000.weights.h5"]))


# ---- code ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("safe_mode", [True, None, False])
def test_marshalled_lambda(backend, safe_mode, tmp_path):
    """CVE-2025-9905: the legacy form heeds `safe_mode`, and code in it is never run."""
    code = a.marshalled(tmp_path / "marker")
    new = a.lambda_layer(code)
    config = {"name": "l", "function": [code, None, None], "function_type": "lambda", "arguments": {}}
    layers = [new, old(new), {"class_name": "Lambda", "config": config}]
    for i, layer in enumerate(layers):
        form = a.sequential(layer, a.dense())
        with pytest.raises(SavingError):
            load(legacy_file(tmp_path / f"{i}.h5", form), safe_mode=safe_mode)
        with pytest.raises(SavingError):
            load(folder_of(tmp_path / f"{i}", form), safe_mode=safe_mode)
    with pytest.raises(UnsafeFileError, match="never run"):
        load(legacy_file(tmp_path / "x.h5", a.sequential(new)), safe_mode=safe_mode)


@pytest.mark.parametrize("entry", GADGETS, ids=lambda e: f"{e[0]}-{e[1]}"[:60])
def test_gadgets_in_other_forms(entry, tmp_path):
    gadget = _gadget(entry, tmp_path / "marker")
    places = [
        a.sequential(gadget),
        a.sequential(a.dense(kernel_initializer=gadget)),
        a.sequential(a.dense(activation=gadget)),
        a.functional((gadget, "d", [[[["x", 0, 0, {}]]]][0])),
    ]
    for i, config in enumerate(places):
        for form in (config, old(config)) if isinstance(entry[1], str) and entry[1] != "Dense" else (config,):
            if form is not config and entry[:2] == ("builtins", "function"):
                continue
            with pytest.raises(SavingError):
                load(legacy_file(tmp_path / "m.h5", form))
        with pytest.raises(SavingError):
            load(folder_of(tmp_path / f"f{i}", config))
    for key in ("optimizer_config", "loss", "metrics"):
        training = {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "mse", key: gadget}
        with pytest.raises(SavingError):
            load(legacy_file(tmp_path / "m.h5", a.sequential(a.dense()), training=training))


@pytest.mark.parametrize(
    "function", ["io.read_file", "io.write_file", "py_function", "numpy_function", "raw_ops.WriteFile", "os.system", 3]
)
def test_functions_in_graphs(backend, function, tmp_path):
    layer = {"class_name": "TFOpLambda", "config": {"name": "d", "function": function}}
    config = a.functional((layer, "d", [["x", 0, 0, {"filename": str(tmp_path / "marker")}]]))
    with pytest.raises(SavingError):
        load(legacy_file(tmp_path / "m.h5", config))


def test_pickled_modules(backend, tmp_path):
    """CVE-2025-49655: a torch module in a config is a pickle."""

    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "marker"), "w")

    import base64

    config = {"name": "t", "module": base64.b64encode(pickle.dumps(Payload())).decode(), "dtype": "float32"}
    wrapper = a.named("keras.layers", "TorchModuleWrapper", config)
    for safe_mode in (True, False, None):
        with pytest.raises(SavingError):
            load(a.keras_file(tmp_path / "m.keras", a.sequential(wrapper)), safe_mode=safe_mode)
        with pytest.raises(SavingError):
            load(legacy_file(tmp_path / "m.h5", a.sequential(wrapper)), safe_mode=safe_mode)
    with pytest.raises(KfrontError):
        kfront.layers.TorchModuleWrapper.from_config(config)


@pytest.mark.parametrize(
    "path", ["{tmp}/canary", "/etc/passwd", "http://127.0.0.1:9/x", "file:///etc/passwd", "gs://b/x"]
)
@pytest.mark.parametrize(
    "layer,argument",
    [
        ("StringLookup", "vocabulary"),
        ("IntegerLookup", "vocabulary"),
        ("TextVectorization", "vocabulary"),
        ("TFSMLayer", "filepath"),
    ],
)
def test_paths_in_configs(backend, layer, argument, path, tmp_path):
    """CVE-2025-12058, CVE-2026-1462: no file or address that data names is opened."""
    (tmp_path / "canary").write_text("secret\n")
    config = {"name": "l", argument: path.replace("{tmp}", str(tmp_path))}
    form = a.named("keras.layers", layer, config)
    for attempt in (
        lambda: load(a.keras_file(tmp_path / "m.keras", a.sequential(form))),
        lambda: load(legacy_file(tmp_path / "m.h5", a.sequential(form))),
        lambda: kfront.saving.deserialize_keras_object(form),
        lambda: kfront.layers.deserialize(form),
    ):
        with pytest.raises(KfrontError) as caught:
            attempt()
        assert "secret" not in str(caught.value)


# ---- data elsewhere --------------------------------------------------------------------------------------------------


def _legacy_attacks(tmp_path):
    place = "model_weights/dense/dense/kernel:0"

    def external(file):
        del file[place]
        file["model_weights/dense/dense"].create_dataset("kernel:0", (4, 2), "f4", external=[(str(canary), 0, 32)])

    def virtual(file):
        with h5py.File(tmp_path / "other.h5", "w") as other:
            other["d"] = np.ones((4, 2), "float32")
        layout = h5py.VirtualLayout((4, 2), "float32")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "d", (4, 2))
        del file[place]
        file["model_weights/dense/dense"].create_virtual_dataset("kernel:0", layout)

    canary = tmp_path / "canary"
    canary.write_bytes(b"x" * 64)
    yield external
    yield virtual
    target = legacy_file(tmp_path / "target.h5", "{}")
    for where in ("model_weights", "model_weights/dense", "model_weights/dense/dense", place):
        for link in (h5py.ExternalLink(str(target), where), h5py.SoftLink("/elsewhere")):

            def linked(file, where=where, link=link):
                del file[where]
                file[where] = link

            yield linked


def test_data_elsewhere_in_legacy_files(backend, tmp_path):
    for write in _legacy_attacks(tmp_path):
        path = legacy_file(tmp_path / "m.h5", a.sequential(a.dense()), write)
        model = _model()
        before = model.get_weights()
        with pytest.raises(SavingError):
            load(path)
        for by_name in (False, True):
            with pytest.raises(SavingError):
                model.load_weights(path, by_name=by_name)
        for x, y in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(x, y)


def test_data_elsewhere_in_parts_folders_and_the_editor(tmp_path):
    (tmp_path / "canary").write_bytes(b"x" * 64)
    bad = [_external(tmp_path / "canary"), _virtual(tmp_path)]
    for place, link in _links(tmp_path):

        def linked(file, place=place, link=link):
            del file[place]
            file[place] = link

        bad.append(linked)
    for i, write in enumerate(bad):
        h5 = a.weights(write)
        (tmp_path / "e.weights.h5").write_bytes(h5)
        for attempt in (
            lambda h5=h5: _model().load_weights(sharded(tmp_path, ["s_00000.weights.h5"], h5)),
            lambda i=i, h5=h5: load(folder_of(tmp_path / f"f{i}", a.sequential(a.dense()), h5)),
            lambda: kfront.saving.KerasFileEditor(tmp_path / "e.weights.h5"),
            lambda h5=h5: kfront.saving.KerasFileEditor(
                a.keras_file(tmp_path / "e.keras", a.sequential(a.dense()), h5)
            ),
        ):
            with pytest.raises(SavingError):
                attempt()


@pytest.mark.parametrize(
    "part",
    [
        "../s_00000.weights.h5",
        "/etc/passwd",
        "sub/s_00000.weights.h5",
        "http://127.0.0.1:9/s.weights.h5",
        "C:\\s.weights.h5",
        "..",
        ".weights.h5",
        "s_00000.weights.h5\0",
        "missing.weights.h5",
        7,
        None,
        {"a": 1},
    ],
)
def test_names_of_parts(backend, part, tmp_path):
    with pytest.raises(SavingError):
        _model().load_weights(sharded(tmp_path, [part]))


def test_linked_parts_and_members(tmp_path):
    path = sharded(tmp_path, ["s_00000.weights.h5"])
    os.rename(tmp_path / "s_00000.weights.h5", tmp_path / "real")
    os.symlink(tmp_path / "real", tmp_path / "s_00000.weights.h5")
    with pytest.raises(UnsafeFileError, match="link"):
        _model().load_weights(path)
    for name in ("config.json", "model.weights.h5"):
        folder = folder_of(tmp_path / f"of_{name}", a.sequential(a.dense()))
        os.rename(folder / name, tmp_path / name)
        os.symlink(tmp_path / name, folder / name)
        with pytest.raises(UnsafeFileError, match="link"):
            load(folder)
    folder = folder_of(tmp_path / "assets", a.sequential(a.dense()))
    os.symlink("/etc", folder / "assets")
    with pytest.raises(UnsafeFileError):
        load(folder)
    folder = folder_of(tmp_path / "more", a.sequential(a.dense()))
    (folder / "evil.py").write_text("x")
    with pytest.raises(UnsafeFileError, match=r"evil\.py"):
        load(folder)


# ---- sizes -----------------------------------------------------------------------------------------------------------


def test_bombs_in_legacy_files(backend, tmp_path):
    def shape(file):
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        group.create_dataset("kernel:0", (2**25, 2**25), "f4", chunks=(1024, 1024), compression="gzip")

    def names(file):
        del file["model_weights"].attrs["layer_names"]
        file["model_weights"].attrs["layer_names"] = np.array(["x"] * 3000, dtype=h5py.string_dtype())

    path = legacy_file(tmp_path / "m.h5", a.sequential(a.dense()), shape)
    with pytest.raises(SavingError):
        load(path)
    with pytest.raises(SavingError):
        _model().load_weights(path)
    with pytest.raises(SavingError):
        load(legacy_file(tmp_path / "n.h5", a.sequential(a.dense()), names))
    with pytest.raises(UnsafeFileError):
        load(legacy_file(tmp_path / "o.h5", a.sequential(a.dense(units=10**9))))


def test_bombs_in_the_editor(tmp_path):
    def write(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_dataset("0", (2**25, 2**25), "f4", chunks=(1024, 1024), compression="gzip")

    (tmp_path / "m.weights.h5").write_bytes(a.weights(write))
    with pytest.raises(UnsafeFileError):
        kfront.saving.KerasFileEditor(tmp_path / "m.weights.h5")

    def loop(file):
        file["layers/again"] = file["layers"]

    (tmp_path / "m.weights.h5").write_bytes(a.weights(loop))
    with pytest.raises(UnsafeFileError):
        kfront.saving.KerasFileEditor(tmp_path / "m.weights.h5")


def test_every_truncation(tmp_path):
    whole = legacy_file(tmp_path / "m.h5", a.sequential(a.dense())).read_bytes()
    model = _model()
    for end in range(0, len(whole) - 1, 97):
        (tmp_path / "t.h5").write_bytes(whole[:end])
        for attempt in (lambda: load(tmp_path / "t.h5"), lambda: model.load_weights(tmp_path / "t.h5")):
            with pytest.raises(SavingError):
                attempt()


@pytest.mark.parametrize(
    "config", ["", "[]", "{}", '{"class_name": "Sequential"}', "null", "[" * 10**5, '{"class_name": 3, "config": {}}']
)
def test_configs_that_are_none(config, tmp_path):
    with pytest.raises(SavingError):
        load(legacy_file(tmp_path / "m.h5", config))
    with pytest.raises(SavingError):
        load(folder_of(tmp_path / "f", config))


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "../../../tmp/x", "/etc/x", "a/../b", "gs://x/y", ".."])
def test_layer_names_are_not_paths(name, tmp_path):
    """CVE-2026-12479."""
    (tmp_path / "in").mkdir()
    names = [f"{name}/kernel:0", f"{name}/bias:0"]

    def write(file):
        file["model_weights"].attrs["layer_names"] = [name]
        file["model_weights/dense"].attrs["weight_names"] = names

    with pytest.raises(SavingError):
        load(legacy_file(tmp_path / "in" / "m.h5", a.sequential(a.dense(name)), write))
    try:
        model = load(folder_of(tmp_path / "in" / "f", a.sequential(a.dense(name))))
        model.save(tmp_path / "in" / "g", zipped=False)
        model.save(tmp_path / "in" / "g.h5")
    except KfrontError:
        pass
    assert {p.name for p in tmp_path.iterdir()} == {"in"}


@pytest.mark.parametrize(
    "path", ["hf://", "hf://a", "hf://a/b", "hf://../b/c", "hf://a/b/../c", "hf://a/b//etc/x", "hf://a/b/c d"]
)
def test_hub_paths_are_plain(path):
    with pytest.raises(SavingError):
        _model().load_weights(path)
