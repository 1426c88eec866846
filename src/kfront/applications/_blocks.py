"""Layers in the groups in which they occur in all families."""

from __future__ import annotations

from typing import Any

from kfront import layers
from kfront.applications._builder import channel_axis
from kfront.core.typing import ActivationLike, InitializerLike, Tensor


def conv(x: Tensor, filters: int, kernel: int | tuple[int, int], name: str | None, **options: object) -> Tensor:
    """A convolution without a bias, unless `use_bias` says otherwise."""
    return layers.Conv2D(filters, kernel, name=name, **{"use_bias": False, **options})(x)


def depthwise(x: Tensor, kernel: int | tuple[int, int], name: str | None, **options: Any) -> Tensor:
    """A depthwise convolution without a bias."""
    return layers.DepthwiseConv2D(kernel, name=name, use_bias=False, **options)(x)


def norm(x: Tensor, name: str | None, **options: Any) -> Tensor:
    """Batch normalization of the channels."""
    return layers.BatchNormalization(axis=channel_axis(), name=name, **options)(x)


def activation(x: Tensor, name: str | None, function: ActivationLike = "relu") -> Tensor:
    """An activation, as a layer of its own."""
    return layers.Activation(function, name=name)(x)


def pad(x: Tensor, amount: int | tuple[tuple[int, int], ...], name: str | None = None) -> Tensor:
    """Zeros around the image."""
    return layers.ZeroPadding2D(amount, name=name)(x)


def pad_for_stride(x: Tensor, kernel: int, name: str | None) -> Tensor:
    """Zeros such that a convolution of stride 2 without padding has the windows that it had in training.

    An even size gets one row less in front than behind; so "same" padding works in TensorFlow, where the weights come
    from.
    """
    sizes = [n for i, n in enumerate(x.shape[1:], 1) if i != channel_axis()]
    before = [kernel // 2 - (1 - (n % 2 if n is not None else 0)) for n in sizes]
    return pad(x, tuple((n, kernel // 2) for n in before), name)


def scaled(filters: float, factor: float = 1.0, divisor: int = 8, loss: float = 0.1) -> int:
    """`filters * factor` as a multiple of `divisor`, the nearest that loses no more than that part."""
    exact = filters * factor
    rounded = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < (1 - loss) * exact else rounded


def squeeze_excite(x: Tensor, filters: int, name: str, initializer: InitializerLike) -> Tensor:
    """Channels weighted by what the whole image holds (Hu et al., arXiv:1709.01507)."""
    axis, channels = channel_axis(), x.shape[channel_axis()]
    y = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    y = layers.Reshape((channels, 1, 1) if axis == 1 else (1, 1, channels), name=f"{name}se_reshape")(y)
    options = {"padding": "same", "use_bias": True, "kernel_initializer": initializer}
    y = conv(y, filters, 1, f"{name}se_reduce", activation="silu", **options)
    y = conv(y, channels, 1, f"{name}se_expand", activation="sigmoid", **options)
    return layers.Multiply(name=f"{name}se_excite")([x, y])
