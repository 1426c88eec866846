"""Dropout on torch."""

from __future__ import annotations

import torch

from kfront.backends.torch.random import HALF, seeded
from kfront.backends.torch.recording import one_call
from kfront.backends.torch.tuned.table import tuned
from kfront.core.op import OPS
from kfront.core.state import state
from kfront.core.typing import ShapeLike

Tensor = torch.Tensor


@tuned(
    "random_dropout",
    reason="the composed form compares, casts, divides and selects, each a kernel that allocates; on CPU `bernoulli_` "
    "takes six times as long as uniform numbers (torch 2.13)",
    benchmark="tuned:random_dropout",
    until="torch's own dropout takes a generator, and is as fast on CPU",
)
@one_call
def random_dropout(key: Tensor, inputs: Tensor, rate: float, noise_shape: ShapeLike | None) -> Tensor:
    if state.portable_random or torch.compiler.is_compiling() or not inputs.is_floating_point():
        return OPS["random_dropout"].body(key, inputs, rate, noise_shape)  # type: ignore[misc]
    generator, device = seeded(key, inputs.device)
    keep = 1.0 - rate
    # narrow types have too few uniform numbers
    kind = torch.float32 if device.type == "cpu" and inputs.dtype in HALF else inputs.dtype
    if noise_shape is None:
        noise = torch.empty_like(inputs, dtype=kind, requires_grad=False)
    else:
        noise = torch.empty(noise_shape, dtype=kind, device=device)
    if device.type == "cpu":
        noise = (noise.uniform_(generator=generator) >= rate).to(inputs.dtype)
    else:
        noise = noise.bernoulli_(keep, generator=generator)
    return inputs * noise.div_(keep)
