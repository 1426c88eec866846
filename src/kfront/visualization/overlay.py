"""Boxes and masks drawn into images."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import Any

import numpy as np

from kfront import config
from kfront.backends import backend_scope
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError, optional
from kfront.core.typing import TensorLike
from kfront.utils.bounding_boxes import convert_format
from kfront.visualization.figures import to_host


def _pixels(who: str, images: TensorLike, data_format: str | None) -> tuple[np.ndarray, bool]:
    """RGB images as bytes, channels last, and whether they came with channels first."""
    x = to_host(images)
    if x.ndim != 4:
        raise ShapeError(f"[{who}] expected images of shape (n, height, width, channels), got shape {x.shape}.")
    first = (data_format or config.image_data_format()) == "channels_first"
    x = x.transpose(0, 2, 3, 1) if first else x
    if x.shape[-1] not in (1, 3):
        raise ShapeError(f"[{who}] expected 1 or 3 channels, got {x.shape[-1]} (shape {x.shape}).")
    x = np.clip(x, 0, 255).astype("uint8")
    return np.repeat(x, 3 // x.shape[-1], -1), first


def _drawing(who: str) -> Any:
    return tuple(optional(who, f"PIL.{name}", "Pillow", "viz") for name in ("Image", "ImageDraw", "ImageFont"))


def _boxes(who: str, bounding_boxes: object, fmt: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, Any]:
    """Corners in pixels, labels, and confidences or None."""
    if not isinstance(bounding_boxes, dict):
        raise ArgumentTypeError(
            f"[{who}] expected `bounding_boxes` to be a dict with 'boxes' and 'labels', got "
            f"{type(bounding_boxes).__name__}."
        )
    missing = {"boxes", "labels"} - bounding_boxes.keys()
    if missing:
        raise ArgumentError(f"[{who}] expected 'boxes' and 'labels' in `bounding_boxes`, got no {sorted(missing)}.")

    with backend_scope("numpy"):
        corners = convert_format(to_host(bounding_boxes["boxes"]), fmt, "xyxy", *size)
    confidences = bounding_boxes.get("confidences")
    return corners, to_host(bounding_boxes["labels"]), None if confidences is None else to_host(confidences)


def _name(label: int, confidence: Any, names: Mapping[int, str] | None) -> str:
    if names is None or label not in names:
        return ""
    return names[label] if confidence is None else f"{names[label]} {float(confidence):.2f}"


def draw_bounding_boxes(
    images: TensorLike,
    bounding_boxes: dict[str, object],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Any = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Draw boxes, and the names of their classes, into images.

    Args:
        images: array or tensor of shape (n, height, width, channels), or channels first; values from 0 to 255.
        bounding_boxes: dict with "boxes" of shape (n, boxes, 4), "labels" of shape (n, boxes), and "confidences" of the
            same shape if there are any; boxes with a negative label are padding.
        bounding_box_format: see `kfront.utils.bounding_boxes.convert_format`.
        class_mapping: dict class -> name; boxes of other classes get no text.
        color: (red, green, blue) of boxes and text, 0 to 255.
        line_thickness: width of lines in pixels.
        text_thickness: width of the strokes of letters in pixels.
        font_scale: size of letters, 1 for 12 pixels.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.

    Returns:
        uint8 array of the images with 3 channels, in the layout they came in.

    Raises:
        ArgumentTypeError: `bounding_boxes` is not a dict.
        ArgumentError: it has no "boxes" or no "labels".
        ShapeError: `images` is not a batch of images.
        ImportError: Pillow is missing.

    Example:

    >>> import numpy as np
    >>> boxes = {"boxes": np.array([[[1, 1, 4, 4]]]), "labels": np.array([[0]])}
    >>> draw_bounding_boxes(np.zeros((1, 6, 6, 3)), boxes, "xyxy", line_thickness=1)[0, :, :, 0][1].tolist()
    [0, 128, 128, 128, 128, 0]
    """
    who = "draw_bounding_boxes"
    x, first = _pixels(who, images, data_format)
    corners, labels, confidences = _boxes(who, bounding_boxes, bounding_box_format, (x.shape[1], x.shape[2]))
    image_module, draw_module, font_module = _drawing(who)
    font = font_module.load_default(size=max(1.0, 12 * font_scale)) if class_mapping else None
    ink = tuple(int(c) for c in color)
    for i in range(len(x)):
        picture = image_module.fromarray(x[i])
        pen = draw_module.Draw(picture)
        for j, (left, top, right, bottom) in enumerate(np.round(corners[i]).astype(int).tolist()):
            if labels[i][j] < 0 or right < left or bottom < top:
                continue
            pen.rectangle((left, top, right, bottom), outline=ink, width=line_thickness)
            text = _name(int(labels[i][j]), None if confidences is None else confidences[i][j], class_mapping)
            if text:
                place = (left + line_thickness, top + line_thickness)
                pen.text(place, text, fill=ink, font=font, stroke_width=max(0, text_thickness - 1))
        x[i] = np.asarray(picture)
    return x.transpose(0, 3, 1, 2) if first else x


def _palette(count: int) -> dict[int, tuple[int, int, int]]:
    """Colors of classes 1 to `count`, neighbours far apart (hues in steps of the golden ratio)."""
    out = {}
    for i in range(1, count + 1):
        r, g, b = colorsys.hsv_to_rgb((i - 1) * 0.6180339887 % 1, 0.85, 1.0 if i % 2 else 0.75)
        out[i] = (round(r * 255), round(g * 255), round(b * 255))
    return out


def draw_segmentation_masks(
    images: TensorLike,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, object] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Draw segmentation masks over images, each class in its color.

    Args:
        images: array or tensor of shape (n, height, width, channels), or channels first; values from 0 to 255.
        segmentation_masks: integers of shape (n, height, width), with an axis of length 1 for channels or without:
            the class of each pixel, from 1 on; 0 is the background.
        num_classes: number of classes; the largest one in the masks if None.
        color_mapping: dict class -> (red, green, blue); classes that are not in it are not drawn.
        alpha: how opaque the masks are, 0 to 1.
        blend: whether the image shows through; False draws masks opaque.
        ignore_index: a class that is not drawn.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.

    Returns:
        uint8 array of the images with 3 channels, in the layout they came in.

    Raises:
        ArgumentTypeError: the masks are not integers.
        ShapeError: `images` is not a batch of images, or the masks do not fit.

    Example:

    >>> import numpy as np
    >>> mask = np.array([[[0, 1]]])
    >>> draw_segmentation_masks(np.zeros((1, 1, 2, 3)), mask, color_mapping={1: (100, 0, 0)})[0, 0].tolist()
    [[0, 0, 0], [80, 0, 0]]
    """
    x, first = _pixels("draw_segmentation_masks", images, data_format)
    masks = to_host(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise ArgumentTypeError(
            f"[draw_segmentation_masks] expected integer masks, got {masks.dtype}; apply argmax to scores first."
        )
    if masks.ndim == 4:
        masks = masks[:, 0] if first else masks[..., 0]
    if masks.shape != x.shape[:3]:
        raise ShapeError(
            f"[draw_segmentation_masks] expected masks of shape {x.shape[:3]}, got {np.shape(segmentation_masks)}."
        )
    if color_mapping is None:
        color_mapping = _palette(int(masks.max(initial=0)) if num_classes is None else num_classes)
    share = alpha if blend else 1.0
    out = x.astype("float32")
    for label, color in color_mapping.items():
        if label != ignore_index:
            chosen = masks == label
            out[chosen] = out[chosen] * (1 - share) + np.asarray(color, "float32") * share
    out = np.round(out).astype("uint8")
    return out.transpose(0, 3, 1, 2) if first else out
