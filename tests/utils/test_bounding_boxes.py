"""Bounding boxes: Keras's numbers (made once, by hand), round trips, and what a box means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kfront import ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.utils import bounding_boxes as bb

BOXES = np.array([[10, 20, 30, 50], [50, 60, 70, 80]], "float32")
FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
)  # fmt: skip
# the first box in each format, in an image of height 200 and width 300
FIRST = {
    "xyxy": [10, 20, 30, 50],
    "yxyx": [20, 10, 50, 30],
    "xywh": [10, 20, 20, 30],
    "center_xywh": [20, 35, 20, 30],
    "center_yxhw": [35, 20, 30, 20],
    "rel_xyxy": [1 / 30, 0.1, 0.1, 0.25],
    "rel_yxyx": [0.1, 1 / 30, 0.25, 0.1],
    "rel_xywh": [1 / 30, 0.1, 1 / 15, 0.15],
    "rel_center_xywh": [1 / 15, 0.175, 1 / 15, 0.15],
}


def host(x: Any) -> np.ndarray:
    return ops.convert_to_numpy(x)


def close(got: Any, want: Any, tol: float = 1e-5) -> None:
    np.testing.assert_allclose(host(got), want, rtol=tol, atol=tol)


@pytest.mark.parametrize("source", FORMATS)
def test_formats(source: str, backend: Any) -> None:
    given = bb.convert_format(BOXES, "xyxy", source.upper(), height=200, width=300)
    close(given[0], FIRST[source])
    for target in FORMATS:
        there = bb.convert_format(given, source, target, height=200, width=300)
        close(there[0], FIRST[target], 1e-4)
    nested = bb.convert_format({"boxes": given, "labels": [1, 2]}, source, "xyxy", 200, 300, dtype="float16")
    assert nested["labels"] == [1, 2] and ops.dtype(nested["boxes"]) == "float16"


def test_between_relative_formats_no_size_is_needed() -> None:
    close(bb.convert_format(BOXES / 100, "rel_xyxy", "rel_xywh"), [[0.1, 0.2, 0.2, 0.3], [0.5, 0.6, 0.2, 0.2]])


CLIPPED = {
    "boxes": np.array([[-10, -20, 150, 160], [50, 40, 70, 80], [-30, -30, -10, -10], [130, 10, 140, 20]], "float32"),
    "labels": np.array([0, 1, 2, 3], "int32"),
}


def test_clip(backend: Any) -> None:
    out = bb.clip_to_image_size({**CLIPPED, "more": 1}, 100, 120)
    close(out["boxes"], [[0, 0, 120, 100], [50, 40, 70, 80], [0, 0, 0, 0], [120, 10, 120, 20]])
    assert host(out["labels"]).tolist() == [0, 1, -1, -1] and out["more"] == 1
    assert ops.dtype(out["labels"]) == "int32"
    relative = {**CLIPPED, "boxes": CLIPPED["boxes"] / 100}
    close(bb.clip_to_image_size(relative, bounding_box_format="rel_xyxy")["boxes"][0], [0, 0, 1, 1])
    sized = {"boxes": np.array([[[100.0, 90.0, 50.0, 50.0]]], "float32")}
    close(bb.clip_to_image_size(sized, 100, 120, "xywh")["boxes"], [[[100, 90, 20, 10]]])


def test_crop_and_pad(backend: Any) -> None:
    whole = np.array([[10, 20, 50, 60], [70, 80, 100, 120]], "int32")
    cropped = bb.crop(whole, 10, 20, 40, 30)
    assert host(cropped).tolist() == [[0, 10, 30, 40], [30, 40, 30, 40]] and ops.dtype(cropped) == "int32"
    close(bb.crop(np.array([[10.0, 20.0, 30.0, 30.0]]), 10, 20, 40, 30, "xywh"), [[0, 10, 20, 30]])
    close(bb.pad(BOXES, 10, 20), [[30, 30, 50, 60], [70, 70, 90, 90]])


OTHERS = np.array([[15, 25, 30, 50], [100, 100, 120, 120], [10, 20, 30, 50], [-1, -1, -1, -1]], "float32")


def test_iou(backend: Any) -> None:
    want = np.array([[0.625, 0, 1, 0], [0, 0, 0, 0]])
    close(bb.compute_iou(BOXES, OTHERS, "xyxy"), want)
    for a, b in ((BOXES[None], OTHERS), (BOXES, OTHERS[None]), (BOXES[None], OTHERS[None])):
        close(bb.compute_iou(a, b, "xyxy"), want[None])
    close(bb.compute_iou(BOXES, OTHERS, "xyxy", use_masking=True), [[0.625, 0, 1, -1], [0, 0, 0, -1]])
    close(bb.compute_iou(OTHERS, BOXES, "xyxy", True, -7)[3], [-7, -7])
    close(bb.compute_iou(BOXES / 100, OTHERS / 100, "rel_xyxy", image_shape=(200, 300, 3)), want)
    close(bb.compute_iou(BOXES * 0, BOXES * 0, "xyxy"), np.zeros((2, 2)))


def test_ciou(backend: Any) -> None:
    close(bb.compute_ciou(BOXES, OTHERS[:2], "xyxy"), [0.6153823733, -0.4823529422])
    close(bb.compute_ciou(BOXES, BOXES, "xyxy"), [1, 1])
    pairs = bb.compute_ciou(BOXES[:, None], OTHERS[None], "xyxy")
    close(pairs[1], [-0.4076023698, -0.4823529422, -0.3926066160, -0.8052146435])
    close(bb.compute_ciou(BOXES, OTHERS[:2], "xywh"), [0.5882353187, -0.1276027411])


ANCHORS = np.array([[0, 0, 10, 20], [10, 10, 40, 30]], "float32")
TRUE = np.array([[1, 2, 14, 25], [12, 8, 35, 35]], "float32")


def test_deltas(backend: Any) -> None:
    want = np.array([[0.175, 0.25, 0.1397619247, 0.2623642386], [0.075, -0.05, 0.3001046181, -0.2657031715]])
    close(bb.encode_box_to_deltas(ANCHORS, TRUE, "xyxy", "xyxy"), want)
    turned = want[:, [1, 0, 3, 2]]
    close(bb.encode_box_to_deltas(ANCHORS, TRUE, "xyxy", "xyxy", "center_xywh"), turned)
    variance = [0.1, 0.1, 0.2, 0.2]
    close(bb.encode_box_to_deltas(ANCHORS, TRUE, "xyxy", "xyxy", variance=variance), want / variance)
    for encoding in ("center_yxhw", "center_xywh"):
        d = bb.encode_box_to_deltas(ANCHORS, np.stack([TRUE, TRUE + 1]), "xyxy", "xyxy", encoding, variance)
        back = bb.decode_deltas_to_boxes({"a": ANCHORS}, {"a": d}, "xyxy", "yxyx", encoding, variance)["a"]
        close(back[1], (TRUE + 1)[:, [1, 0, 3, 2]], 1e-4)
    relative = bb.decode_deltas_to_boxes(ANCHORS, want, "xyxy", "rel_xyxy", image_shape=(100, 200, 3))
    close(relative, TRUE / [200, 100, 200, 100])
    assert np.isfinite(host(bb.encode_box_to_deltas(ANCHORS * 0, TRUE, "xyxy", "xyxy"))).all()


STILL = {"angle": 0.0, "translate_x": 0.0, "translate_y": 0.0, "scale": 1.0, "shear_x": 0.0, "shear_y": 0.0}
# Keras's results for the first box, in an image of height 100 and width 200
MOVES = [
    ({}, [10, 20, 30, 50]),
    ({"angle": 30.0}, [7.240728, 58.702251, 39.561237, 94.683014]),
    ({"translate_x": 0.1, "translate_y": 0.2}, [29.9, 39.8, 49.9, 69.8]),
    ({"scale": 2.0}, [-79.5, -9.5, -39.5, 50.5]),
    ({"shear_x": 20.0}, [-0.737122, 20.0, 30.181984, 50.0]),
    ({"shear_y": 20.0}, [10.0, -12.575336, 30.0, 24.704067]),
    ({"angle": 90.0, "center_x": 0.0, "center_y": 0.0}, [20, -30, 50, -10]),
]


@pytest.mark.parametrize(("change", "want"), MOVES)
def test_affine(change: dict[str, float], want: list[float], backend: Any) -> None:
    moves = {**STILL, **change}
    close(bb.affine_transform(BOXES, **moves, height=100, width=200)[0], want, 1e-4)
    batch = {k: np.array([v, v], "float32") for k, v in moves.items()}
    out = bb.affine_transform(np.stack([BOXES, BOXES]), **batch, height=100, width=200)
    close(out[1, 0], want, 1e-4)


def test_affine_moves_points_as_the_formula_says(backend: Any) -> None:
    """Shifted, scaled, rotated, then sheared, about the center (Keras mixes up a sign where both angles count)."""
    a, sx, sy = np.deg2rad([30.0, 10.0, 5.0])
    center, shift = np.array([99.5, 49.5]), np.array([19.9, 0])
    turn = 0.5 * np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    lean = np.array([[1, np.tan(sx)], [0, 1]]) @ np.array([[1, 0], [np.tan(sy), 1]])
    corners = np.array([[10, 20], [30, 20], [30, 50], [10, 50]])
    moved = (corners - center + shift) @ (lean @ turn).T + center
    moves = {"angle": 30.0, "translate_x": 0.1, "translate_y": 0.0, "scale": 0.5, "shear_x": 10.0, "shear_y": 5.0}
    got = bb.affine_transform(BOXES, **moves, height=100, width=200)
    close(got[0], [*moved.min(0), *moved.max(0)], 1e-4)
    wide = bb.affine_transform(host(bb.convert_format(BOXES, "xyxy", "rel_xywh", 100, 200)), **moves, height=100,
                               width=200, bounding_box_format="rel_xywh")  # fmt: skip
    close(bb.convert_format(wide, "rel_xywh", "xyxy", 100, 200), host(got), 1e-4)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: bb.convert_format(BOXES, "xyxy", "yx"), ArgumentError),
        (lambda: bb.convert_format(BOXES, "xyxy", "rel_xywh"), ArgumentError),
        (lambda: bb.convert_format(BOXES[:, :3], "xyxy", "xywh"), ShapeError),
        (lambda: bb.clip_to_image_size(CLIPPED), ArgumentError),
        (lambda: bb.clip_to_image_size(BOXES, 10, 10), ArgumentTypeError),
        (lambda: bb.crop(BOXES, 0, 0, 1, 1, "rel_xyxy"), ArgumentError),
        (lambda: bb.compute_iou(BOXES[0], BOXES, "xyxy"), ShapeError),
        (lambda: bb.encode_box_to_deltas(ANCHORS, TRUE, "xyxy", "xyxy", "xyxy"), ArgumentError),
        (lambda: bb.decode_deltas_to_boxes(ANCHORS, TRUE, "xyxy", "xyxy", variance=[1.0]), ArgumentError),
    ],
)
def test_errors(call: Any, error: type) -> None:
    with pytest.raises(error, match=r"^\["):
        call()
