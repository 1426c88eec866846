"""Powers on TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow import elementwise as plain
from kfront.backends.tensorflow.common import raw
from kfront.backends.tensorflow.tuned.table import tuned

Tensor = tf.Tensor
_square = raw("Square")


@tuned(
    "power",
    reason="the general kernel takes many times as long as the one for squares, and its gradient computes a logarithm",
    benchmark="tuned:power",
    until="TensorFlow's Pow takes squares by multiplication",
)
def power(x1: Tensor, x2: Tensor) -> Tensor:
    """x1 ** x2."""
    if x2.__class__ in (int, float) and x2 == 2 and isinstance(x1, tf.Tensor):
        return _square(x1)
    return plain.power(x1, x2)
