"""What CIFAR-10 and CIFAR-100 share (Krizhevsky, 2009, "Learning multiple layers of features from tiny images")."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kfront.config import image_data_format
from kfront.core.errors import DataError
from kfront.datasets._pickles import read_tar, unpickle


def load_batches(path: Path, names: tuple[str, ...], labels: str, classes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels of each file in the archive.

    Args:
        path: the archive.
        names: of the files in it.
        labels: the key of the labels.
        classes: number of classes.

    Raises:
        DataError: a file holds something else.
    """
    return [_batch(unpickle(data, f"{path}: {n}"), labels, classes, n)
            for n, data in zip(names, read_tar(path, names), strict=True)]  # fmt: skip


def _batch(found: object, key: str, classes: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    table: dict[object, object] = found if isinstance(found, dict) else {}
    x, y = table.get(b"data"), table.get(key.encode())
    message = f"[datasets] expected images and labels in {name}, got something else; delete the file."
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != 3 * 32 * 32:
        raise DataError(message)
    if not isinstance(y, list) or len(y) != len(x) or not all(type(c) is int and 0 <= c < classes for c in y):
        raise DataError(message)
    images = x.reshape(-1, 3, 32, 32)
    if image_data_format() == "channels_last":
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(y, "uint8").reshape(-1, 1)
