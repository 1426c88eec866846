"""Image ops: places, dtypes, sizes, errors; values are those of the conformance suite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

image = ops.image
X = np.random.Generator(np.random.Philox(key=5)).uniform(0, 1, (2, 7, 9, 3)).astype("float32")
BYTES = (X * 255).astype("uint8")


def test_blur_is_two_dimensional_and_keeps_height_and_width_apart(backend: Any) -> None:
    x = np.zeros((1, 9, 9, 2), "float32")
    x[0, 4, 4] = [1, 2]
    out = backend.to_numpy(image.gaussian_blur(x, (5, 3), (1.0, 0.5)))
    assert (out[0, :, :, 0] > 0).sum() == 15
    np.testing.assert_allclose(out.sum((1, 2)), [[1, 2]], rtol=1e-6)
    np.testing.assert_allclose(out[0, 3, 4, 0] / out[0, 4, 4, 0], np.exp(-0.5), rtol=1e-5)
    np.testing.assert_allclose(out[0, 4, 3, 0] / out[0, 4, 4, 0], np.exp(-2.0), rtol=1e-5)
    given = backend.to_numpy(image.gaussian_blur(x, (5, 3), ops.convert_to_tensor([1.0, 0.5])))
    np.testing.assert_allclose(given, out, rtol=1e-6)


def test_slopes_at_the_border(backend: Any) -> None:
    x = np.arange(20, dtype="float32").reshape(1, 4, 5, 1) ** 2
    out = backend.to_numpy(image.sobel_edges(x))
    assert out[0, 0, 0, 0].tolist() == [86, 38] and out[0, 3, 4, 0].tolist() == [-561, -817]  # Keras on JAX and torch


def test_projective_terms_count_on_every_engine(backend: Any) -> None:
    x = np.arange(16, dtype="float32").reshape(4, 4, 1)
    out = image.affine_transform(x, np.array([1, 0, 0.25, 0, 1, -0.5, 0.1, 0.05], "float32"), fill_value=-1)
    want = [-0.375, 0.1653, 0.6771, 1.1538]  # Keras on TensorFlow; elsewhere it leaves these terms out
    np.testing.assert_allclose(backend.to_numpy(out)[0, :, 0], want, atol=1e-4)


def test_halves_are_rounded_away_from_zero(backend: Any) -> None:
    at = np.array([[-0.5, 0.5, 1.5, 2.5, 3.5]], "float32")
    out = image.map_coordinates(np.array([10.0, 11, 12, 13], "float32"), at, 0, fill_value=-1)
    assert backend.to_numpy(out).tolist() == [-1, 11, 12, 13, -1]


def test_far_and_infinite_places(backend: Any) -> None:
    at = np.array([[1e30, -1e30, np.inf, -np.inf]], "float32")
    x = np.array([1.0, 2.0, 3.0], "float32")
    assert backend.to_numpy(image.map_coordinates(x, at, 1, "constant", -5)).tolist() == [-5] * 4
    assert backend.to_numpy(image.map_coordinates(x, at, 1, "nearest")).tolist() == [3, 1, 3, 1]


def test_integers(backend: Any) -> None:
    assert ops.dtype(image.resize(BYTES, (3, 3), "bicubic")) == "uint8"
    white = np.zeros((1, 8, 8, 1), "uint8")
    white[0, :, 4:] = 255
    out = backend.to_numpy(image.resize(white, (16, 16), "bicubic"))
    assert out.min() == 0 and out.max() == 255  # kept in range, not wrapped around
    assert ops.dtype(image.affine_transform(BYTES, np.array([1, 0, 0.5, 0, 1, 0, 0, 0]))) == "uint8"
    with pytest.raises(DTypeError, match=r"^\[rgb_to_hsv\] expected floating"):
        image.rgb_to_hsv(BYTES)


def test_colors_go_back(backend: Any) -> None:
    np.testing.assert_allclose(backend.to_numpy(image.hsv_to_rgb(image.rgb_to_hsv(X))), X, atol=1e-6)


@pytest.mark.sampled(4, table="long")
def test_elastic(backend: Any) -> None:
    ramp = np.broadcast_to(np.arange(60, dtype="float32")[None, :, None], (60, 60, 1))
    out = backend.to_numpy(image.elastic_transform(ramp, 10.0, 3.0, seed=1))
    moved = (out - ramp)[15:-15, 15:-15]
    assert 1.5 < moved.std() < 4.2  # 0.28 times alpha
    assert np.abs(np.diff(moved, axis=0)).max() < 2.5  # smooth
    again = backend.to_numpy(image.elastic_transform(ramp, 10.0, 3.0, seed=1))
    np.testing.assert_array_equal(out, again)
    batch = backend.to_numpy(image.elastic_transform(np.stack([ramp, ramp]), seed=1))
    assert np.abs(batch[0] - batch[1]).max() > 1  # each by its own field
    still = backend.to_numpy(image.elastic_transform(X, 0.0, 2.0))
    np.testing.assert_array_equal(still, X)


def test_unknown_sizes() -> None:
    x = kfront.KerasTensor((None, None, None, 3))
    assert image.resize(x, (4, 5)).shape == (None, 4, 5, 3)
    assert image.resize(x, (4, 5), pad_to_aspect_ratio=True).shape == (None, 4, 5, 3)
    assert image.affine_transform(x, np.zeros(8, "float32")).shape == (None, None, None, 3)
    assert image.extract_patches(x, 2).shape == (None, None, None, 12)
    assert image.pad_images(x, 1, 1, target_height=9, target_width=8).shape == (None, 9, 8, 3)
    assert image.crop_images(x, 1, 1, 1, 1).shape == (None, None, None, 3)
    assert image.ssim(x, x).shape == (None,)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: image.resize(X[0, 0], (3, 3)), ShapeError),
        (lambda: image.resize(X, (3, 3, 3)), ArgumentTypeError),
        (lambda: image.resize(X, (3, 3), "area"), ArgumentError),
        (lambda: image.resize(X, (3, 3), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), ArgumentError),
        (lambda: image.affine_transform(X, np.zeros((3, 8))), ShapeError),
        (lambda: image.affine_transform(X, np.zeros(8), fill_mode="edge"), ArgumentError),
        (lambda: image.perspective_transform(X, np.zeros((4, 2)), np.zeros((3, 2))), ShapeError),
        (lambda: image.map_coordinates(X, np.zeros((2, 5)), 1), ShapeError),
        (lambda: image.map_coordinates(X, np.zeros((4, 5)), 3), ArgumentError),
        (lambda: image.rgb_to_grayscale(X[..., :2]), ShapeError),
        (lambda: image.extract_patches(X, 8), ShapeError),
        (lambda: image.extract_patches(X, 2, 0), ArgumentError),
        (lambda: image.crop_images(X, 1, 1), ArgumentError),
        (lambda: image.crop_images(X, 5, 1, 5, 1), ShapeError),
        (lambda: image.pad_images(X, 1, 1, target_height=3, target_width=20), ShapeError),
        (lambda: image.ssim(X, X), ShapeError),
        (lambda: image.scale_and_translate(X, (3, 3), [1.0], [0.0], (1,), "linear"), ShapeError),
    ],
)
def test_errors(call: Any, error: type, backend: Any) -> None:
    with pytest.raises(error, match=r"^\["):
        call()
