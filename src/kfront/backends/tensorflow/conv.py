"""Convolution.

Kernels on the CPU know only channels-last, so channels-first is a transpose on either side.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kfront.backends.tensorflow.common import constant, dims, raw, shape_vector, size_of
from kfront.backends.typing import Function, Sizes
from kfront.core.errors import ShapeError
from kfront.core.shapes_nn import transpose_padding

Tensor = tf.Tensor
_reshape, _transpose = raw("Reshape"), raw("Transpose")


_conv2d, _conv3d, _depthwise = raw("Conv2D"), raw("Conv3D"), raw("DepthwiseConv2dNative")
_conv2d_input, _conv3d_input = raw("Conv2DBackpropInput"), raw("Conv3DBackpropInputV2")


def each(value: Tensor, rank: int) -> tuple[int, ...]:
    return (int(value),) * rank if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)


def _to_last(x: Tensor) -> Tensor:
    n = x.shape.rank
    return _transpose(x, constant((0, *range(2, n), 1)))


def _to_first(x: Tensor) -> Tensor:
    n = x.shape.rank
    return _transpose(x, constant((0, n - 1, *range(1, n - 1))))


def in_channels_last(f: Function[Tensor]) -> Function[Tensor]:
    """Run a function of channels-last tensors on either layout; `data_format` is its fifth argument."""

    @functools.wraps(f)
    def run(x: Tensor, kernel: Tensor, strides: Sizes, padding: str, data_format: str, *rest: Tensor) -> Tensor:
        if data_format != "channels_first":
            return f(x, kernel, strides, padding, *rest)
        return _to_first(f(_to_last(x), kernel, strides, padding, *rest))

    return run


@functools.lru_cache(maxsize=16)
def _dilates(kind: tf.DType) -> bool:
    """Whether the kernels for a dtype (oneDNN, CUDA) differentiate dilated and grouped convolutions; Eigen's do not."""
    with tf.init_scope():
        x, k = tf.ones((1, 5, 5, 2), kind), tf.ones((2, 2, 1, 2), kind)
        rest = ([1] * 4, "SAME", True, [], "NHWC", [1, 2, 2, 1])
        try:
            _conv2d_input([1, 5, 5, 2], k, _conv2d(x, k, *rest), *rest)
        except tf.errors.OpError:
            return False
    return True


def _stuffed(kernel: Tensor, dilation: Sequence[int]) -> Tensor:
    """A kernel with zeros between its elements: what dilation means."""
    for axis, d in enumerate(dilation):
        n = kernel.shape[axis]
        if d == 1 or n == 1:
            continue
        sizes = kernel.shape.as_list()
        wide = _reshape(kernel, constant((*sizes[: axis + 1], 1, *sizes[axis + 1 :])))
        pads = [(0, 0)] * wide.shape.rank
        pads[axis + 1] = (0, d - 1)
        wide = _reshape(raw("Pad")(wide, constant(tuple(pads))), constant((*sizes[:axis], n * d, *sizes[axis + 1 :])))
        kernel = wide[tuple([slice(None)] * axis + [slice(0, (n - 1) * d + 1)])]
    return kernel


@in_channels_last
def conv(inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, dilation_rate: Sizes) -> Tensor:
    """Convolution over 1, 2 or 3 axes; grouped if the kernel takes fewer channels than there are."""
    if inputs.shape[0] == 0:  # for an empty batch the oneDNN kernel gives the shape of the input
        one = tf.zeros([1, *dims(inputs)[1:]], inputs.dtype)
        return conv(one, kernel, strides, padding, "channels_last", dilation_rate)[:0]
    rank = inputs.shape.rank - 2
    steps, dilation = each(strides, rank), each(dilation_rate, rank)
    groups = inputs.shape[-1] // kernel.shape[-2]
    if padding == "valid" and any(
        n is not None and n <= d * (k - 1) for n, k, d in zip(inputs.shape[1:], kernel.shape, dilation, strict=False)
    ):
        raise ShapeError(f"expected `inputs` of at least the size of `kernel`, got {inputs.shape} and {kernel.shape}.")
    if any(d > 1 for d in dilation) and not _dilates(inputs.dtype):
        kernel, dilation = _stuffed(kernel, dilation), (1,) * rank
    if groups > 1 and (rank == 3 or not _dilates(inputs.dtype)):
        parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([_dense_conv(x, k, rank, steps, padding, dilation) for x, k in parts], -1)
    return _dense_conv(inputs, kernel, rank, steps, padding, dilation)


def _dense_conv(
    x: Tensor, kernel: Tensor, rank: int, steps: Sequence[int | Tensor], padding: str, dilation: Sizes
) -> Tensor:
    mode = padding.upper()
    if rank == 3:
        return _conv3d(x, kernel, [1, *steps, 1], mode, "NDHWC", [1, *dilation, 1])
    if rank == 2:
        return _conv2d(x, kernel, [1, *steps, 1], mode, True, [], "NHWC", [1, *dilation, 1])
    out = _conv2d(
        tf.expand_dims(x, 1), tf.expand_dims(kernel, 0), [1, 1, *steps, 1], mode, True, [], "NHWC", [1, 1, *dilation, 1]
    )
    return tf.squeeze(out, 1)


@in_channels_last
def depthwise_conv(inputs: Tensor, kernel: Tensor, strides: Sizes, padding: str, dilation_rate: Sizes) -> Tensor:
    """One filter (or several) for each channel.

    Dilation is always written into the kernel: with `dilations`, the oneDNN kernel's gradients are wrong (TensorFlow
    2.21; the forward pass is right), and Eigen has none.
    """
    rank = inputs.shape.rank - 2
    steps = each(strides, rank)
    kernel = _stuffed(kernel, each(dilation_rate, rank))
    if rank == 1:
        x, kernel = tf.expand_dims(inputs, 1), tf.expand_dims(kernel, 0)
        return tf.squeeze(_depthwise(x, kernel, [1, steps[0], steps[0], 1], padding.upper()), 1)
    if steps[0] == steps[1]:
        return _depthwise(inputs, kernel, [1, *steps, 1], padding.upper())
    if padding == "same":  # unequal strides are not in the Eigen kernel: take every so many of stride 1
        inputs = _padded(inputs, kernel.shape.as_list()[:2], steps)
    out = _depthwise(inputs, kernel, [1, 1, 1, 1], "VALID")
    return out[:, :: steps[0], :: steps[1], :]


def _padded(x: Tensor, sizes: Sequence[int], steps: Sequence[int]) -> Tensor:
    """Zeros at the edges as padding "same" has them for these window sizes and strides."""
    pads: list[Any] = [[0, 0]]
    for axis, (k, s) in enumerate(zip(sizes, steps, strict=True), start=1):
        n = size_of(x, axis)
        total = (-(-n // s) - 1) * s + k - n
        total = max(total, 0) if isinstance(total, int) else tf.maximum(total, 0)
        pads.append([total // 2, total - total // 2])
    return tf.pad(x, [*pads, [0, 0]])


def conv_transpose(
    inputs: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str = "channels_last",
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Gradient of convolution by its input, as a layer.

    The whole result, of size (n - 1) * stride + window, is computed; then it is cut, or filled up with zeros at the
    end, to the size that Keras documents. "same" cuts half on the left, rounded down.
    """
    if data_format == "channels_first":
        out = conv_transpose(_to_last(inputs), kernel, strides, padding, output_padding, "channels_last", dilation_rate)
        return _to_first(out)
    rank = inputs.shape.rank - 2
    steps = each(strides, rank)
    extra = (None,) * rank if output_padding is None else each(output_padding, rank)
    kernel = _stuffed(kernel, each(dilation_rate, rank))
    sizes, windows = dims(inputs), kernel.shape.as_list()[:rank]
    full = [(n - 1) * s + k for n, k, s in zip(sizes[1:-1], windows, steps, strict=True)]
    cuts = [transpose_padding(k, s, 1, padding, e) for k, s, e in zip(windows, steps, extra, strict=True)]
    out = _full_transpose(inputs, kernel, [sizes[0], *full, kernel.shape[-2]], steps)
    return _cut(out, cuts)


def _full_transpose(x: Tensor, kernel: Tensor, shape: list[int], steps: tuple[int, ...]) -> Tensor:
    rank = len(steps)
    if rank == 3:
        return _conv3d_input(shape_vector(shape), kernel, x, [1, *steps, 1], "VALID")
    if rank == 2:
        return _conv2d_input(shape_vector(shape), kernel, x, [1, *steps, 1], "VALID")
    wide = [shape[0], 1, *shape[1:]]
    out = _conv2d_input(shape_vector(wide), tf.expand_dims(kernel, 0), tf.expand_dims(x, 1), [1, 1, *steps, 1], "VALID")
    return tf.squeeze(out, 1)


def _cut(x: Tensor, cuts: Sequence[tuple[int, int]]) -> Tensor:
    """Without so many positions at the start and end of each inner axis; negative at the end: zeros more."""
    if any(right < 0 for _, right in cuts):
        x = raw("Pad")(x, constant(((0, 0), *((0, max(-right, 0)) for _, right in cuts), (0, 0))))
    if any(left > 0 or right > 0 for left, right in cuts):
        inner = [slice(left, -right if right > 0 else None) for left, right in cuts]
        x = x[(slice(None), *inner)]
    return x
