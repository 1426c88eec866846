"""JAX: elementwise ops, reductions, shapes, indexing, creation, fft."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kfront.backends.jax.common import ARRAY, TRACER, axes, canonical, compiled, concrete, dims, nested
from kfront.backends.jax.rows import filled, taken
from kfront.core.errors import ArgumentError
from kfront.core.sparse import sparse_bincount

# ---- elementwise -----------------------------------------------------------------------------------------------------

exp, exp2, log, log1p, log2, log10, expm1 = (
    jnp.exp,
    jnp.exp2,
    jnp.log,
    jnp.log1p,
    jnp.log2,
    jnp.log10,
    jnp.expm1,
)
sqrt, cbrt, sinc = jnp.sqrt, jnp.cbrt, jnp.sinc
sin, cos, tan, tanh, sinh, cosh = jnp.sin, jnp.cos, jnp.tan, jnp.tanh, jnp.sinh, jnp.cosh
arcsin, arccos, arctan, arcsinh, arccosh = jnp.arcsin, jnp.arccos, jnp.arctan, jnp.arcsinh, jnp.arccosh
arctanh = jnp.arctanh
floor, ceil, negative = jnp.floor, jnp.ceil, jnp.negative
sign, signbit, trunc, square, reciprocal = jnp.sign, jnp.signbit, jnp.trunc, jnp.square, jnp.reciprocal
isnan, isinf, isfinite = jnp.isnan, jnp.isinf, jnp.isfinite
real, imag, conj = jnp.real, jnp.imag, jnp.conj
divide, equal, not_equal, less, less_equal = jnp.divide, jnp.equal, jnp.not_equal, jnp.less, jnp.less_equal
greater, greater_equal, logical_not = jnp.greater, jnp.greater_equal, jnp.logical_not
bitwise_invert, left_shift, right_shift = jnp.invert, jnp.left_shift, jnp.right_shift
nextafter = jnp.nextafter
where = jnp.where

# Those that jax.numpy has as `ufunc` objects: a compiled function is called in two thirds of the time.
add, subtract, multiply = compiled()(jnp.add), compiled()(jnp.subtract), compiled()(jnp.multiply)
maximum, minimum, logaddexp = compiled()(jnp.maximum), compiled()(jnp.minimum), compiled()(jnp.logaddexp)
logical_and, logical_or, logical_xor = (compiled()(f) for f in (jnp.logical_and, jnp.logical_or, jnp.logical_xor))
bitwise_and, bitwise_or, bitwise_xor = (compiled()(f) for f in (jnp.bitwise_and, jnp.bitwise_or, jnp.bitwise_xor))
_power, _integer_power = compiled()(jnp.power), compiled(1)(lax.integer_pow)


def power(x1: Any, x2: Any) -> Any:
    """A small whole exponent becomes products, which are exact and have exact gradients."""
    kind = x2.__class__
    if kind in (int, float) and -32 <= x2 <= 32 and int(x2) == x2 and hasattr(x1, "dtype"):
        return _integer_power(x1, int(x2)) if x2 >= 0 or jnp.issubdtype(x1.dtype, jnp.inexact) else _power(x1, x2)
    return _power(x1, x2)


@jax.custom_jvp
def _magnitude(x: Any) -> Any:
    return lax.abs(x)


_magnitude.defjvps(lambda tangent, out, x: tangent * lax.sign(x))  # 0 at 0, where lax.abs has 1


@compiled()
def abs(x: Any) -> Any:
    """Absolute value with gradient 0 at 0."""
    return _magnitude(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.abs(x)


rsqrt = compiled()(lax.rsqrt)
erf = compiled()(lax.erf)
erfc = compiled()(lax.erfc)
erfinv = compiled()(lax.erf_inv)
sigmoid = jax.nn.sigmoid
relu = compiled()(jax.nn.relu)
floor_divide = compiled()(jnp.floor_divide)
mod = compiled()(jnp.mod)


@compiled()
def arctan2(x1: Any, x2: Any) -> Any:
    """The angle of (x2, x1); its gradient at the origin is 0, where JAX has NaN."""
    origin = (x1 == 0) & (x2 == 0)
    elsewhere = jnp.arctan2(x1, jnp.where(origin, 1, x2))
    return jnp.where(origin, lax.stop_gradient(jnp.arctan2(x1, x2)), elsewhere)


def stop_gradient(variable: Any) -> Any:
    """Nothing flows back from here; an array that is not being traced has nothing to stop."""
    return variable if type(variable) is ARRAY else lax.stop_gradient(variable)


@compiled(1)
def _round(x: Any, decimals: int) -> Any:
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):  # jax.numpy.round has no negative decimals for ints
        unit = jnp.asarray(10**-decimals, x.dtype)
        low = x - jnp.mod(x, unit)
        rest = x - low
        up = (2 * rest > unit) | ((2 * rest == unit) & (jnp.mod(low // unit, 2) == 1))
        return jnp.where(up, low + unit, low)
    return x if jnp.issubdtype(x.dtype, jnp.integer) else jnp.round(x, decimals)


def round(x: Any, decimals: int = 0) -> Any:
    """Half to even, as NumPy."""
    return _round(x, decimals)


@compiled()
def _clip(x: Any, x_min: Any, x_max: Any) -> Any:
    if x_min is not None:
        x = jnp.where(_beyond(jnp.less(x, x_min), x_min), x_min, x)
    return x if x_max is None else jnp.where(_beyond(jnp.greater(x, x_max), x_max), x_max, x)


def _beyond(outside: Any, bound: Any) -> Any:
    """Where a bound is what comes out: outside of it, and where it is NaN."""
    return outside | jnp.isnan(bound) if isinstance(bound, jax.Array) else outside


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Gradient 1 at the bounds, as torch and TensorFlow have it (jnp.clip has 1/2)."""
    return _clip(x, _bound(x, x_min), _bound(x, x_max))


def _bound(x: Any, value: Any) -> Any:
    """A Python int as a number that the dtype of `x` holds: JAX refuses those that overflow."""
    if value.__class__ is not int or not hasattr(x, "dtype"):
        return value
    if not jnp.issubdtype(x.dtype, jnp.integer):
        return float(value)
    info = jnp.iinfo(x.dtype)
    return np.array(builtins.max(info.min, builtins.min(value, info.max)), x.dtype)


# ---- dtype -----------------------------------------------------------------------------------------------------------


def _caster(name: str) -> Any:
    dtype = jnp.dtype(name)

    @compiled()
    def run(x: Any) -> Any:
        if jnp.issubdtype(x.dtype, jnp.complexfloating) and not jnp.issubdtype(dtype, jnp.complexfloating):
            x = x.real if name != "bool" else x != 0
        return lax.convert_element_type(x, dtype)

    return dtype, run


_casters: dict[str, Any] = {}


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype; 64-bit types narrow unless x64 is enabled."""
    name = canonical(dtype)
    found = _casters.get(name)
    if found is None:
        found = _casters[name] = _caster(name)
    if type(x) is not ARRAY and not isinstance(x, TRACER):
        x = jnp.asarray(x)
    return x if x.dtype == found[0] else found[1](x)


@compiled(1)
def _bitcast(x: Any, dtype: str) -> Any:
    return x.view(dtype)


to_complex = compiled()(lax.complex)


def complex_parts(x: Any) -> tuple[Any, Any]:
    """(real, imaginary) part."""
    return jnp.real(x), jnp.imag(x)


def view(x: Any, dtype: Any = None) -> Any:
    """The same bits read as another dtype."""
    return x if dtype is None else _bitcast(x, canonical(dtype))


# ---- reductions ------------------------------------------------------------------------------------------------------


def _reduction(fn: Any) -> Any:
    run = compiled(1, 2)(fn)

    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
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


def _std(x: Any, axis: Any, keepdims: bool) -> Any:
    variance = jnp.var(x, axis, keepdims=keepdims)
    zero = variance == 0  # the gradient of sqrt is infinite there
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, variance))).astype(variance.dtype)


std = _reduction(_std)


@compiled(1, 2, 3)
def _prod(x: Any, axis: Any, keepdims: bool, dtype: str | None) -> Any:
    return jnp.prod(x, axis, dtype=dtype or x.dtype, keepdims=keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Product; the gradient is right with zeros among the factors."""
    return _prod(x, axes(axis), keepdims, None if dtype is None else canonical(dtype))


_max = compiled(1, 2)(lambda x, axis, keep, initial: jnp.max(x, axis, keepdims=keep, initial=initial))
_min = compiled(1, 2)(lambda x, axis, keep, initial: jnp.min(x, axis, keepdims=keep, initial=initial))


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Largest value; `initial` also counts."""
    return _max(x, axes(axis), keepdims, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Smallest value; `initial` also counts."""
    return _min(x, axes(axis), keepdims, initial)


def _running(fn: Any) -> Any:
    run = compiled(1, 2)(lambda x, axis, dtype: fn(x, axis, dtype=dtype or x.dtype))

    def scan_along(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
        return run(x, axis, None if dtype is None else canonical(dtype))

    return scan_along


cumsum = _running(jnp.cumsum)
cumprod = _running(jnp.cumprod)
sort = compiled(1)(lambda x, axis: jnp.sort(x, axis))
argsort = compiled(1)(lambda x, axis: jnp.argsort(x, axis).astype("int32"))


@compiled(1, 2)
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The k largest along the last axis: (values, positions)."""
    values, where_ = lax.top_k(x, k)
    return values, where_.astype("int32")


@compiled(2)
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Positions at which `values` keep the sequence sorted."""
    return jnp.searchsorted(sorted_sequence, values, side=side).astype("int32")


@compiled(2)
def _count(x: Any, weights: Any, length: int) -> Any:
    def one(row: Any, w: Any) -> Any:
        out = filled((length,), 0, "int32" if w is None else w.dtype)
        return out.at[row].add(1 if w is None else w, mode="drop")

    if x.ndim == 1:
        return one(x, weights)
    flat = x.reshape(-1, x.shape[-1])
    w = None if weights is None else weights.reshape(flat.shape)
    return jax.vmap(one)(flat, w).reshape(*x.shape[:-1], length)


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """Counts; while tracing, the length is `minlength`, as the largest value is not known."""
    length = int(minlength or 0)
    if concrete(x):
        length = builtins.max(length, int(x.max()) + 1 if x.size else 0)
    elif not length:
        raise ArgumentError("[bincount] expected `minlength` inside compiled code on JAX, got 0; pass it.")
    return sparse_bincount(x, weights, length) if sparse else _count(x, weights, length)


# ---- shapes ----------------------------------------------------------------------------------------------------------


def shape(x: Any) -> tuple[int, ...]:
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


def reshape(x: Any, newshape: Any) -> Any:
    """`x` in another shape; one entry may be -1."""
    return _reshape(x, dims(newshape))


def transpose(x: Any, axes: Any = None) -> Any:
    """Axes permuted, reversed if None."""
    return _transpose(x, None if axes is None else tuple(axes))


def broadcast_to(x: Any, shape: Any) -> Any:
    """`x` broadcast to `shape`."""
    return _broadcast_to(x, dims(shape))


def expand_dims(x: Any, axis: Any) -> Any:
    """New axes of size 1."""
    return _expand_dims(x, axes(axis))


def squeeze(x: Any, axis: Any = None) -> Any:
    """Axes of size 1 removed."""
    return _squeeze(x, axes(axis))


def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Any:
    """Joined along an axis."""
    return _concatenate(xs, axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Joined along a new axis."""
    return _stack(x, axis)


@compiled(1, 2)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> tuple[Any, ...]:
    """Parts: so many, or cut at these positions."""
    at = indices_or_sections
    return tuple(jnp.split(x, at if isinstance(at, int) else np.array(at, "int64"), axis))


def flip(x: Any, axis: Any = None) -> Any:
    """Order reversed along the axes."""
    return _flip(x, axes(axis))


_roll = compiled(2)(jnp.roll)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Elements moved around the end."""
    return _roll(x, axes(shift), axes(axis))


@compiled(1, 2)
def _repeat(x: Any, repeats: Any, axis: int | None) -> Any:
    return jnp.repeat(x, repeats if isinstance(repeats, int) else np.array(repeats), axis)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element `repeats` times; the counts must be known while tracing."""
    return _repeat(x, repeats if repeats.__class__ is int else nested(np.asarray(repeats)), axis)


def tile(x: Any, repeats: Any) -> Any:
    """The whole array repeated along axes."""
    return _tile(x, dims(repeats))


@compiled(1, 2, 3)
def _pad(x: Any, width: Any, mode: str, value: Any, dynamic: Any) -> Any:
    if mode == "constant":
        return jnp.pad(x, width, mode, constant_values=value if dynamic is None else dynamic)
    return jnp.pad(x, width, mode)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Padded at the edges."""
    if isinstance(constant_values, (ARRAY, TRACER)):
        return _pad(x, nested(pad_width), mode, 0, constant_values)
    return _pad(x, nested(pad_width), mode, nested(constant_values or 0), None)


# ---- indexing --------------------------------------------------------------------------------------------------------

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


# ---- creation --------------------------------------------------------------------------------------------------------

_zeros = compiled(0, 1)(jnp.zeros)
_ones = compiled(0, 1)(jnp.ones)
_full = compiled(0, 2)(jnp.full)
_eye = compiled(0, 1, 2, 3)(jnp.eye)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros."""
    return _zeros(dims(shape), canonical(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones."""
    return _ones(dims(shape), canonical(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value everywhere."""
    return _full(dims(shape), fill_value, canonical(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on a diagonal."""
    return _eye(N, M, k, canonical(dtype))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Evenly spaced values; the bounds must be known while tracing."""
    return jnp.arange(start, stop, step, dtype=canonical(dtype))


# ---- fft -------------------------------------------------------------------------------------------------------------


def _spectrum(transform: Any) -> Any:
    def run(real: Any, imag: Any) -> tuple[Any, Any]:
        z = transform(lax.complex(real, imag))
        return jnp.real(z), jnp.imag(z)

    return compiled()(run)


fft, fft2, ifft2 = _spectrum(jnp.fft.fft), _spectrum(jnp.fft.fft2), _spectrum(jnp.fft.ifft2)


@compiled(1)
def rfft(x: Any, fft_length: int | None = None) -> tuple[Any, Any]:
    """(real, imaginary) part of the half spectrum."""
    z = jnp.fft.rfft(x, n=fft_length)
    return jnp.real(z), jnp.imag(z)


@compiled(2)
def irfft(real: Any, imag: Any, fft_length: int | None = None) -> Any:
    """Inverse of `rfft`."""
    return jnp.fft.irfft(lax.complex(real, imag), n=fft_length)
