"""The table: frames, short-time Fourier transforms, window functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .entry import Entry, floats, ints, tol

__all__ = ["entries"]

_EXACT = tol(0, 0)


def _windows_of(x: Any, length: int, stride: int) -> Any:
    starts = range(0, x.shape[-1] - length + 1, stride)
    return np.stack([x[..., i : i + length] for i in starts], -2)


def _stft(x: Any, length: int, stride: int, fft: int, window: Any = "hann", center: bool = True) -> Any:
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft // 2, fft // 2)], "reflect")
    z = np.fft.rfft(_windows_of(x, fft, stride) * _taper(window, length, fft), fft)
    return z.real, z.imag


def _taper(window: Any, length: int, fft: int) -> Any:
    if window is None:
        return np.ones(fft)
    a = {"hann": 0.5, "hamming": 0.54}[window]
    w = a - (1 - a) * np.cos(2 * np.pi * np.arange(length) / length)
    left = (fft - length) // 2
    return np.pad(w, (left, fft - length - left))


def _istft(
    z: Any, length: int, stride: int, fft: int, size: Any = None, window: Any = "hann", center: bool = True
) -> Any:
    frames = np.fft.irfft(z[0] + 1j * z[1], fft)
    w = _taper(window, length, fft)
    total = (frames.shape[-2] - 1) * stride + fft
    y, norm = np.zeros((*frames.shape[:-2], total)), np.zeros(total)
    for i in range(frames.shape[-2]):
        y[..., i * stride : i * stride + fft] += frames[..., i, :] * w
        norm[i * stride : i * stride + fft] += w**2
    y = y / np.where(norm > 1e-10, norm, 1.0)
    y = y[..., fft // 2 :] if center else y
    if size is not None:
        return np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, max(size - y.shape[-1], 0))])[..., :size]
    return y[..., : y.shape[-1] - fft // 2] if center else y


def _signals() -> list[Entry]:
    x = Entry("extract_sequences", _windows_of, _EXACT, "any")
    x(floats(2, 7), 3, 2)(floats(8), 4, 1).edge(ints(1, 5), 5, 1)
    real = tol(8, 4, 16)
    s = Entry("stft", _stft, real, "real")
    s(floats(2, 12), 4, 2, 4).also("float64")(floats(12), 4, 3, 6, "hamming")(floats(2, 8), 4, 2, 4, None, False)
    i = Entry("istft", _istft, real, "real")
    i.fixed((floats(2, 5, 3), floats(2, 5, 3)), 4, 2, 4).fixed((floats(4, 3), floats(4, 3)), 4, 1, 4, 6)
    out = [x, s, i]
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        e = Entry(name, getattr(np, name), tol(4, 2, 4), smooth=False)
        out.append(e(7)(1)(4))
    k = Entry("kaiser", np.kaiser, tol(16, 4, 8), smooth=False)
    return [*out, k(7, 3.0)(1, 2.0)]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_signals()]
