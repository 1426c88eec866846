"""Random numbers from keys: uint32 of shape (2,), as MLX has them."""

from __future__ import annotations

import mlx.core as mx

from kfront.core.typing import ShapeLike
from kfront_mlx.common import dims, native


def random_normal(key: mx.array, shape: ShapeLike, dtype: str) -> mx.array:
    return mx.random.normal(dims(shape), mx.float32, key=key.astype(mx.uint32)).astype(native(dtype))


def random_uniform(key: mx.array, shape: ShapeLike, dtype: str) -> mx.array:
    """Numbers in [0, 1): in halves as many bits as they have, so that rounding does not reach 1."""
    kind, key = native(dtype), key.astype(mx.uint32)
    bits = {mx.float16: 11, mx.bfloat16: 8}.get(kind)
    if bits is None:
        return mx.random.uniform(shape=dims(shape), key=key).astype(kind)
    drawn = mx.random.randint(0, 1 << bits, dims(shape), mx.uint32, key=key)
    return (drawn.astype(mx.float32) / (1 << bits)).astype(kind)


def random_randint(
    key: mx.array, shape: ShapeLike, minval: mx.array | int, maxval: mx.array | int, dtype: str
) -> mx.array:
    drawn = mx.random.randint(minval, maxval, dims(shape), mx.int64, key=key.astype(mx.uint32))
    return drawn.astype(native(dtype))
