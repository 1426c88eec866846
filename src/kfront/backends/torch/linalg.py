"""Linear algebra on torch; each name is the op of that name in `kfront.ops`."""

from __future__ import annotations

import torch

from kfront.backends.halves import through_float32
from kfront.backends.torch.common import NOTHING
from kfront.backends.torch.step import inside_func, nesting
from kfront.backends.typing import Axes
from kfront.core.op import OPS

Tensor = torch.Tensor
_HALVES = (torch.float16, torch.bfloat16)
_in_float32 = through_float32(Tensor, _HALVES, torch.float32, Tensor.to)

inv = _in_float32(torch.linalg.inv)


@_in_float32
def det(x: Tensor) -> Tensor:
    """torch's own gradient is 0 at singular matrices, where it is the matrix of cofactors."""
    out = torch.linalg.det(x)
    if not x.requires_grad or torch.compiler.is_compiling() or inside_func() or not (singular := out == 0).any():
        return out
    with torch.no_grad():
        u, s, vh = torch.linalg.svd(x)
        others = torch.stack([torch.cat([s[..., :i], s[..., i + 1 :]], -1).prod(-1) for i in range(s.shape[-1])], -1)
        cofactors = (
            (torch.linalg.det(u) * torch.linalg.det(vh)).conj()[..., None, None] * (u * others[..., None, :]) @ vh
        )
    linear = (torch.where(singular[..., None, None], x, 0) * cofactors).sum((-2, -1))
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    regular = torch.linalg.det(torch.where(singular[..., None, None], eye, x))
    return torch.where(singular, linear - linear.detach(), regular)


def matmul(x1: Tensor, x2: Tensor) -> Tensor:
    if x1.dtype is torch.bool:  # torch has no product of bool matrices
        return torch.matmul(x1.to(torch.uint8), x2.to(torch.uint8)) != 0
    return torch.matmul(x1, x2)


def einsum(operands: list[Tensor], subscripts: str) -> Tensor:
    if operands[0].dtype is torch.bool:
        return torch.einsum(subscripts, [x.to(torch.uint8) for x in operands]) != 0
    return torch.einsum(subscripts, operands)


def tensordot(x1: Tensor, x2: Tensor, axes: Axes = 2) -> Tensor:
    if not isinstance(axes, int):
        axes = tuple([a] if isinstance(a, int) else list(a) for a in axes)
    if x1.dtype is torch.bool:
        return torch.tensordot(x1.to(torch.uint8), x2.to(torch.uint8), axes) != 0
    return torch.tensordot(x1, x2, axes)


@_in_float32
def cholesky(x: Tensor, upper: bool = False) -> Tensor:
    if nesting.func:  # forward, torch takes the change of the matrix for symmetric
        x = (x + x.mH) / 2
    return torch.linalg.cholesky(x, upper=upper)


@_in_float32
def cholesky_inverse(x: Tensor, upper: bool = False) -> Tensor:
    factor = x.triu() if upper else x.tril()  # no gradient for what is not read
    if not nesting.func:
        return torch.cholesky_inverse(factor, upper)
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)  # forward, torch's own derivative is wrong
    inverse = torch.linalg.solve_triangular(factor, eye, upper=upper)
    return inverse @ inverse.mH if upper else inverse.mH @ inverse


@_in_float32
def solve(a: Tensor, b: Tensor) -> Tensor:
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve(a, b.unsqueeze(-1)).squeeze(-1)
    return torch.linalg.solve(a, b)


@_in_float32
def solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Tensor:
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b.unsqueeze(-1), upper=not lower).squeeze(-1)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


@_in_float32
def qr(x: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    q, r = torch.linalg.qr(x, mode)
    return q, r


@_in_float32
def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Tensor:
    if not compute_uv:
        return torch.linalg.svdvals(x)
    u, s, vh = torch.linalg.svd(x, full_matrices)
    return u, s, vh


@_in_float32
def eigh(x: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(x)
    return values, vectors


@_in_float32
def eig(x: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eig(x)
    return values, vectors


@_in_float32
def lu_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    lu, pivots = torch.linalg.lu_factor(x)
    return lu, (pivots - 1).to(torch.int32)  # LAPACK counts from 1


@_in_float32
def slogdet(x: Tensor) -> tuple[Tensor, Tensor]:
    sign, log = torch.linalg.slogdet(x)
    if not x.requires_grad:
        return sign, log
    singular = torch.isinf(log)  # where there is no gradient: NaN, as of sqrt(0 x)
    none = torch.where(singular[..., None, None], x.abs(), 1).sum((-2, -1)).mul(0).sqrt()
    return sign, log + torch.where(singular, none, 0)


def norm(x: Tensor, ord: Tensor | None = None, axis: Axes = None, keepdims: bool = False) -> Tensor:
    if ord is None and axis not in NOTHING:
        return torch.linalg.vector_norm(x, 2, axis, keepdims)
    return OPS["norm"].body(x, ord, axis, keepdims)  # type: ignore[misc]
