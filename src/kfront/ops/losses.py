"""Crossentropies, and the ratio of signal and noise."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, result_type, to_float
from kfront.core.errors import ShapeError
from kfront.core.op import op
from kfront.core.options import above_zero
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.elementwise import square
from kfront.ops.primitives.arguments import epsilon


def _loss_rule(target: object, output: Tensor) -> tuple[object, object]:
    d = to_float(result_type(output))
    return d, d


def _same_shape(name: str, target: Tensor, output: Tensor) -> None:
    t, o = tuple(target.shape), tuple(output.shape)
    if len(t) != len(o) or any(None not in p and p[0] != p[1] for p in zip(t, o, strict=True)):
        raise ShapeError(f"[{name}] expected `target` and `output` of one shape, got {t} and {o}.")


def _log_probabilities(output: TensorLike, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return p.log_softmax(output, axis)
    eps = epsilon(None)
    output = p.divide(output, p.sum(output, axis, True))
    return p.log(_inside(output, eps))


def _inside(x: TensorLike, eps: float) -> Any:

    return clip(x, eps, 1.0 - eps)


@op(2, _loss_rule, fuse=True, home="nn")
def categorical_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1) -> Tensor:
    """-sum(target * log(output)) along the axis of classes.

    Args:
        target: probabilities, tensor of shape (..., classes).
        output: probabilities or logits, tensor of the same shape.
        from_logits: whether `output` holds logits.
        axis: the axis of classes.

    Returns:
        tensor without that axis, in the dtype of `output`.

    Raises:
        ShapeError: if the shapes differ.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.categorical_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.6931
    """
    _same_shape("categorical_crossentropy", target, output)
    if not len(target.shape):
        raise ShapeError("[categorical_crossentropy] expected `target` of rank >= 1, got a scalar.")
    return p.negative(p.sum(p.multiply(target, _log_probabilities(output, from_logits, axis)), axis))


def _sparse_loss_rule(target: object, output: Tensor) -> tuple[object, object]:
    d = to_float(result_type(output))
    return ("int32", d), d


@op(2, _sparse_loss_rule, home="nn")
def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(output) of the class that is right; 0 for a class number out of range.

    Args:
        target: class numbers, integer tensor of the shape of `output` without the axis of classes (or with 1 there).
        output: probabilities or logits, tensor of shape (..., classes).
        from_logits: whether `output` holds logits.
        axis: the axis of classes.

    Returns:
        tensor of the shape of `target`, in the dtype of `output`.

    Raises:
        ShapeError: if the shapes do not fit.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    rank = len(output.shape)
    if not rank:
        raise ShapeError("[sparse_categorical_crossentropy] expected `output` of rank >= 1, got a scalar.")
    a = shapes.axis_of(axis, rank)
    if len(target.shape) == rank and target.shape[a] == 1:
        target = p.squeeze(target, a)
    t, o = tuple(target.shape), tuple(output.shape)
    rest = o[:a] + o[a + 1 :]
    if len(t) != len(rest) or any(None not in p and p[0] != p[1] for p in zip(t, rest, strict=True)):
        raise ShapeError(
            f"[sparse_categorical_crossentropy] expected `target` of shape {rest} for `output` of shape {o}, got {t}."
        )
    logs = _log_probabilities(output, from_logits, axis)
    inside = p.logical_and(p.greater_equal(target, 0), p.less(target, p.dim(output, a)))
    picked = p.take_along_axis(logs, p.expand_dims(p.where(inside, target, 0), a), a)
    return p.where(inside, p.negative(p.squeeze(picked, a)), 0.0)


@op(2, _loss_rule, fuse=True, home="nn")
def binary_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False) -> Tensor:
    """-(target * log(output) + (1 - target) * log(1 - output)), elementwise.

    Args:
        target: probabilities, tensor of any shape.
        output: probabilities or logits, tensor of the same shape.
        from_logits: whether `output` holds logits.

    Returns:
        tensor of that shape, in the dtype of `output`.

    Raises:
        ShapeError: if the shapes differ.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.binary_crossentropy([1.0], [0.5])[0]), 4)
    0.6931
    """
    _same_shape("binary_crossentropy", target, output)
    if from_logits:
        positive = p.greater_equal(output, 0)  # not relu and abs: the gradient at 0 would be wrong
        smooth = p.log1p(p.exp(p.where(positive, p.negative(output), output)))
        return p.add(p.subtract(p.where(positive, output, 0.0), p.multiply(output, target)), smooth)
    output = _inside(output, epsilon(None))
    right = p.multiply(target, p.log(output))
    wrong = p.multiply(p.subtract(1.0, target), p.log(p.subtract(1.0, output)))
    return p.negative(p.add(right, wrong))


@op(2, floating, fuse=True, home="nn", class_name="PSNR")
def psnr(x1: Tensor, x2: Tensor, max_val: float) -> Tensor:
    """Peak signal-to-noise ratio in decibels.

    Args:
        x1: tensor.
        x2: tensor of the same shape.
        max_val: largest value a signal can take.

    Returns:
        tensor of shape (), floating.

    Raises:
        ShapeError: if the shapes differ.
        ArgumentError: if `max_val` is not above 0.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.psnr([0.0, 1.0], [0.0, 0.9], 1.0)), 4)
    23.0103
    """
    max_val = above_zero("psnr", "max_val", max_val)
    _same_shape("psnr", x1, x2)
    error = p.mean(square(p.subtract(x1, x2)))
    return p.subtract(20 * math.log10(max_val), p.multiply(10 / math.log(10), p.log(error)))
