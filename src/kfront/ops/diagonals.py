"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes
from kfront.core.arguments import check_count
from kfront.core.dtypes import standardize
from kfront.core.errors import ShapeError
from kfront.core.op import op
from kfront.core.op_registry import function
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.shapes import ravel


@op(fuse=True, home="numpy")
def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """A matrix with the flattened tensor on a diagonal.

    Args:
        x: tensor.
        k: which diagonal, above the main one when positive.

    Returns:
        tensor of rank 2.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.diagflat([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    return diag(ravel(x), k)


@function("numpy")
def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """Ones on and below a diagonal, zeros above.

    Args:
        N: number of rows.
        M: number of columns; `N` if None.
        k: which diagonal, above the main one when positive.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of shape (N, M).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.tri(2, 3, dtype="int32")).tolist()
    [[1, 0, 0], [1, 1, 0]]
    """
    for name, n, least in (("N", N, 0), ("M", N if M is None else M, 0), ("k", k, None)):
        check_count("tri", name, n, least)
    rows, columns = p.expand_dims(p.arange(N), 1), p.arange(N if M is None else M)
    return p.cast(p.greater_equal(p.add(rows, k), columns), standardize(dtype))


def _offsets(x: TensorLike) -> Tensor:
    """Column minus row for each place of the last two axes."""
    rows, columns = p.arange(p.dim(x, -2)), p.arange(p.dim(x, -1))
    return p.subtract(p.expand_dims(columns, 0), p.expand_dims(rows, 1))


@op(fuse=True, home="numpy")
def tril(x: TensorLike, k: int = 0) -> Tensor:
    """The lower triangle; zeros above a diagonal.

    Args:
        x: tensor of rank >= 2.
        k: which diagonal is the last to stay, above the main one when positive.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.tril([[1, 2], [3, 4]])).tolist()
    [[1, 0], [3, 4]]
    """
    return p.where(p.greater_equal(k, _offsets(x)), x, p.cast(0, p.dtype_of(x)))


@op(fuse=True, home="numpy")
def triu(x: TensorLike, k: int = 0) -> Tensor:
    """The upper triangle; zeros below a diagonal.

    Args:
        x: tensor of rank >= 2.
        k: which diagonal is the first to stay, above the main one when positive.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.triu([[1, 2], [3, 4]])).tolist()
    [[1, 2], [0, 4]]
    """
    return p.where(p.greater_equal(_offsets(x), k), x, p.cast(0, p.dtype_of(x)))


@op(fuse=True, home="numpy")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements of a diagonal.

    Args:
        x: tensor of rank >= 2.
        offset: which diagonal, above the main one when positive.
        axis1: axis of rows.
        axis2: axis of columns.

    Returns:
        tensor without the two axes, with the diagonal as its last axis.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.diagonal([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """
    rank = len(x.shape)
    a, b = shapes.axes_of((axis1, axis2), rank)
    kept = [i for i in range(rank) if i not in (a, b)]
    rows, columns = p.dim(x, a), p.dim(x, b)
    lead = [p.dim(x, i) for i in kept]
    flat = p.reshape(p.transpose(x, (*kept, a, b)), (*lead, -1))
    up, down = max(offset, 0), max(-offset, 0)
    if isinstance(rows, int) and isinstance(columns, int):
        n: object = max(0, min(rows - down, columns - up))
        places = p.arange(n) * (columns + 1) + (down * columns + up)
    else:
        n = p.minimum(p.subtract(rows, down), p.subtract(columns, up))
        places = p.add(p.multiply(p.arange(n), p.add(columns, 1)), p.add(p.multiply(columns, down), up))
    return p.take(flat, places, -1)


@op(fuse=True, home="numpy")
def diag(x: Tensor, k: int = 0) -> Tensor:
    """A diagonal of a matrix, or a matrix with a given diagonal.

    Args:
        x: tensor of rank 1 or 2.
        k: which diagonal, above the main one when positive.

    Returns:
        tensor of rank 2 or 1.

    Raises:
        ShapeError: for another rank.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.diag([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ShapeError(f"[diag] expected `x` of rank 1 or 2, got shape {tuple(x.shape)}.")
    column = p.expand_dims(p.pad(x, ((max(-k, 0), max(k, 0)),)), 1)
    n = p.dim(column, 0)
    grid = p.broadcast_to(column, (n, n) if isinstance(n, int) else [n, n])
    return p.where(p.equal(_offsets(grid), k), grid, p.cast(0, p.dtype_of(x)))


@op(fuse=True, home="numpy")
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum of a diagonal.

    Args:
        x: tensor of rank >= 2; narrow integers are widened.
        offset: which diagonal, above the main one when positive.
        axis1: axis of rows.
        axis2: axis of columns.

    Returns:
        tensor without the two axes.

    Example:

    >>> from kfront import ops
    >>> int(ops.trace([[1, 2], [3, 4]]))
    5
    """
    return p.sum(diagonal(x, offset, axis1, axis2), -1)
