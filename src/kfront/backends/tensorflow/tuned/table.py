"""The table of TensorFlow's tuned kernels; modules of this package fill it."""

from __future__ import annotations

from kfront.backends.tuned import TunedTable

TABLE = TunedTable("tensorflow")
tuned = TABLE.tuned
