"""tf.nn.conv2d of a batch without samples has the shape of its input where oneDNN is on (the default on Linux).

`conv` in `backends/tensorflow/conv.py` takes one sample of zeros and drops it.
"""

import tensorflow as tf

shape = tf.nn.conv2d(tf.ones([0, 4, 4, 3]), tf.ones([2, 2, 3, 5]), 1, "VALID").shape
assert shape == [0, 4, 4, 3]  # it is (0, 3, 3, 5)
