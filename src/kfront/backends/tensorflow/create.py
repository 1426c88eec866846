"""New tensors."""

from __future__ import annotations

import tensorflow as tf

from kfront import config
from kfront.backends.tensorflow.common import constant, raw, shape_vector
from kfront.core.typing import ShapeLike

Tensor = tf.Tensor
_cast = raw("Cast")
_broadcast = raw("BroadcastTo")
_expand = raw("ExpandDims")


def zeros(shape: ShapeLike, dtype: str | None = None) -> Tensor:
    """All 0."""
    return _filled(shape, 0, dtype)


def ones(shape: ShapeLike, dtype: str | None = None) -> Tensor:
    """All 1."""
    return _filled(shape, 1, dtype)


_fill = raw("Fill")


def _filled(shape: ShapeLike, value: Tensor, dtype: str | None) -> Tensor:
    kind = tf.as_dtype(dtype or config.floatx())
    if kind == tf.string:
        value = ""
    elif kind.name.startswith("float8"):
        return _cast(_fill(shape_vector(shape), constant(value, tf.float32)), kind)
    return _fill(shape_vector(shape), constant(value, kind))


def full(shape: ShapeLike, fill_value: Tensor | float, dtype: str | None = None) -> Tensor:
    """All one value, or an array that is broadcast."""
    value = tf.cast(fill_value, tf.as_dtype(dtype or config.floatx()))
    return _fill(shape_vector(shape), value) if value.shape.rank == 0 else _broadcast(value, shape_vector(shape))


def zeros_like(x: Tensor, dtype: str | None = None) -> Tensor:
    """All 0, shaped as x."""
    return _zeros_like(x) if dtype is None else _zeros_like(tf.cast(x, dtype))


def ones_like(x: Tensor, dtype: str | None = None) -> Tensor:
    """All 1, shaped as x."""
    return _ones_like(x) if dtype is None else _ones_like(tf.cast(x, dtype))


_zeros_like, _ones_like = raw("ZerosLike"), raw("OnesLike")


def arange(
    start: Tensor | float | None, stop: Tensor | float | None, step: Tensor | float | None, dtype: str
) -> Tensor:
    """Evenly spaced numbers, the end left out."""
    kind = tf.as_dtype(dtype)
    if kind in (tf.int32, tf.int64, tf.float32, tf.float64):
        return tf.range(start, stop, step, dtype=kind)
    whole = not kind.is_floating and not kind.is_complex
    bounds = [tf.cast(v, tf.int64 if whole else tf.float32) for v in (start, stop, step)]
    return tf.cast(tf.range(*bounds), kind)


def eye(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Tensor:
    """1 on the k-th diagonal, else 0."""
    rows = _expand(tf.range(N), 1)
    columns = tf.range(N if M is None else M)
    return tf.cast(tf.equal(columns - rows, k), tf.as_dtype(dtype or config.floatx()))
