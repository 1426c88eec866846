"""New arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.backends.numpy.common import HALVES, dtype_of


def zeros(shape: Any, dtype: str) -> Any:
    return np.zeros(shape, dtype_of(dtype))


def ones(shape: Any, dtype: str) -> Any:
    return np.ones(shape, dtype_of(dtype))


def full(shape: Any, fill_value: Any, dtype: str) -> Any:
    return np.full(shape, fill_value, dtype_of(dtype))


def arange(start: Any, stop: Any, step: Any, dtype: str) -> Any:
    kind = dtype_of(dtype)
    if kind in HALVES or kind == np.bool_:
        return np.arange(start, stop, step).astype(kind)
    return np.arange(start, stop, step, kind)


def eye(N: Any, M: Any = None, k: int = 0, dtype: str = "float32") -> Any:
    return np.eye(N, M, k, dtype_of(dtype))
