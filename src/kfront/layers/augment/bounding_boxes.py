"""`MaxNumBoundingBoxes`: as many boxes for each image."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Unpack

from kfront import ops
from kfront.core.options import Option, normalisers, positive
from kfront.core.typing import LayerOptions, Tensor, TensorLike
from kfront.layers.augment.image_layer import Boxes, ImageLayer, Transformation
from kfront.ops.primitives.dtypes import dtype_of


class MaxNumBoundingBoxes(ImageLayer):
    """Gives each image the same number of bounding boxes: what is too much is left out, what is missing filled up.

    Args:
        max_number: number of boxes.
        fill_value: value of the boxes and labels that are put in.
        **kwargs: bounding_box_format, data_format, name, trainable, dtype.

    Call arguments: `data`, a dict with "images" and "bounding_boxes": a dict with "boxes", shape (batch, n, 4), and
    "labels", shape (batch, n). Without boxes, images and dicts are returned as they are.

    Returns a dict like `data`.

    Raises:
        ArgumentError: if `max_number` is not a positive int.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    >>> boxes = {"boxes": np.ones((1, 2, 4)), "labels": np.ones((1, 2))}
    >>> out = layer({"images": np.ones((1, 8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"]
    >>> kfront.ops.convert_to_numpy(out).tolist()
    [[1.0, 1.0, -1.0]]
    """

    _kf_normalise = normalisers(fill_value=Option(), max_number=positive)
    _kf_omitted = MappingProxyType({"bounding_box_format": None, "fill_value": -1})  # as in Keras's files
    max_number: int
    fill_value: Any

    def __init__(self, max_number: int, fill_value: TensorLike = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation = None, training: bool = True
    ) -> Boxes:
        """`max_number` boxes and labels for each image."""
        return {k: self._fitted(v) if k in ("boxes", "labels") else v for k, v in bounding_boxes.items()}

    def _fitted(self, x: Tensor) -> Tensor:
        batch, _, *rest = ops.shape(x)
        filling = ops.full((batch, self.max_number, *rest), self.fill_value, dtype=dtype_of(x))
        fitted = ops.concatenate([x, filling], axis=1)[:, : self.max_number]
        # the number of boxes is known, whatever it was
        return ops.reshape(fitted, (x.shape[0] or -1, self.max_number, *rest))
