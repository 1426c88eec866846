"""JAX: new arrays."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kfront.backends.jax.common import canonical, compiled, dims

_zeros = compiled(0, 1)(jnp.zeros)
_ones = compiled(0, 1)(jnp.ones)
_full = compiled(0, 2)(jnp.full)
_eye = compiled(0, 1, 2, 3)(jnp.eye)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros."""
    return _zeros(dims(shape), canonical(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones."""
    return _ones(dims(shape), canonical(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value everywhere."""
    return _full(dims(shape), fill_value, canonical(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on a diagonal."""
    return _eye(N, M, k, canonical(dtype))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Evenly spaced values; the bounds must be known while tracing."""
    return jnp.arange(start, stop, step, dtype=canonical(dtype))
