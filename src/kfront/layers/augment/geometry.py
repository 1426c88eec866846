"""Image layers that move what is in the images: flips, rotations, translations, zooms, shears, perspectives, waves."""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.options import Option, between, normalisers, one_of
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import LayerOptions, Seed, Size, Tensor
from kfront.layers.augment.geometry_base import (
    MovedImages,
    ShiftedBoxes,
    boxes_in_pixels,
    boxes_of_pixels,
    columns,
    columns_changed,
    projective,
    sizes_in,
)
from kfront.layers.augment.image_layer import (
    Boxes,
    Extent,
    ImageData,
    Limits,
    Transformation,
    number_pair,
    pair_within,
    per_image,
    strength,
)
from kfront.ops.image_resample import displaced, homography, images_at
from kfront.ops.random import normal


class RandomFlip(MovedImages):
    """Flips images, each direction with a probability of one half.

    Args:
        mode: "horizontal" (left and right change places), "vertical", or "horizontal_and_vertical": both, independently
            of each other.
        seed: int, for the same flips in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), or a dict with "images" and
            any of "labels", "bounding_boxes" and "segmentation_masks".
        training: whether to act; images pass unchanged otherwise.

    Returns:
        images of the same shape, floating, or a dict like the input.

    Raises:
        ArgumentError: for an unknown `mode`.

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.RandomFlip(seed=0)(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 8, 8, 3)
    """

    mode: str
    _kf_normalise = normalisers(mode=one_of("horizontal", "vertical", "horizontal_and_vertical"))

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """{"flips": bools of shape (batch, 1, 1, ways), "input_shape": that of images}; None when not training.

        Ways are left and right, then up and down, if `mode` says both; a last axis of size 1 stands for both.
        """
        if not training:
            return None
        numbers = self._draw(data, 0.0, 1.0, 1, 1, self.mode.count("_and_") + 1, seed=seed)
        return {"flips": ops.less(numbers, 0.5), "input_shape": ops.shape(self._images(data))}

    def _flips(self, transformation: Transformation) -> list[tuple[int, Tensor]]:
        """Axes to flip, 0 for height and 1 for width, each with the bools of shape (batch,) that say whether."""
        axes = [a for a, way in enumerate(("vertical", "horizontal")) if way in self.mode][::-1]
        flips = ops.reshape(transformation["flips"], (-1, np.shape(transformation["flips"])[-1]))
        return [(a, flips[:, min(i, flips.shape[1] - 1)]) for i, a in enumerate(axes)]

    def _moved(self, images: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        for axis, flip in self._flips(transformation):
            there = ops.flip(images, (self.height_axis, self.width_axis)[axis])
            images = ops.where(flip if len(images.shape) == 3 else per_image(flip), there, images)
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """The flipped boxes."""
        if transformation is None:
            return bounding_boxes
        sizes = sizes_in(self, transformation)
        pixels = boxes_in_pixels(self, bounding_boxes, *sizes)
        sides = [pixels[..., i] for i in (1, 3, 0, 2)]  # top and bottom, left and right
        for axis, flip in self._flips(transformation):
            end, (low, high) = ops.cast(sizes[axis], ops.dtype(pixels)), sides[2 * axis : 2 * axis + 2]
            flip = flip if len(low.shape) == 1 else per_image(flip, 2)
            sides[2 * axis : 2 * axis + 2] = (
                ops.where(flip, ops.subtract(end, b), a) for a, b in ((low, high), (high, low))
            )
        pixels = ops.stack([sides[i] for i in (2, 0, 3, 1)], -1)
        return boxes_of_pixels(self, bounding_boxes, pixels, *sizes)


def _centered(a: tuple[Extent, Extent], b: tuple[Extent, Extent], height: Extent, width: Extent) -> Tensor:
    """Transforms by the matrix (a, b) that leave the middle pixel of images in its place."""
    cx, cy = ops.multiply(ops.subtract(width, 1.0), 0.5), ops.multiply(ops.subtract(height, 1.0), 0.5)
    dx = ops.subtract(cx, ops.add(ops.multiply(a[0], cx), ops.multiply(a[1], cy)))
    dy = ops.subtract(cy, ops.add(ops.multiply(b[0], cx), ops.multiply(b[1], cy)))
    return projective((*a, dx), (*b, dy))


class RandomRotation(MovedImages):
    """Rotates images about their centers by random angles.

    Args:
        factor: largest angle as a share of a full turn, or a pair of limits; counterclockwise if positive.
        fill_mode: what lies outside of an image: "reflect" (mirrored with the edge), "wrap" (the other end), "nearest"
            (the edge) or "constant" (`fill_value`).
        interpolation: "bilinear" or "nearest".
        seed: int, for the same transformations in each run.
        fill_value: number outside for "constant".
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), or a dict with "images" and
            any of "labels", "bounding_boxes" and "segmentation_masks".
        training: whether to act; images pass unchanged otherwise.

    Returns:
        images of the same shape, floating, or a dict like the input.

    Raises:
        ArgumentError: for a factor out of bounds, or an unknown option.

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.RandomRotation(0.1)(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 8, 8, 3)
    """

    _USE_BASE_FACTOR = True
    _kf_normalise = normalisers(factor=strength)

    def __init__(
        self,
        factor: Limits,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def drawn(self, data: ImageData, height: Extent, width: Extent, seed: Seed) -> dict[str, Tensor]:
        """Angles in degrees, and the transforms themselves."""
        low, high = self.factor
        angle = self._draw(data, low * 2 * math.pi, high * 2 * math.pi, seed=seed)
        c, s = ops.cos(angle), ops.sin(angle)
        matrix = _centered((c, ops.negative(s)), (s, c), height, width)
        return {"angle": ops.multiply(angle, 180 / math.pi), "rotation_matrix": matrix}

    def transform_of(self, transformation: Transformation, height: Extent, width: Extent) -> Tensor:
        """Rotations."""
        return ops.reshape(ops.cast(transformation["rotation_matrix"], "float32"), (-1, 8))


def _given(layer: MovedImages, name: str, factor: Limits) -> Limits | tuple[float, ...] | int:
    """A factor as the config has it: a number, or a pair (which files make a list)."""
    return tuple(factor) if isinstance(factor, list) else factor


def _zoom(layer: MovedImages, name: str, factor: Any) -> Any:
    for number in factor if isinstance(factor, (list, tuple)) else (factor,):
        if number is None and name == "width_factor":
            continue
        if not isinstance(number, (int, float)) or not -1 < number <= 1:
            raise ArgumentError(
                f"[RandomZoom] expected `{name}` above -1, at which nothing is left, to 1, got {factor!r}."
            )
    return _given(layer, name, factor)


class RandomTranslation(ShiftedBoxes, MovedImages):
    """Shifts images by random distances.

    Args:
        height_factor: largest shift as a share of the height, or a pair of limits; downwards if positive.
        width_factor: largest shift as a share of the width, or a pair of limits; to the right if positive.
        fill_mode: what lies outside of an image: "reflect" (mirrored with the edge), "wrap" (the other end), "nearest"
            (the edge) or "constant" (`fill_value`).
        interpolation: "bilinear" or "nearest".
        seed: int, for the same transformations in each run.
        fill_value: number outside for "constant".
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), or a dict with "images" and
            any of "labels", "bounding_boxes" and "segmentation_masks".
        training: whether to act; images pass unchanged otherwise.

    Returns:
        images of the same shape, floating, or a dict like the input.

    Raises:
        ArgumentError: for a factor out of bounds, or an unknown option.

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.RandomTranslation(0.1, 0.2)(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 8, 8, 3)
    """

    _kf_normalise = normalisers(height_factor=Option(_given), width_factor=Option(_given))
    height_factor: Any
    width_factor: Any

    def __init__(
        self,
        height_factor: Limits,
        width_factor: Limits,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._limits = [
            number_pair("RandomTranslation", name, value, -1.0, 1.0)
            for name, value in (("height_factor", height_factor), ("width_factor", width_factor))
        ]

    def drawn(self, data: ImageData, height: Extent, width: Extent, seed: Seed) -> dict[str, Tensor]:
        """Shifts to the right and down in pixels."""
        down, right = _ranges(self._draw(data, 0.0, 1.0, 2, seed=seed), self._limits)
        return {"translations": ops.stack([ops.multiply(right, width), ops.multiply(down, height)], -1)}

    def transform_of(self, transformation: Transformation, height: Extent, width: Extent) -> Tensor:
        """Shifts."""
        dx, dy = columns(transformation, "translations")
        return projective((1.0, 0.0, ops.negative(dx)), (0.0, 1.0, ops.negative(dy)))


def _ranges(shares: Tensor, limits: Any) -> list[Tensor]:
    """Numbers between limits, one for each image: a list with an entry for each pair of limits."""
    return [ops.add(ops.multiply(shares[:, i], high - low), low) for i, (low, high) in enumerate(limits)]


class RandomZoom(MovedImages):
    """Zooms into or out of images by random factors.

    Args:
        height_factor: largest change of the height that is seen, as a share of it, or a pair of limits: 0.2 shows 20%
            more (things get smaller), -0.2 shows 20% less.
        width_factor: the same for the width; None for that of the height, which keeps the aspect ratio.
        fill_mode: what lies outside of an image: "reflect" (mirrored with the edge), "wrap" (the other end), "nearest"
            (the edge) or "constant" (`fill_value`).
        interpolation: "bilinear" or "nearest".
        seed: int, for the same transformations in each run.
        fill_value: number outside for "constant".
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), or a dict with "images" and
            any of "labels", "bounding_boxes" and "segmentation_masks".
        training: whether to act; images pass unchanged otherwise.

    Returns:
        images of the same shape, floating, or a dict like the input.

    Raises:
        ArgumentError: for a factor out of bounds, or an unknown option.

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.RandomZoom((-0.2, 0.2))(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 8, 8, 3)
    """

    _kf_normalise = normalisers(height_factor=Option(_zoom), width_factor=Option(_zoom))
    height_factor: Any
    width_factor: Any

    def __init__(
        self,
        height_factor: Limits,
        width_factor: Limits | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._limits = [
            number_pair("RandomZoom", name, value, -1.0, 1.0)
            for name, value in (("height_factor", height_factor), ("width_factor", width_factor))
            if value is not None
        ]

    def drawn(self, data: ImageData, height: Extent, width: Extent, seed: Seed) -> dict[str, Tensor]:
        """How much is seen, as a share of what there is."""
        factors = _ranges(self._draw(data, 0.0, 1.0, len(self._limits), seed=seed), self._limits)
        y, x = (ops.expand_dims(ops.add(f, 1.0), -1) for f in (factors[0], factors[-1]))
        return {"height_zoom": y, "width_zoom": x}

    def transform_of(self, transformation: Transformation, height: Extent, width: Extent) -> Tensor:
        """Zooms about the center."""
        (y,), (x,) = (columns(transformation, name) for name in ("height_zoom", "width_zoom"))
        return _centered((x, 0.0), (0.0, y), height, width)

    def get_clipped_bbox(
        self, bounding_boxes: Boxes, h_end: Extent, h_start: Extent, w_end: Extent, w_start: Extent
    ) -> Boxes:
        """Boxes cut off at a window of the image, and counted from its corner.

        Args:
            bounding_boxes: dict with "boxes", corners of shape (batch, boxes, 4), and "labels".
            h_end: lower end of the window, in the unit of the boxes.
            h_start: upper end.
            w_end: right end.
            w_start: left end.

        Returns:
            A dict like `bounding_boxes`; a box outside of the window has no area.
        """

        def change(*sides: Any) -> list[Tensor]:
            ends = (w_start, w_end), (h_start, h_end)
            return [ops.clip(v, *ends[i % 2]) - ends[i % 2][0] for i, v in enumerate(sides)]

        return columns_changed(bounding_boxes, change)


def _shear(layer: RandomShear, name: str, value: object) -> tuple[float, float]:
    """Limits of a shear without its direction; (-a, a), which older files have, is (0, a)."""
    if isinstance(value, (list, tuple)) and len(value) == 2 and value[0] == -value[1]:
        value = value[1]
    return number_pair("RandomShear", name, value, 0.0, 1.0)


class RandomShear(ShiftedBoxes, MovedImages):
    """Shears images by random factors.

    Args:
        x_factor: largest shear along x, or a pair of limits between 0 and 1: by how many pixels a row is shifted
            against the one above it. The direction is random.
        y_factor: largest shear along y, of columns.
        fill_mode: what lies outside of an image: "reflect" (mirrored with the edge), "wrap" (the other end), "nearest"
            (the edge) or "constant" (`fill_value`).
        interpolation: "bilinear" or "nearest".
        seed: int, for the same transformations in each run.
        fill_value: number outside for "constant".
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), or a dict with "images" and
            any of "labels", "bounding_boxes" and "segmentation_masks".
        training: whether to act; images pass unchanged otherwise.

    Returns:
        images of the same shape, floating, or a dict like the input.

    Raises:
        ArgumentError: for a factor out of bounds, or an unknown option.

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.RandomShear(0.2, 0.1)(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 8, 8, 3)
    """

    x_factor: tuple[float, float]
    y_factor: tuple[float, float]
    _kf_normalise = normalisers(x_factor=_shear, y_factor=_shear)

    def __init__(
        self,
        x_factor: Limits = 0.0,
        y_factor: Limits = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def drawn(self, data: ImageData, height: Extent, width: Extent, seed: Seed) -> dict[str, Tensor]:
        """Shears along x and y."""
        numbers = self._draw(data, 0.0, 1.0, 4, seed=seed)
        size = ops.stack(_ranges(numbers, (self.x_factor, self.y_factor)), -1)
        return {"shear_factor": ops.where(ops.less(numbers[:, 2:], 0.5), ops.negative(size), size)}

    def transform_of(self, transformation: Transformation, height: Extent, width: Extent) -> Tensor:
        """Shears that leave the first pixel in its place."""
        x, y = columns(transformation, "shear_factor")
        return projective((1.0, x, 0.0), (y, 1.0, 0.0))


class RandomPerspective(MovedImages):
    """Shows images from elsewhere: moves their corners at random.

    Args:
        factor: probability for an image to be moved, at most; or a pair of limits that it is drawn from.
        scale: how far corners move, from 0 to 1: each coordinate changes by at most half of `scale` times its value.
        interpolation: "bilinear" or "nearest".
        fill_value: number outside of an image.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), or a dict with "images" and
            any of "labels", "bounding_boxes" and "segmentation_masks".
        training: whether to act; images pass unchanged otherwise.

    Returns:
        images of the same shape, floating, or a dict like the input.

    Raises:
        ArgumentError: for a number out of bounds, or an unknown option.

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.RandomPerspective(0.5, scale=0.3)(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 8, 8, 3)
    """

    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS = (0, 1)
    scale: float
    _kf_normalise = normalisers(factor=strength, scale=between(0, 1))

    def __init__(
        self,
        factor: Limits = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def drawn(self, data: ImageData, height: Extent, width: Extent, seed: Seed) -> dict[str, Tensor]:
        """Which images are moved, their corners (batch, 4, 2), and where these go."""
        numbers = self._draw(data, 0.0, 1.0, 10, seed=seed)
        right, bottom = ops.subtract(width, 1.0), ops.subtract(height, 1.0)
        zero = ops.zeros_like(ops.multiply(right, 1.0))
        corners = [[zero, zero], [right, zero], [zero, bottom], [right, bottom]]
        start = ops.stack([ops.stack([ops.add(zero, v) for v in point]) for point in corners])
        noise = ops.multiply(ops.subtract(ops.reshape(numbers[:, :8], (-1, 4, 2)), 0.5), self.scale)
        end = ops.multiply(start, ops.add(noise, 1.0))
        chosen, start = _chosen(numbers[:, 8:], self.factor), ops.broadcast_to(start, ops.shape(end))
        return {"apply_perspective": chosen, "start_points": start, "end_points": end}

    def transform_of(self, transformation: Transformation, height: Extent, width: Extent) -> Tensor:
        """Projective transforms, of some images the one that moves nothing."""
        points = (ops.cast(transformation[name], "float32") for name in ("start_points", "end_points"))
        same = ops.cast(ops.convert_to_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), "float32")
        return ops.where(ops.expand_dims(transformation["apply_perspective"], 1), homography(*points), same)


def _chosen(numbers: Tensor, factor: tuple[float, float]) -> Tensor:
    """Which images are transformed: each with a probability of its own between two limits.

    Args:
        numbers: two uniform numbers for each image.
        factor: the limits.
    """
    low, high = factor
    return ops.less(numbers[:, 0], ops.add(ops.multiply(numbers[:, 1], high - low), low))


class RandomElasticTransform(MovedImages):
    """Deforms images as if they were printed on something soft.

    Args:
        factor: probability for an image to be deformed, at most; or a pair of limits that it is drawn from.
        scale: strength of the deformation, at most; or a pair of limits that it is drawn from. At 1, displacements
            have a deviation of about 3% of the larger side and are smooth over 5% of the smaller one.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside of an image: "reflect" (mirrored with the edge), "wrap" (the other end), "nearest"
            (the edge) or "constant" (`fill_value`).
        fill_value: number outside for "constant".
        value_range: lowest and highest value of the images, to which results are kept.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), or a dict with "images" and
            any of "labels", "bounding_boxes" and "segmentation_masks".
        training: whether to act; images pass unchanged otherwise.

    Returns:
        images of the same shape, floating, or a dict like the input.

    Raises:
        ArgumentError: for a number out of bounds, or an unknown option.

    Reference:
        Simard, Steinkraus, Platt, 2003, "Best practices for convolutional neural networks applied to visual document
        analysis".

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.RandomElasticTransform(scale=0.5)(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 8, 8, 3)
    """

    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS = (0, 1)
    scale: tuple[float, float]
    value_range: tuple[float, float]
    _kf_normalise = normalisers(factor=strength, scale=pair_within(0, 1, strict=False))

    def __init__(
        self,
        factor: Limits = 1.0,
        scale: Limits = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Limits = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """What was drawn, displacements of shape (batch, height, width, 2), and the size of images.

        None when not training.
        """
        if not training:
            return None
        numbers = self._draw(data, 0.0, 1.0, 3, seed=seed)
        chosen, scale = _chosen(numbers[:, 1:], self.factor), _ranges(numbers, (self.scale,))[0]
        drawn = {"apply_transform": chosen, "distortion_factor": scale, "input_shape": ops.shape(self._images(data))}
        return {**drawn, "field": self._field(data, {**drawn, "seed": seed})}

    def _field(self, data: ImageData, transformation: Transformation) -> Tensor:
        """Displacements, drawn now if the transformation has none yet."""
        if "field" in transformation:
            return transformation["field"]
        height, width = self._sizes(data)
        chosen = ops.cast(transformation["apply_transform"], "float32")
        scale = ops.multiply(transformation["distortion_factor"], chosen)
        alpha, sigma = self.get_elastic_transform_params(height, width, scale)
        noise = self._noise(data, height, width, transformation.get("seed"))
        return ops.multiply(_smooth(noise, sigma), per_image(ops.multiply(alpha, sigma)))

    def get_elastic_transform_params(self, height: Extent, width: Extent, factor: Extent) -> tuple[Any, Any]:
        """Strength and smoothness (alpha, sigma) in pixels for images of a size, as `elastic_transform` takes them."""
        if all(isinstance(v, (int, float)) for v in (height, width, factor)):
            return 0.1 * max(height, width) * factor, 0.05 * min(height, width) * factor
        h, w = (ops.cast(v, "float32") for v in (height, width))
        alpha = ops.multiply(factor, ops.multiply(ops.maximum(h, w), 0.1))
        return alpha, ops.multiply(factor, ops.multiply(ops.minimum(h, w), 0.05))

    def _noise(self, data: ImageData, height: Size, width: Size, seed: Seed) -> Tensor:
        shape = (self._batch_size(data), height, width, 2)
        if isinstance(self._images(data), KerasTensor):
            return Abstract(tuple(d if isinstance(d, int) else None for d in shape), "float32")
        return normal(shape, dtype="float32", seed=self.generator if seed is None else seed)

    def _moved(self, images: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        options = (interpolation, self.fill_mode, self.fill_value, self.data_format)
        return displaced(images, self._field(images, transformation), *options)

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The deformed images."""
        images = super().transform_images(images, transformation, training)
        return images if transformation is None else ops.clip(images, *self.value_range)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """Upright boxes around the corners and the middles of the sides of the deformed boxes."""
        if transformation is None:
            return bounding_boxes
        height, width = sizes_in(self, transformation)
        x1, y1, x2, y2 = ops.split(boxes_in_pixels(self, bounding_boxes, height, width), 4, -1)
        xm, ym = (ops.multiply(ops.add(a, b), 0.5) for a, b in ((x1, x2), (y1, y2)))
        x = ops.concatenate([x1, xm, x2, x2, x2, xm, x1, x1], -1)
        y = ops.concatenate([y1, y1, y1, ym, y2, y2, y2, ym], -1)
        u, v = x, y
        for _ in range(4):  # pixel p comes from p + field(p): solve p + field(p) = (x, y) by iteration
            shift = images_at(transformation["field"], v, u, "bilinear", "nearest", 0.0, "channels_last")
            v, u = (ops.subtract(at, ops.cast(shift[..., i], ops.dtype(at))) for i, at in enumerate((y, x)))
        ends = [ops.amin(u, -1), ops.amin(v, -1), ops.amax(u, -1), ops.amax(v, -1)]
        return boxes_of_pixels(self, bounding_boxes, ops.stack(ends, -1), height, width)


def _smooth(noise: Tensor, sigma: Tensor) -> Tensor:
    """Noise of shape (batch, height, width, channels) smoothed by Gaussians of deviation `sigma`, of shape (batch,).

    As products with matrices, so that deviations may differ between images and be unknown before.
    """
    sigma = per_image(ops.maximum(sigma, 1e-2), 3)
    for equation, axis in (("bij,bjwc->biwc", 1), ("bij,bhjc->bhic", 2)):
        n = ops.shape(noise)[axis]
        at = ops.cast(ops.arange(n), "float32")
        apart = ops.divide(ops.subtract(ops.expand_dims(at, 1), at), sigma)
        # the sum of exp(-d²/2σ²) over all whole d: 1 for small deviations, √(2π) σ from about 0.7 on
        near = ops.add(ops.multiply(ops.exp(ops.divide(-0.5, ops.square(sigma))), 2.0), 1.0)
        total = ops.maximum(near, ops.multiply(sigma, math.sqrt(2 * math.pi)))
        noise = ops.einsum(equation, ops.divide(ops.exp(ops.multiply(ops.square(apart), -0.5)), total), noise)
    return noise
