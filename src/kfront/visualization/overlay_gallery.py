"""Galleries of images with true and predicted boxes or masks drawn into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.core.typing import Tensor, TensorLike
from kfront.visualization.figures import to_host
from kfront.visualization.gallery import plot_image_gallery
from kfront.visualization.overlay import draw_bounding_boxes, draw_segmentation_masks


def _to_bytes(images: TensorLike, value_range: tuple[float, float]) -> np.ndarray:
    """Images with values from 0 to 255."""
    low, high = value_range
    return (np.asarray(to_host(images), "float32") - low) * (255 / (high - low))


def plot_bounding_box_gallery(
    images: TensorLike,
    bounding_box_format: str,
    y_true: dict[str, object] | None = None,
    y_pred: dict[str, object] | None = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: object = (0, 188, 212),
    pred_color: object = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: object = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Draw a grid of images with their bounding boxes.

    Args:
        images: array or tensor of shape (n, height, width, channels), or channels first.
        bounding_box_format: see `kfront.utils.bounding_boxes.convert_format`.
        y_true: true boxes, a dict as for `draw_bounding_boxes`.
        y_pred: predicted boxes.
        value_range: what is black and what is white.
        true_color: (red, green, blue) of true boxes, 0 to 255.
        pred_color: color of predicted boxes.
        line_thickness: width of lines in pixels.
        font_scale: size of letters.
        text_thickness: width of the strokes of letters; that of lines if None.
        class_mapping: dict class -> name.
        ground_truth_mapping: names for true boxes, instead of `class_mapping`.
        prediction_mapping: names for predicted boxes, instead of `class_mapping`.
        legend: whether a legend explains the colors.
        legend_handles: matplotlib patches for a legend.
        rows: rows of the grid.
        cols: columns of the grid.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.
        **kwargs: for `plot_image_gallery`, such as `path` and `show`.

    Returns:
        What `plot_image_gallery` returns.

    Raises:
        ArgumentError: both `legend` and `legend_handles` are given.
        ImportError: matplotlib or Pillow is missing.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> images = np.zeros((2, 16, 16, 3))
    >>> boxes = {"boxes": np.full((2, 1, 4), [2.0, 2.0, 9.0, 9.0]), "labels": np.zeros((2, 1), "int32")}
    >>> figure = kfront.visualization.plot_bounding_box_gallery(images, "xyxy", boxes, rows=1, cols=2, show=False)
    >>> len(figure.axes)
    2
    """
    if legend and legend_handles is not None:
        raise ArgumentError("[plot_bounding_box_gallery] expected `legend` or `legend_handles`, got both.")
    x: Any = _to_bytes(images, value_range)
    shown = []
    for boxes, color, names, word in (
        (y_true, true_color, ground_truth_mapping or class_mapping, "Ground truth"),
        (y_pred, pred_color, prediction_mapping or class_mapping, "Prediction"),
    ):
        if boxes is not None:
            width = line_thickness if text_thickness is None else text_thickness
            x = draw_bounding_boxes(
                x, boxes, bounding_box_format, names, color, line_thickness, width, font_scale, data_format
            )
            shown.append((word, color))
    if legend:
        from matplotlib import patches  # optional, and needed for legends only

        legend_handles = [patches.Patch(color=tuple(v / 255 for v in c), label=word) for word, c in shown]
    return plot_image_gallery(x, rows=rows, cols=cols, legend_handles=legend_handles, data_format=data_format, **kwargs)


def plot_segmentation_mask_gallery(
    images: TensorLike,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Tensor | None = None,
    y_pred: Tensor | None = None,
    color_mapping: Mapping[int, object] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Draw a grid of images with segmentation masks over them, true ones to the left of predicted ones.

    Args:
        images: array or tensor of shape (n, height, width, channels), or channels first.
        num_classes: number of classes, which count from 1; 0 is the background.
        value_range: what is black and what is white.
        y_true: true masks, integers of shape (n, height, width) or with an axis of length 1 for channels.
        y_pred: predicted masks.
        color_mapping: dict class -> (red, green, blue).
        blend: whether images show through.
        alpha: how opaque masks are, 0 to 1.
        ignore_index: a class that is not drawn.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.
        **kwargs: for `plot_image_gallery`, such as `path` and `show`.

    Returns:
        What `plot_image_gallery` returns.

    Raises:
        ArgumentTypeError: the masks are not integers.
        ImportError: matplotlib is missing.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> images, masks = np.zeros((2, 16, 16, 3)), np.ones((2, 16, 16), "int32")
    >>> figure = kfront.visualization.plot_segmentation_mask_gallery(
    ...     images, 2, y_true=masks, y_pred=masks, rows=1, cols=2, show=False
    ... )
    >>> len(figure.axes)
    2
    """
    x = _to_bytes(images, value_range)

    def draw(masks: TensorLike) -> np.ndarray:
        masks = np.asarray(to_host(masks))
        return draw_segmentation_masks(x, masks, num_classes, color_mapping, alpha, blend, ignore_index, data_format)

    columns = [draw(m) for m in (y_true, y_pred) if m is not None] or [x]
    return plot_image_gallery(_side_by_side(columns), data_format=data_format, **kwargs)


def _side_by_side(columns: list[np.ndarray]) -> np.ndarray:
    """The images of several lists one after another: first of all, second of all, ..."""
    return np.stack(columns, 1).reshape(-1, *columns[0].shape[1:])
