"""Losses of real-valued targets: the functions."""

from __future__ import annotations

import math
from typing import Any

from kfront import config, ops
from kfront.core.registry import serializable
from kfront.core.state import state
from kfront.core.typing import Tensor, TensorLike

MODULES = ("keras.losses", "keras.metrics")


def pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of the dtype of `y_pred` and of one rank, where the ranks differ by an axis of size 1."""
    types = state.backend.types
    if type(y_pred) not in types or type(y_true) not in types or y_true.dtype != y_pred.dtype:
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    a, b = len(y_true.shape), len(y_pred.shape)
    return (y_true, y_pred) if a == b else same_rank(y_true, y_pred)


def as_tensor(x: TensorLike, dtype: str | None = None) -> Tensor:
    """A tensor of `dtype`, or of the dtype that it has."""
    x = ops.convert_to_tensor(x)
    return x if dtype is None else ops.cast(x, dtype)


def as_tensors(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors, each of its own dtype."""
    types = state.backend.types
    if type(y_pred) not in types or type(y_true) not in types:
        y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    return y_true, y_pred


def same_dtype(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of the dtype of `y_pred`."""
    types = state.backend.types
    if type(y_pred) not in types or type(y_true) not in types or y_true.dtype != y_pred.dtype:
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    return y_true, y_pred


def same_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Both with as many axes, where one has a last axis of size 1 too many."""
    a, b = len(y_true.shape), len(y_pred.shape)
    if a == b + 1 and y_true.shape[-1] == 1:
        return (y_true, ops.expand_dims(y_pred, -1)) if b == 1 else (ops.squeeze(y_true, -1), y_pred)
    if b == a + 1 and y_pred.shape[-1] == 1:
        return (ops.expand_dims(y_true, -1), y_pred) if a == 1 else (y_true, ops.squeeze(y_pred, -1))
    return y_true, y_pred


@serializable(MODULES, None, "mse", "MSE")
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``mean((y_true - y_pred) ** 2, axis=-1)``.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]])).tolist()
    [2.5]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.square(ops.subtract(y_true, y_pred)), axis=-1)


mean_squared_error._of_error = lambda b, error: b.multiply(error, error)  # type: ignore[attr-defined]


@serializable(MODULES, None, "mae", "MAE")
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``mean(abs(y_true - y_pred), axis=-1)``.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.mean_absolute_error([[0.0, 1.0]], [[1.0, 3.0]])).tolist()
    [1.5]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.absolute(ops.subtract(y_true, y_pred)), axis=-1)


mean_absolute_error._of_error = lambda b, error: b.abs(error)  # type: ignore[attr-defined]


@serializable(MODULES, None, "mape", "MAPE")
def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``100 * mean(abs((y_true - y_pred) / y_true), axis=-1)``; targets are kept at least epsilon away from 0.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape.

    Returns:
        One value per sample, in per cent: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]])).tolist()
    [25.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    size = ops.maximum(ops.absolute(y_true), config.epsilon())
    return ops.multiply(ops.mean(ops.absolute(ops.divide(ops.subtract(y_true, y_pred), size)), axis=-1), 100.0)


@serializable(MODULES, None, "msle", "MSLE")
def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``mean((log(y_true + 1) - log(y_pred + 1)) ** 2, axis=-1)``; values below epsilon count as epsilon.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.mean_squared_logarithmic_error([[1.0]], [[1.0]])).tolist()
    [0.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    a, b = (ops.log(ops.add(ops.maximum(y, config.epsilon()), 1.0)) for y in (y_true, y_pred))
    return ops.mean(ops.square(ops.subtract(a, b)), axis=-1)


@serializable(MODULES)
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """Half the squared error where it is at most `delta`, a straight line from there on; the mean over the last axis.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape.
        delta: where the line begins.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.huber([[0.0, 0.0]], [[1.0, 3.0]])).tolist()
    [1.5]
    """
    y_true, y_pred = pair(y_true, y_pred)
    size = ops.absolute(ops.subtract(y_pred, y_true))
    line = ops.subtract(ops.multiply(size, delta), 0.5 * delta * delta)
    return ops.mean(ops.where(ops.less_equal(size, delta), ops.multiply(ops.square(size), 0.5), line), axis=-1)


@serializable(MODULES)
def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``mean(log(cosh(y_pred - y_true)), axis=-1)``.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.log_cosh([[0.0]], [[1.0]])[0]), 4)
    0.4338
    """
    y_true, y_pred = pair(y_true, y_pred)
    error = ops.subtract(y_pred, y_true)
    return ops.mean(ops.subtract(ops.add(error, ops.softplus(ops.multiply(error, -2.0))), math.log(2.0)), axis=-1)


@serializable(MODULES)
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between targets and predictions: -1 where they point the same way.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape.
        axis: axis of the vectors.

    Returns:
        One value per vector: a tensor of the shape without `axis`, of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.cosine_similarity([[0.0, 2.0]], [[0.0, 1.0]])).tolist()
    [-1.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    a, b = (ops.normalize(y, axis=axis) for y in (y_true, y_pred))
    return ops.negative(ops.sum(ops.multiply(a, b), axis=axis))


@serializable(MODULES)
def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``mean(y_pred - y_true * log(y_pred), axis=-1)``.

    Args:
        y_true: targets of shape (batch, ..., size), of any dtype.
        y_pred: floating predictions of the same shape, positive.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.poisson([[1.0]], [[1.0]])[0]), 4)
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    log = ops.log(ops.add(y_pred, config.epsilon()))
    return ops.mean(ops.subtract(y_pred, ops.multiply(y_true, log)), axis=-1)
