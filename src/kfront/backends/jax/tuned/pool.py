"""Pooling on JAX's CPU backend: windows are taken apart into arrays, which are compared or added as wholes.

The arrays hold the first element of each window, the second and so on. Windows that do not overlap are an axis of their
own after a reshape; others go along one axis after the other, which gives the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from kfront.backends.jax.common import compiled, on_cpu
from kfront.backends.jax.pool import average_by, largest, pool_op, window_sum
from kfront.backends.jax.tuned.table import tuned
from kfront.backends.typing import Function

_UNTIL = "XLA's reduce_window and select_and_scatter use vector instructions on CPU"
_MAX_WINDOW = 16  # elements of a window that are compared at once


@compiled(1, 2, 3)
def _max(x: Array, size: tuple[int, ...], step: tuple[int, ...], padding: str) -> Array:
    places = _places(x, size, step, padding)
    if places is None:
        return largest(x, size, step, padding)
    return _by_axes(x, size, step, places, -math.inf, _largest, _largest_of)


def _sum(x: Array, size: tuple[int, ...], step: tuple[int, ...], padding: str) -> Array:
    places = _places(x, size, step, padding)
    if places is None:
        return window_sum(x, size, step, padding)
    return _by_axes(x, size, step, places, 0.0, _summed, _summed_of)


max_pool = tuned(
    "max_pool",
    reason="XLA on CPU makes a scatter of the gradient of a window's maximum, which takes 4 to 30 times as long; its "
    "loop over windows has no vector instructions (jax 0.10)",
    benchmark="compiled_layers:MaxPooling2D",
    until=_UNTIL,
)(pool_op(_max))
average_pool = tuned(
    "average_pool",
    reason="XLA's loop over windows on CPU has no vector instructions, in both directions (jax 0.10)",
    benchmark="tuned:average_pool",
    until=_UNTIL,
)(pool_op(average_by(_sum)))


# ---- windows taken apart ---------------------------------------------------------------------------------------------


def _places(x: Array, size: Sequence[int], step: Sequence[int], padding: str) -> list[tuple[int, int, int]] | None:
    """(windows, padding before, padding after) of each axis; None where taking windows apart does not pay.

    Padding is negative for what no window reaches. Where there is one window only, XLA is as fast.
    """
    if not on_cpu() or not jnp.issubdtype(x.dtype, jnp.floating) or not all(d.__class__ is int for d in x.shape):
        return None
    places = []
    pads = lax.padtype_to_pads(x.shape, size, step, padding.upper())
    for n, (before, after), k, s in zip(x.shape, pads, size, step, strict=True):
        count = (n + before + after - k) // s + 1
        places.append((count, before, (count - 1) * s + k - n - before))
    several = any(p[0] > 1 for p, k, s in zip(places, size, step, strict=True) if k > 1 or s > 1)
    return places if several and min(p[0] for p in places) > 0 and max(size) <= _MAX_WINDOW else None


def _by_axes(
    x: Array,
    size: tuple[int, ...],
    step: tuple[int, ...],
    places: int,
    outside: float,
    join: Function[Array],
    join_along: Function[Array],
) -> Array:
    """Windows joined: `join(parts)` joins the parts of overlapping ones, `join_along(x, axes)` axes of their own."""
    x = lax.pad(x, jnp.array(outside, x.dtype), [(before, after, 0) for _, before, after in places])
    windowed = [a for a in reversed(range(x.ndim)) if size[a] > 1 or step[a] > 1]
    if math.prod(size) <= _MAX_WINDOW and all(size[a] == step[a] for a in windowed):
        for axis in windowed:
            x = _blocks(x, axis, size[axis])
        return join_along(x, tuple(a + i + 1 for i, a in enumerate(reversed(windowed))))
    for axis in windowed:  # from the last on: of equal elements, the first by rows stays the first
        k, s = size[axis], step[axis]
        if s == k:
            x = join_along(_blocks(x, axis, k), (axis + 1,))
        else:
            x = join([lax.slice_in_dim(x, i, i + (places[axis][0] - 1) * s + 1, s, axis) for i in range(k)])
    return x


def _blocks(x: Array, axis: int, size: int) -> Array:
    """Windows that do not overlap, as an axis after `axis`."""
    return x.reshape(*x.shape[:axis], x.shape[axis] // size, size, *x.shape[axis + 1 :])


def _split(x: Array, axes: tuple[int, ...]) -> list[Array]:
    """The elements along axes as arrays of their own, row by row."""
    places = itertools.product(*(range(x.shape[a]) for a in axes))
    return [x[tuple(at[axes.index(a)] if a in axes else slice(None) for a in range(x.ndim))] for at in places]


def _first_largest(parts: Sequence[Array]) -> tuple[Array, Array]:
    """(largest values, the numbers of the first parts that have them); NaN counts as the largest."""
    best, number = parts[0], jnp.zeros(parts[0].shape, "int32")
    for n, part in enumerate(parts[1:], 1):
        stays = (best >= part) | (best != best)
        best, number = jnp.where(stays, best, part), jnp.where(stays, number, n)
    return best, number


@jax.custom_jvp
def _largest(parts: Array) -> Array:
    return _first_largest(parts)[0]


@_largest.defjvp
def _largest_jvp(primals: Array, tangents: Array) -> tuple[Array, Array]:
    best, number = _first_largest(primals[0])
    return best, sum(jnp.where(number == n, d, 0) for n, d in enumerate(tangents[0]))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _largest_of(x: Array, axes: tuple[int, ...]) -> Array:
    return _first_largest(_split(x, axes))[0]


@_largest_of.defjvp
def _largest_of_jvp(axes: tuple[int, ...], primals: Array, tangents: Array) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    best, number = _first_largest(_split(x, axes))
    own = jnp.zeros((), "int32")
    for a in axes:
        own = own * x.shape[a] + lax.broadcasted_iota("int32", x.shape, a)
    return best, jnp.where(own == jnp.expand_dims(number, axes), dx, 0).sum(axes)


def _summed(parts: Array) -> Array:
    return sum(parts[1:], parts[0])


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _summed_of(x: Array, axes: tuple[int, ...]) -> Array:
    return _summed(_split(x, axes))


@_summed_of.defjvp
def _summed_of_jvp(axes: tuple[int, ...], primals: Array, tangents: Array) -> tuple[Array, Array]:
    return _summed_of(primals[0], axes), tangents[0].sum(axes)
