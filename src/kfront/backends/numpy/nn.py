"""Activations and encodings."""

from __future__ import annotations

import numpy as np

from kfront.backends.numpy.common import dtype_of, quiet, tuple_axis, wide
from kfront.backends.typing import Axes
from kfront.core.sparse import sparse_one_hot

# ---- activations -----------------------------------------------------------------------------------------------------


@quiet
def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, x.dtype.type(0))


@wide
def softmax(x: np.ndarray, axis: Axes = -1) -> np.ndarray:
    axis = axis if axis.__class__ is int else tuple_axis(axis)
    e = x - np.maximum.reduce(x, axis, keepdims=True)  # the ufuncs themselves: np.max costs twice as much
    np.exp(e, e)
    return np.divide(e, np.add.reduce(e, axis, keepdims=True), e)


@wide
def log_softmax(x: np.ndarray, axis: Axes = -1) -> np.ndarray:
    axis = tuple_axis(axis)
    y = x - np.max(x, axis, keepdims=True)
    return y - np.log(np.sum(np.exp(y), axis, keepdims=True))


# ---- encodings -------------------------------------------------------------------------------------------------------


def one_hot(x: np.ndarray, num_classes: int, axis: int, dtype: str, sparse: bool) -> np.ndarray:
    if sparse:
        return sparse_one_hot(x, num_classes, axis, dtype)
    hot = (np.asarray(x)[..., None] == np.arange(num_classes)).astype(dtype_of(dtype))
    return np.moveaxis(hot, -1, axis)
