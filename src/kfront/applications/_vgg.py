"""VGG: stacks of 3 × 3 convolutions (Simonyan and Zisserman, arXiv:1409.1556)."""

from __future__ import annotations

from functools import partial

from kfront import layers
from kfront.applications._blocks import conv
from kfront.applications._builder import Architecture, Request, classify, pooled
from kfront.applications._signatures import Standard, standard
from kfront.core.typing import Tensor

_FILTERS = (64, 128, 256, 512, 512)


def _features(image: Tensor, request: Request, depths: tuple[int, ...]) -> Tensor:
    x = image
    for block, (filters, depth) in enumerate(zip(_FILTERS, depths, strict=True), 1):
        for i in range(1, depth + 1):
            x = conv(x, filters, 3, f"block{block}_conv{i}", padding="same", activation="relu", use_bias=True)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    return x


def _head(x: Tensor, request: Request) -> Tensor:
    if not request.include_top:
        return pooled(x, request)
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return classify(x, request)


def vgg(*depths: int) -> Standard:
    """The function that makes the VGG with so many convolutions in each of its five blocks."""
    count = sum(depths) + 3  # dense layers
    return standard(
        Architecture(f"VGG{count}", 224, 32, partial(_features, depths=depths), _head),
        name=f"vgg{count}",
        summary=f"VGG with {count} layers of weights.",
        paper="Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, "
        "arXiv:1409.1556.",
        module=f"kfront.applications.vgg{count}",
    )
