"""Greedy decoding with a static cache, written by hand for torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from benchmarks.generation import Shape

__all__ = ["loop"]


def _flat(w: torch.Tensor, inputs: int) -> torch.Tensor:
    """A kernel as `F.linear` takes it."""
    return w.reshape(inputs, -1).t().contiguous()


def _blocks(s: Shape, ws: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    count = 9 if s.key_heads else 16
    rows = [list(ws[i * count : (i + 1) * count]) for i in range(s.depth)]
    for row in rows:
        for i, w in enumerate(row):
            if w.ndim > 1:
                row[i] = _flat(w, s.width) if w.shape[0] == s.width else _flat(w, w.numel() // s.width)
    return rows


def _attend(s: Shape, q: Any, k: Any, v: Any, cache: Any, at: int) -> torch.Tensor:
    batch, n, size = q.shape[0], q.shape[1], s.width // s.heads
    q, k, v = (x.view(batch, n, -1, size).transpose(1, 2) for x in (q, k, v))
    keys, values = cache
    keys[:, :, at : at + n], values[:, :, at : at + n] = k, v
    seen = keys[:, :, : at + n], values[:, :, : at + n]
    out = F.scaled_dot_product_attention(q, *seen, is_causal=n > 1, enable_gqa=bool(s.key_heads))
    return out.transpose(1, 2).reshape(batch, n, s.width)


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, size: int) -> torch.Tensor:
    shaped = x.view(*x.shape[:2], -1, size)
    a, b = shaped.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).view(x.shape)


def _gpt(s: Shape, ws: Sequence[torch.Tensor]) -> Callable[..., torch.Tensor]:
    table, places, *rest = ws
    blocks, (g, b) = _blocks(s, rest[:-2]), rest[-2:]
    biases = [[w.reshape(-1) for w in row] for row in [[r[i] for i in (3, 5, 7, 9)] for r in _raw(s, rest, 16)]]

    def logits(tokens: torch.Tensor, at: int, caches: Any) -> torch.Tensor:
        x = F.embedding(tokens, table) + places[at : at + tokens.shape[1]]
        for w, bias, cache in zip(blocks, biases, caches, strict=True):
            y = F.layer_norm(x, (s.width,), w[0], w[1])
            q, k, v = (F.linear(y, w[2 + 2 * i], bias[i]) for i in range(3))
            x = x + F.linear(_attend(s, q, k, v, cache, at), w[8], bias[3])
            y = F.layer_norm(x, (s.width,), w[10], w[11])
            x = x + F.linear(F.gelu(F.linear(y, w[12], w[13]), approximate="tanh"), w[14], w[15])
        return F.linear(F.layer_norm(x[:, -1], (s.width,), g, b), table)

    return logits


def _raw(s: Shape, ws: Sequence[torch.Tensor], count: int) -> list[Sequence[torch.Tensor]]:
    return [ws[i * count : (i + 1) * count] for i in range(s.depth)]


def _llama(s: Shape, ws: Sequence[torch.Tensor]) -> Callable[..., torch.Tensor]:
    table, *rest = ws
    blocks, (g, out), size = _blocks(s, rest[:-2]), rest[-2:], s.width // s.heads
    head = out.t().contiguous()
    speeds = 10000.0 ** (-torch.arange(size // 2) / (size // 2))

    def logits(tokens: torch.Tensor, at: int, caches: Any) -> torch.Tensor:
        x = F.embedding(tokens, table)
        angles = (torch.arange(at, at + tokens.shape[1])[:, None] * speeds)[None, :, None]
        cos, sin = angles.cos(), angles.sin()
        for w, cache in zip(blocks, caches, strict=True):
            y = F.rms_norm(x, (s.width,), w[0], 1e-6)
            q, k = (_turned(F.linear(y, w[i]), cos, sin, size) for i in (1, 2))
            x = x + F.linear(_attend(s, q, k, F.linear(y, w[3]), cache, at), w[4])
            y = F.rms_norm(x, (s.width,), w[5], 1e-6)
            x = x + F.linear(F.silu(F.linear(y, w[6])) * F.linear(y, w[7]), w[8])
        return F.linear(F.rms_norm(x[:, -1], (s.width,), g, 1e-6), head)

    return logits


def loop(s: Shape, values: Sequence[np.ndarray], prompt: np.ndarray, length: int) -> Callable[[], Any]:
    """What writes the tokens: (batch, length)."""
    ws = [torch.from_numpy(x.copy()) for x in values]
    logits, start = (_llama if s.key_heads else _gpt)(s, ws), torch.from_numpy(prompt).long()
    sizes = len(prompt), s.key_heads or s.heads, length, s.width // s.heads

    def run() -> Any:
        with torch.inference_mode():
            caches = [(torch.zeros(sizes), torch.zeros(sizes)) for _ in range(s.depth)]
            out = torch.zeros((len(prompt), length), dtype=torch.long)
            out[:, : start.shape[1]] = start
            token = logits(start, 0, caches).argmax(-1)
            for at in range(start.shape[1], length):
                out[:, at] = token
                if at + 1 < length:
                    token = logits(token[:, None], at, caches).argmax(-1)
            return out.numpy()

    return run
