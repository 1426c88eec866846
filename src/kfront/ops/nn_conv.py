"""Convolution and pooling, for one, two and three spatial axes."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes_nn
from kfront.core.dtypes import floating, keep
from kfront.core.errors import ShapeError
from kfront.core.op import op
from kfront.ops._prepare import data_format, option
from kfront.ops.create import convert_to_tensor
from kfront.ops.elementwise import dtype_of
from kfront.ops.index import take
from kfront.ops.matrix import tensordot
from kfront.ops.reduce import amax
from kfront.ops.shape import moveaxis

_padding = option("padding", "valid", "same")
_LAYOUT: dict[str, Any] = {"padding": _padding, "data_format": data_format}


@op(2, floating, shapes_nn.conv, prepare=_LAYOUT, home="nn")
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution (cross-correlation) over the spatial axes.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: tensor of shape (*window, channels / groups, filters); groups follow from the channels.
        strides: int or one per spatial axis.
        padding: "valid" (none) or "same" (the output is as long as the input, for strides of 1).
        data_format: "channels_last" or "channels_first"; the configured one if None.
        dilation_rate: int or one per spatial axis: distance of the kernel's elements.

    Returns:
        tensor of shape (batch, *spatial, filters), or (batch, filters, *spatial), floating.

    Raises:
        ShapeError: if the channels do not fit.
        ArgumentError: for an unknown `padding` or `data_format`, or strides together with dilation.
    """


@op(2, floating, shapes_nn.depthwise_conv, prepare=_LAYOUT, home="nn")
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution of each channel with filters of its own.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: tensor of shape (*window, channels, multiplier).
        strides: int or one per spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one if None.
        dilation_rate: int or one per spatial axis.

    Returns:
        tensor with channels * multiplier channels (those of one input channel next to each other), floating.
    """


@op(2, floating, shapes_nn.conv_transpose, prepare=_LAYOUT, home="nn")
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Transposed convolution: each element puts a scaled copy of the kernel into the output.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: tensor of shape (*window, filters, channels).
        strides: int or one per spatial axis: distance of the copies.
        padding: "valid" or "same" (the output is `strides` times as long).
        output_padding: int or one per spatial axis: elements added at the end; worked out if None.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        dilation_rate: int or one per spatial axis.

    Returns:
        tensor of shape (batch, *spatial, filters), or (batch, filters, *spatial), floating.
    """


@op(3, floating, prepare=_LAYOUT, fuse=True, home="nn")
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Depthwise convolution, then a convolution with windows of 1 that mixes channels.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        depthwise_kernel: tensor of shape (*window, channels, multiplier).
        pointwise_kernel: tensor of shape (*ones, channels * multiplier, filters).
        strides: int or one per spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one if None.
        dilation_rate: int or one per spatial axis.

    Returns:
        tensor with `filters` channels, floating.
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)


@op(dtype=keep, shape=shapes_nn.pool, prepare=_LAYOUT, home="nn")
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """Largest value of each window.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        pool_size: int or one per spatial axis.
        strides: int or one per spatial axis; `pool_size` if None.
        padding: "valid" or "same" (padded places do not count).
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with shorter spatial axes, in the dtype of `inputs`.
    """


@op(dtype=floating, shape=shapes_nn.pool, prepare=_LAYOUT, home="nn")
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """Mean of each window.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        pool_size: int or one per spatial axis.
        strides: int or one per spatial axis; `pool_size` if None.
        padding: "valid" or "same" (padded places do not count).
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with shorter spatial axes, floating.
    """


# ---- adaptive pooling -----------------------------------------------------------------------------------------------


def _bins(n: Any, size: int) -> list[tuple[int, int]]:
    """First and last + 1 element of each of `size` windows that cover `n` elements."""
    if not isinstance(n, int):
        raise ShapeError("expected spatial axes of known length.")
    return [(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]


def _adaptive(inputs: Any, output_size: Any, layout: str, pool_axis: Any) -> Any:
    n = len(inputs.shape) - 2
    sizes = shapes_nn.spatial(output_size, n, "output_size")
    first = 1 if layout == "channels_last" else 2
    for axis, size in enumerate(sizes, first):
        inputs = pool_axis(inputs, axis, _bins(inputs.shape[axis], size))
    return inputs


@op(dtype=floating, prepare={"data_format": data_format}, fuse=True, home="nn")
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Mean of windows that are chosen so that the output has a given size.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial), spatial axes known.
        output_size: int or one per spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with spatial axes of `output_size`, floating.
    """

    def pool_axis(x: Any, axis: int, bins: list[tuple[int, int]]) -> Any:
        rows = [[1 / (b - a) if a <= i < b else 0.0 for a, b in bins] for i in range(bins[-1][1])]
        weights = convert_to_tensor(rows, dtype_of(x))
        return moveaxis(tensordot(x, weights, ((axis,), (0,))), -1, axis)

    return _adaptive(inputs, output_size, str(data_format), pool_axis)


@op(dtype=keep, prepare={"data_format": data_format}, fuse=True, home="nn")
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Largest value of windows that are chosen so that the output has a given size.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial), spatial axes known.
        output_size: int or one per spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with spatial axes of `output_size`, in the dtype of `inputs`.
    """

    def pool_axis(x: Any, axis: int, bins: list[tuple[int, int]]) -> Any:
        longest = max(b - a for a, b in bins)
        places = [[min(a + i, b - 1) for i in range(longest)] for a, b in bins]
        return amax(take(x, convert_to_tensor(places), axis), axis + 1)

    return _adaptive(inputs, output_size, str(data_format), pool_axis)
