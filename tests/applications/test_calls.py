"""Calls give the shapes that Keras gives, ask for the same files, and refuse the same arguments."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.applications import variants

import kfront
from kfront import applications
from kfront.applications import _builder
from kfront.applications._files import find_file
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.naming import clear_names
from kfront.models.functional import Functional

HERE = Path(__file__).parent
KERAS = json.loads((HERE / "keras_calls.json").read_text(encoding="utf-8"))


@pytest.fixture
def downloads(monkeypatch, no_values):
    """What would be downloaded; nothing is loaded."""
    asked = []

    def get_file(fname, origin, cache_subdir, file_hash):
        asked.append([fname, origin, file_hash, cache_subdir])
        return "file.h5"

    monkeypatch.setattr(_builder, "get_file", get_file)
    monkeypatch.setattr(Functional, "load_weights", lambda self, path: None)
    return asked


def build(name, arguments):
    with warnings.catch_warnings():
        clear_names()
        warnings.simplefilter("ignore", UserWarning)  # the weights for another size are taken
        return getattr(applications, name)(**variants.with_tensor(kfront, arguments))


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("name", "arguments"), variants.CALLS)
def test_as_keras_answers(downloads, name, arguments):
    assert (
        json.loads(json.dumps(variants.outcome(name, arguments, build, downloads)))
        == KERAS[variants.key(name, arguments)]
    )


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("name", "arguments"), variants.FILES)
def test_files_are_those_of_keras(name, arguments):
    [[fname, origin, md5, folder]] = KERAS[variants.key(name, arguments)][-1]
    ending = " 1.0 224" if name in ("MobileNet", "MobileNetV2") else " 1.0" if name.startswith("MobileNetV3") else ""
    file = find_file(name + ending, arguments["include_top"])
    assert [file.name, _builder._BASE + file.address, file.hash, "models"] == [fname, origin, md5, folder]


def test_a_tensor_that_is_not_symbolic_is_refused(no_values):
    with pytest.raises(ArgumentError, match="ResNet50.*input_tensor.*ndarray"):
        applications.ResNet50(weights=None, input_tensor=np.zeros((1, 32, 32, 3)))


def test_shapes_that_cannot_work_are_refused_at_once(no_values):
    """Keras builds these, and they fail on data."""
    for name in ("ConvNeXtTiny", "EfficientNetV2B0"):  # they normalize three channels
        with pytest.raises(ValueError, match="3"):
            build(name, {"weights": None, "input_shape": (64, 64, 1)})
        model = build(name, {"weights": None, "input_shape": (64, 64, 1), "include_preprocessing": False})
        assert model.input_shape == (None, 64, 64, 1)
    with pytest.raises(ShapeError, match="VGG16.*input_tensor.*leave it out"):
        build("VGG16", {"weights": None, "input_tensor": "input", "input_shape": (96, 96, 3)})


def test_weights_for_another_size_are_announced(downloads):
    with pytest.warns(UserWarning, match="MobileNet.*weights for 224"):
        applications.MobileNet(include_top=False, input_shape=(96, 96, 3))


def test_messages_say_what_to_do(downloads):
    """One of each kind; that a call is refused is compared above."""
    wrong = [
        (ArgumentError, "VGG16.*'nowhere.h5'", {"weights": "nowhere.h5"}),
        (ArgumentError, "VGG16.*classes=1000.*include_top=False", {"classes": 3}),
        (ArgumentError, "VGG16.*'softmax' or None.*'relu'", {"classifier_activation": "relu"}),
        (ArgumentError, "VGG16.*pooling.*'median'", {"include_top": False, "pooling": "median"}),
        (ShapeError, "VGG16.*3 sizes.*\\(64, 64\\)", {"input_shape": (64, 64)}),
        (ShapeError, "VGG16.*32 × 32.*channels_last", {"include_top": False, "input_shape": (16, 64, 3)}),
        (ShapeError, "VGG16.*3 channels", {"include_top": False, "input_shape": (64, 64, 1)}),
        (ShapeError, "VGG16.*fully known", {"weights": None, "input_shape": (None, 64, 3)}),
    ]
    for error, message, arguments in wrong:
        with pytest.raises(error, match=message):
            applications.VGG16(**arguments)
    assert downloads == []
