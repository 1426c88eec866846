"""New arrays."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from kfront.core.typing import ShapeLike
from kfront_mlx.common import HALVES, dims, lift, native


def zeros(shape: ShapeLike, dtype: str) -> mx.array:
    return mx.zeros(dims(shape), native(dtype))


def ones(shape: ShapeLike, dtype: str) -> mx.array:
    return mx.ones(dims(shape), native(dtype))


def full(shape: ShapeLike, fill_value: mx.array | float, dtype: str) -> mx.array:
    kind = native(dtype)
    if not isinstance(fill_value, mx.array):
        fill_value = lift(np.asarray(fill_value).astype(dtype), dtype)
    return mx.broadcast_to(fill_value.astype(kind), dims(shape))


def arange(start: float | None, stop: float | None, step: float | None, dtype: str) -> mx.array:
    kind = native(dtype)
    bounds = [v.item() if isinstance(v, mx.array) else v for v in (start, stop, step)]
    if kind in HALVES or dtype == "bool":
        return lift(np.arange(*bounds).astype(np.float32), dtype)
    return lift(np.arange(*bounds, dtype=dtype), dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: str = "float32") -> mx.array:
    return lift(np.eye(N, M, k, dtype="float32"), dtype)
