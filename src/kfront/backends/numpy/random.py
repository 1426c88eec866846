"""Random numbers: NumPy's Philox generator, keyed by the seed."""

from __future__ import annotations

import numpy as np

from kfront.backends.numpy.common import HALVES, dtype_of
from kfront.core.typing import ShapeLike


def _generator(key: np.ndarray) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.asarray(key).astype(np.uint64)))


def _draw_dtype(dtype: str) -> np.dtype:
    kind = dtype_of(dtype)
    return np.float32 if kind in HALVES else kind


def random_normal(key: np.ndarray, shape: ShapeLike, dtype: str) -> np.ndarray:
    return _generator(key).standard_normal(shape, _draw_dtype(dtype)).astype(dtype_of(dtype), copy=False)


def random_uniform(key: np.ndarray, shape: ShapeLike, dtype: str) -> np.ndarray:
    kind = dtype_of(dtype)
    if kind in HALVES:  # rounding must not reach 1
        bits = {np.dtype(np.float16): 11}.get(kind, 8)
        return (_generator(key).integers(0, 1 << bits, shape) / float(1 << bits)).astype(kind)
    return _generator(key).random(shape, kind)


def random_randint(
    key: np.ndarray, shape: ShapeLike, minval: np.ndarray | int, maxval: np.ndarray | int, dtype: str
) -> np.ndarray:
    return np.asarray(_generator(key).integers(minval, maxval, shape)).astype(dtype_of(dtype))


def random_gamma(key: np.ndarray, alpha: np.ndarray, shape: ShapeLike, dtype: str) -> np.ndarray:
    return _generator(key).standard_gamma(alpha.astype(np.float64), shape).astype(dtype_of(dtype))


def random_binomial(
    key: np.ndarray, counts: np.ndarray, probabilities: np.ndarray, shape: ShapeLike, dtype: str
) -> np.ndarray:
    draws = _generator(key).binomial(counts.astype(np.int64), probabilities.astype(np.float64), shape)
    return np.asarray(draws).astype(dtype_of(dtype))


def random_shuffle(key: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
    return _generator(key).permutation(x, axis)


# ---- portable bits: the same as the composed form, in uint32 --------------------------------------------------------

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def random_bits(key: np.ndarray, shape: ShapeLike) -> np.ndarray:
    n = int(np.prod(shape, dtype=np.int64))
    half = (n + 1) // 2
    k0, k1 = np.asarray(key).astype(np.uint32)
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    with np.errstate(over="ignore"):
        x0 = np.arange(half, dtype=np.uint32)
        x1 = x0 + np.uint32(half) + keys[1]
        x0 = x0 + keys[0]
        for i in range(5):
            for r in _ROTATIONS[i % 2]:
                x0 += x1
                x1 = ((x1 << np.uint32(r)) | (x1 >> np.uint32(32 - r))) ^ x0
            x0 += keys[(i + 1) % 3]
            x1 += keys[(i + 2) % 3] + np.uint32(i + 1)
    return np.concatenate([x0, x1])[:n].view(np.int32).reshape(shape)
