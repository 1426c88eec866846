"""tf.nn.conv3d has no dilation on CPU without oneDNN (macOS, ARM).

`conv` in `backends/tensorflow/conv.py` writes the gaps into the kernel.
"""

import os

import pytest

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import tensorflow as tf

x, kernel = tf.ones([1, 4, 4, 4, 1]), tf.ones([2, 2, 2, 1, 1])
with pytest.raises(tf.errors.InvalidArgumentError, match="dilated rates of 1"):
    tf.nn.conv3d(x, kernel, [1] * 5, "VALID", dilations=[1, 2, 2, 2, 1])
