"""Image layers that resize and move: Keras's values for the numbers drawn, and what must hold for any numbers."""

from __future__ import annotations

import importlib.util
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_cases import BATCH, BOXES, CASES, DEFAULTS, HEIGHT, IMAGES, LABELS, MASKS, WIDTH, Case

import kfront
from kfront import layers as L
from kfront import ops
from kfront.core import naming, tree
from kfront.core.errors import ArgumentError, ShapeError, UnsupportedError
from kfront.utils.smart_resize import smart_resize

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def keras_values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if importlib.util.find_spec("keras") is None or importlib.util.find_spec("jax") is None:
        pytest.skip("needs the installed Keras on JAX as reference")
    path = tmp_path_factory.mktemp("geometry") / "keras.pickle"
    command = [sys.executable, str(HERE / "geometry_reference.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return pickle.loads(path.read_bytes())


def made(case: Case, **more: Any) -> Any:
    """The layer of a case, which draws the numbers of the case."""
    layer = getattr(L, case.layer)(**case.args, bounding_box_format="xyxy", **more)
    if case.numbers is not None:
        layer.__dict__["_draw"] = lambda *args, **kwargs: ops.convert_to_tensor(case.numbers)
    return layer


@pytest.mark.sampled(6)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_values(case: Case, backend: Any, keras_values: dict[str, Any]) -> None:
    want = keras_values[case.id]
    data = {
        "images": IMAGES,
        "segmentation_masks": MASKS,
        "bounding_boxes": {"boxes": BOXES, "labels": LABELS},
        "labels": np.arange(BATCH),
    }
    got = tree.map_structure(backend.to_numpy, made(case)(data, training=True))
    np.testing.assert_allclose(got["images"], want["images"], rtol=0, atol=2e-3)  # of 255: places between pixels
    if case.masks:
        np.testing.assert_array_equal(got["segmentation_masks"], want["masks"])
    assert got["segmentation_masks"].dtype == MASKS.dtype
    np.testing.assert_array_equal(got["labels"], data["labels"])
    if case.boxes:
        np.testing.assert_allclose(got["bounding_boxes"]["boxes"], want["boxes"], rtol=0, atol=1e-4)
        np.testing.assert_array_equal(got["bounding_boxes"]["labels"], want["labels"])
    first = made(case, data_format="channels_first")(np.moveaxis(IMAGES, -1, 1), training=True)
    np.testing.assert_allclose(np.moveaxis(backend.to_numpy(first), 1, -1), got["images"], rtol=0, atol=2e-3)


@pytest.mark.parametrize("case", [c for c in CASES if c.keras is not None], ids=lambda c: c.id)
def test_methods_with_given_transformations(case: Case, backend: Any, keras_values: dict[str, Any]) -> None:
    """What Keras's documentation tells to override or call: each method by itself, with Keras's transformation."""
    want, layer, given = keras_values[case.id], made(case), case.keras()
    drawn = layer.get_random_transformation(IMAGES)
    assert {k: tuple(np.shape(v)) for k, v in drawn.items()}.items() >= {
        k: tuple(np.shape(v)) for k, v in given.items() if not k.startswith(("image_", "batch_", "flips"))
    }.items()
    images = backend.to_numpy(layer.transform_images(IMAGES, given, training=True))
    np.testing.assert_allclose(images, want["images"], rtol=0, atol=2e-3)  # of 255: places between pixels
    masks = backend.to_numpy(layer.transform_segmentation_masks(MASKS, given))
    np.testing.assert_array_equal(masks, want["masks"])
    if case.boxes:
        boxes = layer.transform_bounding_boxes({"boxes": BOXES, "labels": LABELS}, given)
        np.testing.assert_allclose(backend.to_numpy(boxes["boxes"]), want["boxes"], rtol=0, atol=1e-4)
        np.testing.assert_array_equal(backend.to_numpy(boxes["labels"]), want["labels"])


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", ["RandomFlip", "RandomZoom", "RandomPerspective", "RandomElasticTransform"])
def test_methods_inside_tf_data(name: str, backend: Any) -> None:
    """They compute on TensorFlow there, with what was drawn on the layer's own engine."""
    tf = pytest.importorskip("tensorflow")
    layer = SCENES[name](bounding_box_format="xyxy")
    given = layer.get_random_transformation(IMAGES)
    boxes = {"boxes": BOXES, "labels": LABELS}
    mapped = tf.data.Dataset.from_tensors({"images": IMAGES, "boxes": boxes}).map(
        lambda x: (layer.transform_images(x["images"], given), layer.transform_bounding_boxes(x["boxes"], given))
    )
    images, moved = next(mapped.as_numpy_iterator())
    want = tree.map_structure(backend.to_numpy, layer.transform_bounding_boxes(boxes, given))
    np.testing.assert_allclose(images, backend.to_numpy(layer.transform_images(IMAGES, given)), rtol=0, atol=2e-3)
    np.testing.assert_allclose(moved["boxes"], want["boxes"], rtol=0, atol=1e-4)
    drawn = tf.data.Dataset.from_tensors(IMAGES).map(layer.get_random_transformation)
    assert {"flips", "height_zoom", "start_points", "distortion_factor"} & set(next(drawn.as_numpy_iterator()))


@pytest.mark.parametrize("name", DEFAULTS)
def test_config_and_signature(name: str, keras_values: dict[str, Any]) -> None:
    want = keras_values[name]
    naming.clear_names()
    cls = getattr(L, name)
    layer = cls(**DEFAULTS[name])
    got = json.loads(json.dumps(kfront.saving.serialize_keras_object(layer)))
    reference = json.loads(json.dumps(want["config"]))
    for config in (got, reference):
        config.pop("build_config", None)
    assert got == reference
    assert str(list(inspect.signature(cls.__init__).parameters)) == str(_names(want["signature"]))
    again = kfront.saving.deserialize_keras_object(reference)
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


def _names(signature: str) -> list[str]:
    space: dict[str, Any] = {}
    exec(f"def f{signature}: pass", {}, space)
    return list(inspect.signature(space["f"]).parameters)


# ---- a picture whose pixels tell where they come from, to which boxes and masks must keep ----------------------------


def _scene() -> dict[str, Any]:
    """A bright rectangle on black, its mask, and its box."""
    images, masks = np.zeros((4, 40, 50, 1), "float32"), np.zeros((4, 40, 50, 1), "int32")
    images[:, 12:25, 15:33] = 255.0
    masks[:, 12:25, 15:33] = 1
    boxes = np.tile(np.array([[[15, 12, 33, 25]]], "float32"), (4, 1, 1))
    labels = np.ones((4, 1), "int32")
    return {"images": images, "segmentation_masks": masks, "bounding_boxes": {"boxes": boxes, "labels": labels}}


SCENES = {
    "Resizing": lambda **k: L.Resizing(30, 70, **k),
    "Resizing crop": lambda **k: L.Resizing(30, 20, crop_to_aspect_ratio=True, **k),
    "Resizing pad": lambda **k: L.Resizing(30, 70, pad_to_aspect_ratio=True, **k),
    "CenterCrop": lambda **k: L.CenterCrop(30, 40, **k),
    "CenterCrop small": lambda **k: L.CenterCrop(50, 50, **k),
    "RandomCrop": lambda **k: L.RandomCrop(36, 42, seed=1, **k),
    "RandomCrop small": lambda **k: L.RandomCrop(50, 40, seed=1, **k),
    "RandomFlip": lambda **k: L.RandomFlip(seed=1, **k),
    "RandomRotation": lambda **k: L.RandomRotation(0.1, "constant", seed=1, **k),
    "RandomTranslation": lambda **k: L.RandomTranslation(0.2, 0.2, "constant", seed=1, **k),
    "RandomZoom": lambda **k: L.RandomZoom((-0.2, 0.3), (-0.2, 0.3), "constant", seed=1, **k),
    "RandomShear": lambda **k: L.RandomShear(0.2, 0.2, fill_mode="constant", seed=1, **k),
    "RandomPerspective": lambda **k: L.RandomPerspective((1.0, 1.0), 0.3, seed=1, **k),
    "RandomElasticTransform": lambda **k: L.RandomElasticTransform((1.0, 1.0), 0.4, fill_mode="constant", seed=1, **k),
}


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", SCENES)
def test_boxes_and_masks_keep_to_the_pixels(name: str, backend: Any) -> None:
    out = SCENES[name](bounding_box_format="xyxy")(_scene(), training=True)
    out = tree.map_structure(backend.to_numpy, out)
    for image, mask, (box,) in zip(
        out["images"], out["segmentation_masks"], out["bounding_boxes"]["boxes"], strict=True
    ):
        inside = image[..., 0] > 127
        assert (inside != (mask[..., 0] == 1)).mean() < 0.03
        rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
        seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert np.abs(box - seen).max() < 2.5, f"box {box}, pixels {seen}"


@pytest.mark.parametrize("name", SCENES)
def test_nothing_happens_when_not_training(name: str) -> None:
    layer = SCENES[name](bounding_box_format="xyxy")
    data = _scene()
    out = tree.map_structure(ops.convert_to_numpy, layer(data, training=False))
    if out["images"].shape == data["images"].shape:
        tree.map_structure(np.testing.assert_array_equal, out, data)
    else:
        again = tree.map_structure(ops.convert_to_numpy, layer(data, training=False))
        tree.map_structure(np.testing.assert_array_equal, out, again)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", [n for n in SCENES if n.startswith("Random") and " " not in n])
def test_seeds(name: str, backend: Any) -> None:
    x = np.random.default_rng(0).uniform(0, 255, (4, 40, 50, 3)).astype("float32")
    one, other = SCENES[name](), SCENES[name]()
    first = [backend.to_numpy(one(x, training=True)) for _ in range(3)]
    again = [backend.to_numpy(other(x, training=True)) for _ in range(3)]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.abs(a - first[0]).max() > 1 for a in first[1:])


def test_shape_rank_and_missing_channels() -> None:
    layer = L.RandomFlip("horizontal", seed=1)
    masks = MASKS[..., 0]
    out = layer({"images": IMAGES, "segmentation_masks": masks}, training=True)
    assert tuple(out["segmentation_masks"].shape) == masks.shape
    single = layer(IMAGES[0], training=True)
    assert tuple(single.shape) == (HEIGHT, WIDTH, 3)
    unknown = layer(kfront.KerasTensor((None, None, None, 3)), training=True)
    assert tuple(unknown.shape) == (None, None, None, 3)
    assert L.Resizing(3, 4).compute_output_shape((None, None, None, 3)) == (None, 3, 4, 3)
    assert L.CenterCrop(3, 4).compute_output_shape((None, None, None, 3)) == (None, 3, 4, 3)
    assert L.RandomCrop(3, 4).compute_output_shape((7, None, 3)) == (3, 4, 3)


def test_public_helpers() -> None:
    transform = np.array([[1, 0.3, 2, 0.1, 1, 3, 0, 0]], "float32")
    x, y = L.RandomShear(0.1).get_transformed_x_y(np.array([[1.0, 2.0]]), np.array([[5.0, 7.0]]), transform)
    np.testing.assert_allclose(ops.convert_to_numpy(x), [[4.5, 6.1]], rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(y), [[8.1, 10.2]], rtol=1e-6)
    assert L.RandomElasticTransform().get_elastic_transform_params(100, 200, 0.5) == (10.0, 2.5)


def test_integers() -> None:
    x = IMAGES.astype("uint8")
    assert ops.dtype(L.Resizing(3, 4)(x)) == "uint8"
    assert ops.dtype(L.CenterCrop(3, 4)(x)) == "float32"
    assert ops.dtype(L.RandomRotation(0.1)(x, training=True)) == "float32"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: L.Resizing(3, 0), ArgumentError),
        (lambda: L.Resizing(3, 3, "area"), ArgumentError),
        (lambda: L.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), ArgumentError),
        (lambda: L.RandomFlip("diagonal"), ArgumentError),
        (lambda: L.RandomRotation(1.5), ArgumentError),
        (lambda: L.RandomRotation(0.1, fill_mode="mirror"), UnsupportedError),
        (lambda: L.RandomZoom(2.0), ArgumentError),
        (lambda: L.RandomTranslation(0.1, "wide"), ArgumentError),
        (lambda: L.RandomShear(-0.5), ArgumentError),
        (lambda: L.RandomPerspective(0.5, scale=2.0), ArgumentError),
        (lambda: L.RandomElasticTransform(value_range=3), ArgumentError),
        (lambda: L.RandomFlip()({"images": IMAGES, "bounding_boxes": {"boxes": BOXES}}), ArgumentError),
        (lambda: L.RandomFlip()(np.zeros((3, 3))), ShapeError),
    ],
)
def test_errors(make: Any, error: type) -> None:
    with pytest.raises(error, match=r"^\["):
        make()


def test_boxes_by_hand(backend: Any) -> None:
    """Values that Keras gives."""
    boxes = {
        "boxes": np.array([[[2, 3, 6, 8], [0, 0, 4, 4], [8, 8, 10, 10]]], "float32"),
        "labels": np.array([[0, 1, 2]]),
    }
    for layer in (L.RandomShear(0.2, bounding_box_format="xyxy"), L.RandomTranslation(0.2, 0.2)):
        out = layer.get_shifted_bbox(boxes, 1.0, 2.0)
        np.testing.assert_allclose(backend.to_numpy(out["boxes"]), [[[1, 1, 5, 6], [-1, -2, 3, 2], [7, 6, 9, 8]]])
        assert out["labels"] is boxes["labels"]
    out = L.RandomZoom(0.2).get_clipped_bbox(boxes, h_end=7, h_start=2, w_end=6, w_start=1)
    np.testing.assert_allclose(backend.to_numpy(out["boxes"]), [[[1, 1, 5, 5], [0, 0, 3, 2], [5, 5, 5, 5]]])


@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (9, 1)])
@pytest.mark.parametrize("target", [(3, 4), (4, 3), (1, 7)])
def test_windows_of_thin_images_have_a_row_and_a_column(sizes: Any, target: Any, backend: Any) -> None:
    """Of images of one color all that is shown has that color."""
    x = np.full((1, *sizes, 2), 5.0, "float32")
    for layer in (L.CenterCrop(*target), L.RandomCrop(*target), L.Resizing(*target, crop_to_aspect_ratio=True)):
        np.testing.assert_allclose(backend.to_numpy(layer(x)), np.full((1, *target, 2), 5.0), rtol=1e-6)
    assert (smart_resize(x[0], target) == 5).all()
