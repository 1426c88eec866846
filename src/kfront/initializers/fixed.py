"""Initializers without randomness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from kfront.backends import current
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.mesh import Region
from kfront.core.operators import VariableBase
from kfront.core.options import Option, normalisers, numbers, one_of
from kfront.core.typing import Config, TensorLike
from kfront.initializers.base import HostInitializer, IntShape, plain_shape

Window: TypeAlias = str | Sequence[float] | np.ndarray | None


class Zeros(HostInitializer):
    """All zeros.

    Example:

    >>> import kfront
    >>> float(kfront.initializers.Zeros()((2, 2))[0, 1])
    0.0
    """

    def part(self, shape: tuple[int, ...], dtype: str, region: Region | None) -> np.ndarray:
        """A part of the first value; all of it for None."""
        return np.zeros(shape if region is None else region.local, numpy_dtype(dtype))


class Ones(HostInitializer):
    """All ones.

    Example:

    >>> import kfront
    >>> float(kfront.initializers.Ones()((2, 2))[0, 1])
    1.0
    """

    def part(self, shape: tuple[int, ...], dtype: str, region: Region | None) -> np.ndarray:
        """A part of the first value; all of it for None."""
        return np.ones(shape if region is None else region.local, numpy_dtype(dtype))


def _written(value: TensorLike) -> float | Config:
    if isinstance(value, (int, float)):
        return value
    return serialize_keras_object(value)


class Constant(HostInitializer):
    """One given value, broadcast to the shape.

    Args:
        value: a number, or an array that broadcasts to the shape.

    Example:

    >>> import kfront
    >>> float(kfront.initializers.Constant(3.0)((2, 2))[0, 1])
    3.0
    """

    value: TensorLike
    _kf_normalise = normalisers(value=Option(numbers, write=_written))

    def __init__(self, value: TensorLike = 0.0) -> None:
        super().__init__(**self._kf_store(locals()))

    def part(self, shape: tuple[int, ...], dtype: str, region: Region | None) -> np.ndarray:
        """A part of the first value; all of it for None."""
        value = self.value
        if isinstance(value, VariableBase):
            value = value.numpy()
        elif hasattr(value, "shape") and not isinstance(value, np.ndarray):
            value = current().to_numpy(current().convert(value))
        value = np.asarray(value)
        try:
            value = np.broadcast_to(value, shape)
            return (np.array(value) if region is None else region.of(value)).astype(numpy_dtype(dtype), copy=False)
        except ValueError:
            raise ShapeError(
                f"[Constant] expected a value that broadcasts to shape {shape}, got one of shape {value.shape}."
            ) from None

    @classmethod
    def from_config(cls, config: Config) -> Constant:
        """An initializer from its config."""
        value = config.get("value", 0.0)
        if isinstance(value, dict):
            value = deserialize_keras_object(value)
        return cls(value)


class Identity(HostInitializer):
    """A matrix with `gain` on its diagonal and zeros elsewhere.

    Args:
        gain: the number on the diagonal.

    Raises:
        ShapeError: when called for a shape that is not a matrix's.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.initializers.Identity()((2, 3))).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    gain: float

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(**self._kf_store(locals()))

    def host(self, shape: IntShape, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        shape = plain_shape(shape)
        if len(shape) != 2:
            raise ShapeError(f"[Identity] expected a shape of rank 2, got {shape}; it only makes matrices.")
        return (np.eye(*shape) * self.gain).astype(numpy_dtype(dtype))

    def get_config(self) -> Config:
        """Constructor arguments; `gain` only where it is not 1, as files written by Keras have none."""
        return {} if self.gain == 1.0 else {"gain": self.gain}


def _numbers(window: Window) -> str | list[float] | None:
    return window if window is None or isinstance(window, str) else np.asarray(window).tolist()


class STFT(HostInitializer):
    """Kernels of a convolution that computes the real or imaginary part of a short-time Fourier transform.

    Args:
        side: "real" for windowed cosines, "imag" for negative sines.
        window: name of a window ("hann", "hamming", "blackman", "bartlett", "boxcar", or with SciPy installed any of
            `scipy.signal.windows`), a sequence of numbers, or None for none.
        scaling: "density" to divide the window by the root of the sum of its squares, "spectrum" by its sum; None not
            to.
        periodic: whether the window is periodic instead of symmetric.

    Raises:
        ArgumentError: an option is none of these.
        ShapeError: when called for another shape than `(frame_length, 1, fft_length // 2 + 1)`.

    Example:

    >>> import kfront
    >>> values = kfront.initializers.STFT("real", window=None)((4, 1, 3))
    >>> kfront.ops.convert_to_numpy(values)[:, 0, 2].round().tolist()
    [1.0, -1.0, 1.0, -1.0]
    """

    side: str
    window: Window
    scaling: str | None
    periodic: bool
    _kf_normalise = normalisers(
        side=one_of("real", "imag", case=str),
        scaling=one_of("density", "spectrum", None, case=str),
        window=Option(
            lambda owner, name, x: x if x is None or isinstance(x, str) else numbers(owner, name, x), write=_numbers
        ),
    )

    def __init__(
        self, side: str = "real", window: Window = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._window(8) if isinstance(window, str) else None  # an unknown name is an error now

    def host(self, shape: IntShape, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        shape = plain_shape(shape)
        if len(shape) != 3 or shape[1] != 1:
            raise ShapeError(f"[STFT] expected a shape (frame_length, 1, frequencies), got {shape}.")
        length, _, frequencies = shape
        turns = np.outer(np.arange(length), np.arange(frequencies)) / max(2 * (frequencies - 1), 1)
        wave = (np.cos if self.side == "real" else lambda t: -np.sin(t))(2 * np.pi * turns)
        if self.window is not None:
            window = self._window(length)
            wave *= (
                window / {None: 1.0, "density": np.sqrt((window**2).sum()), "spectrum": window.sum()}[self.scaling]
            )[:, None]
        return wave[:, None, :].astype(numpy_dtype(dtype))

    def _window(self, length: int) -> np.ndarray:
        if not isinstance(self.window, str):
            given = np.asarray(self.window, "float64")
            if given.shape != (length,):
                raise ShapeError(f"[STFT] expected a window of {length} numbers, got shape {given.shape}.")
            return given
        make = {"hann": np.hanning, "hamming": np.hamming, "blackman": np.blackman, "bartlett": np.bartlett}
        known = {**make, "boxcar": np.ones}.get(self.window)
        if known is not None:
            return known(length + 1)[:-1] if self.periodic else known(length)
        try:
            from scipy.signal import get_window

            return np.asarray(get_window(self.window, length, fftbins=self.periodic))
        except (ImportError, ValueError) as e:
            raise ArgumentError(
                f"[STFT] expected the name of a window, got {self.window!r}; pass its numbers, or install SciPy for "
                "those of `scipy.signal.windows`."
            ) from e
