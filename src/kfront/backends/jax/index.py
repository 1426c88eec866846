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
from kfront.backends.jax.rows import filled, taken
from kfront.core.errors import ArgumentError

# ---- reading and writing ---------------------------------------------------------------------------------------------

_take = compiled(2)(lambda x, i, axis: jnp.take(x, i, axis) if axis is None else taken(x, i, axis))
_take_along_axis = compiled(2)(lambda x, i, axis: jnp.take_along_axis(x, i, axis))


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at positions; negative ones count from the end, those out of range give NaN."""
    return _take(x, indices, axis)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at positions along one axis, for each position of the other axes."""
    return _take_along_axis(x, indices, axis)


@compiled(2, 3, 4)
def _block(x: Any, start: Any, size: Any, drop: Any, new: Any) -> Any:
    out = lax.squeeze(lax.dynamic_slice(x, start, size), drop)
    return lax.expand_dims(out, new) if new else out


def get_item(x: Any, key: Any) -> Any:
    """`x[key]`; a plain block of a concrete array in one compiled call, made anew for its size only."""
    if type(x) is ARRAY:
        plan = _plan(x.shape, key if key.__class__ is tuple else (key,))
        if plan is not None:
            return _block(x, *plan)
    if key.__class__ is tuple:
        key = tuple(_index(k) for k in key)
    return x[_index(key)]


def _plan(shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    """(starts, sizes, axes to drop, axes to add) for ints, slices without a step, None and ...; None for the rest."""
    full = _complete(key, len(shape))
    if full is None:
        return None
    start: list[int] = []
    size: list[int] = []
    drop, new, out = [], [], 0
    for k in full:
        at = len(start)
        if k is None:
            new.append(out)
            out += 1
        elif k.__class__ is int:
            if not -shape[at] <= k < shape[at]:
                raise IndexError(f"[get_item] expected an index in [-{shape[at]}, {shape[at]}) of axis {at}, got {k}.")
            start.append(k % shape[at])
            size.append(1)
            drop.append(at)
        else:
            low, high, _ = k.indices(shape[at])
            start.append(low)
            size.append(builtins.max(high - low, 0))
            out += 1
    return tuple(start), tuple(size), tuple(drop), tuple(new)


def _complete(key: tuple[Any, ...], rank: int) -> tuple[Any, ...] | None:
    """The key with an entry for each axis, if it is made of ints, slices without a step, None and one ... only."""
    given, dots = 0, None
    for i, k in enumerate(key):
        if k.__class__ is int or (k.__class__ is slice_type and _plain(k)):
            given += 1
        elif k is Ellipsis and dots is None:
            dots = i
        elif k is not None:
            return None
    if given > rank:
        return None
    rest = (slice_type(None),) * (rank - given)
    return (*key, *rest) if dots is None else (*key[:dots], *rest, *key[dots + 1 :])


def _plain(k: Any) -> bool:
    """Whether the slice has no step and bounds that are Python ints."""
    a, b, step = k.start, k.stop, k.step
    return (step is None or step == 1) and (a is None or a.__class__ is int) and (b is None or b.__class__ is int)


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


@compiled(2)
def _scatter(indices: Any, values: Any, shape: tuple[int, ...]) -> Any:
    return filled(shape, 0, values.dtype).at[_columns(indices)].add(values)


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros with `values` added at `indices`."""
    return _scatter(indices, values, dims(shape))


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


def _combined(scatter: Any, start: Any) -> Any:
    """Segments by a scatter into an array of `start(dtype)`; ids out of range, negative ones as well, are left out."""

    def run(data: Any, ids: Any, n: int, ordered: bool) -> Any:
        where_ = lax.ScatterDimensionNumbers(tuple(range(ids.ndim, data.ndim)), (0,), (0,))
        out = filled((n, *data.shape[ids.ndim :]), start(data.dtype), data.dtype)
        mode = lax.GatherScatterMode.FILL_OR_DROP
        return scatter(out, ids[..., None], data, where_, indices_are_sorted=ordered, mode=mode)

    return _segments(run)


def _limit(dtype: Any, sign: int) -> Any:
    if jnp.issubdtype(dtype, jnp.inexact):
        return sign * jnp.inf
    if dtype == "bool":
        return sign > 0
    return getattr(jnp.iinfo(dtype), "max" if sign > 0 else "min")


segment_sum = _combined(lax.scatter_add, lambda dtype: 0)
segment_max = _combined(lax.scatter_max, lambda dtype: _limit(dtype, -1))
segment_min = _combined(lax.scatter_min, lambda dtype: _limit(dtype, 1))


def _segment_prod(data: Any, ids: Any, n: int, indices_are_sorted: bool) -> Any:
    places = jnp.where(ids < 0, n, ids)  # negative ones would count from the end
    return multiplied_at(jnp.ones((n, *data.shape[1:]), data.dtype), (places,), data)


segment_prod = _segments(_segment_prod)
