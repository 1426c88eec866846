"""How four numbers describe a box."""

from __future__ import annotations

from typing import Any

from kfront import ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.typing import Tensor, TensorLike

FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
)  # fmt: skip


def _check(who: str, fmt: object) -> str:
    name = str(fmt).lower()
    if name not in FORMATS:
        raise ArgumentError(f"[{who}] expected a format among {', '.join(FORMATS)} (in any case), got {fmt!r}.")
    return name


def sides(boxes: TensorLike) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four numbers of each box, of shape (..., 1)."""
    a, b, c, d = ops.split(boxes, 4, -1)
    return a, b, c, d


def _size(value: TensorLike, dtype: str) -> float | Tensor:
    return float(value) if isinstance(value, (int, float)) else ops.cast(value, dtype)


def _scaled(who: str, boxes: TensorLike, fmt: str, height: Any, width: Any, up: bool) -> Tensor:
    """Relative boxes in pixels (`up`), or boxes in pixels relative to the image."""
    if height is None or width is None:
        raise ArgumentError(
            f"[{who}] expected `height` and `width` of the image to convert between pixels and shares of it, got "
            f"height={height}, width={width}."
        )
    dtype = ops.dtype(boxes)
    h, w = _size(height, dtype), _size(width, dtype)
    apply = ops.multiply if up else ops.divide
    factors = (h, w, h, w) if "yxyx" in fmt else (w, h, w, h)
    return ops.concatenate([apply(s, f) for s, f in zip(sides(boxes), factors, strict=True)], -1)


def corners(who: str, boxes: TensorLike, fmt: str, height: Any = None, width: Any = None) -> Any:
    """Boxes of any format as [left, top, right, bottom] in pixels."""
    fmt = _check(who, fmt)
    if fmt.startswith("rel_"):
        boxes = _scaled(who, boxes, fmt, height, width, True)
    kind = fmt.removeprefix("rel_")
    if kind == "xyxy":
        return boxes
    a, b, c, d = sides(boxes)
    if kind == "center_yxhw":
        a, b, c, d = b, a, d, c
    if kind.startswith("center"):
        a, b = ops.subtract(a, ops.multiply(c, 0.5)), ops.subtract(b, ops.multiply(d, 0.5))
    parts = (b, a, d, c) if kind == "yxyx" else (a, b, ops.add(a, c), ops.add(b, d))
    return ops.concatenate(list(parts), -1)


def from_corners(who: str, boxes: TensorLike, fmt: str, height: object = None, width: object = None) -> TensorLike:
    """Boxes given as [left, top, right, bottom] in pixels in any format."""
    fmt = _check(who, fmt)
    kind = fmt.removeprefix("rel_")
    if kind != "xyxy":
        left, top, right, bottom = sides(boxes)
        parts: tuple[object, ...] = (top, left, bottom, right)
        if kind != "yxyx":
            w, h = ops.subtract(right, left), ops.subtract(bottom, top)
            x, y = left, top
            if kind.startswith("center"):
                x, y = ops.add(left, ops.multiply(w, 0.5)), ops.add(top, ops.multiply(h, 0.5))
            parts = (y, x, h, w) if kind == "center_yxhw" else (x, y, w, h)
        boxes = ops.concatenate(list(parts), -1)
    return _scaled(who, boxes, fmt, height, width, False) if fmt.startswith("rel_") else boxes


def convert_format(
    boxes: object, source: str, target: str, height: object = None, width: object = None, dtype: str | None = "float32"
) -> Any:
    """Bounding boxes in another format.

    The formats: "xyxy" (left, top, right, bottom), "yxyx" (top, left, bottom, right), "xywh" (left, top, width,
    height), "center_xywh" and "center_yxhw" (with the center instead of the corner); "rel_xyxy", "rel_yxyx", "rel_xywh"
    and "rel_center_xywh" are shares of the image's width and height. Their case does not matter.

    Args:
        boxes: tensor of shape (..., 4), or a dict with such a tensor at "boxes".
        source: format that the boxes have.
        target: format that they get.
        height: height of the image in pixels; needed between relative and other formats.
        width: width of the image in pixels.
        dtype: dtype of the result; None keeps a floating one.

    Returns:
        tensor of the same shape, or a dict with it and the other entries.

    Raises:
        ArgumentError: for an unknown format, or a missing size.
        ShapeError: if the last dimension is not 4.

    Example:

    >>> from kfront import ops
    >>> from kfront.utils import bounding_boxes
    >>> out = bounding_boxes.convert_format(ops.array([[10.0, 20.0, 30.0, 50.0]]), "xyxy", "xywh")
    >>> ops.convert_to_numpy(out).tolist()
    [[10.0, 20.0, 20.0, 30.0]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    boxes = ops.convert_to_tensor(boxes, dtype)
    if not len(boxes.shape) or boxes.shape[-1] != 4:
        raise ShapeError(f"[convert_format] expected `boxes` of shape (..., 4), got {tuple(boxes.shape)}.")
    source, target = _check("convert_format", source), _check("convert_format", target)
    if source == target:
        return boxes
    if source.startswith("rel_") and target.startswith("rel_"):  # the size of the image cancels
        height, width = (1.0 if v is None else v for v in (height, width))
    pixels = corners("convert_format", boxes, source, height, width)
    return from_corners("convert_format", pixels, target, height, width)
