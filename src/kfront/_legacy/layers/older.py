"""Layers that Keras has no more: images of random height or width, and a unit with a threshold."""

from __future__ import annotations

from typing import TypeAlias, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError, UnsupportedError
from kfront.core.options import normalisers
from kfront.core.rng import SeedGenerator
from kfront.core.typing import LayerOptions, Shape, Tensor, TensorLike
from kfront.layers.options import OptionLayer
from kfront.ops.random import uniform

Factor: TypeAlias = float | tuple[float, float]
"""Limits of a change, or one number for both directions."""


def _limits(layer: OptionLayer, name: str, value: Factor) -> Factor:
    low, high = (-value, value) if isinstance(value, (int, float)) else value
    if not -1 <= low <= high:
        raise ArgumentError(
            f"[{type(layer).__name__}] expected `{name}` to be a number from 0 to 1, or a pair of limits from -1 on, "
            f"got {value!r}."
        )
    return value


class _RandomSize(OptionLayer):
    """Resizes one axis of images at random, in training."""

    _kf_normalise = normalisers(factor=_limits)
    _axis = 0
    factor: Factor
    interpolation: str
    seed: int | None

    def __init__(
        self,
        factor: Factor,
        interpolation: str = "bilinear",
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: TensorLike, training: bool = True) -> Tensor:
        """The images, of another size in training."""
        images = ops.cast(inputs, self.compute_dtype)
        if not training:
            return images
        low, high = (-self.factor, self.factor) if isinstance(self.factor, (int, float)) else self.factor
        share = uniform((), 1 + low, 1 + high, "float32", self.seed_generator)
        sizes = list(ops.shape(images)[-3:-1])
        size = ops.cast(ops.multiply(share, ops.cast(sizes[self._axis], "float32")), "int32")
        sizes[self._axis] = int(size) if self._kf_backend.has_value(size) else size
        try:
            return ops.image.resize(images, sizes, self.interpolation, data_format="channels_last")
        except (TypeError, ValueError) as e:
            if self._kf_backend.has_value(size):
                raise
            # JAX compiles for known sizes
            raise UnsupportedError(
                f"[{type(self).__name__}] expected an eager call, got one that the engine compiles, where sizes "
                "may not be random; change images before they get to the model, or compile it with `run_eagerly=True`."
            ) from e

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`input_shape` with a size that is not known."""
        sizes = list(input_shape)
        sizes[self._axis - 3] = None
        return tuple(sizes)


class RandomHeight(_RandomSize):
    """Changes the height of images by a random factor in training.

    Args:
        factor: limits of the change as shares of the height, or one number for both directions.
        interpolation: as for `kfront.ops.image.resize`.
        seed: int, for the same heights in each run.
        **kwargs: name, trainable, dtype.

    Input: images of shape ([batch,] height, width, channels). Output: the same with another height, floating.

    Example:

    >>> import numpy as np
    >>> tuple(RandomHeight((0.5, 0.5))(np.ones((2, 4, 4, 3))).shape)
    (2, 6, 4, 3)
    """

    _axis = 0


class RandomWidth(_RandomSize):
    """Changes the width of images by a random factor in training; see `RandomHeight`."""

    _axis = 1


class ThresholdedReLU(OptionLayer):
    """`x` where it is above a threshold, else 0.

    Args:
        theta: the threshold, a number from 0 on.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Raises:
        ArgumentError: if `theta` is negative or None.

    Example:

    >>> [float(v) for v in ThresholdedReLU(1.0)([0.5, 2.0])]
    [0.0, 2.0]
    """

    theta: float

    def __init__(self, theta: float = 1.0, **kwargs: Unpack[LayerOptions]) -> None:
        if theta is None or not theta >= 0:
            raise ArgumentError(f"[ThresholdedReLU] expected `theta` to be a number from 0 on, got {theta!r}.")
        super().__init__(**self._kf_store(locals() | {"theta": float(theta)}))
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return ops.where(ops.greater(inputs, self.theta), inputs, ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`input_shape`."""
        return tuple(input_shape)
