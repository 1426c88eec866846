"""CIFAR-100: 60,000 colour images of 100 kinds of things, 32 × 32 pixels (Krizhevsky, 2009)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.datasets._cifar import load_batches
from kfront.utils.file_utils import get_file

__all__ = ["load_data"]

_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
_SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
_NAMES = ("cifar-100-python/train", "cifar-100-python/test")


def __dir__() -> list[str]:
    return list(__all__)


def load_data(label_mode: str = "fine") -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The images and their classes, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for the 20 groups that they form.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: values 0 to 255 of shape `(n, 32, 32, 3)`, or `(n, 3, 32, 32)` if the
        configured layout is "channels_first", and classes of shape `(n, 1)`, all uint8.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.cifar100.load_data()  # doctest: +SKIP
    """
    if label_mode not in ("fine", "coarse"):
        raise ArgumentError(f"[cifar100] expected `label_mode` 'fine' or 'coarse', got {label_mode!r}.")
    path = Path(get_file("cifar-100-python.tar.gz", origin=_URL, file_hash=_SHA256))
    train, test = load_batches(path, _NAMES, f"{label_mode}_labels", 100 if label_mode == "fine" else 20)
    return train, test
