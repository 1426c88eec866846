"""Convolution, by `mx.conv_general`: channels last, kernels of shape (filters, *spatial, channels)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import mlx.core as mx

from kfront.backends.typing import Sizes
from kfront.core.errors import ShapeError
from kfront.core.shapes_nn import check_channels, output_pads, spatial, transpose_padding
from kfront_mlx.common import in_float32


def channels_last(x: mx.array, data_format: str) -> mx.array:
    return x if data_format == "channels_last" else mx.moveaxis(x, 1, -1)


def original_layout(y: mx.array, data_format: str) -> mx.array:
    return y if data_format == "channels_last" else mx.moveaxis(y, -1, 1)


def same_pads(n: int, size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The padding of "same" at either end of an axis."""
    total = max((-(-n // stride) - 1) * stride + (size - 1) * dilation + 1 - n, 0)
    return total // 2, total - total // 2


def views(
    x: mx.array, sizes: Sequence[int], steps: Sequence[int], dilation: Sequence[int] | None = None
) -> list[mx.array]:
    """For each place in the window what stands there, for all windows: arrays of shape (batch, *windows, channels)."""
    rates = dilation or (1,) * len(sizes)
    reach = [(size - 1) * rate + 1 for size, rate in zip(sizes, rates, strict=True)]
    counts = [(n - r) // step + 1 for n, r, step in zip(x.shape[1:-1], reach, steps, strict=True)]
    if min(counts) < 1:
        raise ValueError("the window is larger than the input")
    out = []
    for place in itertools.product(*map(range, sizes)):
        starts = [p * rate for p, rate in zip(place, rates, strict=True)]
        parts = zip(starts, counts, steps, strict=True)
        out.append(x[(slice(None), *(slice(a, a + (c - 1) * s + 1, s) for a, c, s in parts))])
    return out


def _spread(x: mx.array, steps: Sequence[int]) -> mx.array:
    """Zeros between the elements along the spatial axes."""
    for axis, step in enumerate(steps, 1):
        if step > 1:
            wide = mx.pad(
                mx.expand_dims(x, axis + 1), [(0, step - 1) if a == axis + 1 else (0, 0) for a in range(x.ndim + 1)]
            )
            x = mx.moveaxis(wide.reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :]), axis, 0)[: 1 - step]
            x = mx.moveaxis(x, 0, axis)
    return x


def _by_places(x: mx.array, kernel: mx.array, strides: Sequence[int], dilation: Sequence[int]) -> mx.array:
    """Convolution as a sum of products, one for each place in the window: MLX's own computes in float32."""
    n = x.ndim - 2
    flat = kernel.reshape(-1, *kernel.shape[n:])
    shifted = views(x, kernel.shape[:n], strides, dilation)
    return sum(v @ flat[i] for i, v in enumerate(shifted))


def _correlate(
    x: mx.array,
    kernel: mx.array,
    strides: Sequence[int],
    dilation: Sequence[int],
    pads: Sequence[tuple[int, int]],
    spread: Sequence[int] | None = None,
) -> mx.array:
    """Convolution, channels last, of a kernel of shape (*spatial, channels / groups, filters)."""
    groups = x.shape[-1] // kernel.shape[-2]
    if groups > 1 and (x.ndim == 5 or x.dtype == mx.float64):  # MLX has groups for one and two axes only
        parts = zip(mx.split(x, groups, -1), mx.split(kernel, groups, -1), strict=True)
        return mx.concatenate([_correlate(a, k, strides, dilation, pads, spread) for a, k in parts], -1)
    n = x.ndim - 2
    if x.dtype == mx.float64:
        return _by_places(mx.pad(_spread(x, spread or (1,) * n), [(0, 0), *pads, (0, 0)]), kernel, strides, dilation)
    return mx.conv_general(
        x,
        mx.moveaxis(kernel, -1, 0),
        stride=list(strides),
        padding=([p[0] for p in pads], [p[1] for p in pads]),
        kernel_dilation=list(dilation),
        input_dilation=list(spread or (1,) * n),
        groups=groups,
    )


@in_float32
def conv(
    inputs: mx.array, kernel: mx.array, strides: Sizes, padding: str, data_format: str, dilation_rate: Sizes
) -> mx.array:
    if kernel.ndim != inputs.ndim:
        raise ShapeError(f"[conv] expected a kernel of rank {inputs.ndim}, as the input, got shape {kernel.shape}.")
    x = channels_last(inputs, data_format)
    n = x.ndim - 2
    steps, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    pads = [(0, 0)] * n
    if padding == "same":
        pads = [same_pads(*a) for a in zip(x.shape[1:-1], kernel.shape[:n], steps, dilation, strict=True)]
    return original_layout(_correlate(x, kernel, steps, dilation, pads), data_format)


def depthwise_conv(
    inputs: mx.array, kernel: mx.array, strides: Sizes, padding: str, data_format: str, dilation_rate: Sizes
) -> mx.array:
    """One group for each channel."""
    check_channels(inputs.shape, kernel.shape, -2, data_format)
    *space, channels, multiplier = kernel.shape
    grouped = kernel.reshape(*space, 1, channels * multiplier)
    return conv(inputs, grouped, strides, padding, data_format, dilation_rate)


@in_float32
def conv_transpose(
    inputs: mx.array,
    kernel: mx.array,
    strides: Sizes,
    padding: str,
    output_padding: Sizes,
    data_format: str,
    dilation_rate: Sizes,
) -> mx.array:
    """A convolution of the input spread by the strides with the flipped kernel, cut to what the padding leaves."""
    check_channels(inputs.shape, kernel.shape, -1, data_format)
    x = channels_last(inputs, data_format)
    n = x.ndim - 2
    steps, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    pads, cuts = [], []
    for size, step, rate, extra in zip(kernel.shape, steps, dilation, output_pads(output_padding, n), strict=False):
        reach = (size - 1) * rate
        low, high = transpose_padding(size, step, rate, padding, extra)
        pads.append((reach, reach + max(-high, 0)))
        cuts.append(slice(low, -high if high > 0 else None))
    flipped = mx.swapaxes(mx.flip(kernel, list(range(n))), -1, -2)
    y = _correlate(x, flipped, (1,) * n, dilation, pads, steps)
    return original_layout(y[(slice(None), *cuts)], data_format)
