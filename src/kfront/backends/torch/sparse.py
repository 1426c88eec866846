"""Sparse tensors: torch's COO layout (others are converted)."""

from __future__ import annotations

import torch

Tensor = torch.Tensor


_NOT_SPARSE = (torch.strided, torch.jagged)  # the second is that of nested tensors


def is_sparse(x: Tensor) -> bool:
    """Whether `x` is sparse, in any layout."""
    if not isinstance(x, Tensor):
        return False
    if torch.compiler.is_compiling():  # which refuses `layout` within an `autograd.Function`
        return x.is_sparse or x.is_sparse_csr
    return x.layout not in _NOT_SPARSE


def sparse_parts(x: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """(indices of shape (n, rank), values of shape (n,), shape)."""
    x = (x if x.layout is torch.sparse_coo else x.to_sparse_coo()).coalesce()
    return x.indices().t(), x.values(), tuple(x.shape)


def make_sparse(indices: Tensor, values: Tensor, shape: tuple[int, ...], unique: bool) -> Tensor:
    """A sparse tensor; values at the same place are added up."""
    return torch.sparse_coo_tensor(indices.t(), values, shape, check_invariants=False).coalesce()


def to_sparse(x: Tensor) -> Tensor:
    """A dense tensor as a sparse one."""
    return x.to_sparse()


def densify(x: Tensor) -> Tensor:
    """The dense tensor."""
    return x.to_dense()


def sparse_matmul(x: Tensor, y: Tensor) -> Tensor:
    """Sparse (m, k) by dense (k, n)."""
    return torch.sparse.mm(x, y)
