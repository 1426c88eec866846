"""Layers that filter images or erase parts of them."""

from __future__ import annotations

from typing import Any

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.options import Option, int_tuple, normalisers
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Seed, Tensor
from kfront.layers.augment.color import BaseColor, BaseStrength
from kfront.layers.augment.image_layer import (
    ImageData,
    Limits,
    RandomImageLayer,
    Transformation,
    pair_within,
    per_image,
    strength,
)
from kfront.layers.options import IntOrInts
from kfront.ops.image_filter import blurred
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.random import normal

_SMOOTHING = ((1, 1, 1), (1, 5, 1), (1, 1, 1))  # divided by 13


class RandomSharpness(BaseStrength):
    """Makes images sharper or smoother at random.

    Args:
        factor: a number f, which stands for the pair (0, f), or a pair of limits; for each image a strength s between
            them is drawn. What smoothing takes away is multiplied by 2 s: 0 smooths, 0.5 leaves the image, 1 sharpens.
        value_range: the lowest and the highest value that images can have.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images. Zeros lie outside an image.

    Raises:
        ArgumentError: if `factor` is not between 0 and 1.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomSharpness((0.5, 0.5))
    >>> kfront.ops.convert_to_numpy(layer(np.array([[[10], [20]]], "uint8"))).tolist()
    [[[10.0], [20.0]]]
    """

    _FACTOR_BOUNDS = (0, 1)
    _always_floating = True

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        return {"factor": self._strength(data, seed)}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        dtype = dtype_of(images)
        channels = images.shape[self.channel_axis]
        kernel = ops.reshape(ops.divide(ops.convert_to_tensor(_SMOOTHING, dtype=dtype), 13.0), (3, 3, 1, 1))
        kernel = ops.broadcast_to(kernel, (3, 3, channels, 1))
        smooth = ops.depthwise_conv(images, kernel, 1, "same", self.data_format)
        gain = ops.multiply(per_image(ops.cast(transformation["factor"], dtype)), 2.0)
        return ops.clip(ops.add(smooth, ops.multiply(ops.subtract(images, smooth), gain)), *self.value_range)


def _odd_pair(layer: RandomGaussianBlur, name: str, value: object) -> tuple[int, ...]:
    size = int_tuple(layer, name, value, 2)
    if any(n % 2 == 0 for n in size):
        raise ArgumentError(f"[RandomGaussianBlur] expected an odd `kernel_size`, got {value!r}.")
    return size


class RandomGaussianBlur(BaseColor):
    """Blurs some of the images of a batch with a Gaussian of random width.

    Args:
        factor: probability for each image: a pair of limits from which it is drawn, or a number f, which stands for
            (0, f).
        kernel_size: odd int or pair of them: (width, height) of the kernel in pixels.
        sigma: standard deviation in pixels along width and along height, drawn for each batch: a pair of limits, or a
            number s between 0 and 1, which stands for (0, s).
        value_range: the lowest and the highest value that images can have.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images. Zeros lie outside an image.

    Raises:
        ArgumentError: if a factor is out of bounds or `kernel_size` is not odd.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomGaussianBlur(kernel_size=5, sigma=(1.0, 2.0))
    >>> tuple(layer(np.ones((2, 8, 8, 3), "uint8")).shape)
    (2, 8, 8, 3)
    """

    _FACTOR_BOUNDS = (0, 1)
    _always_floating = True
    kernel_size: tuple[int, int]
    sigma: tuple[float, float]
    _kf_normalise = normalisers(factor=strength, kernel_size=_odd_pair, sigma=pair_within(0, 1, strict=False))

    def __init__(
        self,
        factor: Limits = 1.0,
        kernel_size: IntOrInts = 3,
        sigma: Limits = 1.0,
        value_range: Limits = (0, 255),
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        chosen = self._chosen(data, seed)
        return {"should_apply_blur": chosen, "blur_factor": self._once(data, *self.sigma, 2, seed=seed)}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        sigma = ops.maximum(ops.cast(transformation["blur_factor"], dtype_of(images)), 1e-6)
        x = blurred(images, self.kernel_size[::-1], (sigma[1], sigma[0]), self.data_format)
        return self._where(transformation["should_apply_blur"], x, images)


def random_boxes(layer: RandomImageLayer, data: ImageData, tall: Tensor, wide: Tensor, seed: Seed) -> Tensor:
    """A rectangle within each image, at a random place.

    Args:
        layer: the layer that draws.
        data: its inputs.
        tall: heights, floating tensor of shape (batch,), parts of the height of the image.
        wide: widths, in the same way.
        seed: as for a draw.

    Returns:
        bool tensor of shape (batch, height, width, 1), True inside, in the layout of the layer.
    """
    sides = []
    for size, part in zip(layer._sizes(data), (tall, wide), strict=True):
        size = ops.cast(size, "float32")
        length = ops.multiply(ops.clip(part, 0.0, 1.0), size)
        start = ops.floor(ops.multiply(layer._draw(data, seed=seed), ops.subtract(size, length)))
        sides.append((start, ops.add(start, length)))
    return _inside(layer, data, sides)


def _inside(layer: RandomImageLayer, data: ImageData, sides: Any) -> Tensor:
    masks = []
    for size, (start, end) in zip(layer._sizes(data), sides, strict=True):
        at = ops.cast(ops.expand_dims(ops.arange(size), 0), "float32")
        masks.append(
            ops.logical_and(
                ops.greater_equal(at, ops.expand_dims(start, 1)), ops.less(at, ops.floor(ops.expand_dims(end, 1)))
            )
        )
    inside = ops.logical_and(ops.expand_dims(masks[0], 2), ops.expand_dims(masks[1], 1))
    return ops.expand_dims(inside, layer.channel_axis)


class RandomErasing(BaseColor):
    """Erases a rectangle of some of the images.

    Args:
        factor: probability for each image: a pair of limits from which it is drawn, or a number f, which stands for
            (0, f).
        scale: a pair of limits, or a number s, which stands for (0, s), for the area of the rectangle as a part of that
            of the image. Height and width are drawn one by one: the square root of a number between the limits times
            that of the image.
        fill_value: what is put there; random numbers within the range of values if None.
        value_range: the lowest and the highest value that images can have.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images; labels, boxes and masks stay.

    Raises:
        ArgumentError: if a factor is out of bounds.

    References:
        Zhong et al., 2017, https://arxiv.org/abs/1708.04896.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomErasing((1, 1), scale=(0.25, 0.25), fill_value=0)
    >>> int(kfront.ops.sum(layer(np.ones((8, 8, 1), "uint8")) == 0))
    16
    """

    _FACTOR_BOUNDS = (0, 1)
    _always_floating = True
    scale: tuple[float, float]
    fill_value: object
    _kf_normalise = normalisers(factor=strength, fill_value=Option(), scale=pair_within(0, 1, strict=False))

    def __init__(
        self,
        factor: Limits = 1.0,
        scale: Limits = (0.02, 0.33),
        fill_value: Tensor | None = None,
        value_range: Limits = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        chosen = self._chosen(data, seed)
        tall, wide = (ops.sqrt(self._draw(data, *self.scale, seed=seed)) for _ in range(2))
        mask = random_boxes(self, data, tall, wide, seed)
        return {"apply_erasing": chosen, "batch_masks": mask, "fill_value": self._fill(data, seed)}

    def _fill(self, data: ImageData, seed: Seed) -> Tensor:
        low, high = self.value_range
        if self.fill_value is not None:
            return ops.clip(ops.convert_to_tensor(self.fill_value, dtype="float32"), low, high)
        images = self._images(data)
        if isinstance(images, KerasTensor):
            return Abstract(images.shape, "float32")
        noise = normal(ops.shape(images), dtype="float32", seed=self.generator if seed is None else seed)
        return ops.clip(ops.add(ops.multiply(noise, float(high - low)), float(low)), low, high)

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        erased = ops.logical_and(per_image(transformation["apply_erasing"]), transformation["batch_masks"])
        return ops.where(erased, ops.cast(transformation["fill_value"], dtype_of(images)), images)
