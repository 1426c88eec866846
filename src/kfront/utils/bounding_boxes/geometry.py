"""Bounding boxes in images that are cropped, padded or moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kfront import ops
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import Size, Tensor, TensorLike
from kfront.utils.bounding_boxes.formats import corners, from_corners, sides


def _clipped(boxes: TensorLike, height: Size, width: Size) -> Tensor:
    """Corners inside of the image."""
    limits = (width, height, width, height)
    inside = [ops.clip(s, 0, ops.cast(n, ops.dtype(s))) for s, n in zip(sides(boxes), limits, strict=True)]
    return ops.concatenate(inside, -1)


def clip_to_image_size(
    bounding_boxes: Mapping[str, object], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Boxes cut off at the borders of the image; boxes of which nothing is left get the label -1.

    Args:
        bounding_boxes: dict with "boxes", of shape (..., n, 4), and "labels", of shape (..., n).
        height: height of the image; not needed for relative formats.
        width: width of the image; not needed for relative formats.
        bounding_box_format: see `convert_format`.

    Returns:
        dict like `bounding_boxes`.

    Raises:
        ArgumentError: if the size of the image is missing.
        ArgumentTypeError: if `bounding_boxes` is not a dict with "boxes".

    Example:

    >>> import numpy as np
    >>> from kfront.utils import bounding_boxes
    >>> boxes = {"boxes": np.array([[-10.0, 0.0, 5.0, 5.0], [20.0, 0.0, 30.0, 5.0]]), "labels": np.array([1, 2])}
    >>> np.asarray(bounding_boxes.clip_to_image_size(boxes, height=10, width=10)["labels"]).tolist()
    [1, -1]
    """
    if not isinstance(bounding_boxes, dict) or "boxes" not in bounding_boxes:
        raise ArgumentTypeError(
            f"[clip_to_image_size] expected a dict with 'boxes' and 'labels', got {type(bounding_boxes).__name__}."
        )
    relative = str(bounding_box_format).lower().startswith("rel_")
    if relative:
        height = width = 1
    if height is None or width is None:
        raise ArgumentError(
            f"[clip_to_image_size] expected `height` and `width` for boxes in pixels, got {height} and {width}."
        )
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    inside = _clipped(corners("clip_to_image_size", boxes, bounding_box_format, height, width), height, width)
    out = {**bounding_boxes, "boxes": from_corners("clip_to_image_size", inside, bounding_box_format, height, width)}
    if bounding_boxes.get("labels") is not None:
        left, top, right, bottom = sides(inside)
        empty = ops.squeeze(ops.logical_or(ops.equal(left, right), ops.equal(top, bottom)), -1)
        labels = ops.convert_to_tensor(bounding_boxes["labels"])
        out["labels"] = ops.where(empty, ops.cast(-1, ops.dtype(labels)), labels)
    return out


def _number(value: TensorLike, like: TensorLike) -> Any:
    return value if isinstance(value, (int, float)) else ops.cast(value, ops.dtype(like))


def crop(
    boxes: TensorLike, top: TensorLike, left: TensorLike, height: int, width: int, bounding_box_format: str = "xyxy"
) -> TensorLike:
    """Boxes in a window that is cut out of their image, cut off at its borders.

    Args:
        boxes: tensor of shape (..., 4).
        top: first row of the window.
        left: first column of the window.
        height: height of the window.
        width: width of the window.
        bounding_box_format: see `convert_format`; one in pixels.

    Returns:
        tensor of the same shape.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> out = bounding_boxes.crop(ops.array([[10.0, 20.0, 50.0, 60.0]]), top=10, left=20, height=40, width=30)
    >>> ops.convert_to_numpy(out).tolist()
    [[0.0, 10.0, 30.0, 40.0]]
    """
    x = _in_pixels("crop", boxes, bounding_box_format)
    x1, y1, x2, y2 = sides(x)
    left, top = _number(left, x), _number(top, x)
    x = ops.concatenate(
        [ops.subtract(x1, left), ops.subtract(y1, top), ops.subtract(x2, left), ops.subtract(y2, top)], -1
    )
    return from_corners("crop", _clipped(x, height, width), bounding_box_format)


def pad(
    boxes: Tensor,
    top: Any,
    left: TensorLike,
    height: object = None,
    width: object = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Boxes in an image that gets rows above and columns to the left.

    Args:
        boxes: tensor of shape (..., 4).
        top: number of rows added above.
        left: number of columns added to the left.
        height: height of the padded image; not used.
        width: width of the padded image; not used.
        bounding_box_format: see `convert_format`; one in pixels.

    Returns:
        tensor of the same shape.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> ops.convert_to_numpy(bounding_boxes.pad(ops.array([[10.0, 20.0, 50.0, 60.0]]), top=1, left=2)).tolist()
    [[12.0, 21.0, 52.0, 61.0]]
    """
    x = _in_pixels("pad", boxes, bounding_box_format)
    x1, y1, x2, y2 = sides(x)
    left, top = _number(left, x), _number(top, x)
    shifted = [ops.add(x1, left), ops.add(y1, top), ops.add(x2, left), ops.add(y2, top)]
    return from_corners("pad", ops.concatenate(shifted, -1), bounding_box_format)


def _in_pixels(who: str, boxes: TensorLike, fmt: str) -> TensorLike:
    if str(fmt).lower().startswith("rel_"):
        raise ArgumentError(f"[{who}] expected a format in pixels, got {fmt!r}; convert the boxes with convert_format.")
    return corners(who, ops.convert_to_tensor(boxes), fmt)


def moved(boxes: TensorLike, matrix: Tensor) -> Tensor:
    """The smallest upright boxes around boxes that are moved.

    Args:
        boxes: corners (left, top, right, bottom) of shape (..., n, 4).
        matrix: projective transforms of points, of shape (..., 3, 3).

    Returns:
        corners of the same shape.
    """
    x1, y1, x2, y2 = sides(boxes)
    x, y = ops.concatenate([x1, x2, x2, x1], -1), ops.concatenate([y1, y1, y2, y2], -1)
    rows = [[ops.expand_dims(ops.expand_dims(matrix[..., i, j], -1), -1) for j in range(3)] for i in range(3)]
    u, v, k = (ops.add(ops.add(ops.multiply(a, x), ops.multiply(b, y)), c) for a, b, c in rows)
    u, v = ops.divide(u, k), ops.divide(v, k)
    ends = [ops.amin(u, -1), ops.amin(v, -1), ops.amax(u, -1), ops.amax(v, -1)]
    return ops.stack(ends, -1)


def _matrix(rows: list[list[Any]]) -> Tensor:
    """A matrix of tensors that broadcast, 0 and 1."""
    like: Any = 0.0
    for r in rows:
        for v in r:
            like = ops.multiply(ops.add(like, v), 0.0)
    return ops.stack([ops.stack([ops.add(like, v) for v in r], -1) for r in rows], -2)


def affine_transform(
    boxes: Tensor,
    angle: object,
    translate_x: object,
    translate_y: object,
    scale: Tensor,
    shear_x: object,
    shear_y: object,
    height: object,
    width: object,
    center_x: object = None,
    center_y: object = None,
    bounding_box_format: str = "xyxy",
) -> TensorLike:
    """Upright boxes around boxes that are shifted, scaled, rotated and sheared, in this order, with their image.

    Args:
        boxes: tensor of shape (n, 4) or (batch, n, 4).
        angle: degrees, counterclockwise; this and the following are numbers, or tensors of shape (batch,).
        translate_x: shift to the right, as a share of width - 1.
        translate_y: shift downwards, as a share of height - 1.
        scale: factor of size.
        shear_x: degrees by which columns lean.
        shear_y: degrees by which rows lean.
        height: height of the image.
        width: width of the image.
        center_x: what stays in place when rotated, scaled and sheared, as a share of width - 1; 0.5 if None.
        center_y: as a share of height - 1; 0.5 if None.
        bounding_box_format: see `convert_format`.

    Returns:
        tensor of the shape of `boxes`, floating.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> boxes = ops.array([[10.0, 20.0, 30.0, 50.0]])
    >>> out = bounding_boxes.affine_transform(boxes, 0.0, 0.1, 0.0, 1.0, 0.0, 0.0, height=101, width=101)
    >>> ops.convert_to_numpy(out).tolist()
    [[20.0, 20.0, 40.0, 50.0]]
    """
    boxes = ops.convert_to_tensor(boxes)
    if not is_float(ops.dtype(boxes)):
        boxes = ops.cast(boxes, "float32")
    kind = ops.dtype(boxes)

    def number(v: Any) -> Tensor:
        return ops.cast(v, kind)

    h, w = number(height), number(width)
    cx = ops.multiply(number(0.5 if center_x is None else center_x), ops.subtract(w, 1.0))
    cy = ops.multiply(number(0.5 if center_y is None else center_y), ops.subtract(h, 1.0))
    dx = ops.multiply(number(translate_x), ops.subtract(w, 1.0))
    dy = ops.multiply(number(translate_y), ops.subtract(h, 1.0))
    turn, lean_x, lean_y = (ops.deg2rad(number(v)) for v in (angle, shear_x, shear_y))
    c, s = ops.multiply(ops.cos(turn), number(scale)), ops.multiply(ops.sin(turn), number(scale))
    shift = _matrix([[1.0, 0.0, ops.subtract(dx, cx)], [0.0, 1.0, ops.subtract(dy, cy)], [0.0, 0.0, 1.0]])
    rotate = _matrix([[c, s, 0.0], [ops.negative(s), c, 0.0], [0.0, 0.0, 1.0]])
    lean = _matrix([[1.0, 0.0, 0.0], [ops.tan(lean_y), 1.0, 0.0], [0.0, 0.0, 1.0]])
    lean_back = _matrix([[1.0, ops.tan(lean_x), cx], [0.0, 1.0, cy], [0.0, 0.0, 1.0]])
    matrix = ops.matmul(ops.matmul(lean_back, lean), ops.matmul(rotate, shift))
    pixels = moved(corners("affine_transform", boxes, bounding_box_format, height, width), matrix)
    return from_corners("affine_transform", pixels, bounding_box_format, height, width)
