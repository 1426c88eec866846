"""CIFAR-10: 60,000 colour images of 10 kinds of things, 32 × 32 pixels (Krizhevsky, 2009)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kfront.datasets._cifar import load_batches
from kfront.utils.file_utils import get_file

__all__ = ["load_data"]

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_NAMES = (*(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)), "cifar-10-batches-py/test_batch")


def __dir__() -> list[str]:
    return list(__all__)


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The images and their classes, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    The classes are airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: values 0 to 255 of shape `(n, 32, 32, 3)`, or `(n, 3, 32, 32)` if the
        configured layout is "channels_first", and classes 0 to 9 of shape `(n, 1)`, all uint8.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.cifar10.load_data()  # doctest: +SKIP
    """
    *train, test = load_batches(
        Path(get_file("cifar-10-python.tar.gz", origin=_URL, file_hash=_SHA256)), _NAMES, "labels", 10
    )
    x, y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return (x, y), test
