"""JAX: random numbers from raw threefry2x32 keys (uint32 of shape (2,))."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.random import threefry_2x32

from kfront.backends.jax.common import canonical, compiled, dims


def _key(raw: Any) -> Any:
    return jax.random.wrap_key_data(raw.astype("uint32"), impl="threefry2x32")


def raw_bits(key: Any, shape: tuple[int, ...]) -> Any:
    """uint32 bits: counter i and counter i + half go through the cipher together."""
    size = math.prod(shape)
    half = (size + 1) // 2
    if not half:
        return jnp.zeros(shape, "uint32")
    return threefry_2x32(key.astype("uint32"), jnp.arange(2 * half, dtype="uint32"))[:size].reshape(shape)


_signed_bits = compiled(1)(lambda key, shape: lax.bitcast_convert_type(raw_bits(key, shape), "int32"))


def random_bits(key: Any, shape: Any) -> Any:
    """The portable bits."""
    return _signed_bits(key, dims(shape))


_normal = compiled(1, 2)(lambda key, shape, dtype: jax.random.normal(_key(key), shape, dtype))
_uniform = compiled(1, 2)(lambda key, shape, dtype: jax.random.uniform(_key(key), shape, dtype))
_randint = compiled(1, 4)(lambda key, shape, low, high, dtype: jax.random.randint(_key(key), shape, low, high, dtype))
_gamma = compiled(2, 3)(lambda key, alpha, shape, dtype: jax.random.gamma(_key(key), alpha, shape, dtype))
_beta = compiled(3, 4)(lambda key, a, b, shape, dtype: jax.random.beta(_key(key), a, b, shape, dtype))
_binomial = compiled(3, 4)(lambda key, n, p, shape, dtype: jax.random.binomial(_key(key), n, p, shape, dtype))


def random_normal(key: Any, shape: Any, dtype: str) -> Any:
    """Standard normal numbers."""
    return _normal(key, dims(shape), canonical(dtype))


def random_uniform(key: Any, shape: Any, dtype: str) -> Any:
    """Numbers in [0, 1)."""
    return _uniform(key, dims(shape), canonical(dtype))


def random_randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: str) -> Any:
    """Integers in [minval, maxval)."""
    return _randint(key, dims(shape), minval, maxval, canonical(dtype))


def random_gamma(key: Any, alpha: Any, shape: Any, dtype: str) -> Any:
    """Gamma distributed numbers."""
    return _gamma(key, alpha, dims(shape), canonical(dtype))


def random_beta(key: Any, alpha: Any, beta: Any, shape: Any, dtype: str) -> Any:
    """Beta distributed numbers, computed from logarithms: small parameters do not give 0 / 0."""
    return _beta(key, alpha, beta, dims(shape), canonical(dtype))


def random_binomial(key: Any, counts: Any, probabilities: Any, shape: Any, dtype: str) -> Any:
    """Numbers of successes."""
    return _binomial(key, counts, probabilities, dims(shape), canonical(dtype))


@compiled(2, 3)
def random_categorical(key: Any, logits: Any, num_samples: int, dtype: str) -> Any:
    """Class numbers."""
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(_key(key), logits[:, None, :], shape=shape).astype(dtype)
