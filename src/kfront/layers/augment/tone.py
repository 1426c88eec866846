"""Layers that map the values of pixels: contrast stretching, posterization, solarization, histogram equalization."""

from __future__ import annotations

from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.options import between, int_tuple, normalisers, positive
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import LayerOptions, Seed, Tensor
from kfront.layers.augment.color import BaseColor, BaseStrength
from kfront.layers.augment.image_layer import (
    ImageData,
    ImageLayer,
    Limits,
    Transformation,
    back,
    number_pair,
    pair_within,
    per_image,
    rescaled,
)
from kfront.layers.options import IntOrInts
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.primitives.reductions import segment_sum

_BYTES = (0, 255)
_LEVELS = 256


class BaseTone(ImageLayer):
    """Base of layers that map the values of pixels without drawing random numbers."""

    value_range: tuple[float, float]


class AutoContrast(BaseTone):
    """Stretches each channel of each image over the whole range of values; in training and otherwise.

    Args:
        value_range: the lowest and the highest value that images can have.
        **kwargs: data_format, bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images". Returns floating images; a channel of one value stays as it is.

    Raises:
        ArgumentError: if `value_range` is no pair of numbers.

    Example:

    >>> import numpy as np, kfront
    >>> kfront.ops.convert_to_numpy(kfront.layers.AutoContrast()(np.array([[[0], [1]]], "uint8"))).tolist()
    [[[0.0], [255.0]]]
    """

    _USE_BASE_FACTOR = False

    def __init__(self, value_range: Limits = (0, 255), **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The stretched images."""
        x = self._computed(images)
        axes = (self.height_axis, self.width_axis)
        low, high = ops.min(x, axis=axes, keepdims=True), ops.max(x, axis=axes, keepdims=True)
        bottom, top = self.value_range
        spread = ops.subtract(high, low)
        wide = ops.greater(spread, 0)
        scale = ops.divide(float(top - bottom), ops.where(wide, spread, 1.0))
        stretched = ops.add(ops.multiply(ops.subtract(x, low), scale), float(bottom))
        return ops.where(wide, ops.clip(stretched, bottom, top), x)


def _bits(layer: RandomPosterization, name: str, value: object) -> tuple[float, float]:
    low, high = number_pair("RandomPosterization", name, value, *layer._FACTOR_BOUNDS)
    if low != int(low) or high != int(high):
        raise ArgumentError(f"[RandomPosterization] expected whole numbers of bits as `{name}`, got {value!r}.")
    return max(low, 1), high


class RandomPosterization(BaseStrength):
    """Keeps only the highest bits of each value of a pixel.

    Args:
        factor: a number of bits f between 1 and 8, which stands for (1, f), or a pair of limits, the upper one not
            included; for each image a number of bits between them is drawn.
        value_range: the lowest and the highest value that images can have, which stand for 0 and 255.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if `factor` is not between 1 and 8.

    References:
        Cubuk et al., 2018, https://arxiv.org/abs/1805.09501.

    Example:

    >>> import numpy as np, kfront
    >>> out = kfront.layers.RandomPosterization((2, 2))(np.array([[[63], [200]]], "uint8"))
    >>> kfront.ops.convert_to_numpy(out).tolist()
    [[[0.0], [192.0]]]
    """

    _FACTOR_BOUNDS = (1, 8)
    _USE_BASE_FACTOR = False
    _kf_normalise = normalisers(factor=_bits)

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        low, high = (int(f) for f in self.factor)
        bits = ops.add(ops.floor(self._draw(data, 0.0, float(max(high - low, 1)), seed=seed)), float(low))
        return {"shift_factor": ops.cast(ops.subtract(8.0, bits), "uint8")}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = self._computed(images)
        step = per_image(ops.left_shift(1, ops.cast(transformation["shift_factor"], "int32")))
        level = ops.clip(ops.cast(rescaled(x, self.value_range, _BYTES), "int32"), 0, 255)
        kept = ops.cast(ops.subtract(level, ops.mod(level, step)), dtype_of(x))
        return rescaled(kept, _BYTES, self.value_range)


class Solarization(BaseColor):
    """Turns the bright pixels of images into their negatives.

    Args:
        addition_factor: a pair of limits, or a number f, which stands for (0, f); for each image a number between
            them, times the width of the range, is added to its pixels first.
        threshold_factor: a pair of limits, or a number f, which stands for (0, f); pixels below a number between them,
            times the width of the range, are left as they are.
        value_range: the lowest and the highest value that images can have.
        seed: int, for the same transformations in each run.
        **kwargs: data_format, bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default. Returns floating images.

    Raises:
        ArgumentError: if a factor is not between 0 and 1.

    Example:

    >>> import numpy as np, kfront
    >>> kfront.ops.convert_to_numpy(kfront.layers.Solarization()(np.array([[[59, 62, 63]]], "uint8"))).tolist()
    [[[196.0, 193.0, 192.0]]]
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)
    _always_floating = True
    addition_factor: tuple[float, float]
    threshold_factor: tuple[float, float]
    _kf_normalise = normalisers(addition_factor=pair_within(0, 1), threshold_factor=pair_within(0, 1))

    def __init__(
        self,
        addition_factor: Limits = 0.0,
        threshold_factor: Limits = 0.0,
        value_range: Limits = (0, 255),
        seed: Seed = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        draw = lambda limits: per_image(ops.multiply(self._draw(data, *limits, seed=seed), 255.0))  # noqa: E731
        return {"additions": draw(self.addition_factor), "thresholds": draw(self.threshold_factor)}

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        dtype = dtype_of(images)
        x = rescaled(images, self.value_range, _BYTES)
        x = ops.clip(ops.add(x, ops.cast(transformation["additions"], dtype)), 0, 255)
        dark = ops.less(x, ops.cast(transformation["thresholds"], dtype))
        return rescaled(ops.where(dark, x, ops.subtract(255.0, x)), _BYTES, self.value_range)


def _histograms(levels: Tensor, bins: int) -> Tensor:
    """How often each level occurs in each row.

    Args:
        levels: int tensor of shape (rows, n), from 0 to bins - 1.
        bins: number of levels.

    Returns:
        float32 tensor of shape (rows, bins).
    """
    rows = ops.shape(levels)[0]
    places = ops.add(ops.multiply(ops.expand_dims(ops.arange(rows), 1), bins), levels)
    flat = ops.reshape(places, (-1,))
    counts = segment_sum(ops.ones_like(flat, "float32"), flat, rows * bins)
    return ops.reshape(counts, (-1, bins))


def _rounded_ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b rounded to the nearest whole number, ties to even, for whole numbers; exact on every engine."""
    a, b = ops.cast(a, "int32"), ops.cast(b, "int32")
    whole = ops.floor_divide(a, b)
    twice = ops.multiply(ops.subtract(a, ops.multiply(whole, b)), 2)
    odd = ops.mod(whole, 2)
    up = ops.greater(ops.add(twice, odd), b)
    return ops.cast(ops.add(whole, ops.cast(up, "int32")), "float32")


class BaseHistogram(BaseTone):
    """Base of layers that map the levels of each channel by its histogram; they know shapes without computing."""

    _USE_BASE_FACTOR = True

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The equalized images."""
        if isinstance(images, KerasTensor):
            return Abstract(images.shape, dtype_of(self._result(images, images)))
        x = ops.cast(images, "float32")
        if self.channel_axis == -1:
            x = ops.moveaxis(x, -1, 1)
        planes = self._equalized(rescaled(x, self.value_range, _BYTES))
        if self.channel_axis == -1:
            planes = ops.moveaxis(planes, 1, -1)
        return self._result(images, rescaled(planes, _BYTES, self.value_range))

    def _equalized(self, planes: Tensor) -> Tensor:
        """Equalized planes of shape (batch, channels, height, width), with values from 0 to 255."""
        raise NotImplementedError

    def _result(self, images: Tensor, values: Tensor) -> Tensor:
        """The values in the dtype of the result."""
        raise NotImplementedError


class Equalization(BaseHistogram):
    """Spreads the values of each channel of each image so that all occur about equally often.

    Args:
        value_range: the lowest and the highest value that images can have.
        bins: number of levels that are told apart.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images"; `training`, True by default: without it images stay as they are. Returns floating images.

    Raises:
        ArgumentError: if `bins` is not a positive int.

    Example:

    >>> import numpy as np, kfront
    >>> kfront.ops.convert_to_numpy(kfront.layers.Equalization()(np.array([[[1], [3], [3], [9]]], "uint8"))).tolist()
    [[[0.0], [170.0], [170.0], [255.0]]]
    """

    bins: int
    _kf_normalise = normalisers(bins=positive)

    def __init__(
        self, value_range: Limits = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: object
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The equalized images; unchanged if `training` is false."""
        return super().transform_images(images) if training else images

    def _equalized(self, planes: Tensor) -> Tensor:
        height, width = ops.shape(planes)[2:]
        flat = ops.reshape(ops.clip(planes, 0, 255), (-1, height * width))
        levels = ops.cast(ops.multiply(flat, (self.bins - 1) / 255), "int32")
        below = ops.cumsum(_histograms(levels, self.bins), axis=1)
        total = below[:, -1:]
        first = ops.min(ops.where(ops.greater(below, 0), below, total), axis=1, keepdims=True)
        rest = ops.subtract(total, first)
        table = _rounded_ratio(ops.multiply(ops.subtract(below, first), 255.0), ops.maximum(rest, 1.0))
        mapped = ops.take_along_axis(ops.clip(table, 0.0, 255.0), levels, axis=1)
        return ops.reshape(ops.where(ops.greater(rest, 0), mapped, flat), ops.shape(planes))

    def _result(self, images: Tensor, values: Tensor) -> Tensor:
        return self._computed(values)


class ContrastLimitedAdaptiveHistogramEqualization(BaseHistogram):
    """Equalizes the histograms of tiles of an image, up to a limit, and passes smoothly from tile to tile (CLAHE).

    Args:
        value_range: the lowest and the highest value that images can have.
        clip_limit: how often a level of a tile may occur before the rest is spread over all levels, as a multiple of
            the mean count; no limit if it is not positive.
        tile_grid_size: int or pair: number of tiles along height and width. An image that they do not divide is
            mirrored at its lower and right edge.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, channels) or (height, width, channels), or a dict
    with them under "images". Returns images in the dtype they have, integers rounded towards zero; in training and
    otherwise.

    Raises:
        ArgumentError: if there is not at least one tile each way.

    References:
        Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
    >>> images = np.arange(64, dtype="uint8").reshape(1, 8, 8, 1)
    >>> tuple(layer(images).shape)
    (1, 8, 8, 1)
    """

    clip_limit: float
    tile_grid_size: tuple[int, int]
    _kf_normalise = normalisers(
        clip_limit=between(float("-inf"), float("inf")),
        tile_grid_size=lambda layer, name, value: int_tuple(layer, name, value, 2),
    )

    def __init__(
        self,
        value_range: Limits = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: IntOrInts = (8, 8),
        data_format: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _result(self, images: Tensor, values: Tensor) -> Tensor:
        return back(values, images)

    def _equalized(self, planes: Tensor) -> Tensor:
        sizes = ops.shape(planes)[2:]
        levels = ops.cast(ops.clip(planes, 0, 255), "int32")
        levels = ops.reshape(levels, (-1, *sizes))
        steps = [_ceil_div(size, n) for size, n in zip(sizes, self.tile_grid_size, strict=True)]
        tables = self._tables(levels, sizes, steps)
        rows, columns = (
            _neighbours(size, step, n) for size, step, n in zip(sizes, steps, self.tile_grid_size, strict=True)
        )
        flat = ops.reshape(levels, (-1, sizes[0] * sizes[1]))
        parts = []
        for row, by_row in rows:
            for column, by_column in columns:
                tile = ops.add(
                    ops.expand_dims(ops.multiply(row, self.tile_grid_size[1]), 1), ops.expand_dims(column, 0)
                )
                place = ops.add(ops.multiply(ops.reshape(tile, (1, -1)), _LEVELS), flat)
                weight = ops.multiply(ops.expand_dims(by_row, 1), ops.expand_dims(by_column, 0))
                parts.append(ops.multiply(ops.take_along_axis(tables, place, axis=1), ops.reshape(weight, (1, -1))))
        return ops.reshape(ops.add(ops.add(parts[0], parts[1]), ops.add(parts[2], parts[3])), ops.shape(planes))

    def _tables(self, levels: Tensor, sizes: Any, steps: Any) -> Tensor:
        """New values of the levels of all tiles, of shape (planes, tiles * levels)."""
        tall, wide = self.tile_grid_size
        for axis, (size, step, n) in enumerate(zip(sizes, steps, (tall, wide), strict=True), 1):
            levels = ops.take(levels, _mirrored(ops.arange(step * n), size), axis=axis)
        area = steps[0] * steps[1]
        tiles = ops.reshape(levels, (-1, tall, steps[0], wide, steps[1]))
        tiles = ops.reshape(ops.transpose(tiles, (0, 1, 3, 2, 4)), (-1, area))
        counts = _histograms(tiles, _LEVELS)
        if self.clip_limit > 0:
            limit = ops.multiply(ops.cast(area, "float32"), self.clip_limit / _LEVELS)
            kept = ops.minimum(counts, limit)
            spare = ops.sum(ops.subtract(counts, kept), axis=1, keepdims=True)
            counts = ops.add(kept, ops.divide(spare, float(_LEVELS)))
        below = ops.cumsum(counts, axis=1)
        first = below[:, :1]
        spread = ops.subtract(below[:, -1:], first)
        scale = ops.divide(255.0, ops.where(ops.greater(spread, 0), spread, 1.0))
        return ops.reshape(ops.multiply(ops.subtract(below, first), scale), (-1, tall * wide * _LEVELS))


def _ceil_div(a: Tensor, b: int) -> Any:
    return (a + b - 1) // b


def _mirrored(places: Tensor, size: Any) -> Tensor:
    """Places beyond the end of an axis, led back as in a mirror that repeats the edge."""
    turn = ops.mod(places, 2 * size)
    return ops.minimum(turn, ops.subtract(2 * size - 1, turn))


def _neighbours(size: int, step: Any, tiles: int) -> list[tuple[Tensor, Tensor]]:
    """For each place on an axis the two tiles whose centers it lies between, with their weights."""
    at = ops.divide(ops.cast(ops.arange(size), "float32"), ops.cast(step, "float32"))
    at = ops.clip(ops.subtract(at, 0.5), 0.0, tiles - 1.0)
    first = ops.floor(at)
    part = ops.subtract(at, first)
    low = ops.cast(first, "int32")
    return [(low, ops.subtract(1.0, part)), (ops.minimum(ops.add(low, 1), tiles - 1), part)]
