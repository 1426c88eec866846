"""Elements at positions along an axis, with a gradient that starts from zeros that are made fast.

XLA's compiler for CPUs fills an array with a constant on one core, an element per cycle: in the gradient of a table of
embeddings this takes longer than all that is added to the zeros (50 of 90 us for 2,000 rows of 64, jax 0.10). Numbers
that follow from their positions are made by vector instructions on all cores, in a quarter of that time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import AxisType

__all__ = ["filled", "taken"]


def filled(shape: tuple[int, ...], value: Any, dtype: Any) -> jax.Array:
    """An array of one number, to be added to or compared with at a few of its places."""
    if not shape:
        return lax.full(shape, value, dtype)

    def from_positions() -> jax.Array:
        nothing = lax.shift_right_logical(lax.broadcasted_iota("uint32", shape, 0), jnp.uint32(31))
        return nothing.astype(dtype) + jnp.asarray(value, dtype)

    return lax.platform_dependent(cpu=from_positions, default=lambda: lax.full(shape, value, dtype))


def taken(x: Any, indices: Any, axis: int) -> jax.Array:
    """`jnp.take(x, indices, axis)`, as a primitive: no other form has a gradient of its own under all transforms.

    Under `shard_map` JAX keeps book of what differs between devices, which only its own primitives can tell.
    """
    numbers = jnp.issubdtype(x.dtype, jnp.floating) and jnp.issubdtype(indices.dtype, jnp.integer)
    manual = AxisType.Manual in (jax.sharding.get_abstract_mesh().axis_types or ())
    if not numbers or manual or not -x.ndim <= axis < x.ndim:
        return jnp.take(x, indices, axis)
    if indices.dtype.itemsize < 4:  # JAX adds the length to negative ones
        indices = indices.astype("int32")
    return _take.bind(x, indices, axis=axis % x.ndim, fill=None)


def _taken(x: Any, indices: Any, *, axis: int, fill: Any) -> jax.Array:
    return jnp.take(x, indices, axis, mode="fill", fill_value=fill)


def _aval(x: Any, indices: Any, **how: Any) -> Any:
    out = jax.eval_shape(partial(_taken, **how), x, indices)
    return jax.core.ShapedArray(out.shape, out.dtype)


def _tangent(dx: Any, x: Any, indices: Any, *, axis: int, fill: Any) -> Any:
    return _take.bind(dx, indices, axis=axis, fill=0)


def _transpose(ct: Any, x: Any, indices: Any, *, axis: int, fill: Any) -> tuple[Any, None]:
    if type(ct) is ad.Zero:
        return ad.Zero(x.aval), None
    places = (slice(None),) * axis + (indices,)
    return filled(x.aval.shape, 0, x.aval.dtype).at[places].add(ct, mode="drop"), None


def _batch(args: Any, axes: Any, **how: Any) -> tuple[Any, int]:
    return jax.vmap(partial(_taken, **how), axes)(*args), 0


_take = Primitive("take")
_take.def_impl(jax.jit(_taken, static_argnames=("axis", "fill")))
_take.def_abstract_eval(_aval)
mlir.register_lowering(_take, mlir.lower_fun(_taken, multiple_results=False))
ad.defjvp(_take, _tangent, None)
ad.primitive_transposes[_take] = _transpose
batching.primitive_batchers[_take] = _batch
