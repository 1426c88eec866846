"""Reductions, scans along an axis, sorting and searching."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow import common
from kfront.backends.tensorflow.common import axes_of, constant, dims, nonnegative, raw, shape_vector, size_of, via
from kfront.backends.tensorflow.elementwise import maximum, minimum
from kfront.backends.tensorflow.index import take_along_axis
from kfront.backends.typing import Axes, Function
from kfront.core import shapes
from kfront.core.sparse import sparse_bincount
from kfront.core.typing import DTypeLike

Tensor = tf.Tensor
_cast = raw("Cast")
_sum, _prod, _max, _min, _mean = raw("Sum"), raw("Prod"), raw("Max"), raw("Min"), raw("Mean")
_all, _any = raw("All"), raw("Any")
_reshape, _expand, _select = raw("Reshape"), raw("ExpandDims"), raw("SelectV2")
_sub, _square, _sqrt, _equal = raw("Sub"), raw("Square"), raw("Sqrt"), raw("Equal")
_FLOATING = (tf.float32, tf.float64, tf.float16, tf.bfloat16)
_HALF = (tf.float16, tf.bfloat16)


def sum(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Sum over axes."""
    return _sum(x, axis if axis.__class__ is int else axes_of(x, axis), keepdims)


def prod(x: Tensor, axis: Axes = None, keepdims: bool = False, dtype: DTypeLike = None) -> Tensor:
    """Product over axes."""
    if dtype is not None:
        x = tf.cast(x, dtype)
    return _prod(x, axes_of(x, axis), keepdims)


def _extremum(kernel: Function[Tensor], for_bool: Function[Tensor], join: Function[Tensor]) -> Function[Tensor]:
    def reduce(x: Tensor, axis: Axes = None, keepdims: bool = False, initial: Tensor | float | None = None) -> Tensor:
        if initial is None and x.shape.num_elements() == 0:
            shapes.extreme(x, axis)
        axis = axis if axis.__class__ is int else axes_of(x, axis)
        out = for_bool(x, axis, keepdims) if x.dtype == tf.bool else kernel(x, axis, keepdims)
        if initial is None:
            return out
        initial = tf.cast(initial, out.dtype)
        return for_bool(tf.stack([out, initial]), 0, False) if x.dtype == tf.bool else join(out, initial)

    return reduce


max = _extremum(_max, _any, maximum)
min = _extremum(_min, _all, minimum)


def _position(name: str, extreme: float) -> Function[Tensor]:
    """Where the extreme is; as in NumPy a NaN is taken for it."""
    kernel = raw(name)

    def find(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
        if x.dtype in _FLOATING:
            x = _select(_is_nan(x), constant(extreme, x.dtype), x)
        if axis is not None:
            out = kernel(x, axis, tf.int32)
            return _expand(out, axis) if keepdims else out
        out = kernel(_reshape(x, constant((-1,))), 0, tf.int32)
        return _reshape(out, constant((1,) * x.shape.rank)) if keepdims else out

    return find


_is_nan = raw("IsNan")
argmax = _position("ArgMax", float("inf"))
argmin = _position("ArgMin", float("-inf"))


def _as_bool(x: Tensor) -> Tensor:
    return x if x.dtype == tf.bool else tf.not_equal(x, constant(0, x.dtype))


def all(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true (not zero)."""
    return _all(_as_bool(x), axes_of(x, axis), keepdims)


def any(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether an element is true (not zero)."""
    return _any(_as_bool(x), axes_of(x, axis), keepdims)


def mean(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Mean over axes; half precision is accumulated in float32."""
    if x.dtype in _HALF:
        return via(mean, tf.float32, x, axis, keepdims)
    return _mean(x, axis if axis.__class__ is int else axes_of(x, axis), keepdims)


def var(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Variance over axes; half precision is accumulated in float32."""
    if x.dtype in _HALF:
        return via(var, tf.float32, x, axis, keepdims)
    axis = axis if axis.__class__ is int else axes_of(x, axis)
    if x.dtype.is_complex:
        d = tf.abs(_sub(x, _mean(x, axis, True)))
        return _mean(_square(d), axis, keepdims)
    return _mean(_square(_sub(x, _mean(x, axis, True))), axis, keepdims)


def std(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes."""
    if x.dtype in _HALF:
        return via(std, tf.float32, x, axis, keepdims)
    v = var(x, axis, keepdims)
    zero, nothing = _equal(v, constant(0, v.dtype)), constant(0, v.dtype)
    return _select(zero, nothing, _sqrt(_select(zero, constant(1, v.dtype), v)))


def listed(axis: Axes, x: Tensor) -> list[int]:
    if axis is None:
        return list(range(x.shape.rank))
    return list(axis) if isinstance(axis, (tuple, list)) else [axis]


def logsumexp(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), finite for large x."""
    axes = axes_of(x, axis)
    top = _max(x, axes, True)
    top = tf.stop_gradient(_select(tf.math.is_finite(top), top, tf.zeros_like(top)))
    out = tf.math.log(_sum(tf.exp(_sub(x, top)), axes, True)) + top
    return out if keepdims else tf.squeeze(out, listed(axis, x))


# ---- along an axis ---------------------------------------------------------------------------------------------------


def _scan(name: str, for_bool: Tensor = tf.int32) -> Function[Tensor]:
    kernel = raw(name)

    def scan(x: Tensor, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
        if dtype is not None:
            x = tf.cast(x, dtype)
        if axis is None:
            x, axis = _reshape(x, constant((-1,))), 0
        return via(kernel, for_bool, x, axis) if x.dtype == tf.bool else kernel(x, axis)

    return scan


cumsum = _scan("Cumsum")
_cumprod = _scan("Cumprod")


def cumprod(x: Tensor, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Products of the elements so far."""
    if dtype is not None:
        x = tf.cast(x, dtype)
    if axis is None:
        x, axis = _reshape(x, constant((-1,))), 0
    return _product_so_far(x, axis) if x.dtype in _FLOATING else _cumprod(x, axis)


def _product_so_far(x: Tensor, axis: int) -> Tensor:
    """The kernel's gradient divides by x, which fails at 0; here it is that of log2(n) products of shifted values."""

    @tf.custom_gradient
    def run(x: Tensor) -> tuple[Tensor, Tensor]:
        def grad(upstream: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                out = _doubling(x, nonnegative(axis, x.shape.rank))
            return tape.gradient(out, x, upstream)

        return _cumprod(x, axis), grad

    return run(x)


def _doubling(x: Tensor, axis: int) -> Tensor:
    size = size_of(x, axis)
    place = _reshape(tf.range(size), constant(tuple(-1 if i == axis else 1 for i in range(x.shape.rank))))

    def double(shift: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        before = _select(place >= shift, raw("Roll")(y, shift, axis), constant(1, y.dtype))
        return shift * 2, tf.ensure_shape(y * before, x.shape)

    return tf.while_loop(lambda shift, _: shift < size, double, (tf.constant(1), x))[1]


def sort(x: Tensor, axis: int | None = -1) -> Tensor:
    """Ascending; NaN last."""
    if axis is None:
        x, axis = _reshape(x, constant((-1,))), 0
    if x.dtype == tf.bool:
        return via(sort, tf.int8, x, axis)
    return take_along_axis(x, argsort(x, axis), axis) if x.dtype in _FLOATING else tf.sort(x, axis)


def argsort(x: Tensor, axis: int | None = -1) -> Tensor:
    """Indices that sort ascending; equal elements keep their order."""
    if axis is None or x.shape.rank == 0:
        x, axis = _reshape(x, constant((-1,))), 0
    if x.dtype == tf.bool:
        x = _cast(x, tf.int32)
    x = _ranked(x) if x.dtype.is_floating else x
    turned = constant(x.dtype.max if x.dtype.is_unsigned else -1, x.dtype) - x  # in the order from the end, exactly
    return tf.argsort(turned, axis, "DESCENDING", stable=True)


def _ranked(x: Tensor) -> Tensor:
    """Integers in the order of floats, NaN last: their bits, those of negative numbers turned around."""
    x = x if x.dtype == tf.float64 else _cast(x, tf.float32)
    kind = tf.int64 if x.dtype == tf.float64 else tf.int32
    x = tf.where(tf.math.is_nan(x), constant(float("nan"), x.dtype), x + constant(0.0, x.dtype))  # -0 is 0 here
    bits = tf.bitcast(x, kind)
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, constant(kind.max, kind)), bits)


_top_k = raw("TopKV2")


def top_k(x: Tensor, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest on the last axis, and their indices."""
    if x.dtype == tf.bool:
        values, indices = _top_k(_cast(x, tf.int8), k, sorted)
        return _cast(values, tf.bool), indices
    values, indices = _top_k(x, k, sorted)
    return values, indices


def searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Tensor:
    """Where values would be inserted in a sorted vector."""
    if sorted_sequence.dtype == tf.bool:
        sorted_sequence, values = _cast(sorted_sequence, tf.int8), _cast(values, tf.int8)
    if common.target.lite:  # how many are below, by comparing with each; NaN is above all
        above = (tf.greater_equal if side == "left" else tf.greater)(sorted_sequence, values[..., None])
        return tf.reduce_sum(tf.cast(tf.logical_not(above), tf.int32), -1)
    kernel = raw("LowerBound" if side == "left" else "UpperBound")
    flat = kernel(_expand(sorted_sequence, 0), _reshape(values, constant((1, -1))), tf.int32)
    found = _reshape(flat, shape_vector(dims(values)))
    if not values.dtype.is_floating:
        return found
    return tf.where(tf.math.is_nan(values), _nan_place(sorted_sequence, side), found)


def _nan_place(sorted_sequence: Tensor, side: str) -> Tensor:
    """Where NaN belongs in a sorted vector: the kernel takes it for smaller than all."""
    if side == "left" and sorted_sequence.dtype.is_floating:
        return tf.math.count_nonzero(tf.logical_not(tf.math.is_nan(sorted_sequence)), dtype=tf.int32)
    return tf.size(sorted_sequence)


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int | Tensor = 0, sparse: bool = False) -> Tensor:
    """How often each number occurs on the last axis (its weights added up, if given)."""
    x = _cast(x, tf.int32)
    top = tf.reduce_max(x) + 1 if x.shape.num_elements() != 0 else constant(0)
    length = tf.maximum(top, tf.cast(minlength, tf.int32))
    if sparse:
        return sparse_bincount(x, weights, length)
    weights = tf.ones_like(x) if weights is None else tf.broadcast_to(weights, tf.shape(x))
    if x.shape.rank == 1:
        return tf.math.unsorted_segment_sum(weights, x, length)
    rows = size_of(x, 0)
    places = x + tf.range(rows)[:, None] * length
    return tf.reshape(tf.math.unsorted_segment_sum(weights, places, rows * length), [rows, length])
