"""NASNet: cells found by search, stacked (Zoph et al., arXiv:1707.07012)."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kfront import layers
from kfront.applications._blocks import activation, conv, norm, pad_for_stride
from kfront.applications._builder import Architecture, Request, channel_axis, usual_head
from kfront.applications._signatures import family
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.core.naming import name_scope
from kfront.core.typing import ActivationLike, Shape, Tensor
from kfront.models.functional import Functional

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]


class _Size(NamedTuple):
    """What is fixed about one model; `filters` is the width of the first normal cells."""

    filters: int
    cells: int  # in each of the three stacks
    stem: int
    skip: bool  # whether the cell after a reduction gets the output of two cells before, not the reduction's own input


def __dir__() -> list[str]:
    return list(__all__)


def _norm(x: Tensor, name: str) -> Tensor:
    return norm(x, name, momentum=0.9997)


def _relu(x: Tensor) -> Tensor:
    return activation(x, None)


def _conv(x: Tensor, filters: int, kernel: int, name: str, **options: object) -> Tensor:
    return conv(x, filters, kernel, name, kernel_initializer="he_normal", **options)


def _separable(x: Tensor, filters: int, kernel: int, name: str, strides: int = 1) -> Tensor:
    """Relu, separable convolution, normalization; twice."""
    with name_scope(f"separable_conv_block_{name}"):
        for i, step in ((1, strides), (2, 1)):
            x = _relu(x)
            if step == 2:
                x = pad_for_stride(x, kernel, f"separable_conv_{i}_pad_{name}")
            options = {"strides": step, "padding": "valid" if step == 2 else "same", "use_bias": False}
            x = layers.SeparableConv2D(filters, kernel, name=f"separable_conv_{i}_{name}", **options)(x)
            x = _norm(x, f"separable_conv_{i}_bn_{name}")
    return x


def _adjusted(previous: Tensor, larger: bool, filters: int, name: str) -> Tensor:
    """The output of the cell before the last, which may be twice as large, in the size and width of a cell."""
    with name_scope("adjust_block"):
        if larger:
            with name_scope(f"adjust_reduction_block_{name}"):
                return _halved(previous, filters, name)
        if previous.shape[channel_axis()] != filters:
            with name_scope(f"adjust_projection_block_{name}"):
                x = _conv(_relu(previous), filters, 1, f"adjust_conv_projection_{name}", padding="same")
                return _norm(x, f"adjust_bn_{name}")
    return previous


def _halved(x: Tensor, filters: int, name: str) -> Tensor:
    """Every second pixel, and every second with an offset of one; half of the channels from each."""
    x = activation(x, f"adjust_relu_1_{name}")
    shifted = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    halves = []
    for i, y in ((1, x), (2, shifted)):
        y = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{name}")(y)
        halves.append(_conv(y, filters // 2, 1, f"adjust_conv_{i}_{name}", padding="same"))
    return _norm(layers.Concatenate(axis=channel_axis())(halves), f"adjust_bn_{name}")


def _squeezed(x: Tensor, filters: int, kind: str, name: str) -> Tensor:
    x = _conv(_relu(x), filters, 1, f"{kind}_conv_1_{name}", padding="same")
    return _norm(x, f"{kind}_bn_1_{name}")


def _mean(x: Tensor, name: str | None, strides: int = 1) -> Tensor:
    padding = "valid" if strides == 2 else "same"
    return layers.AveragePooling2D(3, strides=strides, padding=padding, name=name)(x)


def _sum(x: Tensor, y: Tensor, name: str | None) -> Tensor:
    return layers.Add(name=name)([x, y])


def _normal(x: Tensor, previous: Tensor, larger: bool, filters: int, name: str) -> Tensor:
    """A cell that keeps the size."""
    with name_scope(f"normal_A_block_{name}"):
        p = _adjusted(previous, larger, filters, name)
        h = _squeezed(x, filters, "normal", name)

        def branch(y: Tensor, kernel: int, side: str) -> Tensor:
            return _separable(y, filters, kernel, f"normal_{side}_{name}")

        with name_scope("block_1"):
            one = _sum(branch(h, 5, "left1"), branch(p, 3, "right1"), f"normal_add_1_{name}")
        with name_scope("block_2"):
            two = _sum(branch(p, 5, "left2"), branch(p, 3, "right2"), f"normal_add_2_{name}")
        three = _sum(_mean(h, f"normal_left3_{name}"), p, f"normal_add_3_{name}")
        four = _sum(_mean(p, f"normal_left4_{name}"), _mean(p, f"normal_right4_{name}"), f"normal_add_4_{name}")
        with name_scope("block_5"):
            five = _sum(branch(h, 3, "left5"), h, f"normal_add_5_{name}")
        parts = [p, one, two, three, four, five]
        return layers.Concatenate(axis=channel_axis(), name=f"normal_concat_{name}")(parts)


def _reduction(x: Tensor, previous: Tensor | None, larger: bool, filters: int, name: str) -> Tensor:
    """A cell that halves height and width."""
    with name_scope(f"reduction_A_block_{name}"):
        p = x if previous is None else _adjusted(previous, larger, filters, name)
        h = _squeezed(x, filters, "reduction", name)
        padded = pad_for_stride(h, 3, f"reduction_pad_1_{name}")

        def branch(y: Tensor, kernel: int, side: str) -> Tensor:
            return _separable(y, filters, kernel, f"reduction_{side}_{name}", strides=2)

        def largest(side: str) -> Tensor:
            return layers.MaxPooling2D(3, strides=2, name=f"reduction_{side}_{name}")(padded)

        with name_scope("block_1"):
            one = _sum(branch(h, 5, "left1"), branch(p, 7, "right1"), f"reduction_add_1_{name}")
        with name_scope("block_2"):
            two = _sum(largest("left2"), branch(p, 7, "right2"), f"reduction_add_2_{name}")
        with name_scope("block_3"):
            left = _mean(padded, f"reduction_left3_{name}", strides=2)
            three = _sum(left, branch(p, 5, "right3"), f"reduction_add3_{name}")
        four = _sum(two, _mean(one, f"reduction_left4_{name}"), None)
        with name_scope("block_5"):
            left = _separable(one, filters, 3, f"reduction_left4_{name}")
            five = _sum(left, largest("right5"), f"reduction_add4_{name}")
        return layers.Concatenate(axis=channel_axis(), name=f"reduction_concat_{name}")([two, three, four, five])


def _features(image: Tensor, request: Request, size: _Size) -> Tensor:
    x = _norm(_conv(image, size.stem, 3, "stem_conv1", strides=2), "stem_bn1")
    x, before = _reduction(x, None, False, size.filters // 4, "stem_1"), x
    x, before = _reduction(x, before, True, size.filters // 2, "stem_2"), x
    for stack in range(3):
        filters, first = size.filters << stack, stack * size.cells
        if stack:
            smaller = _reduction(x, before, False, filters, f"reduce_{first}")
            x, before = smaller, before if size.skip else x
            first += 1
        for i in range(size.cells):
            x, before = _normal(x, before, i == 0, filters, str(first + i)), x
    return _relu(x)


class NASNet(Protocol):
    """What makes a model of this family."""

    def __call__(
        self,
        input_shape: Shape | None = None,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: ActivationLike = "softmax",
        name: str = ...,
    ) -> Functional:
        """The model."""
        ...


def _nasnet(public: str, name: str, side: int, size: _Size) -> NASNet:
    return family(
        NASNet,
        Architecture(public, side, 32, partial(_features, size=size), usual_head, None if size.skip else side),
        name=name,
        summary=f"{public}, for images of {side} × {side}.",
        paper="Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, arXiv:1707.07012.",
        module=__name__,
    )


NASNetMobile = _nasnet("NASNetMobile", "nasnet_mobile", 224, _Size(1056 // 24, 4, 32, skip=False))
NASNetLarge = _nasnet("NASNetLarge", "nasnet_large", 331, _Size(4032 // 24, 6, 96, skip=True))
preprocess_input = preprocessing("tf", "NASNet", __name__)
