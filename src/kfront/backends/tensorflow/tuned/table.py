"""The table of TensorFlow's tuned kernels; modules of this package fill it."""

from __future__ import annotations

from kfront.backends.tuned import TunedTable

__all__ = ["TABLE", "tuned"]

TABLE = TunedTable("tensorflow")
tuned = TABLE.tuned
