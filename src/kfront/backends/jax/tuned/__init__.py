"""JAX: kernels for what XLA's compiler for CPUs is slow at; elsewhere they leave the work to XLA.

Each has a derivative under all of JAX's transforms and to any order.
"""

from kfront.backends.jax.tuned import conv, foreach, index, linalg, nn, pool, random, reduce, rnn  # noqa: F401
from kfront.backends.jax.tuned.table import TABLE

__all__ = ["TABLE"]
