"""Activations that are more, or have other defaults, than the op of the same name."""

from __future__ import annotations

from typing import Any

from kfront.core.errors import ArgumentError
from kfront.core.registry import serializable
from kfront.ops import arithmetic, elementwise, logic, nn_activation

__all__ = ["exponential", "gelu", "linear", "mish", "relu"]


@serializable("keras.activations")
def linear(x: Any) -> Any:
    """``x`` as it is.

    Args:
        x: any tensor.
    """
    return x


@serializable("keras.activations")
def exponential(x: Any) -> Any:
    """``exp(x)``.

    Args:
        x: floating tensor of any shape.

    Returns:
        A tensor of the same shape and dtype.
    """
    return elementwise.exp(x)


@serializable("keras.activations")
def gelu(x: Any, approximate: bool = False) -> Any:
    """Gaussian error linear unit, ``x * P(X <= x)`` for a standard normal X.

    Args:
        x: floating tensor of any shape.
        approximate: whether the tanh approximation is used.

    Returns:
        A tensor of the same shape and dtype.

    Reference: Hendrycks & Gimpel, 2016, https://arxiv.org/abs/1606.08415
    """
    return nn_activation.gelu(x, approximate)


@serializable("keras.activations")
def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``.

    Args:
        x: floating tensor of any shape.

    Returns:
        A tensor of the same shape and dtype.

    Reference: Misra, 2019, https://arxiv.org/abs/1908.08681
    """
    return arithmetic.multiply(x, elementwise.tanh(nn_activation.softplus(x)))


@serializable("keras.activations")
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Rectified linear unit: x above the threshold, ``negative_slope * (x - threshold)`` below, at most `max_value`.

    Args:
        x: tensor of any shape.
        negative_slope: slope below the threshold.
        max_value: upper bound of the result, or None.
        threshold: where the unit switches on.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        ArgumentError: if `negative_slope` or `max_value` is negative.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.activations.relu(kfront.ops.array([-2.0, 3.0]), max_value=2.0)).tolist()
    [0.0, 2.0]
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return nn_activation.relu(x)
    if negative_slope < 0 or (max_value is not None and max_value < 0):
        raise ArgumentError(
            f"[relu] expected `negative_slope` and `max_value` >= 0, got {negative_slope} and {max_value}."
        )
    below = arithmetic.multiply(arithmetic.subtract(x, threshold), negative_slope)
    out = logic.where(logic.greater_equal(x, threshold) if threshold else logic.greater(x, 0), x, below)
    return out if max_value is None else arithmetic.minimum(out, max_value)
