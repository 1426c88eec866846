"""torch: kernels for what the engine, or its compiler, is slow at."""

from kfront.backends.torch.tuned import control, conv, foreach, nn, random, reduce, rnn  # noqa: F401
from kfront.backends.torch.tuned.table import TABLE

__all__ = ["TABLE"]
