"""JAX: random numbers from raw threefry2x32 keys (uint32 of shape (2,))."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.random import threefry_2x32

from kfront.backends.jax.common import canonical, compiled, dims
from kfront.core.typing import ShapeLike


def _key(raw: Array) -> Array:
    return jax.random.wrap_key_data(raw.astype("uint32"), impl="threefry2x32")


def raw_bits(key: Array, shape: tuple[int, ...]) -> Array:
    """uint32 bits: counter i and counter i + half go through the cipher together."""
    size = math.prod(shape)
    half = (size + 1) // 2
    if not half:
        return jnp.zeros(shape, "uint32")
    return threefry_2x32(key.astype("uint32"), jnp.arange(2 * half, dtype="uint32"))[:size].reshape(shape)


_signed_bits = compiled(1)(lambda key, shape: lax.bitcast_convert_type(raw_bits(key, shape), "int32"))


def random_bits(key: Array, shape: ShapeLike) -> Array:
    """The portable bits."""
    return _signed_bits(key, dims(shape))


_normal = compiled(1, 2)(lambda key, shape, dtype: jax.random.normal(_key(key), shape, dtype))
_uniform = compiled(1, 2)(lambda key, shape, dtype: jax.random.uniform(_key(key), shape, dtype))
_randint = compiled(1, 4)(lambda key, shape, low, high, dtype: jax.random.randint(_key(key), shape, low, high, dtype))
_gamma = compiled(2, 3)(lambda key, alpha, shape, dtype: jax.random.gamma(_key(key), alpha, shape, dtype))
_beta = compiled(3, 4)(lambda key, a, b, shape, dtype: jax.random.beta(_key(key), a, b, shape, dtype))
_binomial = compiled(3, 4)(lambda key, n, p, shape, dtype: jax.random.binomial(_key(key), n, p, shape, dtype))


def random_normal(key: Array, shape: ShapeLike, dtype: str) -> Array:
    """Standard normal numbers."""
    return _normal(key, dims(shape), canonical(dtype))


def random_uniform(key: Array, shape: ShapeLike, dtype: str) -> Array:
    """Numbers in [0, 1)."""
    return _uniform(key, dims(shape), canonical(dtype))


def random_randint(key: Array, shape: ShapeLike, minval: Array | int, maxval: Array | int, dtype: str) -> Array:
    """Integers in [minval, maxval)."""
    return _randint(key, dims(shape), minval, maxval, canonical(dtype))


def random_gamma(key: Array, alpha: Array, shape: ShapeLike, dtype: str) -> Array:
    """Gamma distributed numbers."""
    return _gamma(key, alpha, dims(shape), canonical(dtype))


def random_beta(key: Array, alpha: Array, beta: Array, shape: ShapeLike, dtype: str) -> Array:
    """Beta distributed numbers, computed from logarithms: small parameters do not give 0 / 0."""
    return _beta(key, alpha, beta, dims(shape), canonical(dtype))


def random_binomial(key: Array, counts: Array, probabilities: Array, shape: ShapeLike, dtype: str) -> Array:
    """Numbers of successes."""
    return _binomial(key, counts, probabilities, dims(shape), canonical(dtype))


@compiled(2, 3)
def random_categorical(key: Array, logits: Array, num_samples: int, dtype: str) -> Array:
    """Class numbers."""
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(_key(key), logits[:, None, :], shape=shape).astype(dtype)
