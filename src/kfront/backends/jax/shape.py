"""JAX: shapes, joining and padding."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from kfront.backends.jax.common import ARRAY, TRACER, axes, compiled, dims, nested
from kfront.backends.typing import Axes, Sizes
from kfront.core.shapes import section_sizes
from kfront.core.typing import Nested, ShapeLike


def shape(x: Array) -> tuple[int, ...]:
    """The shape; JAX knows every dimension."""
    return x.shape


_reshape = compiled(1)(jnp.reshape)
_transpose = compiled(1)(jnp.transpose)
_broadcast_to = compiled(1)(jnp.broadcast_to)
_expand_dims = compiled(1)(jnp.expand_dims)
_squeeze = compiled(1)(jnp.squeeze)
_concatenate = compiled(1)(lambda xs, axis: jnp.concatenate(xs, axis))
_stack = compiled(1)(lambda xs, axis: jnp.stack(xs, axis))
_flip = compiled(1)(lambda x, axis: jnp.flip(x, axis))
_tile = compiled(1)(lambda x, repeats: jnp.tile(x, repeats))


def reshape(x: Array, newshape: ShapeLike) -> Array:
    """`x` in another shape; one entry may be -1."""
    return _reshape(x, dims(newshape))


def transpose(x: Array, axes: Axes = None) -> Array:
    """Axes permuted, reversed if None."""
    return _transpose(x, None if axes is None else tuple(axes))


def broadcast_to(x: Array, shape: ShapeLike) -> Array:
    """`x` broadcast to `shape`."""
    return _broadcast_to(x, dims(shape))


def expand_dims(x: Array, axis: Axes) -> Array:
    """New axes of size 1."""
    return _expand_dims(x, axes(axis))


def squeeze(x: Array, axis: Axes = None) -> Array:
    """Axes of size 1 removed."""
    return _squeeze(x, axes(axis))


def concatenate(xs: Sequence[Array], axis: int | None = 0) -> Array:
    """Joined along an axis."""
    return _concatenate(xs, axis)


def stack(x: Sequence[Array], axis: int = 0) -> Array:
    """Joined along a new axis."""
    return _stack(x, axis)


@compiled(1, 2)
def split(x: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Array, ...]:
    """Parts: so many, or cut at these positions."""
    at = indices_or_sections
    if isinstance(at, int):
        return tuple(jnp.split(x, at, axis))
    sizes = section_sizes(at, x.shape[axis])
    if sum(sizes) == x.shape[axis]:
        return tuple(jnp.split(x, np.cumsum(sizes[:-1], dtype="int64"), axis))
    before = (slice(None),) * (axis % x.ndim)  # parts overlap where cuts are not in order
    return tuple(x[(*before, slice(a, b))] for a, b in itertools.pairwise((0, *at, None)))


def flip(x: Array, axis: Axes = None) -> Array:
    """Order reversed along the axes."""
    return _flip(x, axes(axis))


_roll = compiled(2)(jnp.roll)


def roll(x: Array, shift: Sizes, axis: Axes = None) -> Array:
    """Elements moved around the end."""
    return _roll(x, axes(shift), axes(axis))


@compiled(1, 2)
def _repeat(x: Array, repeats: Sizes, axis: int | None) -> Array:
    return jnp.repeat(x, repeats if isinstance(repeats, int) else np.array(repeats), axis)


def repeat(x: Array, repeats: Sizes, axis: int | None = None) -> Array:
    """Each element `repeats` times; the counts must be known while tracing."""
    return _repeat(x, repeats if repeats.__class__ is int else nested(np.asarray(repeats)), axis)


def tile(x: Array, repeats: Sizes) -> Array:
    """The whole array repeated along axes."""
    return _tile(x, dims(repeats))


@compiled(1, 2, 3)
def _pad(x: Array, width: Nested[int], mode: str, value: Array, dynamic: Array) -> Array:
    if mode == "constant":
        return jnp.pad(x, width, mode, constant_values=value if dynamic is None else dynamic)
    return jnp.pad(x, width, mode)


def pad(
    x: Array, pad_width: Nested[int], mode: str = "constant", constant_values: Array | float | None = None
) -> Array:
    """Padded at the edges."""
    if isinstance(constant_values, (ARRAY, TRACER)):
        return _pad(x, nested(pad_width), mode, 0, constant_values)
    return _pad(x, nested(pad_width), mode, nested(constant_values or 0), None)
