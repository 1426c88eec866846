"""Products and decompositions."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from kfront.backends.halves import through_float32
from kfront.backends.tensorflow.common import dims, raw, size_of
from kfront.backends.typing import Function
from kfront.core import shapes

Tensor = tf.Tensor
_cast, _reshape, _expand = raw("Cast"), raw("Reshape"), raw("ExpandDims")
_matmul, _batch_matmul, _einsum = raw("MatMul"), raw("BatchMatMulV2"), raw("Einsum")
KERNELS = frozenset((tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int32, tf.int64, tf.complex64, tf.complex128))
_FLOATS = frozenset((tf.float32, tf.float64, tf.float16, tf.bfloat16))


def _wide(kind: tf.DType) -> tf.DType:
    """The dtype to multiply in where there is no kernel."""
    return tf.int64 if kind in (tf.uint32, tf.uint64) else tf.int32


def matmul(x1: Tensor, x2: Tensor) -> Tensor:
    """Matrix product; vectors and batches as NumPy."""
    kind = x1.dtype
    if kind not in KERNELS:
        return _cast(_product(_cast(x1, _wide(kind)), _cast(x2, _wide(kind))), kind)
    return _product(x1, x2)


def _product(x1: Tensor, x2: Tensor) -> Tensor:
    n, m = x1.shape.rank, x2.shape.rank
    if n == 2 and m == 2:
        return _matmul(x1, x2)
    if n == 1 or m == 1:
        return _with_vector(x1, x2, n, m)
    return _batch_matmul(x1, x2)


def _with_vector(x1: Tensor, x2: Tensor, n: int, m: int) -> Tensor:
    if n == 1 and m == 1:
        return raw("Sum")(x1 * x2, 0, False)
    if n == 1:
        return tf.squeeze(_product(_expand(x1, 0), x2), -2)
    return tf.squeeze(_product(x1, _expand(x2, 1)), -1)


_add, _bias_add = raw("AddV2"), raw("BiasAdd")


@functools.lru_cache(maxsize=1024)
def _equation(subscripts: str, count: int) -> str:
    """With the output written out, as the kernel wants it."""
    terms, out = shapes.einsum_terms(subscripts, count)
    return f"{','.join(terms)}->{out}"


def einsum(operands: Sequence[Tensor], subscripts: str) -> Tensor:
    """Sum of products, by Einstein's convention."""
    kind = operands[0].dtype
    if kind not in KERNELS:
        out = einsum([_cast(x, _wide(kind)) for x in operands], subscripts)
        return _cast(out, kind)
    equation = _equation(subscripts, len(operands))
    if len(operands) <= 2:
        return _einsum(list(operands), equation)
    return tf.einsum(equation, *operands)


# ---- decompositions --------------------------------------------------------------------------------------------------


_HALVES = (tf.float16, tf.bfloat16)
_in_float32 = through_float32(tf.Tensor, _HALVES, tf.float32, _cast)
inv = _in_float32(tf.linalg.inv)


@_in_float32
def cholesky(x: Tensor, upper: bool = False) -> Tensor:
    """Triangular root of a positive definite matrix."""
    out = tf.linalg.cholesky(x)
    return tf.linalg.adjoint(out) if upper else out


@_in_float32
def det(x: Tensor) -> Tensor:
    """Determinant."""
    return _det(x)


@tf.custom_gradient
def _det(x: Tensor) -> tuple[Tensor, Tensor]:
    """TensorFlow's own gradient raises at singular matrices, where it is the matrix of cofactors."""
    out = tf.linalg.det(x)

    def gradient(upstream: Tensor) -> Tensor:
        singular = tf.equal(out, 0)[..., None, None]
        eye = tf.eye(tf.shape(x)[-1], batch_shape=tf.shape(x)[:-2], dtype=x.dtype)
        regular = tf.linalg.adjoint(tf.linalg.inv(tf.where(singular, eye, x))) * tf.math.conj(out)[..., None, None]
        return upstream[..., None, None] * tf.where(singular, _cofactors(tf.stop_gradient(x)), regular)

    return out, gradient


def _cofactors(x: Tensor) -> Tensor:
    s, u, v = tf.linalg.svd(x)
    others = tf.where(tf.cast(tf.eye(tf.shape(s)[-1]), tf.bool), tf.ones_like(s)[..., None, :], s[..., None, :])
    scale = tf.cast(tf.reduce_prod(others, -1), x.dtype)
    turn = tf.linalg.det(u) * tf.math.conj(tf.linalg.det(v))
    return turn[..., None, None] * tf.linalg.matmul(u * scale[..., None, :], v, adjoint_b=True)


@_in_float32
def slogdet(x: Tensor) -> tuple[Tensor, Tensor]:
    """Sign and logarithm of the magnitude of the determinant."""
    sign, log = tf.linalg.slogdet(x)
    singular = tf.equal(sign, 0)  # where there is no gradient, and TensorFlow's raises: NaN, as of sqrt(0 x)
    eye = tf.eye(tf.shape(x)[-1], batch_shape=tf.shape(x)[:-2], dtype=x.dtype)
    _, regular = tf.linalg.slogdet(tf.where(singular[..., None, None], eye, x))
    size = tf.reduce_sum(tf.where(singular[..., None, None], tf.abs(x), 1), (-2, -1))
    none = tf.stop_gradient(tf.cast(tf.math.real(log), log.dtype)) + tf.cast(tf.sqrt(size * 0), log.dtype)
    return sign, tf.where(singular, none, regular)


def _for_vectors(f: Function[Tensor]) -> Function[Tensor]:
    """A solver of matrices for a vector on the right side too."""

    @functools.wraps(f)
    def run(a: Tensor, b: Tensor, *args: object) -> Tensor:
        if b.shape.rank == a.shape.rank - 1:
            return tf.squeeze(f(a, _expand(b, -1), *args), -1)
        return f(a, b, *args)

    return _in_float32(run)


@_for_vectors
def solve(a: Tensor, b: Tensor) -> Tensor:
    """x with a @ x = b; batch axes are broadcast, which the kernel does not do."""
    known = [x.shape.as_list()[:-2] for x in (a, b)]
    if known[0] != known[1] or None in known[0]:
        batch = tf.broadcast_dynamic_shape(tf.shape(a)[:-2], tf.shape(b)[:-2])
        a, b = (tf.broadcast_to(x, tf.concat([batch, tf.shape(x)[-2:]], 0)) for x in (a, b))
    return tf.linalg.solve(a, b)


@_for_vectors
def solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Tensor:
    """x with a @ x = b for a triangular a."""
    return tf.linalg.triangular_solve(a, b, lower=lower)


@_in_float32
def qr(x: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Orthogonal and triangular factor."""
    q, r = tf.linalg.qr(x, full_matrices=mode == "complete")
    return q, r


@_in_float32
def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Tensor:
    """Singular values, largest first, with (u, s, vh) or alone."""
    if not compute_uv:
        return tf.linalg.svd(x, compute_uv=False)
    s, u, v = tf.linalg.svd(x, full_matrices=full_matrices)
    return u, s, tf.linalg.adjoint(v)


@_in_float32
def eigh(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (ascending) and eigenvectors of a symmetric matrix."""
    both = (x + tf.linalg.adjoint(x)) / 2  # so that both triangles get their share of the gradient
    values, vectors = tf.linalg.eigh(both)
    return values, vectors


def eig(x: Tensor) -> tuple[Tensor, Tensor]:
    """Complex eigenvalues and eigenvectors of a square matrix."""
    values, vectors = tf.linalg.eig(_cast(x, tf.float32) if x.dtype in _HALVES else x)
    return values, vectors


@_in_float32
def lu_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """L and U in one matrix, and the pivots: row i was exchanged with row pivots[i]."""
    rows, columns = x.shape[-2], x.shape[-1]
    if None in (rows, columns) or rows == columns:
        lu, permutation = tf.linalg.lu(x)
        return lu, _exchanges(permutation, size_of(permutation, -1))[1]
    return (_lu_of_wide if rows < columns else _lu_of_tall)(x, min(rows, columns))


def _lu_of_wide(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The kernel takes square matrices only: what is on the right of one follows from its L."""
    lu, permutation = tf.linalg.lu(x[..., :n])
    rest = tf.gather(x[..., n:], permutation, axis=-2, batch_dims=x.shape.rank - 2)
    unit = tf.linalg.set_diag(lu, tf.ones_like(lu[..., 0]))
    return tf.concat([lu, tf.linalg.triangular_solve(unit, rest)], -1), _exchanges(permutation, n)[1]


def _lu_of_tall(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Columns that make it square do not change what happens in those before; the rows below follow from U."""
    rows = x.shape[-2]
    places = tf.range(1, rows + 1, dtype=tf.int32)
    filling = tf.cos(tf.cast(places[:, None] * places[n:], x.dtype))  # of full rank, whatever is on the left
    square = tf.concat([x, tf.broadcast_to(filling, [*dims(x)[:-1], rows - n])], -1)
    lu, permutation = tf.linalg.lu(square)
    order, pivots = _exchanges(permutation, n)
    below = tf.gather(x, order, axis=-2, batch_dims=x.shape.rank - 2)[..., n:, :]
    top = lu[..., :n, :n]
    lower = tf.linalg.triangular_solve(tf.linalg.matrix_transpose(top), tf.linalg.matrix_transpose(below))
    return tf.concat([top, tf.linalg.matrix_transpose(lower)], -2), pivots


def _exchanges(permutation: Tensor, count: int | Tensor) -> tuple[Tensor, Tensor]:
    """Of the row exchanges that make a permutation, the first `count`: the order of rows after them, and the pivots."""
    size = size_of(permutation, -1)
    index = tf.range(size)
    order = tf.broadcast_to(index, tf.shape(permutation))
    batch = permutation.shape.rank - 1

    def exchange(i: Tensor, order: Tensor, found: tf.TensorArray) -> tuple[Tensor, ...]:
        wanted = tf.gather(permutation, [i], axis=-1)
        place = tf.argmax(tf.cast(tf.equal(order, wanted), tf.int32), -1, output_type=tf.int32)
        there = _expand(place, -1)
        swap = tf.where(index == i, there, tf.where(index == there, i, index))
        return i + 1, tf.gather(order, swap, axis=-1, batch_dims=batch), found.write(i, place)

    start = (tf.constant(0), order, tf.TensorArray(tf.int32, size=count))
    _, order, found = tf.while_loop(lambda i, *_: i < count, exchange, start, maximum_iterations=count)
    pivots = tf.transpose(found.stack(), [*range(1, batch + 1), 0])
    pivots.set_shape([*permutation.shape[:-1], count if isinstance(count, int) else None])
    return order, pivots
