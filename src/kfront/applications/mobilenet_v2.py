"""MobileNet v2: inverted bottlenecks with linear outputs (Sandler et al., arXiv:1801.04381)."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from kfront import layers
from kfront.applications._blocks import conv, depthwise, norm, pad_for_stride, scaled
from kfront.applications._builder import (
    Architecture,
    Request,
    assemble,
    channel_axis,
    image_shape,
    sides,
    trained_size,
    usual_head,
)
from kfront.applications._signatures import documented
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.core.errors import ArgumentError
from kfront.core.typing import Shape, Tensor
from kfront.models.functional import Functional

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_SIZES, _WIDTHS = (96, 128, 160, 192, 224), (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)  # that there are weights for


class _Stage(NamedTuple):
    """Blocks of one width; the first has the stride."""

    filters: int
    repeats: int
    strides: int
    expand: int = 6


_STAGES = (
    _Stage(16, 1, 1, expand=1),
    _Stage(24, 2, 2),
    _Stage(32, 3, 2),
    _Stage(64, 4, 2),
    _Stage(96, 3, 1),
    _Stage(160, 3, 2),
    _Stage(320, 1, 1),
)


def __dir__() -> list[str]:
    return list(__all__)


def _norm(x: Tensor, name: str) -> Tensor:
    return norm(x, name, momentum=0.999)


def _relu6(x: Tensor, name: str) -> Tensor:
    return layers.ReLU(6.0, name=name)(x)


def _block(x: Tensor, filters: int, strides: int, expand: int, name: str) -> Tensor:
    channels, y = x.shape[channel_axis()], x
    if expand > 1:
        y = conv(y, channels * expand, 1, f"{name}_expand", padding="same")
        y = _relu6(_norm(y, f"{name}_expand_BN"), f"{name}_expand_relu")
    if strides == 2:
        y = pad_for_stride(y, 3, f"{name}_pad")
    y = depthwise(y, 3, f"{name}_depthwise", strides=strides, padding="valid" if strides == 2 else "same")
    y = _relu6(_norm(y, f"{name}_depthwise_BN"), f"{name}_depthwise_relu")
    y = _norm(conv(y, filters, 1, f"{name}_project", padding="same"), f"{name}_project_BN")
    return layers.Add(name=f"{name}_add")([x, y]) if strides == 1 and channels == filters else y


def _features(image: Tensor, request: Request, alpha: float) -> Tensor:
    x = conv(image, scaled(32, alpha), 3, "Conv1", strides=2, padding="same")
    x = _relu6(_norm(x, "bn_Conv1"), "Conv1_relu")
    number = 0
    for stage in _STAGES:
        for i in range(stage.repeats):
            name = f"block_{number}" if number else "expanded_conv"
            x = _block(x, scaled(stage.filters, alpha), stage.strides if i == 0 else 1, stage.expand, name)
            number += 1
    x = conv(x, scaled(1280, max(alpha, 1.0)), 1, "Conv_1")
    return _relu6(_norm(x, "Conv_1_bn"), "out_relu")


_THIS = Architecture("MobileNetV2", 224, 32, _features, usual_head)


@documented(
    _THIS,
    paper="Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381.",
    module=__name__,
)
def MobileNetV2(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Functional:
    """MobileNet v2: small and fast, for phones."""
    request = Request(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    if weights == "imagenet" and alpha not in _WIDTHS:
        raise ArgumentError(f"[MobileNetV2] expected `alpha` in {_WIDTHS} with weights='imagenet', got {alpha}.")
    size = trained_size(_THIS, request, _SIZES)
    this = _THIS._replace(size=size, body=partial(_features, alpha=alpha), file=f"MobileNetV2 {float(alpha)} {size}")
    rows = size if weights == "imagenet" else sides(image_shape(this, request))[0]
    return assemble(this, request._replace(name=name or f"mobilenetv2_{alpha:.2f}_{rows}"))


preprocess_input = preprocessing("tf", "MobileNet v2", __name__)
