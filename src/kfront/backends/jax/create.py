"""JAX: new arrays."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from kfront.backends.jax.common import canonical, compiled, dims
from kfront.core.typing import DTypeLike, ShapeLike

_zeros = compiled(0, 1)(jnp.zeros)
_ones = compiled(0, 1)(jnp.ones)
_full = compiled(0, 2)(jnp.full)
_eye = compiled(0, 1, 2, 3)(jnp.eye)


def zeros(shape: ShapeLike, dtype: DTypeLike = None) -> Array:
    """Zeros."""
    return _zeros(dims(shape), canonical(dtype))


def ones(shape: ShapeLike, dtype: DTypeLike = None) -> Array:
    """Ones."""
    return _ones(dims(shape), canonical(dtype))


def full(shape: ShapeLike, fill_value: Array | float, dtype: DTypeLike = None) -> Array:
    """One value everywhere."""
    return _full(dims(shape), fill_value, canonical(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Array:
    """Ones on a diagonal."""
    return _eye(N, M, k, canonical(dtype))


def arange(
    start: Array | float | None,
    stop: Array | float | None = None,
    step: Array | float | None = None,
    dtype: DTypeLike = None,
) -> Array:
    """Evenly spaced values; the bounds must be known while tracing."""
    return jnp.arange(start, stop, step, dtype=canonical(dtype))
