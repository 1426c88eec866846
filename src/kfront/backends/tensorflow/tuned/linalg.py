"""Products on TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow import linalg as plain
from kfront.backends.tensorflow.common import dims, raw, shape_vector
from kfront.backends.tensorflow.tuned.table import tuned

Tensor = tf.Tensor
REASON = "the batched kernel multiplies one matrix of a batch after the other, and so does its gradient"
UNTIL = "TensorFlow's BatchMatMul takes a single right operand as one product"
_matmul, _bias_add, _reshape = raw("MatMul"), raw("BiasAdd"), raw("Reshape")


@tuned("matmul", reason=REASON, benchmark="tuned:matmul", until=UNTIL)
def matmul(x1: Tensor, x2: Tensor) -> Tensor:
    """Matrix product; vectors and batches as NumPy."""
    if x2.shape.rank == 2 and x1.shape.rank > 2 and x1.dtype in plain.KERNELS:
        return flat_product(x1, x2)
    return plain.matmul(x1, x2)


def flat_product(x1: Tensor, x2: Tensor, bias: Tensor | None = None) -> Tensor:
    """A batch times one matrix, as a single product."""
    sizes = x1.shape.as_list()
    known = [*sizes[:-1], x2.shape[-1]]
    if known.count(None) > 1:
        known = [*dims(x1)[:-1], x2.shape[-1] if x2.shape[-1] is not None else tf.shape(x2)[-1]]
    elif None in known:
        known[known.index(None)] = -1
    width = sizes[-1] if sizes[-1] is not None else tf.shape(x1)[-1]
    out = _matmul(_reshape(x1, shape_vector((-1, width))), x2)
    return _reshape(out if bias is None else _bias_add(out, bias), shape_vector(known))
