"""EfficientNet v2: early blocks with plain convolutions, for speed of training (Tan and Le, arXiv:2104.00298)."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kfront import layers
from kfront.applications._blocks import activation, conv, depthwise, norm, scaled, squeeze_excite
from kfront.applications._builder import Architecture, Request, channel_axis, classify, pooled
from kfront.applications._signatures import family, scaled_images
from kfront.applications.efficientnet import dense_init, in_stages, joined, kernel_init, repeated
from kfront.applications.imagenet_utils import MEAN, STD, decode_predictions, preprocessing
from kfront.core.typing import ActivationLike, Shape, Tensor
from kfront.initializers import Constant
from kfront.models.functional import Functional

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]


class _Stage(NamedTuple):
    """Blocks of one width; the first has the stride. Fused ones have one convolution instead of two and no SE."""

    repeats: int
    filters: int
    expand: int
    strides: int
    fused: bool = False


_BASE = (
    _Stage(1, 16, 1, 1, fused=True),
    _Stage(2, 32, 4, 2, fused=True),
    _Stage(2, 48, 4, 2, fused=True),
    _Stage(3, 96, 4, 2),
    _Stage(5, 112, 6, 1),
    _Stage(8, 192, 6, 2),
)
_SMALL = (
    _Stage(2, 24, 1, 1, fused=True),
    _Stage(4, 48, 4, 2, fused=True),
    _Stage(4, 64, 4, 2, fused=True),
    _Stage(6, 128, 4, 2),
    _Stage(9, 160, 6, 1),
    _Stage(15, 256, 6, 2),
)
_MEDIUM = (
    _Stage(3, 24, 1, 1, fused=True),
    _Stage(5, 48, 4, 2, fused=True),
    _Stage(5, 80, 4, 2, fused=True),
    _Stage(7, 160, 4, 2),
    _Stage(14, 176, 6, 1),
    _Stage(18, 304, 6, 2),
    _Stage(5, 512, 6, 1),
)
_LARGE = (
    _Stage(4, 32, 1, 1, fused=True),
    _Stage(7, 64, 4, 2, fused=True),
    _Stage(7, 96, 4, 2, fused=True),
    _Stage(10, 192, 4, 2),
    _Stage(19, 224, 6, 1),
    _Stage(25, 384, 6, 2),
    _Stage(7, 640, 6, 1),
)


def __dir__() -> list[str]:
    return list(__all__)


def _conv(x: Tensor, filters: int, kernel: int, name: str, strides: int = 1) -> Tensor:
    return conv(x, filters, kernel, name, strides=strides, padding="same", kernel_initializer=kernel_init())


def _norm(x: Tensor, name: str) -> Tensor:
    return norm(x, f"{name}bn", momentum=0.9)


def _norm_silu(x: Tensor, name: str) -> Tensor:
    return activation(_norm(x, name), f"{name}activation", "silu")


def _block(x: Tensor, stage: _Stage, filters: int, drop: float, name: str) -> Tensor:
    channels = x.shape[channel_axis()]
    wide, y = channels * stage.expand, x
    if not stage.fused:
        y = _norm_silu(_conv(y, wide, 1, f"{name}expand_conv"), f"{name}expand_")
        y = depthwise(
            y, 3, f"{name}dwconv2", strides=stage.strides, padding="same", depthwise_initializer=kernel_init()
        )
        y = squeeze_excite(_norm_silu(y, name), max(1, channels // 4), name, kernel_init())
    elif stage.expand != 1:
        y = _norm_silu(_conv(y, wide, 3, f"{name}expand_conv", stage.strides), f"{name}expand_")
    else:
        y = _norm_silu(_conv(y, filters, 3, f"{name}project_conv", stage.strides), f"{name}project_")
        return joined(x, y, stage, drop, name)
    y = _norm(_conv(y, filters, 1, f"{name}project_conv"), f"{name}project_")
    return joined(x, y, stage, drop, name)


def _scale(image: Tensor, kind: str) -> Tensor:
    if not kind.startswith("B"):
        return layers.Rescaling(1 / 128, offset=-1)(image)
    x = layers.Rescaling(1 / 255)(image)
    return layers.Normalization(axis=channel_axis(), mean=MEAN, variance=[s**2 for s in STD])(x)


def _features(
    image: Tensor, request: Request, scaling: bool, kind: str, stages: tuple[_Stage, ...], width: float, depth: float
) -> Tensor:
    widen = partial(scaled, factor=width, loss=1.0)
    x = _scale(image, kind) if scaling else image
    first = 32 if stages in (_BASE, _LARGE) else 24
    x = _norm_silu(_conv(x, widen(first), 3, "stem_conv", strides=2), "stem_")
    x = in_stages(x, stages, repeated(stages, depth), _block, widen, sum(s.repeats for s in stages))
    return _norm_silu(_conv(x, widen(1280), 1, "top_conv"), "top_")


def _head(x: Tensor, request: Request) -> Tensor:
    if not request.include_top:
        return pooled(x, request, "avg_pool", "max_pool")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return classify(x, request, 0.2, kernel_initializer=dense_init(), bias_initializer=Constant(0.0))


class EfficientNetV2(Protocol):
    """What makes a model of this family."""

    def __call__(
        self,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: ActivationLike = "softmax",
        include_preprocessing: bool = True,
        name: str = ...,
    ) -> Functional:
        """The model."""
        ...


def _efficientnet(
    kind: str, stages: tuple[_Stage, ...], size: int, width: float = 1.0, depth: float = 1.0
) -> EfficientNetV2:
    features = partial(_features, kind=kind, stages=stages, width=width, depth=depth)
    return family(
        EfficientNetV2,
        Architecture(f"EfficientNetV2{kind}", size, 32, features, _head),
        name=f"efficientnetv2-{kind.lower()}",
        summary=f"EfficientNet v2 {kind}, which takes images of values 0 to 255 and scales them itself.",
        paper="Tan and Le, EfficientNetV2: Smaller Models and Faster Training, arXiv:2104.00298.",
        module=__name__,
        vary=scaled_images,
    )


EfficientNetV2B0 = _efficientnet("B0", _BASE, 224)
EfficientNetV2B1 = _efficientnet("B1", _BASE, 240, depth=1.1)
EfficientNetV2B2 = _efficientnet("B2", _BASE, 260, width=1.1, depth=1.2)
EfficientNetV2B3 = _efficientnet("B3", _BASE, 300, width=1.2, depth=1.4)
EfficientNetV2S = _efficientnet("S", _SMALL, 384)
EfficientNetV2M = _efficientnet("M", _MEDIUM, 480)
EfficientNetV2L = _efficientnet("L", _LARGE, 480)
preprocess_input = preprocessing(None, "EfficientNet v2", __name__)
