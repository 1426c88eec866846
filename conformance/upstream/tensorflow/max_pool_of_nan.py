"""tf.nn.max_pool passes over NaN, by which a failure that is being looked for vanishes.

None: to look at each window costs as much as pooling.
"""

import tensorflow as tf

assert tf.nn.max_pool1d(tf.constant([[[float("nan")], [1.0]]]), 2, 2, "VALID") == 1
