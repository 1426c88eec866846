"""The maximum of an empty segment is the lowest finite number in TensorFlow, not -inf.

`segment_max` and `segment_min` in `backends/tensorflow/index.py` give infinities.
"""

import tensorflow as tf

assert tf.math.unsorted_segment_max(tf.ones(1), [0], 2)[1] == tf.float32.min
