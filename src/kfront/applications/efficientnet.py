"""EfficientNet: depth, width and size of images grown together (Tan and Le, arXiv:1905.11946)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from kfront import layers
from kfront.applications._blocks import activation, conv, depthwise, norm, pad_for_stride, scaled, squeeze_excite
from kfront.applications._builder import Architecture, Request, channel_axis, classify, pooled
from kfront.applications._signatures import Standard, standard
from kfront.applications.imagenet_utils import STD, decode_predictions, preprocessing
from kfront.core.typing import Tensor
from kfront.initializers import VarianceScaling

__all__ = [*(f"EfficientNetB{i}" for i in range(8)), "decode_predictions", "preprocess_input"]

_DROP = 0.2  # of the last block's branch in training, less before


class _Stage(NamedTuple):
    """Blocks of one width; the first has the stride."""

    kernel: int
    repeats: int
    filters: int
    expand: int
    strides: int


_STAGES = (
    _Stage(3, 1, 16, 1, 1),
    _Stage(3, 2, 24, 6, 2),
    _Stage(5, 2, 40, 6, 2),
    _Stage(3, 3, 80, 6, 2),
    _Stage(5, 3, 112, 6, 1),
    _Stage(5, 4, 192, 6, 2),
    _Stage(3, 1, 320, 6, 1),
)


def __dir__() -> list[str]:
    return list(__all__)


def kernel_init() -> VarianceScaling:
    """Normal values of variance 2 / (inputs of each output filter)."""
    return VarianceScaling(2.0, mode="fan_out", distribution="truncated_normal")


def dense_init() -> VarianceScaling:
    """Uniform values of variance 1 / (3 · number of classes)."""
    return VarianceScaling(1 / 3, mode="fan_out", distribution="uniform")


def _norm_silu(x: Tensor, name: str) -> Tensor:
    return activation(norm(x, f"{name}bn"), f"{name}activation", "silu")


def _block(x: Tensor, stage: _Stage, filters: int, drop: float, name: str) -> Tensor:
    """An inverted bottleneck with squeeze-and-excitation."""
    channels, init = x.shape[channel_axis()], kernel_init()
    y = x
    if stage.expand != 1:
        y = conv(y, channels * stage.expand, 1, f"{name}expand_conv", padding="same", kernel_initializer=init)
        y = _norm_silu(y, f"{name}expand_")
    if stage.strides == 2:
        y = pad_for_stride(y, stage.kernel, f"{name}dwconv_pad")
    padding = "valid" if stage.strides == 2 else "same"
    y = depthwise(y, stage.kernel, f"{name}dwconv", strides=stage.strides, padding=padding, depthwise_initializer=init)
    y = squeeze_excite(_norm_silu(y, name), max(1, channels // 4), name, init)
    y = norm(conv(y, filters, 1, f"{name}project_conv", padding="same", kernel_initializer=init), f"{name}project_bn")
    return joined(x, y, stage, drop, name)


def repeated(stages: tuple[Any, ...], depth: float) -> list[int]:
    """How many blocks each stage has in a model of that depth."""
    return [math.ceil(depth * s.repeats) for s in stages]


def in_stages(
    x: object,
    stages: tuple[Any, ...],
    repeats: list[int],
    block: Callable[..., Any],
    width: Callable[[int], int],
    n: int,
) -> Any:
    """Blocks one after the other, as the table says; the deeper, the more of their branches are dropped in training.

    `n` is the number of blocks after which as much as `_DROP` would be dropped.
    """
    done = 0
    for number, (stage, count) in enumerate(zip(stages, repeats, strict=True), 1):
        for i in range(count):
            this = stage if i == 0 else stage._replace(strides=1)
            name = f"block{number}{chr(ord('a') + i)}_"
            x = block(x, this, width(stage.filters), _DROP * done / n, name)
            done += 1
    return x


def joined(x: Tensor, y: Tensor, stage: Any, drop: float, name: str) -> Tensor:
    """The branch `y` of a block, added to the block's input if it has the same shape."""
    if stage.strides != 1 or y.shape[channel_axis()] != x.shape[channel_axis()]:
        return y
    if drop > 0:
        y = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(y)
    return layers.Add(name=f"{name}add")([y, x])


def _features(image: Tensor, request: Request, width: float, depth: float) -> Tensor:
    widen = partial(scaled, factor=width)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Normalization(axis=channel_axis())(x)
    if request.weights == "imagenet":  # they were trained on images divided by the square root of the deviations
        x = layers.Rescaling([1 / math.sqrt(s) for s in STD])(x)
    x = pad_for_stride(x, 3, "stem_conv_pad")
    x = conv(x, widen(32), 3, "stem_conv", strides=2, kernel_initializer=kernel_init())
    x = _norm_silu(x, "stem_")
    repeats = repeated(_STAGES, depth)
    x = in_stages(x, _STAGES, repeats, _block, widen, sum(repeats))
    top = conv(x, widen(1280), 1, "top_conv", padding="same", kernel_initializer=kernel_init())
    return _norm_silu(top, "top_")


def _head(x: Tensor, request: Request, dropout: float) -> Tensor:
    if not request.include_top:
        return pooled(x, request, "avg_pool", "max_pool")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return classify(x, request, dropout, kernel_initializer=dense_init())


def _efficientnet(kind: str, width: float, depth: float, size: int, dropout: float) -> Standard:
    features = partial(_features, width=width, depth=depth)
    return standard(
        Architecture(f"EfficientNet{kind}", size, 32, features, partial(_head, dropout=dropout)),
        name=f"efficientnet{kind.lower()}",
        summary=f"EfficientNet {kind}, which takes images of values 0 to 255 and scales them itself.",
        paper="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, arXiv:1905.11946.",
        module=__name__,
    )


EfficientNetB0 = _efficientnet("B0", 1.0, 1.0, 224, 0.2)
EfficientNetB1 = _efficientnet("B1", 1.0, 1.1, 240, 0.2)
EfficientNetB2 = _efficientnet("B2", 1.1, 1.2, 260, 0.3)
EfficientNetB3 = _efficientnet("B3", 1.2, 1.4, 300, 0.3)
EfficientNetB4 = _efficientnet("B4", 1.4, 1.8, 380, 0.4)
EfficientNetB5 = _efficientnet("B5", 1.6, 2.2, 456, 0.4)
EfficientNetB6 = _efficientnet("B6", 1.8, 2.6, 528, 0.5)
EfficientNetB7 = _efficientnet("B7", 2.0, 3.1, 600, 0.5)
preprocess_input = preprocessing(None, "EfficientNet", __name__)
