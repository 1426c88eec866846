"""Convolution and pooling, for one, two and three spatial axes."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes_nn
from kfront.core.dtypes import floating, keep
from kfront.core.op import op
from kfront.ops._prepare import data_format, option

__all__ = [
    "average_pool",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "max_pool",
    "separable_conv",
]

_padding = option("padding", "valid", "same")
_LAYOUT: dict[str, Any] = {"padding": _padding, "data_format": data_format}


@op(2, floating, shapes_nn.conv, prepare=_LAYOUT)
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


@op(2, floating, shapes_nn.depthwise_conv, prepare=_LAYOUT)
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


@op(2, floating, shapes_nn.conv_transpose, prepare=_LAYOUT)
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


@op(3, floating, prepare=_LAYOUT)
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


@op(dtype=keep, shape=shapes_nn.pool, prepare=_LAYOUT)
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


@op(dtype=floating, shape=shapes_nn.pool, prepare=_LAYOUT)
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
