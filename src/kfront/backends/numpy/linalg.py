"""Products and linear algebra. Halves are computed in float32, which LAPACK has."""

from __future__ import annotations

import math

import numpy as np

from kfront.backends.numpy.common import HALVES, wide
from kfront.core.errors import ShapeError
from kfront.core.shapes import einsum_terms


@wide
def matmul(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    return np.matmul(x1, x2)


def einsum(operands: list[np.ndarray], subscripts: str) -> np.ndarray:
    kind = operands[0].dtype
    if kind in HALVES:
        operands = [x.astype(np.float32) for x in operands]
    terms, out = einsum_terms(subscripts, len(operands))
    return np.einsum(f"{','.join(terms)}->{out}", *operands, optimize=True).astype(kind, copy=False)


@wide
def cholesky(x: np.ndarray, upper: bool = False) -> np.ndarray:
    factor = np.linalg.cholesky(x)
    return np.swapaxes(factor, -1, -2) if upper else factor


inv = wide(np.linalg.inv)
det = wide(np.linalg.det)


@wide
def slogdet(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sign, log = np.linalg.slogdet(x)
    return sign, log


@wide
def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if b.ndim == a.ndim - 1:
        return np.linalg.solve(a, b[..., None])[..., 0]
    return np.linalg.solve(a, b)


def solve_triangular(a: np.ndarray, b: np.ndarray, lower: bool = False) -> np.ndarray:
    if a.ndim < 2:  # of which `np.tril` makes a matrix
        raise ShapeError(f"[solve_triangular] expected `a` of rank >= 2, got shape {a.shape}.")
    return solve(np.tril(a) if lower else np.triu(a), b)


@wide
def qr(x: np.ndarray, mode: str = "reduced") -> tuple[np.ndarray, np.ndarray]:
    q, r = np.linalg.qr(x, mode)  # type: ignore[call-overload]
    return q, r


@wide
def svd(x: np.ndarray, full_matrices: bool = True, compute_uv: bool = True) -> np.ndarray:
    out = np.linalg.svd(x, full_matrices, compute_uv)
    return tuple(out) if compute_uv else out


@wide
def eigh(x: np.ndarray) -> np.ndarray:
    return tuple(np.linalg.eigh(x))


def eig(x: np.ndarray) -> np.ndarray:
    kind = np.complex128 if x.dtype in (np.float64, np.complex128) else np.complex64
    return tuple(v.astype(kind) for v in np.linalg.eig(x.astype(np.float32) if x.dtype in HALVES else x))


@wide
def lu_factor(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lu = np.array(x)
    m, n = lu.shape[-2:]
    flat = lu.reshape(math.prod(lu.shape[:-2]), m, n)
    pivots = np.zeros((len(flat), min(m, n)), np.int32)
    every = np.arange(len(flat))
    for i in range(min(m, n)):
        best = i + np.argmax(np.abs(flat[:, i:, i]), 1)
        pivots[:, i] = best
        rows = flat[every, i].copy()
        flat[every, i], flat[every, best] = flat[every, best], rows
        pivot = flat[:, i, i][:, None]
        factor = np.where(pivot == 0, 0, flat[:, i + 1 :, i] / np.where(pivot == 0, 1, pivot))
        flat[:, i + 1 :, i] = factor
        flat[:, i + 1 :, i + 1 :] -= factor[:, :, None] * flat[:, i, None, i + 1 :]
    return flat.reshape(lu.shape), pivots.reshape(*lu.shape[:-2], min(m, n))
