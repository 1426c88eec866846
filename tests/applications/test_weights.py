"""Weights from files: those of Keras, and those that are downloaded, from a folder here."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.applications import keras_side

import kfront
from kfront import applications, backends
from kfront.applications import _builder, convnext, imagenet_utils
from kfront.applications._files import find_file
from kfront.core.errors import DataError, SavingError, ShapeError

HERE = Path(__file__).parent
ALL = os.environ.get("KFRONT_LONG_TESTS", "") not in ("", "0")  # a model of each family: three minutes


# ---- what Keras wrote ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def from_keras(tmp_path_factory):
    pytest.importorskip("keras", reason="the weights are those of the installed Keras")
    folder = tmp_path_factory.mktemp("keras")
    names = keras_side.SMALL if ALL else keras_side.FEW
    subprocess.run(
        [sys.executable, str(HERE / "keras_side.py"), str(folder), *names],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        check=True,
        timeout=600,
    )
    return folder


@pytest.mark.parametrize("name", keras_side.SMALL if ALL else keras_side.FEW)
def test_weights_of_keras_give_the_same_outputs(from_keras, name):
    with backends.backend_scope("torch" if "torch" in backends.installed() else "numpy"):
        file = str(from_keras / f"{name}.weights.h5")
        model = getattr(applications, name)(weights=file, **keras_side.SMALL[name])
        out = model.predict(keras_side.images(model, name), verbose=0)
    expected = np.load(from_keras / f"{name}.npy")
    scale = np.abs(expected).max()
    assert np.ptp(expected, axis=0).max() > 1e-3 * scale > 0  # the two images are told apart
    # float32 sums in another order, through up to 200 layers
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-4 * scale)


# ---- downloads -------------------------------------------------------------------------------------------------------

ARGUMENTS = {"alpha": 0.25, "include_top": False, "input_shape": (128, 128, 3)}


def write_published(model, path):
    """Weights in the form of the published files: a group for each layer, in the order of layers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as f:
        layers = [layer for layer in model.layers if layer.weights]
        f.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = f.create_group(layer.name)
            names = [f"{layer.name}/{v.name}:0" for v in layer.weights]
            group.attrs["weight_names"] = [n.encode() for n in names]
            for n, v in zip(names, layer.weights, strict=True):
                group[n] = np.asarray(v)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder that stands for the server and has the weights of one model; gives that model and its file."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(_builder, "_BASE", (tmp_path / "server").as_uri() + "/")
    with backends.backend_scope("numpy"):
        model = applications.MobileNet(weights=None, **ARGUMENTS)
        for v in model.weights:
            v.assign(np.random.default_rng(len(v.shape)).uniform(0.5, 1, v.shape))
        path = tmp_path / "server" / find_file("MobileNet 0.25 128", False).address
        write_published(model, path)
        yield model, path


def test_imagenet_weights_are_downloaded_once(server, tmp_path):
    model, path = server
    loaded = applications.MobileNet(weights="imagenet", **ARGUMENTS)
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]
    for v, w in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(v, w)
    assert [f.name for f in (tmp_path / "home" / "models").iterdir()] == [path.name]
    path.unlink()
    again = applications.MobileNet(weights="imagenet", **ARGUMENTS)
    np.testing.assert_array_equal(again.weights[0], model.weights[0])


def test_published_files_of_nested_models_load(tmp_path):
    """The stem of a ConvNeXt is a Sequential, whose weights are one group of the file."""
    small = convnext._convnext("Mini", (1, 1, 1, 1), 4)
    with backends.backend_scope("numpy"):
        model = small(weights=None, input_shape=(32, 32, 3), classes=3)
        for v in model.weights:
            v.assign(np.random.default_rng(len(v.shape)).uniform(0.5, 1, v.shape))
        write_published(model, tmp_path / "mini.h5")
        loaded = small(weights=str(tmp_path / "mini.h5"), input_shape=(32, 32, 3), classes=3)
    assert len(loaded.weights) == len(model.weights) > 30
    for v, w in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(v, w)


def test_saved_models_load_where_nothing_is_imported(tmp_path):
    """The files name two layers that are no public names."""
    from kfront.applications.inception_resnet_v2 import CustomScaleLayer

    with backends.backend_scope("numpy"):
        convnext._convnext("Mini", (1, 1, 1, 1), 4)(weights=None, input_shape=(32, 32, 3)).save(tmp_path / "a.keras")
        x = kfront.Input((2,))
        kfront.Model(x, CustomScaleLayer(0.5, name="scale")([x, x])).save(tmp_path / "b.keras")
    code = (
        f"import kfront; a, b = (kfront.saving.load_model({str(tmp_path)!r} + n) for n in ('/a.keras', '/b.keras'));"
        "import numpy as np; assert a.predict(np.ones((1, 32, 32, 3)), verbose=0).shape == (1, 1000);"
        "print(b.predict(np.ones((1, 2)), verbose=0).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "KERAS_BACKEND": "numpy"}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[[1.5, 1.5]]", done.stderr


def test_weights_with_another_hash_are_refused(server, tmp_path, monkeypatch):
    _, path = server
    right = hashlib.md5(path.read_bytes()).hexdigest()
    file = find_file("MobileNet 0.25 128", False)
    monkeypatch.setattr(_builder, "find_file", lambda who, top: file._replace(hash="0" * 32))
    with pytest.raises(DataError, match="expected a file with the md5 hash 0000"):
        applications.MobileNet(weights="imagenet", **ARGUMENTS)
    assert list((tmp_path / "home" / "models").iterdir()) == []
    monkeypatch.setattr(_builder, "find_file", lambda who, top: file._replace(hash=right))
    applications.MobileNet(weights="imagenet", **ARGUMENTS)


def test_weights_of_another_model_are_refused(server):
    _, path = server
    with pytest.raises(SavingError, match="conv1|expected"):
        applications.MobileNet(weights=str(path), **{**ARGUMENTS, "alpha": 0.5})


def test_offline_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KFRONT_OFFLINE", "1")
    with backends.backend_scope("numpy"), pytest.raises(DataError) as e:
        applications.MobileNet(**ARGUMENTS)
    text = str(e.value)
    assert text.startswith("[MobileNet] expected") and "weights=None" in text and "KFRONT_OFFLINE" in text
    assert find_file("MobileNet 0.25 128", False).name in text


def test_every_model_has_files():
    for public in applications.__all__:
        if callable(getattr(applications, public)) and public not in ("MobileNet", "MobileNetV2"):
            for top in (True, False):
                file = find_file(f"{public} 1.0" if public.startswith("MobileNetV3") else public, top)
                assert re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", file.hash) and file.name.endswith(".h5")


def test_a_path_object_names_weights_too(server):
    model, path = server
    loaded = applications.MobileNet(weights=path, **ARGUMENTS)
    np.testing.assert_array_equal(loaded.weights[0], model.weights[0])


# ---- names of classes ------------------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A file of names at the address of the real one."""
    path = tmp_path / "imagenet_class_index.json"
    path.write_text(json.dumps({str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(imagenet_utils, "_INDEX_URL", path.as_uri())
    monkeypatch.setattr(imagenet_utils, "_INDEX_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    imagenet_utils._labels.cache_clear()
    yield path
    imagenet_utils._labels.cache_clear()


def test_decode_predictions(index, backend):
    scores = np.random.default_rng(0).uniform(0, 1, (3, 1000)).astype("float32")
    for given in (scores, kfront.ops.convert_to_tensor(scores)):
        found = applications.resnet50.decode_predictions(given, top=4)
        assert [len(row) for row in found] == [4, 4, 4]
        for row, values in zip(found, scores, strict=True):
            best = np.sort(values)[::-1][:4]
            assert [s for _, _, s in row] == list(best)
            assert [n for n, _, _ in row] == [f"n{int(np.flatnonzero(values == b)[0]):08}" for b in best]
            assert row[0][1] == f"thing_{int(row[0][0][1:])}"
    assert len(applications.vgg16.decode_predictions(scores)[0]) == 5


def test_decode_predictions_refuses_other_shapes(index):
    for shape in ((1000,), (2, 10), (1, 1, 1000)):
        with pytest.raises(ShapeError, match="decode_predictions.*1000"):
            imagenet_utils.decode_predictions(np.zeros(shape))


def test_a_damaged_index_is_refused(index, monkeypatch):
    index.write_text(json.dumps({"0": ["n0", "thing"]}))
    monkeypatch.setattr(imagenet_utils, "_INDEX_MD5", hashlib.md5(index.read_bytes()).hexdigest())
    with pytest.raises(DataError, match="delete the file"):
        imagenet_utils.decode_predictions(np.zeros((1, 1000)))
