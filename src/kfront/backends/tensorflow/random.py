"""Random ops: TensorFlow's stateless generators (Philox)."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow.common import raw, shape_vector
from kfront.backends.typing import Closure
from kfront.core.typing import ShapeLike

Tensor = tf.Tensor
_cast, _key_counter = raw("Cast"), raw("StatelessRandomGetKeyCounter")
_PHILOX = 1


def _generator(name: str) -> Closure[Tensor]:
    """A generator: one op with the key, or, in a graph, two with the same numbers, which XLA has for int64 as well."""
    whole, half = raw(name), raw(f"{name}V2")

    def draw(shape: ShapeLike, key: Tensor, *rest: object) -> Tensor:
        if tf.executing_eagerly():
            return whole(shape_vector(shape), key, *rest)
        return half(shape_vector(shape), *_key_counter(key), _PHILOX, *rest)

    return draw


_uniform, _normal = _generator("StatelessRandomUniform"), _generator("StatelessRandomNormal")
_truncated, _uniform_int = _generator("StatelessTruncatedNormal"), _generator("StatelessRandomUniformInt")


def random_uniform(key: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Uniform in [0, 1)."""
    return _uniform(shape, key, tf.as_dtype(dtype))


def random_normal(key: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Standard normal."""
    return _normal(shape, key, tf.as_dtype(dtype))


def random_truncated_normal(key: Tensor, shape: ShapeLike, dtype: str) -> Tensor:
    """Standard normal between -2 and 2."""
    return _truncated(shape, key, tf.as_dtype(dtype))


def random_randint(key: Tensor, shape: ShapeLike, minval: Tensor | int, maxval: Tensor | int, dtype: str) -> Tensor:
    """Uniform integers in [minval, maxval)."""
    kind = tf.as_dtype(dtype)
    work = kind if kind in (tf.int32, tf.int64) else tf.int64
    low, high = tf.cast(minval, work), tf.cast(maxval, work)
    if low.shape.rank == 0 and high.shape.rank == 0:
        out = _uniform_int(shape, key, low, high)
    else:
        bits = _uniform_int(shape, key, tf.zeros((), work), tf.constant(work.max, work))
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
