"""Reductions along axes and over segments; differences and integrals of samples."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, is_int, keep
from kfront.core.op import op
from kfront.core.typing import Axis, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.creation import ones_like
from kfront.ops.primitives.arguments import whole


@op(dtype=keep, zeros="filled", fuse=True, home="numpy")
def amax(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Largest value over axes; see `max`.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        initial: number that takes part as well.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.amax([[1, 5], [3, 2]], axis=0)).tolist()
    [3, 5]
    """
    return p.max(x, axis, keepdims, initial)


@op(dtype=keep, zeros="filled", fuse=True, home="numpy")
def amin(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Smallest value over axes; see `min`.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        initial: number that takes part as well.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.amin([[1, 5], [3, 2]], axis=0)).tolist()
    [1, 2]
    """
    return p.min(x, axis, keepdims, initial)


@op(dtype=keep, fuse=True, home="numpy")
def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest minus smallest value over axes.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.ptp([[1, 5], [3, 2]], axis=1)).tolist()
    [4, 1]
    """
    return p.subtract(p.max(x, axis, keepdims), p.min(x, axis, keepdims))


@op(zeros="filled", fuse=True, home="numpy")
def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """Number of elements that are not 0.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.

    Returns:
        int32 tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> int(ops.count_nonzero([0, 3, 4]))
    2
    """
    return p.sum(p.cast(p.not_equal(x, 0), "int32"), axis)


@op(dtype=keep, prepare={"n": whole("n", 0)}, fuse=True, home="numpy")
def diff(a: Tensor, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbours along an axis.

    Args:
        a: tensor.
        n: how often it is applied.
        axis: along which axis.

    Returns:
        tensor with `n` fewer elements along `axis`, in the dtype of `a`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.diff([1, 4, 9])).tolist()
    [3, 5]
    """
    for _ in range(n):
        rank = len(a.shape)
        after, before = a[p.key_on(rank, axis, slice(1, None))], a[p.key_on(rank, axis, slice(None, -1))]
        a = p.not_equal(after, before) if p.dtype_of(a) == "bool" else p.subtract(after, before)
    return a


@op(2, p.segment_rule, prepare=p.SEGMENTS, home="math")
def segment_min(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Smallest values of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; inf (the largest integer) for empty segments.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.segment_min([1, 2, 3], [0, 1, 0], num_segments=2)).tolist()
    [1, 2]
    """
    # of integers the complement turns the order round without overflow
    turn = p.bitwise_invert if is_int(p.dtype_of(data)) else p.negative
    return turn(p.segment_max(turn(data), segment_ids, num_segments, sorted))


@op(2, p.segment_rule, prepare=p.SEGMENTS, home="math")
def segment_prod(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Product of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; 1 for empty segments.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.segment_prod([1, 2, 3], [0, 1, 0], num_segments=2)).tolist()
    [3, 2]
    """
    if num_segments is None:
        num_segments = int(p.max(segment_ids)) + 1
    base = p.segment_sum(data, segment_ids, num_segments + 1)
    inside = p.logical_and(p.greater_equal(segment_ids, 0), p.less(segment_ids, num_segments))
    places = p.expand_dims(p.where(inside, segment_ids, num_segments), 1)
    out = p.scatter_update(ones_like(base), places, data, "mul")
    return out[:num_segments]


@op(("y", "x"), floating, fuse=True, home="numpy", call_args=("y",))
def trapezoid(y: Tensor, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Integral along an axis by the trapezoidal rule.

    Args:
        y: tensor of values.
        x: where they are, of shape (n,) or that of `y`; equally spaced if None.
        dx: their distance when `x` is None.
        axis: along which axis.

    Returns:
        tensor without that axis, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.trapezoid([1.0, 2.0, 3.0]))
    4.0
    """
    rank = len(y.shape)
    after, before = (p.key_on(rank, axis, p.span_on(s)) for s in (1, 0))
    heights = p.divide(p.add(p.get_item(y, after), p.get_item(y, before)), 2.0)
    if x is None:
        return p.sum(p.multiply(heights, dx), axis)
    if len(x.shape) == 1:
        widths = p.subtract(p.get_item(x, p.span_on(1)), p.get_item(x, p.span_on(0)))
        a = shapes.axis_of(axis, rank)
        widths = p.reshape(widths, tuple(-1 if i == a else 1 for i in range(rank)))
    else:
        widths = p.subtract(p.get_item(x, after), p.get_item(x, before))
    return p.sum(p.multiply(heights, widths), axis)
