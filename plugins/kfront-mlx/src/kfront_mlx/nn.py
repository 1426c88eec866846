"""Activations and encodings."""

from __future__ import annotations

import mlx.core as mx

from kfront.backends.typing import Axes
from kfront.core.errors import UnsupportedError
from kfront_mlx.common import INTEGERS, axes, in_float32, native
from kfront_mlx.elementwise import exp
from kfront_mlx.reduce import logsumexp


@in_float32
def softplus(x: mx.array) -> mx.array:
    """log(1 + exp(x)), whose gradient at 0 is 1/2."""
    small = -mx.where(x > 0, x, -x)
    return mx.log1p(exp(small)) + mx.where(x > 0, x, mx.zeros_like(x))


@in_float32
def softmax(x: mx.array, axis: Axes = -1) -> mx.array:
    if x.dtype != mx.float64 or not x.size:
        return mx.softmax(x, axes(axis))
    e = exp(x - mx.stop_gradient(mx.max(x, axes(axis), keepdims=True)))
    return e / mx.sum(e, axes(axis), keepdims=True)


@in_float32
def log_softmax(x: mx.array, axis: Axes = -1) -> mx.array:
    if not x.size:
        return x
    x = x - mx.stop_gradient(mx.max(x, axes(axis), keepdims=True))
    return x - logsumexp(x, axis, True)


def one_hot(x: mx.array, num_classes: int, axis: int, dtype: str, sparse: bool) -> mx.array:
    if sparse:
        raise UnsupportedError("[one_hot] expected sparse=False, got True: MLX has no sparse arrays.")
    x = x if x.dtype in INTEGERS else x.astype(mx.int32)
    hot = (mx.expand_dims(x, -1) == mx.arange(num_classes).astype(x.dtype)).astype(native(dtype))
    return mx.moveaxis(hot, -1, axis)
