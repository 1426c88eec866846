"""Image layers that change the size: Resizing, CenterCrop, RandomCrop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.options import normalisers, one_of, positive
from kfront.core.spec import KerasTensor
from kfront.core.typing import LayerOptions, Seed, Tensor, TensorLike
from kfront.layers.augment.geometry_base import boxes_in_pixels, boxes_of_pixels, with_channels
from kfront.layers.augment.image_layer import Boxes, Extent, ImageData, ImageLayer, RandomImageLayer, Transformation
from kfront.ops.image_common import in_proportion, share, window
from kfront.ops.random import uniform

_METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def _frame(size: Sequence[Any], target: tuple[int, int], crop: bool, pad: bool) -> tuple[tuple[Extent, Extent], ...]:
    """Start and length, along both axes, of the window of an image that resizing to `target` shows."""
    h, w = size
    if not (crop or pad):
        return (0, h), (0, w)
    out = []
    for n, wanted in zip(size, in_proportion(h, w, target, crop), strict=True):
        if crop:
            out.append((share(n - wanted, 1, 2), wanted))
        else:
            margin = share(wanted - n, 1, 2)
            out.append((-margin, n + margin * 2))
    return tuple(out)


class _Sized(ImageLayer):
    """Base of layers whose images have a height and width of their own.

    A transformation is ((start, length), (start, length)): which rows and columns of the images are seen; where the
    lengths are not those of the result, the window is resized.
    """

    _kf_normalise = normalisers(height=positive, width=positive)
    _USE_BASE_FACTOR = False
    height: int
    width: int

    def _scaled_boxes(self, bounding_boxes: Boxes, frame: Any, sizes: Any) -> Boxes:
        """Boxes seen through a window that gets the layer's size, cut off at its borders."""
        corners = boxes_in_pixels(self, bounding_boxes, *sizes)
        x1, y1, x2, y2 = ops.split(corners, 4, -1)
        (top, rows), (left, columns) = frame

        def place(v: Tensor, start: TensorLike, length: Any, target: int) -> Any:
            v = ops.subtract(v, ops.cast(start, ops.dtype(v)))
            return ops.divide(ops.multiply(v, float(target)), ops.cast(length, ops.dtype(v)))

        xs = [place(v, left, columns, self.width) for v in (x1, x2)]
        ys = [place(v, top, rows, self.height) for v in (y1, y2)]
        corners = ops.concatenate([xs[0], ys[0], xs[1], ys[1]], -1)
        return boxes_of_pixels(self, bounding_boxes, corners, self.height, self.width)


class Resizing(_Sized):
    """Resizes images.

    Args:
        height: height of the result.
        width: width of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: whether images are first cut about their center to the aspect ratio of the result.
        pad_to_aspect_ratio: whether images are first padded evenly to the aspect ratio of the result.
        fill_mode: "constant": padding holds `fill_value`.
        fill_value: number in padded places.
        antialias: whether the kernel is widened where the image shrinks.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Returns:
        images of shape (batch, height, width, channels) in the dtype of the input, or a dict like the input; masks are
        resized with "nearest".

    Raises:
        ArgumentError: for an unknown option, or both ways of keeping the aspect ratio.

    Example:

    >>> import numpy as np, kfront
    >>> tuple(kfront.layers.Resizing(8, 6)(np.ones((2, 5, 7, 3), "uint8")).shape)
    (2, 8, 6, 3)
    """

    _kf_normalise = normalisers(interpolation=one_of(*_METHODS), fill_mode=one_of("constant"))
    interpolation: str
    antialias: bool
    crop_to_aspect_ratio: bool
    pad_to_aspect_ratio: bool
    fill_mode: str
    fill_value: float

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ArgumentError("[Resizing] expected at most one way of keeping the aspect ratio, got crop and pad.")

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """Height and width of the images."""
        return self._sizes(data)

    def _resized(self, images: Tensor, interpolation: str) -> Tensor:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """Resized images."""
        return self._resized(ops.convert_to_tensor(images), self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """Resized masks."""
        return with_channels(self, segmentation_masks, lambda m: self._resized(m, "nearest"))

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """Boxes in the resized images."""
        target = (self.height, self.width)
        frame = _frame(transformation, target, self.crop_to_aspect_ratio, self.pad_to_aspect_ratio)
        return self._scaled_boxes(bounding_boxes, frame, transformation)


class _Cropped(_Sized):
    """Base of layers that cut a window out of images, and resize images that are too small for it."""

    def _shown(self, images: Tensor, transformation: Transformation, interpolation: str = "bilinear") -> Tensor:
        frame, _ = transformation
        for axis, (start, length) in zip((self.height_axis, self.width_axis), frame, strict=True):
            images = window(images, axis % len(images.shape), start, length)
        lengths = tuple(length for _, length in frame)
        if all(isinstance(n, int) for n in lengths) and lengths == (self.height, self.width):
            return images
        return ops.image.resize(images, (self.height, self.width), interpolation, data_format=self.data_format)

    def _resize_frame(self, sizes: Any) -> tuple[tuple[Extent, Extent], ...]:
        return _frame(sizes, (self.height, self.width), True, False)

    def transform_images(self, images: Tensor, transformation: Transformation = None, training: bool = True) -> Tensor:
        """The windows."""
        return self._shown(self._computed(images), transformation)

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation = None, training: bool = True
    ) -> Tensor:
        """The windows of the masks."""
        return with_channels(self, segmentation_masks, lambda m: self._shown(m, transformation, "nearest"))

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """Boxes in the windows."""
        return self._scaled_boxes(bounding_boxes, *transformation)

    def _window(self, data: ImageData, place: Any) -> Any:
        """(frame, sizes): windows of the layer's size that begin where `place` says, or else resized ones.

        Args:
            data: the inputs.
            place: from the room left along each axis to the start of the window.
        """
        sizes = self._sizes(data)
        target = (self.height, self.width)
        room = [n - t for n, t in zip(sizes, target, strict=True)]
        if all(isinstance(r, int) for r in room):
            if min(room) < 0:
                return self._resize_frame(sizes), sizes
            return tuple(zip(place(*room), target, strict=True)), sizes
        fits = ops.greater_equal(ops.minimum(*room), 0)
        cut = zip(place(*(ops.maximum(r, 0) for r in room)), target, strict=True)
        chosen = [
            tuple(ops.where(fits, a, b) for a, b in zip(one, other, strict=True))
            for one, other in zip(cut, self._resize_frame(sizes), strict=True)
        ]
        return tuple(chosen), sizes


class CenterCrop(_Cropped):
    """Cuts the middle out of images; smaller images are resized so that the largest such window fits.

    Args:
        height: height of the result.
        width: width of the result.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: bounding_box_format, name, trainable, dtype.

    Returns:
        images of shape (batch, height, width, channels), floating, or a dict like the input.

    Raises:
        ArgumentError: if a size is not a positive int.

    Example:

    >>> import numpy as np, kfront
    >>> x = np.arange(16).reshape(1, 4, 4, 1)
    >>> kfront.ops.convert_to_numpy(kfront.layers.CenterCrop(2, 2)(x))[0, ..., 0].tolist()
    [[5.0, 6.0], [9.0, 10.0]]
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """The windows, and the sizes of images."""
        return self._window(data, lambda *room: [share(r, 1, 2) for r in room])


class RandomCrop(_Cropped, RandomImageLayer):
    """Cuts a window from a random place out of images, the same for all images of a batch.

    When not training, and where images are smaller than the window, the largest window of its aspect ratio in the
    middle is resized instead.

    Args:
        height: height of the result.
        width: width of the result.
        seed: int, for the same windows in each run.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        name: name of the layer.
        **kwargs: bounding_box_format, trainable, dtype.

    Returns:
        images of shape (batch, height, width, channels), floating, or a dict like the input.

    Raises:
        ArgumentError: if a size is not a positive int.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.RandomCrop(2, 3, seed=0)
    >>> tuple(layer(np.ones((4, 8, 8, 3)), training=True).shape)
    (4, 2, 3, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: Seed = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def get_random_transformation(self, data: ImageData, training: bool = True, seed: Seed = None) -> Transformation:
        """The window, and the sizes of images."""
        if not training:
            sizes = self._sizes(data)
            return self._resize_frame(sizes), sizes
        return self._window(data, lambda *room: self._places(data, room, seed))

    def _places(self, data: ImageData, room: Any, seed: Seed) -> list[Any]:
        """Where the window begins: a random place of those that are left."""
        if isinstance(self._images(data), KerasTensor):
            return [0, 0]
        shares = uniform((2,), dtype="float32", seed=self.generator if seed is None else seed)
        out = []
        for i, r in enumerate(room):
            place = ops.cast(ops.multiply(shares[i], ops.cast(ops.add(r, 1), "float32")), "int32")
            out.append(ops.minimum(place, r))  # a share just below 1 may round up
        return out
