"""Reductions, scans along an axis, sorting and counting."""

from __future__ import annotations

import numpy as np

from kfront.backends.numpy.common import tuple_axis, wide
from kfront.backends.typing import Axes
from kfront.core import shapes
from kfront.core.sparse import sparse_bincount


@wide
def sum(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.sum(x, tuple_axis(axis), x.dtype, keepdims=keepdims)


@wide
def prod(x: np.ndarray, axis: Axes = None, keepdims: bool = False, dtype: str | None = None) -> np.ndarray:
    return np.prod(x, tuple_axis(axis), x.dtype, keepdims=keepdims)


def max(
    x: np.ndarray, axis: Axes = None, keepdims: bool = False, initial: np.ndarray | float | None = None
) -> np.ndarray:
    return np.max(x, tuple_axis(axis), keepdims=keepdims, **_initial(x, initial))


def min(
    x: np.ndarray, axis: Axes = None, keepdims: bool = False, initial: np.ndarray | float | None = None
) -> np.ndarray:
    return np.min(x, tuple_axis(axis), keepdims=keepdims, **_initial(x, initial))


def _initial(x: np.ndarray, initial: np.ndarray | float | None) -> dict[str, object]:
    return {} if initial is None else {"initial": np.asarray(initial).astype(x.dtype)[()]}


@wide
def mean(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.mean(x, tuple_axis(axis), keepdims=keepdims)


@wide
def var(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.var(x, tuple_axis(axis), keepdims=keepdims)


@wide
def std(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.std(x, tuple_axis(axis), keepdims=keepdims)


def all(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.all(x, tuple_axis(axis), keepdims=keepdims)


def any(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.any(x, tuple_axis(axis), keepdims=keepdims)


@wide
def logsumexp(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    axis = tuple_axis(axis)
    top = np.max(x, axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    out = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    return out if keepdims else np.sum(out, axis)


def argmax(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.argmax(x, axis, keepdims=keepdims).astype(np.int32)


def argmin(x: np.ndarray, axis: Axes = None, keepdims: bool = False) -> np.ndarray:
    return np.argmin(x, axis, keepdims=keepdims).astype(np.int32)


@wide
def cumsum(x: np.ndarray, axis: Axes = None, dtype: str | None = None) -> np.ndarray:
    return np.cumsum(x, axis, x.dtype)


@wide
def cumprod(x: np.ndarray, axis: Axes = None, dtype: str | None = None) -> np.ndarray:
    return np.cumprod(x, axis, x.dtype)


def sort(x: np.ndarray, axis: Axes = -1) -> np.ndarray:
    return np.sort(x, axis)


def argsort(x: np.ndarray, axis: Axes = -1) -> np.ndarray:
    return np.argsort(x, axis, kind="stable").astype(np.int32)


def top_k(x: np.ndarray, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[np.ndarray, np.ndarray]:
    shapes.top_k(x, k)
    backwards = np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1][
        ..., :k
    ]  # so that the first of equals comes first
    places = x.shape[-1] - 1 - backwards
    return np.take_along_axis(x, places, -1), places.astype(np.int32)


def searchsorted(sorted_sequence: np.ndarray, values: np.ndarray, side: str = "left") -> np.ndarray:
    return np.asarray(np.searchsorted(sorted_sequence, values, side)).astype(np.int32)


def bincount(x: np.ndarray, weights: np.ndarray | None = None, minlength: int = 0, sparse: bool = False) -> np.ndarray:
    if sparse:
        return sparse_bincount(x, weights, minlength)
    kind = np.int32 if weights is None else weights.dtype
    if x.ndim == 1:
        return np.bincount(x, weights, minlength).astype(kind)
    length = int(np.max(x, initial=-1)) + 1
    length = length if length > minlength else minlength
    weights = np.broadcast_to(weights, x.shape) if weights is not None else [None] * len(x)
    return np.stack([np.bincount(r, w, length) for r, w in zip(x, weights, strict=True)]).astype(kind)
