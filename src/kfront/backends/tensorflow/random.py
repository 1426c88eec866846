"""Random ops: TensorFlow's stateless generators (Philox), and the portable threefry2x32 bits."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kfront.backends.tensorflow._raw import constant, product, raw, shape_vector

Tensor = Any
_uniform, _normal = raw("StatelessRandomUniform"), raw("StatelessRandomNormal")
_truncated, _uniform_int = raw("StatelessTruncatedNormal"), raw("StatelessRandomUniformInt")
_cast, _reshape = raw("Cast"), raw("Reshape")
_add, _xor, _left, _right, _or = (
    raw("AddV2"),
    raw("BitwiseXor"),
    raw("LeftShift"),
    raw("RightShift"),
    raw("BitwiseOr"),
)


def random_uniform(key: Tensor, shape: Any, dtype: str) -> Tensor:
    """Uniform in [0, 1)."""
    return _uniform(shape_vector(shape), key, tf.as_dtype(dtype))


def random_normal(key: Tensor, shape: Any, dtype: str) -> Tensor:
    """Standard normal."""
    return _normal(shape_vector(shape), key, tf.as_dtype(dtype))


def random_truncated_normal(key: Tensor, shape: Any, dtype: str) -> Tensor:
    """Standard normal between -2 and 2."""
    return _truncated(shape_vector(shape), key, tf.as_dtype(dtype))


def random_randint(key: Tensor, shape: Any, minval: Any, maxval: Any, dtype: str) -> Tensor:
    """Uniform integers in [minval, maxval)."""
    kind = tf.as_dtype(dtype)
    work = kind if kind in (tf.int32, tf.int64) else tf.int64
    low, high = tf.cast(minval, work), tf.cast(maxval, work)
    if low.shape.rank == 0 and high.shape.rank == 0:
        out = _uniform_int(shape_vector(shape), key, low, high)
    else:
        bits = _uniform_int(shape_vector(shape), key, tf.zeros((), work), tf.constant(work.max, work))
        out = low + bits % (high - low)
    return out if kind == work else tf.cast(out, kind)


def random_gamma(key: Tensor, alpha: Tensor, shape: Any, dtype: str) -> Tensor:
    """Gamma with shape parameter alpha and scale 1."""
    kind = tf.as_dtype(dtype)
    work = kind if kind in (tf.float32, tf.float64) else tf.float32
    out = tf.random.stateless_gamma(shape_vector(shape), key, tf.cast(alpha, work), dtype=work)
    return out if kind == work else _cast(out, kind)


def random_binomial(key: Tensor, counts: Tensor, probabilities: Tensor, shape: Any, dtype: str) -> Tensor:
    """Number of successes."""
    kind = tf.as_dtype(dtype)
    work = kind if kind.is_floating else tf.float32
    counts, probabilities = tf.cast(counts, tf.float32), tf.cast(probabilities, tf.float32)
    out = tf.random.stateless_binomial(shape_vector(shape), key, counts, probabilities, output_dtype=tf.float32)
    return tf.cast(_cast(out, work), kind)


# ---- threefry2x32 (Salmon et al., 2011): the same bits on every engine -----------------------------------------------

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def random_bits(key: Tensor, shape: Any) -> Tensor:
    """32 bits each, as int32: block i of the counter gives elements i and n + i, n being half the size, rounded up."""
    total = product(shape)
    half = (total + 1) // 2
    first = tf.range(tf.cast(half, tf.int64))
    second = _cast(first + tf.cast(half, tf.int64), tf.uint32)
    words = tf.bitcast(_cast(key, tf.int64), tf.uint32)[
        :, 0
    ]  # the low halves: every supported machine is little-endian
    lanes = _threefry(words, _cast(first, tf.uint32), second)
    return _reshape(tf.bitcast(tf.concat(lanes, 0)[:total], tf.int32), shape_vector(shape))


def _rotated(x: Tensor, by: int) -> Tensor:
    return _or(_left(x, constant(by, tf.uint32)), _right(x, constant(32 - by, tf.uint32)))


def _threefry(key: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """20 rounds."""
    a, b = key[0], key[1]
    keys = (a, b, _xor(_xor(a, b), constant(0x1BD11BDA, tf.uint32)))
    x, y = _add(x, keys[0]), _add(y, keys[1])
    for i in range(5):
        for by in _ROTATIONS[i % 2]:
            x = _add(x, y)
            y = _xor(_rotated(y, by), x)
        x = _add(x, keys[(i + 1) % 3])
        y = _add(y, _add(keys[(i + 2) % 3], constant(i + 1, tf.uint32)))
    return x, y
