"""Rows: image layers that change the size of images, or move what is in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kfront import layers as L

from .row import Row, ids, row, x

__all__ = ["ROWS"]

_JUMPS = "pixels come from other places where a draw differs in its last bit: values jump at the edge of a pixel"


def _everything() -> dict[str, Any]:
    """Images with all that may belong to them."""
    corners = x(2, 4, seed=5, low=0, high=1)
    corners[..., :2] *= 2.0
    corners[..., 2:] = corners[..., :2] + 1 + 2 * corners[..., 2:]
    return {
        "images": x(5, 7, 3, low=0, high=1),
        "labels": ids(below=4),
        "bounding_boxes": {"boxes": corners, "labels": ids(2, below=4)},
        "segmentation_masks": ids(5, 7, 1, below=3),
    }


def _sized() -> list[Row]:
    image, first = x(5, 7, 3), {"data_format": "channels_first"}
    makes: dict[tuple[str, str], tuple[Callable[[], Any], bool]] = {
        ("Resizing", "plain"): (lambda: L.Resizing(4, 9), False),
        ("Resizing", "crop"): (lambda: L.Resizing(3, 6, "nearest", crop_to_aspect_ratio=True), True),
        ("Resizing", "pad"): (lambda: L.Resizing(8, 6, "bicubic", pad_to_aspect_ratio=True, fill_value=0.5), True),
        ("Resizing", "antialias"): (lambda: L.Resizing(2, 3, "lanczos3", antialias=True), True),
        ("CenterCrop", "plain"): (lambda: L.CenterCrop(3, 4), False),
        ("CenterCrop", "too small"): (lambda: L.CenterCrop(8, 6), True),
    }
    out = [row(name, tag, make, image, free=(1, 2), light=light) for (name, tag), (make, light) in makes.items()]
    out.append(row("Resizing", "channels first", lambda: L.Resizing(4, 3, **first), x(3, 5, 7), light=True))
    out.append(row("CenterCrop", "channels first", lambda: L.CenterCrop(4, 3, **first), x(3, 5, 7), light=True))
    boxes = {"bounding_box_format": "xyxy"}
    for name, make in (
        ("Resizing", lambda: L.Resizing(4, 9, pad_to_aspect_ratio=True, **boxes)),
        ("CenterCrop", lambda: L.CenterCrop(3, 4, **boxes)),
    ):
        out.append(row(name, "everything", make, _everything(), light=True))
    crop = lambda: L.RandomCrop(3, 4, seed=1, **boxes)  # noqa: E731
    out.append(row("RandomCrop", "not training", crop, image, training=False, free=(1, 2), light=True))
    out.insert(0, row("RandomCrop", "plain", crop, _everything(), training=True, random=True))
    return out


def _moved() -> list[Row]:
    boxes = {"seed": 1, "bounding_box_format": "xyxy"}
    makes: dict[str, Callable[..., Any]] = {
        "RandomFlip": lambda **k: L.RandomFlip(**k),
        "RandomRotation": lambda **k: L.RandomRotation(0.2, **k),
        "RandomTranslation": lambda **k: L.RandomTranslation(0.3, (-0.1, 0.2), fill_mode="wrap", **k),
        "RandomZoom": lambda **k: L.RandomZoom((-0.3, 0.3), 0.2, fill_mode="nearest", **k),
        "RandomShear": lambda **k: L.RandomShear(0.2, 0.3, fill_mode="constant", fill_value=0.5, **k),
        "RandomPerspective": lambda **k: L.RandomPerspective((0.5, 1.0), 0.3, **k),
        "RandomElasticTransform": lambda **k: L.RandomElasticTransform(1.0, (0.2, 0.5), value_range=(0, 1), **k),
    }
    out = []
    for name, make in makes.items():
        images = x(6, 5, 3, low=0, high=1)
        out.append(
            row(name, "plain", lambda m=make: m(seed=1), images, training=True, random=True, rtol=1e-3, reason=_JUMPS)
        )
        out.append(row(name, "not training", lambda m=make: m(**boxes), _everything(), training=False, light=True))
        with_boxes = lambda m=make: m(**boxes)  # noqa: E731
        out.append(
            row(name, "everything", with_boxes, _everything(), training=True, random=True, light=True, rtol=1e-3,
                reason=_JUMPS)
        )  # fmt: skip
    return out


ROWS = [*_sized(), *_moved()]
