"""How much boxes overlap."""

from __future__ import annotations

import math
from typing import Any

from kfront import ops
from kfront.config import epsilon
from kfront.core.errors import ShapeError
from kfront.core.typing import Tensor, TensorLike
from kfront.utils.bounding_boxes.formats import corners, sides


def _corners(who: str, boxes: TensorLike, fmt: str, image_shape: Any) -> Any:
    boxes = ops.convert_to_tensor(boxes, "float32")
    height, width = (None, None) if image_shape is None else tuple(image_shape)[:2]
    return corners(who, boxes, fmt, height, width)


def _areas(a: Tensor, b: Tensor) -> tuple[Any, Any]:
    """Areas of the common part and of both together, for corners that broadcast, without the last axis."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = sides(a), sides(b)
    w = ops.subtract(ops.minimum(ax2, bx2), ops.maximum(ax1, bx1))
    h = ops.subtract(ops.minimum(ay2, by2), ops.maximum(ay1, by1))
    common = ops.multiply(ops.maximum(w, 0.0), ops.maximum(h, 0.0))
    area_a = ops.multiply(ops.subtract(ax2, ax1), ops.subtract(ay2, ay1))
    area_b = ops.multiply(ops.subtract(bx2, bx1), ops.subtract(by2, by1))
    both = ops.subtract(ops.add(area_a, area_b), common)
    return ops.squeeze(common, -1), ops.squeeze(both, -1)


def compute_iou(
    boxes1: TensorLike,
    boxes2: TensorLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: object = None,
) -> Any:
    """Intersection over union of every box with every other.

    Args:
        boxes1: tensor of shape (m, 4) or (batch, m, 4).
        boxes2: tensor of shape (n, 4) or (batch, n, 4).
        bounding_box_format: see `convert_format`.
        use_masking: whether boxes all of whose numbers are negative are padding.
        mask_val: what padding gets.
        image_shape: (height, width, ...); needed for relative formats.

    Returns:
        tensor of shape (m, n) or (batch, m, n), float32.

    Raises:
        ShapeError: if the rank is not 2 or 3.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> a, b = ops.array([[0.0, 0.0, 2.0, 2.0]]), ops.array([[0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0]])
    >>> ops.convert_to_numpy(bounding_boxes.compute_iou(a, b, "xyxy")).tolist()
    [[0.5, 0.0]]
    """
    a = _corners("compute_iou", boxes1, bounding_box_format, image_shape)
    b = _corners("compute_iou", boxes2, bounding_box_format, image_shape)
    if not {len(a.shape), len(b.shape)} <= {2, 3}:
        raise ShapeError(
            f"[compute_iou] expected boxes of shape (n, 4) or (batch, n, 4), got {tuple(a.shape)} and {tuple(b.shape)}."
        )
    rows, columns = ops.expand_dims(a, -2), ops.expand_dims(b, -3)
    iou = ops.divide_no_nan(*_areas(rows, columns))
    if not use_masking:
        return iou
    padding = ops.logical_or(*(ops.less(ops.amax(x, -1), 0.0) for x in (rows, columns)))
    return ops.where(padding, float(mask_val), iou)


def compute_ciou(boxes1: TensorLike, boxes2: TensorLike, bounding_box_format: str, image_shape: object = None) -> Any:
    """Complete intersection over union of boxes, pair by pair: distance and aspect ratio count too.

    Args:
        boxes1: tensor of shape (..., 4).
        boxes2: tensor of shape (..., 4); both broadcast.
        bounding_box_format: see `convert_format`.
        image_shape: (height, width, ...); needed for relative formats.

    Returns:
        tensor of shape (...), float32; 1 for equal boxes.

    References:
        Zheng et al., "Distance-IoU loss: faster and better learning for bounding box regression", 2020.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> box = ops.array([0.0, 0.0, 2.0, 2.0])
    >>> round(float(bounding_boxes.compute_ciou(box, box, "xyxy")), 4)
    1.0
    """
    a = _corners("compute_ciou", boxes1, bounding_box_format, image_shape)
    b = _corners("compute_ciou", boxes2, bounding_box_format, image_shape)
    tiny = epsilon()
    common, both = _areas(a, b)
    iou = ops.divide(common, ops.add(both, tiny))
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = (tuple(ops.squeeze(s, -1) for s in sides(x)) for x in (a, b))
    between = ops.add(
        ops.square(ops.subtract(ops.add(ax1, ax2), ops.add(bx1, bx2))),
        ops.square(ops.subtract(ops.add(ay1, ay2), ops.add(by1, by2))),
    )
    around = ops.add(
        ops.square(ops.subtract(ops.maximum(ax2, bx2), ops.minimum(ax1, bx1))),
        ops.square(ops.subtract(ops.maximum(ay2, by2), ops.minimum(ay1, by1))),
    )
    distance = ops.divide(ops.multiply(between, 0.25), ops.add(around, tiny))
    angles = [
        ops.arctan(ops.divide(ops.subtract(x2, x1), ops.add(ops.subtract(y2, y1), tiny)))
        for x1, y1, x2, y2 in ((ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2))
    ]
    shape = ops.multiply(ops.square(ops.subtract(*angles)), 4 / math.pi**2)
    weight = ops.divide(shape, ops.add(ops.add(ops.subtract(shape, iou), 1.0), tiny))
    return ops.subtract(iou, ops.add(distance, ops.multiply(weight, shape)))
