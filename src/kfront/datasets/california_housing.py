"""California housing: 20,640 block groups of the census of 1990, 8 features, prices of houses (Pace, Barry, 1997)."""

from __future__ import annotations

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.datasets._tables import URL, load_table

__all__ = ["load_data"]

_URL = URL + "california_housing.npz"
_SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
_SMALL = 600


def __dir__() -> list[str]:
    return list(__all__)


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The table, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    The columns are longitude, latitude, age of houses, rooms, bedrooms, population, households and income of a block
    group, as the file has them.

    Args:
        version: "large" for all rows, "small" for the first 600.
        path: name of the file in the cache.
        test_split: fraction of the rows for the test set.
        seed: of the order of the rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 of shape `(n, 8)`, and median prices in $ of shape `(n,)`.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.california_housing.load_data()  # doctest: +SKIP
    """
    if version not in ("small", "large"):
        raise ArgumentError(f"[california_housing] expected `version` 'small' or 'large', got {version!r}.")
    first = _SMALL if version == "small" else None
    return load_table(path, _URL, _SHA256, 8, 20_640, "float32", test_split, seed, first)
