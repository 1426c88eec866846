"""The table of torch's tuned kernels; modules of this package fill it."""

from __future__ import annotations

from kfront.backends.tuned import TunedTable

__all__ = ["TABLE", "tuned"]

TABLE = TunedTable("torch")
tuned = TABLE.tuned
