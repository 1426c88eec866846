"""Residual networks of both versions: blocks that add to what they get (He et al., arXiv:1512.03385, 1603.05027)."""

from __future__ import annotations

from functools import partial

from kfront import layers
from kfront.applications._blocks import activation, conv, norm, pad
from kfront.applications._builder import Architecture, Request, usual_head
from kfront.applications._signatures import Standard, standard
from kfront.core.typing import Tensor

_FILTERS = (64, 128, 256, 512)  # of the narrow convolutions in each stage; blocks put out four times as many
_DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def _norm(x: Tensor, name: str) -> Tensor:
    return norm(x, f"{name}_bn", epsilon=1.001e-5)


def _norm_relu(x: Tensor, name: str) -> Tensor:
    return activation(_norm(x, name), f"{name}_relu")


def _stem(image: Tensor, after: bool) -> Tensor:
    x = conv(pad(image, 3, "conv1_pad"), 64, 7, "conv1_conv", strides=2, use_bias=True)
    x = _norm_relu(x, "conv1") if after else x
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(pad(x, 1, "pool1_pad"))


_HEAD = partial(usual_head, average="avg_pool", pool=("avg_pool", "max_pool"))


# ---- version 1: normalization after convolutions ---------------------------------------------------------------------


def _block(x: Tensor, filters: int, strides: int, project: bool, name: str) -> Tensor:
    shortcut = x
    if project:
        shortcut = _norm(conv(x, 4 * filters, 1, f"{name}_0_conv", strides=strides, use_bias=True), f"{name}_0")
    y = _norm_relu(conv(x, filters, 1, f"{name}_1_conv", strides=strides, use_bias=True), f"{name}_1")
    y = _norm_relu(conv(y, filters, 3, f"{name}_2_conv", padding="same", use_bias=True), f"{name}_2")
    y = _norm(conv(y, 4 * filters, 1, f"{name}_3_conv", use_bias=True), f"{name}_3")
    return activation(layers.Add(name=f"{name}_add")([shortcut, y]), f"{name}_out")


def _features(image: Tensor, request: Request, depths: tuple[int, ...]) -> Tensor:
    x = _stem(image, after=True)
    for stage, (filters, depth) in enumerate(zip(_FILTERS, depths, strict=True), 2):
        for i in range(1, depth + 1):
            strides = 2 if i == 1 and stage > 2 else 1
            x = _block(x, filters, strides, i == 1, f"conv{stage}_block{i}")
    return x


# ---- version 2: normalization before convolutions --------------------------------------------------------------------


def _block_v2(x: Tensor, filters: int, strides: int, project: bool, name: str) -> Tensor:
    before = _norm_relu(x, f"{name}_preact")
    if project:
        shortcut = conv(before, 4 * filters, 1, f"{name}_0_conv", strides=strides, use_bias=True)
    else:
        shortcut = x if strides == 1 else layers.MaxPooling2D(1, strides=strides)(x)
    y = _norm_relu(conv(before, filters, 1, f"{name}_1_conv"), f"{name}_1")
    y = conv(pad(y, 1, f"{name}_2_pad"), filters, 3, f"{name}_2_conv", strides=strides)
    y = conv(_norm_relu(y, f"{name}_2"), 4 * filters, 1, f"{name}_3_conv", use_bias=True)
    return layers.Add(name=f"{name}_out")([shortcut, y])


def _features_v2(image: Tensor, request: Request, depths: tuple[int, ...]) -> Tensor:
    x = _stem(image, after=False)
    for stage, (filters, depth) in enumerate(zip(_FILTERS, depths, strict=True), 2):
        for i in range(1, depth + 1):
            strides = 2 if i == depth and stage < 5 else 1
            x = _block_v2(x, filters, strides, i == 1, f"conv{stage}_block{i}")
    return _norm_relu(x, "post")


def resnet(depth: int) -> Standard:
    """The function that makes the ResNet with so many layers."""
    return standard(
        Architecture(f"ResNet{depth}", 224, 32, partial(_features, depths=_DEPTHS[depth]), _HEAD),
        name=f"resnet{depth}",
        summary=f"ResNet with {depth} layers.",
        paper="He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385.",
        module="kfront.applications.resnet",
    )


def resnet_v2(depth: int) -> Standard:
    """The function that makes the ResNet of version 2 with so many layers."""
    return standard(
        Architecture(f"ResNet{depth}V2", 224, 32, partial(_features_v2, depths=_DEPTHS[depth]), _HEAD),
        name=f"resnet{depth}v2",
        summary=f"ResNet of version 2 with {depth} layers, which normalizes before it convolves.",
        paper="He et al., Identity Mappings in Deep Residual Networks, arXiv:1603.05027.",
        module="kfront.applications.resnet_v2",
    )
