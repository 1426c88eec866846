"""The table: what single layers are made of: adaptive pooling, batch statistics, reductions over segments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import reference as ref
from .entry import Entry, floats, ints, tol

__all__ = ["entries"]

INF, NAN = math.inf, math.nan
_EXACT = tol(0, 0)
_ALL = ("float64", "float16", "bfloat16")


def _adaptive(reduce: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any, output_size: Any, data_format: Any = None) -> Any:
        x = ref.last(x, data_format)
        for axis in range(1, x.ndim - 1):
            m = output_size if isinstance(output_size, int) else output_size[axis - 1]
            n = x.shape[axis]
            bins = [(i * n // m, -((-(i + 1) * n) // m)) for i in range(m)]
            x = np.stack([reduce(np.take(x, range(a, b), axis), axis) for a, b in bins], axis)
        return ref.back(x, data_format)

    return run


def _trained(x: Any, offset: Any, scale: Any, axis: int, epsilon: float) -> Any:
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    line = [x.shape[i] if i == axis % x.ndim else 1 for i in range(x.ndim)]
    mean, variance = np.mean(x, axes), np.var(x, axes)
    y = (x - mean.reshape(line)) / np.sqrt(variance.reshape(line) + epsilon)
    y = y if scale is None else y * scale.reshape(line)
    return (y if offset is None else y + offset.reshape(line)), mean, variance


def _segments(start: float, combine: Any) -> Callable[..., Any]:
    def run(data: Any, ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
        n = int(ids.max()) + 1 if num_segments is None else num_segments
        first = np.iinfo(data.dtype).max if start == INF and data.dtype.kind in "iu" else start
        out = np.full((n, *data.shape[1:]), first, data.dtype)
        inside = (ids >= 0) & (ids < n)
        combine.at(out, ids[inside], data[inside])
        return out

    return run


def _layers() -> list[Entry]:
    a = Entry("adaptive_average_pool", _adaptive(np.mean), tol(8, 4, 4), "float", lead=True)
    m = Entry("adaptive_max_pool", _adaptive(np.max), _EXACT, "float", lead=True)
    for e in (a, m):
        e(floats(2, 7, 3), 3).also("float64")(floats(2, 5, 6, 2), (2, 4))(floats(2, 2, 5), 2, "channels_first")
        e.edge(floats(1, 4, 5, 3, 1), 2)
    b = Entry("batch_normalization_train", _trained, tol(8, 8, 8), "float", outputs=(0,), lead=True)
    b(floats(4, 3), floats(3), floats(3), -1, 1e-3).also(*_ALL)(floats(2, 3, 4), floats(3), None, 1, 0.1)
    b(floats(2, 3, 3, 4), None, floats(4), -1, 1e-3)(floats(2, 4, 3, 3), floats(4), floats(4), 1, 1e-3)
    s = Entry("segment_min", _segments(INF, np.minimum), _EXACT, ("real", "index"), raw=True)
    p = Entry("segment_prod", _segments(1.0, np.multiply), tol(4, 4), ("real", "index"))
    for e in (s, p):
        e(floats(5, 2), np.array([0, 2, 0, 1, 2], "int32"), 3).also("float64").edge(
            ints(4), np.array([0, 1, 0, 3], "int32"), 5
        )
        e.edge(floats(4), np.array([0, -1, 5, 1], "int64"), 2)
    return [a, m, b, s, p]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_layers()]
