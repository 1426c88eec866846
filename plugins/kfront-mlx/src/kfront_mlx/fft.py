"""Fourier transforms; complex values come and go as pairs (real, imaginary).

MLX has them in complex64; float64 is transformed by products with the matrices of sines and cosines.
"""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from kfront_mlx.common import lift
from kfront_mlx.elementwise import to_complex

Pair = tuple[mx.array, mx.array]


def _parts(z: mx.array, kind: mx.Dtype) -> Pair:
    return mx.real(z).astype(kind), mx.imag(z).astype(kind)


def _waves(n: int, count: int) -> Pair:
    """cos and sin of 2 pi j k / n, for j below n and k below `count`."""
    angles = 2 * math.pi / n * (np.outer(np.arange(n), np.arange(count)) % n)
    return lift(np.cos(angles)), lift(np.sin(angles))


def _along(real: mx.array, imag: mx.array, axis: int) -> Pair:
    cosines, sines = _waves(real.shape[axis], real.shape[axis])
    re, im = mx.moveaxis(real, axis, -1), mx.moveaxis(imag, axis, -1)
    return mx.moveaxis(re @ cosines + im @ sines, -1, axis), mx.moveaxis(im @ cosines - re @ sines, -1, axis)


def _resized(x: mx.array, n: int) -> mx.array:
    """The last axis cut or filled with zeros."""
    have = x.shape[-1]
    return x[..., :n] if have >= n else mx.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - have)])


def fft(real: mx.array, imag: mx.array) -> Pair:
    if real.dtype == mx.float64:
        return _along(real, imag, -1)
    return _parts(mx.fft.fft(to_complex(real, imag)), real.dtype)


def fft2(real: mx.array, imag: mx.array) -> Pair:
    if real.dtype == mx.float64:
        return _along(*_along(real, imag, -1), -2)
    return _parts(mx.fft.fft2(to_complex(real, imag)), real.dtype)


def ifft2(real: mx.array, imag: mx.array) -> Pair:
    if real.dtype == mx.float64:
        re, im = fft2(real, -imag)
        size = real.shape[-1] * real.shape[-2]
        return re / size, -im / size
    return _parts(mx.fft.ifft2(to_complex(real, imag)), real.dtype)


def rfft(x: mx.array, fft_length: int | None = None) -> Pair:
    if x.dtype == mx.float64:
        n = fft_length or x.shape[-1]
        cosines, sines = _waves(n, n // 2 + 1)
        x = _resized(x, n)
        return x @ cosines, -(x @ sines)
    return _parts(mx.fft.rfft(x.astype(mx.float32), fft_length), x.dtype)


def irfft(real: mx.array, imag: mx.array, fft_length: int | None = None) -> mx.array:
    if real.dtype == mx.float64:
        n = fft_length or 2 * (real.shape[-1] - 1)
        count = n // 2 + 1
        cosines, sines = (mx.swapaxes(w, 0, 1) for w in _waves(n, count))
        twice = lift(np.array([1.0 if k in (0, n / 2) else 2.0 for k in range(count)]) / n)
        return (_resized(real, count) * twice) @ cosines - (_resized(imag, count) * twice) @ sines
    return mx.fft.irfft(to_complex(real, imag), fft_length).astype(real.dtype)
