"""Counting on TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow.common import constant, raw
from kfront.backends.tensorflow.tuned.table import tuned

Tensor = tf.Tensor
_cast, _reshape = raw("Cast"), raw("Reshape")


@tuned(
    "row_counts",
    reason="sums over segments take an index for each element and several kernels; DenseBincount counts rows at once",
    benchmark="tuned:row_counts",
    until="the row is as fast with the plain form",
)
def row_counts(x: Tensor, depth: int, dtype: str, binary: bool) -> Tensor:
    """See `Backend.row_counts`; the kernel leaves out what is not below `size`, and takes nothing negative."""
    rows = _reshape(tf.where(x < 0, depth, x), (-1, x.shape[-1]))
    counts = tf.raw_ops.DenseBincount(input=rows, size=depth, weights=constant((), tf.float32), binary_output=binary)
    return _cast(_reshape(counts, (*x.shape[:-1], depth)), dtype)
