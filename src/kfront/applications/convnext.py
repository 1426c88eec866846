"""ConvNeXt: a convolutional network modelled on vision transformers (Liu et al., arXiv:2201.03545)."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from kfront import layers, ops
from kfront.applications._blocks import activation, conv
from kfront.applications._builder import Architecture, Request, channel_axis, classify, pooled
from kfront.applications._signatures import family, scaled_images
from kfront.applications.imagenet_utils import MEAN, STD, decode_predictions, preprocessing
from kfront.core.errors import ArgumentError
from kfront.core.options import normalisers, positive
from kfront.core.registry import serializable
from kfront.core.typing import ActivationLike, Shape, Tensor
from kfront.initializers import Constant
from kfront.layers.options import OptionLayer
from kfront.models.functional import Functional
from kfront.models.sequential import Sequential

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]

_EPSILON = 1e-6


def __dir__() -> list[str]:
    return list(__all__)


@serializable("keras.src.applications.convnext")
class LayerScale(OptionLayer):
    """Each channel times a weight (Touvron et al., arXiv:2103.17239).

    Args:
        init_values: what the weights start from.
        projection_dim: number of channels.
        **kwargs: name, trainable, dtype.
    """

    _kf_normalise = normalisers(projection_dim=positive)
    init_values: float
    projection_dim: int

    def __init__(self, init_values: float, projection_dim: int, **kwargs: object) -> None:
        super().__init__(**self._kf_store(locals()))

    def build(self, input_shape: Shape | None) -> None:
        """Make the weight for each channel."""
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=Constant(self.init_values))

    def call(self, x: Tensor) -> Any:
        """The scaled channels, the last axis."""
        return ops.multiply(x, self.gamma)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """That of the inputs."""
        return tuple(input_shape)


def _layer_norm(name: str | None) -> Any:
    return layers.LayerNormalization(epsilon=_EPSILON, name=name)


def _block(x: Tensor, width: int, name: str) -> Tensor:
    y = conv(x, width, 7, f"{name}_depthwise_conv", groups=width, padding="same", use_bias=True)
    y = _layer_norm(f"{name}_layernorm")(y)
    y = activation(layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(y), f"{name}_gelu", "gelu")
    y = layers.Dense(width, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(1e-6, width, name=f"{name}_layer_scale")(y)
    return ops.add(x, activation(y, f"{name}_identity", "linear"))


def _features(
    image: Tensor, request: Request, scaling: bool, depths: tuple[int, ...], widths: tuple[int, ...]
) -> Tensor:
    name, x = request.name, image
    if channel_axis() == 1:
        raise ArgumentError(
            f"[{name}] expected the layout channels_last, for ConvNeXt normalizes the last axis, got channels_first; "
            "call `kfront.config.set_image_data_format('channels_last')`."
        )
    if scaling:
        mean, variance = [255 * m for m in MEAN], [(255 * s) ** 2 for s in STD]
        x = layers.Normalization(mean=mean, variance=variance, name=f"{name}_prestem_normalization")(x)
    stem = [layers.Conv2D(widths[0], 4, strides=4, name=f"{name}_stem_conv"), _layer_norm(f"{name}_stem_layernorm")]
    x = Sequential(stem, name=f"{name}_stem")(x)
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage:
            smaller = [
                _layer_norm(f"{name}_downsampling_layernorm_{stage - 1}"),
                layers.Conv2D(width, 2, strides=2, name=f"{name}_downsampling_conv_{stage - 1}"),
            ]
            x = Sequential(smaller, name=f"{name}_downsampling_block_{stage - 1}")(x)
        for i in range(depth):
            x = _block(x, width, f"{name}_stage_{stage}_block_{i}")
    return x


def _head(x: Tensor, request: Request) -> Tensor:
    if not request.include_top:
        return _layer_norm(None)(pooled(x, request))
    x = layers.GlobalAveragePooling2D(name=f"{request.name}_head_gap")(x)
    x = _layer_norm(f"{request.name}_head_layernorm")(x)
    return classify(x, request, name=f"{request.name}_head_dense")


class ConvNeXt(Protocol):
    """What makes a model of this family."""

    def __call__(
        self,
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: ActivationLike = "softmax",
        name: str = ...,
    ) -> Functional:
        """The model."""
        ...


def _convnext(size: str, depths: tuple[int, ...], width: int) -> ConvNeXt:
    features = partial(_features, depths=depths, widths=tuple(width << i for i in range(4)))
    return family(
        ConvNeXt,
        Architecture(f"ConvNeXt{size}", 224, 32, features, _head),
        name=f"convnext_{size.lower()}",
        summary=f"ConvNeXt, {size}. It takes images of values 0 to 255 and scales them itself.",
        paper="Liu et al., A ConvNet for the 2020s, arXiv:2201.03545.",
        module=__name__,
        vary=scaled_images,
    )


ConvNeXtTiny = _convnext("Tiny", (3, 3, 9, 3), 96)
ConvNeXtSmall = _convnext("Small", (3, 3, 27, 3), 96)
ConvNeXtBase = _convnext("Base", (3, 3, 27, 3), 128)
ConvNeXtLarge = _convnext("Large", (3, 3, 27, 3), 192)
ConvNeXtXLarge = _convnext("XLarge", (3, 3, 27, 3), 256)
preprocess_input = preprocessing(None, "ConvNeXt", __name__)
