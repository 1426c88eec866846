"""DenseNet: every layer gets the outputs of all layers before it (Huang et al., arXiv:1608.06993)."""

from __future__ import annotations

from functools import partial

from kfront import layers
from kfront.applications._blocks import activation, conv, norm, pad
from kfront.applications._builder import Architecture, Request, channel_axis, usual_head
from kfront.applications._signatures import Standard, standard
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.core.typing import Tensor

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_EPSILON = 1.001e-5
_GROWTH = 32  # channels that each layer adds


def __dir__() -> list[str]:
    return list(__all__)


def _norm_relu(x: Tensor, name: str) -> Tensor:
    separator = "_" if name else ""
    return activation(norm(x, f"{name}{separator}bn", epsilon=_EPSILON), f"{name}{separator}relu")


def _dense_layer(x: Tensor, name: str) -> Tensor:
    new = conv(_norm_relu(x, f"{name}_0"), 4 * _GROWTH, 1, f"{name}_1_conv")
    new = conv(_norm_relu(new, f"{name}_1"), _GROWTH, 3, f"{name}_2_conv", padding="same")
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, new])


def _transition(x: Tensor, name: str) -> Tensor:
    """Half the channels, half the height and width."""
    x = _norm_relu(x, name)
    x = conv(x, x.shape[channel_axis()] // 2, 1, f"{name}_conv")
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _features(image: Tensor, request: Request, depths: tuple[int, ...]) -> Tensor:
    x = conv(pad(image, 3), 64, 7, "conv1_conv", strides=2)
    x = pad(activation(norm(x, "conv1_bn", epsilon=_EPSILON), "conv1_relu"), 1)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, depth in enumerate(depths, 2):
        for i in range(1, depth + 1):
            x = _dense_layer(x, f"conv{stage}_block{i}")
        if stage <= len(depths):
            x = _transition(x, f"pool{stage}")
    return _norm_relu(x, "")


def _densenet(depth: int, *depths: int) -> Standard:
    return standard(
        Architecture(
            f"DenseNet{depth}",
            224,
            32,
            partial(_features, depths=depths),
            partial(usual_head, average="avg_pool", pool=("avg_pool", "max_pool")),
        ),
        name=f"densenet{depth}",
        summary=f"DenseNet with {depth} layers.",
        paper="Huang et al., Densely Connected Convolutional Networks, arXiv:1608.06993.",
        module=__name__,
    )


DenseNet121 = _densenet(121, 6, 12, 24, 16)
DenseNet169 = _densenet(169, 6, 12, 32, 32)
DenseNet201 = _densenet(201, 6, 12, 48, 32)
preprocess_input = preprocessing("torch", "DenseNet", __name__)
