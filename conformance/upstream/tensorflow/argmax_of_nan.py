"""tf.argmax passes over NaN; NumPy, torch and JAX give its place.

`argmax` and `argmin` in `backends/tensorflow/reduce.py` look for NaN.
"""

import tensorflow as tf

assert tf.argmax(tf.constant([1.0, float("nan"), 2.0])) == 2
