"""Activations, convolution, pooling, encodings and segments."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kfront.backends.numpy.common import dtype_of, lowest, quiet, tuple_axis, wide
from kfront.core.shapes_nn import output_pads, spatial, transpose_padding
from kfront.core.sparse import sparse_one_hot

# ---- activations ----------------------------------------------------------------------------------------------------


def relu(x: Any) -> Any:
    return np.maximum(x, x.dtype.type(0))


@quiet
def sigmoid(x: Any) -> Any:
    half = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + half), half / (1 + half))


@quiet
def softplus(x: Any) -> Any:
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, x.dtype.type(0))


@wide
def softmax(x: Any, axis: Any = -1) -> Any:
    axis = axis if axis.__class__ is int else tuple_axis(axis)
    e = x - np.maximum.reduce(x, axis, keepdims=True)  # the ufuncs themselves: np.max costs twice as much
    np.exp(e, e)
    return np.divide(e, np.add.reduce(e, axis, keepdims=True), e)


@wide
def log_softmax(x: Any, axis: Any = -1) -> Any:
    axis = tuple_axis(axis)
    y = x - np.max(x, axis, keepdims=True)
    return y - np.log(np.sum(np.exp(y), axis, keepdims=True))


# Rational approximations of Cody (1969), "Rational Chebyshev approximations for the error function": coefficients from
# the highest power down.
_NEAR = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
        2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ),
)  # fmt: skip
_FAR = (
    (
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
        1.60837851487422766e-2, 6.58749161529837803e-4,
    ),
    (
        1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)  # fmt: skip


def _ratio(x: Any, coefficients: tuple[Any, Any]) -> Any:
    return np.polyval(coefficients[0], x) / np.polyval(coefficients[1], x)


def _complement64(y: Any) -> Any:
    """1 - erf(y) for y >= 0.46875."""
    middle = _ratio(np.clip(y, 0.4, 4.0), _MIDDLE)
    inverse = 1 / np.square(np.maximum(y, 4.0))
    tail = (1 / np.sqrt(np.pi) - inverse * _ratio(inverse, _FAR)) / np.maximum(y, 4.0)
    return np.exp(-np.square(y)) * np.where(y <= 4.0, middle, tail)


def _erf64(x: Any) -> Any:
    y = np.abs(x)
    near = x * _ratio(np.square(np.minimum(y, 0.5)), _NEAR)
    return np.where(y <= 0.46875, near, np.copysign(1 - _complement64(y), x))


@quiet
def erfc(x: Any) -> Any:
    y = np.asarray(x, np.float64)
    return np.where(y < 0.5, 1 - _erf64(y), _complement64(np.maximum(y, 0.46875))).astype(x.dtype)


@quiet
def i0(x: Any) -> Any:
    return np.i0(np.asarray(x, np.float64)).astype(x.dtype)


@quiet
def erf(x: Any) -> Any:
    return _erf64(np.asarray(x, np.float64)).astype(x.dtype)


@quiet
def erfinv(x: Any) -> Any:
    y = np.asarray(x, np.float64)
    log = np.log1p(-y * y)
    a = 2 / (np.pi * 0.147) + log / 2  # Winitzki's approximation, then Newton steps
    z = np.copysign(np.sqrt(np.sqrt(a * a - log / 0.147) - a), y)
    for _ in range(4):
        z = z - (_erf64(z) - y) * (np.sqrt(np.pi) / 2) * np.exp(np.square(z))
    z = np.where(np.abs(y) == 1, np.copysign(np.inf, y), z)
    return np.where(np.abs(y) > 1, np.nan, z).astype(x.dtype)


# ---- convolution ----------------------------------------------------------------------------------------------------


def _last(x: Any, data_format: str) -> Any:
    return x if data_format == "channels_last" else np.moveaxis(x, 1, -1)


def _back(y: Any, data_format: str) -> Any:
    return y if data_format == "channels_last" else np.moveaxis(y, -1, 1)


def _same_pads(n: int, size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    total = max((-(-n // stride) - 1) * stride + (size - 1) * dilation + 1 - n, 0)
    return total // 2, total - total // 2


def _padded(x: Any, sizes: Any, strides: Any, dilation: Any, padding: str, value: Any = 0) -> Any:
    """`x` (batch, *spatial, channels) with the padding of "same"."""
    if padding == "valid":
        return x
    pads = [_same_pads(*a) for a in zip(x.shape[1:-1], sizes, strides, dilation, strict=True)]
    return np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)


def _windows(x: Any, sizes: Any, strides: Any, dilation: Any) -> Any:
    """View of shape (batch, *places, channels, *window)."""
    reach = tuple((k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True))
    axes = tuple(range(1, x.ndim - 1))
    view = sliding_window_view(x, reach, axes)
    places = tuple(slice(None, None, s) for s in strides)
    window = tuple(slice(None, None, d) for d in dilation)
    return view[(slice(None), *places, slice(None), *window)]


def _correlate(x: Any, kernel: Any, strides: Any, dilation: Any) -> Any:
    """Convolution without padding, channels last."""
    n = x.ndim - 2
    view = _windows(x, kernel.shape[:n], strides, dilation)
    groups = x.shape[-1] // kernel.shape[n]
    axes = ([n + 1, *range(n + 2, 2 * n + 2)], [n, *range(n)])
    if groups == 1:
        return np.tensordot(view, kernel, axes)
    views = np.split(view, groups, n + 1)
    parts = np.split(kernel, groups, -1)
    return np.concatenate([np.tensordot(v, k, axes) for v, k in zip(views, parts, strict=True)], -1)


@wide
def conv(inputs: Any, kernel: Any, strides: Any, padding: str, data_format: str, dilation_rate: Any) -> Any:
    x = _last(inputs, data_format)
    n = x.ndim - 2
    strides, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    x = _padded(x, kernel.shape[:n], strides, dilation, padding)
    return _back(_correlate(x, kernel, strides, dilation), data_format)


@wide
def depthwise_conv(inputs: Any, kernel: Any, strides: Any, padding: str, data_format: str, dilation_rate: Any) -> Any:
    x = _last(inputs, data_format)
    n = x.ndim - 2
    strides, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    x = _padded(x, kernel.shape[:n], strides, dilation, padding)
    view = _windows(x, kernel.shape[:n], strides, dilation)
    window = string.ascii_lowercase[:n]
    y = np.einsum(f"...C{window},{window}CM->...CM", view, kernel, optimize=True)
    return _back(y.reshape(*y.shape[:-2], -1), data_format)


@wide
def conv_transpose(
    inputs: Any, kernel: Any, strides: Any, padding: str, output_padding: Any, data_format: str, dilation_rate: Any
) -> Any:
    x = _last(inputs, data_format)
    n = x.ndim - 2
    strides, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    spread = np.zeros(
        (x.shape[0], *((d - 1) * s + 1 for d, s in zip(x.shape[1:-1], strides, strict=True)), x.shape[-1]), x.dtype
    )
    spread[(slice(None), *(slice(None, None, s) for s in strides))] = x
    pads, cuts = [], []
    for size, stride, rate, extra in zip(kernel.shape, strides, dilation, output_pads(output_padding, n), strict=False):
        reach = (size - 1) * rate
        low, high = transpose_padding(size, stride, rate, padding, extra)
        pads.append((reach, reach + max(-high, 0)))
        cuts.append(slice(low, -high if high > 0 else None))
    spread = np.pad(spread, [(0, 0), *pads, (0, 0)])
    flipped = np.swapaxes(np.flip(kernel, tuple(range(n))), -1, -2)
    y = _correlate(spread, flipped, (1,) * n, dilation)
    return _back(y[(slice(None), *cuts)], data_format)


# ---- pooling --------------------------------------------------------------------------------------------------------


def _pools(inputs: Any, pool_size: Any, strides: Any, data_format: str) -> tuple[Any, Any, Any]:
    x = _last(inputs, data_format)
    n = x.ndim - 2
    sizes = spatial(pool_size, n, "pool_size")
    return x, sizes, sizes if strides is None else spatial(strides, n, "strides")


def max_pool(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    x, sizes, steps = _pools(inputs, pool_size, strides, data_format)
    ones = (1,) * len(sizes)
    view = _windows(_padded(x, sizes, steps, ones, padding, lowest(x.dtype)), sizes, steps, ones)
    return _back(np.max(view, tuple(range(-len(sizes), 0))), data_format)


@wide
def average_pool(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    x, sizes, steps = _pools(inputs, pool_size, strides, data_format)
    ones = (1,) * len(sizes)
    axes = tuple(range(-len(sizes), 0))

    def total(v: Any) -> Any:
        return np.sum(_windows(_padded(v, sizes, steps, ones, padding), sizes, steps, ones), axes)

    return _back(total(x) / total(np.ones((1, *x.shape[1:-1], 1), x.dtype)), data_format)


# ---- encodings and segments -----------------------------------------------------------------------------------------


def one_hot(x: Any, num_classes: int, axis: int, dtype: str, sparse: bool) -> Any:
    if sparse:
        return sparse_one_hot(x, num_classes, axis, dtype)
    hot = (np.asarray(x)[..., None] == np.arange(num_classes)).astype(dtype_of(dtype))
    return np.moveaxis(hot, -1, axis)


def _segments(data: Any, ids: Any, count: Any) -> tuple[Any, Any, int]:
    count = int(np.max(ids, initial=-1)) + 1 if count is None else int(count)
    inside = (ids >= 0) & (ids < count)
    return data[inside], ids[inside], count


def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    data, ids, count = _segments(data, segment_ids, num_segments)
    out = np.zeros((count, *data.shape[1:]), data.dtype)
    np.add.at(out, ids, data)
    return out


def segment_max(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    data, ids, count = _segments(data, segment_ids, num_segments)
    out = np.full((count, *data.shape[1:]), lowest(data.dtype), data.dtype)
    np.maximum.at(out, ids, data)
    return out
