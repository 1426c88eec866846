"""Inception-ResNet v2: Inception's branches as residuals (Szegedy et al., arXiv:1602.07261)."""

from __future__ import annotations

from functools import partial
from typing import Any

from kfront import layers, ops
from kfront.applications._blocks import activation, conv, norm
from kfront.applications._builder import Architecture, Request, channel_axis, usual_head
from kfront.applications._signatures import standard
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.applications.inception_v3 import chain, joined, mean, stem, unit
from kfront.core.registry import serializable
from kfront.core.typing import Tensor
from kfront.layers.options import OptionLayer

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

# kind of block -> filters and kernels of each branch
_BRANCHES = {
    "block35": (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))),
    "block17": (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))),
    "block8": (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))),
}


def __dir__() -> list[str]:
    return list(__all__)


@serializable("keras.src.applications.inception_resnet_v2")
class CustomScaleLayer(OptionLayer):
    """`inputs[0] + scale * inputs[1]`.

    Args:
        scale: the factor.
        **kwargs: name, trainable, dtype.
    """

    scale: float

    def __init__(self, scale: float, **kwargs: object) -> None:
        super().__init__(**self._kf_store(locals()))

    def call(self, inputs: Tensor) -> Any:
        """The sum for a list of two tensors of one shape."""
        x, y = inputs
        return ops.add(x, ops.multiply(y, self.scale))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the first input."""
        return tuple(input_shape[0])


def _block(x: Tensor, kind: str, number: int, scale: float, last: bool = False) -> Tensor:
    name, channels = f"{kind}_{number}", x.shape[channel_axis()]
    y = joined([chain(x, *branch) for branch in _BRANCHES[kind]], f"{name}_mixed")
    y = conv(y, channels, 1, f"{name}_conv", padding="same", use_bias=True)
    x = CustomScaleLayer(scale)([x, y])
    return x if last else activation(x, f"{name}_ac")


def _features(image: Tensor, request: Request) -> Tensor:
    x = stem(image)
    branches = [
        chain(x, (96, 1)),
        chain(x, (48, 1), (64, 5)),
        chain(x, (64, 1), (96, 3), (96, 3)),
        chain(mean(x), (64, 1)),
    ]
    x = joined(branches, "mixed_5b")
    for i in range(1, 11):
        x = _block(x, "block35", i, 0.17)
    branches = [_half(x, 384), _half(chain(x, (256, 1), (256, 3)), 384), layers.MaxPooling2D(3, strides=2)(x)]
    x = joined(branches, "mixed_6a")
    for i in range(1, 21):
        x = _block(x, "block17", i, 0.1)
    branches = [
        _half(chain(x, (256, 1)), 384),
        _half(chain(x, (256, 1)), 288),
        _half(chain(x, (256, 1), (288, 3)), 320),
        layers.MaxPooling2D(3, strides=2)(x),
    ]
    x = joined(branches, "mixed_7a")
    for i in range(1, 10):
        x = _block(x, "block8", i, 0.2)
    x = _block(x, "block8", 10, 1.0, last=True)
    x = norm(conv(x, 1536, 1, "conv_7b", padding="same"), "conv_7b_bn", scale=False)
    return activation(x, "conv_7b_ac")


def _half(x: Tensor, filters: int) -> Tensor:
    return unit(x, filters, 3, strides=2, padding="valid")


InceptionResNetV2 = standard(
    Architecture("InceptionResNetV2", 299, 75, _features, partial(usual_head, average="avg_pool")),
    name="inception_resnet_v2",
    summary="Inception-ResNet v2, for images of 299 × 299.",
    paper="Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, "
    "arXiv:1602.07261.",
    module=__name__,
)
preprocess_input = preprocessing("tf", "Inception-ResNet v2", __name__)
