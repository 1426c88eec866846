"""Counting on JAX."""

from kfront.backends.jax.reduce import bincount_op
from kfront.backends.jax.tuned.index import FILL, UNTIL, filled
from kfront.backends.jax.tuned.table import tuned

bincount = tuned("bincount", reason=FILL, benchmark="tuned:bincount", until=UNTIL)(bincount_op(filled))
