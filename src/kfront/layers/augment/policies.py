"""Layers that choose among other image layers at random: RandAugment and AugMix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kfront import ops
from kfront.core.options import normalisers, not_negative, one_of, positive
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Seed, Tensor
from kfront.layers.augment.color import BaseColor, RandomBrightness, RandomColorDegeneration, RandomContrast
from kfront.layers.augment.effects import RandomSharpness
from kfront.layers.augment.geometry import RandomRotation, RandomShear, RandomTranslation
from kfront.layers.augment.image_layer import Boxes, ImageData, Limits, Transformation, number_pair, pair_within
from kfront.layers.augment.tone import AutoContrast, Equalization, RandomPosterization, Solarization
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.random import gamma, randint


class BasePolicy(BaseColor):
    """Base of layers that apply other layers, whose numbers are drawn from one generator."""

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)
    _always_floating = True
    factor: tuple[float, float]
    interpolation: str

    def _make_layers(self) -> None:
        """Make the layers that are chosen from."""
        for name, part in self._made().items():
            setattr(self, name, part)

    def _made(self) -> dict[str, Any]:
        common: dict[str, Any] = {
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
            "bounding_box_format": self.bounding_box_format,
        }
        drawn = {**common, "seed": self.generator}
        ranged = {"value_range": self.value_range}
        moved = {**drawn, "interpolation": self.interpolation}
        factor = self.factor
        bits = (1, max(int(8 * factor[1]), 1))
        return {
            "random_shear": RandomShear(factor, factor, **moved),
            "random_translation": RandomTranslation(factor, factor, **moved),
            "random_rotation": RandomRotation(factor, **moved),
            "random_brightness": RandomBrightness(factor, **ranged, **drawn),
            "random_color_degeneration": RandomColorDegeneration(factor, **ranged, **drawn),
            "random_contrast": RandomContrast(factor, **ranged, **drawn),
            "random_sharpness": RandomSharpness(factor, **ranged, **drawn),
            "random_posterization": RandomPosterization(bits, **ranged, **drawn),
            "solarization": Solarization(factor, factor, **ranged, **drawn),
            "auto_contrast": AutoContrast(**ranged, **common),
            "equalization": Equalization(**ranged, **common),
        }

    def _integers(self, data: ImageData, shape: tuple[int, ...], low: int, high: int, seed: Seed) -> Tensor:
        """Integers in [low, high), for all images together."""
        if isinstance(self._images(data), KerasTensor):
            return Abstract(shape, "int32")
        return randint(shape, low, high, seed=self.generator if seed is None else seed)

    def _transforms(self, data: ImageData, names: Sequence[str], seed: Seed) -> dict[str, object]:
        """Parameters of each layer."""
        return {n: getattr(self, n).get_random_transformation(data, seed=seed) for n in names}

    def _one_of(self, method: str, index: object, x: Tensor | Boxes, transforms: dict[str, object]) -> Any:
        """`x` transformed by the layer that `index` chooses; as it is for a number behind the last layer's."""

        def branch(name: str) -> Any:
            return lambda v: getattr(getattr(self, name), method)(v, transformation=transforms[name], training=True)

        return ops.switch(index, [*map(branch, transforms), lambda v: v], x)


_GEOMETRY = ("random_shear", "random_translation", "random_rotation")
_COLOURS = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")
_TONES = ("random_posterization", "solarization", "auto_contrast", "equalization")


class RandAugment(BasePolicy):
    """Applies a few layers that are chosen at random for each batch: RandAugment.

    Chosen from are shears, translations, rotations, brightness, colour degeneration, contrast, sharpness,
    posterization, solarization, auto-contrast and equalization.

    Args:
        value_range: the lowest and the highest value that images can have.
        num_ops: number of layers that are applied, one after the other.
        factor: strength of each layer: a pair of limits between 0 and 1, or a number f, which stands for (0, f).
        interpolation: "bilinear" or "nearest", for shears, translations and rotations.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, 3) or (height, width, 3), or a dict with "images" and
    any of "labels", "bounding_boxes" and "segmentation_masks", which are moved as the images are; `training`, True by
    default. Returns floating images.

    Raises:
        ArgumentError: for an option out of bounds.

    References:
        Cubuk et al., 2019, https://arxiv.org/abs/1909.13719.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandAugment(num_ops=2, factor=0.3, seed=1)
    >>> tuple(layer(np.ones((2, 8, 8, 3), "uint8")).shape)
    (2, 8, 8, 3)
    """

    _LAYERS = (*_GEOMETRY, *_COLOURS, *_TONES)
    num_ops: int
    _kf_normalise = normalisers(
        factor=pair_within(0, 1), interpolation=one_of("bilinear", "nearest"), num_ops=not_negative
    )

    def __init__(
        self,
        value_range: Limits = (0, 255),
        num_ops: int = 2,
        factor: Limits = 0.5,
        interpolation: str = "bilinear",
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._make_layers()

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        transforms = self._transforms(data, self._LAYERS, seed)
        return {
            "transforms": transforms,
            "layer_idxes": self._integers(data, (self.num_ops,), 0, len(transforms), seed),
        }

    def _each(self, method: str, x: Tensor | Boxes, transformation: Transformation, count: int) -> Any:
        transforms = dict(list(transformation["transforms"].items())[:count])
        for i in range(self.num_ops):
            x = self._one_of(method, transformation["layer_idxes"][i], x, transforms)
        return x

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        if isinstance(images, KerasTensor):
            return images
        return self._each("transform_images", images, transformation, len(self._LAYERS))

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """The masks, moved as the images are."""
        if not training or transformation is None or isinstance(segmentation_masks, KerasTensor):
            return segmentation_masks
        return self._each("transform_segmentation_masks", segmentation_masks, transformation, len(_GEOMETRY))

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """The boxes, moved as the images are."""
        if not training or transformation is None or isinstance(bounding_boxes["boxes"], KerasTensor):
            return bounding_boxes
        return self._each("transform_bounding_boxes", self._dense_boxes(bounding_boxes), transformation, len(_GEOMETRY))


def _alpha(layer: AugMix, name: str, value: object) -> Any:
    number_pair("AugMix", name, value, 1e-6, float("inf"))
    return value


class AugMix(BasePolicy):
    """Mixes each image with the results of several short chains of random layers: AugMix.

    The layers and weights are the same for all images of a batch.

    Args:
        value_range: the lowest and the highest value that images can have.
        num_chains: number of chains.
        chain_depth: the largest number of layers in a chain; from 1 to it are applied.
        factor: strength of each layer: a pair of limits between 0 and 1, or a number f, which stands for (0, f).
        alpha: parameter of the distributions of the weights: Dirichlet for the chains, Beta for image and mixture.
        all_ops: whether brightness, colour degeneration, contrast and sharpness are among the layers.
        interpolation: "bilinear" or "nearest", for shears, translations and rotations.
        seed: int, for the same transformations in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Call arguments: `data`, images of shape (batch, height, width, 3) or (height, width, 3), or a dict with them under
    "images"; `training`, True by default. Returns floating images; labels, boxes and masks stay as they are.

    Raises:
        ArgumentError: for an option out of bounds.

    References:
        Hendrycks et al., 2019, https://arxiv.org/abs/1912.02781.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.AugMix(num_chains=2, seed=1)
    >>> tuple(layer(np.ones((2, 8, 8, 3), "uint8")).shape)
    (2, 8, 8, 3)
    """

    num_chains: int
    chain_depth: int
    alpha: float
    all_ops: bool
    _kf_normalise = normalisers(
        alpha=_alpha,
        chain_depth=positive,
        factor=pair_within(0, 1),
        interpolation=one_of("bilinear", "nearest"),
        num_chains=positive,
    )

    def __init__(
        self,
        value_range: Limits = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Limits = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._make_layers()

    def _drawn(self, data: ImageData, seed: Seed) -> Transformation:
        names = (*_GEOMETRY, *(_COLOURS if self.all_ops else ()), *_TONES)
        shape = (self.num_chains, self.chain_depth)
        depths = self._integers(data, (self.num_chains, 1), 1, self.chain_depth + 1, seed)
        chosen = self._integers(data, shape, 0, len(names), seed)
        step = ops.reshape(ops.arange(self.chain_depth), (1, -1))
        weights = self._gammas(data, self.num_chains, seed)
        pair = self._gammas(data, 2, seed)
        return {
            "chain_mixing_weights": ops.divide(weights, ops.sum(weights)),
            "weight_sample": ops.divide(pair[0], ops.sum(pair)),
            "layer_idxes": ops.where(ops.less(step, depths), chosen, len(names)),
            "transforms": [self._transforms(data, names, seed) for _ in range(self.num_chains)],
        }

    def _gammas(self, data: ImageData, count: int, seed: Seed) -> Tensor:
        """Numbers whose parts of their sum have a Dirichlet distribution."""
        if isinstance(self._images(data), KerasTensor):
            return Abstract((count,), "float32")
        drawn = gamma((count,), self.alpha, dtype="float32", seed=self.generator if seed is None else seed)
        return ops.maximum(drawn, 1e-30)

    def _transformed(self, images: Tensor, transformation: Transformation) -> Tensor:
        if isinstance(images, KerasTensor):
            return images
        dtype = dtype_of(images)
        weights = ops.cast(transformation["chain_mixing_weights"], dtype)
        mixed: Any = None
        for chain, transforms in enumerate(transformation["transforms"]):
            x = images
            for step in range(self.chain_depth):
                x = self._one_of("transform_images", transformation["layer_idxes"][chain, step], x, transforms)
            x = ops.multiply(x, weights[chain])
            mixed = x if mixed is None else ops.add(mixed, x)
        share = ops.cast(transformation["weight_sample"], dtype)
        return ops.add(mixed, ops.multiply(ops.subtract(images, mixed), share))
