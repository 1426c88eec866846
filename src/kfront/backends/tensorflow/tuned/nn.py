"""Linear maps on TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow import nn as plain
from kfront.backends.tensorflow.tuned.linalg import REASON, UNTIL, flat_product
from kfront.backends.tensorflow.tuned.table import tuned

Tensor = tf.Tensor


@tuned("linear", reason=REASON, benchmark="tuned:linear", until=UNTIL)
def linear(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ kernel + bias over the last axis."""
    if x.shape.rank > 2 and x.dtype in plain.FLOATS:
        return flat_product(x, kernel, bias)
    return plain.linear(x, kernel, bias)
