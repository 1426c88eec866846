"""Reading and writing by position on JAX.

`take` and `embedding` have a VJP that avoids XLA's slow fill with a constant; sums over segments and scattering begin
with an array made in the same way.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import AxisType

from kfront.backends.jax import index as plain
from kfront.backends.jax.common import ARRAY, compiled
from kfront.backends.jax.tuned.table import tuned
from kfront.backends.typing import Axes, Function
from kfront.core.typing import DTypeLike, Nested

FILL = "XLA's compiler for CPUs fills an array with a constant one element per cycle, on one core"
UNTIL = "XLA fills arrays with vector instructions"


def filled(shape: tuple[int, ...], value: Array, dtype: DTypeLike) -> jax.Array:
    """An array of one number, to be added to or compared with at a few of its places."""
    if not shape:
        return lax.full(shape, value, dtype)

    def from_positions() -> jax.Array:
        nothing = lax.shift_right_logical(lax.broadcasted_iota("uint32", shape, 0), jnp.uint32(31))
        return nothing.astype(dtype) + jnp.asarray(value, dtype)

    return lax.platform_dependent(cpu=from_positions, default=lambda: lax.full(shape, value, dtype))


def taken(x: Array, indices: Array, axis: int) -> jax.Array:
    """`jnp.take(x, indices, axis)`, as a primitive: no other form has a gradient of its own under all transforms.

    Under `shard_map` JAX keeps book of what differs between devices, which only its own primitives can tell.
    """
    numbers = jnp.issubdtype(x.dtype, jnp.floating) and jnp.issubdtype(indices.dtype, jnp.integer)
    manual = AxisType.Manual in (jax.sharding.get_abstract_mesh().axis_types or ())
    if not numbers or manual or not indices.size or not -x.ndim <= axis < x.ndim:
        return plain.taken(x, indices, axis)
    if indices.dtype.itemsize < 4:  # JAX adds the length to negative ones
        indices = indices.astype("int32")
    return _take.bind(x, indices, axis=axis % x.ndim, fill=None)


def _taken(x: Array, indices: Array, *, axis: int, fill: Array) -> jax.Array:
    return jnp.take(x, indices, axis, mode="fill", fill_value=fill)


def _aval(x: Array, indices: Array, **how: Array) -> Array:
    out = jax.eval_shape(partial(_taken, **how), x, indices)
    return jax.core.ShapedArray(out.shape, out.dtype)


def _tangent(dx: Array, x: Array, indices: Array, *, axis: int, fill: Array) -> Array:
    return _take.bind(dx, indices, axis=axis, fill=0)


def _transpose(ct: Array, x: Array, indices: Array, *, axis: int, fill: Array) -> tuple[Array, None]:
    if type(ct) is ad.Zero:
        return ad.Zero(x.aval), None
    places = (slice(None),) * axis + (indices,)
    return filled(x.aval.shape, 0, x.aval.dtype).at[places].add(ct, mode="drop"), None


def _batch(args: Nested[Array], axes: Axes, **how: Array) -> tuple[Array, int]:
    return jax.vmap(partial(_taken, **how), axes)(*args), 0


_take = Primitive("take")
_take.def_impl(jax.jit(_taken, static_argnames=("axis", "fill")))
_take.def_abstract_eval(_aval)
mlir.register_lowering(_take, mlir.lower_fun(_taken, multiple_results=False))
ad.defjvp(_take, _tangent, None)
ad.primitive_transposes[_take] = _transpose
batching.primitive_batchers[_take] = _batch


taken_rows = compiled(2)(taken)


@tuned(
    "take",
    reason=f"{FILL}: in the gradient that is 50 of 90 us for 2,000 rows of 64 (jax 0.10)",
    benchmark="tuned:take",
    until=UNTIL,
)
def take(x: Array, indices: Array, axis: int | None = None) -> Array:
    """Elements at positions; negative ones count from the end, those out of range give NaN."""
    return plain.take(x, indices) if axis is None else taken_rows(x, indices, axis)


scatter = tuned("scatter", reason=FILL, benchmark="tuned:scatter", until=UNTIL)(plain.scatter_op(filled))
_SEGMENTS = {
    "segment_sum": (lax.scatter_add, plain.zero),
    "segment_max": (lax.scatter_max, plain.lowest),
    "segment_min": (lax.scatter_min, plain.highest),
}
for _name, _parts in _SEGMENTS.items():
    tuned(_name, reason=FILL, benchmark=f"tuned:{_name}", until=UNTIL)(plain.segment_op(*_parts, filled))


# ---- indexing with Python numbers ------------------------------------------------------------------------------------


@compiled(2, 3, 4)
def _block(x: Array, start: Array, size: Array, drop: Array, new: Function[Array]) -> Array:
    out = lax.squeeze(lax.dynamic_slice(x, start, size), drop)
    return lax.expand_dims(out, new) if new else out


@tuned(
    "get_item",
    reason="jax builds an index of Python ints and slices anew for each place that it names, which takes five times as "
    "long as a compiled block (jax 0.10)",
    benchmark="tuned:get_item",
    until="indexing with Python numbers reuses what was compiled for another place",
)
def get_item(x: Array, key: Any) -> Array:
    """`x[key]`; a plain block of a concrete array in one compiled call, made anew for its size only."""
    if type(x) is ARRAY:
        plan = _plan(x.shape, key if key.__class__ is tuple else (key,))
        if plan is not None:
            return _block(x, *plan)
    return plain.get_item(x, key)


def _plan(shape: tuple[int, ...], key: tuple[Array, ...]) -> Any:
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
            size.append(max(high - low, 0))
            out += 1
    return tuple(start), tuple(size), tuple(drop), tuple(new)


def _complete(key: tuple[Array, ...], rank: int) -> tuple[Array, ...] | None:
    """The key with an entry for each axis, if it is made of ints, slices without a step, None and one ... only."""
    given, dots = 0, None
    for i, k in enumerate(key):
        if k.__class__ is int or (k.__class__ is slice and _plain(k)):
            given += 1
        elif k is Ellipsis and dots is None:
            dots = i
        elif k is not None:
            return None
    if given > rank:
        return None
    rest = (slice(None),) * (rank - given)
    return (*key, *rest) if dots is None else (*key[:dots], *rest, *key[dots + 1 :])


def _plain(k: Array) -> bool:
    """Whether the slice has no step and bounds that are Python ints."""
    a, b, step = k.start, k.stop, k.step
    return (step is None or step == 1) and (a is None or a.__class__ is int) and (b is None or b.__class__ is int)
