"""Whole training runs: with one seed, and portable random ops, the losses of all engines are the same.

Each family of models (see families.py), dropout, noise and augmentation included, is trained with each optimizer for 50
steps on each engine; the loss of every batch must agree with that on the first engine within 1e-4 relative. That is far
above the rounding of float32 sums (about 1e-6) and far below what a wrong gradient, a different mask or another order
of the data would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import kfront
from kfront.backends import get

from ..suite import Case, close
from .families import FAMILIES, OPTIMIZERS

__all__ = ["cases"]

STEPS, BATCH = 50, 8
RTOL = 1e-4
QUICK = [("mlp", "AdamW"), ("cnn", "SGD"), ("text", "Adafactor")]


class _Losses(kfront.callbacks.Callback):
    """Notes the loss of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.reset_metrics()  # else what is noted is the mean of all batches so far

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.values.append(float(logs["loss"]))


def _train(family: str, optimizer: str, backend: str, steps: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Initial weights and the losses of `steps` steps."""
    kind = FAMILIES[family]
    g = np.random.default_rng(7)
    x = kind.inputs(g, steps * BATCH)
    y = kind.targets(g, x)
    with kfront.backend_scope(backend):
        old = kfront.config.is_portable_random()
        kfront.config.set_portable_random(True)
        try:
            kfront.utils.set_random_seed(3)
            model = kind.make()
            start = model.get_weights()
            model.compile(OPTIMIZERS[optimizer](), kind.loss)
            losses = _Losses()
            model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[losses])
        finally:
            kfront.config.set_portable_random(old)
    return start, np.array(losses.values)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """A case for each family, optimizer and engine after the first; initial weights on NumPy too."""
    trainable = [b for b in backends if get(b).trainable]
    steps = 20 if quick else STEPS
    for family in dict(QUICK) if quick else FAMILIES:
        for optimizer in OPTIMIZERS:
            if quick and (family, optimizer) not in QUICK:
                continue
            known: dict[str, Any] = {}
            for name in trainable[1:]:
                yield Case(
                    "training",
                    f"{family}/{optimizer}: losses as on {trainable[0]}",
                    name,
                    lambda f=family, o=optimizer, n=name, k=known: _compare(f, o, trainable[0], n, k, steps),
                )
        if "numpy" in backends and trainable:
            yield Case(
                "training",
                f"{family}: initial weights as on {trainable[0]}",
                "numpy",
                lambda f=family: _same_start(f, trainable[0]),
            )


def _compare(family: str, optimizer: str, first: str, name: str, known: dict[str, Any], steps: int) -> None:
    if "result" not in known:
        known["result"] = _train(family, optimizer, first, steps)
    (start, losses), (other_start, other) = known["result"], _train(family, optimizer, name, steps)
    for a, b in zip(start, other_start, strict=True):
        assert np.array_equal(a, b), "initial weights differ"
    assert len(losses) == steps, f"{len(losses)} steps"
    assert np.ptp(losses) > 1e-3, "nothing was trained"
    close(other, losses, RTOL, what="losses")


def _same_start(family: str, first: str) -> None:
    weights = []
    for name in (first, "numpy"):
        with kfront.backend_scope(name):
            kfront.utils.set_random_seed(3)
            weights.append(FAMILIES[family].make().get_weights())
    for a, b in zip(*weights, strict=True):
        assert np.array_equal(a, b), "initial weights differ"
