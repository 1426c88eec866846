"""The gradients of tf.linalg.det and slogdet raise at singular matrices.

`det` and `slogdet` in `backends/tensorflow/linalg.py` have gradients of their own.
"""

import pytest
import tensorflow as tf


def gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


with pytest.raises(tf.errors.InvalidArgumentError, match="not invertible"):
    gradient(tf.linalg.det, tf.constant([[1.0, 2.0], [2.0, 4.0]]))
