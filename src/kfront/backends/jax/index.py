"""JAX: reading and writing by position: indexing, scattering, segments."""

from __future__ import annotations

import builtins
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kfront.backends.jax.common import ARRAY, compiled, concrete, dims
from kfront.backends.jax.elementwise import cast
from kfront.core.errors import ArgumentError

# ---- reading and writing ---------------------------------------------------------------------------------------------

_take = compiled(2)(lambda x, i, axis: jnp.take(x, i, axis))
_take_along_axis = compiled(2)(lambda x, i, axis: jnp.take_along_axis(x, i, axis))


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at positions; negative ones count from the end, those out of range give NaN."""
    return _take(x, indices, axis)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at positions along one axis, for each position of the other axes."""
    return _take_along_axis(x, indices, axis)


def get_item(x: Any, key: Any) -> Any:
    """`x[key]`."""
    if key.__class__ is tuple:
        key = tuple(_index(k) for k in key)
    return x[_index(key)]


def nonzero(x: Any) -> tuple[Any, ...]:
    """Positions of what is not 0; their number depends on the values, so not inside compiled code."""
    return tuple(cast(i, "int32") for i in jnp.nonzero(x))


def _index(k: Any) -> Any:
    if k.__class__ is list:
        return jnp.asarray(k)
    if k.__class__ is np.bool_:
        return bool(k)
    if k.__class__ is slice_type:
        return slice_type(*(int(v) if isinstance(v, ARRAY) else v for v in (k.start, k.stop, k.step)))
    return k.value if hasattr(k, "_is_variable") else k


slice_type = builtins.slice
_slice = compiled(2)(lambda x, start, shape: lax.dynamic_slice(x, tuple(start), shape))
_slice_update = compiled()(lambda x, start, updates: lax.dynamic_update_slice(x, updates, tuple(start)))


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """A block of `shape` that begins at `start_indices`; -1 in `shape` means up to the end."""
    shape = dims(shape)
    if -1 in shape:
        shape = tuple(n - int(i) if s == -1 else s for n, i, s in zip(inputs.shape, start_indices, shape, strict=True))
    return _slice(inputs, _starts(start_indices), shape)


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """`inputs` with the block that begins at `start_indices` replaced."""
    return _slice_update(inputs, _starts(start_indices), updates)


def _starts(start: Any) -> Any:
    return tuple(start) if start.__class__ is list else start


def _columns(indices: Any) -> tuple[Any, ...]:
    return tuple(indices[..., i] for i in range(indices.shape[-1]))


def scatter_op(full: Any) -> Any:
    """The op `scatter`, into an array that `full` makes."""

    @compiled(2)
    def run(indices: Any, values: Any, shape: tuple[int, ...]) -> Any:
        return full(shape, 0, values.dtype).at[_columns(indices)].add(values)

    def scatter(indices: Any, values: Any, shape: Any) -> Any:
        """Zeros with `values` added at `indices`."""
        return run(indices, values, dims(shape))

    return scatter


scatter = scatter_op(lax.full)
_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}


@jax.custom_jvp
def multiplied_at(x: Any, index: Any, updates: Any) -> Any:
    """`x` with its elements at `index` (a tuple) multiplied by each of the updates for them.

    JAX differentiates this only where no place occurs twice (`unique_indices`), which nobody can promise here.
    """
    return x.at[index].multiply(updates, mode="drop")


@multiplied_at.defjvp
def _multiplied_at_jvp(primals: Any, tangents: Any) -> Any:
    x, index, updates = primals
    dx, _, du = tangents
    zeros = (x == 0).astype(jnp.int32).at[index].add((updates == 0).astype(jnp.int32), mode="drop")
    product = jnp.where(x == 0, 1, x).at[index].multiply(jnp.where(updates == 0, 1, updates), mode="drop")

    def others(factor: Any, zeros: Any, product: Any) -> Any:  # product of all factors of an element but this one
        rest = product / jnp.where(factor == 0, 1, factor)
        return jnp.where(zeros == (factor == 0), rest, 0)

    of_updates = du * others(updates, zeros[index], product[index])
    return multiplied_at(x, index, updates), (dx * others(x, zeros, product)).at[index].add(of_updates, mode="drop")


@compiled(3)
def _scatter_update(inputs: Any, indices: Any, updates: Any, how: str) -> Any:
    if how == "multiply":
        return multiplied_at(inputs, _columns(indices), updates.astype(inputs.dtype))
    return getattr(inputs.at[_columns(indices)], how)(updates.astype(inputs.dtype))


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """`inputs` with `updates` set, or combined, at `indices`."""
    if reduction not in _REDUCTIONS:
        raise ArgumentError(f"[scatter_update] expected `reduction` in {tuple(_REDUCTIONS)}, got {reduction!r}.")
    return _scatter_update(inputs, indices, updates, _REDUCTIONS[reduction])


# ---- segments --------------------------------------------------------------------------------------------------------


def _segments(fn: Any) -> Any:
    run = compiled(2, 3)(fn)

    def reduce(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
        if num_segments is None:
            if not concrete(segment_ids):
                raise ArgumentError("[segment ops] expected `num_segments` inside compiled code on JAX, got None.")
            num_segments = int(segment_ids.max()) + 1 if segment_ids.size else 0
        return run(data, segment_ids, num_segments, bool(sorted))

    return reduce


def segment_op(scatter: Any, start: Any, full: Any) -> Any:
    """Segments by a scatter into an array of `start(dtype)`; ids out of range, negative ones as well, are left out.

    Args:
        scatter: `lax.scatter_add` or one like it.
        start: of a dtype, the number that changes nothing.
        full: makes an array of one number, as `lax.full`.
    """

    def run(data: Any, ids: Any, n: int, ordered: bool) -> Any:
        where_ = lax.ScatterDimensionNumbers(tuple(range(ids.ndim, data.ndim)), (0,), (0,))
        out = full((n, *data.shape[ids.ndim :]), start(data.dtype), data.dtype)
        mode = lax.GatherScatterMode.FILL_OR_DROP
        return scatter(out, ids[..., None], data, where_, indices_are_sorted=ordered, mode=mode)

    return _segments(run)


def lowest(dtype: Any) -> Any:
    """What no number of a dtype is below."""
    return _limit(dtype, -1)


def highest(dtype: Any) -> Any:
    """What no number of a dtype is above."""
    return _limit(dtype, 1)


def zero(dtype: Any) -> int:
    """What a sum begins with."""
    return 0


def _limit(dtype: Any, sign: int) -> Any:
    if jnp.issubdtype(dtype, jnp.inexact):
        return sign * jnp.inf
    if dtype == "bool":
        return sign > 0
    return getattr(jnp.iinfo(dtype), "max" if sign > 0 else "min")


segment_sum = segment_op(lax.scatter_add, zero, lax.full)
segment_max = segment_op(lax.scatter_max, lowest, lax.full)
segment_min = segment_op(lax.scatter_min, highest, lax.full)


def _segment_prod(data: Any, ids: Any, n: int, indices_are_sorted: bool) -> Any:
    places = jnp.where(ids < 0, n, ids)  # negative ones would count from the end
    return multiplied_at(jnp.ones((n, *data.shape[1:]), data.dtype), (places,), data)


segment_prod = _segments(_segment_prod)
