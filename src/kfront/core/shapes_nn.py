"""Shape rules of convolution, pooling, one-hot, segments and transforms; see `kfront.core.shapes`."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.shapes import Shape, axis_of, known, rank_at_least, shape_of
from kfront.core.typing import Tensor, TensorLike


def spatial(value: Any, n: int, what: str) -> tuple[int, ...]:
    """An int or a sequence as one int per spatial axis.

    Raises:
        ArgumentError: if it has another length, or a number is not positive.
    """
    if isinstance(value, (int, np.integer)):
        out = (int(value),) * n
    else:
        out = tuple(int(v) for v in value)
        out = out * n if len(out) == 1 else out
    if len(out) != n or any(v < 1 for v in out):
        raise ArgumentError(f"expected `{what}` to be a positive int or {n} of them, got {value!r}.")
    return out


def _split_layout(x: object, data_format: str) -> tuple[Shape, tuple[int | None, ...], int | None]:
    s = rank_at_least(x, 3, "inputs")
    if len(s) > 5:
        raise ShapeError(f"expected `inputs` of rank 3, 4 or 5, got shape {s}.")
    return (s, s[1:-1], s[-1]) if data_format == "channels_last" else (s, s[2:], s[1])  # pyright: ignore[reportGeneralTypeIssues]


def _join(batch: int | None, space: Any, channels: int | None, data_format: str) -> Shape:
    return (batch, *space, channels) if data_format == "channels_last" else (batch, channels, *space)


def window_length(n: int | None, size: int | None, stride: int, padding: str, dilation: int = 1) -> int | None:
    """How many places a window takes along an axis of length `n`."""
    if n is None:
        return None
    if padding == "same":
        return -(-n // stride)
    if size is None:
        return None
    return max(0, (n - (size - 1) * dilation - 1) // stride + 1)


def conv(
    inputs: Tensor, kernel: Any, strides: object = 1, padding: str = "valid", data_format: str = "channels_last",
    dilation_rate: object = 1,
) -> Shape:  # fmt: skip
    """Convolution; groups follow from the channels."""
    s, space, channels = _split_layout(inputs, data_format)
    k = shape_of(kernel)
    n = len(space)
    if len(k) != n + 2:
        raise ShapeError(
            f"expected `kernel` of rank {n + 2} (spatial, input channels / groups, filters) for `inputs` of shape {s}, "
            f"got shape {k}."
        )
    if channels is not None and k[-2] is not None and (k[-2] == 0 or channels % k[-2]):
        raise ShapeError(
            f"expected `kernel` with {channels} input channels (or a divisor of it, for groups), "
            f"got {k[-2]}; `inputs` have shape {s}, data_format {data_format!r}."
        )
    return _join(s[0], _conv_lengths(s, space, k, strides, dilation_rate, padding), k[-1], data_format)


def check_channels(inputs: Shape, kernel: Shape, axis: int, data_format: str) -> None:
    """Refuse a kernel whose `axis` is not as long as the inputs have channels: not every engine does.

    Raises:
        ShapeError: if the lengths are known and differ.
    """
    want, got = inputs[-1 if data_format == "channels_last" else 1], kernel[axis]
    if None not in (want, got) and got != want:
        raise ShapeError(
            f"expected `kernel` with {want} input channels, got {got} (`inputs` {inputs}, `kernel` {kernel})."
        )


def _conv_lengths(
    s: Shape, space: Shape, kernel: Shape, strides: object, dilation_rate: object, padding: str
) -> list[int | None]:
    n = len(space)
    steps, dilation = spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate")
    axes = zip(space, kernel[:n], steps, dilation, strict=True)
    return _positive([window_length(d, w, t, padding, r) for d, w, t, r in axes], s)


def _positive(out: list[int | None], s: Shape) -> list[int | None]:
    if any(d is not None and d <= 0 for d in out):
        raise ShapeError(f"expected an output of positive size, got {tuple(out)} for `inputs` of shape {s}.")
    return out


def depthwise_conv(
    inputs: TensorLike, kernel: Tensor, strides: object = 1, padding: str = "valid", data_format: str = "channels_last",
    dilation_rate: object = 1,
) -> Shape:  # fmt: skip
    """Convolution of each channel for itself."""
    s, space, _ = _split_layout(inputs, data_format)
    k = shape_of(kernel)
    n = len(space)
    if len(k) != n + 2:
        raise ShapeError(f"expected `kernel` of rank {n + 2} for `inputs` of shape {s}, got shape {k}.")
    check_channels(s, k, -2, data_format)
    filters = None if None in k[-2:] else k[-2] * k[-1]  # type: ignore[operator]
    return _join(s[0], _conv_lengths(s, space, k, strides, dilation_rate, padding), filters, data_format)


def transpose_padding(
    size: int, stride: int, dilation: int, padding: str, output_padding: int | None
) -> tuple[int, int]:
    """How much the full transposed convolution is cut (or, negative, grown) at either end of an axis.

    The full result has length (n - 1) * stride + (size - 1) * dilation + 1.
    """
    reach = (size - 1) * dilation + 1
    if padding == "valid":
        return 0, min(reach - stride, 0) if output_padding is None else -output_padding
    total = reach - stride if output_padding is None else 2 * (reach // 2) - output_padding
    low = max(total, 0) // 2
    return low, total - low


def conv_transpose(
    inputs: Tensor, kernel: Tensor, strides: object = 1, padding: str = "valid", output_padding: object = None,
    data_format: str = "channels_last", dilation_rate: object = 1,
) -> Shape:  # fmt: skip
    """The gradient of convolution as a layer of its own."""
    s, space, _ = _split_layout(inputs, data_format)
    k = shape_of(kernel)
    n = len(space)
    if len(k) != n + 2:
        raise ShapeError(f"expected `kernel` of rank {n + 2} (spatial, filters, input channels), got shape {k}.")
    check_channels(s, k, -1, data_format)
    out: list[int | None] = []
    for d, size, stride, rate, extra in zip(
        space, k[:n], spatial(strides, n, "strides"), spatial(dilation_rate, n, "dilation_rate"),
        output_pads(output_padding, n), strict=True,
    ):  # fmt: skip
        if d is None or size is None:
            out.append(None)
            continue
        cut = transpose_padding(size, stride, rate, padding, extra)
        out.append((d - 1) * stride + (size - 1) * rate + 1 - sum(cut))
    return _join(s[0], out, k[-2], data_format)


def output_pads(value: Any, n: int) -> tuple[int | None, ...]:
    """`output_padding` for each spatial axis."""
    if value is None or isinstance(value, int):
        return (value,) * n
    out = tuple(value)
    if len(out) not in (1, n):
        raise ArgumentError(f"expected `output_padding` to be an int or {n} ints, got {value!r}.")
    return out * n if len(out) == 1 else out


def pool(
    inputs: Tensor,
    pool_size: object,
    strides: object = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Shape:
    """Windows over the spatial axes; strides default to the window."""
    s, space, channels = _split_layout(inputs, data_format)
    n = len(space)
    sizes = spatial(pool_size, n, "pool_size")
    steps = sizes if strides is None else spatial(strides, n, "strides")
    out = [window_length(d, k, t, padding) for d, k, t in zip(space, sizes, steps, strict=True)]
    return _join(s[0], _positive(out, s), channels, data_format)


def one_hot(x: Tensor, num_classes: int, axis: int = -1, **static: object) -> Shape:
    """A new axis of `num_classes`."""
    s = shape_of(x)
    a = axis_of(axis, len(s) + 1)
    return (*s[:a], known(num_classes), *s[a:])


def segment(data: object, segment_ids: object, num_segments: object = None, sorted: bool = False) -> Shape:
    """`num_segments` in the place of the first axis."""
    s, i = rank_at_least(data, 1, "data"), shape_of(segment_ids)
    if len(i) != 1 or (None not in (i[0], s[0]) and i[0] != s[0]):
        raise ShapeError(f"expected `segment_ids` of shape ({s[0]},) for `data` of shape {s}, got {i}.")
    return (known(num_segments), *s[1:])


def transform(real: object, imag: object = None, rank: int = 1) -> list[Shape]:
    """Fourier transforms along the last `rank` axes, which keep the shape."""
    return [rank_at_least(real, rank)] * 2


def rfft(x: Tensor, fft_length: object = None) -> list[Shape]:
    """Half of the spectrum."""
    s = rank_at_least(x, 1)
    n = s[-1] if fft_length is None else known(fft_length)
    return [(*s[:-1], None if n is None else n // 2 + 1)] * 2


def irfft(real: object, imag: object, fft_length: object = None) -> Shape:
    """The signal of half a spectrum."""
    s = rank_at_least(real, 1)
    n = known(fft_length) if fft_length is not None else None if s[-1] is None else 2 * (s[-1] - 1)
    return (*s[:-1], n)
