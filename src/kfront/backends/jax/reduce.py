"""JAX: reductions, scans along an axis, sorting and counting."""

from __future__ import annotations

import builtins

import jax
import jax.numpy as jnp
from jax import Array, lax

from kfront.backends.jax.common import axes, canonical, compiled, concrete
from kfront.backends.typing import Axes, Function
from kfront.core.errors import ArgumentError
from kfront.core.sparse import sparse_bincount
from kfront.core.typing import DTypeLike


def _reduction(fn: Function[Array]) -> Function[Array]:
    run = compiled(1, 2)(fn)

    def reduce(x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return run(x, axes(axis), keepdims)

    return reduce


sum = _reduction(lambda x, axis, keep: jnp.sum(x, axis, dtype=x.dtype, keepdims=keep))
all = _reduction(lambda x, axis, keep: jnp.all(x, axis, keepdims=keep))
any = _reduction(lambda x, axis, keep: jnp.any(x, axis, keepdims=keep))
mean = _reduction(lambda x, axis, keep: jnp.mean(x, axis, keepdims=keep))
var = _reduction(lambda x, axis, keep: jnp.var(x, axis, keepdims=keep))
argmax = _reduction(lambda x, axis, keep: jnp.argmax(x, axis, keepdims=keep).astype("int32"))
argmin = _reduction(lambda x, axis, keep: jnp.argmin(x, axis, keepdims=keep).astype("int32"))
logsumexp = _reduction(lambda x, axis, keep: jax.nn.logsumexp(x, axis, keepdims=keep))


def _std(x: Array, axis: Axes, keepdims: bool) -> Array:
    variance = jnp.var(x, axis, keepdims=keepdims)
    zero = variance == 0  # the gradient of sqrt is infinite there
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, variance))).astype(variance.dtype)


std = _reduction(_std)


@compiled(1, 2, 3)
def _prod(x: Array, axis: Axes, keepdims: bool, dtype: str | None) -> Array:
    return jnp.prod(x, axis, dtype=dtype or x.dtype, keepdims=keepdims)


def prod(x: Array, axis: Axes = None, keepdims: bool = False, dtype: DTypeLike = None) -> Array:
    """Product; the gradient is right with zeros among the factors."""
    return _prod(x, axes(axis), keepdims, None if dtype is None else canonical(dtype))


_max = compiled(1, 2)(lambda x, axis, keep, initial: jnp.max(x, axis, keepdims=keep, initial=initial))
_min = compiled(1, 2)(lambda x, axis, keep, initial: jnp.min(x, axis, keepdims=keep, initial=initial))


def max(x: Array, axis: Axes = None, keepdims: bool = False, initial: Array | float | None = None) -> Array:
    """Largest value; `initial` also counts."""
    return _max(x, axes(axis), keepdims, initial)


def min(x: Array, axis: Axes = None, keepdims: bool = False, initial: Array | float | None = None) -> Array:
    """Smallest value; `initial` also counts."""
    return _min(x, axes(axis), keepdims, initial)


def _running(fn: Function[Array]) -> Function[Array]:
    run = compiled(1, 2)(lambda x, axis, dtype: fn(x, axis, dtype=dtype or x.dtype))

    def scan_along(x: Array, axis: int | None = None, dtype: DTypeLike = None) -> Array:
        return run(x, axis, None if dtype is None else canonical(dtype))

    return scan_along


cumsum = _running(jnp.cumsum)
cumprod = _running(jnp.cumprod)
sort = compiled(1)(lambda x, axis: jnp.sort(x, axis))
argsort = compiled(1)(lambda x, axis: jnp.argsort(x, axis if x.ndim else None).astype("int32"))


@compiled(1, 2)
def top_k(x: Array, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[Array, Array]:
    """The k largest along the last axis: (values, positions)."""
    values, where_ = lax.top_k(x, k)
    return values, where_.astype("int32")


@compiled(2)
def searchsorted(sorted_sequence: Array, values: Array, side: str = "left") -> Array:
    """Positions at which `values` keep the sequence sorted."""
    return jnp.searchsorted(sorted_sequence, values, side=side).astype("int32")


def bincount_op(full: Function[Array]) -> Function[Array]:
    """The op `bincount`, into an array that `full` makes."""

    @compiled(2)
    def count(x: Array, weights: Array, length: int) -> Array:
        def one(row: Array, w: Array) -> Array:
            out = full((length,), 0, "int32" if w is None else w.dtype)
            return out.at[row].add(1 if w is None else w, mode="drop")

        if x.ndim == 1:
            return one(x, weights)
        flat = x.reshape(-1, x.shape[-1])
        w = None if weights is None else weights.reshape(flat.shape)
        return jax.vmap(one)(flat, w).reshape(*x.shape[:-1], length)

    def bincount(x: Array, weights: Array | None = None, minlength: int = 0, sparse: bool = False) -> Array:
        """Counts; while tracing, the length is `minlength`, as the largest value is not known."""
        length = int(minlength or 0)
        if concrete(x):
            length = builtins.max(length, int(x.max()) + 1 if x.size else 0)
        elif not length:
            raise ArgumentError("[bincount] expected `minlength` inside compiled code on JAX, got 0; pass it.")
        return sparse_bincount(x, weights, length) if sparse else count(x, weights, length)

    return bincount


bincount = bincount_op(lax.full)
