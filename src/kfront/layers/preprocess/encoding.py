"""Class numbers to vectors: the output modes that the layers for categories share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kfront import ops
from kfront.backends import current
from kfront.core.errors import ArgumentError, UnsupportedError
from kfront.core.typing import Backend, Shape, Tensor

MODES = ("int", "one_hot", "multi_hot", "count")
_FEW = 1 << 17  # elements of vectors of all class numbers: with fewer, these vectors take less time than counting


def check_sparse(who: str, backend: Backend, sparse: bool, mode: str) -> bool:
    """Whether the result is a sparse tensor.

    Raises:
        ArgumentError: in the mode "int".
        UnsupportedError: the engine has none that layers can use.
    """
    if not sparse:
        return False
    if mode == "int":
        raise ArgumentError(f"[{who}] expected `sparse=True` with encoded outputs, got output_mode='int'.")
    if not backend.has_sparse:
        raise UnsupportedError(
            f"[{who}] expected a backend with sparse tensors for `sparse=True`, got {backend.name!r}; use torch, jax "
            "or tensorflow, or leave it out."
        )
    return True


def encoded_shape(shape: tuple[int | None, ...], depth: int | None, mode: str) -> Shape:
    """The shape of class numbers of `shape` after encoding."""
    if mode == "int":
        return tuple(shape)
    if mode == "one_hot":
        kept = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape or (1,)
        return (*kept, depth)
    return (*shape[:-1], depth)


def encode(x: Tensor, depth: int, mode: str, dtype: str, weights: Any = None) -> Tensor:
    """Class numbers as vectors, on the engine.

    Args:
        x: integer tensor of shape (..., samples); numbers out of [0, depth) count for nothing.
        depth: number of classes.
        mode: "one_hot" per element; "multi_hot", "count" or "tf_idf" over the last axis.
        dtype: of the result.
        weights: for the last two, what each element counts; a tensor like `x`.

    Returns:
        tensor of `dtype` and the shape that `encoded_shape` gives.
    """
    rank = len(x.shape)
    if mode == "one_hot":
        if rank == 0:
            x = ops.reshape(x, (1,))
        elif rank > 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, -1)
        return ops.one_hot(x, depth, dtype=dtype)
    if _can_count(x, depth):
        multi, row_counts = mode == "multi_hot", current().row_counts
        if row_counts is not None and (multi or weights is None):
            return row_counts(x, depth, dtype, multi)
        counts = _counts(x, depth, dtype, None if multi else weights)
        return ops.cast(ops.greater(counts, 0), dtype) if multi else counts
    hot = ops.one_hot(ops.reshape(x, (1,)) if rank == 0 else x, depth, dtype=dtype)
    if mode == "multi_hot":
        return ops.minimum(ops.sum(hot, -2), 1)  # of no samples, the maximum would be -inf
    if weights is not None:
        hot = ops.multiply(hot, ops.expand_dims(ops.cast(weights, dtype), -1))
    return ops.sum(hot, -2)


def _can_count(x: Tensor, depth: int) -> bool:
    """Whether places of counts are known, fit int32 and pay; compiled code makes no vectors of elements."""
    b = current()
    if not b.is_tensor(x) or b.is_tracing() or not len(x.shape):
        return False
    return math.prod(x.shape) * depth > _FEW and math.prod(x.shape[:-1]) * depth < 2**31 - 1


def _counts(x: Tensor, depth: int, dtype: str, weights: Any) -> Tensor:
    """What each class counts along the last axis, without a vector for each element."""
    *outer, samples = x.shape
    rows = math.prod(outer)
    first = ops.reshape(ops.multiply(ops.arange(rows, dtype="int32"), depth), (*outer, 1))
    known = ops.logical_and(ops.greater_equal(x, 0), ops.less(x, depth))
    at = ops.where(known, ops.add(ops.cast(x, "int32"), first), rows * depth)
    if weights is None:
        each = ops.ones((rows * samples,), dtype)
    else:
        each = ops.reshape(ops.broadcast_to(ops.cast(weights, dtype), x.shape), (-1,))
    sums = ops.segment_sum(each, ops.reshape(at, (-1,)), rows * depth + 1)
    return ops.reshape(sums[:-1], (*outer, depth))


def encode_host(x: np.ndarray, depth: int, mode: str, weights: np.ndarray | None = None) -> np.ndarray:
    """Class numbers as vectors, in NumPy: memory for the result only, however many samples.

    Args:
        x: integers of shape (..., samples); negative ones count for nothing.
        depth: number of classes.
        mode: "one_hot", "multi_hot", "count" or "tf_idf".
        weights: for "tf_idf", the weight of each class, float32 of shape (depth,).

    Returns:
        float32 array of the shape that `encoded_shape` gives.
    """
    shape: Any = encoded_shape(x.shape, depth, mode)
    if mode == "one_hot":
        x = x.reshape(*shape[:-1], 1)
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1] if x.ndim else 1)
    out = np.zeros((rows.shape[0], depth), "float32")
    at, column = np.nonzero(rows >= 0)
    chosen = rows[at, column]
    if mode in ("count", "tf_idf"):
        np.add.at(out.reshape(-1), at * depth + chosen, np.float32(1))  # NumPy is faster along one axis
    else:
        out[at, chosen] = 1
    if weights is not None and mode == "tf_idf":
        out *= weights
    return out.reshape(shape)
