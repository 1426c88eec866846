"""Fourier transforms; complex values come and go as pairs (real, imaginary)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _parts(z: Any, kind: Any) -> tuple[Any, Any]:
    return z.real.astype(kind), z.imag.astype(kind)


def _complex(transform: Callable[..., Any]) -> Callable[..., Any]:
    def run(real: Any, imag: Any) -> Any:
        return _parts(transform(real + 1j * imag), real.dtype)

    return run


fft = _complex(np.fft.fft)
fft2 = _complex(np.fft.fft2)
ifft2 = _complex(np.fft.ifft2)


def rfft(x: Any, fft_length: Any = None) -> Any:
    return _parts(np.fft.rfft(x, fft_length), x.dtype)


def irfft(real: Any, imag: Any, fft_length: Any = None) -> Any:
    return np.fft.irfft(real + 1j * imag, fft_length).astype(real.dtype)
