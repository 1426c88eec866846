"""tf.nn.depthwise_conv2d has no unequal strides on CPU without oneDNN (macOS, ARM).

`depthwise_conv` in `backends/tensorflow/conv.py` takes every so many results of stride 1.
"""

import os

import pytest

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import tensorflow as tf

with pytest.raises(tf.errors.InvalidArgumentError, match="equal length strides"):
    tf.nn.depthwise_conv2d(tf.ones([1, 4, 4, 1]), tf.ones([2, 2, 1, 1]), [1, 1, 2, 1], "VALID")
