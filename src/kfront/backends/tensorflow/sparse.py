"""Sparse tensors: `tf.SparseTensor`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from tensorflow import Tensor


def is_sparse(x: Tensor) -> bool:
    """Whether `x` is sparse."""
    return isinstance(x, tf.SparseTensor)


def sparse_parts(x: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """(indices of shape (n, rank), values of shape (n,), shape: tensors for sizes that are not known)."""
    sizes = tf.unstack(x.dense_shape, len(x.shape))
    return x.indices, x.values, tuple(s if n is None else n for n, s in zip(x.shape, sizes, strict=True))


def make_sparse(indices: Tensor, values: Tensor, shape: tuple[int, ...], unique: bool) -> Tensor:
    """A sparse tensor, ordered; values at the same place are added up unless they are `unique`."""
    size = tf.stack([tf.cast(n, tf.int64) for n in shape])
    indices = tf.cast(indices, tf.int64)
    known = [n if isinstance(n, int) else None for n in shape]
    if not unique:
        steps = tf.math.cumprod(size, exclusive=True, reverse=True)
        line, where = tf.unique(tf.reduce_sum(indices * steps, 1))
        values = tf.math.unsorted_segment_sum(values, where, tf.shape(line)[0])
        indices = tf.stack([(line // steps[d]) % size[d] for d in range(len(shape))], 1)
    out = tf.sparse.reorder(tf.SparseTensor(indices, values, size))
    if None not in known and math.prod(known) >= 0:
        out = tf.SparseTensor(out.indices, out.values, tf.constant(known, tf.int64))
    return out


def densify(x: Tensor) -> Tensor:
    """The dense tensor."""
    return tf.sparse.to_dense(tf.sparse.reorder(x))


def sparse_matmul(x: Tensor, y: Tensor) -> Tensor:
    """Sparse (m, k) by dense (k, n)."""
    return tf.sparse.sparse_dense_matmul(x, y)
