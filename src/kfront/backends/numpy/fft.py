"""Fourier transforms; complex values come and go as pairs (real, imaginary)."""

from __future__ import annotations

import numpy as np

from kfront.backends.typing import Function


def _parts(z: np.ndarray, kind: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    return z.real.astype(kind), z.imag.astype(kind)


def _complex(transform: Function[np.ndarray]) -> Function[np.ndarray]:
    def run(real: np.ndarray, imag: np.ndarray) -> np.ndarray:
        return _parts(transform(real + 1j * imag), real.dtype)

    return run


fft = _complex(np.fft.fft)
fft2 = _complex(np.fft.fft2)
ifft2 = _complex(np.fft.ifft2)


def rfft(x: np.ndarray, fft_length: np.ndarray | None = None) -> np.ndarray:
    return _parts(np.fft.rfft(x, fft_length), x.dtype)


def irfft(real: np.ndarray, imag: np.ndarray, fft_length: np.ndarray | None = None) -> np.ndarray:
    return np.fft.irfft(real + 1j * imag, fft_length).astype(real.dtype)
