"""Calls from graphs back to Python, and tensors that only TensorFlow has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ["host_call", "to_ragged", "to_sparse"]


def host_call(caller: Any, tensors: Sequence[Any], spec: Any) -> Any:
    """See `Backend.host_call`. The graph holds on to the caller, so it runs in this process only."""
    dtype = tf.as_dtype(spec.dtype)

    def run(*arrays: np.ndarray) -> np.ndarray:
        out = np.asarray(caller.on_arrays(*arrays))
        return out if dtype == tf.string else out.astype(dtype.as_numpy_dtype, copy=False)

    out = tf.numpy_function(run, list(tensors), dtype)
    out.set_shape(spec.shape)
    return out


def to_sparse(x: Any) -> Any:
    """A dense tensor as a `tf.SparseTensor`."""
    return tf.sparse.from_dense(x)


def to_ragged(x: Any) -> Any:
    """A dense tensor as a `tf.RaggedTensor` without the zeros at the ends of its rows."""
    return tf.RaggedTensor.from_tensor(x, padding=0) if len(x.shape) > 1 else x[: tf.math.count_nonzero(x)]
