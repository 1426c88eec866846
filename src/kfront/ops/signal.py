"""Fourier transforms and framing of signals. Complex values come as pairs of real tensors."""

from __future__ import annotations

import builtins
import math
from typing import Any

from kfront.core import shapes_nn
from kfront.core.dtypes import result_type, to_float
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.shapes import known
from kfront.ops.arithmetic import add, divide, floor_divide, multiply, subtract
from kfront.ops.create import arange, array, convert_to_tensor, ones
from kfront.ops.elementwise import cos, dtype_of, square
from kfront.ops.index import get_item, take
from kfront.ops.logic import greater, where
from kfront.ops.segment import segment_sum
from kfront.ops.shape import broadcast_to, dim, expand_dims, pad, reshape, shape, transpose


def _pair_rule(*dtypes: Any) -> tuple[Any, Any]:
    d = _fft_dtype(*dtypes)
    return d, [d, d]


def _real_rule(*dtypes: Any) -> tuple[Any, Any]:
    d = _fft_dtype(*dtypes)
    return d, d


def _fft_dtype(*dtypes: Any) -> str:
    d = to_float(result_type(*dtypes))
    return d if d == "float64" else "float32"


@op(2, _pair_rule, shapes_nn.transform, name="fft", home="math", call_args=("x",), class_name="FFT")
def _fft(real: Any, imag: Any) -> Any: ...


@op(2, _pair_rule, shapes_nn.transform, name="fft2", home="math", call_args=("x",), class_name="FFT2")
def _fft2(real: Any, imag: Any) -> Any: ...


@op(2, _pair_rule, shapes_nn.transform, name="ifft2", home="math", call_args=("x",), class_name="IFFT2")
def _ifft2(real: Any, imag: Any) -> Any: ...


@op(dtype=_pair_rule, shape=shapes_nn.rfft, home="math", class_name="RFFT")
def rfft(x: Any, fft_length: int | None = None) -> Any:
    """Fourier transform of real signals along the last axis: the half of the spectrum that says it all.

    Args:
        x: tensor of shape (..., n).
        fft_length: length to which signals are cut or filled with zeros; n if None.

    Returns:
        Tuple (real, imaginary), floating, of shape (..., fft_length // 2 + 1).
    """


@op(2, _real_rule, shapes_nn.irfft, name="irfft", home="math", call_args=("x",), class_name="IRFFT")
def _irfft(real: Any, imag: Any, fft_length: int | None = None) -> Any: ...


def _parts(name: str, x: Any) -> tuple[Any, Any]:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(f"[{name}] expected `x` to be a tuple (real, imaginary), got {type(x).__name__}.")
    return x[0], x[1]


@in_front_of(_fft)
def fft(x: Any) -> tuple[Any, Any]:
    """Fourier transform along the last axis.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.
    """
    return _fft(*_parts("fft", x))


@in_front_of(_fft2)
def fft2(x: Any) -> tuple[Any, Any]:
    """Fourier transform along the last two axes.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., m, n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.
    """
    return _fft2(*_parts("fft2", x))


@in_front_of(_ifft2)
def ifft2(x: Any) -> tuple[Any, Any]:
    """Inverse of `fft2`.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., m, n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.
    """
    return _ifft2(*_parts("ifft2", x))


@in_front_of(_irfft)
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """Inverse of `rfft`.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., k).
        fft_length: length of the signals; 2 * (k - 1) if None.

    Returns:
        tensor of shape (..., fft_length), floating.
    """
    return _irfft(*_parts("irfft", x), fft_length)


# ---- frames ---------------------------------------------------------------------------------------------------------


def _check_frames(name: str, **sizes: Any) -> None:
    for what, n in sizes.items():
        if not isinstance(n, int) or n < 1:
            raise ArgumentError(f"[{name}] expected `{what}` to be an int >= 1, got {n!r}.")


@op(fuse=True, home="math")
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Overlapping pieces along the last axis.

    Args:
        x: tensor of shape (..., n).
        sequence_length: length of a piece.
        sequence_stride: distance of pieces.

    Returns:
        tensor of shape (..., pieces, sequence_length).
    """
    _check_frames("extract_sequences", sequence_length=sequence_length, sequence_stride=sequence_stride)
    n = dim(x, -1)
    if isinstance(n, int):
        if n < sequence_length:
            raise ShapeError(f"[extract_sequences] expected at least {sequence_length} elements, got {n}.")
        count: Any = (n - sequence_length) // sequence_stride + 1
    else:
        count = add(floor_divide(subtract(n, sequence_length), sequence_stride), 1)
    starts = multiply(arange(count), sequence_stride)
    return take(x, add(expand_dims(starts, 1), arange(sequence_length)), -1)


def _window(window: Any, length: int, fft_length: int, dtype: str) -> Any:
    """A window of `length` in the middle of `fft_length` places."""
    if window is None:
        return ones((fft_length,), dtype)
    if isinstance(window, str):
        weights = {"hann": 0.5, "hamming": 0.54}.get(window)
        if weights is None:
            raise ArgumentError(f"[stft] expected `window` to be 'hann', 'hamming', a tensor or None, got {window!r}.")
        angle = multiply(arange(0, length, 1, dtype), 2 * math.pi / length)
        w = subtract(weights, multiply(cos(angle), 1.0 - weights))
    else:
        w = array(window, dtype)
        if len(w.shape) != 1 or known(w.shape[0]) not in (None, length):
            raise ShapeError(f"[stft] expected `window` of shape ({length},), got {tuple(w.shape)}.")
    left = (fft_length - length) // 2
    return pad(w, ((left, fft_length - length - left),))


@op(fuse=True, home="math", class_name="STFT")
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Any:
    """Short-time Fourier transform: the spectra of overlapping pieces.

    Args:
        x: tensor of shape (..., n).
        sequence_length: length of the window.
        sequence_stride: distance of windows.
        fft_length: length of a transform, at least that of the window.
        window: "hann", "hamming", a tensor of shape (sequence_length,), or None for none at all.
        center: whether the signal is padded (mirrored), so that windows are centered on their places.

    Returns:
        Tuple (real, imaginary) of shape (..., frames, fft_length // 2 + 1), floating.

    Raises:
        ArgumentError: if `fft_length` is below `sequence_length`, or `window` is unknown.
    """
    _check_frames("stft", sequence_length=sequence_length, sequence_stride=sequence_stride, fft_length=fft_length)
    if fft_length < sequence_length:
        raise ArgumentError(f"[stft] expected `fft_length` >= {sequence_length}, got {fft_length}.")
    if center:
        half = fft_length // 2
        x = pad(x, (*((0, 0),) * (len(x.shape) - 1), (half, half)), "reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    frames = multiply(frames, _window(window, sequence_length, fft_length, _fft_dtype(dtype_of(x))))
    return rfft(frames, fft_length)


@op(2, name="istft", fuse=True, home="math", call_args=("x",), class_name="ISTFT")
def _istft(
    re: Any,
    im: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: Any,
    window: Any,
    center: bool,
) -> Any:
    frames = _irfft(re, im, fft_length)
    *lead, count, _ = shape(frames)
    if not isinstance(count, int):
        raise ShapeError(f"[istft] expected a known number of frames, got shape {tuple(frames.shape)}.")
    w = _window(window, sequence_length, fft_length, dtype_of(frames))
    total = (count - 1) * sequence_stride + fft_length
    places = [i * sequence_stride + j for i in range(count) for j in range(fft_length)]
    ids = convert_to_tensor(places, "int32")
    y = reshape(multiply(frames, w), (-1, count * fft_length))
    y = transpose(segment_sum(transpose(y), ids, total))
    weight = reshape(broadcast_to(square(w), (count, fft_length)), (-1,))
    norm = segment_sum(weight, ids, total)
    y = where(greater(norm, 1e-10), divide(y, where(greater(norm, 1e-10), norm, 1.0)), y)
    start = fft_length // 2 if center else 0
    if length is not None:
        end = start + length
    else:
        end = total - fft_length // 2 if center else total
    y = get_item(y, (builtins.slice(None), builtins.slice(start, end)))
    if length is not None and length > total - start:
        y = pad(y, ((0, 0), (0, length - (total - start))))
    return reshape(y, (*lead, -1))


@in_front_of(_istft)
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Inverse of `stft`: overlapping pieces are added, and the sum of squared windows is divided out.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., frames, fft_length // 2 + 1), frames known.
        sequence_length: length of the window.
        sequence_stride: distance of windows.
        fft_length: length of a transform.
        length: length of the signal; as long as the frames reach if None.
        window: as for `stft`.
        center: as for `stft`.

    Returns:
        tensor of shape (..., length), floating.
    """
    return _istft(*_parts("istft", x), sequence_length, sequence_stride, fft_length, length, window, center)
