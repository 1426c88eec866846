"""Sums of metrics on JAX."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from kfront.backends.foreach import Foreach
from kfront.backends.jax.common import TRACER
from kfront.backends.jax.tuned.table import tuned


@tuned(
    "foreach.tally",
    reason="XLA on CPU gives work that depends on nothing to another thread, and to wake one costs a third of a small "
    "step; so in compiled code the number is made to wait for the value, which is never beyond infinity",
    benchmark="fit:mlp",
    until="XLA runs small thunks where it is, or `fit mlp` is as fast with the plain form",
)
def tally(
    self: Foreach,
    total: Array,
    count: Array,
    value: Array | float,
    number: Array | float | float,
    times: Array | float = 1,
) -> None:
    """As `Foreach.tally`."""
    self.increment(total, value, times)
    late = isinstance(value, TRACER)
    self.increment(count, jnp.add(self.b.cast(value > jnp.inf, count._dtype), number) if late else number)
