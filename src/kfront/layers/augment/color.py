"""Layers that change the colours of images: brightness, contrast, hue, saturation and what follows from them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.options import normalisers
from kfront.core.typing import LayerOptions, Seed, Tensor
from kfront.layers.augment.image_layer import (
    ImageData,
    Limits,
    RandomImageLayer,
    Transformation,
    back,
    number_pair,
    per_image,
    rescaled,
    strength,
)

_UNIT, _BYTES = (0, 1), (0, 255)


class BaseColor(RandomImageLayer):
    """Base of layers that change pixels and leave labels, boxes and masks as they are.

    A subclass defines `_drawn`, which draws, and `_transformed`, which computes.
    """

    value_range: tuple[float, float] = _BYTES
    _always_floating = False  # whether the result is floating when the layer does nothing, too

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """Random parameters, one for each image; None if `training` is false."""
        return self._drawn(data, seed) if training else None

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The transformed images; unchanged if `training` is false."""
        if self._always_floating:
            images = self._computed(images)
        if not training or transformation is None:
            return images
        return self._transformed(images, transformation)

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        raise NotImplementedError

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        raise NotImplementedError

    def _strength(self, data: ImageData, seed: Seed) -> Tensor:
        """A strength within the limits of `factor` for each image."""
        return self._draw(data, *self.factor, seed=seed)

    def _chosen(self, data: ImageData, seed: Seed) -> Tensor:
        """For each image whether to act, with a probability that is drawn from `factor`."""
        low, high = self.factor
        chance = high if low == high else self._draw(data, low, high, seed=seed)
        return ops.less(self._draw(data, seed=seed), chance)

    def _where(self, chosen: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        return ops.where(per_image(chosen), yes, no)


class RandomBrightness(BaseColor):
    """Makes images brighter or darker at random.

    Args:
        factor: a number f, which stands for the pair (-f, f), or a pair of limits; for each image a strength s between
            them is drawn. What is added is
            s times the width of the range: -1 makes an image black, 1 white.
        value_range: the lowest and the highest value that images can have.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns images in the dtype
    they have, integers rounded towards zero, clipped to the range.

    Raises:
        ArgumentError: if `factor` or `value_range` is out of bounds.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomBrightness(0.2)
    >>> images = np.full((2, 4, 4, 3), 100, "uint8")
    >>> tuple(layer(images).shape), bool(kfront.ops.all(layer(images, training=False) == 100))
    ((2, 4, 4, 3), True)
    """

    _kf_normalise = normalisers(factor=strength)

    def __init__(self, factor: Limits, value_range: Limits = (0, 255), seed: Seed = None, **kwargs: object) -> None:
        super().__init__(**self._kf_store(locals()))

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        low, high = self.value_range
        return {"rgb_delta": per_image(ops.multiply(self._strength(data, seed), float(high - low)))}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = self._computed(images)
        delta = ops.cast(transformation["rgb_delta"], x.dtype)
        return back(ops.clip(ops.add(x, delta), *self.value_range), images)


class RandomContrast(BaseColor):
    """Changes the distance of pixels from the mean of their channel at random: (x - mean) * c + mean.

    Args:
        factor: a number f, which stands for the pair (0, f), or a pair of limits; for each image a strength s between
            them is drawn. Contrast is
            multiplied by a number that is drawn from 1 - lower to 1 + upper limit.
        value_range: the lowest and the highest value that images can have.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if `factor` or `value_range` is out of bounds.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomContrast(0.2)
    >>> images = np.full((2, 4, 4, 3), 100, "uint8")
    >>> tuple(layer(images).shape), bool(kfront.ops.all(layer(images, training=False) == 100))
    ((2, 4, 4, 3), True)
    """

    _FACTOR_BOUNDS = (0, 1)
    _kf_normalise = normalisers(factor=strength)

    def __init__(self, factor: Limits, value_range: Limits = (0, 255), seed: Seed = None, **kwargs: object) -> None:
        super().__init__(**self._kf_store(locals()))

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        lower, upper = self.factor
        return {"contrast_factor": per_image(self._draw(data, 1.0 - lower, 1.0 + upper, seed=seed))}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = self._computed(images)
        mean = ops.mean(x, axis=(self.height_axis, self.width_axis), keepdims=True)
        changed = ops.multiply(ops.subtract(x, mean), ops.cast(transformation["contrast_factor"], x.dtype))
        return ops.clip(ops.add(changed, mean), *self.value_range)


class BaseStrength(BaseColor):
    """Colours changed by a factor, in images of either layout."""

    _kf_normalise = normalisers(factor=strength)

    def __init__(
        self,
        factor: Limits,
        value_range: Limits = (0, 255),
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))


class BaseHSV(BaseStrength):
    """Base of layers that compute in hue, saturation and value."""

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = rescaled(self._computed(images), self.value_range, _UNIT)
        axis = self.channel_axis
        hue, saturation, value = ops.split(ops.image.rgb_to_hsv(x, data_format=self.data_format), 3, axis=axis)
        factor = per_image(ops.cast(transformation["factor"], x.dtype))
        hsv = ops.concatenate([*self._kf_changed(hue, saturation, factor), value], axis=axis)
        return rescaled(ops.image.hsv_to_rgb(hsv, data_format=self.data_format), _UNIT, self.value_range)

    def _kf_changed(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class RandomHue(BaseHSV):
    """Turns the hues of images at random.

    Args:
        factor: a number f, which stands for the pair (0, f), or a pair of limits; for each image a strength s between
            them is drawn. Hues are turned by
            s times half a circle, in either direction.
        value_range: the lowest and the highest value that images can have.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if `factor` or `value_range` is out of bounds.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomHue(0.2)
    >>> images = np.full((2, 4, 4, 3), 100, "uint8")
    >>> tuple(layer(images).shape), bool(kfront.ops.all(layer(images, training=False) == 100))
    ((2, 4, 4, 3), True)
    """

    _FACTOR_BOUNDS = (0, 1)

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        turn = ops.multiply(self._strength(data, seed), 0.5)
        return {"factor": ops.where(ops.less(self._draw(data, seed=seed), 0.5), ops.negative(turn), turn)}

    def _kf_changed(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        return ops.mod(ops.add(hue, factor), 1.0), saturation


class RandomSaturation(BaseHSV):
    """Changes the saturation of images at random.

    Args:
        factor: a number f, which stands for the pair (-f, f), or a pair of limits; for each image a strength s between
            them is drawn. Saturation is
            multiplied by s / (1 - s): 0 (and less) makes an image grey, 0.5 leaves it, 1 saturates it.
        value_range: the lowest and the highest value that images can have.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if `factor` or `value_range` is out of bounds.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomSaturation((0.3, 0.7))
    >>> images = np.full((2, 4, 4, 3), 100, "uint8")
    >>> tuple(layer(images).shape), bool(kfront.ops.all(layer(images, training=False) == 100))
    ((2, 4, 4, 3), True)
    """

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        s = self._strength(data, seed)
        return {"factor": ops.divide(s, ops.maximum(ops.subtract(1.0, s), 1e-7))}

    def _kf_changed(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        return hue, ops.clip(ops.multiply(saturation, factor), 0.0, 1.0)


class BaseGray(BaseColor):
    """Base of layers that compute the luma of images."""

    def _gray(self, images: Tensor) -> Tensor:
        return ops.image.rgb_to_grayscale(images, data_format=self.data_format)


class RandomColorDegeneration(BaseStrength, BaseGray):
    """Mixes images with their shades of grey at random, which makes colours duller.

    Args:
        factor: a number f, which stands for the pair (-f, f), or a pair of limits; for each image a strength s between
            them is drawn. The result is
            (1 - s) times the image plus s times its shades of grey: 0 leaves it, 1 makes it grey.
        value_range: the lowest and the highest value that images can have.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if `factor` or `value_range` is out of bounds.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomColorDegeneration((0.2, 0.7))
    >>> images = np.full((2, 4, 4, 3), 100, "uint8")
    >>> tuple(layer(images).shape), bool(kfront.ops.all(layer(images, training=False) == 100))
    ((2, 4, 4, 3), True)
    """

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        return {"factor": per_image(self._strength(data, seed))}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = self._computed(images)
        away = ops.multiply(ops.subtract(self._gray(x), x), ops.cast(transformation["factor"], x.dtype))
        return ops.clip(ops.add(x, away), *self.value_range)


def _probability(layer: RandomGrayscale, name: str, value: Any) -> float:
    if isinstance(value, (list, tuple)):
        raise ArgumentError(f"[RandomGrayscale] expected `factor` to be one number, got {value!r}.")
    number_pair("RandomGrayscale", name, value, 0, 1)
    return value


class RandomGrayscale(BaseGray):
    """Turns some of the images into shades of grey, which all three channels then hold.

    Args:
        factor: probability for each image, between 0 and 1.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, 3) or (height, width, 3), or a dict with them under
    "images"; `training`, True by default. Returns images in the dtype they have.

    Raises:
        ArgumentError: if `factor` is no number between 0 and 1.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomGrayscale(1.0)
    >>> kfront.ops.convert_to_numpy(layer(np.array([[[255, 0, 0]]], "uint8"))).tolist()
    [[[76, 76, 76]]]
    """

    _kf_normalise = normalisers(factor=_probability)
    _kf_omitted = MappingProxyType({"bounding_box_format": None, "seed": None})  # as in Keras's files
    factor: float

    def __init__(
        self, factor: Limits = 0.5, data_format: str | None = None, seed: Seed = None, **kwargs: object
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        return per_image(ops.less(self._draw(data, seed=seed), self.factor))

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        return ops.where(transformation, self._gray(images), images)


class RandomInvert(BaseColor):
    """Turns some of the images into their negatives.

    Args:
        factor: probability for each image: a pair of limits from which it is drawn, or a number f, which stands for
            (0, f).
        value_range: the lowest and the highest value that images can have.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if `factor` is not between 0 and 1.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomInvert((1, 1))
    >>> kfront.ops.convert_to_numpy(layer(np.array([[[255, 0, 10]]], "uint8"))).tolist()
    [[[0.0, 255.0, 245.0]]]
    """

    _FACTOR_BOUNDS = (0, 1)
    _kf_normalise = normalisers(factor=strength)

    def __init__(
        self,
        factor: Limits = 1.0,
        value_range: Limits = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        return {"apply_inversion": self._chosen(data, seed)}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = self._computed(images)
        low, high = self.value_range
        return self._where(transformation["apply_inversion"], ops.subtract(float(low + high), x), x)


class RandomColorJitter(BaseColor):
    """Changes brightness, contrast, saturation and hue of images at random, one after the other.

    Args:
        value_range: the lowest and the highest value that images can have.
        brightness_factor: `factor` of RandomBrightness; None to leave brightness as it is.
        contrast_factor: `factor` of RandomContrast, or None.
        saturation_factor: `factor` of RandomSaturation, or None.
        hue_factor: `factor` of RandomHue, or None.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, 3) or (height, width, 3), or a dict with them under
    "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if a factor is out of bounds.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomColorJitter(brightness_factor=0.1, hue_factor=0.2)
    >>> tuple(layer(np.ones((2, 4, 4, 3), "uint8")).shape)
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Limits = (0, 255),
        brightness_factor: Limits | None = None,
        contrast_factor: Limits | None = None,
        saturation_factor: Limits | None = None,
        hue_factor: Limits | None = None,
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        common = {"value_range": value_range, "data_format": self.data_format, "dtype": self.dtype_policy}
        for name, kind in (
            ("brightness", RandomBrightness),
            ("contrast", RandomContrast),
            ("saturation", RandomSaturation),
            ("hue", RandomHue),
        ):
            factor = getattr(self, f"{name}_factor")
            part = kind(factor=factor, seed=self.generator, **common) if factor is not None else None
            setattr(self, f"random_{name}", part)

    def _parts(self) -> list[Any]:
        parts = (getattr(self, f"random_{n}") for n in ("brightness", "contrast", "saturation", "hue"))
        return [part for part in parts if part is not None]

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        return [part._drawn(data, seed) for part in self._parts()]

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = self._computed(images)
        for part, parameters in zip(self._parts(), transformation, strict=True):
            x = part._transformed(x, parameters)
        return x
