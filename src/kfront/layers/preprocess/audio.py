"""Spectrograms: MelSpectrogram and STFTSpectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kfront import initializers, ops
from kfront.core.dtypes import at_least_single
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.options import Option, normalisers, one_of, positive, real
from kfront.core.typing import DTypeLike, LayerOptions, Shape, Tensor, VariableLike
from kfront.layers.preprocess.data_layer import DataLayer

_STEADY = 1e-7  # least magnitude that a logarithm is taken of


def _known_window(layer: object, name: str, value: object) -> Any:
    if value is None or isinstance(value, (str, list, tuple)) or hasattr(value, "__array__"):
        return value
    raise ArgumentTypeError(f"[{type(layer).__name__}] expected `window` to be a name, numbers or None, got {value!r}.")


_WINDOW = Option(
    check=_known_window,
    write=lambda value: value if value is None or isinstance(value, str) else np.asarray(value).tolist(),
)


def _positive_or_none(layer: DataLayer, name: str, value: object) -> int | None:
    return None if value is None else positive(layer, name, value)


class MelSpectrogram(DataLayer):
    """The spectrogram of a signal on the mel scale.

    Args:
        fft_length: size of the Fourier transform, in samples.
        sequence_stride: samples from one frame to the next.
        sequence_length: samples of a frame; `fft_length` if None.
        window: "hann", "hamming", a sequence of `sequence_length` numbers, or None.
        sampling_rate: samples per second.
        num_mel_bins: number of mel bands.
        min_freq: lower end of the bands, in Hz.
        max_freq: upper end, in Hz; half the sampling rate if None.
        power_to_db: whether to give decibels.
        top_db: range of the decibels below the loudest value.
        mag_exp: exponent of the magnitude: 1 for amplitude, 2 for power.
        min_power: least power that a logarithm is taken of.
        ref_power: the power of 0 dB.
        **kwargs: name, trainable, dtype.

    Call arguments:
        inputs: signals of shape (batch, samples) or (samples,).

    Returns:
        spectrograms of shape (batch, num_mel_bins, frames) or (num_mel_bins, frames).

    Raises:
        ArgumentError: if a size is not a positive int, or the frequencies do not rise.
        ShapeError: for inputs of another rank.

    Reference:
        Stevens, Volkmann, Newman, 1937, "A scale for the measurement of the psychological magnitude pitch"; the formula
        is that of O'Shaughnessy, 1987, "Speech Communication".

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.MelSpectrogram(num_mel_bins=64, sampling_rate=8000, sequence_stride=256, fft_length=512)
    >>> tuple(layer(np.ones((1, 16000), "float32")).shape)
    (1, 64, 63)
    """

    _kf_normalise = normalisers(
        fft_length=positive,
        max_freq=lambda layer, name, value: int(layer.sampling_rate / 2) if value is None else real(layer, name, value),
        num_mel_bins=positive,
        sampling_rate=positive,
        sequence_length=lambda layer, name, value: positive(layer, name, value or layer.fft_length),
        sequence_stride=positive,
        window=Option(),
    )
    fft_length: int
    sequence_stride: int
    sequence_length: int
    window: Any
    sampling_rate: int
    num_mel_bins: int
    min_freq: float
    max_freq: float
    power_to_db: bool
    top_db: float
    mag_exp: float
    min_power: float
    ref_power: float

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: str | Sequence[float] | None = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        if not 0 <= self.min_freq < self.max_freq:
            raise ArgumentError(
                f"[MelSpectrogram] expected 0 <= min_freq < max_freq, got {min_freq} and {self.max_freq}."
            )
        if self.sequence_length > self.fft_length:
            raise ArgumentError(
                f"[MelSpectrogram] expected `fft_length` of at least {self.sequence_length}, the sequence length, got "
                f"{fft_length}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """The spectrograms."""
        rank = len(inputs.shape)
        if rank not in (1, 2):
            raise ShapeError(
                f"[{self.name}] expected signals of shape (samples,) or (batch, samples), got rank {rank}."
            )
        dtype = self.compute_dtype
        wide = at_least_single(dtype)
        x = ops.cast(inputs, wide)
        x = ops.expand_dims(x, 0) if rank == 1 else x
        real, imag = ops.stft(x, self.sequence_length, self.sequence_stride, self.fft_length, window=self._window())
        power = self._power(ops.add(ops.square(real), ops.square(imag)))
        bands = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, self.min_freq, self.max_freq, wide
        )
        out = ops.swapaxes(ops.matmul(power, bands), -1, -2)
        out = self._decibels(out) if self.power_to_db else out
        return ops.cast(ops.squeeze(out, 0) if rank == 1 else out, dtype)

    def _window(self) -> str | np.ndarray | None:
        return (
            self.window if self.window is None or isinstance(self.window, str) else np.asarray(self.window, "float32")
        )

    def _power(self, square: Any) -> Tensor:
        return square if self.mag_exp == 2 else ops.power(square, self.mag_exp / 2)

    def _decibels(self, x: Tensor) -> Tensor:
        low = 10 * math.log10(max(self.min_power, self.ref_power))
        out = ops.subtract(ops.multiply(ops.log10(ops.maximum(x, self.min_power)), 10.0), low)
        return ops.maximum(out, ops.subtract(ops.max(out), self.top_db))

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: int = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: DTypeLike = "float32",
    ) -> Tensor:
        """Triangular filters: the share of each frequency in each mel band.

        Args:
            num_mel_bins: number of bands.
            num_spectrogram_bins: number of frequencies, from 0 to half the sampling rate.
            sampling_rate: samples per second.
            lower_edge_hertz: lower end of the lowest band.
            upper_edge_hertz: upper end of the highest band.
            dtype: dtype of the result.

        Returns:
            tensor of shape (num_spectrogram_bins, num_mel_bins).
        """
        mel = lambda hertz: 1127.0 * np.log1p(np.asarray(hertz, "float64") / 700.0)  # noqa: E731
        frequencies = mel(np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins)[1:])[:, None]
        edges = np.linspace(mel(lower_edge_hertz), mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
        filters = np.maximum(0.0, np.minimum(rising, falling))
        table = np.concatenate([np.zeros((1, num_mel_bins)), filters])  # no share of the constant part
        return ops.convert_to_tensor(table.astype(at_least_single(dtype)), dtype=dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, mel bands, frames)."""
        *batch, time = input_shape
        frames = None if time is None else time // self.sequence_stride + 1
        return (*batch, self.num_mel_bins, frames)


class STFTSpectrogram(DataLayer):
    """The spectrogram of a signal by a convolution with kernels that start as the Fourier transform's.

    Args:
        mode: "log", "magnitude", "psd" (power), "real", "imag", "angle", or "stft" for real and imaginary parts one
            after the other.
        frame_length: samples of a frame.
        frame_step: samples from one frame to the next; half of `frame_length` if None.
        fft_length: size of the Fourier transform; the next power of 2 if None.
        window: name of a window function, a sequence of `frame_length` numbers, or None.
        periodic: whether the window is periodic instead of symmetric.
        scaling: "density" or "spectrum", what the window is divided by: the root of the sum of its squares, or its sum;
            None for nothing.
        padding: "valid", or "same" to pad the signal with zeros.
        expand_dims: whether frequencies have an axis of their own, as image models want.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable (whether the kernels are), dtype.

    Call arguments:
        inputs: signals of shape (batch, samples, channels), or (batch, channels, samples) if channels come first.

    Returns:
        (batch, frames, channels * frequencies), or (batch, frames, frequencies, channels) with `expand_dims`; channels
        after the batch if they come first.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: for inputs of another rank.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.STFTSpectrogram(frame_length=256, frame_step=128, fft_length=512)
    >>> tuple(layer(np.ones((3, 16000, 1), "float32")).shape)
    (3, 124, 257)
    """

    _kf_normalise = normalisers(
        fft_length=_positive_or_none,
        frame_length=positive,
        frame_step=_positive_or_none,
        mode=one_of("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
        padding=one_of("valid", "same"),
        scaling=one_of("density", "spectrum", None),
        window=_WINDOW,
    )
    mode: str
    frame_length: int
    frame_step: int | None
    fft_length: int | None
    window: Any
    periodic: bool
    scaling: str | None
    padding: str
    expand_dims: bool
    data_format: str
    real_kernel: VariableLike | None = None
    imag_kernel: VariableLike | None = None

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: str | Sequence[float] | None = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        initializers.STFT("real", self.window, self.scaling, self.periodic)  # which a wrong window is an error of
        frame = self.frame_length
        if self.frame_step is not None and self.frame_step > frame:
            raise ArgumentError(
                f"[STFTSpectrogram] expected `frame_step` of at most {frame}, the frame length, got {frame_step}."
            )
        if self.fft_length is not None and self.fft_length < frame:
            raise ArgumentError(
                f"[STFTSpectrogram] expected `fft_length` of at least {frame}, the frame length, got {fft_length}."
            )

    @property
    def _kf_step(self) -> int:
        return self.frame_step or max(self.frame_length // 2, 1)

    @property
    def _bins(self) -> int:
        size = self.fft_length or 1 << (self.frame_length - 1).bit_length()
        return size // 2 + 1

    def build(self, input_shape: Shape) -> None:
        """Create the kernels that the mode needs."""
        shape = (self.frame_length, 1, self._bins)
        for side in ("real", "imag"):
            if self.mode not in ("real", "imag") or self.mode == side:
                start = initializers.STFT(side, self.window, self.scaling, self.periodic)
                setattr(self, f"{side}_kernel", self.add_weight(shape, start, name=f"{side}_kernel"))

    def call(self, inputs: Tensor) -> Tensor:
        """The spectrograms."""
        if inputs is None or len(inputs.shape) != 3:
            got = inputs if inputs is None else tuple(inputs.shape)
            raise ShapeError(f"[{self.name}] expected signals with a channel axis (rank 3), got {got}.")
        first = self.data_format == "channels_first"
        x = inputs if first else ops.swapaxes(inputs, 1, 2)  # (batch, channels, samples)
        channels = x.shape[1]
        x = ops.reshape(x, (-1, ops.shape(x)[2], 1))
        parts = [
            ops.conv(x, k, strides=self._kf_step, padding=self.padding, data_format="channels_last")
            for k in (self.real_kernel, self.imag_kernel)
            if k is not None
        ]
        out = self._combined(*parts)  # (batch * channels, frames, bins)
        width = out.shape[-1]
        out = ops.reshape(out, (-1, channels, ops.shape(out)[1], width))
        return ops.cast(self._arranged(out, channels, width, first), self.compute_dtype)

    def _combined(self, *parts: Any) -> Tensor:
        if len(parts) == 1:
            return parts[0]
        real, imag = parts
        if self.mode == "stft":
            return ops.concatenate([real, imag], -1)
        if self.mode == "angle":
            return ops.arctan2(imag, real)
        square = ops.add(ops.square(real), ops.square(imag))
        if self.mode == "psd":  # one-sided: each frequency stands for its negative, too
            sides = np.full(self._bins, 2.0, "float32")
            sides[[0, -1]] = 1.0
            return ops.multiply(square, ops.convert_to_tensor(sides, dtype=self.compute_dtype))
        root = ops.sqrt(ops.maximum(square, _STEADY))
        return root if self.mode == "magnitude" else ops.log(ops.maximum(root, _STEADY))

    def _arranged(self, x: Tensor, channels: int, width: int, first: bool) -> Tensor:
        """(batch, channels, frames, bins) in the layout of the result."""
        if self.expand_dims:
            return x if first else ops.transpose(x, (0, 2, 3, 1))
        if first:
            x = ops.transpose(x, (0, 1, 3, 2))
            return ops.reshape(x, (-1, channels * width, ops.shape(x)[3]))
        x = ops.transpose(x, (0, 2, 1, 3))
        return ops.reshape(x, (-1, ops.shape(x)[1], channels * width))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the spectrograms."""
        first = self.data_format == "channels_first"
        batch, channels, time = input_shape if first else (input_shape[0], input_shape[2], input_shape[1])
        width = self._bins * (2 if self.mode == "stft" else 1)
        frames = None
        if time is not None:
            frames = (
                -(-time // self._kf_step) if self.padding == "same" else (time - self.frame_length) // self._kf_step + 1
            )
        if self.expand_dims:
            return (batch, channels, frames, width) if first else (batch, frames, width, channels)
        size = None if channels is None else channels * width
        return (batch, size, frames) if first else (batch, frames, size)
