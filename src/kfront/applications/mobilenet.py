"""MobileNet: depthwise and pointwise convolutions in turn (Howard et al., arXiv:1704.04861)."""

from __future__ import annotations

from functools import partial
from typing import Any

from kfront import layers
from kfront.applications._blocks import conv, depthwise, norm, pad
from kfront.applications._builder import Architecture, Request, assemble, image_shape, pooled, sides, trained_size
from kfront.applications._signatures import documented
from kfront.applications.imagenet_utils import decode_predictions, preprocessing
from kfront.core.errors import ArgumentError
from kfront.core.typing import Shape, Tensor
from kfront.models.functional import Functional

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_SIZES, _WIDTHS = (128, 160, 192, 224), (0.25, 0.5, 0.75, 1.0)  # that there are weights for
# (filters, stride) of each pair of convolutions
_PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def __dir__() -> list[str]:
    return list(__all__)


def _norm_relu6(x: Tensor, name: str) -> Tensor:
    return layers.ReLU(6.0, name=f"{name}_relu")(norm(x, f"{name}_bn"))


def _features(image: Tensor, request: Request, alpha: float, depth_multiplier: int) -> Tensor:
    x = _norm_relu6(conv(image, int(32 * alpha), 3, "conv1", strides=2, padding="same"), "conv1")
    for i, (filters, strides) in enumerate(_PAIRS, 1):
        if strides == 2:
            x = pad(x, ((0, 1), (0, 1)), f"conv_pad_{i}")
        padding = "valid" if strides == 2 else "same"
        x = depthwise(x, 3, f"conv_dw_{i}", strides=strides, padding=padding, depth_multiplier=depth_multiplier)
        x = conv(_norm_relu6(x, f"conv_dw_{i}"), int(filters * alpha), 1, f"conv_pw_{i}", padding="same")
        x = _norm_relu6(x, f"conv_pw_{i}")
    return x


def _head(x: Tensor, request: Request, dropout: float) -> Tensor:
    if not request.include_top:
        return pooled(x, request)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = conv(x, request.classes, 1, "conv_preds", padding="same", use_bias=True)
    x = layers.Reshape((request.classes,), name="reshape_2")(x)
    return layers.Activation(request.classifier_activation, name="predictions")(x)


_THIS = Architecture("MobileNet", 224, 32, _features, _head)


@documented(
    _THIS,
    paper="Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, "
    "arXiv:1704.04861.",
    module=__name__,
)
def MobileNet(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Functional:
    """MobileNet: small and fast, for phones."""
    request = Request(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    if weights == "imagenet" and (depth_multiplier != 1 or alpha not in _WIDTHS):
        raise ArgumentError(
            f"[MobileNet] expected `depth_multiplier=1` and `alpha` in {_WIDTHS} with weights='imagenet', got "
            f"depth_multiplier={depth_multiplier} and alpha={alpha}."
        )
    size = trained_size(_THIS, request, _SIZES)
    body = partial(_features, alpha=alpha, depth_multiplier=depth_multiplier)
    this = _THIS._replace(
        size=size, body=body, head=partial(_head, dropout=dropout), file=f"MobileNet {float(alpha)} {size}"
    )
    rows = size if weights == "imagenet" else sides(image_shape(this, request))[0]
    return assemble(this, request._replace(name=name or f"mobilenet_{alpha:.2f}_{rows}"))


preprocess_input = preprocessing("tf", "MobileNet", __name__)
