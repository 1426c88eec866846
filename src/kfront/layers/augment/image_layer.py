"""The base of all image layers: one random transformation per image, applied to the image and to what belongs to it.

A subclass defines `get_random_transformation` and the `transform_*` methods that do not leave their input as it is. The
methods see batches only; a single image goes through as a batch of one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias, TypeGuard, Unpack

import numpy as np

from kfront import ops
from kfront.backends import backend_scope, current
from kfront.core import tree
from kfront.core.dtypes import at_least_single, is_float
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import Check, normalisers
from kfront.core.rng import SeedGenerator, check_seed, make_default_seed
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import LayerOptions, Seed, Tensor
from kfront.layers.preprocess.data_layer import DataLayer
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.random import uniform

Boxes: TypeAlias = dict[str, Any]
"""Bounding boxes: tensors "boxes" of shape (batch, n, 4) and "labels" of shape (batch, n)."""

Limits: TypeAlias = float | Sequence[float]
"""A number, or a pair of limits."""

Extent: TypeAlias = "float | Tensor"
"""A height or width: a number, or a scalar tensor where it is not known yet."""

ImageData: TypeAlias = "Tensor | dict[str, Any]"
"""What image layers take: images, or a dict with "images" and what belongs to them."""

Transformation: TypeAlias = Any
"""The parameters that a layer draws; only its own `transform_*` methods look into them."""

# key of an input dict -> the method that transforms what is there
_METHODS = {
    "images": "transform_images",
    "bounding_boxes": "transform_bounding_boxes",
    "labels": "transform_labels",
    "segmentation_masks": "transform_segmentation_masks",
}

_FILLING = {"boxes": 0, "labels": -1}  # what images with fewer boxes than others have in place of more


def _where_traced(method: Callable[..., object]) -> Callable[..., object]:
    """`method` that computes on the engine that traces its values, as in `tf.data.Dataset.map`, if called by itself."""

    @functools.wraps(method)
    def wrapped(self: ImageLayer, data: object, *args: object, **kwargs: object) -> object:
        guest = self._guest(data, ()) if current() is self._kf_backend else None
        if guest is None:
            return method(self, data, *args, **kwargs)
        with backend_scope(guest):
            return method(self, data, *args, **kwargs)

    return wrapped


class ImageLayer(DataLayer):
    """Base of layers that transform images, and labels, bounding boxes and segmentation masks with them.

    Args:
        factor: strength of the transformation, a number or a pair of limits; only for classes with `_USE_BASE_FACTOR`.
        bounding_box_format: format of bounding boxes among the inputs, e.g. "xyxy"; needed if there are any.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Attributes:
        height_axis, width_axis, channel_axis: axes of images, counted from the end.

    Call arguments:
        data: images of shape (batch, height, width, channels) or (height, width, channels), channels before the others
            in the layout "channels_first"; or a dict with "images" and any of "labels", "bounding_boxes" (a dict with
            "boxes" and "labels") and "segmentation_masks". Other entries are handed on. Boxes and their labels may be
            ragged, or lists for each image: those that are missing are 0, with the label -1. Boxes become float32
            (float64 with such a policy).
        training: whether random layers act.
    """

    _kf_normalise = normalisers(
        factor=None, value_range=lambda layer, name, value: value_pair(type(layer).__name__, value)
    )
    _kf_omitted: ClassVar = {"bounding_box_format": None}
    _USE_BASE_FACTOR: ClassVar[bool] = True
    _FACTOR_BOUNDS: ClassVar[tuple[float, float]] = (-1, 1)
    bounding_box_format: str | None
    data_format: str
    factor: tuple[float, float]
    height_axis: int
    width_axis: int
    channel_axis: int

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for name in {"get_random_transformation", *_METHODS.values()} & vars(cls).keys():
            setattr(cls, name, _where_traced(vars(cls)[name]))

    def __init__(
        self,
        factor: Limits | None = None,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if self._USE_BASE_FACTOR:
            strong = strength(self, "factor", 0.0 if factor is None else factor)
            self.__dict__.setdefault("factor", strong)  # unless a subclass has its own
        elif factor is not None:
            raise ArgumentError(
                f"[{type(self).__name__}] expected no `factor`, got {factor!r}; this layer has no strength to set."
            )
        self._kf_store(locals())
        last = self.data_format == "channels_last"
        self.height_axis, self.width_axis, self.channel_axis = (-3, -2, -1) if last else (-2, -1, -3)
        self._kf_built_when_made()

    # -- what subclasses define ---------------------------------------------------------------------------------------

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """The parameters of the transformation: anything that the `transform_*` methods understand, or None.

        Args:
            data: as for a call.
            training: whether to act.
            seed: int, SeedGenerator or None for the layer's own.
        """
        return None

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The transformed images, of shape (batch, height, width, channels) in the layer's layout."""
        return images

    def transform_labels(self, labels: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The labels of the transformed images, of shape (batch, ...)."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """The boxes in the transformed images: a dict with "boxes" (batch, n, 4) and "labels" (batch, n)."""
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """The masks of the transformed images, of shape (batch, height, width, ...)."""
        return segmentation_masks

    # -- one image ----------------------------------------------------------------------------------------------------

    def transform_single_image(self, image: Tensor, transformation: Transformation, training: bool = True) -> Tensor:
        """`transform_images` of one image."""
        return self._kf_single(self.transform_images, image, transformation, training)

    def transform_single_label(self, label: Tensor, transformation: Transformation, training: bool = True) -> Tensor:
        """`transform_labels` of one label."""
        return self._kf_single(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(
        self, bounding_box: Boxes, transformation: Transformation, training: bool = True
    ) -> Boxes:
        """`transform_bounding_boxes` of the boxes in one image."""
        return self._kf_single(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Tensor, transformation: Transformation, training: bool = True
    ) -> Tensor:
        """`transform_segmentation_masks` of one mask."""
        return self._kf_single(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    def _kf_single(
        self, method: Callable[..., object], value: object, transformation: Transformation, training: bool
    ) -> Any:
        batch = tree.map_structure(lambda x: ops.expand_dims(ops.convert_to_tensor(x), 0), value)
        return tree.map_structure(_first, method(batch, transformation=transformation, training=training))

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, data: ImageData, training: bool = True) -> Any:
        """The transformed images, or a dict like `data`."""
        batched = self._is_batched(data)
        transformation = self.get_random_transformation(data, training=training)

        def apply(name: str, value: object) -> Any:
            method = getattr(self, name)
            if batched:
                return method(value, transformation=transformation, training=training)
            return self._kf_single(method, value, transformation, training)

        if not isinstance(data, dict):
            return apply("transform_images", data)
        if data.get("bounding_boxes") is not None and not self.bounding_box_format:
            raise ArgumentError(
                f"[{self.name}] expected `bounding_box_format` for inputs with bounding boxes, got None; make the "
                f"layer as {type(self).__name__}(..., bounding_box_format='xyxy') or in the format they have."
            )
        if data.get("bounding_boxes") is not None:
            data = {**data, "bounding_boxes": self._dense_boxes(data["bounding_boxes"])}
        done = {k: apply(m, data[k]) for k, m in _METHODS.items() if k in data}
        return {k: done.get(k, v) for k, v in data.items()}

    def _images(self, data: ImageData) -> Tensor:
        """The images among the inputs."""
        if not isinstance(data, dict):
            return data
        if "images" not in data:
            raise ArgumentError(f"[{self.name}] expected a dict with the key 'images', got {sorted(map(str, data))}.")
        return data["images"]

    def _is_batched(self, data: ImageData) -> bool:
        """Whether there is a batch of images, not a single one.

        Raises:
            ShapeError: if the rank of the images is neither 3 nor 4.
        """
        shape = getattr(self._images(data), "shape", None)
        if shape is None or len(shape) not in (3, 4):
            got = type(data).__name__ if shape is None else f"shape {tuple(shape)}"
            raise ShapeError(
                f"[{self.name}] expected images of rank 3 (one image) or 4 (a batch), got {got}; several inputs go in "
                "one dict with the key 'images'."
            )
        return len(shape) == 4

    def _dense_boxes(self, bounding_boxes: Boxes) -> Boxes:
        """Boxes in a dtype that holds coordinates, and their labels: tensors with as many for each image."""
        found = {k: _dense(v, _FILLING[k]) if k in _FILLING else v for k, v in bounding_boxes.items()}
        if "boxes" in found:
            boxes = ops.cast(found["boxes"], at_least_single(self.compute_dtype))
            empty = tuple(boxes.shape[-1:]) == (0,)  # a tensor of empty lists
            found["boxes"] = ops.reshape(boxes, (*boxes.shape, 4)) if empty else boxes
        return found

    # -- helpers of subclasses ----------------------------------------------------------------------------------------

    def _sizes(self, data: ImageData) -> tuple[Tensor, Tensor]:
        """Height and width of the images: ints, or scalar tensors where they are not known before."""
        shape = ops.shape(self._images(data))
        return shape[self.height_axis], shape[self.width_axis]

    def _batch_size(self, data: ImageData) -> Any:
        """Number of images: an int, or a scalar tensor where it is not known before; 1 for a single image."""
        images = self._images(data)
        return ops.shape(images)[0] if len(images.shape) == 4 else 1

    def _computed(self, images: Tensor) -> Tensor:
        """Images in the layer's compute dtype."""
        dtype = self.compute_dtype
        return ops.cast(images, dtype if is_float(dtype) else "float32")


class RandomImageLayer(ImageLayer):
    """Base of image layers that draw random numbers.

    Args:
        seed: int, for the same transformations in each run.
    """

    _kf_normalise = normalisers(seed=lambda layer, name, value: check_seed(value, type(layer).__name__))
    seed: int | None

    def __init__(self, *args: Any, seed: Seed = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(*args, **kwargs)
        self._kf_store(locals())
        if not isinstance(seed, SeedGenerator):  # with a seed in any case: threads and processes draw from it
            seed = SeedGenerator(make_default_seed() if self.seed is None else self.seed)
        self.generator = seed

    def _draw(
        self,
        data: ImageData,
        low: float | Tensor = 0.0,
        high: float | Tensor = 1.0,
        *more: object,
        seed: Seed = None,
        dtype: str = "float32",
    ) -> Tensor:
        """Uniform numbers in [low, high), of shape (batch, *more); one number for each image without `more`.

        Nothing is drawn for symbolic images.
        """
        return self._once(data, low, high, self._batch_size(data), *more, seed=seed, dtype=dtype)

    def _once(
        self,
        data: ImageData,
        low: float | Tensor = 0.0,
        high: float | Tensor = 1.0,
        *shape: Any,
        seed: Seed = None,
        dtype: str = "float32",
    ) -> Tensor:
        """Uniform numbers in [low, high), of this shape, for all images together."""
        if isinstance(self._images(data), KerasTensor):
            return Abstract(tuple(d if isinstance(d, int) else None for d in shape), dtype)
        return uniform(shape, low, high, dtype=dtype, seed=self.generator if seed is None else seed)


def _dense(x: object, filling: int) -> Tensor:
    """A tensor of what is ragged, or a list of arrays of several lengths, filled at the end."""
    to_tensor = getattr(x, "to_tensor", None)  # of TensorFlow's ragged tensors
    if to_tensor is not None:
        return to_tensor(filling)
    if not isinstance(x, (list, tuple)):
        return ops.convert_to_tensor(x)
    rows = [ops.convert_to_tensor(row) for row in x]
    if not rows or not rows[0].shape:
        return ops.convert_to_tensor(x)
    longest = max(rows, key=lambda row: row.shape[0])

    def filled(row: Tensor) -> Tensor:
        missing = (longest.shape[0] - row.shape[0], *longest.shape[1:])
        more = ops.full(missing, filling, dtype=dtype_of(longest))
        return ops.concatenate([row, more]) if row.shape[0] else more

    return ops.stack([filled(row) if row.shape[0] < longest.shape[0] else row for row in rows])


def _first(x: Tensor) -> Tensor:
    return ops.squeeze(x, 0)


def per_image(values: Tensor, rank: int = 4) -> Tensor:
    """Numbers of shape (batch,) in the shape (batch, 1, ...) of this rank."""
    return ops.reshape(values, (-1, *(1,) * (rank - 1)))


def rescaled(x: Tensor, old: Sequence[float], new: Sequence[float]) -> Tensor:
    """Values from the range `old` in the range `new`; floating tensors."""
    if tuple(old) == tuple(new):
        return x
    scale = (new[1] - new[0]) / (old[1] - old[0])
    return ops.add(ops.multiply(ops.subtract(x, old[0]), scale), new[0])


def back(x: Tensor, like: Tensor) -> Tensor:
    """`x` in the dtype of `like`; rounded towards zero where that is an integer type."""
    return ops.cast(x, dtype_of(like))


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float, np.number))


def number_pair(
    who: str, name: str, value: object, low: float, high: float, strict: bool = True
) -> tuple[float, float]:
    """Limits from which a strength is drawn: a pair in order, or a number within bounds, which makes a pair.

    A number stands for (0, number) if `low` is not negative, else for (-number, number). A pair that is not `strict`
    may go beyond the bounds at one end.

    Raises:
        ArgumentError: if it is neither, or lies out of bounds.
    """
    pair = sorted(value) if isinstance(value, (list, tuple, np.ndarray)) and all(map(_number, value)) else []
    if len(pair) == 2 and (low <= pair[0] and pair[1] <= high if strict else pair[0] <= high and pair[1] >= low):
        return (pair[0], pair[1])
    if _number(value) and low <= value <= high:
        return (-abs(value), abs(value)) if low < 0 else (0, value)
    raise ArgumentError(
        f"[{who}] expected `{name}` to be a number between {low:g} and {high:g}, or a pair of them, got {value!r}."
    )


def strength(layer: ImageLayer, name: str, value: object) -> tuple[float, float]:
    """Limits of a strength within the bounds of the layer's class."""
    return number_pair(type(layer).__name__, name, value, *layer._FACTOR_BOUNDS, strict=False)


def pair_within(low: float, high: float, strict: bool = True) -> Check:
    """The check that an option is a pair of limits, or a number, within bounds."""
    return lambda layer, name, value: number_pair(type(layer).__name__, name, value, low, high, strict)


def value_pair(who: str, value: object) -> tuple[float, float]:
    """The lowest and the highest value that images can have.

    Raises:
        ArgumentError: if it is no pair of different numbers.
    """
    pair = tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else ()
    if len(pair) != 2 or not all(map(_number, pair)) or pair[0] == pair[1]:
        raise ArgumentError(
            f"[{who}] expected `value_range` to be a pair (lowest, highest), got {value!r}; images have (0, 255) or "
            "(0, 1) as a rule."
        )
    return (min(pair), max(pair))
