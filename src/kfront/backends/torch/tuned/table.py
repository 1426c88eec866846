"""The table of torch's tuned kernels; modules of this package fill it."""

from kfront.backends.tuned import TunedTable

TABLE = TunedTable("torch")
tuned = TABLE.tuned
