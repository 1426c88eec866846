"""Convolution, over views of all windows."""

from __future__ import annotations

import string

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kfront.backends.numpy.common import wide
from kfront.backends.typing import Sizes
from kfront.core.errors import ShapeError
from kfront.core.shapes_nn import check_channels, output_pads, spatial, transpose_padding


def channels_last(x: np.ndarray, data_format: str) -> np.ndarray:
    return x if data_format == "channels_last" else np.moveaxis(x, 1, -1)


def original_layout(y: np.ndarray, data_format: str) -> np.ndarray:
    return y if data_format == "channels_last" else np.moveaxis(y, -1, 1)


def _same_pads(n: int, size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    total = max((-(-n // stride) - 1) * stride + (size - 1) * dilation + 1 - n, 0)
    return total // 2, total - total // 2


def padded(
    x: np.ndarray, sizes: tuple[int, ...], strides: Sizes, dilation: Sizes, padding: str, value: np.ndarray = 0
) -> np.ndarray:
    """`x` (batch, *spatial, channels) with the padding of "same"."""
    if padding == "valid":
        return x
    pads = [_same_pads(*a) for a in zip(x.shape[1:-1], sizes, strides, dilation, strict=True)]
    return np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)


def windows(x: np.ndarray, sizes: tuple[int, ...], strides: Sizes, dilation: Sizes) -> np.ndarray:
    """View of shape (batch, *places, channels, *window)."""
    reach = tuple((k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True))
    axes = tuple(range(1, x.ndim - 1))
    view = sliding_window_view(x, reach, axes)
    places = tuple(slice(None, None, s) for s in strides)
    window = tuple(slice(None, None, d) for d in dilation)
    return view[(slice(None), *places, slice(None), *window)]


def _correlate(x: np.ndarray, kernel: np.ndarray, strides: Sizes, dilation: Sizes) -> np.ndarray:
    """Convolution without padding, channels last."""
    n = x.ndim - 2
    view = windows(x, kernel.shape[:n], strides, dilation)
    groups = x.shape[-1] // kernel.shape[n]
    axes = ([n + 1, *range(n + 2, 2 * n + 2)], [n, *range(n)])
    if groups == 1:
        return np.tensordot(view, kernel, axes)
    views = np.split(view, groups, n + 1)
    parts = np.split(kernel, groups, -1)
    return np.concatenate([np.tensordot(v, k, axes) for v, k in zip(views, parts, strict=True)], -1)


@wide
def conv(
    inputs: np.ndarray, kernel: np.ndarray, strides: Sizes, padding: str, data_format: str, dilation_rate: Sizes
) -> np.ndarray:
    if kernel.ndim != inputs.ndim:
        raise ShapeError(f"[conv] expected a kernel of rank {inputs.ndim}, as the input, got shape {kernel.shape}.")
    x = channels_last(inputs, data_format)
    n = x.ndim - 2
    strides, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    x = padded(x, kernel.shape[:n], strides, dilation, padding)
    return original_layout(_correlate(x, kernel, strides, dilation), data_format)


@wide
def depthwise_conv(
    inputs: np.ndarray, kernel: np.ndarray, strides: Sizes, padding: str, data_format: str, dilation_rate: Sizes
) -> np.ndarray:
    check_channels(inputs.shape, kernel.shape, -2, data_format)
    x = channels_last(inputs, data_format)
    n = x.ndim - 2
    strides, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    x = padded(x, kernel.shape[:n], strides, dilation, padding)
    view = windows(x, kernel.shape[:n], strides, dilation)
    window = string.ascii_lowercase[:n]
    y = np.einsum(f"...C{window},{window}CM->...CM", view, kernel, optimize=True)
    return original_layout(y.reshape(*y.shape[:-2], y.shape[-2] * y.shape[-1]), data_format)


@wide
def conv_transpose(
    inputs: np.ndarray,
    kernel: np.ndarray,
    strides: Sizes,
    padding: str,
    output_padding: Sizes,
    data_format: str,
    dilation_rate: Sizes,
) -> np.ndarray:
    check_channels(inputs.shape, kernel.shape, -1, data_format)
    x = channels_last(inputs, data_format)
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
    return original_layout(y[(slice(None), *cuts)], data_format)
