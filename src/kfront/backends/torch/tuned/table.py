"""The table of torch's tuned kernels; modules of this package fill it."""

from __future__ import annotations

from kfront.backends.tuned import TunedTable

TABLE = TunedTable("torch")
tuned = TABLE.tuned
