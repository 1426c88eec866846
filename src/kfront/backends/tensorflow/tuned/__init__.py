"""TensorFlow: kernels for what the engine is slow at."""

from kfront.backends.tensorflow.tuned import elementwise, foreach, linalg, nn, reduce, rnn  # noqa: F401
from kfront.backends.tensorflow.tuned.table import TABLE

__all__ = ["TABLE"]
