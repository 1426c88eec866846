"""tf.reduce_mean adds float16 numbers up in float16: 70,000 ones have the mean NaN.

`mean` and `var` in `backends/tensorflow/reduce.py` add up in float32.
"""

import tensorflow as tf

assert tf.math.is_nan(tf.reduce_mean(tf.fill([70000], tf.constant(1.0, tf.float16))))
