"""One network in a torch project: trained by a loop of torch, by `fit`, and compiled; saved for torch and for Keras.

The network mixes layers of kfront and modules of torch. All three ways give the same losses.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import kfront
from kfront import layers

RATE, EPOCHS, BATCH = 0.05, 3, 16


@kfront.saving.register_keras_serializable("torch_project")
class Tagger(kfront.Model):
    """Says of each of some numbers in a row to which of two kinds it belongs."""

    def __init__(self, width: int = 16, **kwargs) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.encode = layers.Bidirectional(layers.GRU(width, return_sequences=True))
        self.mix = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.LayerNorm(width))
        self.head = layers.Dense(2)

    def call(self, inputs):
        """Scores of the two kinds for each number."""
        return self.head(self.mix(self.encode(inputs)))

    def get_config(self):
        """Arguments of `__init__`."""
        return {**super().get_config(), "width": self.width}


def data() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of numbers, and for each number whether it is larger than the one before."""
    x = torch.randn(64, 8, 1, generator=torch.Generator().manual_seed(0))
    return x, (x[..., 0] > torch.roll(x[..., 0], 1, 1)).long()


def by_loop(net: Tagger, compiled: bool = False) -> list[float]:
    """The mean loss of each epoch of a loop of torch's own."""
    run = torch.compile(net, backend="aot_eager") if compiled else net
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], RATE)
    net.train()
    losses = []
    for _ in range(EPOCHS):
        total = 0.0
        for x, y in DataLoader(TensorDataset(*data()), BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(run(x).flatten(0, 1), y.flatten())
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        losses.append(total / 64)
    net.eval()
    return losses


def by_fit(net: Tagger) -> list[float]:
    """The same by `fit`."""
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(kfront.optimizers.SGD(RATE), loss, metrics=["accuracy"])
    return net.fit(DataLoader(TensorDataset(*data()), BATCH), epochs=EPOCHS, verbose=0).history["loss"]


def main() -> dict[str, list[float]]:
    """The losses of each way."""
    kfront.config.set_backend("torch")
    torch.manual_seed(1)
    first = Tagger()
    x, _ = data()
    first(x)  # now the weights exist
    nets = {"a loop of torch": first, "fit": copy.deepcopy(first), "a compiled loop": copy.deepcopy(first)}
    losses = {
        "a loop of torch": by_loop(nets["a loop of torch"]),
        "fit": by_fit(nets["fit"]),
        "a compiled loop": by_loop(nets["a compiled loop"], compiled=True),
    }
    for way, values in losses.items():
        print(f"{way:16}", " ".join(f"{value:.4f}" for value in values))
    with torch.no_grad(), tempfile.TemporaryDirectory() as name:
        folder, net = Path(name), nets["fit"]
        want = net(x)
        torch.save(net.state_dict(), folder / "net.pt")
        net.save(folder / "net.keras")
        other = Tagger()
        other(x)
        other.load_state_dict(torch.load(folder / "net.pt", weights_only=True))
        loaded = kfront.saving.load_model(folder / "net.keras")
        assert torch.equal(other(x), want) and torch.equal(loaded(x), want)
        assert np.allclose(loaded.predict(x, verbose=0), want)
    return losses


if __name__ == "__main__":
    main()
