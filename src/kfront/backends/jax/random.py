"""JAX: random numbers from raw threefry2x32 keys (uint32 of shape (2,))."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.random import threefry_2x32

from kfront.backends.jax.common import canonical, compiled, dims


def _key(raw: Any) -> Any:
    return jax.random.wrap_key_data(raw.astype("uint32"), impl="threefry2x32")


@compiled(1)
def _bits(key: Any, shape: tuple[int, ...]) -> Any:
    size = math.prod(shape)
    lanes = (size + 1) // 2  # counter i and i + lanes go through the cipher together
    if not lanes:
        return jnp.zeros(shape, "uint32")
    return threefry_2x32(key.astype("uint32"), jnp.arange(2 * lanes, dtype="uint32"))[:size].reshape(shape)


def random_bits(key: Any, shape: Any) -> Any:
    """32 random bits an element, the same on every backend."""
    return _bits(key, dims(shape))


_normal = compiled(1, 2)(lambda key, shape, dtype: jax.random.normal(_key(key), shape, dtype))
_uniform = compiled(1, 2)(lambda key, shape, dtype: jax.random.uniform(_key(key), shape, dtype))
_truncated = compiled(1, 2)(lambda key, shape, dtype: jax.random.truncated_normal(_key(key), -2.0, 2.0, shape, dtype))
_randint = compiled(1, 4)(lambda key, shape, low, high, dtype: jax.random.randint(_key(key), shape, low, high, dtype))


def random_normal(key: Any, shape: Any, dtype: Any) -> Any:
    """Standard normal."""
    return _normal(key, dims(shape), canonical(dtype))


def random_uniform(key: Any, shape: Any, dtype: Any) -> Any:
    """Uniform in [0, 1)."""
    return _uniform(key, dims(shape), canonical(dtype))


def random_truncated_normal(key: Any, shape: Any, dtype: Any) -> Any:
    """Standard normal within two standard deviations."""
    return _truncated(key, dims(shape), canonical(dtype))


def random_randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any) -> Any:
    """Integers in [minval, maxval)."""
    return _randint(key, dims(shape), minval, maxval, canonical(dtype))
