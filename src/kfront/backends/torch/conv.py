"""Convolution on torch.

A channels_last tensor permuted to (batch, channels, …) already is in torch's channels_last memory format, so nothing
is copied. One spatial axis runs as two with size 1 (torch has no channels_last for three axes).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from kfront.backends.typing import Function, Sizes
from kfront.core.shapes_nn import check_channels

Tensor = torch.Tensor
_CONV = (None, None, torch.conv2d, torch.conv3d)
_CONV_T = (None, None, torch.conv_transpose2d, torch.conv_transpose3d)
_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}
_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
_KERNEL = {3: (2, 1, 0), 4: (3, 2, 0, 1), 5: (4, 3, 0, 1, 2)}


def each(value: Tensor, n: int) -> tuple[int, ...]:
    """One value per spatial axis."""
    if value.__class__ is int:
        return (value,) * n
    if len(value) == n:
        return tuple(value)
    (one,) = value
    return (one,) * n


def enter(x: Tensor, layout: str) -> Tensor:
    """To (batch, channels, …), with one spatial axis made two."""
    if layout == "channels_last":
        x = x.permute(_FIRST[x.ndim])
    return x.unsqueeze(2) if x.ndim == 3 else x


def leave(x: Tensor, ndim: int, layout: str) -> Tensor:
    """Back to the layout of the operand, which had `ndim` axes."""
    if ndim == 3:
        x = x.squeeze(2)
    return x.permute(_LAST[ndim]) if layout == "channels_last" else x


def line(values: tuple[int, ...], fill: int) -> tuple[int, ...]:
    """The same for the axis that one spatial axis gains."""
    return (fill, *values) if len(values) == 1 else values


def _same(size: int, window: int, stride: int) -> tuple[int, int]:
    """What "same" adds before and after an axis: ceil(size / stride) windows, the odd one at the end."""
    total = (-(-size // stride) - 1) * stride + window - size
    return (total // 2, total - total // 2) if total > 0 else (0, 0)


def padded(
    x: Tensor, windows: tuple[int, ...], strides: tuple[int, ...], padding: str, fill: float = 0.0
) -> tuple[Tensor, tuple[int, ...]]:
    """`x` padded where both sides differ, and the padding that the kernel can do itself."""
    if padding == "valid":
        return x, (0,) * len(windows)
    pairs = [_same(n, w, s) for n, w, s in zip(x.shape[2:], windows, strides, strict=True)]
    if all(a == b for a, b in pairs):
        return x, tuple(a for a, _ in pairs)
    return F.pad(x, [p for pair in reversed(pairs) for p in pair], value=fill), (0,) * len(windows)


def _windows(sizes: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True))


def torch_kernel(kernel: Tensor, ndim: int) -> Tensor:
    """(…, in, out) to (out, in, …), with one spatial axis made two; `permute` fails unless the rank is `ndim`."""
    weight = kernel.permute(_KERNEL[ndim])
    return weight.unsqueeze(2) if ndim == 3 else weight


def torch_depthwise_kernel(kernel: Tensor, inputs: Tensor, layout: str) -> Tensor:
    """(…, channels, multiplier) to (channels * multiplier, 1, …), else as `torch_kernel`."""
    check_channels(inputs.shape, kernel.shape, -2, layout)
    n = inputs.ndim - 2
    weight = kernel.permute((n, n + 1, *range(n))).reshape((-1, 1, *kernel.shape[:n]))
    return weight.unsqueeze(2) if n == 1 else weight


def convolve(
    inputs: Tensor, weight: Tensor, strides: Sizes, padding: str, layout: str, rate: Sizes, bias: Tensor | None = None
) -> Tensor:
    """Convolution by a kernel in torch's order; the groups follow from it."""
    ndim = inputs.ndim
    n = ndim - 2
    x = enter(inputs, layout)
    strides, dilation = line(each(strides, n), 1), line(each(rate, n), 1)
    pads: tuple[int, ...] = (0,) * len(strides)
    if padding != "valid":
        x, pads = padded(x, _windows(tuple(weight.shape[2:]), dilation), strides, padding)
    groups = x.shape[1] // weight.shape[1]
    out = _CONV[len(strides)](x, weight, bias, strides, pads, dilation, groups)  # type: ignore[misc]
    return leave(out, ndim, layout)


def conv(inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, layout: str, rate: Sizes) -> Tensor:
    return convolve(inputs, torch_kernel(kernel, inputs.ndim), strides, padding, layout, rate)


def depthwise_conv(inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, layout: str, rate: Sizes) -> Tensor:
    return convolve(inputs, torch_depthwise_kernel(kernel, inputs, layout), strides, padding, layout, rate)


def separable(depthwise: Function[Tensor], pointwise: Function[Tensor]) -> Function[Tensor]:
    """A separable convolution of two others."""

    def separable_conv(
        inputs: Tensor, depthwise_kernel: Tensor, kernel: Tensor, strides: Sizes, padding: str, layout: str, rate: Sizes
    ) -> Tensor:
        return pointwise(
            depthwise(inputs, depthwise_kernel, strides, padding, layout, rate), kernel, 1, "valid", layout, 1
        )

    return separable_conv


separable_conv = separable(depthwise_conv, conv)


def _transposed_axis(
    n: int, k: int, stride: int, dilation: int, padding: str, output_padding: int | None
) -> tuple[int, int, int]:
    """Of one axis: what is cropped at the start, what torch adds at the end, and the size wanted."""
    window = (k - 1) * dilation + 1
    full = (n - 1) * stride + window
    if output_padding is not None:
        size = full + output_padding - (0 if padding == "valid" else 2 * (window // 2))
    elif padding == "valid":
        size = n * stride + (window - stride if window > stride else 0)
    else:
        size = n * stride
    crop = (full - size) // 2 if full > size else 0
    extra = size - (full - 2 * crop)
    return crop, extra if extra > 0 else 0, size


def convolve_transposed(
    inputs: Tensor, weight: Tensor, strides: Sizes, padding: str, output_padding: Sizes, layout: str, rate: Sizes
) -> Tensor:
    """The gradient of a convolution by its input, by a kernel in torch's order."""
    ndim = inputs.ndim
    n = ndim - 2
    x = enter(inputs, layout)
    strides, dilation = line(each(strides, n), 1), line(each(rate, n), 1)
    extra = (None,) * n if output_padding is None else each(output_padding, n)
    plan = [
        _transposed_axis(*axis[:4], padding, axis[4])
        for axis in zip(x.shape[2:], weight.shape[2:], strides, dilation, line(extra, 0), strict=True)
    ]
    crops, adds, sizes = zip(*plan, strict=True)
    limits = [max(s, d) for s, d in zip(strides, dilation, strict=True)]
    ours = [a if a >= limit else 0 for a, limit in zip(adds, limits, strict=True)]  # torch refuses these
    adds = [0 if o else a for a, o in zip(adds, ours, strict=True)]
    out = _CONV_T[len(strides)](x, weight, None, strides, crops, adds, 1, dilation)  # type: ignore[misc]
    if any(ours):
        out = F.pad(out, [p for o in reversed(ours) for p in (0, o)])
    for axis, size in enumerate(sizes):
        if out.shape[axis + 2] != size:
            out = torch.narrow(out, axis + 2, 0, size)
    return leave(out, ndim, layout)


def conv_transpose(
    inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, output_padding: Sizes | None, layout: str, rate: Sizes
) -> Tensor:
    weight = torch_kernel(kernel, inputs.ndim)
    return convolve_transposed(inputs, weight, strides, padding, output_padding, layout, rate)
