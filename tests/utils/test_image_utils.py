from __future__ import annotations

import numpy as np
import pytest

from kfront import config
from kfront.core.errors import ArgumentError, ShapeError
from kfront.utils import array_to_img, img_to_array, load_img, save_img

pytest.importorskip("PIL", reason="images need Pillow")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_there_and_back(channels, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (6, 8, channels)).astype("float32")
    path = tmp_path / "x.png"
    save_img(path, x, scale=False)
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    assert np.array_equal(img_to_array(load_img(path, color_mode=mode)), x)
    first = img_to_array(load_img(path, color_mode=mode), data_format="channels_first", dtype="uint8")
    assert first.shape == (channels, 6, 8) and first.dtype == "uint8"
    assert np.array_equal(np.asarray(array_to_img(first, "channels_first", scale=False)).reshape(x.shape), x)


def test_scale():
    img = np.asarray(array_to_img(np.array([[[0.0], [0.5], [1.0]]])))
    assert img.tolist() == [[0, 127, 255]]


def test_resize(tmp_path):
    path = tmp_path / "x.png"
    save_img(path, np.zeros((10, 20, 3)))
    assert load_img(path, target_size=(5, 6)).size == (6, 5)
    assert load_img(path, target_size=(5, 5), keep_aspect_ratio=True, interpolation="lanczos").size == (5, 5)


def test_the_middle_is_kept(tmp_path):
    x = np.zeros((10, 30, 3))
    x[:, 10:20] = 255
    save_img(tmp_path / "x.png", x)
    middle = img_to_array(load_img(tmp_path / "x.png", target_size=(10, 10), keep_aspect_ratio=True))
    assert np.all(middle == 255)


def test_alpha_is_dropped_for_jpeg(tmp_path):
    save_img(tmp_path / "x.jpg", np.zeros((4, 4, 4)))
    assert load_img(tmp_path / "x.jpg").mode == "RGB"


def test_layout_setting():
    config.set_image_data_format("channels_first")
    assert img_to_array(array_to_img(np.zeros((3, 4, 5)))).shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda p: array_to_img(np.zeros((2, 2))), ShapeError),
        (lambda p: array_to_img(np.zeros((2, 2, 2))), ShapeError),
        (lambda p: array_to_img(np.zeros((2, 2, 3)), "last"), ArgumentError),
        (lambda p: img_to_array(np.zeros((2,))), ShapeError),
        (lambda p: load_img(p / "x.png", color_mode="cmyk"), ArgumentError),
        (lambda p: load_img(p / "x.png", interpolation="cubic"), ArgumentError),
    ],
)
def test_errors(call, error, tmp_path):
    with pytest.raises(error):
        call(tmp_path)
