"""Products and decompositions."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kfront.backends.tensorflow._raw import constant, dims, raw, shape_vector, size_of

Tensor = Any
_cast, _reshape, _expand = raw("Cast"), raw("Reshape"), raw("ExpandDims")
_matmul, _batch_matmul, _einsum = raw("MatMul"), raw("BatchMatMulV2"), raw("Einsum")
_transpose = raw("Transpose")
_KERNELS = frozenset((tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int32, tf.int64, tf.complex64, tf.complex128))


def _wide(kind: Any) -> Any:
    """The dtype to multiply in where there is no kernel."""
    return tf.int64 if kind in (tf.uint32, tf.uint64) else tf.int32


def matmul(x1: Tensor, x2: Tensor) -> Tensor:
    """Matrix product; vectors and batches as NumPy."""
    kind = x1.dtype
    if kind not in _KERNELS:
        return _cast(_product(_cast(x1, _wide(kind)), _cast(x2, _wide(kind))), kind)
    return _product(x1, x2)


def _product(x1: Tensor, x2: Tensor) -> Tensor:
    n, m = x1.shape.rank, x2.shape.rank
    if n == 2 and m == 2:
        return _matmul(x1, x2)
    if m == 2 and n > 2:
        return _flat_product(x1, x2)
    if n == 1 or m == 1:
        return _with_vector(x1, x2, n, m)
    return _batch_matmul(x1, x2)


def _flat_product(x1: Tensor, x2: Tensor) -> Tensor:
    """A batch times one matrix, as a single product (the batched kernel would loop, and so would its gradient)."""
    sizes = x1.shape.as_list()
    known = [*sizes[:-1], x2.shape[-1]]
    if known.count(None) > 1:
        known = [*dims(x1)[:-1], x2.shape[-1] if x2.shape[-1] is not None else tf.shape(x2)[-1]]
    elif None in known:
        known[known.index(None)] = -1
    width = sizes[-1] if sizes[-1] is not None else tf.shape(x1)[-1]
    return _reshape(_matmul(_reshape(x1, shape_vector((-1, width))), x2), shape_vector(known))


def _with_vector(x1: Tensor, x2: Tensor, n: int, m: int) -> Tensor:
    if n == 1 and m == 1:
        return raw("Sum")(x1 * x2, 0, False)
    if n == 1:
        return tf.squeeze(_product(_expand(x1, 0), x2), -2)
    return tf.squeeze(_product(x1, _expand(x2, 1)), -1)


def linear(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ kernel + bias over the last axis."""
    out = _matmul(x, kernel) if x.shape.rank == 2 and x.dtype in _KERNELS else matmul(x, kernel)
    return out if bias is None else _add(out, bias)


_add = raw("AddV2")


@functools.lru_cache(maxsize=1024)
def _equation(subscripts: str) -> str:
    """With the output written out, as the kernel wants it."""
    text = subscripts.replace(" ", "")
    if "->" in text:
        return text
    names = [c for c in text.replace("...", "") if c.isalpha()]
    once = sorted(c for c in set(names) if names.count(c) == 1)
    return f"{text}->{'...' if '...' in text else ''}{''.join(once)}"


def einsum(operands: Sequence[Tensor], subscripts: str) -> Tensor:
    """Sum of products, by Einstein's convention."""
    kind = operands[0].dtype
    if kind not in _KERNELS:
        out = einsum([_cast(x, _wide(kind)) for x in operands], subscripts)
        return _cast(out, kind)
    equation = _equation(subscripts)
    if len(operands) <= 2:
        return _einsum(list(operands), equation)
    return tf.einsum(equation, *operands)


def tensordot(x1: Tensor, x2: Tensor, axes: Any = 2) -> Tensor:
    """Contraction over axes."""
    if x1.dtype not in _KERNELS:
        return _cast(tf.tensordot(_cast(x1, _wide(x1.dtype)), _cast(x2, _wide(x1.dtype)), axes), x1.dtype)
    return tf.tensordot(x1, x2, axes)


# ---- decompositions -------------------------------------------------------------------------------------------------


def _wide_float(x: Tensor) -> Tensor:
    return _cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x


def _back(x: Tensor, kind: Any) -> Tensor:
    return x if x.dtype == kind else _cast(x, kind)


def _swapped(x: Tensor) -> Tensor:
    rank = x.shape.rank
    return _transpose(x, constant((*range(rank - 2), rank - 1, rank - 2)))


def cholesky(x: Tensor, upper: bool = False) -> Tensor:
    """Triangular root of a positive definite matrix."""
    out = tf.linalg.cholesky(_wide_float(x))
    return _back(tf.linalg.adjoint(out) if upper else out, x.dtype)


def inv(x: Tensor) -> Tensor:
    """Inverse."""
    return _back(tf.linalg.inv(_wide_float(x)), x.dtype)


def det(x: Tensor) -> Tensor:
    """Determinant."""
    return _back(_det(_wide_float(x)), x.dtype)


@tf.custom_gradient
def _det(x: Tensor) -> Any:
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


def slogdet(x: Tensor) -> tuple[Tensor, Tensor]:
    """Sign and logarithm of the magnitude of the determinant."""
    wide = _wide_float(x)
    sign, log = tf.linalg.slogdet(wide)
    singular = tf.equal(sign, 0)  # where there is no gradient, and TensorFlow's raises: NaN, as of sqrt(0 x)
    eye = tf.eye(tf.shape(wide)[-1], batch_shape=tf.shape(wide)[:-2], dtype=wide.dtype)
    _, regular = tf.linalg.slogdet(tf.where(singular[..., None, None], eye, wide))
    size = tf.reduce_sum(tf.where(singular[..., None, None], tf.abs(wide), 1), (-2, -1))
    none = tf.stop_gradient(tf.cast(tf.math.real(log), log.dtype)) + tf.cast(tf.sqrt(size * 0), log.dtype)
    return _back(sign, x.dtype), _back(tf.where(singular, none, regular), x.dtype)


def solve(a: Tensor, b: Tensor) -> Tensor:
    """x with a @ x = b."""
    kind, a, b = a.dtype, _wide_float(a), _wide_float(b)
    if b.shape.rank == a.shape.rank - 1:
        return _back(tf.squeeze(_solve(a, _expand(b, -1)), -1), kind)
    return _back(_solve(a, b), kind)


def _solve(a: Tensor, b: Tensor) -> Tensor:
    return tf.linalg.solve(*_same_batch(a, b))


def _same_batch(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Batch axes broadcast, which the kernel does not do."""
    if a.shape.as_list()[:-2] == b.shape.as_list()[:-2] and None not in a.shape.as_list()[:-2]:
        return a, b
    if a.shape.rank == b.shape.rank == 2:
        return a, b
    batch = tf.broadcast_dynamic_shape(tf.shape(a)[:-2], tf.shape(b)[:-2])
    return tf.broadcast_to(a, tf.concat([batch, tf.shape(a)[-2:]], 0)), tf.broadcast_to(
        b, tf.concat([batch, tf.shape(b)[-2:]], 0)
    )


def solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Tensor:
    """x with a @ x = b for a triangular a."""
    kind, a, b = a.dtype, _wide_float(a), _wide_float(b)
    if b.shape.rank == a.shape.rank - 1:
        out = tf.squeeze(tf.linalg.triangular_solve(a, _expand(b, -1), lower=lower), -1)
    else:
        out = tf.linalg.triangular_solve(a, b, lower=lower)
    return _back(out, kind)


def qr(x: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Orthogonal and triangular factor."""
    q, r = tf.linalg.qr(_wide_float(x), full_matrices=mode == "complete")
    return _back(q, x.dtype), _back(r, x.dtype)


def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values, largest first, with (u, s, vh) or alone."""
    wide = _wide_float(x)
    if not compute_uv:
        return _back(tf.linalg.svd(wide, compute_uv=False), x.dtype)
    s, u, v = tf.linalg.svd(wide, full_matrices=full_matrices)
    return _back(u, x.dtype), _back(s, x.dtype), _back(tf.linalg.adjoint(v), x.dtype)


def eigh(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (ascending) and eigenvectors of a symmetric matrix."""
    wide = _wide_float(x)
    both = (wide + tf.linalg.adjoint(wide)) / 2  # so that both triangles get their share of the gradient
    values, vectors = tf.linalg.eigh(both)
    return _back(values, x.dtype), _back(vectors, x.dtype)


def eig(x: Tensor) -> tuple[Tensor, Tensor]:
    """Complex eigenvalues and eigenvectors of a square matrix."""
    values, vectors = tf.linalg.eig(_wide_float(x))
    return values, vectors


def lu_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """L and U in one matrix, and the pivots: row i was exchanged with row pivots[i]."""
    wide = _wide_float(x)
    rows, columns = wide.shape[-2], wide.shape[-1]
    if rows != columns and None not in (
        rows,
        columns,
    ):  # the kernel takes square matrices only: pad with the identity, and cut
        return _lu_of_rectangle(wide, rows, columns, x.dtype)
    lu, permutation = tf.linalg.lu(wide)
    return _back(lu, x.dtype), _pivots(permutation)


def _lu_of_rectangle(x: Tensor, rows: int, columns: int, kind: Any) -> tuple[Tensor, Tensor]:
    size = max(rows, columns)
    if rows < columns:
        lu, permutation = tf.linalg.lu(x[..., :rows])
        unit = tf.linalg.set_diag(tf.linalg.band_part(lu, -1, 0), tf.ones_like(lu[..., 0]))
        rest = tf.gather(x[..., rows:], permutation, axis=-2, batch_dims=x.shape.rank - 2)
        rest = tf.linalg.triangular_solve(unit, rest, lower=True)
        return _back(tf.concat([lu, rest], -1), kind), _pivots(permutation)
    extra = tf.eye(size, dtype=x.dtype)[:, columns:] * constant(0, x.dtype)
    wide = tf.concat([x, tf.broadcast_to(extra, [*dims(x)[:-1], size - columns])], -1)
    lu, pivots = _eliminate(wide, columns)
    return _back(lu[..., :columns], kind), pivots[..., :columns]


def _eliminate(x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """LU with partial pivoting by columns, for matrices with more rows than columns."""
    rows = x.shape[-2]
    pivots = []
    for k in range(steps):
        below = tf.abs(x[..., k:, k])
        p = tf.argmax(below, -1, output_type=tf.int32) + k
        index = tf.range(rows)
        swap = tf.where(index == k, _expand(p, -1), tf.where(index == _expand(p, -1), k, index))
        x = tf.gather(x, swap, axis=-2, batch_dims=x.shape.rank - 2)
        factor = x[..., k + 1 :, k : k + 1] / x[..., k : k + 1, k : k + 1]
        right = x[..., k + 1 :, k + 1 :] - factor * x[..., k : k + 1, k + 1 :]
        lower = tf.concat([x[..., k + 1 :, :k], factor, right], -1)
        x = tf.concat([x[..., : k + 1, :], lower], -2)
        pivots.append(p)
    return x, tf.stack(pivots, -1)


def _pivots(permutation: Tensor) -> Tensor:
    """The row exchanges that make a permutation."""
    size = size_of(permutation, -1)
    index = tf.range(size)
    order = tf.broadcast_to(index, tf.shape(permutation))
    batch = permutation.shape.rank - 1

    def exchange(i: Tensor, order: Tensor, found: tf.TensorArray) -> tuple[Any, ...]:
        wanted = tf.gather(permutation, [i], axis=-1)
        place = tf.argmax(tf.cast(tf.equal(order, wanted), tf.int32), -1, output_type=tf.int32)
        there = _expand(place, -1)
        swap = tf.where(index == i, there, tf.where(index == there, i, index))
        return i + 1, tf.gather(order, swap, axis=-1, batch_dims=batch), found.write(i, place)

    start = (tf.constant(0), order, tf.TensorArray(tf.int32, size=size))
    found = tf.while_loop(lambda i, *_: i < size, exchange, start, maximum_iterations=size)[2].stack()
    out = tf.transpose(found, [*range(1, batch + 1), 0])
    out.set_shape(permutation.shape)
    return out
