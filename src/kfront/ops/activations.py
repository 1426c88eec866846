"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, numeric
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.elementwise import erfc, square


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.relu6([-1.0, 2.0, 8.0])).tolist()
    [0.0, 2.0, 6.0]
    """
    return p.where(p.greater_equal(x, 6), 6, p.relu(x))


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x above 0, `negative_slope` * x below.

    Args:
        x: tensor of any shape; integers become floatx.
        negative_slope: slope below 0.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.leaky_relu([-1.0, 2.0], negative_slope=0.5)).tolist()
    [-0.5, 2.0]
    """
    return p.where(p.greater(x, 0), x, p.multiply(x, negative_slope))


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha * (exp(x) - 1) below (Clevert et al., 2015, arXiv:1511.07289).

    Args:
        x: tensor of any shape; integers become floatx.
        alpha: minus the limit at -inf.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.elu(-1.0)), 4)
    -0.6321
    """
    positive = p.greater(x, 0)
    return p.where(positive, x, p.multiply(alpha, p.expm1(p.where(positive, 0, x))))


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def selu(x: TensorLike) -> Tensor:
    """Scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al., 2017, arXiv:1706.02515).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.selu(1.0)), 4)
    1.0507
    """
    return p.multiply(1.0507009873554805, elu(x, 1.6732632423543772))


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha * (exp(x / alpha) - 1) below (Barron, 2017, arXiv:1704.07483).

    Args:
        x: tensor of any shape; integers become floatx.
        alpha: minus the limit at -inf.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.celu(-1.0, alpha=0.5)), 4)
    -0.4323
    """
    positive = p.greater(x, 0)
    return p.where(positive, x, p.multiply(alpha, p.expm1(p.divide(p.where(positive, 0, x), alpha))))


@op(dtype=floating, zeros="kept", home="nn")
def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """x times the distribution function of the standard normal (Hendrycks and Gimpel, 2016, arXiv:1606.08415).

    Args:
        x: tensor of any shape; integers become floatx.
        approximate: whether the formula with tanh is used instead of erf.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.gelu(1.0)), 4)
    0.8412
    """
    if approximate:
        inner = p.multiply(math.sqrt(2 / math.pi), p.add(x, p.multiply(0.044715, p.multiply(x, square(x)))))
        return p.multiply(x, p.sigmoid(p.multiply(2.0, inner)))  # 1 + tanh(inner) would lose all digits far below 0
    return p.multiply(p.multiply(0.5, x), erfc(p.divide(x, -math.sqrt(2))))


@op(dtype=floating, zeros="kept", home="nn", aliases=("swish",))
def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x), also known as swish (Ramachandran et al., 2017, arXiv:1710.05941).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.silu(1.0)), 4)
    0.7311
    """
    return p.multiply(x, p.sigmoid(x))


@op(dtype=floating, zeros="filled", home="nn")
def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x)), without overflow.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating, at most 0.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.log_sigmoid(0.0)), 4)
    -0.6931
    """
    return p.negative(p.softplus(p.negative(x)))


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating, in (-1, 1).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.softsign([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
    """
    return p.divide(x, p.add(1.0, p.abs(x)))


@op(dtype=floating, zeros="filled", fuse=True, home="nn")
def hard_sigmoid(x: TensorLike) -> Tensor:
    """x / 6 + 1/2, cut off at 0 and 1: a sigmoid of straight lines.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating, in [0, 1].

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.hard_sigmoid([-4.0, 0.0, 4.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return p.where(p.less_equal(x, -3), 0.0, p.where(p.greater_equal(x, 3), 1.0, p.divide(p.add(x, 3.0), 6.0)))


@op(dtype=floating, fuse=True, home="nn", aliases=("hard_swish",))
def hard_silu(x: TensorLike) -> Tensor:
    """x * hard_sigmoid(x), also known as hard swish (Howard et al., 2019, arXiv:1905.02244).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.hard_silu(1.0)), 4)
    0.6667
    """
    curve = p.divide(p.multiply(x, p.add(x, 3.0)), 6.0)
    return p.where(p.less_equal(x, -3), 0.0, p.where(p.greater_equal(x, 3), x, curve))


@op(dtype=numeric, zeros="kept", fuse=True, home="nn")
def hard_tanh(x: TensorLike) -> Tensor:
    """x, cut off at -1 and 1.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.hard_tanh([-2.0, 0.5, 2.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    x = p.where(p.greater_equal(x, 1), 1, x)
    return x if p.dtype_of(x).startswith("u") else p.where(p.less_equal(x, -1), -1, x)


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x).

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.tanh_shrink(1.0)), 4)
    0.2384
    """
    return p.subtract(x, p.tanh(x))


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x where |x| is above a threshold, 0 elsewhere.

    Args:
        x: tensor of any shape; integers become floatx.
        threshold: the threshold.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.hard_shrink([-1.0, 0.25, 1.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return p.where(p.less_equal(p.abs(x), threshold), 0.0, x)


@op(dtype=floating, zeros="kept", fuse=True, home="nn")
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by a threshold, 0 within it.

    Args:
        x: tensor of any shape; integers become floatx.
        threshold: the threshold.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.soft_shrink([-1.0, 0.25, 1.0])).tolist()
    [-0.5, 0.0, 0.5]
    """
    outside = p.where(p.less(x, 0), p.add(x, threshold), p.subtract(x, threshold))
    return p.where(p.less_equal(p.abs(x), threshold), 0.0, outside)


@op(dtype=floating, fuse=True, home="nn")
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """x where it is above a threshold, a fixed value elsewhere.

    Args:
        x: tensor of any shape; integers become floatx.
        threshold: the threshold.
        default_value: the value elsewhere.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.threshold([0.5, 2.0], 1.0, -1.0)).tolist()
    [-1.0, 2.0]
    """
    return p.where(p.less_equal(x, threshold), default_value, x)


@op(dtype=floating, fuse=True, home="nn")
def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2: a smooth `relu` (Barron, 2021, arXiv:2112.11687).

    Args:
        x: tensor of any shape; integers become floatx.
        b: smoothness.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.squareplus([0.0, 1.5])).tolist()
    [1.0, 2.0]
    """
    root = p.sqrt(p.add(square(x), b))
    below = p.less(x, 0)  # there x + root cancels
    return p.where(below, p.divide(0.5 * b, p.subtract(root, p.where(below, x, -1.0))), p.multiply(0.5, p.add(x, root)))


@op(dtype=floating, fuse=True, home="nn")
def sparse_plus(x: TensorLike) -> Tensor:
    """0 below -1, (x + 1)^2 / 4 up to 1, x above.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sparse_plus([-2.0, 0.0, 2.0])).tolist()
    [0.0, 0.25, 2.0]
    """
    curve = p.multiply(0.25, square(p.add(x, 1.0)))
    return p.where(p.less_equal(x, -1), 0.0, p.where(p.greater_equal(x, 1), x, curve))


@op(dtype=floating, fuse=True, home="nn")
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """(x + 1) / 2, cut off at 0 and 1.

    Args:
        x: tensor of any shape; integers become floatx.

    Returns:
        tensor of the shape of `x`, floating, in [0, 1].

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sparse_sigmoid([-2.0, 0.0, 2.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return p.where(p.less_equal(x, -1), 0.0, p.where(p.greater_equal(x, 1), 1.0, p.multiply(0.5, p.add(x, 1.0))))


@op(dtype=floating, fuse=True, home="nn")
def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of the second (Dauphin et al., 2016, arXiv:1612.08083).

    Args:
        x: tensor; its length along `axis` is even.
        axis: along which axis.

    Returns:
        tensor with half the length along `axis`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.glu([2.0, 4.0, 0.0, 0.0])).tolist()
    [1.0, 2.0]
    """
    a, b = p.split(x, 2, axis)
    return p.multiply(a, p.sigmoid(b))


@op(dtype=floating, fuse=True, home="nn")
def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The nearest point of the probability simplex: a sparse softmax (Martins and Astudillo, 2016, arXiv:1602.02068).

    Args:
        x: tensor; integers become floatx.
        axis: axis along which the result sums up to 1.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sparsemax([0.5, 0.5, -1.0])).tolist()
    [0.5, 0.5, 0.0]
    """
    ordered = p.flip(p.sort(x, axis), axis)
    rank = len(x.shape)
    a = shapes.axis_of(axis, rank)
    places = p.cast(p.add(p.arange(p.dim(x, axis)), 1), p.dtype_of(x))
    places = p.reshape(places, tuple(-1 if i == a else 1 for i in range(rank)))
    total = p.cumsum(ordered, axis)
    support = p.greater(p.add(1.0, p.multiply(places, ordered)), total)
    count = p.sum(p.cast(support, p.dtype_of(x)), axis, True)
    tau = p.divide(p.subtract(p.sum(p.where(support, ordered, 0.0), axis, True), 1.0), count)
    return p.relu(p.subtract(x, tau))
