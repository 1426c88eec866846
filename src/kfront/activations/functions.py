"""The activation functions: thin names over `kfront.ops`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from kfront import ops
from kfront.core.registry import serializable
from kfront.core.typing import Tensor, TensorLike

T = TypeVar("T")

_activation = serializable("keras.activations")


@_activation
def linear(x: T) -> T:
    """x itself.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [float(v) for v in activations.linear(ops.array([-2.0, 0.5]))]
    [-2.0, 0.5]
    """
    return x


@_activation
def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """max(x, 0), or a variant with a slope below, a ceiling, or another threshold.

    Args:
        x: floating tensor of any shape, or what converts to one.
        negative_slope: slope below the threshold.
        max_value: ceiling; none if None.
        threshold: values below it become ``negative_slope * (x - threshold)``.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [float(v) for v in activations.relu(ops.array([-2.0, 0.5, 9.0]), negative_slope=0.5, max_value=6.0)]
    [-1.0, 0.5, 6.0]
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return ops.relu(x)
    if max_value == 6.0 and negative_slope == 0.0 and threshold == 0.0:
        return ops.relu6(x)
    below = ops.multiply(negative_slope, ops.subtract(x, threshold)) if negative_slope else ops.zeros_like(x)
    above = x if max_value is None else ops.minimum(x, max_value)
    passes = ops.greater(x, threshold) if threshold == 0.0 else ops.greater_equal(x, threshold)
    return ops.where(passes, above, below)


@_activation
def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x times the distribution function of the standard normal.

    Args:
        x: floating tensor of any shape, or what converts to one.
        approximate: whether the formula with tanh is used instead of erf.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.gelu(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.046, 0.0, 0.346, 1.954]
    """
    return ops.gelu(x, approximate)


@_activation
def exponential(x: TensorLike) -> Tensor:
    """exp(x).

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.exponential(ops.array([-1.0, 0.0, 1.0]))]
    [0.368, 1.0, 2.718]
    """
    return ops.exp(x)


@_activation
def mish(x: TensorLike) -> Tensor:
    """x * tanh(softplus(x)) (Misra, 2019, arXiv:1908.08681).

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.mish(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.253, 0.0, 0.375, 1.944]
    """
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


@_activation
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, ``alpha * (exp(x) - 1)`` below.

    Args:
        x: floating tensor of any shape, or what converts to one.
        alpha: minus the limit at -inf.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.elu(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.865, 0.0, 0.5, 2.0]
    """
    return ops.elu(x, alpha)


@_activation
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, ``alpha * (exp(x / alpha) - 1)`` below.

    Args:
        x: floating tensor of any shape, or what converts to one.
        alpha: minus the limit at -inf.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.celu(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.865, 0.0, 0.5, 2.0]
    """
    return ops.celu(x, alpha)


@_activation
def selu(x: TensorLike) -> Tensor:
    """Scaled `elu` that keeps mean 0 and variance 1; initialize kernels with "lecun_normal".

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.selu(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-1.52, 0.0, 0.525, 2.101]
    """
    return ops.selu(x)


@_activation
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x above 0, ``negative_slope * x`` below.

    Args:
        x: floating tensor of any shape, or what converts to one.
        negative_slope: slope below 0.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.leaky_relu(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.4, 0.0, 0.5, 2.0]
    """
    return ops.leaky_relu(x, negative_slope)


@_activation
def relu6(x: TensorLike) -> Tensor:
    """x, cut off at 0 and 6.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.relu6(ops.array([-2.0, 3.0, 9.0]))]
    [0.0, 3.0, 6.0]
    """
    return ops.relu6(x)


@_activation
def softplus(x: TensorLike) -> Tensor:
    """log(1 + exp(x)): a smooth `relu`.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.softplus(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [0.127, 0.693, 0.974, 2.127]
    """
    return ops.softplus(x)


@_activation
def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|).

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.softsign(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.667, 0.0, 0.333, 0.667]
    """
    return ops.softsign(x)


@_activation
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by a threshold, 0 within it.

    Args:
        x: floating tensor of any shape, or what converts to one.
        threshold: the threshold.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.soft_shrink(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-1.5, 0.0, 0.0, 1.5]
    """
    return ops.soft_shrink(x, threshold)


@_activation
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x where |x| is above a threshold, 0 elsewhere.

    Args:
        x: floating tensor of any shape, or what converts to one.
        threshold: the threshold.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.hard_shrink(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-2.0, 0.0, 0.0, 2.0]
    """
    return ops.hard_shrink(x, threshold)


@_activation
def sparse_plus(x: TensorLike) -> Tensor:
    """0 below -1, ``(x + 1)^2 / 4`` up to 1, x above.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.sparse_plus(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [0.0, 0.25, 0.562, 2.0]
    """
    return ops.sparse_plus(x)


@_activation
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """(x + 1) / 2, cut off at 0 and 1.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.sparse_sigmoid(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [0.0, 0.5, 0.75, 1.0]
    """
    return ops.sparse_sigmoid(x)


@_activation
def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x), also known as swish.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.silu(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.238, 0.0, 0.311, 1.762]
    """
    return ops.silu(x)


@_activation
def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2.

    Args:
        x: floating tensor of any shape, or what converts to one.
        b: smoothness.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.squareplus(ops.array([-2.0, 0.0, 0.5, 2.0]), b=2.0)]
    [0.225, 0.707, 1.0, 2.225]
    """
    return ops.squareplus(x, b)


@_activation
def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + exp(-x)).

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.sigmoid(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [0.119, 0.5, 0.622, 0.881]
    """
    return ops.sigmoid(x)


@_activation
def tanh(x: TensorLike) -> Tensor:
    """Hyperbolic tangent.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.tanh(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.964, 0.0, 0.462, 0.964]
    """
    return ops.tanh(x)


@_activation
def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x).

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.tanh_shrink(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-1.036, 0.0, 0.038, 1.036]
    """
    return ops.tanh_shrink(x)


@_activation
def hard_sigmoid(x: TensorLike) -> Tensor:
    """x / 6 + 1/2, cut off at 0 and 1.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.hard_sigmoid(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [0.167, 0.5, 0.583, 0.833]
    """
    return ops.hard_sigmoid(x)


@_activation
def hard_silu(x: TensorLike) -> Tensor:
    """x * hard_sigmoid(x), also known as hard swish.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.hard_silu(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-0.333, 0.0, 0.292, 1.667]
    """
    return ops.hard_silu(x)


@_activation
def hard_tanh(x: TensorLike) -> Tensor:
    """x, cut off at -1 and 1.

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.hard_tanh(ops.array([-2.0, 0.5, 3.0]))]
    [-1.0, 0.5, 1.0]
    """
    return ops.hard_tanh(x)


@_activation
def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x)).

    Args:
        x: floating tensor of any shape, or what converts to one.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.log_sigmoid(ops.array([-2.0, 0.0, 0.5, 2.0]))]
    [-2.127, -0.693, -0.474, -0.127]
    """
    return ops.log_sigmoid(x)


@_activation
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """x where it is above a threshold, a fixed value elsewhere.

    Args:
        x: floating tensor of any shape, or what converts to one.
        threshold: the threshold.
        default_value: the value elsewhere.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> x = ops.array([-2.0, 0.0, 0.5, 2.0])
    >>> [round(float(v), 3) for v in activations.threshold(x, threshold=0.5, default_value=0.0)]
    [0.0, 0.0, 0.0, 2.0]
    """
    return ops.threshold(x, threshold, default_value)


@_activation
def softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> Tensor:
    """exp(x) divided by its sum along axes.

    Args:
        x: floating tensor of any shape, or what converts to one.
        axis: int or tuple of ints along which the result sums up to 1.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.softmax(ops.array([1.0, 2.0, 3.0]))]
    [0.09, 0.245, 0.665]
    """
    return ops.softmax(x, axis)


@_activation
def log_softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> Tensor:
    """Logarithm of `softmax`.

    Args:
        x: floating tensor of any shape, or what converts to one.
        axis: int or tuple of ints.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.log_softmax(ops.array([1.0, 2.0, 3.0]))]
    [-2.408, -1.408, -0.408]
    """
    return ops.log_softmax(x, axis)


@_activation
def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """The nearest point of the probability simplex: a sparse softmax.

    Args:
        x: floating tensor of any shape, or what converts to one.
        axis: axis along which the result sums up to 1.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.sparsemax(ops.array([0.5, 1.0, 3.0]))]
    [0.0, 0.0, 1.0]
    """
    return ops.sparsemax(x, axis)


@_activation
def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of the second.

    Args:
        x: floating tensor of any shape, or what converts to one.
        axis: along which axis; its length is even.

    Returns:
        tensor with half the length along `axis`.

    Example:

    >>> from kfront import activations, ops
    >>> [round(float(v), 3) for v in activations.glu(ops.array([1.0, 2.0, 0.0, 4.0]))]
    [0.5, 1.964]
    """
    return ops.glu(x, axis)


swish = silu
hard_swish = hard_silu
