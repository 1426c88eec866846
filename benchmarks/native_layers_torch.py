"""torch's own layers, and one forward and backward pass of any layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["native_step", "step", "tensor"]


class _Images(nn.Module):
    """A layer for images whose channels are last in memory."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class _Last(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is not None:
            lengths = mask.sum(1).cpu()
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)  # type: ignore
            return self.layer(x)[1][0][0]
        return self.layer(x)[0][:, -1]


class _Compacted(_Last):
    """The same where steps in the middle are left out."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        assert mask is not None
        rows = [row[valid] for row, valid in zip(x, mask, strict=True)]
        packed = nn.utils.rnn.pack_sequence(rows, enforce_sorted=False)
        return self.layer(packed)[1][0][0]


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(256, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x, x, x, need_weights=False)[0]


_KINDS: dict[str, Callable[[], nn.Module]] = {
    "dense": lambda: nn.Linear(512, 512),
    "conv": lambda: _Images(nn.Conv2d(32, 64, 3, padding=1)),
    "conv_first": lambda: nn.Conv2d(32, 64, 3, padding=1),
    "depthwise": lambda: _Images(nn.Conv2d(32, 32, 3, padding=1, groups=32)),
    "max_pool": lambda: _Images(nn.MaxPool2d(2)),
    "lstm": lambda: _Last(nn.LSTM(128, 128, batch_first=True)),
    "lstm_padded": lambda: _Last(nn.LSTM(128, 128, batch_first=True)),
    "lstm_holes": lambda: _Compacted(nn.LSTM(128, 128, batch_first=True)),
    "gru": lambda: _Last(nn.GRU(128, 128, batch_first=True)),
    "attention": _Attention,
    "batch_norm": lambda: _Images(nn.BatchNorm2d(64, momentum=0.01, eps=1e-3)),
}


def tensor(x: np.ndarray) -> torch.Tensor:
    """A native tensor."""
    return torch.from_numpy(x)


def step(layer: Any, x: np.ndarray, twice: bool, kwargs: dict[str, Any], compiled: bool) -> Callable[[], Any]:
    """Forward and backward, with gradients of the weights and the input."""
    inputs = tensor(x).requires_grad_()
    sources = [inputs, *(p for p in layer.parameters() if p.requires_grad)]

    def loss(x: torch.Tensor) -> torch.Tensor:
        out = layer(x, x, **kwargs) if twice else layer(x, **kwargs)
        return (out * out).mean()

    if compiled:
        torch._dynamo.reset()  # or sizes that differ from the last layer's become symbols
    run = torch.compile(loss, dynamic=False) if compiled else loss

    def once() -> None:
        for s in sources:
            s.grad = None
        run(inputs).backward()

    return once


def native_step(kind: str, x: np.ndarray, kwargs: dict[str, Any], compiled: bool) -> Callable[[], Any]:
    """The same of torch's layer."""
    kwargs = {k: v for k, v in kwargs.items() if k == "mask"}
    return step(_KINDS[kind](), x, False, kwargs, compiled and kind not in ("lstm_padded", "lstm_holes"))
