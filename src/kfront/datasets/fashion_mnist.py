"""Fashion-MNIST: 70,000 grey images of clothes, 28 × 28 pixels (Xiao, Rasul, Vollgraf, 2017, arXiv:1708.07747)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kfront.datasets._files import read_idx
from kfront.utils.file_utils import get_file

__all__ = ["load_data"]

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_FILES = {
    "train-images-idx3-ubyte.gz": (60_000, 28, 28),
    "train-labels-idx1-ubyte.gz": (60_000,),
    "t10k-images-idx3-ubyte.gz": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte.gz": (10_000,),
}


def __dir__() -> list[str]:
    return list(__all__)


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The images and their classes, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    The classes are t-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. The data is under
    the MIT licence.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: grey values 0 to 255 of shape `(n, 28, 28)` and classes 0 to 9 of shape
        `(n,)`, all uint8.

    Raises:
        DataError: the download failed, or a file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.fashion_mnist.load_data()  # doctest: +SKIP
    """
    x_train, y_train, x_test, y_test = (
        read_idx(Path(get_file(name, origin=_URL + name, cache_subdir="datasets/fashion-mnist")), shape)
        for name, shape in _FILES.items()
    )
    return (x_train, y_train), (x_test, y_test)
