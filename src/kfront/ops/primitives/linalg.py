"""Products and decompositions of matrices."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

from kfront.core import shapes
from kfront.core.arguments import is_whole
from kfront.core.dtypes import floating, result_type, to_float
from kfront.core.errors import ArgumentError
from kfront.core.op import in_front_of, op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops.primitives.arguments import option


def _matmul_rule(x1: Tensor, x2: Tensor) -> tuple[object, object]:
    d = "int32" if x1 == x2 == "int8" else result_type(x1, x2)
    return d, d


@op(2, _matmul_rule, shapes.matmul, zeros="joined", home="numpy")
def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Matrix product.

    Args:
        x1: tensor of shape (..., m, k), or (k,).
        x2: tensor of shape (..., k, n), or (k,); leading axes broadcast.

    Returns:
        tensor of shape (..., m, n) in the promoted dtype; int8 by int8 gives int32.

    Raises:
        ShapeError: if the inner dimensions differ.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.matmul([[1, 2], [3, 4]], [1, 1])).tolist()
    [3, 7]
    """


def _einsum_rule(*operands: object) -> tuple[object, object]:
    d = "int32" if set(operands) == {"int8"} else result_type(*operands)
    return d, d


def _with_letters(given: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Subscripts as a string, and operands, of the form `x, [0, 1], y, [1], [0]`."""
    lists = [*given[1::2], *(given[-1:] if len(given) % 2 else ())]
    items = [i for one in lists for i in (one if isinstance(one, (list, tuple)) else [one])]
    if not lists or any(i is not Ellipsis and not (is_whole(i) and 0 <= i < len(ascii_letters)) for i in items):
        raise ArgumentError(
            "[einsum] expected `subscripts` to be a string, or a list of ints from 0 to 51 and Ellipsis after each "
            f"operand, got {given[0]!r:.80}."
        )
    texts = ["".join("..." if i is Ellipsis else ascii_letters[i] for i in one) for one in lists]
    out = f"->{texts.pop()}" if len(given) % 2 else ""
    return ",".join(texts) + out, given[: len(texts) * 2 : 2]


@op("list", _einsum_rule, shapes.einsum, name="einsum", home="numpy", call_args=("*operands",))
def _einsum(operands: Sequence[TensorLike] | Tensor, subscripts: str) -> Tensor: ...


@in_front_of(_einsum)
def einsum(subscripts: str, *operands: Any, **kwargs: object) -> Tensor:
    """Sum of products over named axes (Einstein's convention).

    Args:
        subscripts: such as "ij,jk->ik"; "..." stands for axes that broadcast. Or the first tensor, as in
            ``einsum(x, [0, 1], y, [1, 2], [0, 2])``: lists of ints, and Ellipsis, follow each tensor and stand last.
        *operands: tensors, one for each term.
        **kwargs: kept for compatibility.

    Returns:
        tensor in the promoted dtype; int8 alone gives int32.

    Raises:
        ArgumentError: `subscripts` is no string, and the lists are not as above.

    Example:

    >>> from kfront import ops
    >>> float(ops.einsum("i,i->", ops.array([1.0, 2.0]), ops.array([3.0, 4.0])))
    11.0
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _with_letters((subscripts, *operands))
    return _einsum(list(operands), subscripts)


@op(dtype=floating, shape=shapes.square, home="linalg")
def cholesky(x: TensorLike, upper: bool = False) -> Tensor:
    """Triangular factor of symmetric positive definite matrices: x = L L^T.

    Args:
        x: tensor of shape (..., n, n).
        upper: whether the upper factor U with x = U^T U is returned.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.cholesky(ops.array([[4.0, 2.0], [2.0, 5.0]]))).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """


@op(dtype=floating, shape=shapes.determinant, home="linalg")
def det(x: TensorLike) -> Tensor:
    """Determinant.

    Args:
        x: tensor of shape (..., n, n).

    Returns:
        tensor of shape (...,), floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.det(ops.array([[1.0, 2.0], [3.0, 4.0]]))), 4)
    -2.0
    """


@op(dtype=floating, shape=shapes.square, home="linalg")
def inv(x: TensorLike) -> Tensor:
    """Inverse of matrices.

    Args:
        x: tensor of shape (..., n, n).

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.inv(ops.array([[2.0, 0.0], [0.0, 4.0]]))).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """


@op(2, floating, shapes.solve, home="linalg")
def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """The x with a x = b.

    Args:
        a: tensor of shape (..., n, n).
        b: tensor of shape (..., n, m), or (..., n).

    Returns:
        tensor of the shape of `b`, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.solve(ops.array([[2.0, 0.0], [0.0, 4.0]]), ops.array([2.0, 8.0]))).tolist()
    [1.0, 2.0]
    """


@op(2, floating, shapes.solve, home="linalg")
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Tensor:
    """The x with a x = b for triangular `a`.

    Args:
        a: tensor of shape (..., n, n); only one triangle is read.
        b: tensor of shape (..., n, m), or (..., n).
        lower: whether it is the lower triangle.

    Returns:
        tensor of the shape of `b`, floating.

    Example:

    >>> from kfront import ops
    >>> a = ops.array([[2.0, 0.0], [1.0, 4.0]])
    >>> ops.convert_to_numpy(ops.solve_triangular(a, ops.array([2.0, 9.0]), lower=True)).tolist()
    [1.0, 2.0]
    """


def _several(count: int) -> Any:
    def rule(x: Tensor) -> tuple[Any, Any]:
        d = to_float(result_type(x))
        return d, [d] * count

    return rule


@op(dtype=_several(2), shape=shapes.qr, prepare={"mode": option("mode", "reduced", "complete")}, home="linalg")
def qr(x: TensorLike, mode: str = "reduced") -> Any:
    """Orthogonal and upper triangular factor: x = Q R.

    Args:
        x: tensor of shape (..., m, n).
        mode: "reduced" for Q of shape (..., m, min(m, n)), "complete" for (..., m, m).

    Returns:
        Tuple (Q, R), floating.

    Example:

    >>> from kfront import ops
    >>> q, r = ops.qr(ops.ones((3, 2)))
    >>> tuple(q.shape), tuple(r.shape)
    ((3, 2), (2, 2))
    """


def _svd_rule(x: Tensor) -> tuple[object, object]:
    d = to_float(result_type(x))
    return d, d


@op(dtype=_svd_rule, shape=shapes.svd, home="linalg", class_name="SVD")
def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular value decomposition: x = U diag(S) V^H.

    Args:
        x: tensor of shape (..., m, n).
        full_matrices: whether U and V^H are square.
        compute_uv: whether they are computed at all.

    Returns:
        Tuple (U, S, V^H), or S alone: shape (..., min(m, n)), descending.

    Example:

    >>> from kfront import ops
    >>> u, s, v = ops.svd(ops.array([[3.0, 0.0], [0.0, 2.0]]))
    >>> [round(float(x), 3) for x in s]
    [3.0, 2.0]
    """


@op(dtype=_several(2), shape=shapes.eigh, home="linalg")
def eigh(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of symmetric (Hermitian) matrices.

    Args:
        x: tensor of shape (..., n, n).

    Returns:
        Tuple (values, vectors): shape (..., n), ascending, and (..., n, n), vectors in columns.

    Example:

    >>> from kfront import ops
    >>> values, vectors = ops.eigh(ops.array([[2.0, 0.0], [0.0, 1.0]]))
    >>> [float(x) for x in values]
    [1.0, 2.0]
    """


def _eig_rule(x: Tensor) -> tuple[object, object]:
    d = to_float(result_type(x))
    kind = {"float64": "complex128", "complex128": "complex128"}.get(d, "complex64")
    return d, [kind, kind]


@op(dtype=_eig_rule, shape=shapes.eigh, home="linalg")
def eig(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of square matrices.

    Args:
        x: tensor of shape (..., n, n).

    Returns:
        Tuple (values, vectors), complex: shape (..., n) and (..., n, n), vectors in columns.

    Example:

    >>> from kfront import ops
    >>> values, vectors = ops.eig(ops.array([[2.0, 0.0], [0.0, 2.0]]))
    >>> tuple(values.shape), tuple(vectors.shape)
    ((2,), (2, 2))
    """


def _lu_rule(x: Tensor) -> tuple[object, object]:
    d = to_float(result_type(x))
    return d, [d, "int32"]


@op(dtype=_lu_rule, shape=shapes.lu_factor, home="linalg")
def lu_factor(x: TensorLike) -> tuple[Tensor, Tensor]:
    """LU factors with pivoting, packed into one matrix (as LAPACK's getrf).

    Args:
        x: tensor of shape (..., m, n).

    Returns:
        Tuple (lu, pivots): U with its diagonal and L below it, and int32 of shape (..., min(m, n)): row i was exchanged
        with row ``pivots[i]``, counted from 0.

    Example:

    >>> from kfront import ops
    >>> lu, pivots = ops.lu_factor(ops.array([[2.0, 1.0], [4.0, 4.0]]))
    >>> ops.convert_to_numpy(lu).tolist()
    [[4.0, 4.0], [0.5, -1.0]]
    """
