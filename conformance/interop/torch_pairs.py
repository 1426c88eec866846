"""Layers of kfront and the like of torch, with equal weights, for the table of idioms."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import kfront

__all__ = [
    "ATTENTION", "BATCH_NORM", "CONV", "DROPOUT", "EMBEDDING", "GRAPH", "GROUP_NORM", "GRU", "LINEAR", "LSTM", "MLP",
    "MODEL", "NORM", "POOL", "RELU", "Made", "fill", "pair", "told",
]  # fmt: skip

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
        packed: whether the two hold their weights in other pieces, so that only results can be compared.
    """

    layer: Any
    x: Tensor
    weight: str
    packed: bool = False

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
    """Torch's name for one part of a dotted name, such as `kernel`, `kernel_orig` or `kernel_mask`."""
    for suffix in ("_orig", "_mask"):
        if name.endswith(suffix):
            return _part(name.removesuffix(suffix)) + suffix
    return THEIRS.get(name, name)


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
    ours: Callable[[], Any],
    own: Callable[[], Any],
    shape: tuple[int, ...],
    draw: str = "normal",
    carry: Callable[[Any, Any], None] | None = None,
) -> tuple[Callable[[], Made], Callable[[], Made]]:
    """The two makers of a row.

    Args:
        ours: makes the layer of kfront, which is then built by a call.
        own: makes torch's.
        shape: of the input.
        draw: how the input is drawn: "normal", or "integers" below 5.
        carry: puts the weights of ours into torch's, where names and layouts do not tell which is which.
    """

    def make(build: Callable[[], Any], weight: str) -> Made:
        g = np.random.default_rng(7)
        x = g.integers(0, 5, shape) if draw == "integers" else g.normal(size=shape).astype("float32")
        layer, tensor = build(), torch.from_numpy(x)
        with torch.no_grad():
            layer.eval()(tensor)
        return Made(fill(layer).train(), tensor, weight, carry is not None)

    def make_own() -> Made:
        made = make(own, "weight")
        if carry is not None:
            with torch.no_grad():
                carry(make(ours, "kernel").layer, made.layer)
        return made

    return lambda: make(ours, "kernel"), make_own


class _Attention(nn.Module):
    """Self-attention by either, over a batch of sequences; torch's one packs three weights into one."""

    def __init__(self, ours: bool) -> None:
        super().__init__()
        self.ours = ours
        self.layer = L.MultiHeadAttention(2, 3, use_bias=False) if ours else None
        if not ours:
            self.qkv, self.out = nn.Linear(6, 18, bias=False), nn.Linear(6, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.layer is not None:
            return self.layer(x, x)
        batch, size, width = x.shape
        q, k, v = self.qkv(x).view(batch, size, 3, 2, 3).permute(2, 0, 3, 1, 4)
        out = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(out.transpose(1, 2).reshape(batch, size, width))


class _Last(nn.Module):
    """A recurrent layer of torch that gives what one of kfront gives."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


def _carry_attention(ours: Any, own: Any) -> None:
    query, key, value, out = ours.layer.get_weights()
    own.qkv.weight.copy_(torch.from_numpy(np.concatenate([x.reshape(6, 6) for x in (query, key, value)], 1)).t())
    own.out.weight.copy_(torch.from_numpy(out.reshape(6, 6)).t())


def _carry_recurrent(ours: Any, own: Any) -> None:
    """Gates of a GRU are in another order in torch; an LSTM of torch has two biases, which are added."""
    kernel, recurrent, bias = (torch.from_numpy(w) for w in ours.get_weights())
    order = [0, 1, 2, 3] if kernel.shape[1] == 16 else [1, 0, 2]
    columns = [i * 4 + j for i in order for j in range(4)]
    first, second = (bias, torch.zeros_like(bias)) if bias.ndim == 1 else bias
    for mine, theirs in zip(own.layer.parameters(), (kernel, recurrent, first, second), strict=True):
        mine.copy_(theirs[..., columns].t() if theirs.ndim == 2 else theirs[columns])


def _graph() -> Any:
    """A functional model, with layers named as those of `nn.Sequential`."""
    x = kfront.Input((3,))
    return kfront.Model(x, L.Dense(4, name="2")(L.ReLU(name="1")(L.Dense(8, name="0")(x))))


LINEAR = pair(lambda: L.Dense(4), lambda: nn.Linear(3, 4), (5, 3))
MLP = pair(
    lambda: nn.Sequential(L.Dense(8), nn.ReLU(), L.Dense(4)),
    lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4)),
    (5, 3),
)
MODEL = pair(
    lambda: kfront.Sequential([L.Dense(8, name="0"), L.ReLU(name="1"), L.Dense(4, name="2")]),
    lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4)),
    (5, 3),
)
GRAPH = pair(_graph, lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4)), (5, 3))
CONV = pair(lambda: L.Conv2D(4, 3, data_format="channels_first"), lambda: nn.Conv2d(3, 4, 3), (2, 3, 6, 5))
NORM = pair(lambda: L.LayerNormalization(epsilon=1e-5), lambda: nn.LayerNorm(3), (5, 3))
GROUP_NORM = pair(lambda: L.GroupNormalization(2, axis=1, epsilon=1e-5), lambda: nn.GroupNorm(2, 4), (3, 4, 5))
BATCH_NORM = pair(lambda: L.BatchNormalization(momentum=0.9, epsilon=1e-5), lambda: nn.BatchNorm1d(3), (5, 3))
EMBEDDING = pair(lambda: L.Embedding(5, 3), lambda: nn.Embedding(5, 3), (4, 2), "integers")
POOL = pair(lambda: L.MaxPooling2D(2, data_format="channels_first"), lambda: nn.MaxPool2d(2), (2, 3, 6, 4))
RELU = pair(lambda: L.ReLU(), lambda: nn.ReLU(), (5, 3))
LSTM = pair(
    lambda: L.LSTM(4, return_sequences=True),
    lambda: _Last(nn.LSTM(3, 4, batch_first=True)),
    (2, 6, 3),
    carry=_carry_recurrent,
)
GRU = pair(
    lambda: L.GRU(4, return_sequences=True),
    lambda: _Last(nn.GRU(3, 4, batch_first=True)),
    (2, 6, 3),
    carry=_carry_recurrent,
)
ATTENTION = pair(lambda: _Attention(True), lambda: _Attention(False), (2, 4, 6), carry=_carry_attention)
DROPOUT = pair(
    lambda: nn.Sequential(L.Dense(8), L.Dropout(0.5), L.Dense(4)),
    lambda: nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 4)),
    (5, 3),
)
