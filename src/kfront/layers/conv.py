"""Convolution layers, plain and transposed, each written once for all ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from kfront import ops
from kfront.core import shapes_nn
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import base_arguments, choice, each_rank, int_tuple, normalisers, positive, with_defaults
from kfront.core.spec import Abstract
from kfront.core.typing import (
    Activation,
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    NamedOptions,
    RegularizerLike,
    Shape,
    Tensor,
    VariableLike,
)
from kfront.core.variable import Variable, read
from kfront.layers.base import InputSpec
from kfront.layers.core import _linear_activation
from kfront.layers.lora import LoraLayer
from kfront.layers.options import IntOrInts, OptionLayer, known_axis
from kfront.ops.convolution import biased_conv
from kfront.ops.primitives.nn import conv, conv_transpose

_AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}


class WindowLayer(OptionLayer):
    """What all convolution layers share: the window, the bias, the activation."""

    rank = 0
    _kf_normalise = normalisers(
        depth_multiplier=positive,
        dilation_rate=each_rank,
        padding=lambda layer, name, value: choice(layer, name, value, layer._paddings),
        strides=each_rank,
    )
    _paddings: tuple[str, ...] = ("valid", "same")
    _kf_writes_activity_regularizer = True
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str
    data_format: str
    depth_multiplier: int
    activation: Activation
    use_bias: bool
    bias: Variable | None = None
    bias_initializer: InitializerLike
    bias_regularizer: RegularizerLike
    bias_constraint: ConstraintLike

    def _check_window(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"[{type(self).__name__}] expected `strides` or `dilation_rate` to be 1, got strides {self.strides} "
                f"and dilation_rate {self.dilation_rate}; use two layers."
            )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _channels(self, input_shape: Shape) -> int:
        """The number of input channels; from now on inputs must have as many."""
        if len(input_shape) != self.rank + 2:
            raise ShapeError(
                f"[{self.name}] expected inputs of rank {self.rank + 2} (batch, {_AXES[self.rank]}, channels), "
                f"got shape {tuple(input_shape)}."
            )
        channels = known_axis(self.name, input_shape, self._channel_axis)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.compute_output_shape(input_shape)
        return channels

    def _finish(self, outputs: Tensor, biased: bool = False) -> Tensor:
        """Add the bias, unless they have it, and apply the activation."""
        bias = None if biased else self.bias
        if bias is not None:
            value = read(bias)
            if self.data_format == "channels_first":
                value = ops.reshape(value, (1, -1, *(1,) * self.rank))
            if value.dtype != outputs.dtype:  # an engine's own autocast has made the outputs narrower
                value = ops.cast(value, outputs.dtype)
            outputs = ops.add(outputs, value)
        activation = self.activation
        if activation is None or activation is _linear_activation:
            return outputs
        return activation(outputs)

    def _shape(
        self, rule: Callable[..., object], input_shape: Shape, kernel_shape: tuple[Any, ...], *static: object
    ) -> Any:
        try:
            specs = (Abstract(tuple(input_shape), "float32"), Abstract(kernel_shape, "float32"))
            return rule(*specs, self.strides, *static)
        except ShapeError as error:
            raise ShapeError(
                f"[{self.name}] {str(error).rstrip('.')}, with kernel_size {self.kernel_size}, strides {self.strides}, "
                f"dilation_rate {self.dilation_rate}, padding {self.padding!r} and data_format {self.data_format!r}; "
                "use larger inputs, a smaller kernel or padding='same'."
            ) from None

    def _known_channels(self, input_shape: Shape) -> int | None:
        return input_shape[self._channel_axis] if len(input_shape) == self.rank + 2 else None


# ---- plain -----------------------------------------------------------------------------------------------------------


class BaseConv(WindowLayer, LoraLayer):
    """Convolution layer of any rank."""

    _kf_normalise = normalisers(
        groups=positive,
        filters=lambda layer, name, value: None if value is None else positive(layer, name, value),  # subclasses set it
    )
    groups: int
    kernel: VariableLike | None = None

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        lora = kwargs.pop("lora_rank", None), kwargs.pop("lora_alpha", None)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_lora(*lora)
        self._kf_store(locals())
        if filters is not None and self.filters % self.groups:
            raise ArgumentError(
                f"[{type(self).__name__}] expected `groups` to divide `filters`, got filters={filters} and "
                f"groups={groups}."
            )
        self._check_window()

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias."""
        channels = self._channels(input_shape)
        filters = positive(self, "filters", self.filters)
        self.kernel = self._kf_weight("kernel", (*self.kernel_size, channels // self.groups, filters))
        if self.use_bias:
            self.bias = self._kf_weight("bias", (self.filters,))
        self._start_lora()

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        kernel, bias = read(self.kernel), self.bias
        if bias is not None and getattr(self.convolution_op, "__func__", None) is BaseConv.convolution_op:
            return self._finish(self._convolve(inputs, kernel, read(bias)), biased=True)
        return self._finish(self.convolution_op(inputs, kernel))

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """The convolution, without bias and activation; subclasses may compute it otherwise."""
        return self._convolve(inputs, kernel)

    def _convolve(self, inputs: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
        padding = self.padding
        if padding == "causal":
            inputs, padding = ops.pad(inputs, self._causal_pads()), "valid"
        static = self.strides, padding, self.data_format, self.dilation_rate
        return conv(inputs, kernel, *static) if bias is None else biased_conv(inputs, kernel, bias, *static)

    def _causal_pads(self) -> tuple[tuple[int, int], ...]:
        time = ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)
        return ((0, 0), time, (0, 0)) if self.data_format == "channels_last" else ((0, 0), (0, 0), time)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `filters` channels and the places that the window takes."""
        padding, channels = self.padding, self._known_channels(input_shape)
        if channels is not None and channels % self.groups:
            raise ShapeError(
                f"[{self.name}] expected input channels that {self.groups} groups divide, got {channels} channels "
                f"(input shape {tuple(input_shape)})."
            )
        if padding == "causal":  # on the padded input
            before, padding = self._causal_pads(), "valid"
            input_shape = tuple(d if d is None else d + a for d, (a, _) in zip(input_shape, before, strict=True))
        kernel = (*self.kernel_size, None if channels is None else channels // self.groups, self.filters)
        return self._shape(shapes_nn.conv, input_shape, kernel, padding, self.data_format, self.dilation_rate)


class Conv1D(BaseConv):
    """Convolution over one spatial axis: slides a window over the input and multiplies it with a trained kernel.

    Args:
        filters: number of output channels.
        kernel_size: int or 1 of them: size of the window.
        strides: int or 1 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1) or "causal" (as "same",
            and the output at a time does not see later inputs).
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        dilation_rate: int or 1 of them: distance of the window's elements; above 1 only with strides of 1.
        groups: the channels are cut into so many groups, each convolved for itself.
        kernel_initializer: first value of the kernel.
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
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
        kernel: Variable of shape (*kernel_size, channels / groups, filters).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit, or are smaller than the window.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Conv1D(8, 3)
    >>> tuple(layer(kfront.ops.ones((2, 10, 4))).shape)
    (2, 8, 8)
    """

    rank = 1
    _paddings = ("valid", "same", "causal")


class Conv2D(BaseConv):
    """Convolution over two spatial axes: slides a window over the input and multiplies it with a trained kernel.

    Args:
        filters: number of output channels.
        kernel_size: int or 2 of them: size of the window.
        strides: int or 2 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        dilation_rate: int or 2 of them: distance of the window's elements; above 1 only with strides of 1.
        groups: the channels are cut into so many groups, each convolved for itself.
        kernel_initializer: first value of the kernel.
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
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
        kernel: Variable of shape (*kernel_size, channels / groups, filters).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit, or are smaller than the window.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Conv2D(8, 3, padding="same")
    >>> tuple(layer(kfront.ops.ones((2, 10, 12, 4))).shape)
    (2, 10, 12, 8)
    """

    rank = 2
    __init__ = with_defaults(BaseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3D(BaseConv):
    """Convolution over three spatial axes: slides a window over the input and multiplies it with a trained kernel.

    Args:
        filters: number of output channels.
        kernel_size: int or 3 of them: size of the window.
        strides: int or 3 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        dilation_rate: int or 3 of them: distance of the window's elements; above 1 only with strides of 1.
        groups: the channels are cut into so many groups, each convolved for itself.
        kernel_initializer: first value of the kernel.
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        bias_initializer: first value of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, depth, height, width, channels), or (batch, channels, depth, height, width) with
    "channels_first". Output: tensor of the same rank and layout, with filters channels.

    Attributes:
        kernel: Variable of shape (*kernel_size, channels / groups, filters).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit, or are smaller than the window.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Conv3D(8, 3)
    >>> tuple(layer(kfront.ops.ones((2, 5, 6, 7, 1))).shape)
    (2, 3, 4, 5, 8)
    """

    rank = 3
    __init__ = with_defaults(BaseConv.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))


# ---- transposed ------------------------------------------------------------------------------------------------------


def _padding_or_none(layer: BaseConvTranspose, name: str, value: object) -> tuple[int, ...] | None:
    return None if value is None else int_tuple(layer, name, value, layer.rank, least=0)


class BaseConvTranspose(WindowLayer):
    """Transposed convolution layer of any rank."""

    _kf_normalise = normalisers(output_padding=_padding_or_none)
    output_padding: tuple[int, ...] | None
    kernel: VariableLike | None = None

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: str = "valid",
        output_padding: IntOrInts | None = None,
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._check_window()

    def _check_window(self) -> None:
        super()._check_window()
        padding = self.output_padding
        if padding is not None and any(p >= s for p, s in zip(padding, self.strides, strict=True)):
            raise ArgumentError(
                f"[{type(self).__name__}] expected `output_padding` below `strides` on every axis, got output_padding "
                f"{padding} and strides {self.strides}."
            )

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias."""
        channels = self._channels(input_shape)
        self.kernel = self._kf_weight("kernel", (*self.kernel_size, self.filters, channels))
        if self.use_bias:
            self.bias = self._kf_weight("bias", (self.filters,))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        layout, rate = self.data_format, self.dilation_rate
        kernel = read(self.kernel)
        outputs = conv_transpose(inputs, kernel, self.strides, self.padding, self.output_padding, layout, rate)
        return self._finish(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `filters` channels, lengthened by the strides."""
        kernel = (*self.kernel_size, self.filters, self._known_channels(input_shape))
        static = (self.padding, self.output_padding, self.data_format, self.dilation_rate)
        return self._shape(shapes_nn.conv_transpose, input_shape, kernel, *static)


class Conv1DTranspose(BaseConvTranspose):
    """Transposed convolution over one spatial axis: each element puts a scaled copy of the kernel into the output.

    Args:
        filters: number of output channels.
        kernel_size: int or 1 of them: size of the kernel.
        strides: int or 1 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        dilation_rate: int or 1 of them: distance of the window's elements; above 1 only with strides of 1.
        output_padding: int or 1 of them, below the strides: elements added at the end of each axis; worked out if
            None.
        kernel_initializer: first value of the kernel.
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
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
        kernel: Variable of shape (*kernel_size, filters, channels).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Conv1DTranspose(8, 3, strides=2, padding="same")
    >>> tuple(layer(kfront.ops.ones((2, 10, 4))).shape)
    (2, 20, 8)
    """

    rank = 1


class Conv2DTranspose(BaseConvTranspose):
    """Transposed convolution over two spatial axes: each element puts a scaled copy of the kernel into the output.

    Args:
        filters: number of output channels.
        kernel_size: int or 2 of them: size of the kernel.
        strides: int or 2 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        dilation_rate: int or 2 of them: distance of the window's elements; above 1 only with strides of 1.
        output_padding: int or 2 of them, below the strides: elements added at the end of each axis; worked out if
            None.
        kernel_initializer: first value of the kernel.
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
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
        kernel: Variable of shape (*kernel_size, filters, channels).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Conv2DTranspose(8, 3, strides=2)
    >>> tuple(layer(kfront.ops.ones((2, 4, 5, 3))).shape)
    (2, 9, 11, 8)
    """

    rank = 2
    __init__ = with_defaults(BaseConvTranspose.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3DTranspose(BaseConvTranspose):
    """Transposed convolution over three spatial axes: each element puts a scaled copy of the kernel into the output.

    Args:
        filters: number of output channels.
        kernel_size: int or 3 of them: size of the kernel.
        strides: int or 3 of them: step of the window.
        padding: "valid" (none) or "same" (the output is as long as the input, for steps of 1).
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        dilation_rate: int or 3 of them: distance of the window's elements; above 1 only with strides of 1.
        output_padding: int or 3 of them, below the strides: elements added at the end of each axis; worked out if
            None.
        kernel_initializer: first value of the kernel.
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        bias_initializer: first value of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, depth, height, width, channels), or (batch, channels, depth, height, width) with
    "channels_first". Output: tensor of the same rank and layout, with filters channels.

    Attributes:
        kernel: Variable of shape (*kernel_size, filters, channels).
        bias: Variable of shape (filters,), or None.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Conv3DTranspose(8, 3)
    >>> tuple(layer(kfront.ops.ones((2, 4, 5, 6, 1))).shape)
    (2, 6, 7, 8, 8)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: IntOrInts | None = None,
        dilation_rate: IntOrInts = (1, 1, 1),
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:  # in Keras `data_format` stands before `output_padding` here, unlike in the other ranks
        super().__init__(**base_arguments(locals()))
