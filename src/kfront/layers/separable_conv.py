"""Convolution layers that treat channels apart, depthwise and separable, each written once for all ranks."""

from __future__ import annotations

from typing import Unpack

from kfront.core import shapes_nn
from kfront.core.options import with_defaults
from kfront.core.typing import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    NamedOptions,
    RegularizerLike,
    Shape,
    Tensor,
    VariableLike,
)
from kfront.core.variable import read
from kfront.layers.conv import WindowLayer
from kfront.layers.options import IntOrInts
from kfront.ops.convolution import separable_conv
from kfront.ops.primitives.nn import depthwise_conv


class BaseDepthwiseConv(WindowLayer):
    """Depthwise convolution layer of any rank."""

    kernel: VariableLike | None = None

    def __init__(
        self,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._check_window()

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias."""
        channels = self._channels(input_shape)
        self.kernel = self._kf_weight("kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        if self.use_bias:
            self.bias = self._kf_weight("bias", (channels * self.depth_multiplier,))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        kernel, layout = read(self.kernel), self.data_format
        return self._finish(depthwise_conv(inputs, kernel, self.strides, self.padding, layout, self.dilation_rate))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with channels * depth_multiplier channels and the places that the window takes."""
        kernel = (*self.kernel_size, self._known_channels(input_shape), self.depth_multiplier)
        static = (self.padding, self.data_format, self.dilation_rate)
        return self._shape(shapes_nn.depthwise_conv, input_shape, kernel, *static)


class DepthwiseConv1D(BaseDepthwiseConv):
    """Convolution over one spatial axis in which each input channel has kernels of its own.

    Args:
        kernel_size: int or 1 of them: size of the window.
        strides: int or 1 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        dilation_rate: int or 1 of them: distance of the window's elements; above 1 only with strides of 1.
        depth_multiplier: number of output channels for each input channel.
        depthwise_initializer: first value of the kernel.
        depthwise_regularizer: function of the kernel that is added to the loss.
        depthwise_constraint: function applied to the kernel after each update.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        bias_initializer: first value of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, length, channels), or (batch, channels, length) with "channels_first". Output: tensor
    of the same rank and layout, with channels * depth_multiplier channels.

    Attributes:
        kernel: Variable of shape (*kernel_size, channels, depth_multiplier).
        bias: Variable of shape (channels * depth_multiplier,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit, or are smaller than the window.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.DepthwiseConv1D(3, depth_multiplier=2)
    >>> tuple(layer(kfront.ops.ones((2, 10, 4))).shape)
    (2, 8, 8)
    """

    rank = 1


class DepthwiseConv2D(BaseDepthwiseConv):
    """Convolution over two spatial axes in which each input channel has kernels of its own.

    Args:
        kernel_size: int or 2 of them: size of the window.
        strides: int or 2 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        dilation_rate: int or 2 of them: distance of the window's elements; above 1 only with strides of 1.
        depth_multiplier: number of output channels for each input channel.
        depthwise_initializer: first value of the kernel.
        depthwise_regularizer: function of the kernel that is added to the loss.
        depthwise_constraint: function applied to the kernel after each update.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        bias_initializer: first value of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, height, width, channels), or (batch, channels, height, width) with "channels_first".
    Output: tensor of the same rank and layout, with channels * depth_multiplier channels.

    Attributes:
        kernel: Variable of shape (*kernel_size, channels, depth_multiplier).
        bias: Variable of shape (channels * depth_multiplier,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit, or are smaller than the window.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.DepthwiseConv2D(3)
    >>> tuple(layer(kfront.ops.ones((2, 10, 12, 4))).shape)
    (2, 8, 10, 4)
    """

    rank = 2
    __init__ = with_defaults(BaseDepthwiseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


# ---- separable -------------------------------------------------------------------------------------------------------


class BaseSeparableConv(WindowLayer):
    """Separable convolution layer of any rank."""

    depthwise_kernel: VariableLike | None = None
    pointwise_kernel: VariableLike | None = None

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._check_window()

    def build(self, input_shape: Shape) -> None:
        """Create both kernels and the bias."""
        channels, many = self._channels(input_shape), self.depth_multiplier
        self.depthwise_kernel = self._kf_weight("depthwise_kernel", (*self.kernel_size, channels, many), "depthwise")
        point = (*(1,) * self.rank, channels * many, self.filters)
        self.pointwise_kernel = self._kf_weight("pointwise_kernel", point, "pointwise")
        if self.use_bias:
            self.bias = self._kf_weight("bias", (self.filters,))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        kernels = (read(self.depthwise_kernel), read(self.pointwise_kernel))
        static = (self.strides, self.padding, self.data_format, self.dilation_rate)
        return self._finish(separable_conv(inputs, *kernels, *static))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `filters` channels and the places that the window takes."""
        kernel = (*self.kernel_size, self._known_channels(input_shape), self.depth_multiplier)
        static = (self.padding, self.data_format, self.dilation_rate)
        out = list(self._shape(shapes_nn.depthwise_conv, input_shape, kernel, *static))
        out[self._channel_axis] = self.filters
        return tuple(out)


class SeparableConv1D(BaseSeparableConv):
    """Depthwise convolution over one spatial axis, then a mix of the channels at each place.

    Args:
        filters: number of output channels.
        kernel_size: int or 1 of them: size of the window.
        strides: int or 1 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        dilation_rate: int or 1 of them: distance of the window's elements; above 1 only with strides of 1.
        depth_multiplier: number of channels for each input channel between the two steps.
        depthwise_initializer, pointwise_initializer: first values of the kernels.
        depthwise_regularizer, pointwise_regularizer: functions of the kernels that are added to the loss.
        depthwise_constraint, pointwise_constraint: functions applied to the kernels after each update.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        bias_initializer: first value of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, length, channels), or (batch, channels, length) with "channels_first". Output: tensor
    of the same rank and layout, with filters channels.

    Attributes:
        depthwise_kernel: Variable of shape (*kernel_size, channels, depth_multiplier).
        pointwise_kernel: Variable of shape (*ones, channels * depth_multiplier, filters).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit, or are smaller than the window.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.SeparableConv1D(8, 3)
    >>> tuple(layer(kfront.ops.ones((2, 10, 4))).shape)
    (2, 8, 8)
    """

    rank = 1


class SeparableConv2D(BaseSeparableConv):
    """Depthwise convolution over two spatial axes, then a mix of the channels at each place.

    Args:
        filters: number of output channels.
        kernel_size: int or 2 of them: size of the window.
        strides: int or 2 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        dilation_rate: int or 2 of them: distance of the window's elements; above 1 only with strides of 1.
        depth_multiplier: number of channels for each input channel between the two steps.
        depthwise_initializer, pointwise_initializer: first values of the kernels.
        depthwise_regularizer, pointwise_regularizer: functions of the kernels that are added to the loss.
        depthwise_constraint, pointwise_constraint: functions applied to the kernels after each update.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        bias_initializer: first value of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, height, width, channels), or (batch, channels, height, width) with "channels_first".
    Output: tensor of the same rank and layout, with filters channels.

    Attributes:
        depthwise_kernel: Variable of shape (*kernel_size, channels, depth_multiplier).
        pointwise_kernel: Variable of shape (*ones, channels * depth_multiplier, filters).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit, or are smaller than the window.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.SeparableConv2D(8, 3)
    >>> tuple(layer(kfront.ops.ones((2, 10, 12, 4))).shape)
    (2, 8, 10, 8)
    """

    rank = 2
    __init__ = with_defaults(BaseSeparableConv.__init__, strides=(1, 1), dilation_rate=(1, 1))
