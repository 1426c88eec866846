"""Confusion matrices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, ShapeError
from kfront.visualization.figures import finish, new_figure, to_host


def plot_confusion_matrix(
    y_true: object,
    y_pred: object,
    class_names: Sequence[str] | None = None,
    normalize: bool = False,
    path: str | os.PathLike[str] | None = None,
    show: bool | None = None,
    title: str | None = None,
    dpi: int = 100,
) -> Any:
    """Draw how often each true class was predicted as each class.

    Args:
        y_true: true classes, shape `(n,)`, or one-hot rows `(n, classes)`.
        y_pred: predicted classes, shape `(n,)`, or scores `(n, classes)` whose greatest counts.
        class_names: names of the classes; their numbers if None.
        normalize: shares of each true class instead of counts.
        path: file to write, e.g. ``"confusion.png"``.
        show: whether to open a window; by default where there is no `path`. False returns the figure.
        title: text above.
        dpi: dots per inch of the file.

    Returns:
        The matplotlib figure for `show=False` without `path`, else None.

    Raises:
        ShapeError: different numbers of true and predicted classes.
        ImportError: matplotlib is missing.

    Example:

    >>> import kfront
    >>> figure = kfront.visualization.plot_confusion_matrix([0, 1, 1], [0, 1, 0], ["cat", "dog"], show=False)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['cat', 'dog']
    """
    true, predicted = (_classes(to_host(y)) for y in (y_true, y_pred))
    if true.shape != predicted.shape or not true.size:
        raise ShapeError(
            f"[plot_confusion_matrix] expected as many predictions as labels, got {predicted.shape} and {true.shape}."
        )
    n = int(max(true.max(), predicted.max())) + 1 if class_names is None else len(class_names)
    if min(true.min(), predicted.min()) < 0 or max(true.max(), predicted.max()) >= n:
        raise ArgumentError(f"[plot_confusion_matrix] expected classes from 0 to {n - 1}; name every class.")
    counts = np.bincount(true * n + predicted, minlength=n * n).reshape(n, n)
    shown = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if normalize else counts
    figure = new_figure("plot_confusion_matrix", 2 + 0.5 * n, 1.6 + 0.5 * n)
    axes = figure.add_subplot()
    image = axes.imshow(shown, cmap="Blues", vmin=0)
    labels = [str(c) for c in (class_names if class_names is not None else range(n))]
    axes.set_xticks(range(n), labels, rotation=45 if max(map(len, labels)) > 3 else 0, ha="right")
    axes.set_yticks(range(n), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if n <= 30:
        for row, column in np.ndindex(n, n):
            text = f"{shown[row, column]:.2f}" if normalize else str(shown[row, column])
            colour = "white" if shown[row, column] > shown.max() / 2 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes)
    if title:
        axes.set_title(title)
    return finish(figure, "plot_confusion_matrix", path, show, dpi=dpi)


def _classes(y: np.ndarray) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    return y.reshape(-1).astype("int64")
