"""Activations, convolutions and pooling that engines have kernels for."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from collections.abc import Sequence

from kfront.core import shapes, shapes_nn
from kfront.core.dtypes import floating, keep, numeric, static_rule
from kfront.core.op import op
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.ops.primitives.arguments import WINDOWED, dtype_name, whole


@op(dtype=numeric, shape=shapes.same, zeros="kept", home="nn")
def relu(x: TensorLike) -> Tensor:
    """max(x, 0), with gradient 0 at 0.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.relu([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="nn")
def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + exp(-x)).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating, in [0, 1].

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sigmoid([0.0, 100.0])).tolist()
    [0.5, 1.0]
    """


@op(dtype=floating, shape=shapes.over, zeros="filled", home="nn")
def softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> Tensor:
    """exp(x) divided by its sum along axes.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all: axes along which the result sums up to 1.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.softmax([1.0, 1.0])).tolist()
    [0.5, 0.5]
    """


@op(dtype=floating, shape=shapes.over, zeros="filled", home="nn")
def log_softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> Tensor:
    """Logarithm of `softmax`, accurate where that is close to 0.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.log_softmax([0.0, 0.0])[0]), 4)
    -0.6931
    """


@op(dtype=floating, shape=shapes.same, zeros="filled", home="nn")
def softplus(x: TensorLike) -> Tensor:
    """log(1 + exp(x)), without overflow.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.softplus(0.0)), 4)
    0.6931
    """


@op(2, floating, shapes_nn.conv, prepare=WINDOWED, home="nn")
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
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

    Example:

    >>> from kfront import ops
    >>> tuple(ops.conv(ops.ones((1, 5, 3)), ops.ones((2, 3, 4))).shape)
    (1, 4, 4)
    """


@op(2, floating, shapes_nn.depthwise_conv, prepare=WINDOWED, home="nn")
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
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

    Example:

    >>> from kfront import ops
    >>> tuple(ops.depthwise_conv(ops.ones((1, 5, 3)), ops.ones((2, 3, 2))).shape)
    (1, 4, 6)
    """


@op(2, floating, shapes_nn.conv_transpose, prepare=WINDOWED, home="nn")
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Transposed convolution: each element puts a scaled copy of the kernel into the output.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: tensor of shape (*window, filters, channels).
        strides: int or one per spatial axis: distance of the copies.
        padding: "valid" or "same" (the output is `strides` times as long).
        output_padding: int or one per spatial axis: elements added at the end; computed if None.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        dilation_rate: int or one per spatial axis.

    Returns:
        tensor of shape (batch, *spatial, filters), or (batch, filters, *spatial), floating.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.conv_transpose(ops.ones((1, 5, 3)), ops.ones((2, 4, 3)), strides=2).shape)
    (1, 10, 4)
    """


@op(dtype=keep, shape=shapes_nn.pool, prepare=WINDOWED, home="nn")
def max_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Largest value of each window.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        pool_size: int or one per spatial axis.
        strides: int or one per spatial axis; `pool_size` if None.
        padding: "valid" or "same" (padded places do not count).
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with shorter spatial axes, in the dtype of `inputs`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.max_pool(ops.array([[[1.0], [4.0], [2.0], [3.0]]]), 2)).tolist()
    [[[4.0], [3.0]]]
    """


@op(dtype=floating, shape=shapes_nn.pool, prepare=WINDOWED, home="nn")
def average_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Mean of each window.

    Args:
        inputs: tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        pool_size: int or one per spatial axis.
        strides: int or one per spatial axis; `pool_size` if None.
        padding: "valid" or "same" (padded places do not count).
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with shorter spatial axes, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.average_pool(ops.array([[[1.0], [4.0], [2.0], [3.0]]]), 2)).tolist()
    [[[2.5], [2.5]]]
    """


@static_rule
def _one_hot_rule(dtypes: tuple[object, ...], dtype: DTypeLike = None, **static: object) -> tuple[object, object]:
    return None, dtype


_one_hot_rule.keeps = True  # type: ignore[attr-defined]


@op(
    dtype=_one_hot_rule,
    shape=shapes_nn.one_hot,
    prepare={"num_classes": whole("num_classes", 0), "dtype": dtype_name},
    zeros="filled",
    home="nn",
)
def one_hot(x: TensorLike, num_classes: int, axis: int = -1, dtype: DTypeLike = None, sparse: bool = False) -> Tensor:
    """A 1 at the place of each class number, zeros elsewhere; only zeros for numbers out of range.

    Args:
        x: integer tensor of any shape.
        num_classes: number of classes.
        axis: place of the new axis in the result.
        dtype: dtype name; floatx if None.
        sparse: whether the result is a sparse tensor, on an engine that has them.

    Returns:
        tensor with an axis of length `num_classes` more.

    Raises:
        UnsupportedError: with `sparse`, on an engine without sparse tensors.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.one_hot(ops.array([2, 0]), 3)).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
