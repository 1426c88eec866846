"""Moments and normalization."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, result_type, to_float
from kfront.core.errors import ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.typing import Axis, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.casting import widen
from kfront.ops.elementwise import square
from kfront.ops.matrix import norm
from kfront.ops.primitives.arguments import epsilon

_LARGEST_HALF = 65504.0


@op(dtype=floating, fuse=True, home="nn")
def moments(x: TensorLike, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes.

    Args:
        x: tensor; halves are computed in float32.
        axes: int or sequence of ints.
        keepdims: whether reduced axes stay, with length 1.
        synchronized: whether replicas (of `tf.distribute`, processes of `torch.distributed`) are taken together.

    Returns:
        Tuple (mean, variance) in the dtype of `x`; a variance beyond float16 is the largest number of it.

    Example:

    >>> from kfront import ops
    >>> mean, variance = ops.moments(ops.array([1.0, 3.0]), [0])
    >>> float(mean), float(variance)
    (2.0, 1.0)
    """
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    y = widen(x)
    kind = p.dtype_of(x)
    spread = p.var(y, axes, keepdims)
    if kind == "float16":
        spread = p.minimum(spread, _LARGEST_HALF)
    return p.cast(p.mean(y, axes, keepdims), kind), p.cast(spread, kind)


@op(
    ("x", "mean", "variance", "offset", "scale"),
    floating,
    prepare={"epsilon": epsilon},
    fuse=True,
    home="nn",
    class_name="BatchNorm",
)
def batch_normalization(
    x: Tensor,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset (Ioffe and Szegedy, 2015, arXiv:1502.03167).

    Args:
        x: tensor.
        mean: tensor of shape (n,), n the length of the axis.
        variance: tensor of shape (n,).
        axis: the axis that keeps its own statistics.
        offset: tensor of shape (n,), or None.
        scale: tensor of shape (n,), or None.
        epsilon: added so that the divisor is not 0.

    Returns:
        tensor of the shape of `x`, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.batch_normalization([[1.0], [3.0]], [2.0], [1.0], -1, epsilon=0.0)).tolist()
    [[-1.0], [1.0]]
    """
    rank = len(x.shape)
    a = shapes.axis_of(axis, rank)
    line = tuple(-1 if i == a else 1 for i in range(rank))
    factor = p.rsqrt(p.add(variance, epsilon))
    if scale is not None:
        factor = p.multiply(factor, scale)
    shift = p.negative(p.multiply(mean, factor))
    if offset is not None:
        shift = p.add(shift, offset)
    return p.add(p.multiply(x, p.reshape(factor, line)), p.reshape(shift, line))


def _train_rule(x: Tensor, offset: Tensor, scale: Tensor) -> tuple[object, object]:
    d = to_float(result_type(x, offset, scale))
    return d, [d, d, d]


@op(("x", "offset", "scale"), _train_rule, prepare={"epsilon": epsilon})
def batch_normalization_train(
    x: Tensor, offset: TensorLike | None = None, scale: TensorLike | None = None, axis: int = -1, epsilon: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """`batch_normalization` by the statistics of the batch itself, which come out as well. Not public.

    Args:
        x: tensor.
        offset: tensor of shape (n,), n the length of the axis, or None.
        scale: tensor of shape (n,), or None.
        axis: the axis that keeps its own statistics.
        epsilon: added so that the divisor is not 0.

    Returns:
        Tuple (y, mean, variance); the last two of shape (n,), biased, without gradient.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.normalization import batch_normalization_train
    >>> y, mean, variance = batch_normalization_train(ops.array([[1.0], [3.0]]), None, None, -1, 0.0)
    >>> [ops.convert_to_numpy(v).ravel().round(3).tolist() for v in (y, mean, variance)]
    [[-1.0, 1.0], [2.0], [1.0]]
    """
    rank = len(x.shape)
    a = shapes.axis_of(axis, rank)
    mean, variance = moments(x, tuple(i for i in range(rank) if i != a))
    y = batch_normalization(x, mean, variance, axis, offset, scale, epsilon)
    return y, p.stop_gradient(mean), p.stop_gradient(variance)


def _along_axes(weight: Tensor, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """A weight over `axes`, in whichever order, in a shape that broadcasts to `x`."""
    rank, own = len(x.shape), tuple(weight.shape)
    last = axes == tuple(range(rank - len(axes), rank))
    if len(own) == rank or (last and (len(own) != len(axes) or len(own) == 1 or own == tuple(x.shape)[-len(own) :])):
        return weight
    return p.reshape(weight, tuple(p.dim(x, i) if i in axes else 1 for i in range(rank)))


def _normal_rule(x: Tensor, *weights: object) -> tuple[object, object]:
    d = to_float(result_type(x))
    return (d, *(None,) * len(weights)), d


@op(
    ("x", "gamma", "beta"),
    _normal_rule,
    name="layer_normalization",
    prepare={"epsilon": epsilon},
    fuse=True,
    home="nn",
    class_name="LayerNorm",
)
def _layer_normalization(
    x: Any, gamma: Tensor | None = None, beta: Any = None, axis: int | Sequence[int] = -1, epsilon: Any = None
) -> Tensor:
    axes = tuple(sorted(shapes.axes_of(tuple(axis) if isinstance(axis, list) else axis, len(x.shape))))
    y = widen(x)
    y = p.subtract(y, p.mean(y, axes, True))
    y = p.multiply(y, p.rsqrt(p.add(p.mean(square(y), axes, True), epsilon)))
    if gamma is not None:
        y = p.multiply(y, p.cast(_along_axes(gamma, x, axes), p.dtype_of(y)))
    if beta is not None:
        y = p.add(y, p.cast(_along_axes(beta, x, axes), p.dtype_of(y)))
    return p.cast(y, p.dtype_of(x))


@in_front_of(_layer_normalization)
def layer_normalization(
    x: TensorLike,
    gamma: Tensor | None = None,
    beta: TensorLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: object,
) -> Tensor:
    """Mean 0 and variance 1 along axes, then scaled and shifted (Ba et al., 2016, arXiv:1607.06450).

    Args:
        x: tensor; halves are computed in float32.
        gamma: scale, of the shape of `x` along `axis`, or None.
        beta: shift, of the same shape, or None.
        axis: int or sequence of ints.
        epsilon: added so that the divisor is not 0; the configured one if None.
        **kwargs: with `rms_scaling=True`, kept for compatibility, `x` is divided by its deviation along `axis` and the
            mean stays; use `rms_normalization`.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> [round(float(v), 3) for v in ops.layer_normalization([1.0, 3.0])]
    [-1.0, 1.0]
    """
    if kwargs.get("rms_scaling"):
        warnings.warn(RMS_SCALING, stacklevel=3)
        return scaled_by_deviation(p.convert_to_tensor(x), gamma, axis, epsilon)
    return _layer_normalization(x, gamma, beta, axis, epsilon)


RMS_SCALING = (
    "`rms_scaling=True` divides by the deviation, not by the root of the mean of squares; use RMSNormalization "
    "or rms_normalization, unless a file is to be read."
)


def scaled_by_deviation(
    x: Tensor, scale: Tensor | None = None, axis: int | Sequence[int] = -1, least: float | None = None
) -> Tensor:
    """x divided by the root of its variance along axes, as Keras's `rms_scaling` has it; the mean stays.

    The arguments are those of `rms_normalization`, `least` is its `epsilon`.

    Example:

    >>> from kfront import ops
    >>> [round(float(v), 3) for v in scaled_by_deviation(ops.array([1.0, 3.0]))]
    [1.0, 3.0]
    """
    return _divided(x, scale, axis, epsilon(least), lambda y, axes: p.subtract(y, p.mean(y, axes, True)))


def _divided(
    x: Tensor, scale: Tensor | None, axis: int | Sequence[int], least: Any, measured: Callable[..., Tensor]
) -> Tensor:
    """x divided by the root mean square of what is `measured` of it, scaled, in the dtype of x."""
    axes = tuple(sorted(shapes.axes_of(tuple(axis) if isinstance(axis, list) else axis, len(x.shape))))
    y = widen(x)
    y = p.multiply(y, p.rsqrt(p.add(p.mean(square(measured(y, axes)), axes, True), least)))
    if scale is not None:
        y = p.multiply(y, p.cast(_along_axes(scale, x, axes), p.dtype_of(y)))
    return p.cast(y, p.dtype_of(x))


@op(("x", "scale"), _normal_rule, prepare={"epsilon": epsilon}, fuse=True, home="nn", class_name="RMSNorm")
def rms_normalization(x: Any, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: Any = None) -> Tensor:
    """x divided by its root mean square along axes (Zhang and Sennrich, 2019, arXiv:1910.07467).

    Args:
        x: tensor; halves are computed in float32.
        scale: scale, of the shape of `x` along `axis`, or None.
        axis: int or sequence of ints.
        epsilon: added so that the divisor is not 0; the configured one if None.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> [round(float(v), 3) for v in ops.rms_normalization([2.0, -2.0])]
    [1.0, -1.0]
    """
    return _divided(x, scale, axis, epsilon, lambda y, axes: y)


@op(dtype=floating, prepare={"epsilon": epsilon}, fuse=True, home="nn")
def normalize(x: Tensor, axis: int | Sequence[int] = -1, order: int = 2, epsilon: Any = None) -> Tensor:
    """x divided by its norm along axes; what is shorter than `epsilon` is divided by that.

    Args:
        x: tensor; integers become floatx.
        axis: int, or a sequence of ints.
        order: order of the norm, an int of at least 1.
        epsilon: least divisor; the configured one if None.

    Returns:
        tensor of the shape of `x`, floating.

    Raises:
        ShapeError: if `order` is no positive int.

    Example:

    >>> from kfront import ops
    >>> [round(float(v), 3) for v in ops.normalize([3.0, 4.0])]
    [0.6, 0.8]
    """
    if not isinstance(order, int) or order < 1:
        raise ShapeError(f"[normalize] expected `order` to be an int >= 1, got {order!r}.")
    axes = shapes.axes_of(tuple(axis) if isinstance(axis, list) else axis, len(x.shape))
    if order == 2:
        total = p.sum(square(x), axes, True)
        return p.multiply(x, p.rsqrt(p.maximum(total, epsilon * epsilon)))
    return p.divide(x, p.maximum(norm(x, order, axes[0] if len(axes) == 1 else axes, True), epsilon))
