"""Pooling, over the shifted views of all places in a window."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from kfront.backends.typing import Sizes
from kfront.core.shapes_nn import spatial
from kfront_mlx.common import in_float32, limits, number
from kfront_mlx.conv import channels_last, original_layout, same_pads, views


def _padded(x: mx.array, sizes: Sequence[int], steps: Sequence[int], padding: str, value: float) -> mx.array:
    if padding == "valid":
        return x
    pads = [same_pads(*a) for a in zip(x.shape[1:-1], sizes, steps, strict=True)]
    return mx.pad(x, [(0, 0), *pads, (0, 0)], constant_values=number(value, x.dtype))


def _prepared(inputs: mx.array, pool_size: Sizes, strides: Sizes, data_format: str) -> tuple[mx.array, Sizes, Sizes]:
    x = channels_last(inputs, data_format)
    sizes = spatial(pool_size, x.ndim - 2, "pool_size")
    return x, sizes, sizes if strides is None else spatial(strides, x.ndim - 2, "strides")


def max_pool(inputs: mx.array, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> mx.array:
    """The largest of each window; the first of equals has the gradient."""
    x, sizes, steps = _prepared(inputs, pool_size, strides, data_format)
    first, *rest = views(_padded(x, sizes, steps, padding, limits(x.dtype)[0]), sizes, steps)
    for view in rest:
        first = mx.where((view > first) | (view != view), view, first)
    return original_layout(first, data_format)


@in_float32
def average_pool(inputs: mx.array, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> mx.array:
    x, sizes, steps = _prepared(inputs, pool_size, strides, data_format)
    counted = mx.ones((1, *x.shape[1:-1], 1), x.dtype)
    total, count = (sum(views(_padded(v, sizes, steps, padding, 0), sizes, steps)) for v in (x, counted))
    return original_layout(total / count, data_format)
