"""The gradient of tf.math.cumprod is 0 behind a zero; in truth the first element here is 1.

`cumprod` in `backends/tensorflow/reduce.py` has a gradient of its own.
"""

import tensorflow as tf


def gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


x = tf.constant([0.0, 0.0, 3.0])
assert tf.reduce_all(gradient(tf.math.cumprod, x) == 0)
