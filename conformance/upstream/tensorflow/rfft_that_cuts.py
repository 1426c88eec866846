"""tf.signal.rfft cuts a signal that is longer than fft_length; its gradient fails then.

`rfft` in `backends/tensorflow/fft.py` cuts before.
"""

import pytest
import tensorflow as tf


def gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
    gradient(lambda x: tf.abs(tf.signal.rfft(x, [4])), tf.ones([6]))
