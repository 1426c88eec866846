"""The programs written by hand for torch: ``python native_torch.py NAME``."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from data import (
    GRAPH_CLASSES,
    LATENT,
    START,
    WORDS,
    digits,
    graph,
    images,
    photos,
    q_learning,
    report,
    reviews,
    sentences,
)
from torch import Tensor, nn

Forward = Callable[..., Tensor]


def _count(*modules: nn.Module) -> int:
    return sum(x.numel() for m in modules for x in (*m.parameters(), *m.buffers()) if x.ndim)


def _entropy(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out.flatten(0, -2), y.flatten().long())


def _right(out: Tensor, y: Tensor) -> Tensor:
    return (out.argmax(-1) == y).float().mean()


def _side(out: Tensor, y: Tensor) -> Tensor:
    return ((out > 0) == (y > 0.5)).float().mean()


def _evaluate(model: nn.Module, x: Tensor, y: Tensor, loss: Forward, metric: Forward) -> tuple[float, float]:
    total, right = torch.zeros(()), torch.zeros(())
    with torch.no_grad():
        for i in range(0, len(y), 32):
            out, by = model(x[i : i + 32]), y[i : i + 32]
            total += loss(out, by) * len(by)
            right += metric(out, by) * len(by)
    return total.item() / len(y), right.item() / len(y)


def _fit(
    model: nn.Module,
    x: tuple[Tensor, ...],
    y: Tensor,
    epochs: int,
    loss: Forward,
    metric: Forward | None = None,
    test: tuple[Tensor, Tensor] | None = None,
    rate: float = 1e-3,
) -> None:
    """Epochs of batches of 32, shuffled; the mean loss of an epoch is printed."""
    weights = [w for w in model.parameters() if w.requires_grad]
    optimizer = torch.optim.Adam(weights, rate, foreach=True)
    for epoch in range(epochs):
        order, total, right = torch.randperm(len(y)), torch.zeros(()), torch.zeros(())
        model.train()
        for index in order.split(32):
            by = y[index]
            out = model(*(one[index] for one in x))
            value = loss(out, by)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            with torch.no_grad():
                total += value * len(index)
                if metric is not None:
                    right += metric(out, by) * len(index)
        model.eval()
        tested = _evaluate(model, *test, loss, metric) if test and metric else ()
        print(epoch, total.item() / len(y), right.item() / len(y), *tested)


class _Turned(nn.Module):
    """Flips and turns pictures at random in training; channels come first from here on."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2).float() / 255
        if not self.training:
            return x
        count = len(x)
        x = torch.where(torch.rand(count, 1, 1, 1) < 0.5, x.flip(-1), x)
        angle = (torch.rand(count) - 0.5) * 0.2 * math.pi
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(count)
        theta = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(count, 2, 3)
        return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)


def image_cnn() -> None:
    x, y = map(torch.from_numpy, images())
    body = [nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(_Turned(), *body, nn.Flatten(), nn.Dropout(0.3), nn.Linear(2304, 10))
    test = x[768:], y[768:]
    _fit(model, (x[:768],), y[:768], 3, _entropy, _right, test)
    report(_count(model), _evaluate(model, *test, _entropy, _right)[1])


class _Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(WORDS, 64), nn.Linear(128, 1)
        self.lstm = nn.LSTM(64, 64, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, _) = self.lstm(self.words(x))
        return self.head(torch.cat((h[0], h[1]), -1))[:, 0]


def text_lstm() -> None:
    x, y = map(torch.from_numpy, reviews())
    model, test = _Reader(), (x[768:], y[768:])
    loss = F.binary_cross_entropy_with_logits
    _fit(model, (x[:768],), y[:768], 2, loss, _side, test)
    report(_count(model) - 512, _evaluate(model, *test, loss, _side)[1])  # torch has two biases of each direction


class _Attention(nn.Module):
    def __init__(self, causal: bool = False) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(64, 64) for _ in range(4))
        self.norm, self.causal = nn.LayerNorm(64), causal

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        parts = self.q(x), self.k(source), self.v(source)
        q, k, v = (one.unflatten(-1, (4, 16)).transpose(1, 2) for one in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.norm(x + self.o(mixed.transpose(1, 2).flatten(2)))


class _Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow, self.norm = nn.Linear(64, 128), nn.Linear(128, 64), nn.LayerNorm(64)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.narrow(F.relu(self.wide(x))))


class _Translator(nn.Module):
    def __init__(self, length: int) -> None:
        super().__init__()
        self.words = nn.ModuleList([nn.Embedding(WORDS, 64) for _ in range(2)])
        self.places = nn.ModuleList([nn.Embedding(length, 64) for _ in range(2)])
        self.reads, self.writes, self.looks = _Attention(), _Attention(causal=True), _Attention()
        self.inner = nn.ModuleList([_Inner() for _ in range(2)])
        self.head = nn.Linear(64, WORDS)

    def forward(self, source: Tensor, written: Tensor) -> Tensor:
        place = torch.arange(source.shape[1])
        x, y = (w(t) + p(place) for w, p, t in zip(self.words, self.places, (source, written), strict=True))
        x = self.inner[0](self.reads(x, x))
        return self.head(self.inner[1](self.looks(self.writes(y, y), x)))


def translation() -> None:
    source, target = map(torch.from_numpy, sentences())
    length = source.shape[1]
    model = _Translator(length)
    _fit(model, (source, target[:, :-1]), target[:, 1:], 3, _entropy, _right)
    written = torch.full((16, length), START, dtype=torch.int32)
    with torch.no_grad():
        for i in range(length - 1):
            written[:, i + 1] = model(source[:16], written)[:, i].argmax(-1)
    report(_count(model), (written[:, 1:] == target[:16, 1:-1]).float().mean().item())


def gan() -> None:
    real = torch.from_numpy(digits(768)).permute(0, 3, 1, 2).contiguous()
    noise = torch.from_numpy(np.random.default_rng(1).normal(size=(768, LATENT)).astype("float32"))
    leaky = nn.LeakyReLU(0.2)
    first, second = nn.Conv2d(1, 32, 4, 2, 1), nn.Conv2d(32, 64, 4, 2, 1)
    critic = nn.Sequential(first, leaky, second, leaky, nn.Flatten(), nn.Linear(7 * 7 * 64, 1))
    up = nn.ConvTranspose2d(64, 32, 4, 2, 1), leaky, nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid()
    maker = nn.Sequential(nn.Linear(LATENT, 7 * 7 * 64), nn.Unflatten(1, (64, 7, 7)), *up)
    ours, theirs = list(critic.parameters()), list(maker.parameters())
    optimizer = torch.optim.Adam(ours + theirs, 3e-4, (0.5, 0.999), foreach=True)
    entropy = F.binary_cross_entropy_with_logits
    for epoch in range(3):
        totals = [torch.zeros(()), torch.zeros(())]
        for index in torch.randperm(768).split(32):
            fake, ones = maker(noise[index]), torch.ones(len(index), 1)
            right = entropy(critic(real[index]), ones) + entropy(critic(fake.detach()), torch.zeros_like(ones))
            wrong = entropy(critic(fake), ones)
            grads = [*torch.autograd.grad(right, ours), *torch.autograd.grad(wrong, theirs)]
            for w, grad in zip(ours + theirs, grads, strict=True):
                w.grad = grad
            optimizer.step()
            totals = [t + v.detach() for t, v in zip(totals, (right, wrong), strict=True)]
        print(epoch, *(t.item() / 24 for t in totals))
    with torch.no_grad():
        made = torch.cat([maker(noise[i : i + 32]) for i in (0, 32)])
    report(_count(critic, maker), made.mean().item())


class _VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mean, self.spread = nn.Linear(784, 256), nn.Linear(256, LATENT), nn.Linear(256, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, 256), nn.ReLU(), nn.Linear(256, 784))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.relu(self.hidden(x))
        mean, spread = self.mean(hidden), self.spread(hidden)
        divergence = -0.5 * (1 + spread - mean**2 - spread.exp()).sum(1).mean() / 784
        return self.decoder(mean + (0.5 * spread).exp() * torch.randn_like(mean)), divergence


def vae() -> None:
    x = torch.from_numpy(digits(2048).reshape(-1, 784).clip(0, 1))
    model = _VAE()
    _fit(model, (x,), x, 8, lambda out, by: F.binary_cross_entropy_with_logits(out[0], by) + out[1])
    with torch.no_grad():
        again = torch.cat([model(one)[0].sigmoid() for one in x[:256].split(32)])
    report(_count(model), (again - x[:256]).abs().mean().item())


def dqn() -> None:
    model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    target, optimizer = copy.deepcopy(model), torch.optim.Adam(model.parameters(), 1e-3, foreach=True)

    @torch.no_grad()
    def values(states: np.ndarray, of: nn.Module = model) -> np.ndarray:
        return of(torch.from_numpy(states)).numpy()

    def learn(states: np.ndarray, wanted: np.ndarray) -> None:
        loss = F.mse_loss(model(torch.from_numpy(states)), torch.from_numpy(wanted))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()

    length = q_learning(values, lambda x: values(x, target), learn, lambda: target.load_state_dict(model.state_dict()))
    report(_count(model), length)


class _Graph(nn.Module):
    def __init__(self, adjacency: Tensor, features: int) -> None:
        super().__init__()
        self.adjacency = [adjacency]  # no buffer: it is not counted
        self.first, self.second = nn.Linear(features, 64, bias=False), nn.Linear(64, GRAPH_CLASSES, bias=False)
        self.a, self.b = nn.Parameter(torch.zeros(64)), nn.Parameter(torch.zeros(GRAPH_CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.adjacency[0] @ self.first(x) + self.a)
        return self.adjacency[0] @ self.second(F.dropout(x, 0.5, self.training)) + self.b


def gcn() -> None:
    adjacency, x, y, known = map(torch.from_numpy, graph())
    model, classes = _Graph(adjacency, x.shape[1]), y.long()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2, foreach=True)

    def rated(out: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        loss = (F.cross_entropy(out, classes, reduction="none") * weight).mean()
        with torch.no_grad():
            return loss, ((out.argmax(-1) == classes) * weight).sum() / weight.sum()

    for _ in range(150):
        loss, right = rated(model(x), known)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item(), right.item()
    model.eval()
    with torch.no_grad():
        report(_count(model), rated(model(x), 1 - known)[1].item())


def _mobile() -> nn.Sequential:
    """MobileNet of half the width."""

    def block(a: int, b: int, size: int, stride: int, groups: int = 1) -> list[nn.Module]:
        same = nn.ZeroPad2d((0, 1, 0, 1)) if stride > 1 else nn.Identity()
        conv = nn.Conv2d(a, b, size, stride, size // 2 if stride == 1 else 0, groups=groups, bias=False)
        return [same, conv, nn.BatchNorm2d(b, 1e-3, 0.01), nn.ReLU6()]

    layers, channels = block(3, 16, 3, 2), 16
    for filters, stride in zip((32, 64, 64, 128, 128, *[256] * 6, 512, 512), (1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1)):
        layers += block(channels, channels, 3, stride, channels) + block(channels, filters, 1, 1)
        channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class _Tuned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base, self.head = _mobile(), nn.Linear(512, 1)

    def train(self, mode: bool = True) -> _Tuned:
        super().train(mode)
        self.base.eval()  # its statistics stay
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.base(x))[:, 0]


def fine_tuning() -> None:
    x, y = map(torch.from_numpy, photos())
    x, y, model = x.permute(0, 3, 1, 2).contiguous(), y.float(), _Tuned()
    loss = F.binary_cross_entropy_with_logits
    model.base.requires_grad_(False)
    _fit(model, (x[:160],), y[:160], 4, loss, _side)
    model.base.requires_grad_(True)
    _fit(model, (x[:160],), y[:160], 4, loss, _side, rate=1e-4)
    report(_count(model), _evaluate(model, x[160:], y[160:], loss, _side)[1])


if __name__ == "__main__":
    globals()[sys.argv[1]]()
