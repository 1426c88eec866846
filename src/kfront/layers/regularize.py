"""Layers that act in training only: dropout, noise, penalties on activities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops, regularizers
from kfront.core.errors import ArgumentError
from kfront.core.options import between, normalisers
from kfront.core.rng import SeedGenerator
from kfront.core.typing import Config, DTypeLike, LayerOptions, NamedOptions, Shape, Tensor
from kfront.layers.base import InputSpec
from kfront.layers.options import OptionLayer
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.random import dropout, normal, uniform


def _noise_shape(layer: OptionLayer, name: str, shape: object) -> Any:
    if shape is None:
        return None
    if not isinstance(shape, (list, tuple)) or any(
        d is not None and (not isinstance(d, int) or isinstance(d, bool) or d < 1) for d in shape
    ):
        raise ArgumentError(
            f"[{type(layer).__name__}] expected `noise_shape` to be a sequence of positive ints and None, got "
            f"{shape!r}."
        )
    return tuple(shape)


class _Random(OptionLayer):
    """A layer that draws random numbers in training, from a seed of its own."""

    _kf_normalise = normalisers(noise_shape=_noise_shape, rate=between(0, 1), stddev=between(0, 1))
    seed: int | None
    seed_generator: SeedGenerator | None = None

    def _start(self, strength: float) -> None:
        """Make the generator of random numbers, if there is noise."""
        if strength > 0:
            self.seed_generator = SeedGenerator(self.seed)
        self.supports_masking = True
        self._kf_built_when_made()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`input_shape`."""
        return tuple(input_shape)


class Dropout(_Random):
    """In training sets elements to 0 at random, and scales the others up so that the expected sum stays.

    Args:
        rate: probability that an element becomes 0.
        noise_shape: shape of the random mask, which is broadcast over the input: 1 for axes along which elements go
            together; None entries stand for the input's size.
        seed: int, for the same masks in each run.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`; `training`.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Raises:
        ArgumentError: if `rate` is not between 0 and 1.

    Reference: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Dropout(0.5)
    >>> float(layer(kfront.ops.ones((1, 1)))[0, 0])
    1.0
    """

    rate: float
    noise_shape: Sequence[int | None] | None = None

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._start(rate)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The layer's output, see the class."""
        if not training or self.rate == 0:
            return inputs
        return dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


class BaseSpatialDropout(Dropout):
    """Dropout of whole channels, of any rank."""

    rank = 0
    data_format = "channels_last"

    _kf_normalise = normalisers(noise_shape=None)

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: DTypeLike = None) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The layer's output, see the class."""
        if not training or self.rate == 0:
            return inputs
        return dropout(inputs, self.rate, self._get_noise_shape(inputs), self.seed_generator)

    def _get_noise_shape(self, inputs: Tensor) -> Sequence[int | None]:  # which published subclasses override
        ones = (1,) * self.rank
        return (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)

    def get_config(self) -> Config:
        """Constructor arguments."""
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}
        return config if self.rank == 1 else {**config, "data_format": self.data_format}


class SpatialDropout1D(BaseSpatialDropout):
    """In training sets whole channels to 0 at random and scales the others up: neighbours in time go together.

    Args:
        rate: probability that a channel becomes 0.
        seed: int, for the same masks in each run.
        name: the layer's name.
        dtype: dtype name or policy.

    Call arguments: `inputs`, tensor of rank 3; `training`. Output: tensor of the same shape and dtype.

    Reference: Tompson et al., 2015, https://arxiv.org/abs/1411.4280.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.SpatialDropout1D(0.5)
    >>> tuple(layer(kfront.ops.ones((2, 3, 4)), training=True).shape)
    (2, 3, 4)
    """

    rank = 1


class SpatialDropout2D(BaseSpatialDropout):
    """In training sets whole channels to 0 at random and scales the others up: neighbours in an image go together.

    Args:
        rate: probability that a channel becomes 0.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same masks in each run.
        name: the layer's name.
        dtype: dtype name or policy.

    Call arguments: `inputs`, tensor of rank 4; `training`. Output: tensor of the same shape and dtype.

    Reference: Tompson et al., 2015, https://arxiv.org/abs/1411.4280.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.SpatialDropout2D(0.5)
    >>> tuple(layer(kfront.ops.ones((2, 3, 4, 5)), training=True).shape)
    (2, 3, 4, 5)
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class SpatialDropout3D(SpatialDropout2D):
    """In training sets whole channels to 0 at random and scales the others up: neighbours in a volume go together.

    Args:
        rate: probability that a channel becomes 0.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same masks in each run.
        name: the layer's name.
        dtype: dtype name or policy.

    Call arguments: `inputs`, tensor of rank 5; `training`. Output: tensor of the same shape and dtype.

    Reference: Tompson et al., 2015, https://arxiv.org/abs/1411.4280.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.SpatialDropout3D(0.5)
    >>> tuple(layer(kfront.ops.ones((2, 3, 4, 5, 6)), training=True).shape)
    (2, 3, 4, 5, 6)
    """

    rank = 3


class GaussianDropout(_Random):
    """In training multiplies elements by random numbers of mean 1 and variance rate / (1 - rate).

    Args:
        rate: strength, as the rate of Dropout.
        seed: int, for the same numbers in each run.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Reference: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GaussianDropout(0.5)
    >>> float(layer(kfront.ops.ones((1, 1)))[0, 0])
    1.0
    """

    rate: float

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self._start(rate)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The layer's output, see the class."""
        if not training or self.rate == 0:
            return inputs
        spread = math.sqrt(self.rate / max(1.0 - self.rate, 1e-7))
        return ops.multiply(
            inputs, normal(ops.shape(inputs), 1.0, spread, dtype=dtype_of(inputs), seed=self.seed_generator)
        )


class GaussianNoise(_Random):
    """In training adds random numbers of mean 0.

    Args:
        stddev: their standard deviation, between 0 and 1.
        seed: int, for the same numbers in each run.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GaussianNoise(0.1)
    >>> float(layer(kfront.ops.ones((1, 1)))[0, 0])
    1.0
    """

    stddev: float

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self._start(stddev)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The layer's output, see the class."""
        if not training or self.stddev == 0:
            return inputs
        noise = normal(ops.shape(inputs), 0.0, self.stddev, dtype=dtype_of(inputs), seed=self.seed_generator)
        return ops.add(inputs, noise)


# what SELU tends to far below zero: -scale * alpha
_SELU_FLOOR = -1.0507009873554805 * 1.6732632423543772


class AlphaDropout(_Random):
    """Dropout for SELU networks: sets elements to SELU's lowest value at random, and keeps mean and variance.

    Args:
        rate: probability that an element is dropped.
        noise_shape: shape of the random mask, which is broadcast over the input; None entries stand for the input's
            size.
        seed: int, for the same masks in each run.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Reference: Klambauer et al., 2017, arXiv:1706.02515.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AlphaDropout(0.5)
    >>> float(layer(kfront.ops.ones((1, 1)))[0, 0])
    1.0
    """

    rate: float
    noise_shape: Sequence[int | None] | None = None

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._start(rate)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The layer's output, see the class."""
        rate, floor = self.rate, _SELU_FLOOR
        if not training or rate == 0:
            return inputs
        sizes = ops.shape(inputs)
        wanted = self.noise_shape or (None,) * len(sizes)
        shape = tuple(s if d is None else d for s, d in zip(sizes, wanted, strict=True))
        keep = ops.greater_equal(uniform(shape, seed=self.seed_generator), rate)
        gain = ((1 - rate) * (1 + rate * floor**2)) ** -0.5 if rate < 1 else 0.0
        return ops.add(
            ops.multiply(ops.where(keep, inputs, ops.cast(floor, dtype_of(inputs))), gain), -gain * floor * rate
        )


class ActivityRegularization(OptionLayer):
    """Returns its input, and adds a penalty on it to the loss.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.
        **kwargs: name, trainable, dtype.

    Raises:
        ArgumentError: if a factor is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ActivityRegularization(l2=0.1)
    >>> y = layer(kfront.ops.ones((1, 2)))
    >>> round(float(layer.losses[0]), 3)
    0.2
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Unpack[NamedOptions]) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self._kf_store(locals())
        self.supports_masking = True
        self._kf_built_when_made()

    def call(self, inputs: Tensor) -> Tensor:
        """`inputs`."""
        return inputs

    def get_config(self) -> Config:
        """Constructor arguments."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config
