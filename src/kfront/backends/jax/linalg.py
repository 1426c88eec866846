"""JAX: products and linear algebra."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from kfront.backends.jax.common import ARRAY, axes, compiled
from kfront.backends.typing import Axes
from kfront.core.errors import ArgumentError

matmul = jnp.matmul
solve = compiled()(jnp.linalg.solve)
inv = compiled()(jnp.linalg.inv)
det = compiled()(jnp.linalg.det)


@compiled(1)
def einsum(operands: Sequence[Array], subscripts: str) -> Array:
    """Sum of products by index letters."""
    return jnp.einsum(subscripts, *operands)


@compiled(1)
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
def qr(x: Array, mode: str = "reduced") -> Array:
    """(Q, R)."""
    return tuple(jnp.linalg.qr(x, mode=mode))


@compiled(1, 2)
def svd(x: Array, full_matrices: bool = True, compute_uv: bool = True) -> Array:
    """(U, S, V^H), or S alone."""
    found = jnp.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(found) if compute_uv else found


@compiled()
def eigh(x: Array) -> tuple[Array, Array]:
    """(eigenvalues, eigenvectors) of a symmetric matrix."""
    return tuple(jnp.linalg.eigh(x))


def eig(x: Array) -> tuple[Array, Array]:
    """(eigenvalues, eigenvectors), complex; JAX documents it for CPU only."""
    return tuple(jnp.linalg.eig(x))


@compiled(2)
def solve_triangular(a: Array, b: Array, lower: bool = False) -> Array:
    """Solution of a triangular system."""
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@compiled()
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
