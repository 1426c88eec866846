"""The gradient of tf.maximum goes wholly to the first of two equal operands; torch and JAX give a half to each.

`maximum` and `minimum` in `backends/tensorflow/elementwise.py` give halves.
"""

import tensorflow as tf


def gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


one = tf.constant(1.0)
assert gradient(lambda x: tf.maximum(x, one), one) == 1
assert gradient(lambda x: tf.maximum(tf.identity(one), x), tf.constant(1.0)) == 0
