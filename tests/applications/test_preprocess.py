"""`preprocess_input` of every module: the values of Keras, for arrays and tensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.applications import variants

import kfront
from kfront import applications
from kfront.applications import imagenet_utils
from kfront.core.errors import ArgumentError, ShapeError

HERE = Path(__file__).parent
KERAS = json.loads((HERE / "keras_models.json").read_text(encoding="utf-8"))["preprocessed"]
FORMULAS = {  # of images in 0…255 with channels last, in float64
    "caffe": lambda x: x[..., ::-1] - np.array([103.939, 116.779, 123.68]),
    "tf": lambda x: x / 127.5 - 1,
    "torch": lambda x: (x / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
}


def test_arrays_are_those_of_keras():
    found = variants.preprocessed(applications)
    assert set(found) == set(KERAS)
    for name, (dtype, values) in found.items():
        assert dtype == KERAS[name][0], name
        np.testing.assert_array_equal(np.float32(values), np.float32(KERAS[name][1]), err_msg=name)


@pytest.mark.parametrize("mode", variants.MODES)
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_tensors(backend, mode, layout, dtype):
    for batch in (True, False):
        x = variants.image(layout, batch, dtype)
        out = imagenet_utils.preprocess_input(kfront.ops.convert_to_tensor(x), data_format=layout, mode=mode)
        assert backend.is_tensor(out) and backend.dtype_name(out.dtype) == "float32"
        last = FORMULAS[mode](variants.image("channels_last", batch, dtype).astype("float64"))
        expected = last if layout == "channels_last" else np.moveaxis(last, -1, -3)
        # values up to 150, float32
        np.testing.assert_allclose(kfront.ops.convert_to_numpy(out), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("mode", variants.MODES)
def test_symbolic_tensors(backend, mode):
    image = kfront.Input((None, None, 3), dtype="uint8")
    model = kfront.Model(image, imagenet_utils.preprocess_input(image, mode=mode))
    x = variants.image("channels_last", True, "uint8")
    assert model.output_shape == (None, None, None, 3) and model.outputs[0].dtype == "float32"
    expected = FORMULAS[mode](x.astype("float64"))
    np.testing.assert_allclose(kfront.ops.convert_to_numpy(model(x)), expected, rtol=1e-6, atol=1e-5)


def test_layout_is_the_configured_one():
    kfront.config.set_image_data_format("channels_first")
    x = variants.image("channels_first", True, "uint8")
    expected = FORMULAS["tf"](x.astype("float64"))
    np.testing.assert_allclose(applications.xception.preprocess_input(x), expected, rtol=1e-6, atol=1e-6)


def test_float_arrays_are_written_over_and_others_kept():
    x = np.full((1, 2, 2, 3), 255.0, "float32")
    assert applications.mobilenet.preprocess_input(x) is x and x.max() == 1
    y = np.full((1, 2, 2, 3), 255, "uint8")
    applications.mobilenet.preprocess_input(y)
    assert y.min() == 255


def test_models_that_scale_images_leave_them_alone():
    x = np.full((1, 2, 2, 3), 255, "uint8")
    for module in ("efficientnet", "efficientnet_v2", "convnext", "mobilenet_v3"):
        assert getattr(applications, module).preprocess_input(x) is x


def test_what_is_wrong_is_said():
    x = np.zeros((1, 2, 2, 3))
    with pytest.raises(ArgumentError, match="preprocess_input.*mode.*'keras'"):
        imagenet_utils.preprocess_input(x, mode="keras")
    with pytest.raises(ArgumentError, match="data_format.*'last'"):
        applications.resnet.preprocess_input(x, data_format="last")
    for shape in ((2, 3), (2, 2, 2, 2, 3), (1, 2, 2, 4)):
        with pytest.raises(ShapeError, match="3 channels"):
            imagenet_utils.preprocess_input(np.zeros(shape))
