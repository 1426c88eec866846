"""Products of tensors, and functions of matrix decompositions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, keep, promote, result_type
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.op import op
from kfront.core.typing import Axis, Size, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.diagonals import diagonal
from kfront.ops.elementwise import square
from kfront.ops.reductions import count_nonzero
from kfront.ops.shapes import moveaxis, ravel, swapaxes


@op(2, promote, zeros="filled", fuse=True, home="numpy")
def dot(x1: Tensor, x2: Tensor) -> Tensor:
    """Dot product: over the last axis of `x1` and the last but one of `x2`; a scalar multiplies.

    Args:
        x1: tensor.
        x2: tensor.

    Returns:
        tensor in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> int(ops.dot([1, 2], [3, 4]))
    11
    """
    if not len(x1.shape) or not len(x2.shape):
        return p.multiply(x1, x2)
    if len(x2.shape) <= 2 and len(x1.shape) <= 2:
        return p.matmul(x1, x2)
    return tensordot(x1, x2, ((-1,), (-1 if len(x2.shape) == 1 else -2,)))


def _contracted(axes: int | Sequence[int | Sequence[int]], a: int, b: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, int):
        return tuple(range(a - axes, a)), tuple(range(axes))
    left, right = axes
    left = (left,) if isinstance(left, int) else tuple(left)
    right = (right,) if isinstance(right, int) else tuple(right)
    return shapes.axes_of(left, a, "axes"), shapes.axes_of(right, b, "axes")


@op(2, promote, home="numpy")
def tensordot(x1: Any, x2: Tensor, axes: int | Sequence[int | Sequence[int]] = 2) -> Tensor:
    """Sum of products over chosen axes of two tensors.

    Args:
        x1: tensor.
        x2: tensor.
        axes: an int n: the last n axes of `x1` with the first n of `x2`; or a pair of axes or of tuples of axes.

    Returns:
        tensor with the remaining axes of `x1`, then those of `x2`, in the promoted dtype.

    Raises:
        ShapeError: different numbers of axes of `x1` and `x2`.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.tensordot(ops.ones((2, 3)), ops.ones((3, 4)), axes=1).shape)
    (2, 4)
    """
    a, b = len(x1.shape), len(x2.shape)
    left, right = _contracted(axes, a, b)
    if len(left) != len(right):
        raise ShapeError(f"[tensordot] expected as many axes of `x1` as of `x2`, got {left} and {right}.")
    rest1 = [i for i in range(a) if i not in left]
    rest2 = [i for i in range(b) if i not in right]
    for i, j in zip(left, right, strict=True):
        shapes.merge(shapes.known(x1.shape[i]), shapes.known(x2.shape[j]), "[tensordot] contracted dimensions")
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    first, second = list(letters[:a]), list(letters[a : a + b])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    out = "".join([first[i] for i in rest1] + [second[j] for j in rest2])
    found = p.einsum(f"{''.join(first)},{''.join(second)}->{out}", x1, x2)
    return p.cast(found, p.dtype_of(x1))  # of int8 it is int32


@op(2, promote, fuse=True, home="numpy")
def vdot(x1: Tensor, x2: Tensor) -> Tensor:
    """Sum of the products of all elements.

    Args:
        x1: tensor.
        x2: tensor with as many elements.

    Returns:
        tensor of shape (), in the promoted dtype.

    Raises:
        ShapeError: if the numbers of elements differ.

    Example:

    >>> from kfront import ops
    >>> int(ops.vdot([1, 2], [3, 4]))
    11
    """
    counts = {shapes.product(x.shape) for x in (x1, x2)} - {None}
    if len(counts) > 1:
        raise ShapeError(f"expected as many elements in both, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}.")
    return p.matmul(ravel(x1), ravel(x2))


@op(2, promote, fuse=True, home="numpy")
def inner(x1: Tensor, x2: Tensor) -> Tensor:
    """Sum of products over the last axes of both.

    Args:
        x1: tensor of shape (..., k).
        x2: tensor of shape (..., k).

    Returns:
        tensor of shape x1.shape[:-1] + x2.shape[:-1], in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.inner([[1, 2], [3, 4]], [1, 1])).tolist()
    [3, 7]
    """
    if not len(x1.shape) or not len(x2.shape):
        return p.multiply(x1, x2)
    return tensordot(x1, x2, ((-1,), (-1,)))


@op(2, promote, fuse=True, home="numpy")
def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Product of each element of one tensor with each of another.

    Args:
        x1: tensor, flattened to (m,).
        x2: tensor, flattened to (n,).

    Returns:
        tensor of shape (m, n), in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.outer([1, 2], [3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    return p.multiply(p.expand_dims(ravel(x1), 1), p.expand_dims(ravel(x2), 0))


@op(2, promote, fuse=True, home="numpy")
def kron(x1: Tensor, x2: Tensor) -> Tensor:
    """Kronecker product: `x2` repeated, scaled by each element of `x1`.

    Args:
        x1: tensor.
        x2: tensor.

    Returns:
        tensor whose dimensions are products of theirs, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.kron([[1, 2]], [[1], [1]])).tolist()
    [[1, 2], [1, 2]]
    """
    rank = max(len(x1.shape), len(x2.shape))
    sides = [(1,) * (rank - len(x.shape)) + p.shape(x) for x in (x1, x2)]
    a = p.reshape(x1, _spread(sides[0], first=True))
    b = p.reshape(x2, _spread(sides[1], first=False))
    joined = [_times(i, j) for i, j in zip(*sides, strict=True)]
    return p.reshape(p.multiply(a, b), joined)


def _spread(dims: Any, first: bool) -> list[Any]:
    return [d for n in dims for d in ((n, 1) if first else (1, n))]


def _times(i: Size, j: Size) -> int | Tensor:
    return i * j if isinstance(i, int) and isinstance(j, int) else p.multiply(i, j)


@op(2, promote, fuse=True, home="numpy")
def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Cross product of vectors of 2 or 3 components.

    Args:
        x1: tensor.
        x2: tensor.
        axisa: axis of the components of `x1`.
        axisb: axis of the components of `x2`.
        axisc: axis of the components of the result (when it has 3).
        axis: all three of them.

    Returns:
        tensor with 3 components, or without their axis when both have 2.

    Raises:
        ShapeError: if the number of components is not 2 or 3.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.cross([1, 0, 0], [0, 1, 0])).tolist()
    [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    sizes = (a.shape[-1], b.shape[-1])
    if any(n not in (2, 3, None) for n in sizes):
        raise ShapeError(f"[cross] expected 2 or 3 components, got {sizes[0]} and {sizes[1]}.")
    u, w = ([p.get_item(v, (..., i)) for i in range(n or 3)] for v, n in zip((a, b), sizes, strict=True))
    z = p.subtract(p.multiply(u[0], w[1]), p.multiply(u[1], w[0]))
    if sizes == (2, 2):
        return z
    zero = p.multiply(u[0], 0)
    u3, w3 = (u[2] if len(u) > 2 else zero), (w[2] if len(w) > 2 else zero)
    x = p.subtract(p.multiply(u[1], w3), p.multiply(u3, w[1]))
    y = p.subtract(p.multiply(u3, w[0]), p.multiply(u[0], w3))
    return moveaxis(p.stack([x, y, z], -1), -1, axisc)


@op(dtype=floating, fuse=True, home="numpy")
def slogdet(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Sign and logarithm of the absolute value of the determinant.

    Args:
        x: tensor of shape (..., n, n).

    Returns:
        Tuple (sign, log): shape (...,); sign 0 and -inf for singular matrices.

    Example:

    >>> from kfront import ops
    >>> sign, log = ops.slogdet(ops.array([[0.0, 2.0], [3.0, 0.0]]))
    >>> float(sign), round(float(log), 4)
    (-1.0, 1.7918)
    """
    shapes.square(x)
    lu, pivots = p.lu_factor(x)
    d = diagonal(lu, 0, -2, -1)
    n = p.dim(pivots, -1)
    swaps = p.sum(p.cast(p.not_equal(pivots, p.arange(n)), "int32"), -1)
    parity = p.subtract(1.0, p.multiply(2.0, p.cast(p.mod(swaps, 2), p.dtype_of(d))))
    return p.multiply(parity, p.prod(p.sign(d), -1)), p.sum(p.log(p.abs(d)), -1)


@op(dtype=floating, fuse=True, home="math")
def logdet(x: TensorLike) -> Tensor:
    """Logarithm of the absolute value of the determinant: that of the determinant, where it is positive.

    Args:
        x: tensor of shape (..., n, n).

    Returns:
        tensor of shape (...,), floating; -inf for singular matrices.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.logdet(ops.array([[2.0, 0.0], [0.0, 3.0]]))), 4)
    1.7918
    """
    return slogdet(x)[1]


@op(dtype=floating, fuse=True, home="linalg")
def cholesky_inverse(x: TensorLike, upper: bool = False) -> Tensor:
    """Inverse of a positive definite matrix from its triangular factor.

    Args:
        x: tensor of shape (..., n, n), as `cholesky` returns it.
        upper: whether it is the upper factor.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.cholesky_inverse(ops.array([[2.0, 0.0], [0.0, 1.0]]))[0, 0])
    0.25
    """
    shapes.rank_at_least(x, 2)
    factor = swapaxes(x, -1, -2) if upper else x
    n = p.dim(x, -1)
    unit = p.broadcast_to(p.eye(n, None, 0, p.dtype_of(x)), p.shape(x))
    half = p.solve_triangular(factor, unit, True)
    return p.matmul(swapaxes(half, -1, -2), half)


@op(dtype=keep, fuse=True, home="linalg")
def matrix_power(x: Tensor, n: int) -> Tensor:
    """Square matrices multiplied with themselves, by repeated squaring.

    Args:
        x: tensor of shape (..., m, m).
        n: int: how many factors; 0 gives the identity, a negative number powers of the inverse.

    Returns:
        tensor of the shape and dtype of `x`; floating for a negative `n`.

    Raises:
        ArgumentTypeError: `n` is no int.
        ShapeError: the matrices are not square.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.matrix_power(ops.array([[1.0, 2.0], [3.0, 4.0]]), 3)).tolist()
    [[37.0, 54.0], [81.0, 118.0]]
    """
    if not isinstance(n, int) or isinstance(n, bool):
        raise ArgumentTypeError(f"expected `n` to be an int, got {n!r}.")
    if len(x.shape) < 2 or (None not in x.shape[-2:] and x.shape[-1] != x.shape[-2]):
        raise ShapeError(f"expected square matrices (..., m, m), got shape {tuple(x.shape)}.")
    if n == 0:
        return p.broadcast_to(p.eye(p.dim(x, -1), dtype=p.dtype_of(x)), p.shape(x))
    base, rest = p.inv(x) if n < 0 else x, abs(n) - 1
    out = base
    while rest:
        if rest % 2:
            out = p.matmul(out, base)
        rest //= 2
        base = p.matmul(base, base) if rest else base
    return out


@op(dtype=floating, fuse=True, home="linalg")
def pinv(x: Tensor, rcond: float | None = None) -> Tensor:
    """Pseudo-inverse (Moore-Penrose).

    Args:
        x: tensor of shape (..., m, n).
        rcond: singular values below this share of the largest count as 0; max(m, n) * 10 * eps if None.

    Returns:
        tensor of shape (..., n, m), floating.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.pinv(ops.ones((3, 2))).shape)
    (2, 3)
    """
    u, s, vh = p.svd(x, False, True)
    if rcond is None:
        rcond = 10.0 * max(*(shapes.known(d) or 1 for d in x.shape[-2:])) * p.eps(p.dtype_of(s))
    small = p.greater(p.multiply(p.max(s, -1, True), rcond), s)
    inverse = p.where(small, 0.0, p.divide(1.0, p.where(small, 1.0, s)))
    return p.matmul(p.multiply(swapaxes(vh, -1, -2), p.expand_dims(inverse, -2)), swapaxes(u, -1, -2))


@op(2, floating, fuse=True, home="linalg")
def lstsq(a: Tensor, b: TensorLike, rcond: float | None = None) -> Tensor:
    """The x that makes the norm of a x - b least; the shortest one when there are several.

    Args:
        a: tensor of shape (m, n).
        b: tensor of shape (m,) or (m, k).
        rcond: singular values below this share of the largest count as 0; max(m, n) * eps if None.

    Returns:
        tensor of shape (n,) or (n, k), floating.

    Example:

    >>> from kfront import ops
    >>> line = ops.lstsq(ops.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), ops.array([1.0, 3.0, 5.0]))
    >>> [round(float(v), 3) for v in line]
    [1.0, 2.0]
    """
    if rcond is None:
        rcond = max(*(shapes.known(d) or 1 for d in a.shape[-2:])) * p.eps(p.dtype_of(a))
    return p.matmul(pinv(a, rcond), b)


@op(dtype=floating, fuse=True, home="linalg")
def matrix_rank(x: Tensor, tol: Any = None) -> Tensor:
    """Number of singular values above a tolerance.

    Args:
        x: tensor of shape (..., m, n).
        tol: the tolerance; max(m, n) * eps * largest singular value if None.

    Returns:
        int32 tensor of shape (...,).

    Example:

    >>> from kfront import ops
    >>> int(ops.matrix_rank(ops.array([[1.0, 2.0], [2.0, 4.0]])))
    1
    """
    s = p.svd(x, False, False)
    if tol is None:
        size = max(*(shapes.known(d) or 1 for d in x.shape[-2:]))
        tol = p.multiply(p.max(s, -1, True), size * p.eps(p.dtype_of(s)))
    return count_nonzero(p.greater(s, tol), -1)


@op(dtype=floating, zeros="filled", fuse=True, home="linalg")
def norm(x: Tensor, ord: int | float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Norm of vectors or matrices.

    Args:
        x: tensor; integers become floatx.
        ord: None (2-norm of all elements, or Euclidean/Frobenius over `axis`), a number, inf, -inf, 0 (number of
            non-zeros) for vectors; "fro", "nuc", 1, -1, 2, -2, inf, -inf for matrices.
        axis: an int for vectors, a pair for matrices, None for the whole tensor.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.

    Raises:
        ArgumentError: for an unknown `ord`.

    Example:

    >>> from kfront import ops
    >>> float(ops.norm([3.0, 4.0]))
    5.0
    """
    rank = len(x.shape)
    axes = shapes.axes_of(axis, rank)
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return _root(p.sum(square(x), axes, keepdims))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ArgumentError(f"[norm] expected `axis` of one or two axes with ord={ord!r}, got {axes}.")


def _root(total: Tensor) -> Tensor:
    zero = p.equal(total, 0)  # the gradient of sqrt at 0 is infinite; that of a norm is taken as 0
    return p.where(zero, 0.0, p.sqrt(p.where(zero, 1.0, total)))


def _vector_norm(x: TensorLike, ord: object, axis: int, keepdims: bool) -> Tensor:
    if not isinstance(ord, (int, float)):
        raise ArgumentError(f"[norm] expected `ord` to be a number for vectors, got {ord!r}.")
    if ord == math.inf:
        return p.max(p.abs(x), axis, keepdims)
    if ord == -math.inf:
        return p.min(p.abs(x), axis, keepdims)
    if ord == 0:
        return p.sum(p.cast(p.not_equal(x, 0), p.dtype_of(x)), axis, keepdims)
    if ord == 1:
        return p.sum(p.abs(x), axis, keepdims)
    total = p.sum(p.power(p.abs(x), float(ord)), axis, keepdims)
    if ord < 0:
        return p.power(total, 1.0 / ord)
    zero = p.equal(total, 0)  # as in `_root`
    return p.where(zero, 0.0, p.power(p.where(zero, 1.0, total), 1.0 / ord))


def _matrix_norm(x: TensorLike, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if ord not in ("nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise ArgumentError(f"[norm] expected `ord` 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}.")
    x = moveaxis(x, axes, (-2, -1))
    if ord in ("nuc", 2, -2):
        s = p.svd(x, False, False)
        out = p.sum(s, -1) if ord == "nuc" else p.max(s, -1) if ord == 2 else p.min(s, -1)
    else:
        sums = p.sum(p.abs(x), -2 if ord in (1, -1) else -1)
        out = p.max(sums, -1) if ord > 0 else p.min(sums, -1)
    return p.expand_dims(out, tuple(sorted(axes))) if keepdims else out


def _linear_rule(*dtypes: object) -> tuple[object, object]:
    d = result_type(*dtypes)
    d = "int32" if d == "int8" else d  # as matmul
    return d, d


@op(("x", "kernel", "bias"), _linear_rule, zeros="filled")
def linear(x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """Product over the last axis, plus a bias: what a dense layer computes.

    Args:
        x: tensor of shape (..., k).
        kernel: tensor of shape (k, n).
        bias: tensor of shape (n,), or None.

    Returns:
        tensor of shape (..., n), in the promoted dtype; int8 gives int32.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.matrix import linear
    >>> ops.convert_to_numpy(linear(ops.array([[1.0, 2.0]]), ops.array([[3.0], [4.0]]), ops.array([0.5]))).tolist()
    [[11.5]]
    """
    y = p.matmul(x, kernel)
    return y if bias is None else p.add(y, bias)


@op(2, floating, fuse=True, home="math", class_name="CDist")
def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """Euclidean distances of all pairs of rows.

    Args:
        x: tensor of shape (..., m, features).
        y: tensor of shape (..., n, features).

    Returns:
        tensor of shape (..., m, n), floating.

    Raises:
        ShapeError: if an operand is of rank 0 or 1.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """
    for given in (x, y):
        shapes.rank_at_least(given, 2)
    total = p.sum(square(p.subtract(p.expand_dims(x, -2), p.expand_dims(y, -3))), -1)
    zero = p.equal(total, 0)
    return p.where(zero, 0.0, p.sqrt(p.where(zero, 1.0, total)))
