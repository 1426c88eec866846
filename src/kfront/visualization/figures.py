"""What every plot needs: a figure, host arrays, and a way out to a file or a window."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from kfront import backends
from kfront.core.errors import ArgumentError, optional


def new_figure(who: str, width: float, height: float) -> Any:
    """An empty matplotlib figure that belongs to no window.

    Args:
        who: name of the calling function, for the message.
        width: inches.
        height: inches.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = optional(who, "matplotlib.figure", "matplotlib", "viz")
    return figure.Figure(figsize=(width, height), layout="constrained")


def to_host(x: object) -> np.ndarray:
    """A NumPy array of anything array-like, tensors included."""
    if isinstance(x, (np.ndarray, list, tuple, int, float)):
        return np.asarray(x)

    for b in [backends.current(), *backends._loaded.values()]:
        if b.is_tensor(x):
            return b.to_numpy(x)
    return np.asarray(x)


def finish(figure: Any, who: str, path: str | os.PathLike[str] | None, show: bool | None, **save: object) -> Any:
    """Write the figure to `path`, or show it, or return it.

    Raises:
        ArgumentError: both `path` and `show` are given.
    """
    if path is not None and show:
        raise ArgumentError(f"[{who}] expected `path` or `show=True`, got both; a figure is written or shown.")
    if path is not None:
        figure.savefig(os.fspath(path), **save)
        return None
    if show is False:
        return figure
    from matplotlib import pyplot  # heavy, and needed to show a figure only

    # a window (or notebook cell) of pyplot's takes the figure over
    manager = pyplot.figure().canvas.manager
    assert manager is not None
    manager.canvas.figure = figure
    figure.set_canvas(manager.canvas)
    pyplot.show()
    return None
