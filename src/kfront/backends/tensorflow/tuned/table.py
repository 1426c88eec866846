"""The table of TensorFlow's tuned kernels; modules of this package fill it."""

from kfront.backends.tuned import TunedTable

TABLE = TunedTable("tensorflow")
tuned = TABLE.tuned
