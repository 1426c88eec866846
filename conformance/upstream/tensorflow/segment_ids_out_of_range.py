"""tf.math.unsorted_segment_sum raises for ids beyond the last segment on CPU (and leaves them out on GPU).

`segment_sum` and its like in `backends/tensorflow/index.py` leave them out.
"""

import pytest
import tensorflow as tf

with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
    tf.math.unsorted_segment_sum(tf.ones(2), [5, 0], 3)
