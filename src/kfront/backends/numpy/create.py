"""New arrays."""

from __future__ import annotations

import numpy as np

from kfront.backends.numpy.common import HALVES, dtype_of
from kfront.core.typing import ShapeLike


def zeros(shape: ShapeLike, dtype: str) -> np.ndarray:
    return np.zeros(shape, dtype_of(dtype))


def ones(shape: ShapeLike, dtype: str) -> np.ndarray:
    return np.ones(shape, dtype_of(dtype))


def full(shape: ShapeLike, fill_value: np.ndarray | float, dtype: str) -> np.ndarray:
    return np.full(shape, fill_value, dtype_of(dtype))


def arange(
    start: np.ndarray | float | None, stop: np.ndarray | float | None, step: np.ndarray | float | None, dtype: str
) -> np.ndarray:
    kind = dtype_of(dtype)
    if kind in HALVES or kind == np.bool_:
        return np.arange(start, stop, step).astype(kind)
    return np.arange(start, stop, step, kind)


def eye(N: int, M: int | None = None, k: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.eye(N, M, k, dtype_of(dtype))
