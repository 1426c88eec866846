"""Geometric image layers with drawn numbers: one table for Keras and for kfront; see test_geometry.py."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH, HEIGHT, WIDTH = 3, 7, 9
_SHAPE = (BATCH, HEIGHT, WIDTH, 3)
_rng = np.random.Generator(np.random.Philox(key=11))

IMAGES = _rng.uniform(0, 255, _SHAPE).astype("float32")
MASKS = _rng.integers(0, 5, (BATCH, HEIGHT, WIDTH, 1)).astype("int32")
BOXES = np.array([[[1, 1, 5, 4], [0, 0, 2, 3]], [[2, 3, 8, 6], [4, 0, 6, 6]], [[3, 2, 5, 5], [8, 6, 9, 7]]], "float32")
LABELS = np.array([[1, 2], [3, 4], [5, 6]], "int32")


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer, the uniform numbers that it draws, and what Keras makes of them.

    Attributes:
        numbers: what `_draw` returns; None for layers that draw nothing.
        keras: Keras's transformation; None to let its layer make it.
        boxes: whether Keras moves boxes with the pixels of this case (where it does not, the reason stands beside).
        masks: the same for masks.
    """

    layer: str
    args: dict[str, Any]
    numbers: np.ndarray | None = None
    keras: Callable[[], Any] | None = None
    boxes: bool = True
    masks: bool = True

    @property
    def id(self) -> str:
        """A name."""
        return f"{self.layer}-{self.args}"


def _numbers(*values: float) -> np.ndarray:
    return np.array(values, "float32").reshape(BATCH, -1)


def _between(u: np.ndarray, low: float, high: float) -> np.ndarray:
    return (low + u * (high - low)).astype("float32")


_SIZE = {"image_height": HEIGHT, "image_width": WIDTH, "batch_size": BATCH}
_TURNS = np.array([0.13, -0.07, 0.19], "float32") * np.float32(2 * math.pi)


def _rotation() -> dict[str, Any]:
    c, s = np.cos(_TURNS), np.sin(_TURNS)
    x, y = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    zero = np.zeros(BATCH, "float32")
    matrix = np.stack([c, -s, x - c * x + s * y, s, c, y - s * x - c * y, zero, zero], 1).astype("float32")
    return {"angle": np.rad2deg(_TURNS), "rotation_matrix": matrix, **_SIZE}


_PAIRS = _numbers(0.13, 0.71, 0.93, 0.37, 0.58, 0.22)
_FOURS = np.concatenate([_PAIRS, _numbers(0.9, 0.1, 0.2, 0.8, 0.7, 0.3)], 1)


def _translation() -> dict[str, Any]:
    rows, columns = _between(_PAIRS[:, 0], -0.3, 0.3) * HEIGHT, _between(_PAIRS[:, 1], -0.1, 0.2) * WIDTH
    return {"translations": np.stack([columns, rows], 1), "input_shape": _SHAPE}


def _zoom() -> dict[str, Any]:
    rows, columns = _between(_PAIRS[:, :1], -0.3, 0.4) + 1, _between(_PAIRS[:, 1:], -0.2, 0.2) + 1
    return {"height_zoom": rows, "width_zoom": columns, "input_shape": _SHAPE}


def _shear() -> dict[str, Any]:
    size = np.stack([_between(_PAIRS[:, 0], 0, 0.3), _between(_PAIRS[:, 1], 0.1, 0.2)], 1)
    return {"shear_factor": size * np.where(_FOURS[:, 2:] < 0.5, -1, 1).astype("float32"), "input_shape": _SHAPE}


_TENS = _rng.uniform(0, 1, (BATCH, 10)).astype("float32")


def _perspective() -> dict[str, Any]:
    right, bottom = WIDTH - 1, HEIGHT - 1
    start = np.array([[0, 0], [right, 0], [0, bottom], [right, bottom]], "float32")
    end = start * (1 + (_TENS[:, :8].reshape(-1, 4, 2) - 0.5) * 0.4)
    chosen = _TENS[:, 8] < _between(_TENS[:, 9], 0.3, 0.9)
    start = np.broadcast_to(start, end.shape)
    return {"apply_perspective": chosen, "start_points": start, "end_points": end, "input_shape": _SHAPE}


def _flips() -> dict[str, Any]:
    return {"flips": np.array([True, False, True]).reshape(-1, 1, 1, 1), "input_shape": _SHAPE}


_HALVES = _numbers(0.1, 0.7, 0.3)

CASES = [
    Case("Resizing", {"height": 5, "width": 12}),
    Case("Resizing", {"height": 5, "width": 4, "interpolation": "bicubic", "antialias": True}),
    # Keras places boxes as if images were resized before they are cropped or padded, with rounded sizes
    Case("Resizing", {"height": 4, "width": 12, "crop_to_aspect_ratio": True}, boxes=False),
    Case("Resizing", {"height": 10, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 9.0}, boxes=False),
    Case("CenterCrop", {"height": 4, "width": 6}),
    # Keras mixes the classes of a mask where it resizes
    Case("CenterCrop", {"height": 8, "width": 6}, masks=False),
    Case("RandomFlip", {"mode": "horizontal"}, _HALVES, _flips),
    Case("RandomFlip", {"mode": "vertical"}, _HALVES, _flips),
    Case("RandomFlip", {}, np.concatenate([_HALVES] * 2, 1), _flips),
    *(
        Case("RandomRotation", {"factor": 0.2, "fill_mode": m, "fill_value": 7.0}, _TURNS, _rotation)
        for m in ("reflect", "wrap", "constant", "nearest")
    ),
    Case("RandomRotation", {"factor": (-0.1, 0.2), "interpolation": "nearest"}, _TURNS, _rotation),
    Case("RandomTranslation", {"height_factor": 0.3, "width_factor": (-0.1, 0.2)}, _PAIRS, _translation),
    Case("RandomZoom", {"height_factor": (-0.3, 0.4), "width_factor": 0.2}, _PAIRS, _zoom),
    # Keras shears boxes by other angles than pixels
    Case("RandomShear", {"x_factor": 0.3, "y_factor": (0.1, 0.2)}, _FOURS, _shear, boxes=False),
    # Keras moves boxes the other way than pixels
    Case(
        "RandomPerspective", {"factor": (0.3, 0.9), "scale": 0.4, "fill_value": 3.0}, _TENS, _perspective, boxes=False
    ),
]

# one of each, for configs, signatures and files
DEFAULTS: dict[str, dict[str, Any]] = {
    "Resizing": {"height": 3, "width": 4},
    "CenterCrop": {"height": 3, "width": 4},
    "RandomCrop": {"height": 3, "width": 4, "seed": 3},
    "RandomFlip": {"mode": "vertical"},
    "RandomRotation": {"factor": 0.1, "seed": 3},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": (0.1, 0.2)},
    "RandomZoom": {"height_factor": (-0.1, 0.2)},
    "RandomShear": {"x_factor": (0.1, 0.2), "y_factor": (0.0, 0.3)},
    "RandomPerspective": {"factor": 0.5, "scale": 0.3},
    "RandomElasticTransform": {"factor": (0.2, 0.5), "scale": 0.3, "value_range": (0, 1)},
}
