"""A Transformer in torch alone, sharded by FSDP2: what a user writes by hand for the mesh of `distributed.py`."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

Step = Callable[[torch.Tensor, torch.Tensor], list[float]]


class Block(nn.Module):
    """Attention and an MLP, each behind a LayerNorm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-3), nn.LayerNorm(width, 1e-3)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block of (batch, time, width)."""
        h = self.norm1(x)
        q, k, v = (f(h).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    """Embedding, blocks, the mean over time, a head."""

    def __init__(self, words: int, width: int, heads: int, blocks: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width, 1e-3), nn.Linear(width, words)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of (batch, time)."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


def make(words: int, width: int, heads: int, blocks: int, whole: bool) -> tuple[Step, Callable[[], int]]:
    """A step of training on whole batches, and the bytes that this process holds.

    Args:
        words: size of the vocabulary.
        width: size of a token.
        heads: of attention.
        blocks: how many.
        whole: shard the model as one, as one does with a small one, rather than each block by itself.
    """
    torch.manual_seed(0)
    count, rank = dist.get_world_size(), dist.get_rank()
    model = Transformer(words, width, heads, blocks)
    for part in [*([] if whole else model.blocks), model]:
        fully_shard(part)
        part.set_gradient_divide_factor(1.0)  # the loss is divided
        part.set_force_sum_reduction_for_comms(True)  # gloo has no PREMUL_SUM
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, 2e-3, eps=1e-7)

    def step(x: torch.Tensor, y: torch.Tensor) -> list[float]:
        rows = slice(rank * len(x) // count, (rank + 1) * len(x) // count)
        x, y = x[rows], y[rows]
        logits = model(x)
        loss = F.cross_entropy(logits, y) / count
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        told = torch.stack([loss.detach(), (logits.detach().argmax(-1) == y).float().mean() / count])
        dist.all_reduce(told)
        return told.tolist()

    def held() -> int:
        slots = [x for s in optimizer.state.values() for x in s.values() if isinstance(x, torch.Tensor) and x.ndim]
        tensors = [*parameters, *slots]
        return sum((x.to_local() if isinstance(x, DTensor) else x).nbytes for x in tensors)

    return step, held
