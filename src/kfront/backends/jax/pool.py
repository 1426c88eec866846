"""JAX: pooling."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from kfront.backends.jax.common import compiled, filled_windows, per_axis
from kfront.backends.jax.index import lowest
from kfront.backends.typing import Function, Sizes


def pool_op(run: Function[Array]) -> Function[Array]:
    """A pooling op by a function of (inputs, window, strides, padding), with sizes for all axes."""

    def pool(
        inputs: Array,
        pool_size: Sizes,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        n = inputs.ndim - 2
        size = per_axis(pool_size, n)
        step = size if strides is None else per_axis(strides, n)
        if data_format == "channels_last":
            out = run(inputs, (1, *size, 1), (1, *step, 1), padding)
        else:
            out = run(inputs, (1, 1, *size), (1, 1, *step), padding)
        return filled_windows(out, inputs)

    return pool


@compiled(1, 2, 3)
def largest(x: Array, size: tuple[int, ...], step: tuple[int, ...], padding: str) -> Array:
    """Largest value of each window; of several equal ones the first has the gradient."""
    return lax.reduce_window(x, np.array(lowest(x.dtype), x.dtype), lax.max, size, step, padding.upper())


def window_sum(x: Array, size: tuple[int, ...], step: tuple[int, ...], padding: str) -> Array:
    """Sum of each window."""
    zero = np.zeros((), x.dtype)  # not traced: JAX knows the window sum, and its gradient, by the constant
    return lax.reduce_window(x, zero, lax.add, size, step, padding.upper())


def average_by(total: int) -> Function[Array]:
    """Mean of each window, padding left out, by a function that sums windows."""

    @compiled(1, 2, 3)
    def average(x: Array, size: tuple[int, ...], step: tuple[int, ...], padding: str) -> Array:
        if x.dtype.itemsize < 4:  # the sums would be rounded at each step
            return average(x.astype("float32"), size, step, padding).astype(x.dtype)
        found = total(x, size, step, padding)
        if padding == "valid":
            return found / jnp.array(math.prod(size), x.dtype)
        ones = jnp.ones([n if s > 1 else 1 for n, s in zip(x.shape, size, strict=True)], x.dtype)
        return found / window_sum(ones, size, step, padding)

    return average


max_pool, average_pool = pool_op(largest), pool_op(average_by(window_sum))
