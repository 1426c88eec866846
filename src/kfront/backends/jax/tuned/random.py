"""Dropout on JAX."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from kfront.backends.jax.common import compiled, dims
from kfront.backends.jax.random import raw_bits
from kfront.backends.jax.tuned.table import tuned
from kfront.core.typing import ShapeLike


@compiled(2, 3)
def _dropout(key: Array, inputs: Array, rate: float, shape: tuple[int, ...]) -> Array:
    kept = (raw_bits(key, shape) & 0x7FFFFFFF) <= int((1.0 - rate) * 2**31) - 1  # a bound that an int32 holds
    return jnp.where(kept, inputs / (1.0 - rate), jnp.zeros((), inputs.dtype))


@tuned(
    "random_dropout",
    reason="jax.random.uniform takes twice the time of the bits of threefry2x32 that decide the mask (jax 0.10)",
    benchmark="tuned:random_dropout",
    until="jax.random.bernoulli is as fast",
)
def random_dropout(key: Array, inputs: Array, rate: float, noise_shape: ShapeLike | None) -> Array:
    """The same mask as in portable mode."""
    return _dropout(key, inputs, float(rate), inputs.shape if noise_shape is None else dims(noise_shape))
