"""The table: products and linear algebra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .entry import Entry, Kink, floats, ints, tol

__all__ = ["entries"]

_PRODUCT = tol(4, 4, 8)  # sums of products, in which terms cancel
_SOLVER = tol(16, 4, 64)  # errors grow with the condition of the matrices here, which is below 10
_ALL = ("float16", "bfloat16", "float64")


def _spd(*shape: int) -> np.ndarray:
    x = floats(*shape).astype("float64")
    return (x @ np.swapaxes(x, -1, -2) + 2 * np.eye(shape[-1])).astype("float32")


def _regular(*shape: int) -> np.ndarray:
    return (floats(*shape, low=-1, high=1) + 3 * np.eye(shape[-1])).astype("float32")


def _factor(*shape: int) -> np.ndarray:
    return np.linalg.cholesky(_spd(*shape).astype("float64")).astype("float32")


# ---- products ------------------------------------------------------------------------------------------------------

_SHAPES = (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((5, 2, 3), (3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((2, 0), (0, 3)),
)
_TERMS = (
    ("bij,bjk", (2, 3, 4), (2, 4, 2)), ("ii->i", (3, 3)), ("ij->", (2, 3)), ("ij->ji", (2, 3)),
    ("...ij,...jk->...ik", (2, 2, 3), (1, 3, 2)), ("btnh,bsnh->bnts", (2, 3, 2, 4), (2, 5, 2, 4)), ("ij", (2, 3)),
    ("i,j,k->ijk", (2,), (3,), (2,)), ("abc,cde->abde", (2, 2, 3), (3, 2, 2)),
)  # fmt: skip


def _products() -> list[Entry]:
    m = Entry("matmul", np.matmul, _PRODUCT, far=True)
    m(floats(2, 3), floats(3, 4)).also(*_ALL)
    for a, b in _SHAPES:
        m(floats(*a), floats(*b))
    m.edge(ints(2, 3, dtype="int8"), ints(3, 2, dtype="int8")).edge(ints(2, 3), floats(3, 2)).edge(
        ints(2, 3), ints(3, 2)
    )
    e = Entry("einsum", np.einsum, _PRODUCT)
    e("ij,jk->ik", floats(2, 3), floats(3, 4)).also(*_ALL)
    for subscripts, *shapes in _TERMS:
        low = 0.2 if subscripts == "ij->" else -2.0  # a single sum must not cancel: there is no larger result
        e(subscripts, *(floats(*s, low=low) for s in shapes))
    e.edge("i,i->", ints(3), ints(3))
    d = Entry("dot", np.dot, _PRODUCT)
    d(floats(2, 3), floats(3, 4)).also(*_ALL)(floats(2, 2, 3), floats(5, 3, 4))(floats(2, 3), 2.0)(
        floats(2, 2, 3), floats(3)
    )
    d(floats(3), floats(3)).edge(ints(3), ints(3))
    t = Entry("tensordot", np.tensordot, _PRODUCT)
    t(floats(2, 3, 4), floats(3, 4, 5)).also(*_ALL)(floats(2, 3), floats(3, 4), axes=1)
    t(floats(2, 3, 4), floats(4, 2), axes=([0, 2], [1, 0]))(floats(2, 3), floats(2), axes=0).edge(
        ints(2, 3), ints(3, 2), axes=1
    )
    v, i, o, k = (Entry(n, getattr(np, n), _PRODUCT) for n in ("vdot", "inner", "outer", "kron"))
    v(floats(2, 3, low=0.2), floats(2, 3, low=0.2)).also(*_ALL).edge(ints(3), ints(3))
    i(floats(2, 3), floats(4, 3)).also(*_ALL)(floats(2, 3), 2.0)(floats(3), floats(3))
    o(floats(2, 3), floats(4)).also(*_ALL).edge(ints(3, dtype="int8"), floats(2))
    k(floats(2, 3), floats(4, 2)).also(*_ALL)(floats(2), floats(3))(floats(2), floats(2, 2))
    return [m, e, d, t, v, i, o, k, _crosses(), _linear(), _embedding()]


def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    """As np.cross, whose vectors of two components are deprecated."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    flat = a.shape[-1] == b.shape[-1] == 2
    a, b = (np.concatenate([x, np.zeros_like(x[..., :1])], -1) if x.shape[-1] == 2 else x for x in (a, b))
    a, b = np.broadcast_arrays(a, b)
    rows = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return rows[2] if flat else np.moveaxis(np.stack(rows, -1), -1, axisc)


def _crosses() -> Entry:
    c = Entry("cross", _cross, _PRODUCT, "real")
    c(floats(4, 3), floats(4, 3)).also(*_ALL)(floats(4, 2), floats(4, 2))(floats(4, 2), floats(4, 3))
    return c(floats(3, 4), floats(3, 4), axis=0)(floats(4, 3), floats(3)).edge(ints(2, 3), ints(2, 3))


def _linear() -> Entry:
    e = Entry("linear", lambda x, k, b=None: x @ k + (0 if b is None else b), _PRODUCT, "real", far=True)
    e(floats(2, 3), floats(3, 4), floats(4)).also(*_ALL)(floats(2, 3), floats(3, 4))(
        floats(2, 2, 3), floats(3, 4), floats(4)
    )
    return e.edge(floats(0, 3), floats(3, 4), floats(4))(floats(2, 3), floats(3, 4), None)


def _embedding() -> Entry:
    e = Entry("embedding", lambda i, t: t[i], tol(0, 0), ("index", "any"))
    e(ints(2, 3, low=0, high=5), floats(5, 4)).edge(
        ints(3, low=0, high=5, dtype="int64"), floats(5, 2, dtype="bfloat16")
    )
    return e(np.array([1, 1, 0], "int32"), floats(5, 2)).edge(ints(0, low=0), floats(5, 2))


# ---- factorizations ------------------------------------------------------------------------------------------------


def _rebuilt(parts: list[Any]) -> list[Any]:
    """Singular values, and the matrix that the factors make."""
    if len(parts) == 1:
        return parts
    u, s, vh = parts
    k = s.shape[-1]
    return [s, (u[..., :k] * s[..., None, :]) @ vh[..., :k, :], u.shape, vh.shape]


def _spectral(parts: list[Any]) -> list[Any]:
    values, vectors = parts
    inverse = np.linalg.inv(vectors)
    order = np.argsort(values.real + 1e-3 * values.imag, -1)
    return [np.take_along_axis(values, order, -1), (vectors * values[..., None, :]) @ inverse]


def _orthogonal(parts: list[Any]) -> list[Any]:
    q, r = parts
    return [q @ r, np.swapaxes(q, -1, -2) @ q, np.abs(r)]


def _lu(x: Any) -> Any:
    """Packed factors by Gauss elimination with row exchanges."""
    lu = np.array(x, "float64")
    m, n = lu.shape[-2:]
    flat = lu.reshape(-1, m, n)
    pivots = np.zeros((len(flat), min(m, n)), "int64")
    for a, p in zip(flat, pivots, strict=True):
        for j in range(min(m, n)):
            p[j] = j + int(np.argmax(np.abs(a[j:, j])))
            a[[j, p[j]]] = a[[p[j], j]]
            a[j + 1 :, j] /= a[j, j]
            a[j + 1 :, j + 1 :] -= np.outer(a[j + 1 :, j], a[j, j + 1 :])
    return flat.reshape(lu.shape), pivots.reshape(*lu.shape[:-2], -1)


def _cholesky(x: Any, upper: bool = False) -> Any:
    lower = np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2)
    return np.swapaxes(lower, -1, -2) if upper else lower


def _solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else np.linalg.solve(a, b)


def _triangular(a: Any, b: Any, lower: bool = False) -> Any:
    return _solve(np.tril(a) if lower else np.triu(a), b)


def _inverse_of_factor(x: Any, upper: bool = False) -> Any:
    f = np.swapaxes(np.triu(x), -1, -2) if upper else np.tril(x)
    return np.linalg.inv(f @ np.swapaxes(f, -1, -2))


_F = "fixed"


def _factorizations() -> list[Entry]:
    c = Entry("cholesky", _cholesky, _SOLVER, _F)
    c(_spd(3, 3)).also("float64")(_spd(2, 3, 3), upper=True)
    ci = Entry("cholesky_inverse", _inverse_of_factor, _SOLVER, _F)
    ci(_factor(3, 3)).also("float64")(np.swapaxes(_factor(3, 3), 0, 1).copy(), upper=True)
    q = Entry("qr", np.linalg.qr, _SOLVER, _F, view=_orthogonal, smooth=False)
    q(floats(4, 3)).also("float64").edge(floats(4, 3), mode="complete").edge(floats(2, 3, 4)).edge(floats(2, 4, 2))
    s = Entry("svd", lambda x, full_matrices=True, compute_uv=True: np.linalg.svd(x, full_matrices, compute_uv), _SOLVER, _F,
              view=_rebuilt)  # fmt: skip
    s(floats(2, 4, 3), compute_uv=False).edge(floats(4, 3)).also("float64").edge(floats(4, 3), full_matrices=False)
    s.edge(floats(2, 3, 4), full_matrices=False).edge(floats(3, 4))
    h = Entry(
        "eigh", lambda x: np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2), _SOLVER, _F, view=_spectral, outputs=(0,)
    )
    h(_spd(3, 3)).also("float64").edge(_spd(2, 3, 3))
    g = Entry("eig", np.linalg.eig, _SOLVER, _F, view=_spectral, smooth=False)
    g(_regular(3, 3)).also("float64").edge(_regular(2, 3, 3)).edge(np.array([[0.0, -1.0], [1.0, 0.0]], "float32"))
    lu = Entry("lu_factor", _lu, _SOLVER, _F, smooth=False)
    lu(_regular(3, 3)).also("float64").edge(floats(4, 4)).edge(floats(2, 3, 3)).fixed(floats(4, 3))
    return [c, ci, q, s, h, g, lu]


def _solvers() -> list[Entry]:
    d = Entry("det", np.linalg.det, _SOLVER, _F)
    d(_regular(2, 3, 3)).also("float64")(floats(2, 2))
    small, cofactors = np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[4.0, -2.0], [-2.0, 1.0]])
    large = np.diag([0.0, 0.0, 3.0, 1.0]) + np.pad(small, (0, 2))  # singular: the gradients are the cofactors
    d.kinks = (Kink((small,), (cofactors,)), Kink((large,), (np.pad(3 * cofactors, (0, 2)),)))
    i = Entry("inv", np.linalg.inv, _SOLVER, _F)
    i(_regular(2, 3, 3)).also("float64")
    mp = Entry("matrix_power", lambda x, n: np.linalg.matrix_power(x, n), _SOLVER, _F)
    mp.fixed(_regular(2, 3, 3), 3)(_regular(3, 3), -2).edge(_regular(3, 3), 0).edge(_regular(2, 2), 1)
    s = Entry("solve", _solve, _SOLVER, _F)
    s(_regular(3, 3), floats(3, 2)).also("float64")(_regular(3, 3), floats(3))(_regular(2, 3, 3), floats(2, 3, 1))
    t = Entry("solve_triangular", _triangular, _SOLVER, _F)
    t(_regular(3, 3), floats(3, 2), lower=True).also("float64")(_regular(3, 3), floats(3))(
        _regular(2, 3, 3), floats(2, 3, 1)
    )
    sd = Entry("slogdet", np.linalg.slogdet, _SOLVER, _F, outputs=(1,))
    sd(_regular(2, 3, 3)).also("float64")(floats(4, 4)).edge(np.array([[1.0, 2.0], [2.0, 4.0]], "float32"))
    ld = Entry("logdet", lambda x: np.linalg.slogdet(x)[1], _SOLVER, _F)
    ld(_spd(3, 3)).also("float64")(_spd(2, 3, 3))(_regular(2, 4, 4)).edge(np.array([[1.0, 2.0], [3.0, 4.0]], "float32"))
    p = Entry("pinv", lambda x, rcond=None: np.linalg.pinv(x, rcond or 1e-12), _SOLVER, _F)
    p(floats(4, 3)).also("float64")(floats(2, 2, 3)).edge(floats(4, 3), rcond=0.5)
    q = Entry("lstsq", lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[0], _SOLVER, _F)
    q(floats(5, 3), floats(5)).also("float64")(floats(5, 3), floats(5, 2))
    r = Entry("matrix_rank", lambda x, tol=None: np.linalg.matrix_rank(x, tol), domain=_F, smooth=False)
    r(floats(4, 3)).edge(np.array([[1.0, 2.0], [2.0, 4.0]], "float32")).edge(floats(2, 3, 3), 100.0)
    return [d, i, mp, s, t, sd, ld, p, q, r, _norms()]


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None and ord is None:
        return np.sqrt(np.sum(np.square(x * 1.0), keepdims=keepdims))
    return np.linalg.norm(x * 1.0, ord, axis, keepdims)


def _norms() -> Entry:
    n = Entry("norm", _norm, tol(16, 4, 8), far=True)
    n(floats(2, 3)).also(*_ALL)
    for o in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        n(floats(4, 3), ord=o)(floats(2, 4, 3), ord=o, axis=(0, 2), keepdims=True)
    for o in (None, 0, 1, 2, 3, -1, 0.5, math.inf, -math.inf):
        n(floats(4, 3), ord=o, axis=1)(floats(4, 3), ord=o, axis=-1, keepdims=True)
    n.edge(ints(4, 3)).edge(floats(0))
    zero = np.zeros(3)
    n.kinks = (
        Kink((np.ones(2), math.inf, 0), ([0.5, 0.5],)),
        Kink((zero,), (zero,)),
        Kink((zero, 1), (zero,)),
        Kink((zero, 3), (zero,)),
    )
    return n


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_products(), *_factorizations(), *_solvers()]
