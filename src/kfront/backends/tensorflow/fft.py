"""Fourier transforms. Complex tensors are pairs (real, imaginary) in the ops."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow.common import raw, size_of
from kfront.backends.typing import Function

Tensor = tf.Tensor


def _complex(real: Tensor, imag: Tensor) -> Tensor:
    kind = real.dtype
    if kind in (tf.float16, tf.bfloat16):
        real, imag = tf.cast(real, tf.float32), tf.cast(imag, tf.float32)
    return tf.complex(real, imag)


def _pair(x: Tensor, kind: tf.DType) -> tuple[Tensor, Tensor]:
    parts = tf.math.real(x), tf.math.imag(x)
    return parts if parts[0].dtype == kind else tuple(tf.cast(p, kind) for p in parts)  # type: ignore[return-value]


def _transform(name: str) -> Function[Tensor]:
    kernel = raw(name)

    def run(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
        return _pair(kernel(_complex(real, imag)), real.dtype)

    return run


fft = _transform("FFT")
ifft = _transform("IFFT")
fft2 = _transform("FFT2D")
ifft2 = _transform("IFFT2D")


def rfft(x: Tensor, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Transform of a real signal on the last axis: the half that is not redundant."""
    kind = x.dtype
    wide = tf.cast(x, tf.float32) if kind in (tf.float16, tf.bfloat16) else x
    if fft_length is not None:
        wide = wide[..., :fft_length]  # the op cuts as well, but not in its gradient
    return _pair(tf.signal.rfft(wide, None if fft_length is None else [fft_length]), kind)


def irfft(real: Tensor, imag: Tensor, fft_length: int | None = None) -> Tensor:
    """Real signal from the half spectrum that `rfft` gives."""
    length = 2 * (size_of(real, -1) - 1) if fft_length is None else fft_length
    out = tf.signal.irfft(_complex(real, imag), [length])
    return out if out.dtype == real.dtype else tf.cast(out, real.dtype)
