"""Pooling, in the layouts of `conv`."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kfront.backends.tensorflow.common import dims, raw, shape_vector, size_of
from kfront.backends.tensorflow.conv import each, in_channels_last
from kfront.backends.typing import Function, Sizes
from kfront.core.errors import ShapeError

Tensor = tf.Tensor
_reshape = raw("Reshape")


def _pool(flat: str, deep: str, lacks: Tensor) -> Function[Tensor]:
    kernel2, kernel3 = raw(flat), raw(deep)

    def windows(x: Tensor, size: Sequence[int | Tensor], steps: Sequence[int | Tensor], mode: str) -> Tensor:
        if len(size) == 1:
            out = kernel2(tf.expand_dims(x, 1), [1, 1, *size, 1], [1, 1, *steps, 1], mode)
            return tf.squeeze(out, 1)
        if len(size) == 2:
            return kernel2(x, [1, *size, 1], [1, *steps, 1], mode)
        if x.dtype in lacks:  # no kernel: both kinds of pooling may go axis by axis
            return in_two(x, size, steps, mode)
        return kernel3(x, [1, *size, 1], [1, *steps, 1], mode)

    def in_two(x: Tensor, size: Sequence[int | Tensor], steps: Sequence[int | Tensor], mode: str) -> Tensor:
        b, d, h, w, c = dims(x)
        out = kernel2(_reshape(x, shape_vector([-1, h, w, c])), [1, *size[1:], 1], [1, *steps[1:], 1], mode)
        _, h2, w2, _ = dims(out)
        out = _reshape(out, shape_vector([b, d, h2 * w2, c]))
        out = kernel2(out, [1, size[0], 1, 1], [1, steps[0], 1, 1], mode)
        return _reshape(out, shape_vector([b, size_of(out, 1), h2, w2, c]))

    @in_channels_last
    def pool(inputs: Tensor, pool_size: Sizes, strides: Sizes, padding: str) -> Tensor:
        rank = inputs.shape.rank - 2
        size = each(pool_size, rank)
        sizes = inputs.shape.as_list()[1:-1]
        if padding == "valid" and any(n is not None and n < k for n, k in zip(sizes, size, strict=True)):
            raise ShapeError(f"[pool] expected inputs of at least the window {tuple(size)}, got sizes {tuple(sizes)}.")
        return windows(inputs, size, size if strides is None else each(strides, rank), padding.upper())

    return pool


max_pool = _pool("MaxPool", "MaxPool3D", (tf.float64, tf.float16))
average_pool = _pool("AvgPool", "AvgPool3D", (tf.float64, tf.float16))
