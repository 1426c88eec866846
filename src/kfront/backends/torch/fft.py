"""Fourier transforms on torch; complex values come and go as pairs (real, imaginary)."""

from __future__ import annotations

import torch

Tensor = torch.Tensor


def _pair(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.real(x), torch.imag(x)


def fft(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    return _pair(torch.fft.fft(torch.complex(real, imag)))


def fft2(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    return _pair(torch.fft.fft2(torch.complex(real, imag)))


def ifft2(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    return _pair(torch.fft.ifft2(torch.complex(real, imag)))


def rfft(x: Tensor, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    return _pair(torch.fft.rfft(x, fft_length))


def irfft(real: Tensor, imag: Tensor, fft_length: int | None = None) -> Tensor:
    return torch.fft.irfft(torch.complex(real, imag), fft_length)
