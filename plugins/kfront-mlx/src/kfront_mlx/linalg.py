"""Products and decompositions. MLX computes the latter on the CPU, and has no derivatives of them (mlx 0.32)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from kfront.backends.typing import Function
from kfront.core.errors import ArgumentError
from kfront.core.shapes import einsum_terms
from kfront_mlx.common import FLOATING, HALVES, in_float32, known, number

_CPU: Any = mx.cpu
Parts = tuple[mx.array, ...]


def _transposed(x: mx.array) -> mx.array:
    return mx.swapaxes(x, -1, -2)


def _eye(like: mx.array, n: int) -> mx.array:
    return mx.eye(n, dtype=like.dtype)


# ---- products --------------------------------------------------------------------------------------------------------


def _inexact(fn: Function[mx.array]) -> Function[mx.array]:
    """Products of integers, which MLX has not: by sums of elementwise products."""

    def run(x1: mx.array, x2: mx.array) -> mx.array:
        return fn(x1, x2) if x1.dtype in FLOATING or x1.dtype == mx.complex64 else _integer_matmul(x1, x2)

    return run


@in_float32
@_inexact
def matmul(x1: mx.array, x2: mx.array) -> mx.array:
    return mx.matmul(x1, x2)


def _integer_matmul(x1: mx.array, x2: mx.array) -> mx.array:
    kind = x1.dtype
    rows, columns = x1.ndim == 1, x2.ndim == 1
    x1 = x1[None] if rows else x1
    x2 = x2[:, None] if columns else x2
    out = mx.sum(x1[..., :, :, None] * x2[..., None, :, :], -2)
    out = out.squeeze(-2) if rows else out
    out = out.squeeze(-1) if columns else out
    return (out > 0 if kind == mx.bool_ else out).astype(kind)


def einsum(operands: Sequence[mx.array], subscripts: str) -> mx.array:
    terms, out = einsum_terms(subscripts, len(operands))
    kind = operands[0].dtype
    if kind in HALVES or (kind not in FLOATING and kind != mx.complex64):
        operands = [x.astype(mx.float32 if kind in HALVES else mx.float64) for x in operands]
    terms, out = _spelled_out(terms, out, operands)
    terms, operands = zip(*[_diagonals(t, x) for t, x in zip(terms, operands, strict=True)], strict=True)
    return mx.einsum(f"{','.join(terms)}->{out}", *operands).astype(kind)


def _spelled_out(terms: Sequence[str], out: str, operands: Sequence[mx.array]) -> tuple[list[str], str]:
    """Letters for the axes that an ellipsis stands for."""
    if "..." not in "".join(terms):
        return list(terms), out.replace("...", "")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in "".join([*terms, out])]
    counts = [x.ndim - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)]
    most = max(c for c, t in zip(counts, terms, strict=True) if "..." in t)
    letters = "".join(free[:most])
    named = [t.replace("...", letters[most - c :]) if "..." in t else t for t, c in zip(terms, counts, strict=True)]
    return named, out.replace("...", letters)


def _diagonals(term: str, x: mx.array) -> tuple[str, mx.array]:
    """A letter that occurs twice in a term means the diagonal of its axes."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            x = mx.diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + letter
    return term, x


# ---- derivatives -----------------------------------------------------------------------------------------------------


def _differentiable(fn: Function[Any], pullback: Function[Any], batched: bool = True) -> Function[Any]:
    """`fn`, a decomposition of the last two axes, with its derivative: `pullback(primals, cotangents, outputs)`.

    Under `mx.vmap` the batch becomes an axis of `fn` itself, so that the derivative stays the one given here.
    """
    wrapped = mx.custom_function(fn)
    wrapped.vjp(pullback)

    @wrapped.vmap
    def _(inputs: Any, axes: Any) -> Any:
        single = isinstance(inputs, mx.array)
        xs, at = ([inputs], [axes]) if single else (inputs, axes)
        n = next(x.shape[a] for x, a in zip(xs, at, strict=True) if a is not None and a >= 0)
        moved = [
            mx.moveaxis(x, a, 0) if a is not None and a >= 0 else mx.broadcast_to(x, (n, *x.shape))
            for x, a in zip(xs, at, strict=True)
        ]
        out = call(*moved)
        return out, (0,) * len(out) if isinstance(out, tuple) else 0

    def call(*xs: mx.array) -> Any:
        return wrapped(*xs)

    return call


def _inv_pullback(x: mx.array, g: mx.array, y: mx.array) -> mx.array:
    t = _transposed(y)
    return -(t @ g @ t)


_inv = _differentiable(lambda x: mx.linalg.inv(x, stream=_CPU), _inv_pullback)


@in_float32
def inv(x: mx.array) -> mx.array:
    return _inv(x)


def _solve_of(a: mx.array, b: mx.array) -> mx.array:
    """By the inverse and one step of refinement, as MLX's own has no `vmap`."""
    inverse = mx.linalg.inv(a, stream=_CPU)
    x = inverse @ b
    return x + inverse @ (b - a @ x)


def _solve_pullback(primals: Parts, g: mx.array, x: mx.array) -> Parts:
    gb = _solve(_transposed(primals[0]), g)
    return -(gb @ _transposed(x)), gb


_solve = _differentiable(_solve_of, _solve_pullback)


@in_float32
def solve(a: mx.array, b: mx.array) -> mx.array:
    vector = b.ndim == a.ndim - 1
    b = b[..., None] if vector else b
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = _solve(mx.broadcast_to(a, (*batch, *a.shape[-2:])), mx.broadcast_to(b, (*batch, *b.shape[-2:])))
    return out[..., 0] if vector else out


def solve_triangular(a: mx.array, b: mx.array, lower: bool = False) -> mx.array:
    return solve(mx.tril(a) if lower else mx.triu(a), b)


def det(x: mx.array) -> mx.array:
    with mx.stream(_CPU):
        return in_float32(_det)(x)


def _det(x: mx.array) -> mx.array:
    """By minors of the first row: a polynomial, with all its derivatives, of singular matrices too."""
    n = x.shape[-1]
    if n > 4:
        return _det_by_lu(x)
    if n == 0:
        return mx.ones(x.shape[:-2], x.dtype)
    if n == 1:
        return x[..., 0, 0]
    rest = x[..., 1:, :]
    minors = (mx.concatenate([rest[..., :j], rest[..., j + 1 :]], -1) for j in range(n))
    return sum((-1) ** j * x[..., 0, j] * _det(m) for j, m in enumerate(minors))


def _det_by_lu(x: mx.array) -> mx.array:
    lu, pivots = lu_factor(x)
    swaps = mx.sum(pivots != mx.arange(x.shape[-1]), -1)
    diagonal = mx.diagonal(lu, 0, -2, -1)
    return mx.prod(diagonal, -1) * mx.where(swaps % 2 == 0, number(1, x.dtype), number(-1, x.dtype))


def _logs_of(x: mx.array) -> mx.array:
    return mx.sum(mx.log(mx.abs(mx.diagonal(lu_factor(x)[0], 0, -2, -1))), -1)


_log_of_det = _differentiable(_logs_of, lambda x, g, y: g[..., None, None] * _transposed(_inv(x)))


@in_float32
def slogdet(x: mx.array) -> Parts:
    """(sign of the determinant, logarithm of its size)."""
    lu, pivots = lu_factor(mx.stop_gradient(x))
    odd = mx.sum(pivots != mx.arange(x.shape[-1]), -1) + mx.sum(mx.diagonal(lu, 0, -2, -1) < 0, -1)
    sign = mx.where(odd % 2 == 0, number(1, x.dtype), number(-1, x.dtype))
    size = _log_of_det(x)
    return mx.where(mx.isneginf(size), mx.zeros_like(sign), sign), size


def _phi(x: mx.array) -> mx.array:
    """The lower triangle, the diagonal halved."""
    return mx.tril(x) - 0.5 * x * _eye(x, x.shape[-1])


def _cholesky_pullback(x: mx.array, g: mx.array, factor: mx.array) -> mx.array:
    upper = _transposed(factor)
    s = _solve(upper, _phi(upper @ mx.tril(g)))  # L^-T phi(L^T g)
    s = _transposed(_solve(upper, _transposed(s)))  # ... L^-1
    return 0.5 * (s + _transposed(s))


_cholesky = _differentiable(lambda x: mx.linalg.cholesky(x, stream=_CPU), _cholesky_pullback)


@in_float32
def cholesky(x: mx.array, upper: bool = False) -> mx.array:
    x = 0.5 * (x + _transposed(x))
    if known(x) and bool(mx.any(mx.linalg.eigvalsh(x, stream=_CPU) <= 0).item()):
        raise ArgumentError("[cholesky] expected a symmetric positive definite matrix, got one that is not.")
    factor = _cholesky(x)
    return _transposed(factor) if upper else factor


# ---- QR, SVD, eigenvalues, LU ----------------------------------------------------------------------------------------


def _householder(x: mx.array) -> Parts:
    """The whole (m, m) Q and the (m, n) R, by reflections of all matrices at once: MLX's own has no `vmap`."""
    m, n = x.shape[-2:]
    q, r, rows = mx.broadcast_to(_eye(x, m), (*x.shape[:-2], m, m)), x, mx.arange(m)
    for j in range(min(m - 1, n)):
        column = mx.where(rows >= j, r[..., j], mx.zeros_like(r[..., j]))
        length = mx.sqrt(mx.sum(column * column, -1, keepdims=True))
        length = mx.where(column[..., j : j + 1] < 0, -length, length)
        v = column + mx.where(rows == j, length, mx.zeros_like(length))
        below = mx.sum(mx.where(rows > j, column * column, mx.zeros_like(column)), -1, keepdims=True)
        square = mx.where(
            below > 0, mx.sum(v * v, -1, keepdims=True), mx.zeros_like(below)
        )  # else it stays, as in LAPACK
        v = v[..., None]
        scale = mx.where(square > 0, 2 / mx.where(square > 0, square, mx.ones_like(square)), mx.zeros_like(square))
        w = _transposed(v) * scale[..., None]
        r, q = r - v @ (w @ r), q - (q @ v) @ w
    return q, mx.triu(r)


def _qr_of(x: mx.array) -> Parts:
    """Of shape (m, k), (k, n) with k = min(m, n)."""
    q, r = _householder(x)
    k = min(x.shape[-2:])
    return q[..., :k], r[..., :k, :]


def _mirrored(x: mx.array) -> mx.array:
    """The lower triangle, copied to the upper one."""
    return mx.tril(x) + _transposed(mx.tril(x, -1))


def _qr_pullback(x: mx.array, g: Parts, outputs: Parts) -> mx.array:
    """Walter and Lehmann, "Algorithmic differentiation of linear algebra functions", 2018; wide ones by their parts."""
    (gq, gr), (q, r) = g, outputs
    m, n = x.shape[-2:]
    if m < n:
        gq = gq + x[..., m:] @ _transposed(gr[..., m:])
        square = _qr_pullback(x[..., :m], (gq, gr[..., :m]), (q, r[..., :m]))
        return mx.concatenate([square, q @ gr[..., m:]], -1)
    rhs = gq + q @ _mirrored(r @ _transposed(gr) - _transposed(gq) @ q)
    return _transposed(_solve(r, _transposed(rhs)))


_qr = _differentiable(_qr_of, _qr_pullback)


@in_float32
def qr(x: mx.array, mode: str = "reduced") -> Parts:
    m, n = x.shape[-2:]
    if mode == "reduced" or m <= n:
        return tuple(_qr(x))
    whole, q, r = mx.stop_gradient(_householder(x)[0]), *_qr(x)
    rest = mx.zeros((*r.shape[:-2], m - n, n), r.dtype)
    return mx.concatenate([q, whole[..., n:]], -1), mx.concatenate([r, rest], -2)


def _gaps(values: mx.array) -> mx.array:
    """1 / (value j - value i), 0 on the diagonal and where they are equal."""
    gap = values[..., None, :] - values[..., :, None]
    equal = gap == 0
    return mx.where(equal, mx.zeros_like(gap), 1 / mx.where(equal, mx.ones_like(gap), gap))


def _svd_pullback(x: mx.array, g: Parts, outputs: Parts) -> mx.array:
    """Townsend, "Differentiating the singular value decomposition", 2016; of full matrices by their thin part."""
    u, s, vt = outputs
    k = s.shape[-1]
    gu, gs, gv = g[0][..., :k], g[1], _transposed(g[2][..., :k, :])
    u, v = u[..., :k], _transposed(vt[..., :k, :])
    f = _gaps(s * s)
    ut, vt = _transposed(u), _transposed(v)
    uu, vv = ut @ gu, vt @ gv
    inner = (f * (uu - _transposed(uu))) * s[..., None, :] + s[..., :, None] * (f * (vv - _transposed(vv)))
    inner = inner + gs[..., None] * _eye(s, k)
    positive = s > 0
    inverse = mx.where(positive, 1 / mx.where(positive, s, mx.ones_like(s)), mx.zeros_like(s))
    out = u @ inner @ vt
    if x.shape[-2] > k:
        out = out + (gu - u @ uu) * inverse[..., None, :] @ vt
    if x.shape[-1] > k:
        out = out + u @ _transposed((gv - v @ vv) * inverse[..., None, :])
    return out


_svd = _differentiable(lambda x: tuple(mx.linalg.svd(x, stream=_CPU)), _svd_pullback)


@in_float32
def svd(x: mx.array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    u, s, vt = _svd(x)
    if not compute_uv:
        return s
    k = s.shape[-1]
    return (u, s, vt) if full_matrices else (u[..., :k], s, vt[..., :k, :])


def _eigh_pullback(x: mx.array, g: Parts, outputs: Parts) -> mx.array:
    (gw, gv), (w, v) = g, outputs
    vt = _transposed(v)
    inner = gw[..., None] * _eye(w, w.shape[-1]) + _gaps(w) * (vt @ gv)
    out = v @ inner @ vt
    return 0.5 * (out + _transposed(out))


_eigh = _differentiable(lambda x: tuple(mx.linalg.eigh(x, stream=_CPU)), _eigh_pullback)


@in_float32
def eigh(x: mx.array) -> Parts:
    return tuple(_eigh(0.5 * (x + _transposed(x))))


def eig(x: mx.array) -> Parts:
    w, v = mx.linalg.eig(x.astype(mx.float32) if x.dtype in HALVES else x, stream=_CPU)
    return w, v


def _lu_pullback(x: mx.array, g: Parts, outputs: Parts) -> mx.array:
    """Of square matrices, from d(lu) = tril(L^-1 dA U^-1) and its upper part."""
    lu, order = outputs
    n = lu.shape[-1]
    lower, upper = mx.tril(lu, -1) + _eye(lu, n), mx.triu(lu)
    inner = mx.tril(_transposed(lower) @ mx.tril(g[0], -1), -1) + mx.triu(mx.triu(g[0]) @ _transposed(upper))
    out = _solve(_transposed(lower), inner)
    out = _transposed(_solve(upper, _transposed(out)))
    back = mx.argsort(mx.stop_gradient(order), -1)
    return mx.take_along_axis(out, mx.broadcast_to(back[..., None], out.shape), -2)


def _lu_of(x: mx.array) -> Parts:
    """(L and U in one matrix, the order of rows), by Gauss's steps on all matrices at once."""
    m, n = x.shape[-2:]
    order = mx.broadcast_to(mx.arange(m), x.shape[:-1])
    rows = mx.arange(m)
    for i in range(min(m, n)):
        size = mx.where(rows >= i, mx.abs(x[..., i]), number(-1, x.dtype))
        best = mx.argmax(mx.stop_gradient(size), -1, keepdims=True)
        swapped = mx.where(rows == i, best, mx.where(rows == best, i, rows)).astype(mx.int32)
        x = mx.take_along_axis(x, mx.broadcast_to(swapped[..., None], x.shape), -2)
        order = mx.take_along_axis(order, swapped, -1)
        pivot = x[..., i : i + 1, i : i + 1]
        below = (rows > i)[:, None]
        zero = pivot == 0
        factor = mx.where(
            below & ~zero, x[..., i : i + 1] / mx.where(zero, mx.ones_like(pivot), pivot), mx.zeros_like(pivot)
        )
        right = (mx.arange(n) > i)[None]
        x = mx.where(right, x - factor * x[..., i : i + 1, :], x)
        column = (mx.arange(n) == i)[None] & below
        x = mx.where(column, factor, x)
    return x, order.astype(mx.int32)


_lu = _differentiable(_lu_of, _lu_pullback)


def _pivots(order: mx.array, count: int) -> mx.array:
    """The row that each step swapped with, from the order that the rows ended in."""
    m = order.shape[-1]
    now = mx.broadcast_to(mx.arange(m), order.shape)
    places = mx.arange(m)
    out = []
    for i in range(count):
        at = mx.argmax(now == order[..., i : i + 1], -1, keepdims=True)
        swapped = mx.where(places == i, at, mx.where(places == at, i, places)).astype(mx.int32)
        now = mx.take_along_axis(now, swapped, -1)
        out.append(at)
    return mx.concatenate(out, -1).astype(mx.int32)


@in_float32
def lu_factor(x: mx.array) -> Parts:
    lu, order = _lu(x) if x.shape[-1] == x.shape[-2] else _lu_of(x)
    return lu, _pivots(mx.stop_gradient(order), min(x.shape[-2:]))
