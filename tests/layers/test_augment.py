"""Image layers: what they promise for any numbers drawn; where they run; what they refuse."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from augment_cases import DEFAULTS, pictures

import kfront
from kfront import layers
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError

RANDOM = [n for n in DEFAULTS if n not in ("Rescaling", "MaxNumBoundingBoxes") and "Equalization" not in n]
RANDOM.remove("AutoContrast")
POLICIES = ("AugMix", "RandAugment")


def make(name: str, **more: Any) -> Any:
    """A layer with the arguments of the table, and a seed if it draws."""
    return getattr(layers, name)(**DEFAULTS[name], **more)


def host(x: Any) -> Any:
    """Nested tensors as NumPy arrays."""
    return kfront.tree.map_structure(kfront.ops.convert_to_numpy, x)


def everything(batch: int = 3) -> dict[str, Any]:
    """Inputs of all kinds."""
    return {
        "images": pictures("numbers", (8, 10))[:batch],
        "labels": np.eye(4, dtype="float32")[:batch],
        "segmentation_masks": np.arange(batch * 80).reshape(batch, 8, 10, 1).astype("float32") % 3,
        "weights": np.arange(batch, dtype="float32"),
    }


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", DEFAULTS)
def test_range_shape_and_layouts(name: str, backend: Any) -> None:
    """Results lie in the range of values; one image is a batch of one."""
    if name == "Rescaling":
        pytest.skip("has no range of values")
    x = pictures("numbers", (8, 10))
    layer = make(name)
    out = host(layer(x))
    assert out.shape == x.shape and out.min() >= -1e-3 and out.max() <= 255.001
    assert host(layer(x[0])).shape == x[0].shape
    first = getattr(layers, name)(**DEFAULTS[name], data_format="channels_first")
    assert host(first(np.moveaxis(x, -1, 1))).shape == (3, 3, 8, 10)


@pytest.mark.parametrize("name", [n for n in RANDOM if n not in POLICIES])
def test_seeds(name: str, backend: Any) -> None:
    """The same seed gives the same images, each call others; without training nothing is drawn."""
    x = pictures("numbers", (8, 10))
    options = {"addition_factor": 0.4} if name == "Solarization" else {}
    one, two = (make(name, seed=5, **options) for _ in range(2))
    a, b, c = host(one(x)), host(two(x)), [host(one(x)) for _ in range(4)]
    np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, again) for again in c)
    before = one.generator.state.numpy()
    np.testing.assert_allclose(host(one(x, training=False)), x, atol=1e-4)
    np.testing.assert_array_equal(one.generator.state.numpy(), before)
    again = type(one).from_config(one.get_config())
    np.testing.assert_array_equal(host(again(x)), a)


@pytest.mark.parametrize("name", [n for n in RANDOM if n not in (*POLICIES, "MixUp", "CutMix")])
def test_what_belongs_to_images_stays(name: str, backend: Any) -> None:
    data = everything()
    boxes = {"boxes": np.ones((3, 2, 4), "float32"), "labels": np.ones((3, 2), "float32")}
    out = host(make(name, bounding_box_format="xyxy")({**data, "bounding_boxes": boxes}))
    assert list(out) == [*data, "bounding_boxes"]
    for key in ("labels", "segmentation_masks", "weights"):
        np.testing.assert_array_equal(out[key], data[key])
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"], boxes["boxes"])


def test_mixing_carries_labels_boxes_and_masks(backend: Any) -> None:
    data = everything()
    boxes = {"boxes": np.arange(24, dtype="float32").reshape(3, 2, 4), "labels": np.ones((3, 2), "float32")}
    out = host(layers.MixUp(seed=1, bounding_box_format="xyxy")({**data, "bounding_boxes": boxes}))
    np.testing.assert_allclose(out["labels"].sum(1), 1, atol=1e-6)
    assert out["bounding_boxes"]["boxes"].shape == (3, 4, 4) and out["bounding_boxes"]["labels"].shape == (3, 4)
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"][:, :2], boxes["boxes"])
    layer = layers.CutMix((1, 1), seed=1)
    given = layer.get_random_transformation(data["images"])
    mask, order = host(given["batch_masks"]), host(given["permutation_order"])
    assert sorted(order.tolist()) == [0, 1, 2] and mask.shape == (3, 8, 10, 1)
    got = host(layer.transform_images(kfront.ops.convert_to_tensor(data["images"]), given))
    np.testing.assert_array_equal(got, np.where(mask, data["images"][order], data["images"]))
    area = mask.mean((1, 2, 3))
    np.testing.assert_allclose(area, 1 - host(given["mix_weight"]).ravel(), atol=0.25)  # sides are whole pixels
    with pytest.raises(ArgumentError, match="bounding_boxes"):
        layers.CutMix(bounding_box_format="xyxy")({**data, "bounding_boxes": boxes})


def test_policies(backend: Any) -> None:
    """The chosen layers are applied in order, to images and what moves with them; AugMix mixes within the range."""
    data = everything()
    boxes = {"boxes": np.array([[[1, 1, 4, 5]]] * 3, "float32"), "labels": np.ones((3, 1), "float32")}
    layer = layers.RandAugment(seed=2, factor=(0.3, 0.3), bounding_box_format="xyxy")
    given = layer.get_random_transformation(data["images"])
    names = list(given["transforms"])
    given["layer_idxes"] = kfront.ops.convert_to_tensor([names.index("random_contrast"), names.index("random_shear")])
    x = kfront.ops.convert_to_tensor(data["images"])
    want = layer.random_contrast.transform_images(x, given["transforms"]["random_contrast"])
    want = layer.random_shear.transform_images(want, given["transforms"]["random_shear"])
    np.testing.assert_allclose(host(layer.transform_images(x, given)), host(want), atol=1e-4)
    moved = host(layer.transform_bounding_boxes(kfront.tree.map_structure(backend.convert, boxes), given))
    assert not np.array_equal(moved["boxes"], boxes["boxes"])
    out = host(layer({**data, "bounding_boxes": boxes}))
    assert out["segmentation_masks"].shape == data["segmentation_masks"].shape
    for options in ({}, {"all_ops": False, "num_chains": 1, "chain_depth": 1}):
        mixed = [host(layers.AugMix(seed=3, **options)(data["images"])) for _ in range(2)]
        np.testing.assert_array_equal(*mixed)
        assert mixed[0].min() >= 0 and mixed[0].max() <= 255


def test_a_batch_is_equalized_image_by_image(backend: Any) -> None:
    x = pictures("numbers", (8, 10))
    for layer in (layers.Equalization(), layers.ContrastLimitedAdaptiveHistogramEqualization()):
        one_by_one = np.stack([host(layer(image)) for image in x])
        np.testing.assert_allclose(host(layer(x)), one_by_one, atol=1e-4)


def test_bytes_are_clipped_not_wrapped(backend: Any) -> None:
    layer = layers.RandomBrightness((1, 1))
    out = host(layer(np.full((1, 2, 2, 1), 200, "uint8")))
    assert out.dtype == np.uint8 and (out == 255).all()


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_number_of_boxes(number: int, backend: Any) -> None:
    boxes = {"boxes": np.ones((2, number, 4), "float32"), "labels": np.ones((2, number), "float32")}
    layer = layers.MaxNumBoundingBoxes(2, fill_value=-7, bounding_box_format="xyxy")
    out = host(layer({"images": np.zeros((2, 4, 4, 3)), "bounding_boxes": boxes}))["bounding_boxes"]
    assert out["boxes"].shape == (2, 2, 4) and out["labels"].shape == (2, 2)
    assert (out["labels"] == -7).sum() == 2 * max(2 - number, 0)
    assert type(layer).from_config(layer.get_config()).fill_value == -7


@pytest.mark.parametrize("kind", [list, np.array, np.float32])
def test_boxes_of_several_counts(kind: Any, backend: Any) -> None:
    corners = [[], [[1, 1, 4, 5]], [[0, 2, 6, 8], [1, 1, 4, 5], [2, 2, 3, 3]]]
    boxes = {"boxes": [kind(b) for b in corners], "labels": [kind(c) for c in ([], [1], [2, 3, 0])]}
    layer = layers.Resizing(4, 4, bounding_box_format="xyxy")
    out = host(layer({"images": np.zeros((3, 8, 8, 3), "float32"), "bounding_boxes": boxes}))["bounding_boxes"]
    assert out["labels"].tolist() == [[-1, -1, -1], [1, -1, -1], [2, 3, 0]] and out["boxes"].dtype == np.float32
    want = [[[0] * 4] * 3, [[0.5, 0.5, 2, 2.5], *[[0] * 4] * 2], [[0, 1, 3, 4], [0.5, 0.5, 2, 2.5], [1, 1, 1.5, 1.5]]]
    np.testing.assert_allclose(out["boxes"], want, atol=1e-6)


def test_no_boxes_at_all(backend: Any) -> None:
    layer = layers.Resizing(4, 4, bounding_box_format="xyxy")
    data = {"images": np.zeros((2, 8, 8, 3), "float32"), "bounding_boxes": {"boxes": [[], []], "labels": [[], []]}}
    out = host(layer(data))["bounding_boxes"]
    assert out["boxes"].shape == (2, 0, 4) and out["labels"].shape == (2, 0)


@pytest.mark.parametrize("name", [n for n in DEFAULTS if n not in ("CutMix", "Rescaling")])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_boxes_hold_large_coordinates(name: str, policy: str, backend: Any) -> None:
    boxes = {"boxes": np.array([[[0, 0, 1001, 4]]] * 4), "labels": np.ones((4, 1)) * 1001}
    data = {"images": np.zeros((4, 8, 1024, 3), "float32"), "bounding_boxes": boxes}
    out = host(make(name, bounding_box_format="xyxy", dtype=policy)(data, training=False))["bounding_boxes"]
    assert out["boxes"].dtype == out["labels"].dtype == np.float32
    if name not in ("CenterCrop", "RandomCrop", "Resizing"):  # which move boxes
        assert out["labels"][0, 0] == 1001
        np.testing.assert_array_equal(out["boxes"][0, 0], [0, 0, 1001, 4])


def test_pipeline(backend: Any) -> None:
    pipeline = layers.Pipeline([layers.Rescaling(1 / 255), layers.RandomInvert((1, 1), value_range=(0, 1))])
    x = pictures("bytes", (4, 4))
    np.testing.assert_allclose(host(pipeline(x)), 1 - x / 255, atol=1e-5)
    np.testing.assert_allclose(host(pipeline(x, training=False)), x / 255, atol=1e-6)
    again = layers.deserialize(layers.serialize(pipeline))
    assert [type(a).__name__ for a in again.layers] == ["Rescaling", "RandomInvert"]
    model = kfront.Sequential([kfront.Input((4, 4, 3)), again])
    assert model.predict(x.astype("float32"), verbose=0).shape == x.shape


# ---- where layers run ------------------------------------------------------------------------------------------------


def test_inside_tf_data(backend: Any) -> None:
    """A layer of any engine is part of a `tf.data` pipeline, with numbers from its own seed, new for each element."""
    tf = pytest.importorskip("tensorflow")
    x = np.zeros((6, 4, 4, 3), "uint8")
    pipeline = layers.Pipeline([layers.Rescaling(1.0), layers.RandomBrightness((0.1, 0.9), seed=1)])
    data = tf.data.Dataset.from_tensor_slices(x)
    for mapped in (data.map(pipeline), data.batch(2).map(lambda v: pipeline(v, training=True)).unbatch()):
        values = [float(v.numpy().mean()) for v in mapped]
        assert len({round(v, 3) for v in values}) == 6 and min(values) > 20
    labelled = tf.data.Dataset.from_tensors({"images": x, "labels": np.eye(6, dtype="float32")})
    (out,) = labelled.map(layers.MixUp(seed=1))
    np.testing.assert_allclose(out["labels"].numpy().sum(1), 1, atol=1e-5)


class Pictures:
    """A data set of `torch.utils.data`."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return self.layer(np.zeros((4, 4, 3), "float32"))


def test_inside_worker_processes(backend: Any) -> None:
    """Forked workers of a DataLoader run layers of any engine, each with numbers of its own, the same in each run."""
    torch = pytest.importorskip("torch")
    data = Pictures(layers.RandomBrightness((0.1, 0.9), seed=1))
    with warnings.catch_warnings(action="ignore"):
        loader = torch.utils.data.DataLoader(data, num_workers=2, multiprocessing_context="fork", timeout=60)
        values = [float(v.mean()) for v in loader]
    assert len({round(v, 3) for v in values}) == 4 and min(values) > 20


def test_a_copy_through_pickle_draws_the_same(backend: Any) -> None:
    layer = layers.RandomHue(0.5, seed=3)
    again = pickle.loads(pickle.dumps(layer))
    x = pictures("numbers", (4, 4))
    np.testing.assert_array_equal(host(layer(x)), host(again(x)))


def test_eager_tensors_of_another_engine_are_taken_over(backend: Any) -> None:
    torch = pytest.importorskip("torch")
    out = layers.Rescaling(0.5)(torch.ones((2, 4, 4, 3)))
    assert backend.is_tensor(out) and float(host(out).max()) == 0.5


# ---- errors ----------------------------------------------------------------------------------------------------------

ERRORS = [
    (lambda: layers.RandomBrightness(2), ArgumentError, "between -1 and 1"),
    (lambda: layers.RandomContrast(-0.1), ArgumentError, "between 0 and 1"),
    (lambda: layers.RandomHue((0.1, 0.2, 0.3)), ArgumentError, "a pair"),
    (lambda: layers.RandomHue("much"), ArgumentError, "factor"),
    (lambda: layers.RandomGrayscale((0, 1)), ArgumentError, "one number"),
    (lambda: layers.RandomPosterization(9), ArgumentError, "between 1 and 8"),
    (lambda: layers.RandomBrightness(0.1, value_range=3), ArgumentError, "lowest, highest"),
    (lambda: layers.AutoContrast(value_range=(1, 1)), ArgumentError, "value_range"),
    (lambda: layers.AutoContrast(factor=0.1), ArgumentError, "no `factor`"),
    (lambda: layers.RandomGaussianBlur(kernel_size=4), ArgumentError, "odd"),
    (lambda: layers.Equalization(bins=0), ArgumentError, "bins"),
    (lambda: layers.MixUp(alpha=0), ArgumentError, "alpha"),
    (lambda: layers.RandAugment(num_ops=-1), ArgumentError, "num_ops"),
    (lambda: layers.RandAugment(interpolation="cubic"), ArgumentError, "interpolation"),
    (lambda: layers.RandomHue(0.1, data_format="last"), ArgumentError, "data_format"),
    (lambda: layers.RandomHue(0.1, seed="x"), ArgumentTypeError, "seed"),
    (lambda: layers.Pipeline([3]), ArgumentTypeError, "layers"),
    (lambda: layers.RandomHue(0.1)(np.zeros((4, 4))), ShapeError, "rank 3"),
    (lambda: layers.RandomHue(0.1)([np.zeros((4, 4, 3)), np.zeros(3)]), ShapeError, "one dict"),
    (lambda: layers.RandomHue(0.1)({"labels": np.zeros(3)}), ArgumentError, "'images'"),
    (
        lambda: layers.RandomHue(0.1)({"images": np.zeros((1, 4, 4, 3)), "bounding_boxes": {}}),
        ArgumentError,
        "bounding_box_format",
    ),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int, backend: Any) -> None:
    make_error, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        make_error()
