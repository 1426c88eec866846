"""tf.nn.softmax_cross_entropy_with_logits is differentiated by its labels once: the second derivative is 0.

None: the suite expects it to fail (`conformance/xfail/tensorflow.txt`).
"""

import tensorflow as tf


def gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


labels, logits = tf.constant([[0.2, 0.3, 0.5]]), tf.constant([[1.0, 2.0, 3.0]])
loss = tf.nn.softmax_cross_entropy_with_logits
mixed = gradient(lambda p: gradient(lambda x: loss(p, x), logits), labels)  # of softmax(x) * sum(p) - p
assert tf.reduce_all(mixed == 0)
