"""Curves of losses and metrics over epochs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.visualization.figures import finish, new_figure


def plot_training_curves(
    history: object,
    metrics: Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    show: bool | None = None,
    title: str | None = None,
    dpi: int = 100,
) -> Any:
    """Draw what `fit` recorded: one panel for each loss or metric, training and validation together.

    Args:
        history: the `History` that `fit` returns, or its dict.
        metrics: names of the panels; all but the learning rate if None.
        path: file to write, e.g. ``"curves.png"``.
        show: whether to open a window; by default where there is no `path`. False returns the figure.
        title: text above the panels.
        dpi: dots per inch of the file.

    Returns:
        The matplotlib figure for `show=False` without `path`, else None.

    Raises:
        ArgumentError: nothing was recorded, or not under one of these names.
        ImportError: matplotlib is missing.

    Example:

    >>> import kfront
    >>> recorded = {"loss": [0.9, 0.4], "val_loss": [0.8, 0.5]}
    >>> kfront.visualization.plot_training_curves(recorded, show=False)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    recorded = getattr(history, "history", history)
    if not isinstance(recorded, Mapping):
        raise ArgumentTypeError(f"[plot_training_curves] expected the History that fit() returns, got {history!r}.")
    if metrics is None:
        metrics = [n for n in recorded if not n.startswith("val_") and n != "learning_rate"]
    unknown = [m for m in metrics if m not in recorded]
    if unknown or not metrics:
        raise ArgumentError(
            f"[plot_training_curves] expected recorded values, got {unknown or 'none'}; there are: {list(recorded)}."
        )
    figure = new_figure("plot_training_curves", 4.8 * len(metrics), 3.6)
    for i, name in enumerate(metrics):
        axes = figure.add_subplot(1, len(metrics), i + 1)
        for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
            if key in recorded:
                values = np.asarray(recorded[key], dtype="float64")
                axes.plot(np.arange(1, len(values) + 1), values, style, marker=".", label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name.replace("_", " "))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    if title:
        figure.suptitle(title)
    return finish(figure, "plot_training_curves", path, show, dpi=dpi)
