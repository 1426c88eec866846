"""MNIST: 70,000 handwritten digits, 28 × 28 pixels (LeCun, Cortes, Burges, 1998)."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from kfront.core import settings
from kfront.core.errors import DataError
from kfront.datasets._files import read_npz
from kfront.utils.file_utils import get_file, is_offline

__all__ = ["load_data"]

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_SAMPLE = Path(__file__).parent / "data" / "mnist_10k.npz"
_LAYOUT = {
    "x_train": ((None, 28, 28), "uint8"),
    "y_train": ((None,), "uint8"),
    "x_test": ((None, 28, 28), "uint8"),
    "y_test": ((None,), "uint8"),
}


def __dir__() -> list[str]:
    return list(__all__)


def load_data(path: str = "mnist.npz") -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The digits, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    With `KFRONT_OFFLINE=1` nothing is downloaded: a sample of 8,000 + 2,000 digits that comes with kfront stands in
    where the data set is not in the cache. The data is licensed CC BY-SA 3.0.

    Args:
        path: name of the file in the cache.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: grey values 0 to 255 of shape `(n, 28, 28)` and digits of shape `(n,)`,
        all uint8.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.mnist.load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    if is_offline() and not (settings.home() / "datasets" / path).is_file():
        warnings.warn("KFRONT_OFFLINE is set: using the bundled sample of 10,000 MNIST digits.", stacklevel=2)
        file = _SAMPLE
    else:
        try:
            file = Path(get_file(path, origin=_URL, file_hash=_SHA256))
        except DataError as e:
            raise DataError(
                f"{e} Or set KFRONT_OFFLINE=1 to work with the sample of 10,000 digits that comes with kfront."
            ) from e
    arrays = read_npz(file, _LAYOUT, most=60_000)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
