"""tf.searchsorted puts NaN first; NumPy, torch and JAX put it last, where they sort it.

`searchsorted` in `backends/tensorflow/reduce.py` puts it last.
"""

import tensorflow as tf

assert tf.searchsorted([1.0, 2.0], [float("nan")])[0] == 0
