"""The table of JAX's tuned kernels; modules of this package fill it."""

from kfront.backends.tuned import TunedTable

TABLE = TunedTable("jax")
tuned = TABLE.tuned
