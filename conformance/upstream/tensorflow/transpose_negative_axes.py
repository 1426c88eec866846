"""tf.transpose takes negative axes, its gradient does not.

`transpose` in `backends/tensorflow/shape.py` counts them from the start.
"""

import pytest
import tensorflow as tf


def gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


with pytest.raises(tf.errors.InvalidArgumentError):
    gradient(lambda x: tf.transpose(x, [-1, 0]), tf.ones([2, 3]))
