"""The same work written by hand for torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.models import WORDS

__all__ = ["build", "dense", "fit", "ops", "predict", "train_one"]


class _LSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


class _CNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3), nn.Linear(800, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 3, 1, 2)
        x = F.max_pool2d(F.relu(self.a(x)), 2)
        return self.head(F.max_pool2d(F.relu(self.b(x)), 2).flatten(1))


class _Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


class _Block(nn.Module):
    """Attention of 4 heads and two dense layers, each added to its input and normalized."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(64, 64) for _ in range(4))
        self.inner, self.outer = nn.Linear(64, 128), nn.Linear(128, 64)
        self.first, self.second = nn.LayerNorm(64), nn.LayerNorm(64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (one(x).unflatten(-1, (4, 16)).transpose(1, 2) for one in (self.q, self.k, self.v))
        x = self.first(x + self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)))
        return self.second(x + self.outer(F.relu(self.inner(x))))


def build(kind: str, depth: int = 0) -> nn.Module:
    """The model, without the final softmax (the loss takes logits)."""
    if kind == "text":
        return nn.Sequential(nn.Embedding(WORDS, 64), _Mean(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    if kind == "transformer":
        return nn.Sequential(nn.Embedding(WORDS, 64), _Block(), _Mean(), nn.Linear(64, 10))
    if kind == "wide":
        return nn.Sequential(nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
    if kind == "mlp":
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    if kind == "deep":
        body: list[nn.Module] = []
        for _ in range(depth - 1):
            body += [nn.Linear(16, 16), nn.ReLU()]
        return nn.Sequential(*body, nn.Linear(16, 10))
    return _CNN() if kind == "cnn" else _LSTM()


def _step(model: nn.Module) -> Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """One step of training: the loss, and how many predictions were right."""
    optimizer = torch.optim.Adam(model.parameters(), foreach=True)

    def step(bx: torch.Tensor, by: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = model(bx)
        loss = F.cross_entropy(out, by)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            return loss.detach(), (out.argmax(1) == by).sum()

    return step


def update(name: str, options: dict[str, Any], shape: tuple[int, ...], count: int) -> Callable[[], Any]:
    """One step of an optimizer over `count` weights."""
    weights = [nn.Parameter(torch.ones(shape)) for _ in range(count)]
    for w in weights:
        w.grad = torch.full(shape, 0.01)
    make = torch.optim.NAdam if name == "Nadam" else getattr(torch.optim, name)
    return make(weights, lr=1e-3, foreach=True, **options).step


def train_one(model: nn.Module, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """One step from arrays to numbers."""
    step = _step(model)

    def run() -> None:
        loss, hits = step(torch.from_numpy(x), torch.from_numpy(y).long())
        loss.item(), hits.item()

    return run


def fit(model: nn.Module, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    """One epoch of training: loss and accuracy are accumulated, the data are shuffled."""
    step = _step(model)
    tx, ty = torch.from_numpy(x), torch.from_numpy(y).long()

    def epoch() -> None:
        order = torch.randperm(len(tx))
        total, hits = torch.zeros(()), torch.zeros(())
        for i in range(0, len(tx), batch):
            index = order[i : i + batch]
            loss, right = step(tx[index], ty[index])
            with torch.no_grad():
                total += loss * len(index)
                hits += right
        total.item(), hits.item()

    return epoch


def evaluate(model: nn.Module, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    """Loss and accuracy over the data."""
    tx, ty = torch.from_numpy(x), torch.from_numpy(y).long()

    def run() -> None:
        total, hits = torch.zeros(()), torch.zeros(())
        with torch.no_grad():
            for i in range(0, len(tx), batch):
                bx, by = tx[i : i + batch], ty[i : i + batch]
                out = model(bx)
                total += F.cross_entropy(out, by) * len(bx)
                hits += (out.argmax(1) == by).sum()
        total.item(), hits.item()

    return run


def predict(model: nn.Module, x: np.ndarray, batch: int) -> Callable[[], Any]:
    """Softmax outputs as NumPy."""
    tx = torch.from_numpy(x)

    def run() -> Any:
        with torch.no_grad():
            return np.concatenate([model(tx[i : i + batch]).softmax(-1).numpy() for i in range(0, len(tx), batch)])

    return run


def predict_one(model: nn.Module, x: np.ndarray) -> Callable[[], Any]:
    """One sample from NumPy to NumPy."""

    def run() -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(x)).softmax(-1).numpy()

    return run


def tensor(x: np.ndarray) -> torch.Tensor:
    """A native tensor."""
    return torch.from_numpy(x)


def ops() -> dict[str, Callable[..., Any]]:
    """Native forms of the measured ops."""
    return {
        "add": torch.add,
        "matmul": torch.matmul,
        "reshape": lambda x: torch.reshape(x, (-1,)),
        "softmax": lambda x: torch.softmax(x, -1),
        "concatenate": lambda x: torch.cat((x, x), 0),
        "mean": lambda x: torch.mean(x, -1),
    }


def dense(inputs: int, units: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A fully connected layer."""
    return nn.Linear(inputs, units)
