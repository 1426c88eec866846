"""Random ops: TensorFlow's stateless generators (Philox)."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow.common import raw, shape_vector
from kfront.core.typing import ShapeLike

Tensor = tf.Tensor
_uniform, _normal = raw("StatelessRandomUniform"), raw("StatelessRandomNormal")
_truncated, _uniform_int = raw("StatelessTruncatedNormal"), raw("StatelessRandomUniformInt")
_cast = raw("Cast")


def random_uniform(key: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Uniform in [0, 1)."""
    return _uniform(shape_vector(shape), key, tf.as_dtype(dtype))


def random_normal(key: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Standard normal."""
    return _normal(shape_vector(shape), key, tf.as_dtype(dtype))


def random_truncated_normal(key: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Standard normal between -2 and 2."""
    return _truncated(shape_vector(shape), key, tf.as_dtype(dtype))


def random_randint(key: Tensor, shape: ShapeLike, minval: Tensor | int, maxval: Tensor | int, dtype: str) -> Tensor:
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


def random_gamma(key: Tensor, alpha: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Gamma with shape parameter alpha and scale 1."""
    kind = tf.as_dtype(dtype)
    work = kind if kind in (tf.float32, tf.float64) else tf.float32
    out = tf.random.stateless_gamma(shape_vector(shape), key, tf.cast(alpha, work), dtype=work)
    return out if kind == work else _cast(out, kind)


def random_binomial(key: Tensor, counts: Tensor, probabilities: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Number of successes."""
    kind = tf.as_dtype(dtype)
    work = kind if kind.is_floating else tf.float32
    counts, probabilities = tf.cast(counts, tf.float32), tf.cast(probabilities, tf.float32)
    out = tf.random.stateless_binomial(shape_vector(shape), key, counts, probabilities, output_dtype=tf.float32)
    return tf.cast(_cast(out, work), kind)


# ---- threefry2x32 (Salmon et al., 2011): the same bits on every engine -----------------------------------------------
