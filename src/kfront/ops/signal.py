"""Framing of signals, short-time Fourier transforms, correlation. Complex values come as pairs of real tensors."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.options import positive
from kfront.core.shapes import known
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.elementwise import square
from kfront.ops.primitives.arguments import option


def _check_frames(name: str, **sizes: object) -> None:
    for what, n in sizes.items():
        if not isinstance(n, int) or n < 1:
            raise ArgumentError(f"[{name}] expected `{what}` to be an int >= 1, got {n!r}.")


@op(fuse=True, home="math")
def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Overlapping pieces along the last axis.

    Args:
        x: tensor of shape (..., n).
        sequence_length: length of a piece.
        sequence_stride: distance of pieces.

    Returns:
        tensor of shape (..., pieces, sequence_length).

    Raises:
        ShapeError: the last axis is shorter than `sequence_length`.
        ArgumentError: `sequence_length` or `sequence_stride` is less than 1.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.extract_sequences([1, 2, 3, 4], 2, 1)).tolist()
    [[1, 2], [2, 3], [3, 4]]
    """
    _check_frames("extract_sequences", sequence_length=sequence_length, sequence_stride=sequence_stride)
    n = p.dim(x, -1)
    if isinstance(n, int):
        if n < sequence_length:
            raise ShapeError(f"[extract_sequences] expected at least {sequence_length} elements, got {n}.")
        count: object = (n - sequence_length) // sequence_stride + 1
    else:
        count = p.add(p.floor_divide(p.subtract(n, sequence_length), sequence_stride), 1)
    starts = p.multiply(p.arange(count), sequence_stride)
    return p.take(x, p.add(p.expand_dims(starts, 1), p.arange(sequence_length)), -1)


def _window(window: Any, length: int, fft_length: int, dtype: str) -> Tensor:
    """A window of `length` in the middle of `fft_length` places."""
    if window is None:
        return p.ones((fft_length,), dtype)
    if isinstance(window, str):
        weights = {"hann": 0.5, "hamming": 0.54}.get(window)
        if weights is None:
            raise ArgumentError(f"[stft] expected `window` to be 'hann', 'hamming', a tensor or None, got {window!r}.")
        angle = p.multiply(p.arange(0, length, 1, dtype), 2 * math.pi / length)
        w = p.subtract(weights, p.multiply(p.cos(angle), 1.0 - weights))
    else:
        w = p.array(window, dtype)
        if len(w.shape) != 1 or known(w.shape[0]) not in (None, length):
            raise ShapeError(f"[stft] expected `window` of shape ({length},), got {tuple(w.shape)}.")
    left = (fft_length - length) // 2
    return p.pad(w, ((left, fft_length - length - left),))


@op(fuse=True, home="math", class_name="STFT")
def stft(
    x: Tensor,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: TensorLike | str | None = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
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

    Example:

    >>> from kfront import ops
    >>> real, imaginary = ops.stft(ops.ones(8), 4, 2, 4)
    >>> tuple(real.shape)
    (5, 3)
    """
    _check_frames("stft", sequence_length=sequence_length, sequence_stride=sequence_stride, fft_length=fft_length)
    if fft_length < sequence_length:
        raise ArgumentError(f"[stft] expected `fft_length` >= {sequence_length}, got {fft_length}.")
    if center:
        half = fft_length // 2
        x = p.pad(x, (*((0, 0),) * (len(x.shape) - 1), (half, half)), "reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    frames = p.multiply(frames, _window(window, sequence_length, fft_length, p.transform_dtype(p.dtype_of(x))))
    return p.rfft(frames, fft_length)


@op(2, name="istft", fuse=True, home="math", call_args=("x",), class_name="ISTFT")
def _istft(
    real: TensorLike,
    imag: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None,
    window: TensorLike | str | None,
    center: bool,
) -> Tensor:
    frames = p.irfft_of_parts(real, imag, fft_length)
    *lead, count, _ = p.shape(frames)
    if isinstance(count, KerasTensor):
        return Abstract((*frames.shape[:-2], length), p.dtype_of(frames))
    if not isinstance(count, int):
        raise ShapeError(f"[istft] expected a known number of frames, got shape {tuple(frames.shape)}.")
    w = _window(window, sequence_length, fft_length, p.dtype_of(frames))
    total = (count - 1) * sequence_stride + fft_length
    places = [i * sequence_stride + j for i in range(count) for j in range(fft_length)]
    ids = p.convert_to_tensor(places, "int32")
    y = p.reshape(p.multiply(frames, w), (-1, count * fft_length))
    y = p.transpose(p.segment_sum(p.transpose(y), ids, total))
    weight = p.reshape(p.broadcast_to(square(w), (count, fft_length)), (-1,))
    norm = p.segment_sum(weight, ids, total)
    y = p.where(p.greater(norm, 1e-10), p.divide(y, p.where(p.greater(norm, 1e-10), norm, 1.0)), y)
    start = fft_length // 2 if center else 0
    if length is not None:
        end = start + length
    else:
        end = total - fft_length // 2 if center else total
    y = p.get_item(y, (slice(None), slice(start, end)))
    if length is not None and length > total - start:
        y = p.pad(y, ((0, 0), (0, length - (total - start))))
    return p.reshape(y, (*lead, p.dim(y, -1)))


@in_front_of(_istft)
def istft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: TensorLike | str | None = "hann",
    center: bool = True,
) -> Tensor:
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

    Raises:
        ArgumentError: if a length is not above 0.

    Example:

    >>> from kfront import ops
    >>> spectrum = ops.stft(ops.ones(8), 4, 2, 4)
    >>> [round(float(v), 3) for v in ops.istft(spectrum, 4, 2, 4, length=3)]
    [1.0, 1.0, 1.0]
    """
    for name, n in (("sequence_length", sequence_length), ("sequence_stride", sequence_stride), ("length", length)):
        if n is not None or name != "length":
            positive("istft", name, n)
    return _istft(
        *p.real_and_imaginary("istft", x), sequence_length, sequence_stride, fft_length, length, window, center
    )


_CORRELATE_MODES = option("mode", "valid", "same", "full")


@op(2, floating, prepare={"mode": _CORRELATE_MODES}, fuse=True, home="numpy")
def correlate(x1: Tensor, x2: Tensor, mode: str = "valid") -> Tensor:
    """Cross-correlation of two sequences: sums of products at every shift.

    Args:
        x1: tensor of shape (m,).
        x2: tensor of shape (n,).
        mode: "valid" (full overlap), "same" (as long as the longer one) or "full" (any overlap).

    Returns:
        tensor of rank 1, floating.

    Raises:
        ShapeError: if a tensor is not of rank 1, or of unknown length.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.correlate([1, 2, 3], [0, 1])).tolist()
    [2.0, 3.0]
    """
    m, n = (shapes.known(x.shape[0]) if len(x.shape) == 1 else None for x in (x1, x2))
    if m is None or n is None:
        raise ShapeError(f"[correlate] expected two tensors of known shape (n,), got {x1.shape} and {x2.shape}.")
    padded = p.reshape(p.pad(x1, ((n - 1, n - 1),)), (1, -1, 1))
    full = p.reshape(p.conv(padded, p.reshape(x2, (-1, 1, 1)), 1, "valid", "channels_last"), (-1,))
    small, large = sorted((m, n))
    start = {"full": 0, "valid": small - 1, "same": (n - 1) // 2 if m >= n else m // 2}[mode]
    length = {"full": m + n - 1, "valid": large - small + 1, "same": large}[mode]
    return p.get_item(full, _range(start, length))


def _range(start: int, length: int) -> Any:
    return slice(start, start + length)
