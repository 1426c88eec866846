"""Fourier transforms, in float32 or float64. Complex tensors are pairs (real, imaginary) in the ops."""

from __future__ import annotations

import tensorflow as tf

from kfront.backends.tensorflow.common import raw, size_of
from kfront.backends.typing import Function
from kfront.core.errors import ShapeError

Tensor = tf.Tensor


def _not_empty(length: object) -> None:
    """Refuse what the kernels end the process at."""
    if length == 0:
        raise ShapeError("expected a transform of at least one element, got none.")


def _pair(x: Tensor) -> tuple[Tensor, Tensor]:
    return tf.math.real(x), tf.math.imag(x)


def _transform(name: str) -> Function[Tensor]:
    kernel = raw(name)

    def run(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
        return _pair(kernel(tf.complex(real, imag)))

    return run


fft = _transform("FFT")
fft2 = _transform("FFT2D")
ifft2 = _transform("IFFT2D")


def rfft(x: Tensor, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Transform of a real signal on the last axis: the half that is not redundant."""
    _not_empty(x.shape[-1] if fft_length is None else fft_length)
    if fft_length is not None:
        x = x[..., :fft_length]  # the op cuts as well, but not in its gradient
    return _pair(tf.signal.rfft(x, None if fft_length is None else [fft_length]))


def irfft(real: Tensor, imag: Tensor, fft_length: int | None = None) -> Tensor:
    """Real signal from the half spectrum that `rfft` gives."""
    length = 2 * (size_of(real, -1) - 1) if fft_length is None else fft_length
    _not_empty(length if isinstance(length, int) else None)
    return tf.signal.irfft(tf.complex(real, imag), [length])
