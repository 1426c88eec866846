"""Pooling, over views of all windows."""

from __future__ import annotations

import numpy as np

from kfront.backends.numpy.common import lowest, wide
from kfront.backends.numpy.conv import channels_last, original_layout, padded, windows
from kfront.backends.typing import Sizes
from kfront.core.shapes_nn import spatial


def _pools(
    inputs: np.ndarray, pool_size: Sizes, strides: Sizes, data_format: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = channels_last(inputs, data_format)
    n = x.ndim - 2
    sizes = spatial(pool_size, n, "pool_size")
    return x, sizes, sizes if strides is None else spatial(strides, n, "strides")


def max_pool(inputs: np.ndarray, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> np.ndarray:
    x, sizes, steps = _pools(inputs, pool_size, strides, data_format)
    ones = (1,) * len(sizes)
    view = windows(padded(x, sizes, steps, ones, padding, lowest(x.dtype)), sizes, steps, ones)
    return original_layout(np.max(view, tuple(range(-len(sizes), 0))), data_format)


@wide
def average_pool(inputs: np.ndarray, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> np.ndarray:
    x, sizes, steps = _pools(inputs, pool_size, strides, data_format)
    ones = (1,) * len(sizes)
    axes = tuple(range(-len(sizes), 0))

    def total(v: np.ndarray) -> np.ndarray:
        return np.sum(windows(padded(v, sizes, steps, ones, padding), sizes, steps, ones), axes)

    return original_layout(total(x) / total(np.ones((1, *x.shape[1:-1], 1), x.dtype)), data_format)
