"""torch: kernels for what the engine, or its compiler, is slow at."""

from __future__ import annotations

from kfront.backends.torch.tuned import conv, foreach, nn, random, reduce, rnn  # noqa: F401
from kfront.backends.torch.tuned.table import TABLE

__all__ = ["TABLE"]
