"""Boxes as differences to anchors, as detectors predict them.

References:
    Ren et al., "Faster R-CNN: towards real-time object detection with region proposal networks", 2015.
"""

from __future__ import annotations

from typing import Any

from kfront import ops
from kfront.config import epsilon
from kfront.core.errors import ArgumentError
from kfront.core.typing import Tensor, TensorLike
from kfront.utils.bounding_boxes.formats import convert_format


def _check(who: str, name: str, fmt: str, variance: object) -> Tensor | None:
    """The variance as a tensor, or None."""
    if fmt not in ("center_xywh", "center_yxhw"):
        raise ArgumentError(f"[{who}] expected `{name}` to be 'center_xywh' or 'center_yxhw', got {fmt!r}.")
    if variance is None:
        return None
    factors = ops.convert_to_tensor(variance, "float32")
    if tuple(factors.shape) != (4,):
        raise ArgumentError(f"[{who}] expected `variance` to be 4 numbers, got shape {tuple(factors.shape)}.")
    return factors


def _halves(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return boxes[..., :2], boxes[..., 2:]


def _image(image_shape: Any) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else tuple(image_shape)[:2]


def encode_box_to_deltas(
    anchors: object,
    boxes: TensorLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: object = None,
    image_shape: object = None,
) -> Tensor:
    """What leads from anchors to boxes: shifts of the center in sizes of the anchor, and logarithms of sizes.

    Args:
        anchors: tensor of shape (n, 4).
        boxes: tensor of shape (n, 4) or (batch, n, 4).
        anchor_format: format of the anchors; see `convert_format`.
        box_format: format of the boxes.
        encoding_format: "center_yxhw" or "center_xywh": the order of the deltas.
        variance: 4 numbers that deltas are divided by.
        image_shape: (height, width, ...); needed for relative formats.

    Returns:
        tensor of the shape of `boxes`, float32.

    Raises:
        ArgumentError: for another encoding format, or not 4 variances.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> anchor, box = ops.array([[0.0, 0.0, 10.0, 20.0]]), ops.array([[1.0, 2.0, 11.0, 22.0]])
    >>> d = bounding_boxes.encode_box_to_deltas(anchor, box, "xyxy", "xyxy")
    >>> ops.convert_to_numpy(ops.round(d, 3)).tolist()
    [[0.10000000149011612, 0.10000000149011612, 0.0, 0.0]]
    """
    factors = _check("encode_box_to_deltas", "encoding_format", encoding_format, variance)
    image = _image(image_shape)
    place, size = _halves(convert_format(anchors, anchor_format, encoding_format, *image))
    box_place, box_size = _halves(convert_format(boxes, box_format, encoding_format, *image))
    size, box_size = ops.maximum(size, epsilon()), ops.maximum(box_size, epsilon())
    deltas = [ops.divide(ops.subtract(box_place, place), size), ops.log(ops.divide(box_size, size))]
    out = ops.concatenate(deltas, -1)
    return out if factors is None else ops.divide(out, factors)


def decode_deltas_to_boxes(
    anchors: Tensor,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: object = None,
    image_shape: object = None,
) -> Any:
    """Boxes from anchors and deltas; the inverse of `encode_box_to_deltas`.

    Args:
        anchors: tensor of shape (n, 4), or a dict of such (the levels of a pyramid).
        boxes_delta: tensor of shape (n, 4) or (batch, n, 4), or a dict with the same keys.
        anchor_format: format of the anchors; see `convert_format`.
        box_format: format of the result.
        encoded_format: "center_yxhw" or "center_xywh": the order of the deltas.
        variance: 4 numbers that deltas are multiplied by.
        image_shape: (height, width, ...); needed for relative formats.

    Returns:
        tensor of the shape of `boxes_delta`, float32, or a dict of such.

    Raises:
        ArgumentError: for another encoded format, or not 4 variances.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> anchor, delta = ops.array([[0.0, 0.0, 10.0, 20.0]]), ops.array([[0.1, 0.1, 0.0, 0.0]])
    >>> ops.convert_to_numpy(bounding_boxes.decode_deltas_to_boxes(anchor, delta, "xyxy", "xyxy")).tolist()
    [[1.0, 2.0, 11.0, 22.0]]
    """
    if isinstance(anchors, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {k: decode_deltas_to_boxes(v, boxes_delta[k], *rest) for k, v in anchors.items()}
    factors = _check("decode_deltas_to_boxes", "encoded_format", encoded_format, variance)
    deltas = ops.convert_to_tensor(boxes_delta, "float32")
    if factors is not None:
        deltas = ops.multiply(deltas, factors)
    image = _image(image_shape)
    place, size = _halves(convert_format(anchors, anchor_format, encoded_format, *image))
    shift, growth = _halves(deltas)
    boxes = [ops.add(ops.multiply(shift, size), place), ops.multiply(ops.exp(growth), size)]
    return convert_format(ops.concatenate(boxes, -1), encoded_format, box_format, *image)
