"""Places of values: ranks, bins, sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kfront.core import shapes
from kfront.core.arguments import is_whole
from kfront.core.dtypes import keep
from kfront.core.errors import ArgumentError, DTypeError
from kfront.core.op import op
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Shape, Size, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.creation import ones_like
from kfront.ops.primitives.arguments import whole
from kfront.ops.shapes import moveaxis


@op(home="numpy")
def unravel_index(indices: TensorLike, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """Coordinates of positions in a flat tensor.

    Args:
        indices: integer tensor of any shape; negative ones count from the end.
        shape: shape of the tensor.

    Returns:
        Tuple of integer tensors of the shape of `indices`, one for each axis.

    Raises:
        ArgumentError: if a dimension is None.
        DTypeError: if `indices` are floats.

    Example:

    >>> from kfront import ops
    >>> [ops.convert_to_numpy(i).tolist() for i in ops.unravel_index(ops.array([5]), (2, 4))]
    [[1], [1]]
    """
    if None in shape:
        raise ArgumentError(f"[unravel_index] expected a fully known `shape`, got {tuple(shape)}.")
    if p.is_floating(indices):
        raise DTypeError(f"[unravel_index] expected integers as `indices`, got {p.dtype_of(indices)}.")
    out: list[Tensor] = []
    for d in reversed(tuple(shape)):
        out.append(p.mod(indices, d))
        indices = p.floor_divide(indices, d)
    return tuple(reversed(out))


@op(dtype=keep, home="numpy")
def argpartition(x: TensorLike, kth: int, axis: int | None = -1) -> Tensor:
    """Positions that put the kth smallest element of an axis into its place, smaller ones before it.

    Args:
        x: tensor.
        kth: place in the sorted order.
        axis: int, or None for the flat tensor.

    Returns:
        int32 tensor of the shape of `x`.

    Raises:
        ArgumentError: if the axis has no element `kth`.

    Example:

    >>> from kfront import ops
    >>> int(ops.argpartition([3, 1, 2], 0)[0])
    1
    """
    s: Shape = x.shape  # type: ignore[union-attr]  # the body of an op gets tensors
    n = shapes.product(s) if axis is None else s[shapes.axis_of(axis, len(s))]
    if n is not None and is_whole(kth) and not -n <= kth < n:
        raise ArgumentError(f"expected `kth` in [{-n}, {n}), got {kth}.")
    return p.argsort(x, axis)


@op(2, prepare={"k": whole("k", 0)}, fuse=True, home="math")
def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Whether a target is among the k classes with the highest scores; ties with the kth count.

    Args:
        targets: integer tensor of shape (batch,).
        predictions: floating tensor of shape (batch, classes).
        k: how many classes count.

    Returns:
        bool tensor of shape (batch,); False where the target is no class, or its score is not finite.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], 1)).tolist()
    [True, False]
    """
    targets = p.cast(targets, "int32")
    inside = p.maximum(p.minimum(targets, p.subtract(p.dim(predictions, -1), 1)), 0)
    score = p.take_along_axis(predictions, p.expand_dims(inside, -1), -1)
    better = p.sum(p.cast(p.greater(predictions, score), "int32"), -1)
    valid = p.logical_and(p.equal(targets, inside), p.all(p.isfinite(score), -1))
    return p.logical_and(p.less(better, k), valid)


@op(2, zeros="filled", fuse=True, home="numpy")
def digitize(x: TensorLike, bins: TensorLike) -> Tensor:
    """Number of the bin each value falls into.

    Args:
        x: tensor of any shape.
        bins: ascending tensor of shape (n,), the limits.

    Returns:
        int32 tensor of the shape of `x`, i where ``bins[i - 1] <= x < bins[i]``.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.digitize([0.5, 1.5], [1.0, 2.0])).tolist()
    [0, 1]
    """
    return p.searchsorted(bins, x, "right")


@op(home="numpy")
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: TensorLike | None = None,
) -> Any:
    """The distinct elements of a tensor, ascending.

    Args:
        x: tensor.
        sorted: kept for compatibility; the result is ascending.
        return_index: whether the position of each one's first occurrence is returned.
        return_inverse: whether the place of each element among the distinct ones is returned.
        return_counts: whether the number of occurrences is returned.
        axis: slices along this axis are compared; elements of the flat tensor if None.
        size: number of results: cut off, or filled up; as many as there are if None (not in compiled JAX code).
        fill_value: what it is filled up with; 0 if None. Positions are filled up with the first, counts with 0.

    Returns:
        tensor, or a tuple (values, index, inverse, counts) of what was asked for; positions are int32.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.unique([3, 1, 3])).tolist()
    [1, 3]
    """
    if isinstance(x, KerasTensor):
        return _unique_spec(x, return_index, return_inverse, return_counts, axis, size)
    x = p.array(x)
    table = p.reshape(x, (-1, 1)) if axis is None else _rows(x, axis)
    order = _row_order(table)
    lines = p.take(table, order, 0)
    first = p.concatenate([ones_like(order, "bool")[:1], _differs(lines)], 0)
    group = p.subtract(p.cumsum(p.cast(first, "int32")), 1)
    found = p.sum(p.cast(first, "int32"))
    starts = p.argsort(p.cast(p.logical_not(first), "int32"))
    if size is not None:  # past the last, the first is repeated
        starts = p.where(p.less(p.arange(p.dim(order, 0)), found), starts, p.get_item(starts, slice(0, 1)))
    n = _count(found) if size is None else size
    starts = _take_first(starts, n, p.dim(order, 0))
    values = _values(x, p.take(order, starts, 0), axis)
    if size is not None:
        values = _refill(values, found, size, fill_value, axis)
    inverse = p.take(group, p.argsort(order), 0)
    counts = p.segment_sum(ones_like(group), group, p.dim(order, 0) + (size or 0))
    extra = [
        (return_index, lambda: p.take(order, starts, 0)),
        (return_inverse, lambda: p.reshape(inverse, x.shape) if axis is None else inverse),
        (return_counts, lambda: _take_first(counts, n, p.dim(counts, 0))),
    ]
    out = [values, *(make() for wanted, make in extra if wanted)]
    return out[0] if len(out) == 1 else tuple(out)


def _rows(x: TensorLike, axis: int) -> Tensor:
    x = moveaxis(x, axis, 0)
    if len(x.shape) < 2:
        return p.expand_dims(x, 1)
    rest = x.shape[1:]
    return p.reshape(x, (p.dim(x, 0), -1 if None in rest else math.prod(rest)))


def _row_order(table: TensorLike) -> Tensor:
    """Stable ascending order of rows: by the last column first, by the first column last."""
    order = p.argsort(p.get_item(table, (slice(None), -1)))
    columns = p.dim(table, 1)
    for c in reversed(list(range(columns - 1))):
        order = p.take(order, p.argsort(p.take(p.get_item(table, (slice(None), c)), order, 0)), 0)
    return order


def _differs(lines: TensorLike) -> Tensor:
    return p.any(p.not_equal(p.get_item(lines, p.span_on(1)), p.get_item(lines, p.span_on(0))), -1)


def _count(found: Tensor) -> int | Tensor:
    try:
        return int(found)
    except Exception:
        return found  # a traced scalar: engines with dynamic shapes slice by it


def _take_first(x: TensorLike, n: Size, length: object) -> Tensor:
    """The first n; positions past the end repeat the first element."""
    if isinstance(n, int) and isinstance(length, int) and n > length:
        return p.concatenate([x, p.take(x, p.arange(n - length) * 0, 0)], 0)
    return p.slice(x, [0], [n])


def _values(x: TensorLike, places: TensorLike, axis: int | None) -> Tensor:
    return p.take(p.reshape(x, (-1,)), places, 0) if axis is None else p.take(x, places, axis)


def _refill(values: Tensor, found: TensorLike, size: int, fill_value: Any, axis: int | None) -> Tensor:
    rank = len(values.shape)
    a = 0 if axis is None else shapes.axis_of(axis, rank)
    valid = p.reshape(p.greater(found, p.arange(size)), tuple(-1 if i == a else 1 for i in range(rank)))
    return p.where(valid, values, 0 if fill_value is None else fill_value)


def _unique_spec(
    x: Tensor, index: bool, inverse: bool, counts: bool, axis: int | None, size: int | None
) -> Abstract | tuple[Abstract, ...]:
    s = shapes.shape_of(x)
    shape = (size,) if axis is None else tuple(size if i == axis % len(s) else d for i, d in enumerate(s))
    whole = s if axis is None else (s[axis],)
    out = [Abstract(shape, x.dtype)]
    for wanted, rest in ((index, (size,)), (inverse, whole), (counts, (size,))):
        if wanted:
            out.append(Abstract(rest, "int32"))
    return out[0] if len(out) == 1 else tuple(out)
