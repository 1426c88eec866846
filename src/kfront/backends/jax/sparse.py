"""Sparse tensors: `jax.experimental.sparse.BCOO` without batch or dense dimensions."""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from kfront.backends.jax.common import TRACER

__all__ = ["densify", "is_sparse", "make_sparse", "sparse_matmul", "sparse_parts", "to_sparse"]


def _class() -> Any:
    from jax.experimental.sparse import BCOO  # SciPy comes with it, which takes 0.2 s

    return BCOO


def is_sparse(x: object) -> bool:
    """Whether `x` is sparse; before their class is imported nothing is."""
    return "jax.experimental.sparse" in sys.modules and isinstance(x, _class())


def sparse_parts(x: Array) -> tuple[Array, Array, tuple[int, ...]]:
    """(indices of shape (n, rank), values of shape (n,), shape)."""
    if x.n_batch or x.n_dense:
        batch = x.shape[: x.n_batch]  # of which `update_layout` forgets all but the first row where one stands for all
        whole = [jnp.broadcast_to(part, (*batch, *part.shape[x.n_batch :])) for part in (x.data, x.indices)]
        x = _class()(whole, shape=x.shape).update_layout(n_batch=0, n_dense=0, on_inefficient=None)
    return x.indices, x.data, x.shape


def make_sparse(indices: Array, values: Array, shape: tuple[int, ...], unique: bool) -> Array:
    """A sparse tensor; values at the same place are added up unless they are `unique`."""
    shape = tuple(map(int, shape))
    out = _class()((values, indices), shape=shape, unique_indices=unique)
    if unique:
        return out
    traced = isinstance(indices, TRACER) or isinstance(values, TRACER)
    most = min(len(values), int(np.prod(shape))) if traced else None
    return out.sum_duplicates(nse=most, remove_zeros=False)


def to_sparse(x: Array) -> Array:
    """A dense tensor as a sparse one."""
    if isinstance(x, TRACER):
        return _class().fromdense(x, nse=x.size)
    return _class().fromdense(jnp.asarray(x))


def densify(x: Array) -> Array:
    """The dense tensor."""
    if x.dtype == bool:  # which BCOO cannot add up
        return _class()((x.data.astype("int8"), x.indices), shape=x.shape).todense().astype(bool)
    return x.todense()


@jax.jit
def sparse_matmul(x: Array, y: Array) -> Array:
    """Sparse (m, k) by dense (k, n)."""
    return x @ y
