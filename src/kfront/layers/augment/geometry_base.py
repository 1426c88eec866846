"""What the geometric image layers share: masks without channels, boxes in pixels, projective transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kfront import ops
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError, UnsupportedError
from kfront.core.options import Check, choice, normalisers
from kfront.core.typing import Seed, Tensor
from kfront.layers.augment.image_layer import Boxes, Extent, ImageData, Limits, RandomImageLayer, Transformation
from kfront.utils.bounding_boxes.formats import corners, from_corners
from kfront.utils.bounding_boxes.geometry import clip_to_image_size, moved

FILL_MODES = ("reflect", "wrap", "constant", "nearest")


def mode_of(*allowed: str) -> Check:
    """The check of a way to fill or to interpolate; others do not exist yet, as the class of the error says."""

    def check(owner: object, name: str, value: Any) -> str | None:
        try:
            return choice(owner, name, value, allowed)
        except ArgumentError as error:
            raise UnsupportedError(str(error)) from None

    return check


def with_channels(layer: Any, masks: object, move: Callable[[Tensor], Tensor]) -> Tensor:
    """`move` applied to a batch of masks, which may lack the axis of channels."""
    masks = ops.convert_to_tensor(masks)
    if len(masks.shape) == 4:
        return move(masks)
    axis = layer.channel_axis
    return ops.squeeze(move(ops.expand_dims(masks, axis)), axis)


def boxes_in_pixels(layer: Any, bounding_boxes: Boxes, height: Extent, width: Extent) -> Tensor:
    """Corners (left, top, right, bottom) of boxes in the layer's format."""
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    if not is_float(ops.dtype(boxes)):
        boxes = ops.cast(boxes, "float32")
    return corners(layer.name, boxes, layer.bounding_box_format, height, width)


def boxes_of_pixels(layer: Any, bounding_boxes: Boxes, pixels: Tensor, height: Extent, width: Extent) -> Boxes:
    """`bounding_boxes` with other corners, in the layer's format: cut off at the borders, lost ones labelled -1."""
    out = clip_to_image_size({**bounding_boxes, "boxes": pixels}, height, width)
    boxes = from_corners(layer.name, out["boxes"], layer.bounding_box_format, height, width)
    return {**out, "boxes": boxes}


def sizes_in(layer: RandomImageLayer, transformation: Transformation) -> tuple[Extent, Extent]:
    """Height and width of the images that a transformation was drawn for."""
    if "input_shape" not in transformation:
        return transformation["image_height"], transformation["image_width"]
    return transformation["input_shape"][layer.height_axis], transformation["input_shape"][layer.width_axis]


def columns(transformation: Transformation, name: str) -> list[Tensor]:
    """The numbers of a transformation that have one row for each image, by columns, float32."""
    values = ops.cast(transformation[name], "float32")
    return [values[:, i] for i in range(values.shape[1])]


def projective(a: Sequence[Any], b: Sequence[Any], c: Sequence[Any] = (0.0, 0.0)) -> Tensor:
    """Transforms of shape (batch, 8) from their numbers, tensors of shape (batch,) or Python numbers."""
    parts = [*a, *b, *c]
    like = next(p for p in parts if not isinstance(p, (int, float)))
    zero = ops.zeros_like(like)
    return ops.stack([ops.add(zero, p) for p in parts], -1)


def _forward(transform: Tensor) -> Tensor:
    """The matrices (batch, 3, 3) that move points as `transform` moves the pixels, which it looks up the other way.

    The inverse up to a factor, which is all that counts: the adjugate, made of cross products of rows.
    """
    rows = ops.concatenate([transform, ops.ones_like(transform[:, :1])], -1)
    a, b, c = rows[:, 0:3], rows[:, 3:6], rows[:, 6:9]
    return ops.stack([ops.cross(b, c), ops.cross(c, a), ops.cross(a, b)], -1)


class MovedImages(RandomImageLayer):
    """Base of layers that move images by a random projective transform: a subclass says by which.

    A transformation is a dict of what was drawn, by Keras's names, and "input_shape", the shape of the images.
    """

    _kf_normalise = normalisers(fill_mode=mode_of(*FILL_MODES), interpolation=mode_of("nearest", "bilinear"))
    _USE_BASE_FACTOR = False
    fill_mode: str = "constant"
    fill_value: float
    interpolation: str = "nearest"

    def drawn(self, data: ImageData, height: Extent, width: Extent, seed: Seed) -> dict[str, Tensor]:
        """The numbers of the transforms, float32.

        Args:
            data: the inputs.
            height: height of the images, a number or a scalar tensor, float32.
            width: width of the images.
            seed: for `_draw`.
        """
        raise NotImplementedError

    def transform_of(self, transformation: Transformation, height: Extent, width: Extent) -> Tensor:
        """Transforms of shape (batch, 8), float32, as for `kfront.ops.image.affine_transform`, from their numbers."""
        raise NotImplementedError

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """The numbers of the transforms and the shape of images; None when not training."""
        if not training:
            return None
        shape = ops.shape(self._images(data))
        height, width = self._extents(shape)
        return {**self.drawn(data, height, width, seed), "input_shape": shape}

    def _extents(self, shape: Sequence[Extent]) -> list[Extent]:
        """Height and width of images of this shape, float32."""
        sizes = (shape[self.height_axis], shape[self.width_axis])
        return [float(v) if isinstance(v, int) else ops.cast(v, "float32") for v in sizes]

    def get_transformed_x_y(self, x: Tensor, y: Tensor, transform: Tensor) -> tuple[Tensor, Tensor]:
        """Where the points (x, y), of shape (batch, ...), are looked up by `transform`, of shape (batch, 8)."""
        x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
        columns = ops.split(ops.convert_to_tensor(transform), 8, -1)
        a0, a1, a2, b0, b1, b2, c0, c1 = (ops.reshape(c, (-1, *(1,) * (len(x.shape) - 1))) for c in columns)
        k = c0 * x + c1 * y + 1.0
        return (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k

    def _moved(self, images: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        transform = self.transform_of(transformation, *self._extents(ops.shape(images)))
        if len(images.shape) == 3:
            transform = ops.reshape(transform, (8,))
        options = (interpolation, self.fill_mode, self.fill_value, self.data_format)
        return ops.image.affine_transform(images, transform, *options)

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The moved images."""
        images = self._computed(images)
        if not training or transformation is None:
            return images
        return self._moved(images, transformation, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """The moved masks: each pixel is one of the input."""
        if not training or transformation is None:
            return segmentation_masks
        return with_channels(self, segmentation_masks, lambda m: self._moved(m, transformation, "nearest"))

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """Upright boxes around the moved boxes."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = sizes_in(self, transformation)
        pixels = boxes_in_pixels(self, bounding_boxes, height, width)
        matrix = _forward(self.transform_of(transformation, *self._extents((height, width, 0))))
        pixels = moved(pixels, ops.cast(matrix, ops.dtype(pixels)))
        return boxes_of_pixels(self, bounding_boxes, pixels, height, width)


def columns_changed(bounding_boxes: Boxes, change: Callable[..., Sequence[Tensor]]) -> Boxes:
    """`bounding_boxes` with `change` applied to the columns left, top, right and bottom, each (batch, boxes)."""
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    return {**bounding_boxes, "boxes": ops.stack(change(*(boxes[..., i] for i in range(4))), -1)}


class ShiftedBoxes:
    """The method that Keras's layers have besides for moving boxes by hand."""

    def get_shifted_bbox(self, bounding_boxes: Boxes, w_shift_factor: Limits, h_shift_factor: Limits) -> Boxes:
        """Boxes moved to the left and up.

        Args:
            bounding_boxes: dict with "boxes", corners of shape (batch, boxes, 4), and "labels".
            w_shift_factor: how far to the left, in the unit of the boxes; number or tensor that broadcasts to
                (batch, boxes).
            h_shift_factor: how far up.

        Returns:
            A dict like `bounding_boxes`; boxes are not cut off.
        """
        w, h = w_shift_factor, h_shift_factor
        return columns_changed(bounding_boxes, lambda a, b, c, d: (a - w, b - h, c - w, d - h))
