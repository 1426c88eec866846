"""JAX: reading and writing by position: indexing, scattering, segments."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from kfront.backends.jax.common import ARRAY, compiled, concrete, dims
from kfront.backends.jax.elementwise import cast
from kfront.backends.typing import Function
from kfront.core.errors import ArgumentError
from kfront.core.operators import VariableBase
from kfront.core.shapes import block_of
from kfront.core.typing import DTypeLike, ShapeLike

# ---- reading and writing ---------------------------------------------------------------------------------------------


def _wide(i: Array) -> Array:
    """Indices to which the length of an axis can be added, as JAX does with negative ones."""
    return i.astype("int32") if jnp.issubdtype(i.dtype, jnp.signedinteger) and i.dtype.itemsize < 4 else i


def taken(x: Array, i: Array, axis: int | None) -> Array:
    """`take`, as it is compiled."""
    if not i.size and -x.ndim <= (axis or 0) < x.ndim:  # where `jnp.take` of an empty array has another shape
        x, at = (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)
        return jnp.zeros((*x.shape[:at], *i.shape, *x.shape[at + 1 :]), x.dtype)
    return jnp.take(x, _wide(i), axis)


_take = compiled(2)(taken)
_take_along_axis = compiled(2)(lambda x, i, axis: jnp.take_along_axis(x, _wide(i), axis))


def take(x: Array, indices: Array, axis: int | None = None) -> Array:
    """Elements at positions; negative ones count from the end, those out of range give NaN."""
    return _take(x, indices, axis)


def take_along_axis(x: Array, indices: Array, axis: int | None = None) -> Array:
    """Elements at positions along one axis, for each position of the other axes."""
    return _take_along_axis(x, indices, axis)


def get_item(x: Array, key: Any) -> Array:
    """`x[key]`."""
    if key.__class__ is tuple:
        key = tuple(_index(k) for k in key)
    return x[_index(key)]


def nonzero(x: Array) -> tuple[Array, ...]:
    """Positions of what is not 0; their number depends on the values, so not inside compiled code."""
    return tuple(cast(i, "int32") for i in jnp.nonzero(x))


def _index(k: object) -> object:
    if k.__class__ is list:
        return jnp.asarray(k)
    if k.__class__ is np.bool_:
        return bool(k)
    if k.__class__ is slice_type:
        return slice_type(*(int(v) if isinstance(v, ARRAY) else v for v in (k.start, k.stop, k.step)))
    k = k.value if isinstance(k, VariableBase) else k
    return _wide(k) if isinstance(k, ARRAY) else k


slice_type = builtins.slice
_slice = compiled(2)(lambda x, start, shape: lax.dynamic_slice(x, tuple(start), shape))
_slice_update = compiled()(lambda x, start, updates: lax.dynamic_update_slice(x, updates, tuple(start)))


def slice(inputs: Array, start_indices: Array | Sequence[int], shape: ShapeLike) -> Array:
    """A block of `shape` that begins at `start_indices`; -1 in `shape` means up to the end."""
    shape = dims(shape)
    if -1 in shape:
        shape = tuple(s.stop - s.start for s in block_of(inputs.shape, [int(i) for i in start_indices], shape))
    return _slice(inputs, _starts(start_indices), shape)


def slice_update(inputs: Array, start_indices: Array | Sequence[int], updates: Array) -> Array:
    """`inputs` with the block that begins at `start_indices` replaced."""
    return _slice_update(inputs, _starts(start_indices), updates)


def _starts(start: Array | Sequence[int]) -> Array | tuple[int, ...]:
    return tuple(start) if start.__class__ is list else start


def _columns(indices: Array) -> tuple[Array, ...]:
    return tuple(indices[..., i] for i in range(indices.shape[-1]))


def scatter_op(full: Function[Array]) -> Function[Array]:
    """The op `scatter`, into an array that `full` makes."""

    @compiled(2)
    def run(indices: Array, values: Array, shape: tuple[int, ...]) -> Array:
        return full(shape, 0, values.dtype).at[_columns(indices)].add(values)

    def scatter(indices: Array, values: Array, shape: ShapeLike) -> Array:
        """Zeros with `values` added at `indices`."""
        return run(indices, values, dims(shape))

    return scatter


scatter = scatter_op(lax.full)
_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}


@jax.custom_jvp
def multiplied_at(x: Array, index: Array, updates: Array) -> Array:
    """`x` with its elements at `index` (a tuple) multiplied by each of the updates for them.

    JAX differentiates this only where no place occurs twice (`unique_indices`), which nobody can promise here.
    """
    return x.at[index].multiply(updates, mode="drop")


@multiplied_at.defjvp
def _multiplied_at_jvp(primals: Array, tangents: Array) -> tuple[Array, Array]:
    x, index, updates = primals
    dx, _, du = tangents
    zeros = (x == 0).astype(jnp.int32).at[index].add((updates == 0).astype(jnp.int32), mode="drop")
    product = jnp.where(x == 0, 1, x).at[index].multiply(jnp.where(updates == 0, 1, updates), mode="drop")

    def others(
        factor: Array | float | None, zeros: Array, product: Array
    ) -> Array:  # product of all factors of an element but this one
        rest = product / jnp.where(factor == 0, 1, factor)
        return jnp.where(zeros == (factor == 0), rest, 0)

    of_updates = du * others(updates, zeros[index], product[index])
    return multiplied_at(x, index, updates), (dx * others(x, zeros, product)).at[index].add(of_updates, mode="drop")


@compiled(3)
def _scatter_update(inputs: Array, indices: Array, updates: Array, how: str) -> Array:
    if how == "multiply":
        return multiplied_at(inputs, _columns(indices), updates.astype(inputs.dtype))
    return getattr(inputs.at[_columns(indices)], how)(updates.astype(inputs.dtype))


def scatter_update(inputs: Array, indices: Array, updates: Array, reduction: str | None = None) -> Array:
    """`inputs` with `updates` set, or combined, at `indices`."""
    if reduction not in _REDUCTIONS:
        raise ArgumentError(f"[scatter_update] expected `reduction` in {tuple(_REDUCTIONS)}, got {reduction!r}.")
    return _scatter_update(inputs, indices, updates, _REDUCTIONS[reduction])


# ---- segments --------------------------------------------------------------------------------------------------------


def _segments(fn: Function[Array]) -> Function[Array]:
    run = compiled(2, 3)(fn)

    def reduce(data: Array, segment_ids: Array, num_segments: int | None = None, sorted: bool = False) -> Array:
        if num_segments is None:
            if not concrete(segment_ids):
                raise ArgumentError("[segment ops] expected `num_segments` inside compiled code on JAX, got None.")
            num_segments = int(segment_ids.max()) + 1 if segment_ids.size else 0
        return run(data, segment_ids, num_segments, bool(sorted))

    return reduce


def segment_op(scatter: Function[Array], start: Array, full: Function[Array]) -> Function[Array]:
    """Segments by a scatter into an array of `start(dtype)`; ids out of range, negative ones as well, are left out.

    Args:
        scatter: `lax.scatter_add` or one like it.
        start: of a dtype, the number that changes nothing.
        full: makes an array of one number, as `lax.full`.
    """

    def run(data: Array, ids: Array, n: int, ordered: bool) -> Array:
        where_ = lax.ScatterDimensionNumbers(tuple(range(ids.ndim, data.ndim)), (0,), (0,))
        out = full((n, *data.shape[ids.ndim :]), start(data.dtype), data.dtype)
        mode = lax.GatherScatterMode.FILL_OR_DROP
        return scatter(out, ids[..., None], data, where_, indices_are_sorted=ordered, mode=mode)

    return _segments(run)


def lowest(dtype: np.dtype) -> float:
    """What no number of a dtype is below."""
    return _limit(dtype, -1)


def highest(dtype: np.dtype) -> float:
    """What no number of a dtype is above."""
    return _limit(dtype, 1)


def zero(dtype: DTypeLike) -> int:
    """What a sum begins with."""
    return 0


def _limit(dtype: np.dtype, sign: int) -> float:
    if jnp.issubdtype(dtype, jnp.inexact):
        return sign * jnp.inf
    if dtype == "bool":
        return sign > 0
    return getattr(jnp.iinfo(dtype), "max" if sign > 0 else "min")


segment_sum = segment_op(lax.scatter_add, zero, lax.full)
segment_max = segment_op(lax.scatter_max, lowest, lax.full)
segment_min = segment_op(lax.scatter_min, highest, lax.full)


def _segment_prod(data: Array, ids: Array, n: int, indices_are_sorted: bool) -> Array:
    places = jnp.where(ids < 0, n, ids)  # negative ones would count from the end
    return multiplied_at(jnp.ones((n, *data.shape[1:]), data.dtype), (places,), data)


segment_prod = _segments(_segment_prod)
