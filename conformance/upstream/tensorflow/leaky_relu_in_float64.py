"""tf.nn.leaky_relu takes its slope as a float32 number for float64 as well.

`leaky_relu` in `backends/tensorflow/nn.py` multiplies in float64.
"""

import tensorflow as tf

out = tf.nn.leaky_relu(tf.constant(-1.0, tf.float64), 0.1)
assert abs(float(out) + 0.1) > 1e-9
