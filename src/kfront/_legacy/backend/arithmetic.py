"""Functions of `K` on numbers, and products."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

from kfront import ops
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError
from kfront.core.typing import Axis, Tensor, TensorLike


def argmax(x: TensorLike, axis: int = -1) -> Tensor:
    """The place of the largest number, int64."""
    return ops.cast(ops.argmax(x, axis), "int64")


def argmin(x: TensorLike, axis: int = -1) -> Tensor:
    """The place of the smallest number, int64."""
    return ops.cast(ops.argmin(x, axis), "int64")


def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean; that of integers is an integer."""
    dtype = ops.dtype(x)
    found = ops.mean(x, axis=axis, keepdims=keepdims)
    return found if is_float(dtype) or dtype == "bool" else ops.cast(found, dtype)


def clip(x: TensorLike, min_value: TensorLike | None, max_value: TensorLike | None) -> Tensor:
    """Values between two limits, where there are any; the lower one wins."""
    low = -math.inf if min_value is None else min_value
    high = math.inf if max_value is None else max_value
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        high = max(low, high)
    return ops.clip(x, low, high)


def sqrt(x: TensorLike) -> Tensor:
    """The square root; 0 for negative numbers."""
    return ops.sqrt(ops.maximum(x, 0))


def l2_normalize(x: TensorLike, axis: Axis = None) -> Tensor:
    """`x` divided by its Euclidean length along an axis."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(squares, 1e-12)))


def in_top_k(predictions: TensorLike, targets: TensorLike, k: int) -> Tensor:
    """Whether the score of each target is among the k highest."""
    return ops.in_top_k(targets, predictions, k)


def dot(x: Tensor, y: Tensor) -> Tensor:
    """Product over the last axis of `x` and the last but one of `y`."""
    return ops.dot(x, y) if ops.ndim(y) > 2 else ops.matmul(x, y)


def batch_dot(x: TensorLike, y: TensorLike, axes: int | Sequence[int] | None = None) -> Tensor:
    """Products of the rows of two batches: over `axes` of both, which default to those of matrix products.

    Example:

    >>> from kfront import ops
    >>> tuple(batch_dot(ops.ones((2, 3, 4)), ops.ones((2, 5, 4)), axes=(2, 2)).shape)
    (2, 3, 5)
    """
    ranks = ops.ndim(x), ops.ndim(y)
    axes = (ranks[0] - 1, ranks[1] - (1 if ranks[1] == 2 else 2)) if axes is None else axes
    first, second = (a % rank for a, rank in zip((axes, axes) if isinstance(axes, int) else axes, ranks, strict=True))
    if 1 in ranks or 0 in (first, second):
        raise ArgumentError(
            f"[batch_dot] expected batches, and `axes` that are not those of the batch, got {axes} for ranks {ranks}; "
            "give what is not a batch one with `expand_dims(x, 0)`."
        )
    left, right = list(string.ascii_lowercase[: ranks[0]]), ["a", *string.ascii_uppercase[: ranks[1] - 1]]
    right[second] = left[first]
    kept = [letter for letter in left if letter != left[first]] + [c for c in right[1:] if c != left[first]]
    found = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", x, y)
    return found if len(kept) > 1 else ops.expand_dims(found, 1)
