"""Activation functions as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kfront import activations, ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import Option, normalisers
from kfront.core.shapes import axis_of
from kfront.core.typing import (
    ActivationLike,
    AnyCallable,
    ConstraintLike,
    InitializerLike,
    LayerOptions,
    RegularizerLike,
    Shape,
    Tensor,
)
from kfront.core.variable import read
from kfront.layers.base import InputSpec
from kfront.layers.options import OptionLayer, known_axis
from kfront.ops.primitives.dtypes import dtype_of


class _Elementwise(OptionLayer):
    """A layer without weights that keeps shape and mask."""

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._kf_built_when_made()


def _not_negative(layer: OptionLayer, name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool) or not value >= 0:
        raise ArgumentError(f"[{type(layer).__name__}] expected `{name}` to be a number >= 0, got {value!r}.")
    return value


def _limit(layer: OptionLayer, name: str, value: object) -> Any:
    return None if value is None else _not_negative(layer, name, value)


class Activation(_Elementwise):
    """Applies an activation function.

    Args:
        activation: name or function.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Activation("relu")
    >>> kfront.ops.convert_to_numpy(layer(kfront.ops.convert_to_tensor([-1.0, 2.0]))).tolist()
    [0.0, 2.0]
    """

    activation: AnyCallable

    def __init__(self, activation: ActivationLike, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def call(self, inputs: Tensor) -> Tensor:
        """``activation(inputs)``."""
        return self.activation(inputs)


class ReLU(_Elementwise):
    """Rectified linear unit: `x` from `threshold` up to `max_value`, ``negative_slope * (x - threshold)`` below.

    Args:
        max_value: greatest output; none if None.
        negative_slope: slope below the threshold.
        threshold: where the unit begins to pass its input on.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Raises:
        ArgumentError: if a number is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ReLU(max_value=1.0)
    >>> kfront.ops.convert_to_numpy(layer(kfront.ops.convert_to_tensor([-1.0, 0.5, 2.0]))).tolist()
    [0.0, 0.5, 1.0]
    """

    _kf_normalise = normalisers(max_value=_limit, negative_slope=_not_negative, threshold=_not_negative)
    max_value: float | None
    negative_slope: float
    threshold: float

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**self._kf_store(locals()))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        if self.max_value is None and not self.negative_slope and not self.threshold:
            return ops.relu(inputs)
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )


class LeakyReLU(_Elementwise):
    """`x` above zero, ``negative_slope * x`` below.

    Args:
        negative_slope: slope below zero.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Raises:
        ArgumentError: if the slope is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.LeakyReLU(negative_slope=0.5)
    >>> kfront.ops.convert_to_numpy(layer(kfront.ops.convert_to_tensor([-1.0, 2.0]))).tolist()
    [-0.5, 2.0]
    """

    _kf_normalise = normalisers(negative_slope=_not_negative)
    negative_slope: float

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**self._kf_store(locals()))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(_Elementwise):
    """`x` above zero, ``alpha * (exp(x) - 1)`` below.

    Args:
        alpha: the value approached far below zero is -alpha.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Reference: Clevert et al., 2016, arXiv:1511.07289.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ELU()
    >>> [round(float(v), 3) for v in layer(kfront.ops.convert_to_tensor([-1.0, 2.0]))]
    [-0.632, 2.0]
    """

    alpha: float

    def __init__(self, alpha: float = 1.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return ops.elu(inputs, self.alpha)


def _axis_list(layer: OptionLayer, name: str, axes: Any) -> list[int] | None:
    if axes is None:
        return None
    return [axes] if isinstance(axes, int) else list(axes)


class PReLU(OptionLayer):
    """`x` above zero, ``alpha * x`` below, with a trained alpha per element.

    Args:
        alpha_initializer: first value of alpha.
        alpha_regularizer: function of alpha that is added to the loss.
        alpha_constraint: function applied to alpha after each update.
        shared_axes: axes (the batch is axis 0) along which one alpha serves all, such as [1, 2] for images.
        **kwargs: name, trainable, dtype.

    Input: floating tensor of shape (batch, ...). Output: tensor of the same shape and dtype.

    Reference: He et al., 2015, arXiv:1502.01852.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.PReLU(alpha_initializer="ones")
    >>> kfront.ops.convert_to_numpy(layer(kfront.ops.convert_to_tensor([[-1.0, 2.0]]))).tolist()
    [[-1.0, 2.0]]
    """

    alpha: Any = None
    alpha_initializer: InitializerLike
    alpha_regularizer: RegularizerLike
    alpha_constraint: ConstraintLike
    _kf_normalise = normalisers(shared_axes=_axis_list)
    shared_axes: list[int] | None

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._kf_store(locals())

    def build(self, input_shape: Shape) -> None:
        """Create alpha, of the input's shape without the batch and 1 along shared axes."""
        rank = len(input_shape)
        shared = {axis_of(a, rank, "shared_axes") for a in self.shared_axes or ()}
        own = [a for a in range(1, rank) if a not in shared]
        shape = [known_axis(self.name, input_shape, a) if a in own else 1 for a in range(1, rank)]
        self.alpha = self._kf_weight("alpha", tuple(shape))
        self.input_spec = InputSpec(ndim=rank, axes={a: input_shape[a] for a in own})

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return ops.subtract(ops.relu(inputs), ops.multiply(read(self.alpha), ops.relu(ops.negative(inputs))))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`input_shape`."""
        return tuple(input_shape)


class Softmax(_Elementwise):
    """Exponentials along an axis, divided by their sum.

    Args:
        axis: axis or axes that are normalized together.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`; `mask`, bool tensor of their shape, False at elements that get no share.

    Input: floating tensor of any shape. Output: tensor of the same shape and dtype.

    Raises:
        ShapeError: if the mask does not have the shape of the inputs.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Softmax()
    >>> [round(float(v), 2) for v in layer(kfront.ops.convert_to_tensor([1.0, 2.0, 1.0]))]
    [0.21, 0.58, 0.21]
    """

    _kf_normalise = normalisers(axis=Option())
    axis: Any

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """The layer's output, see the class."""
        if mask is not None:
            self._check_mask(tuple(mask.shape), tuple(inputs.shape))
            mask = ops.cast(mask, "bool")
            low = -3e4 if dtype_of(inputs) == "float16" else -1e9
            inputs = ops.where(mask, inputs, ops.add(inputs, low))
        axis = self.axis
        if isinstance(axis, (list, tuple)):
            axis = axis[0] if len(axis) == 1 else tuple(axis)
        outputs = ops.softmax(inputs, axis=axis)
        return outputs if mask is None else ops.where(mask, outputs, ops.zeros_like(outputs))

    def _check_mask(self, mask: tuple[int | None, ...], inputs: tuple[int | None, ...]) -> None:
        pairs = zip(reversed(mask), reversed(inputs), strict=False)
        if len(mask) > len(inputs) or any(m not in (1, d) and None not in (m, d) for m, d in pairs):
            raise ShapeError(f"[{self.name}] expected a mask that broadcasts to the inputs {inputs}, got {mask}.")
