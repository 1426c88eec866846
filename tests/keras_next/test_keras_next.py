"""What Keras has from 3.16 on gives here what the pre-release gives, by the values that `scenarios.py` wrote down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.keras_next import scenarios

import kfront
from kfront import layers, ops, quantizers
from kfront.core.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from kfront.quantizers.calibrated import Statistics, awq

VALUES = json.loads(scenarios.VALUES.read_text())


def close(found, wanted, rtol=1e-5, atol=1e-5):
    np.testing.assert_allclose(np.array(found), np.array(wanted), rtol=rtol, atol=atol)


def test_mosaic(backend):
    found, wanted = scenarios.mosaic(kfront), VALUES["mosaic"]
    assert found.keys() == wanted.keys()
    for name in ("images", "masks", "labels", "centers"):
        close(found[name], wanted[name])
    for form in scenarios.FORMATS:
        for key in ("boxes", "labels"):
            close(found[f"boxes {form}"][key], wanted[f"boxes {form}"][key])


def test_mosaic_draws_and_carries_what_belongs_to_images(backend):
    layer = layers.Mosaic(seed=3, bounding_box_format="xyxy")
    boxes = {"boxes": scenarios.BOXES, "labels": np.ones((4, 2), "float32")}
    data = {"images": scenarios.IMAGES, "labels": np.eye(4, dtype="float32"), "bounding_boxes": boxes}
    given = layer.get_random_transformation(data)
    order, centers = (ops.convert_to_numpy(given[k]) for k in ("permutation_order", "mosaic_centers"))
    assert order[:, 0].tolist() == [0, 1, 2, 3] and order.min() >= 0 and order.max() <= 3
    assert centers.min() >= 0.25 and centers.max() <= 0.75
    out = layer({**data, "segmentation_masks": scenarios.IMAGES[..., 0].astype("int32")})
    assert tuple(out["bounding_boxes"]["boxes"].shape) == (4, 8, 4)
    masks = ops.convert_to_numpy(out["segmentation_masks"])
    np.testing.assert_array_equal(ops.convert_to_numpy(out["images"])[..., 0], masks)
    assert masks.dtype == np.int32
    close(ops.convert_to_numpy(ops.sum(out["labels"], 1)), np.ones(4))
    single = ops.convert_to_numpy(layer(scenarios.IMAGES[0]))
    np.testing.assert_array_equal(np.sort(single.ravel()), scenarios.IMAGES[0].ravel())
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(scenarios.IMAGES, training=False)), scenarios.IMAGES)
    for labels in (np.eye(4, dtype="int32"), np.arange(4.0)):
        with pytest.raises(ArgumentError, match="one-hot"):
            layer({"images": scenarios.IMAGES, "labels": labels})


@pytest.mark.parametrize("offset", [-1, 1.5, (1, 2), (0.7, 0.2), (0.1,), "a", None, True])
def test_mosaic_refuses_offsets(offset):
    with pytest.raises(ArgumentError, match="`offset`"):
        layers.Mosaic(offset=offset)


def test_ternary_weights(backend):
    found = scenarios.ternary(kfront)
    for tag, wanted in VALUES["ternary"].items():
        close(found[tag]["outputs"], wanted["outputs"])
        assert (found[tag]["policy"], found[tag]["spec"]) == (wanted["policy"], wanted["spec"])
        for a, b in zip(found[tag]["stored"], wanted["stored"], strict=True):
            close(a, b, 1e-6, 0)


@pytest.mark.parametrize("threshold", scenarios.THRESHOLDS)
def test_gradients_go_past_the_rounding(trainable_backend, threshold):
    """As if the kernel were used as it is, but times the mean of its absolute values, which has a slope too."""
    kernel, x = scenarios._numbers(7, 6), scenarios._numbers(3, 7, seed=2)
    layer = layers.TernaryDense(6, threshold=threshold, use_bias=False)
    layer.build((None, 7))
    layer.set_weights([kernel])
    up = np.arange(18, dtype="float32").reshape(3, 6)
    grad = kfront.grad(lambda: ops.sum(ops.multiply(layer(x), up)), wrt=layer.kernel)()
    wanted = x.T @ up
    if threshold is None:
        scale = np.abs(kernel).mean()
        rounded = np.where(np.abs(kernel) > scale / 2, np.sign(kernel), 0)
        wanted = scale * wanted + np.sign(kernel) / kernel.size * (up * (x @ rounded)).sum()
    close(ops.convert_to_numpy(grad), wanted, 1e-4, 1e-3)


def test_ternary_files_and_policies(backend, tmp_path):
    model = kfront.Sequential([kfront.Input((7,)), layers.TernaryDense(6, threshold=0.2), layers.Dense(3)])
    model.quantize("ternary", verbose=False)
    x = scenarios._numbers(2, 7)
    model.save(tmp_path / "m.keras")
    again = kfront.models.load_model(tmp_path / "m.keras")
    assert [type(v).__name__ for v in again.layers] == ["TernaryDense", "Dense"]
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    made = layers.Dense(6, dtype="ternary_from_mixed_bfloat16")
    made.build((None, 7))
    assert [(tuple(v.shape), v.dtype) for v in made.weights[1:]] == [((7, 2), "uint8"), ((), "float32")]


def test_ternary_errors():
    for wrong, error in ((-1, ArgumentError), (float("nan"), ArgumentError), ("a", ArgumentTypeError)):
        with pytest.raises(error, match="`threshold`"):
            layers.TernaryDense(2, threshold=wrong)
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.enable_lora(1)
    with pytest.raises(UnsupportedError, match="low-rank"):
        layer.quantize("ternary")
    with pytest.raises(UnsupportedError, match="low-rank"):
        layers.TernaryDense(2, lora_rank=1)
    table = layers.Embedding(4, 2)
    table.build()
    with pytest.raises(UnsupportedError, match="a mode in"):
        table.quantize("ternary")


def test_serialization_specs():
    assert scenarios.specs(kfront) == VALUES["specs"]


def test_reports(backend):
    with pytest.warns(UserWarning, match="2 have no such form and stay as they are: 'inner/norm'"):
        scenarios._model(kfront).quantize("int8", verbose=False)
    assert scenarios.common(kfront)["reports"] == VALUES["reports"]


def test_reports_are_printed(capsys):
    model = kfront.Sequential([kfront.Input((3,)), layers.Dense(2, name="a")])
    report = model.quantize("int8", verbose=True)
    assert "a: int8_from_float32" in capsys.readouterr().out
    text = model.quantization_summary()
    assert capsys.readouterr().out.strip() == text and "14 bytes instead of 24 bytes" in text
    assert report.summary_warning() is None and report.num_quantized == 1
    report.add_skipped("b", report.SKIP_NO_SUPPORT)
    report.add_skipped("c", report.SKIP_NO_SUPPORT)
    report.add_skipped("d", report.SKIP_FILTERED)
    assert "2 have no such form and stay as they are: 'b', …;" in report.summary_warning(max_examples=1)
    assert report.skipped_by_reason(report.SKIP_FILTERED) == ["d"]
    assert "None." in kfront.Sequential([layers.Dense(2)]).quantization_summary(verbose=False)


@pytest.mark.parametrize("group", scenarios.GROUPS)
@pytest.mark.parametrize("clip", [False, True])
def test_awq(group, clip):
    table, weight = scenarios.awq_problem(group)
    statistics = Statistics(8)
    statistics.add(table)
    config = quantizers.AWQConfig(None, None, group_size=group, apply_clip=clip)
    found, wanted = awq(weight.T, statistics, config), VALUES["awq"][f"{group} {clip}"]
    np.testing.assert_array_equal(found.values, wanted["values"])
    close(found.factors, wanted["factors"])
    close(found.scale, wanted["scale"])


def test_gammainc(backend):
    close(scenarios.gammainc(kfront), VALUES["gammainc"], 1e-4, 1e-7)


def test_gradients_of_gammainc_by_its_shape(trainable_backend):
    """Against differences of the sum of its power series."""
    import mpmath

    a, x = np.array([0.02, 0.5, 1, 4, 30], "float32"), np.array([0.3, 2, 0.1, 9, 24], "float32")
    grad = kfront.grad(lambda a: ops.sum(ops.gammainc(a, x)))(ops.convert_to_tensor(a))
    with mpmath.workdps(40):
        of = lambda a, x: mpmath.gammainc(a, 0, x, regularized=True)  # noqa: E731
        step = mpmath.mpf(10) ** -12
        slopes = [(of(p + step, q) - of(p - step, q)) / (2 * step) for p, q in zip(map(float, a), map(float, x))]
    close(ops.convert_to_numpy(grad), [float(s) for s in slopes], 1e-4, 1e-6)


def test_r2_of_targets_that_are_all_the_same(backend):
    true = np.array([[1, 1], [1, 2], [1, 3]], "float32")
    for pred, wanted in (([1, 2, 1], [0.0, 0.5]), ([1, 1, 1], [1.0, 0.5])):
        found = kfront.metrics.R2Score(class_aggregation=None)(true, np.stack([pred, [1, 2, 2]], 1).astype("float32"))
        close(ops.convert_to_numpy(found), wanted)
