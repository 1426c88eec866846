"""tf.nn.elu and selu are exp(x) - 1 and lose all digits next to 0.

None: it is one kernel, and the absolute error is small (docs/accuracy.md).
"""

import tensorflow as tf

assert tf.nn.elu(tf.constant(-1e-8)) == 0
assert tf.nn.selu(tf.constant(-1e-8)) == 0
