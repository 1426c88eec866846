"""Boxes and masks in pictures."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.preprocessing.image import smart_resize
from kfront.visualization import (
    draw_bounding_boxes,
    draw_segmentation_masks,
    plot_bounding_box_gallery,
    plot_segmentation_mask_gallery,
)

pytest.importorskip("PIL", reason="drawing needs Pillow")

IMAGES = np.full((2, 12, 16, 3), 50.0)
BOXES = {
    "boxes": np.array([[[2, 3, 8, 9], [0, 0, 0, 0]], [[4, 4, 10, 6], [1, 1, 3, 3]]]),
    "labels": np.array([[1, -1], [0, 5]]),
}
MASKS = np.zeros((2, 12, 16), "int32")
MASKS[0, :3], MASKS[0, 3:5], MASKS[1, -1] = 1, 2, 3


def test_boxes():
    out = draw_bounding_boxes(IMAGES, BOXES, "xyxy", color=(255, 0, 0), line_thickness=1)
    assert out.dtype == np.uint8 and out.shape == IMAGES.shape
    red = (out == [255, 0, 0]).all(-1)
    want = np.zeros((12, 16), bool)
    want[3:10, 2:9] = True
    want[4:9, 3:8] = False
    np.testing.assert_array_equal(red[0], want)
    assert (out[0][~want] == 50).all()
    assert red[1].sum() > 10


def test_names_confidences_and_layouts():
    large = np.zeros((1, 60, 80, 1), "float32")
    boxes = {"boxes": np.array([[[0.1, 0.1, 0.9, 0.9]]]), "labels": np.array([[2]]), "confidences": np.array([[0.5]])}
    plain = draw_bounding_boxes(large, boxes, "rel_xyxy")
    named = draw_bounding_boxes(large, boxes, "rel_xyxy", {2: "cat"})
    assert plain.shape == (1, 60, 80, 3) and (named != plain).sum() > 30
    np.testing.assert_array_equal(draw_bounding_boxes(large, boxes, "rel_xyxy", {3: "dog"}), plain)
    first = draw_bounding_boxes(
        large.transpose(0, 3, 1, 2), boxes, "rel_xyxy", {2: "cat"}, data_format="channels_first"
    )
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), named)


def test_masks():
    colors = {1: (100, 0, 0), 2: (0, 200, 0)}
    out = draw_segmentation_masks(IMAGES, MASKS[..., None], color_mapping=colors, alpha=0.5)
    assert out[0, 0, 0].tolist() == [75, 25, 25] and out[0, 3, 0].tolist() == [25, 125, 25]
    assert (out[1] == 50).all()
    opaque = draw_segmentation_masks(IMAGES, MASKS, color_mapping=colors, blend=False, ignore_index=2)
    assert opaque[0, 0, 0].tolist() == [100, 0, 0] and opaque[0, 3, 0].tolist() == [50, 50, 50]
    palette = draw_segmentation_masks(IMAGES, MASKS, blend=False)
    assert len({tuple(c) for c in palette[[0, 0, 1, 1], [0, 3, -1, 0], 0].tolist()}) == 4


def test_tensors(backend):
    tensor = backend.convert(IMAGES.astype("float32"))
    np.testing.assert_array_equal(
        draw_segmentation_masks(tensor, backend.convert(MASKS)), draw_segmentation_masks(IMAGES, MASKS)
    )


def test_galleries(tmp_path):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    for name, plot in {
        "boxes": lambda **k: plot_bounding_box_gallery(
            IMAGES / 255, "xyxy", BOXES, BOXES, (0, 1), class_mapping={1: "one"}, legend=True, rows=1, cols=2, **k
        ),
        "masks": lambda **k: plot_segmentation_mask_gallery(IMAGES, 3, y_true=MASKS, y_pred=MASKS, **k),
    }.items():
        path = tmp_path / f"{name}.png"
        plot(path=path)
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 500
    assert len(plot_segmentation_mask_gallery(IMAGES, 3, y_true=MASKS, y_pred=MASKS, show=False).axes) == 4


def test_smart_resize(backend):
    x = np.arange(5 * 9, dtype="float32").reshape(5, 9, 1)
    out = smart_resize(x, (5, 5))
    assert isinstance(out, np.ndarray)
    np.testing.assert_array_equal(out, x[:, 2:7])
    tensor = smart_resize(backend.convert(x[None]), (10, 10), "nearest")
    assert backend.is_tensor(tensor) and tuple(tensor.shape) == (1, 10, 10, 1)
    with pytest.raises(ArgumentError, match=r"^\[smart_resize\]"):
        smart_resize(x, (5, 5), strict=True)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: draw_bounding_boxes(IMAGES[0], BOXES, "xyxy"), ShapeError),
        (lambda: draw_bounding_boxes(IMAGES, BOXES["boxes"], "xyxy"), ArgumentTypeError),
        (lambda: draw_bounding_boxes(IMAGES, {"boxes": BOXES["boxes"]}, "xyxy"), ArgumentError),
        (lambda: draw_segmentation_masks(IMAGES, MASKS.astype("float32")), ArgumentTypeError),
        (lambda: draw_segmentation_masks(IMAGES, MASKS[:1]), ShapeError),
        (lambda: plot_bounding_box_gallery(IMAGES, "xyxy", legend=True, legend_handles=[1]), ArgumentError),
        (lambda: kfront.preprocessing.image.smart_resize(IMAGES, 3), ArgumentError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match=r"^\["):
        call()
