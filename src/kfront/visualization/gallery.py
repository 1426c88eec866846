"""Grids of images with their labels and predictions."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from kfront import config
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.typing import TensorLike
from kfront.visualization.figures import finish, new_figure, to_host


def plot_image_gallery(
    images: TensorLike,
    y_true: object = None,
    y_pred: object = None,
    label_map: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: str | os.PathLike[str] | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: object = None,
    data_format: str | None = None,
) -> Any:
    """Draw images in a grid; a wrong prediction is written in red.

    Args:
        images: array or tensor of shape `(n, height, width, channels)`, or channels first; 1, 3 or 4 channels.
        y_true: true classes, shape `(n,)`.
        y_pred: predicted classes, shape `(n,)`.
        label_map: dict or list class -> name; needed with `y_true` or `y_pred`.
        rows: rows of the grid.
        cols: columns of the grid; both are chosen to make it about square where None.
        value_range: what is black and what is white.
        scale: inches of an image.
        path: file to write, e.g. ``"digits.png"``.
        show: whether to open a window; by default where there is no `path`. False returns the figure.
        transparent: whether the file has no background.
        dpi: dots per inch of the file.
        legend_handles: matplotlib patches for a legend.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.

    Returns:
        The matplotlib figure for `show=False` without `path`, else None.

    Raises:
        ArgumentError: labels without `label_map`, or both `path` and `show`.
        ShapeError: `images` is not a batch of images.
        ImportError: matplotlib is missing.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> figure = kfront.visualization.plot_image_gallery(np.zeros((4, 8, 8, 3)), rows=2, cols=2, show=False)
    >>> len(figure.axes)
    4
    """
    pixels = _pixels(images, value_range, data_format)
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ArgumentError("[plot_image_gallery] expected `label_map` with `y_true` or `y_pred`; pass {class: name}.")
    rows, cols = _grid(len(pixels), rows, cols)
    labelled = y_true is not None or y_pred is not None
    figure = new_figure("plot_image_gallery", cols * scale, rows * (scale + (0.35 if labelled else 0)))
    true, predicted = (None if y is None else to_host(y).reshape(-1) for y in (y_true, y_pred))
    for i, image in enumerate(pixels[: rows * cols]):
        axes = figure.add_subplot(rows, cols, i + 1)
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_axis_off()
        parts = []
        if true is not None:
            parts.append(f"Label: {label_map[int(true[i])]}")
        if predicted is not None:
            parts.append(f"Pred: {label_map[int(predicted[i])]}")
        wrong = true is not None and predicted is not None and true[i] != predicted[i]
        if parts:
            axes.set_title("  ".join(parts), fontsize=8, color="red" if wrong else "black")
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="outside lower center")
    return finish(figure, "plot_image_gallery", path, show, transparent=transparent, dpi=dpi)


def _pixels(images: TensorLike, value_range: tuple[float, float], data_format: str | None) -> np.ndarray:
    """Images channels last (or without channels where there is one), scaled to 0…1."""
    x = np.asarray(to_host(images), dtype="float32")
    if x.ndim != 4 or not len(x):
        raise ShapeError(f"[plot_image_gallery] expected images of shape (n, height, width, channels), got {x.shape}.")
    if (data_format or config.image_data_format()) == "channels_first":
        x = x.transpose(0, 2, 3, 1)
    if x.shape[-1] not in (1, 3, 4):
        raise ShapeError(f"[plot_image_gallery] expected 1, 3 or 4 channels, got {x.shape[-1]} (shape {x.shape}).")
    low, high = value_range
    x = np.clip((x - low) / (high - low), 0, 1)
    return x[..., 0] if x.shape[-1] == 1 else x


def _grid(n: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    if rows is None and cols is None:
        cols = math.ceil(math.sqrt(n))
    if cols is None:
        cols = math.ceil(n / max(rows or 1, 1))
    return rows or math.ceil(n / cols), cols
