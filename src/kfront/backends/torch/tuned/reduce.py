"""The largest values on torch."""

from __future__ import annotations

import torch

from kfront.backends.torch import reduce as plain
from kfront.backends.torch.recording import one_call
from kfront.backends.torch.tuned.table import tuned

Tensor = torch.Tensor


@tuned(
    "top_k",
    reason="which of equal values torch.topk takes is not defined; a stable sort takes 20 times as long on CPU",
    benchmark="tuned:top_k",
    until="torch.topk takes the first of equal values",
)
@one_call
def top_k(x: Tensor, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[Tensor, Tensor]:
    """By `torch.topk`, unless some of the first k + 1 values are equal."""
    if (
        is_stable
        and x.dtype is not torch.bool
        and 16 < x.shape[-1] > k
        and x.is_cpu
        and not torch.compiler.is_compiling()
    ):
        best, indices = torch.topk(x.detach(), k + 1, -1, True, True)
        if not bool(torch.any(best[..., 1:] == best[..., :-1])):
            indices = indices[..., :k]
            return torch.gather(x, -1, indices), indices.to(torch.int32)
    return plain.top_k(x, k, sorted, is_stable)
