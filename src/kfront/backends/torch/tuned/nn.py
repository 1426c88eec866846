"""Encodings and losses on torch."""

from __future__ import annotations

import torch

from kfront.backends.torch import nn as plain
from kfront.backends.torch.common import at_hand, native
from kfront.backends.torch.nn import log_probabilities
from kfront.backends.torch.tuned.table import tuned
from kfront.core.typing import DTypeLike

Tensor = torch.Tensor
_FEW = 128  # classes
_NO_LABEL = -(1 << 62)  # what the kernel leaves out: nothing


@tuned(
    "one_hot",
    reason="scattering ones into zeros takes three kernels more than to compare with each of a few class numbers",
    benchmark="tuned:one_hot",
    until="the row is as fast with the plain form",
)
def one_hot(x: Tensor, num_classes: int, axis: int = -1, dtype: DTypeLike = None, sparse: bool = False) -> Tensor:
    """By comparing with each of a few classes."""
    if sparse or num_classes >= _FEW:
        return plain.one_hot(x, num_classes, axis, dtype, sparse)
    out = (x.to(torch.int64).unsqueeze(-1) == torch.arange(num_classes, device=x.device)).to(native(dtype))
    return out if axis == -1 or axis == x.ndim else torch.movedim(out, -1, axis)


@tuned(
    "fused_sparse_crossentropy_mean",
    reason="checking labels, picking and the mean are kernels of their own in the general form of the loss; "
    "nll_loss does all three",
    benchmark="fit:mlp",
    until="`fit mlp` is as fast with the plain form",
)
def fused_sparse_crossentropy_mean(target: Tensor, output: Tensor, from_logits: bool) -> Tensor | None:
    """See `Backend.fused_sparse_crossentropy_mean`."""
    if target.is_floating_point() or not at_hand(target) or not target.numel():
        return None  # the kernel says only on the CPU which labels are no classes
    return torch._C._nn.nll_loss_nd(
        log_probabilities(output, from_logits, -1), target.to(torch.int64), None, 1, _NO_LABEL
    )
