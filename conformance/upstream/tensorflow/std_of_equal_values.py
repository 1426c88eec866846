"""The gradients of tf.math.reduce_std of equal values and of tf.norm of zeros are NaN.

`std` and `norm` in `backends/tensorflow/reduce.py` have 0 there.
"""

import tensorflow as tf


def gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


assert tf.reduce_all(tf.math.is_nan(gradient(tf.math.reduce_std, tf.ones(3))))
assert tf.reduce_all(tf.math.is_nan(gradient(tf.norm, tf.zeros(3))))
