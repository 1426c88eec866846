"""Elementwise functions, reductions, shapes, indexing and creation."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from kfront.backends.numpy.common import HALVES, dtype_of, quiet, tuple_axis, wide
from kfront.core.shapes import pad_pairs
from kfront.core.sparse import sparse_bincount

# ---- elementwise ----------------------------------------------------------------------------------------------------

exp = quiet(np.exp)
log = quiet(np.log)
log1p = quiet(np.log1p)
expm1 = quiet(np.expm1)
exp2 = quiet(np.exp2)
log2 = quiet(np.log2)
log10 = quiet(np.log10)
sqrt = quiet(np.sqrt)
sin = quiet(np.sin)
cos = quiet(np.cos)
tan = quiet(np.tan)
arcsin = quiet(np.arcsin)
arccos = quiet(np.arccos)
arctan = np.arctan
sinh = quiet(np.sinh)
cosh = quiet(np.cosh)
tanh = np.tanh
arcsinh = np.arcsinh
arccosh = quiet(np.arccosh)
arctanh = quiet(np.arctanh)
floor = np.floor
ceil = np.ceil
abs = np.abs
negative = np.negative
sign = quiet(np.sign)
isnan = np.isnan
isinf = np.isinf
isfinite = np.isfinite
square = quiet(np.square)
copy = np.copy


def _weak(fn: Any) -> Any:
    """Arithmetic in which a Python scalar takes the array's dtype; NumPy does not for the dtypes of ml_dtypes."""

    def run(x1: Any, x2: Any) -> Any:
        if type(x2) in _PYTHON and x1.dtype.kind == "V":
            x2 = x1.dtype.type(x2)
        elif type(x1) in _PYTHON and x2.dtype.kind == "V":
            x1 = x2.dtype.type(x1)
        with np.errstate(all="ignore"):
            return fn(x1, x2)

    return run


_PYTHON = (float, int, bool)
add = _weak(operator.add)
subtract = _weak(operator.sub)
multiply = _weak(operator.mul)
divide = _weak(operator.truediv)
floor_divide = _weak(operator.floordiv)
mod = _weak(operator.mod)
maximum = quiet(np.maximum)
minimum = quiet(np.minimum)
arctan2 = np.arctan2
logaddexp = quiet(np.logaddexp)
hypot = quiet(np.hypot)
fmax = quiet(np.fmax)
fmin = quiet(np.fmin)
fmod = quiet(np.fmod)
gcd = np.gcd
lcm = np.lcm
nextafter = np.nextafter
signbit = np.signbit
cbrt = np.cbrt
equal = np.equal
not_equal = np.not_equal
less = np.less
less_equal = np.less_equal
greater = np.greater
greater_equal = np.greater_equal
logical_and = np.logical_and
logical_or = np.logical_or
logical_xor = np.logical_xor
logical_not = np.logical_not
bitwise_and = np.bitwise_and
bitwise_or = np.bitwise_or
bitwise_xor = np.bitwise_xor
bitwise_invert = np.invert
left_shift = np.left_shift
right_shift = np.right_shift


def where(condition: Any, x1: Any, x2: Any) -> Any:
    if type(x2) is float:
        x2 = x1.dtype.type(x2)
    elif type(x1) is float:
        x1 = x2.dtype.type(x1)
    return np.where(condition, x1, x2)


def view(x: Any, dtype: str | None = None) -> Any:
    return x if dtype is None else np.ascontiguousarray(x).view(dtype_of(dtype))


def to_complex(re: Any, im: Any) -> Any:
    y = np.empty(np.broadcast(re, im).shape, np.result_type(re, np.complex64))  # re + 1j * im has NaN of infinities
    y.real, y.imag = re, im
    return y


def complex_parts(x: Any) -> Any:
    return np.real(x), np.imag(x)


def cast(x: Any, dtype: str) -> Any:
    with np.errstate(all="ignore"):
        return x.astype(dtype_of(dtype), copy=False)


@quiet
def rsqrt(x: Any) -> Any:
    return 1 / np.sqrt(x)


@quiet
def round(x: Any, decimals: int = 0) -> Any:
    if x.dtype in HALVES and decimals:
        return np.round(x.astype(np.float32), decimals).astype(x.dtype)
    return np.round(x, decimals) if decimals or x.dtype.kind not in "iu" else x


@_weak
def power(x1: Any, x2: Any) -> Any:
    if getattr(x1, "dtype", np.dtype(int)).kind in "iu" and getattr(x2, "dtype", np.dtype(int)).kind in "iu":
        kind = x1.dtype if hasattr(x1, "dtype") else x2.dtype
        if np.any(np.less(x2, 0)):  # NumPy refuses; other engines truncate
            return np.trunc(np.power(np.asarray(x1, np.float64), x2)).astype(kind)
    return x1**x2


# ---- reductions -----------------------------------------------------------------------------------------------------


@wide
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sum(x, tuple_axis(axis), x.dtype, keepdims=keepdims)


@wide
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: str | None = None) -> Any:
    return np.prod(x, tuple_axis(axis), x.dtype, keepdims=keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    return np.max(x, tuple_axis(axis), keepdims=keepdims, **_initial(x, initial))


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    return np.min(x, tuple_axis(axis), keepdims=keepdims, **_initial(x, initial))


def _initial(x: Any, initial: Any) -> dict[str, Any]:
    return {} if initial is None else {"initial": np.asarray(initial).astype(x.dtype)[()]}


@wide
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.mean(x, tuple_axis(axis), keepdims=keepdims)


@wide
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.var(x, tuple_axis(axis), keepdims=keepdims)


@wide
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.std(x, tuple_axis(axis), keepdims=keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.all(x, tuple_axis(axis), keepdims=keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.any(x, tuple_axis(axis), keepdims=keepdims)


@wide
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axis = tuple_axis(axis)
    top = np.max(x, axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    out = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    return out if keepdims else np.sum(out, axis)


def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.argmax(x, axis, keepdims=keepdims).astype(np.int32)


def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.argmin(x, axis, keepdims=keepdims).astype(np.int32)


@wide
def cumsum(x: Any, axis: Any = None, dtype: str | None = None) -> Any:
    return np.cumsum(x, axis, x.dtype)


@wide
def cumprod(x: Any, axis: Any = None, dtype: str | None = None) -> Any:
    return np.cumprod(x, axis, x.dtype)


def sort(x: Any, axis: Any = -1) -> Any:
    return np.sort(x, axis)


def argsort(x: Any, axis: Any = -1) -> Any:
    return np.argsort(x, axis, kind="stable").astype(np.int32)


def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    backwards = np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1][
        ..., :k
    ]  # so that the first of equals comes first
    places = x.shape[-1] - 1 - backwards
    return np.take_along_axis(x, places, -1), places.astype(np.int32)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    return np.asarray(np.searchsorted(sorted_sequence, values, side)).astype(np.int32)


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    if sparse:
        return sparse_bincount(x, weights, minlength)
    kind = np.int32 if weights is None else weights.dtype
    if x.ndim == 1:
        return np.bincount(x, weights, minlength).astype(kind)
    length = int(np.max(x, initial=-1)) + 1
    length = length if length > minlength else minlength
    weights = np.broadcast_to(weights, x.shape) if weights is not None else [None] * len(x)
    return np.stack([np.bincount(r, w, length) for r, w in zip(x, weights, strict=True)]).astype(kind)


# ---- shapes ---------------------------------------------------------------------------------------------------------


def shape(x: Any) -> tuple[int, ...]:
    return np.shape(x)


def reshape(x: Any, newshape: Any) -> Any:
    return np.reshape(x, newshape)


def transpose(x: Any, axes: Any = None) -> Any:
    return np.transpose(x, axes)


def broadcast_to(x: Any, shape: Any) -> Any:
    if -1 in shape:
        lead = len(shape) - np.ndim(x)
        shape = tuple(np.shape(x)[i - lead] if d == -1 else d for i, d in enumerate(shape))
    return np.broadcast_to(x, shape)


def concatenate(xs: Any, axis: int = 0) -> Any:
    return np.concatenate(xs, axis)


def stack(x: Any, axis: int = 0) -> Any:
    return np.stack(x, axis)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return tuple(np.split(x, indices_or_sections, axis))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    pairs = pad_pairs(pad_width, x.ndim)
    extra = {"constant_values": constant_values or 0} if mode == "constant" else {}
    return np.pad(x, pairs, mode, **extra)  # type: ignore[call-overload]


def flip(x: Any, axis: Any = None) -> Any:
    return np.flip(x, tuple_axis(axis))


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    return np.roll(x, shift, axis)


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    return np.repeat(x, repeats, axis)


def tile(x: Any, repeats: Any) -> Any:
    return np.tile(x, repeats)


def expand_dims(x: Any, axis: Any) -> Any:
    return np.expand_dims(x, axis)


def squeeze(x: Any, axis: Any = None) -> Any:
    return np.squeeze(x, axis)


# ---- indexing -------------------------------------------------------------------------------------------------------


def _integers(indices: Any) -> Any:
    return indices if indices.dtype.kind in "iu" else indices.astype(np.int64)


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    return np.take(x, _integers(indices), axis)


def take_along_axis(x: Any, indices: Any, axis: Any = None) -> Any:
    return np.take_along_axis(x, _integers(indices), axis)


def get_item(x: Any, key: Any) -> Any:
    return x[key]


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    return inputs[_block(inputs, start_indices, shape)]


def _block(x: Any, starts: Any, sizes: Any) -> tuple[Any, ...]:
    """Index of a block; a start from which it would stick out is moved back, as XLA does."""
    out = []
    for n, start, size in zip(np.shape(x), starts, sizes, strict=True):
        start, size = int(start), int(size)
        if size == -1:
            size = n - start
        start = builtins.min(builtins.max(start, 0), n - size)
        out.append(builtins.slice(start, start + size))
    return tuple(out)


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    out = np.array(inputs)
    out[_block(inputs, start_indices, np.shape(updates))] = updates
    return out


def _coordinates(indices: Any) -> tuple[Any, ...]:
    return tuple(np.moveaxis(_integers(np.asarray(indices)), -1, 0))


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    out = np.zeros(shape, values.dtype)
    np.add.at(out, _coordinates(indices), values)
    return out


_COMBINE = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    out = np.array(inputs)
    if reduction is None:
        out[_coordinates(indices)] = updates
    else:
        _COMBINE[reduction].at(out, _coordinates(indices), updates)
    return out


def nonzero(x: Any) -> Any:
    return tuple(i.astype(np.int32) for i in np.nonzero(x))


# ---- creation -------------------------------------------------------------------------------------------------------


def zeros(shape: Any, dtype: str) -> Any:
    return np.zeros(shape, dtype_of(dtype))


def ones(shape: Any, dtype: str) -> Any:
    return np.ones(shape, dtype_of(dtype))


def full(shape: Any, fill_value: Any, dtype: str) -> Any:
    return np.full(shape, fill_value, dtype_of(dtype))


def arange(start: Any, stop: Any, step: Any, dtype: str) -> Any:
    kind = dtype_of(dtype)
    if kind in HALVES or kind == np.bool_:
        return np.arange(start, stop, step).astype(kind)
    return np.arange(start, stop, step, kind)


def eye(N: Any, M: Any = None, k: int = 0, dtype: str = "float32") -> Any:
    return np.eye(N, M, k, dtype_of(dtype))
