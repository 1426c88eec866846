"""JAX: products and linear algebra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kfront.backends.jax.common import ARRAY, axes, compiled
from kfront.core.errors import ArgumentError

matmul = jnp.matmul
solve = compiled()(jnp.linalg.solve)
inv = compiled()(jnp.linalg.inv)
det = compiled()(jnp.linalg.det)


@compiled(1)
def einsum(operands: Sequence[Any], subscripts: str) -> Any:
    """Sum of products by index letters."""
    return jnp.einsum(subscripts, *operands)


@compiled(1)
def _cholesky(x: Any, upper: bool) -> tuple[Any, Any]:
    out = jnp.linalg.cholesky(x, upper=upper)
    return out, jnp.isnan(out).any() & ~jnp.isnan(x).any()


def cholesky(x: Any, upper: bool = False) -> Any:
    """Triangular factor; while tracing, NaN where the matrix is not positive definite."""
    out, failed = _cholesky(x, upper)
    if type(failed) is ARRAY and failed:
        raise ArgumentError("[cholesky] expected a symmetric positive definite matrix, got one that is not.")
    return out


@compiled(1)
def qr(x: Any, mode: str = "reduced") -> Any:
    """(Q, R)."""
    return tuple(jnp.linalg.qr(x, mode=mode))


@compiled(1, 2)
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, V^H), or S alone."""
    found = jnp.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(found) if compute_uv else found


@compiled()
def eigh(x: Any) -> tuple[Any, Any]:
    """(eigenvalues, eigenvectors) of a symmetric matrix."""
    return tuple(jnp.linalg.eigh(x))


def eig(x: Any) -> tuple[Any, Any]:
    """(eigenvalues, eigenvectors), complex; JAX documents it for CPU only."""
    return tuple(jnp.linalg.eig(x))


@compiled(2)
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """Solution of a triangular system."""
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@compiled()
def lu_factor(x: Any) -> tuple[Any, Any]:
    """(LU, pivots)."""
    lu, pivots = jax.scipy.linalg.lu_factor(x)
    return lu, pivots.astype("int32")


_tensordot = compiled(2)(lambda a, b, axes_: jnp.tensordot(a, b, axes_))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Contraction over axes."""
    return _tensordot(x1, x2, _pair(axes))


def _pair(value: Any) -> Any:
    return tuple(axes(v) for v in value) if isinstance(value, (list, tuple)) else value
