"""Xception: depthwise separable convolutions throughout (Chollet, arXiv:1610.02357)."""

from __future__ import annotations

from functools import partial

from kfront import layers
from kfront.applications._blocks import activation, conv, norm
from kfront.applications._builder import Architecture, Request, usual_head
from kfront.applications._signatures import standard
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.core.typing import Tensor

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return list(__all__)


def _separable(x: Tensor, filters: int, name: str) -> Tensor:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return norm(x, f"{name}_bn")


def _relu_separable(x: Tensor, filters: int, name: str) -> Tensor:
    return _separable(activation(x, f"{name}_act"), filters, name)


def _smaller(x: Tensor, y: Tensor, filters: int, name: str) -> Tensor:
    """Half the height and width: the largest of the branch `y`, plus a projection of `x`."""
    shortcut = norm(conv(x, filters, 1, None, strides=2, padding="same"), None)
    y = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(y)
    return layers.Add()([y, shortcut])


def _features(image: Tensor, request: Request) -> Tensor:
    x = activation(norm(conv(image, 32, 3, "block1_conv1", strides=2), "block1_conv1_bn"), "block1_conv1_act")
    x = activation(norm(conv(x, 64, 3, "block1_conv2"), "block1_conv2_bn"), "block1_conv2_act")
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        first = _separable if block == 2 else _relu_separable
        y = first(x, filters, f"block{block}_sepconv1")
        x = _smaller(x, _relu_separable(y, filters, f"block{block}_sepconv2"), filters, f"block{block}")
    for block in range(5, 13):
        y = x
        for i in (1, 2, 3):
            y = _relu_separable(y, 728, f"block{block}_sepconv{i}")
        x = layers.Add()([y, x])
    y = _relu_separable(x, 728, "block13_sepconv1")
    x = _smaller(x, _relu_separable(y, 1024, "block13_sepconv2"), 1024, "block13")
    for name, filters in (("block14_sepconv1", 1536), ("block14_sepconv2", 2048)):
        x = activation(_separable(x, filters, name), f"{name}_act")
    return x


Xception = standard(
    Architecture("Xception", 299, 71, _features, partial(usual_head, average="avg_pool")),
    name="xception",
    summary="Xception, for images of 299 × 299.",
    paper="Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, arXiv:1610.02357.",
    module=__name__,
)
preprocess_input = preprocessing("tf", "Xception", __name__)
