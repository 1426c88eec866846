"""What the two housing data sets share: a table of numbers, shuffled and cut in two."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.datasets._files import read_npz
from kfront.utils.file_utils import get_file

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def load_table(
    path: str, origin: str, sha256: str, columns: int, rows: int, dtype: str, test_split: float, seed: int,
    first: int | None = None,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """`(x_train, y_train), (x_test, y_test)` of a file with arrays `x` and `y`.

    Args:
        path: name in the cache.
        origin: URL.
        sha256: hash of the file.
        columns: number of features.
        rows: greatest number of rows.
        dtype: of both arrays in the file.
        test_split: fraction of the rows for the test set.
        seed: of the order.
        first: use only so many rows.

    Raises:
        ArgumentError: `test_split` is no fraction.
    """
    if not 0 <= test_split < 1:
        raise ArgumentError(f"[load_data] expected `test_split` of at least 0 and below 1, got {test_split}.")
    file = Path(get_file(path, origin=origin, file_hash=sha256))
    arrays = read_npz(file, {"x": ((None, columns), dtype), "y": ((None,), dtype)}, most=rows)
    x, y = arrays["x"][:first], arrays["y"][:first]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    at = int(len(x) * (1 - test_split))
    return (x[:at], y[:at]), (x[at:], y[at:])
