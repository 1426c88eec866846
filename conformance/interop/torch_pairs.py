"""Layers of kfront and the like of torch, with equal weights, for the table of idioms."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import kfront

__all__ = ["BATCH_NORM", "CONV", "DROPOUT", "EMBEDDING", "LINEAR", "MLP", "NORM", "Made", "fill", "pair", "told"]

L = kfront.layers
THEIRS = {  # torch's names for what Keras calls otherwise
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "embeddings": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
BOOKKEEPING = ("num_batches_tracked", "seed_generator_state")  # what only one of the two has


class Made(NamedTuple):
    """A layer and an input for it.

    Attributes:
        layer: the layer, a Module either way.
        x: an input.
        weight: what the layer calls its weight, "kernel" or "weight".
    """

    layer: Any
    x: Tensor
    weight: str

    def loss(self, x: Tensor | None = None) -> Tensor:
        """A scalar of the output."""
        return self.layer(self.x if x is None else x).square().sum()

    def grads(self) -> dict[str, Any]:
        """The gradients, None where there is none, by torch's names."""
        return told((n, p.grad) for n, p in self.layer.named_parameters() if p.is_floating_point())

    def params(self) -> dict[str, Any]:
        """The values of the parameters, by torch's names."""
        return told((n, p) for n, p in self.layer.named_parameters() if p.is_floating_point())

    def state(self) -> dict[str, Any]:
        """The state_dict, by torch's names."""
        return told(self.layer.state_dict().items())

    def train(self, optimizer: torch.optim.Optimizer, steps: int = 3) -> list[float]:
        """Losses of some steps of an optimizer."""
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses


def _part(name: str) -> str:
    """Torch's name for one part of a dotted name, such as `kernel` or `kernel_orig`."""
    first, *rest = name.split("_orig")
    return "_orig".join([THEIRS.get(first, first), *rest])


def _layout(name: str, x: Any) -> Any:
    """A kernel as torch lays it out: the outputs first; anything else as it is."""
    if x is None or "kernel" not in name or x.ndim < 2:
        return x
    return x.permute(x.ndim - 1, x.ndim - 2, *range(x.ndim - 2))


def told(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Named tensors of either, by torch's names and in its layout, in the order of the names."""
    found = {".".join(map(_part, n.split("."))): _layout(n, x) for n, x in named if not n.endswith(BOOKKEEPING)}
    return dict(sorted(found.items()))


@torch.no_grad()
def fill(module: nn.Module) -> nn.Module:
    """Give every weight a value that depends on its name in torch alone."""
    for name, x in told(module.state_dict().items()).items():
        if x.is_floating_point() and x.device.type != "meta":
            g = np.random.default_rng(zlib.crc32(name.encode()))
            values = torch.from_numpy(g.uniform(0.2, 0.8, tuple(x.shape)) * g.choice([-1, 1], tuple(x.shape)))
            x.copy_(values.abs() if name.endswith("running_var") else values)
    return module


def pair(
    ours: Callable[[], Any], own: Callable[[], nn.Module], shape: tuple[int, ...], draw: str = "normal"
) -> tuple[Callable[[], Made], Callable[[], Made]]:
    """The two makers of a row.

    Args:
        ours: makes the layer of kfront, which is then built by a call.
        own: makes torch's.
        shape: of the input.
        draw: how the input is drawn: "normal", or "integers" below 5.
    """

    def make(build: Callable[[], Any], weight: str) -> Made:
        g = np.random.default_rng(7)
        x = g.integers(0, 5, shape) if draw == "integers" else g.normal(size=shape).astype("float32")
        layer, tensor = build(), torch.from_numpy(x)
        with torch.no_grad():
            layer.eval()(tensor)
        return Made(fill(layer).train(), tensor, weight)

    return lambda: make(ours, "kernel"), lambda: make(own, "weight")


LINEAR = pair(lambda: L.Dense(4), lambda: nn.Linear(3, 4), (5, 3))
MLP = pair(
    lambda: nn.Sequential(L.Dense(8), nn.ReLU(), L.Dense(4)),
    lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4)),
    (5, 3),
)
CONV = pair(lambda: L.Conv2D(4, 3, data_format="channels_first"), lambda: nn.Conv2d(3, 4, 3), (2, 3, 6, 5))
NORM = pair(lambda: L.LayerNormalization(epsilon=1e-5), lambda: nn.LayerNorm(3), (5, 3))
BATCH_NORM = pair(lambda: L.BatchNormalization(momentum=0.9, epsilon=1e-5), lambda: nn.BatchNorm1d(3), (5, 3))
EMBEDDING = pair(lambda: L.Embedding(5, 3), lambda: nn.Embedding(5, 3), (4, 2), "integers")
DROPOUT = pair(
    lambda: nn.Sequential(L.Dense(8), L.Dropout(0.5), L.Dense(4)),
    lambda: nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 4)),
    (5, 3),
)
