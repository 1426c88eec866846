"""MobileNet v3: inverted bottlenecks found by search, with squeeze-and-excitation (Howard et al., arXiv:1905.02244)."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kfront import layers, ops
from kfront.applications._blocks import activation, conv, depthwise, norm, pad_for_stride, scaled
from kfront.applications._builder import Architecture, Request, channel_axis, pooled
from kfront.applications._signatures import family
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.core.errors import ArgumentError
from kfront.core.typing import ActivationLike, Shape, Tensor
from kfront.models.functional import Functional

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]


class _Block(NamedTuple):
    """An inverted bottleneck; `expand` times as many channels inside as it gets."""

    expand: float
    filters: int
    kernel: int = 3
    strides: int = 1
    excite: bool = False
    hard_swish: bool = True


_LARGE = (
    _Block(1, 16, hard_swish=False),
    _Block(4, 24, strides=2, hard_swish=False),
    _Block(3, 24, hard_swish=False),
    _Block(3, 40, 5, strides=2, excite=True, hard_swish=False),
    *(_Block(3, 40, 5, excite=True, hard_swish=False),) * 2,
    _Block(6, 80, strides=2),
    _Block(2.5, 80),
    *(_Block(2.3, 80),) * 2,
    *(_Block(6, 112, excite=True),) * 2,
    _Block(6, 160, 5, strides=2, excite=True),
    *(_Block(6, 160, 5, excite=True),) * 2,
)
_SMALL = (
    _Block(1, 16, strides=2, excite=True, hard_swish=False),
    _Block(72 / 16, 24, strides=2, hard_swish=False),
    _Block(88 / 24, 24, hard_swish=False),
    _Block(4, 40, 5, strides=2, excite=True),
    *(_Block(6, 40, 5, excite=True),) * 2,
    *(_Block(3, 48, 5, excite=True),) * 2,
    _Block(6, 96, 5, strides=2, excite=True),
    *(_Block(6, 96, 5, excite=True),) * 2,
)


def __dir__() -> list[str]:
    return list(__all__)


def _norm(x: Tensor, name: str) -> Tensor:
    return norm(x, name, momentum=0.999)


def _nonlinear(x: Tensor, hard_swish: bool) -> Tensor:
    return activation(x, None, "hard_silu") if hard_swish else layers.ReLU()(x)


def _excite(x: Tensor, name: str) -> Tensor:
    channels = x.shape[channel_axis()]
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = conv(y, scaled(channels * 0.25), 1, f"{name}_conv", padding="same", use_bias=True)
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = conv(y, channels, 1, f"{name}_conv_1", padding="same", use_bias=True)
    gate = ops.multiply(layers.ReLU(6.0)(ops.add(y, 3.0)), 1 / 6)
    return layers.Multiply(name=f"{name}_mul")([x, gate])


def _block(x: Tensor, block: _Block, filters: int, name: str) -> Tensor:
    channels, y = x.shape[channel_axis()], x
    if name != "expanded_conv":
        y = _norm(conv(y, scaled(channels * block.expand), 1, f"{name}_expand", padding="same"), f"{name}_expand_bn")
        y = _nonlinear(y, block.hard_swish)
    if block.strides == 2:
        y = pad_for_stride(y, block.kernel, f"{name}_depthwise_pad")
    padding = "valid" if block.strides == 2 else "same"
    y = depthwise(y, block.kernel, f"{name}_depthwise", strides=block.strides, padding=padding)
    y = _nonlinear(_norm(y, f"{name}_depthwise_bn"), block.hard_swish)
    if block.excite:
        y = _excite(y, f"{name}_squeeze_excite")
    y = _norm(conv(y, filters, 1, f"{name}_project", padding="same"), f"{name}_project_bn")
    return layers.Add(name=f"{name}_add")([x, y]) if block.strides == 1 and channels == filters else y


def _features(
    image: Tensor, request: Request, blocks: tuple[_Block, ...], alpha: float, minimalistic: bool, scaling: bool
) -> Tensor:
    plain = {"kernel": 3, "excite": False, "hard_swish": False}
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image) if scaling else image
    x = _norm(conv(x, 16, 3, "conv", strides=2, padding="same"), "conv_bn")
    x = _nonlinear(x, not minimalistic)
    for i, block in enumerate(blocks):
        this = block._replace(**plain) if minimalistic else block
        x = _block(x, this, scaled(block.filters, alpha), f"expanded_conv_{i}" if i else "expanded_conv")
    x = _norm(conv(x, scaled(x.shape[channel_axis()] * 6), 1, "conv_1", padding="same"), "conv_1_bn")
    return _nonlinear(x, not minimalistic)


def _head(x: Tensor, request: Request, last: int, dropout: float, hard_swish: bool) -> Tensor:
    if not request.include_top:
        return pooled(x, request, "avg_pool", "max_pool")
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = _nonlinear(conv(x, last, 1, "conv_2", padding="same", use_bias=True), hard_swish)
    if dropout > 0:
        x = layers.Dropout(dropout)(x)
    x = conv(x, request.classes, 1, "logits", padding="same", use_bias=True)
    return layers.Activation(request.classifier_activation, name="predictions")(layers.Flatten()(x))


class MobileNetV3(Protocol):
    """What makes a model of this family."""

    def __call__(
        self,
        input_shape: Shape | None = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        classes: int = 1000,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: ActivationLike = "softmax",
        include_preprocessing: bool = True,
        name: str = ...,
    ) -> Functional:
        """The model."""
        ...


def _mobilenet(size: str, blocks: tuple[_Block, ...], last: int) -> MobileNetV3:
    return family(
        MobileNetV3,
        Architecture(f"MobileNetV3{size}", 224, 32, partial(_features, blocks=blocks), _head, fixed=False),
        name=f"MobileNetV3{size}",
        summary=f"MobileNet v3, {size.lower()}. It takes images of values 0 to 255 and scales them itself.",
        paper="Howard et al., Searching for MobileNetV3, arXiv:1905.02244.",
        module=__name__,
        vary=partial(_varied, last=last),
    )


def _varied(
    this: Architecture,
    request: Request,
    last: int,
    alpha: float,
    minimalistic: bool,
    dropout_rate: float,
    include_preprocessing: bool,
) -> Architecture:
    """The architecture for the arguments that only this family has."""
    widths = (1.0,) if minimalistic else (0.75, 1.0)
    if request.weights == "imagenet" and alpha not in widths:
        raise ArgumentError(
            f"[{this.public}] expected `alpha` in {widths} with weights='imagenet' and minimalistic={minimalistic}, "
            f"got {alpha}."
        )
    wide = scaled(last, max(alpha, 1.0))
    return this._replace(
        body=partial(this.body, alpha=alpha, minimalistic=minimalistic, scaling=include_preprocessing),
        head=partial(_head, last=wide, dropout=dropout_rate, hard_swish=not minimalistic),
        file=f"{this.public}{' minimalistic' if minimalistic else ''} {float(alpha)}",
    )


MobileNetV3Large = _mobilenet("Large", _LARGE, 1280)
MobileNetV3Small = _mobilenet("Small", _SMALL, 1024)
preprocess_input = preprocessing(None, "MobileNet v3", __name__)
