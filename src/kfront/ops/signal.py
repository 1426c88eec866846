"""Fourier transforms and framing of signals. Complex values come as pairs of real tensors."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes_nn
from kfront.core.dtypes import result_type, to_float
from kfront.core.errors import ArgumentError
from kfront.core.op import op

__all__ = ["fft", "fft2", "ifft2", "irfft", "rfft"]


def _pair_rule(*dtypes: Any) -> tuple[Any, Any]:
    d = _fft_dtype(*dtypes)
    return d, [d, d]


def _real_rule(*dtypes: Any) -> tuple[Any, Any]:
    d = _fft_dtype(*dtypes)
    return d, d


def _fft_dtype(*dtypes: Any) -> str:
    d = to_float(result_type(*dtypes))
    return d if d == "float64" else "float32"


@op(2, _pair_rule, shapes_nn.transform, name="fft")
def _fft(real: Any, imag: Any) -> Any: ...


@op(2, _pair_rule, shapes_nn.transform, name="fft2")
def _fft2(real: Any, imag: Any) -> Any: ...


@op(2, _pair_rule, shapes_nn.transform, name="ifft2")
def _ifft2(real: Any, imag: Any) -> Any: ...


@op(dtype=_pair_rule, shape=shapes_nn.rfft)
def rfft(x: Any, fft_length: int | None = None) -> Any:
    """Fourier transform of real signals along the last axis: the half of the spectrum that says it all.

    Args:
        x: tensor of shape (..., n).
        fft_length: length to which signals are cut or filled with zeros; n if None.

    Returns:
        Tuple (real, imaginary), floating, of shape (..., fft_length // 2 + 1).
    """


@op(2, _real_rule, shapes_nn.irfft, name="irfft")
def _irfft(real: Any, imag: Any, fft_length: int | None = None) -> Any: ...


def _parts(name: str, x: Any) -> tuple[Any, Any]:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(f"[{name}] expected `x` to be a tuple (real, imaginary), got {type(x).__name__}.")
    return x[0], x[1]


def fft(x: Any) -> tuple[Any, Any]:
    """Fourier transform along the last axis.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.
    """
    return _fft(*_parts("fft", x))


def fft2(x: Any) -> tuple[Any, Any]:
    """Fourier transform along the last two axes.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., m, n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.
    """
    return _fft2(*_parts("fft2", x))


def ifft2(x: Any) -> tuple[Any, Any]:
    """Inverse of `fft2`.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., m, n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.
    """
    return _ifft2(*_parts("ifft2", x))


def irfft(x: Any, fft_length: int | None = None) -> Any:
    """Inverse of `rfft`.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., k).
        fft_length: length of the signals; 2 * (k - 1) if None.

    Returns:
        tensor of shape (..., fft_length), floating.
    """
    return _irfft(*_parts("irfft", x), fft_length)
