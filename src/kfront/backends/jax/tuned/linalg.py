"""Products on JAX, and linear maps."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array

from kfront.backends.jax.common import compiled, on_cpu
from kfront.backends.jax.tuned.table import tuned

REASON = "XLA on CPU takes up to twice the time for a product over the last of three axes, above all for its gradients"
UNTIL = "XLA's dot with several free axes is as fast as one with two"


def product(x: Array, matrix: Array) -> Array:
    """(..., n) by (n, m), as one product of matrices."""
    lead = x.shape[:-1]
    if len(lead) < 2 or not on_cpu() or not all(d.__class__ is int for d in lead):
        return jnp.matmul(x, matrix)
    return jnp.matmul(x.reshape(math.prod(lead), x.shape[-1]), matrix).reshape(*lead, matrix.shape[-1])


_product = compiled()(product)


@tuned("matmul", reason=REASON, benchmark="tuned:matmul", until=UNTIL)
def matmul(x1: Array, x2: Array) -> Array:
    """Product of matrices, of batches of them, or of vectors."""
    return _product(x1, x2) if x1.ndim > 2 and x2.ndim == 2 else jnp.matmul(x1, x2)
