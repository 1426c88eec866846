"""JAX: products and linear algebra."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax

from kfront.backends.halves import through_float32
from kfront.backends.jax.common import ARRAY, axes, compiled
from kfront.backends.typing import Axes
from kfront.core.errors import ArgumentError

_HALVES = (jnp.dtype("float16"), jnp.dtype("bfloat16"))
_in_float32 = through_float32(Array, _HALVES, jnp.dtype("float32"), lax.convert_element_type)
matmul = jnp.matmul
inv = compiled()(_in_float32(jnp.linalg.inv))


@jax.custom_jvp
def _det(x: Array) -> Array:
    return jnp.linalg.det(x)


@_det.defjvp
def _det_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """By the matrix of cofactors: of rank n - 1, JAX's own is 0 at some matrices (jax 0.10)."""
    (x,), (change,) = primals, tangents
    out = _det(x)
    singular = (out == 0)[..., None, None]
    regular = jnp.linalg.inv(jnp.where(singular, jnp.eye(x.shape[-1], dtype=x.dtype), x)) * out[..., None, None]
    adjugate = jnp.where(singular, lax.cond(singular.any(), _adjugate, jnp.zeros_like, lax.stop_gradient(x)), regular)
    return out, jnp.einsum("...ij,...ji->...", adjugate, change)


def _adjugate(x: Array) -> Array:
    """The matrix of cofactors, transposed, of one that may be singular."""
    u, s, vh = jnp.linalg.svd(x)
    eye = jnp.eye(s.shape[-1], dtype=bool)
    others = jnp.prod(jnp.where(eye, 1, s[..., None, :]), -1)
    turn = jnp.linalg.det(u) * jnp.linalg.det(vh)
    return (
        turn[..., None, None]
        * (jnp.swapaxes(vh, -1, -2).conj() * others[..., None, :])
        @ jnp.swapaxes(u, -1, -2).conj()
    )


@compiled()
@_in_float32
def det(x: Array) -> Array:
    """Determinant; up to three rows JAX's own derivative is right everywhere."""
    return jnp.linalg.det(x) if x.shape[-1] < 4 else _det(x)


@compiled(1)
def einsum(operands: Sequence[Array], subscripts: str) -> Array:
    """Sum of products by index letters."""
    return jnp.einsum(subscripts, *operands)


@compiled(1)
@_in_float32
def _cholesky(x: Array, upper: bool) -> tuple[Array, Array]:
    out = jnp.linalg.cholesky(x, upper=upper)
    return out, jnp.isnan(out).any() & ~jnp.isnan(x).any()


def cholesky(x: Array, upper: bool = False) -> Array:
    """Triangular factor; while tracing, NaN where the matrix is not positive definite."""
    out, failed = _cholesky(x, upper)
    if type(failed) is ARRAY and failed:
        raise ArgumentError("[cholesky] expected a symmetric positive definite matrix, got one that is not.")
    return out


@compiled(1)
@_in_float32
def qr(x: Array, mode: str = "reduced") -> Array:
    """(Q, R)."""
    return tuple(jnp.linalg.qr(x, mode=mode))


@compiled(1, 2)
@_in_float32
def svd(x: Array, full_matrices: bool = True, compute_uv: bool = True) -> Array:
    """(U, S, V^H), or S alone."""
    found = jnp.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(found) if compute_uv else found


@compiled()
@_in_float32
def eigh(x: Array) -> tuple[Array, Array]:
    """(eigenvalues, eigenvectors) of a symmetric matrix."""
    return tuple(jnp.linalg.eigh(x))


@_in_float32
def eig(x: Array) -> tuple[Array, Array]:
    """(eigenvalues, eigenvectors), complex; JAX documents it for CPU only."""
    return tuple(jnp.linalg.eig(x))


@compiled()
@_in_float32
def solve(a: Array, b: Array) -> Array:
    """x with a @ x = b; JAX takes the vectors of a batch for one matrix."""
    if b.ndim == a.ndim - 1:
        return jnp.linalg.solve(a, b[..., None])[..., 0]
    return jnp.linalg.solve(a, b)


@compiled(2)
@_in_float32
def solve_triangular(a: Array, b: Array, lower: bool = False) -> Array:
    """Solution of a triangular system."""
    if b.ndim == a.ndim - 1:
        return jax.scipy.linalg.solve_triangular(a, b[..., None], lower=lower)[..., 0]
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@compiled()
@_in_float32
def lu_factor(x: Array) -> tuple[Array, Array]:
    """(LU, pivots)."""
    lu, pivots = jax.scipy.linalg.lu_factor(x)
    return lu, pivots.astype("int32")


_tensordot = compiled(2)(lambda a, b, axes_: jnp.tensordot(a, b, axes_))


def tensordot(x1: Array, x2: Array, axes: Axes = 2) -> Array:
    """Contraction over axes."""
    return _tensordot(x1, x2, _pair(axes))


def _pair(value: int | Sequence[Axes]) -> int | tuple[Axes, ...]:
    return tuple(axes(v) for v in value) if isinstance(value, (list, tuple)) else value
