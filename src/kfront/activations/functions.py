"""The activation functions: thin names over `kfront.ops`."""

from __future__ import annotations

from typing import Any

from kfront import ops
from kfront.core.registry import serializable

__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

_activation = serializable("keras.activations")


@_activation
def linear(x: Any) -> Any:
    """x itself.

    Args:
        x: tensor.

    Returns:
        `x`.
    """
    return x


@_activation
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """max(x, 0), or a variant with a slope below, a ceiling, or another threshold.

    Args:
        x: tensor.
        negative_slope: slope below the threshold.
        max_value: ceiling; none if None.
        threshold: values below it become ``negative_slope * (x - threshold)``.

    Returns:
        tensor of the shape of `x`.

    Example:

    >>> from kfront import activations, ops
    >>> activations.relu(ops.array([-2.0, 0.5, 9.0]), negative_slope=0.5, max_value=6.0).tolist()
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
def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the distribution function of the standard normal.

    Args:
        x: tensor.
        approximate: whether the formula with tanh is used instead of erf.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.gelu(x, approximate)


@_activation
def exponential(x: Any) -> Any:
    """exp(x).

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.exp(x)


@_activation
def mish(x: Any) -> Any:
    """x * tanh(softplus(x)) (Misra, 2019, arXiv:1908.08681).

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


@_activation
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, ``alpha * (exp(x) - 1)`` below.

    Args:
        x: tensor.
        alpha: minus the limit at -inf.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.elu(x, alpha)


@_activation
def celu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, ``alpha * (exp(x / alpha) - 1)`` below.

    Args:
        x: tensor.
        alpha: minus the limit at -inf.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.celu(x, alpha)


@_activation
def selu(x: Any) -> Any:
    """Scaled `elu` that keeps mean 0 and variance 1; initialize kernels with "lecun_normal".

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.selu(x)


@_activation
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x above 0, ``negative_slope * x`` below.

    Args:
        x: tensor.
        negative_slope: slope below 0.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.leaky_relu(x, negative_slope)


@_activation
def relu6(x: Any) -> Any:
    """x, cut off at 0 and 6.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.relu6(x)


@_activation
def softplus(x: Any) -> Any:
    """log(1 + exp(x)): a smooth `relu`.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.softplus(x)


@_activation
def softsign(x: Any) -> Any:
    """x / (1 + |x|).

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.softsign(x)


@_activation
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x moved towards 0 by a threshold, 0 within it.

    Args:
        x: tensor.
        threshold: the threshold.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.soft_shrink(x, threshold)


@_activation
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x where |x| is above a threshold, 0 elsewhere.

    Args:
        x: tensor.
        threshold: the threshold.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.hard_shrink(x, threshold)


@_activation
def sparse_plus(x: Any) -> Any:
    """0 below -1, ``(x + 1)^2 / 4`` up to 1, x above.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.sparse_plus(x)


@_activation
def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) / 2, cut off at 0 and 1.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.sparse_sigmoid(x)


@_activation
def silu(x: Any) -> Any:
    """x * sigmoid(x), also known as swish.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.silu(x)


@_activation
def squareplus(x: Any, b: float = 4) -> Any:
    """(x + sqrt(x^2 + b)) / 2.

    Args:
        x: tensor.
        b: smoothness.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.squareplus(x, b)


@_activation
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)).

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.sigmoid(x)


@_activation
def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.tanh(x)


@_activation
def tanh_shrink(x: Any) -> Any:
    """x - tanh(x).

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.tanh_shrink(x)


@_activation
def hard_sigmoid(x: Any) -> Any:
    """x / 6 + 1/2, cut off at 0 and 1.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.hard_sigmoid(x)


@_activation
def hard_silu(x: Any) -> Any:
    """x * hard_sigmoid(x), also known as hard swish.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.hard_silu(x)


@_activation
def hard_tanh(x: Any) -> Any:
    """x, cut off at -1 and 1.

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.hard_tanh(x)


@_activation
def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)).

    Args:
        x: tensor.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.log_sigmoid(x)


@_activation
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where it is above a threshold, a fixed value elsewhere.

    Args:
        x: tensor.
        threshold: the threshold.
        default_value: the value elsewhere.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.threshold(x, threshold, default_value)


@_activation
def softmax(x: Any, axis: Any = -1) -> Any:
    """exp(x) divided by its sum along axes.

    Args:
        x: tensor.
        axis: int or tuple of ints along which the result sums up to 1.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.softmax(x, axis)


@_activation
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """Logarithm of `softmax`.

    Args:
        x: tensor.
        axis: int or tuple of ints.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.log_softmax(x, axis)


@_activation
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point of the probability simplex: a sparse softmax.

    Args:
        x: tensor.
        axis: axis along which the result sums up to 1.

    Returns:
        tensor of the shape of `x`.
    """
    return ops.sparsemax(x, axis)


@_activation
def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second.

    Args:
        x: tensor.
        axis: along which axis; its length is even.

    Returns:
        tensor with half the length along `axis`.
    """
    return ops.glu(x, axis)


swish = silu
hard_swish = hard_silu
