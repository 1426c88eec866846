"""Layers that mix the images of a batch with each other: MixUp and CutMix."""

from __future__ import annotations

from typing import Any

from kfront import ops
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError
from kfront.core.options import normalisers
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Seed, Tensor
from kfront.layers.augment.effects import random_boxes
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
from kfront.ops.random import beta, shuffle


class BaseMixing(RandomImageLayer):
    """Base of layers that pair each image of a batch with another one."""

    def _partners(self, data: ImageData, seed: Seed) -> Tensor:
        """For each image the number of the one it is mixed with."""
        if isinstance(self._images(data), KerasTensor):
            return Abstract((self._images(data).shape[0],), "int32")
        return shuffle(ops.arange(self._batch_size(data)), seed=self._source(seed))

    def _source(self, seed: Seed) -> Any:
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
    >>> out["labels"].sum(1).tolist()
    [1.0, 1.0]
    """

    alpha: float
    _normalise = normalisers(alpha=_above_zero)

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: Seed = None, **kwargs: object) -> None:
        super().__init__(**self._store(locals()))

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
    >>> out["labels"].sum(1).tolist()
    [1.0, 1.0]
    """

    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS = (0, 1)
    _normalise = normalisers(factor=strength)

    def __init__(
        self, factor: Limits = 1.0, seed: Seed = None, data_format: str | None = None, **kwargs: object
    ) -> None:
        super().__init__(**self._store(locals()))

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
