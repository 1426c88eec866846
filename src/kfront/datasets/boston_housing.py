"""Boston housing: 506 districts, 13 features, prices of houses (Harrison, Rubinfeld, 1978)."""

from __future__ import annotations

import numpy as np

from kfront.datasets._tables import URL, load_table

__all__ = ["load_data"]

_URL = URL + "boston_housing.npz"
_SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def __dir__() -> list[str]:
    return list(__all__)


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The table, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    One of its columns was made on the assumption that where people of one race live among themselves decides prices.
    Use it only to show what is wrong with such data; `california_housing` is a replacement.

    Args:
        path: name of the file in the cache.
        test_split: fraction of the rows for the test set.
        seed: of the order of the rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 of shape `(n, 13)`, and median prices in 1000 $ of shape `(n,)`.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.boston_housing.load_data()  # doctest: +SKIP
    """
    return load_table(path, _URL, _SHA256, 13, 506, "float64", test_split, seed)
