"""Convolutions in two steps, and pooling to a given size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from kfront.core import shapes, shapes_nn
from kfront.core.dtypes import floating, keep
from kfront.core.errors import ShapeError
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.matrix import tensordot
from kfront.ops.primitives.arguments import WINDOWED, data_format
from kfront.ops.reductions import amax
from kfront.ops.shapes import moveaxis

Each: TypeAlias = int | Sequence[int]  # one for all spatial axes, or one for each


@op(3, floating, prepare=WINDOWED, fuse=True, home="nn")
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
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

    Example:

    >>> from kfront import ops
    >>> tuple(ops.separable_conv(ops.ones((1, 5, 3)), ops.ones((2, 3, 1)), ops.ones((1, 3, 4))).shape)
    (1, 4, 4)
    """
    y = p.depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return p.conv(y, pointwise_kernel, 1, "valid", data_format)


@op(3, floating, prepare=WINDOWED)
def biased_conv(
    inputs: Tensor, kernel: Tensor, bias: Tensor, strides: Each, padding: str, data_format: str, dilation_rate: Each
) -> Tensor:
    """Convolution and a bias: what a convolution layer computes.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: tensor of shape (*window, channels / groups, filters).
        bias: tensor of shape (filters,).
        strides: int or one per spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        dilation_rate: int or one per spatial axis.

    Returns:
        tensor with `filters` channels, floating.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.convolution import biased_conv
    >>> y = biased_conv(ops.ones((1, 3, 1)), ops.ones((2, 1, 1)), [0.5], 1, "valid", "channels_last", 1)
    >>> ops.convert_to_numpy(y).tolist()
    [[[2.5], [2.5]]]
    """
    y = p.conv(inputs, kernel, strides, padding, data_format, dilation_rate)
    return p.add(y, bias if data_format == "channels_last" else p.reshape(bias, (-1, *(1,) * (len(y.shape) - 2))))


def _bins(n: object, size: int) -> list[tuple[int, int]]:
    """First and last + 1 element of each of `size` windows that cover `n` elements."""
    if not isinstance(n, int):
        raise ShapeError("expected spatial axes of known length.")
    return [(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]


def _adaptive(inputs: Tensor, output_size: object, layout: str, pool_axis: Any) -> Tensor:
    n = len(shapes.rank_at_least(inputs, 3, "inputs")) - 2
    sizes = shapes_nn.spatial(output_size, n, "output_size")
    first = 1 if layout == "channels_last" else 2
    for axis, size in enumerate(sizes, first):
        inputs = pool_axis(inputs, axis, _bins(inputs.shape[axis], size))
    return inputs


@op(dtype=floating, prepare={"data_format": data_format}, fuse=True, home="nn")
def adaptive_average_pool(inputs: Tensor, output_size: int | Sequence[int], data_format: str | None = None) -> Tensor:
    """Mean of windows that are chosen so that the output has a given size.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial), spatial axes known.
        output_size: int or one per spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with spatial axes of `output_size`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.adaptive_average_pool(ops.array([[[1.0], [3.0], [5.0], [7.0]]]), 2)).tolist()
    [[[2.0], [6.0]]]
    """

    def pool_axis(x: TensorLike, axis: int, bins: list[tuple[int, int]]) -> Tensor:
        rows = [[1 / (b - a) if a <= i < b else 0.0 for a, b in bins] for i in range(bins[-1][1])]
        weights = p.convert_to_tensor(rows, p.dtype_of(x))
        return moveaxis(tensordot(x, weights, ((axis,), (0,))), -1, axis)

    return _adaptive(inputs, output_size, str(data_format), pool_axis)


@op(dtype=keep, prepare={"data_format": data_format}, fuse=True, home="nn")
def adaptive_max_pool(inputs: Tensor, output_size: int | Sequence[int], data_format: str | None = None) -> Tensor:
    """Largest value of windows that are chosen so that the output has a given size.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial), spatial axes known.
        output_size: int or one per spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with spatial axes of `output_size`, in the dtype of `inputs`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.adaptive_max_pool(ops.array([[[1.0], [3.0], [5.0], [7.0]]]), 2)).tolist()
    [[[3.0], [7.0]]]
    """

    def pool_axis(x: TensorLike, axis: int, bins: list[tuple[int, int]]) -> Tensor:
        longest = max(b - a for a, b in bins)
        places = [[min(a + i, b - 1) for i in range(longest)] for a, b in bins]
        return amax(p.take(x, p.convert_to_tensor(places), axis), axis + 1)

    return _adaptive(inputs, output_size, str(data_format), pool_axis)
