"""Layers that mix the images of a batch with each other: MixUp, CutMix and Mosaic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfront import ops
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.options import normalisers
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Seed, Tensor
from kfront.layers.augment.effects import random_boxes
from kfront.layers.augment.geometry_base import boxes_in_pixels, boxes_of_pixels, with_channels
from kfront.layers.augment.image_layer import (
    Boxes,
    ImageData,
    Limits,
    RandomImageLayer,
    Transformation,
    per_image,
    strength,
)
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.random import beta, randint, shuffle

if TYPE_CHECKING:
    from kfront.core.rng import SeedGenerator


class BaseMixing(RandomImageLayer):
    """Base of layers that pair each image of a batch with another one."""

    def _partners(self, data: ImageData, seed: Seed) -> Tensor:
        """For each image the number of the one it is mixed with."""
        if isinstance(self._images(data), KerasTensor):
            return Abstract((self._images(data).shape[0],), "int32")
        return shuffle(ops.arange(self._batch_size(data)), seed=self._source(seed))

    def _source(self, seed: Seed) -> SeedGenerator | int:
        return self.generator if seed is None else seed

    def _beta(self, data: ImageData, alpha: Any, seed: Seed) -> Tensor:
        """For each image a weight with the distribution Beta(alpha, alpha)."""
        if isinstance(self._images(data), KerasTensor):
            return self._draw(data)
        return beta((self._batch_size(data),), alpha, alpha, dtype="float32", seed=self._source(seed))

    def _blend(self, x: Tensor, transformation: Transformation) -> Tensor:
        """weight * x + (1 - weight) * the partner's x."""
        x = x if is_float(dtype_of(x)) else self._computed(x)
        weight = ops.cast(ops.reshape(transformation["mix_weight"], (-1, *(1,) * (len(x.shape) - 1))), dtype_of(x))
        other = ops.take(x, transformation["permutation_order"], axis=0)
        return ops.add(other, ops.multiply(ops.subtract(x, other), weight))

    def transform_labels(self, labels: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The labels mixed in the same proportion; floating."""
        return self._blend(labels, transformation) if training and transformation is not None else labels


def _above_zero(layer: MixUp, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ArgumentError(f"[MixUp] expected `alpha` to be a positive number, got {value!r}.")
    return value


class MixUp(BaseMixing):
    """Blends each image of a batch with another one, and their labels in the same proportion.

    Args:
        alpha: parameter of the distribution Beta(alpha, alpha) of the weights, positive; the smaller, the less is
            blended.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        seed: int, for the same transformations in each run.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, a dict with "images", shape (batch, height, width, channels), and "labels", one-hot, shape
    (batch, classes), or images alone; `training`, True by default. Returns floating images and labels; the bounding
    boxes of both images are kept; segmentation masks are blended as the images are.

    Raises:
        ArgumentError: if `alpha` is not positive.

    References:
        Zhang et al., 2017, https://arxiv.org/abs/1710.09412; Zhang et al., 2019, https://arxiv.org/abs/1902.04103.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.MixUp(alpha=0.2, seed=1)
    >>> out = layer({"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)})
    >>> kfront.ops.convert_to_numpy(out["labels"]).sum(1).tolist()
    [1.0, 1.0]
    """

    alpha: float
    _kf_normalise = normalisers(alpha=_above_zero)

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: Seed = None, **kwargs: object) -> None:
        super().__init__(**self._kf_store(locals()))

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """Weights and partners of the images; None if `training` is false."""
        if not training:
            return None
        weight = self._beta(data, self.alpha, seed)
        return {"mix_weight": weight, "permutation_order": self._partners(data, seed)}

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The blended images."""
        return (
            self._blend(self._computed(images), transformation) if training and transformation is not None else images
        )

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """The blended masks: one-hot ones become the parts of the classes."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """The boxes of both images."""
        if not training or transformation is None:
            return bounding_boxes
        order = transformation["permutation_order"]
        return {k: ops.concatenate([v, ops.take(v, order, axis=0)], axis=1) for k, v in bounding_boxes.items()}


class CutMix(BaseMixing):
    """Pastes a rectangle of another image of the batch into each image, and mixes their labels.

    Args:
        factor: a pair of limits between 0 and 1, or a number f, which stands for (0, f). For each image a is drawn
            between them, then the weight of the image from the distribution Beta(a, a); the area of the rectangle is 1
            minus the weight.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, a dict with "images", shape (batch, height, width, channels), and "labels", one-hot, shape
    (batch, classes), or images alone; `training`, True by default. Returns floating images and labels; segmentation
    masks are pasted as the images are.

    Raises:
        ArgumentError: if `factor` is out of bounds, or there are bounding boxes among the inputs.

    References:
        Yun et al., 2019, https://arxiv.org/abs/1905.04899.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.CutMix(seed=1)
    >>> out = layer({"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)})
    >>> kfront.ops.convert_to_numpy(out["labels"]).sum(1).tolist()
    [1.0, 1.0]
    """

    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS = (0, 1)
    _kf_normalise = normalisers(factor=strength)

    def __init__(
        self, factor: Limits = 1.0, seed: Seed = None, data_format: str | None = None, **kwargs: object
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """Partners, rectangles and weights of the images; None if `training` is false, or for a single image."""
        if not training or not self._is_batched(data):
            return None
        order = self._partners(data, seed)
        weight = self._beta(data, ops.maximum(self._draw(data, *self.factor, seed=seed), 1e-6), seed)
        side = ops.sqrt(ops.subtract(1.0, weight))
        mask = random_boxes(self, data, side, side, seed)
        return {"permutation_order": order, "batch_masks": mask, "mix_weight": per_image(weight)}

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The images with what was pasted; floating."""
        return self._pasted(self._computed(images), transformation, training)

    def _pasted(self, x: Tensor, transformation: Transformation, training: bool) -> Tensor:
        if not training or transformation is None:
            return x
        return ops.where(transformation["batch_masks"], ops.take(x, transformation["permutation_order"], axis=0), x)

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """The masks with what was pasted."""
        return self._pasted(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """Boxes are refused: what is left of an object under the rectangle is not defined."""
        raise ArgumentError(
            f"[{self.name}] expected inputs without 'bounding_boxes': CutMix is defined for labels and masks; "
            "use MixUp for boxes."
        )


def _center_limits(layer: Mosaic, name: str, value: object) -> tuple[float, float]:
    pair: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (0.0, value)
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in pair):
        raise ArgumentTypeError(f"[Mosaic] expected `offset` to be a number or a pair of numbers, got {value!r}.")
    if len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= 1:
        raise ArgumentError(f"[Mosaic] expected `offset` between 0 and 1, or such a pair in order, got {value!r}.")
    return pair


class Mosaic(RandomImageLayer):
    """Puts parts of four images side by side: each image of a batch with three others, around a random center.

    The four images form a grid of two by two, the image itself above on the left; what is seen is a window of the size
    of one image. A single image takes all four places.

    Args:
        offset: where the center may be, as a part of width and height: a pair of limits between 0 and 1 from which both
            are drawn, or a number f, which stands for (0, f).
        seed: int, for the same transformations in each run.
        bounding_box_format: format of bounding boxes among the inputs, e.g. "xyxy"; needed if there are any.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Call arguments: `data`, a dict with "images", shape (batch, height, width, channels), and any of "labels", floating
    one-hot, shape (batch, classes), "bounding_boxes" and "segmentation_masks", or images alone; `training`, True by
    default. Returns floating images; labels in the proportion of the areas; the boxes of all four images, so four times
    as many, those of which nothing is seen with the label -1; masks put together as the images are.

    Raises:
        ArgumentError: if `offset` is out of bounds, or labels are not one-hot.

    References:
        Bochkovskiy et al., 2020, https://arxiv.org/abs/2004.10934.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.Mosaic(offset=(0.5, 0.5), seed=1)
    >>> out = layer({"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)})
    >>> tuple(out["images"].shape), float(kfront.ops.sum(out["labels"]))
    ((2, 4, 4, 3), 2.0)
    """

    _USE_BASE_FACTOR = False
    _kf_normalise = normalisers(offset=_center_limits)
    offset: tuple[float, float]

    def __init__(
        self,
        offset: Limits = (0.25, 0.75),
        seed: Seed = None,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """Images and centers; None if `training` is false."""
        if not training:
            return None
        shape = ops.shape(self._images(data))
        size = ops.cast(ops.stack([shape[self.width_axis], shape[self.height_axis]]), "float32")
        centers = ops.divide(ops.round(ops.multiply(self._draw(data, *self.offset, 2, seed=seed), size)), size)
        return {"permutation_order": self._neighbours(data, seed), "mosaic_centers": centers, "input_shape": shape}

    def _neighbours(self, data: ImageData, seed: Seed) -> Tensor:
        """For each place of the grids, from left to right and from above, the number of the image."""
        images, batch = self._images(data), self._batch_size(data)
        if isinstance(images, KerasTensor):
            return Abstract((images.shape[0] if len(images.shape) == 4 else 1, 4), "int32")
        others = randint((batch, 3), 0, batch, seed=self.generator if seed is None else seed)
        return ops.concatenate([ops.expand_dims(ops.arange(batch, dtype="int32"), 1), others], axis=1)

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The windows; floating."""
        return self._seen(self._computed(images), transformation, training)

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """The windows of the masks."""
        return with_channels(self, segmentation_masks, lambda m: self._seen(m, transformation, training))

    def _seen(self, x: Tensor, transformation: Transformation, training: bool) -> Tensor:
        """A pixel of the window is that of its image at the same place, seen from the center, around the borders."""
        if not training or transformation is None:
            return x
        first = self.data_format == "channels_first"
        x = ops.transpose(x, (0, 2, 3, 1)) if first else x
        order, sizes = transformation["permutation_order"], self._window_size(transformation)
        rows, columns = (
            ops.subtract(ops.expand_dims(ops.arange(n, dtype="int32"), 0), ops.expand_dims(at, 1))
            for n, at in zip(sizes, self._in_pixels(transformation), strict=True)
        )
        below, right = (ops.cast(ops.greater_equal(i, 0), "int32") for i in (rows, columns))
        place = ops.add(ops.expand_dims(ops.multiply(below, 2), 2), ops.expand_dims(right, 1))
        image = ops.take_along_axis(order, ops.reshape(place, (-1, sizes[0] * sizes[1])), axis=1)
        image = ops.reshape(image, (-1, *sizes))
        row = ops.expand_dims(ops.mod(rows, sizes[0]), 2)
        column = ops.expand_dims(ops.mod(columns, sizes[1]), 1)
        at = ops.add(ops.multiply(ops.add(ops.multiply(image, sizes[0]), row), sizes[1]), column)
        seen = ops.take(ops.reshape(x, (-1, ops.shape(x)[-1])), at, axis=0)
        return ops.transpose(seen, (0, 3, 1, 2)) if first else seen

    def _window_size(self, transformation: Transformation) -> tuple[Tensor, Tensor]:
        """Height and width."""
        shape = transformation["input_shape"]
        return shape[self.height_axis], shape[self.width_axis]

    def _in_pixels(self, transformation: Transformation) -> tuple[Tensor, Tensor]:
        """Row and column of each center."""
        centers, sizes = transformation["mosaic_centers"], self._window_size(transformation)
        parts = zip((centers[:, 1], centers[:, 0]), sizes, strict=True)
        row, column = (ops.cast(ops.round(ops.multiply(c, ops.cast(n, "float32"))), "int32") for c, n in parts)
        return row, column

    def transform_labels(self, labels: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The labels in the proportion of the areas."""
        if not training or transformation is None:
            return labels
        if len(labels.shape) != 2 or not is_float(dtype_of(labels)):
            raise ArgumentError(
                f"[{self.name}] expected floating one-hot labels of shape (batch, classes), got shape "
                f"{tuple(labels.shape)} and dtype {dtype_of(labels)}; see kfront.ops.one_hot."
            )
        x, y = transformation["mosaic_centers"][:, 0], transformation["mosaic_centers"][:, 1]
        wide, tall = ops.stack([x, ops.subtract(1.0, x)], 1), ops.stack([y, ops.subtract(1.0, y)], 1)
        areas = ops.reshape(ops.multiply(ops.expand_dims(tall, 2), ops.expand_dims(wide, 1)), (-1, 4, 1))
        four = ops.take(labels, transformation["permutation_order"], axis=0)
        return ops.sum(ops.multiply(four, ops.cast(areas, dtype_of(labels))), axis=1)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """The boxes of the four images where they are seen."""
        if not training or transformation is None:
            return bounding_boxes
        order, (height, width) = transformation["permutation_order"], self._window_size(transformation)
        row, column = self._in_pixels(transformation)
        corners, moved = boxes_in_pixels(self, bounding_boxes, height, width), []
        for place in range(4):
            down = row if place > 1 else ops.subtract(row, height)
            aside = column if place % 2 else ops.subtract(column, width)
            shift = ops.cast(ops.stack([aside, down, aside, down], -1), dtype_of(corners))
            moved.append(ops.add(ops.take(corners, order[:, place], axis=0), ops.expand_dims(shift, 1)))
        four = {
            key: ops.concatenate([ops.take(x, order[:, place], axis=0) for place in range(4)], axis=1)
            for key, x in bounding_boxes.items()
        }
        return boxes_of_pixels(self, four, ops.concatenate(moved, axis=1), height, width)
