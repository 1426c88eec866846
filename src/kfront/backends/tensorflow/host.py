"""Calls from graphs back to Python, and tensors that only TensorFlow has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from kfront.core import tree
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.spec import KerasTensor


def host_call(caller: object, tensors: Sequence[Tensor], spec: KerasTensor) -> Any:
    """See `Backend.host_call`. The graph holds on to the caller, so it runs in this process only."""
    dtype = tf.as_dtype(spec.dtype)

    def run(*arrays: np.ndarray) -> np.ndarray:
        out = np.asarray(caller.on_arrays(*arrays))
        return out if dtype == tf.string else out.astype(dtype.as_numpy_dtype, copy=False)

    out = tf.numpy_function(run, list(tensors), dtype)
    out.set_shape(spec.shape)
    return out


def to_sparse(x: Tensor) -> Tensor:
    """A dense tensor as a `tf.SparseTensor`."""
    return tf.sparse.from_dense(x)


def to_ragged(x: Tensor) -> tf.RaggedTensor:
    """A dense tensor as a `tf.RaggedTensor` without the zeros at the ends of its rows."""
    return tf.RaggedTensor.from_tensor(x, padding=0) if len(x.shape) > 1 else x[: tf.math.count_nonzero(x)]


def dataset(made: Any, spec: KerasTensor) -> object:
    """See `Backend.dataset`: a `tf.data.Dataset`, with the attributes of the other."""
    ragged = any(s.ragged for s in tree.flatten(spec))
    signature = tree.map_structure(_type_spec, spec)

    def elements() -> Iterator[Nested[Tensor]]:
        return (tree.map_structure(_ragged, e) for e in made) if ragged else iter(made)

    out = tf.data.Dataset.from_generator(elements, output_signature=signature)
    if made.cardinality() >= 0:
        out = out.apply(tf.data.experimental.assert_cardinality(made.cardinality()))
    for name, value in made._facts.items():
        setattr(out, name, value)
    return out


def _type_spec(spec: KerasTensor) -> tf.TypeSpec:
    if spec.ragged:
        return tf.RaggedTensorSpec(spec.shape, spec.dtype, ragged_rank=1)
    return tf.TensorSpec(spec.shape, spec.dtype)


def _ragged(x: np.ndarray) -> tf.RaggedTensor:
    """An object array of arrays as a ragged tensor."""
    if x.dtype != object or not isinstance(x[0], np.ndarray):
        return x
    return tf.RaggedTensor.from_row_lengths(np.concatenate(list(x)), list(map(len, x)))
