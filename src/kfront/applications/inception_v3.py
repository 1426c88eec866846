"""Inception v3: branches of several kernel sizes, joined (Szegedy et al., arXiv:1512.00567)."""

from __future__ import annotations

from functools import partial
from typing import Any

from kfront import layers
from kfront.applications._blocks import activation, conv, norm
from kfront.applications._builder import Architecture, Request, channel_axis, usual_head
from kfront.applications._signatures import standard
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.core.typing import Tensor

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return list(__all__)


def unit(x: Tensor, filters: int, kernel: Any, strides: int = 1, padding: str = "same") -> Tensor:
    """Convolution, normalization, relu."""
    x = norm(conv(x, filters, kernel, None, strides=strides, padding=padding), None, scale=False)
    return activation(x, None)


def chain(x: Tensor, *units: tuple[int, object]) -> Any:
    """Units one after the other, each given by its filters and kernel."""
    for filters, kernel in units:
        x = unit(x, filters, kernel)
    return x


def mean(x: Tensor) -> Any:
    """The mean of each pixel and those around it."""
    return layers.AveragePooling2D(3, strides=1, padding="same")(x)


def joined(branches: list[Tensor], name: str | None) -> Any:
    """The channels of all branches, side by side."""
    return layers.Concatenate(axis=channel_axis(), name=name)(branches)


def stem(x: Tensor) -> Any:
    """What both versions of Inception here start with."""
    x = unit(x, 32, 3, strides=2, padding="valid")
    x = unit(x, 32, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(unit(x, 64, 3))
    x = unit(x, 80, 1, padding="valid")
    x = unit(x, 192, 3, padding="valid")
    return layers.MaxPooling2D(3, strides=2)(x)


def _square(x: Tensor, last: int, name: str) -> Any:
    """The module for the largest features."""
    branches = [
        chain(x, (64, 1)),
        chain(x, (48, 1), (64, 5)),
        chain(x, (64, 1), (96, 3), (96, 3)),
        chain(mean(x), (last, 1)),
    ]
    return joined(branches, name)


def _rows_and_columns(x: Tensor, width: int, name: str) -> Any:
    """The module for features of middle size: 7 × 7 as 1 × 7 and 7 × 1."""
    row, column = (1, 7), (7, 1)
    branches = [
        chain(x, (192, 1)),
        chain(x, (width, 1), (width, row), (192, column)),
        chain(x, (width, 1), (width, column), (width, row), (width, column), (192, row)),
        chain(mean(x), (192, 1)),
    ]
    return joined(branches, name)


def _wide(x: Tensor, number: int) -> Any:
    """The module for the smallest features: branches that split once more."""
    single = unit(x, 320, 1)
    middle = unit(x, 384, 1)
    middle = joined([unit(middle, 384, (1, 3)), unit(middle, 384, (3, 1))], f"mixed9_{number}")
    deep = chain(x, (448, 1), (384, 3))
    deep = joined([unit(deep, 384, (1, 3)), unit(deep, 384, (3, 1))], None)
    return joined([single, middle, deep, chain(mean(x), (192, 1))], f"mixed{9 + number}")


def _features(image: Tensor, request: Request) -> Any:
    x = stem(image)
    for i, last in enumerate((32, 64, 64)):
        x = _square(x, last, f"mixed{i}")
    direct = unit(x, 384, 3, strides=2, padding="valid")
    deep = unit(chain(x, (64, 1), (96, 3)), 96, 3, strides=2, padding="valid")
    x = joined([direct, deep, layers.MaxPooling2D(3, strides=2)(x)], "mixed3")
    for i, width in enumerate((128, 160, 160, 192), 4):
        x = _rows_and_columns(x, width, f"mixed{i}")
    direct = unit(chain(x, (192, 1)), 320, 3, strides=2, padding="valid")
    deep = unit(chain(x, (192, 1), (192, (1, 7)), (192, (7, 1))), 192, 3, strides=2, padding="valid")
    x = joined([direct, deep, layers.MaxPooling2D(3, strides=2)(x)], "mixed8")
    return _wide(_wide(x, 0), 1)


InceptionV3 = standard(
    Architecture("InceptionV3", 299, 75, _features, partial(usual_head, average="avg_pool")),
    name="inception_v3",
    summary="Inception v3, for images of 299 × 299.",
    paper="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567.",
    module=__name__,
)
preprocess_input = preprocessing("tf", "Inception v3", __name__)
