"""The models that engines' own tools are tried on, data for them, and what `fit` makes of them."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import kfront

from ..training.families import FAMILIES as ALL

__all__ = [
    "BATCH",
    "FAMILIES",
    "RATE",
    "STEPS",
    "Check",
    "batches",
    "compiled",
    "data",
    "fit",
    "fitted",
    "made",
    "outputs",
    "portable",
    "running_mean",
]

# one input, and the class as target
FAMILIES = {n: ALL[n] for n in ("mlp", "cnn", "lstm", "encoder")}

STEPS, BATCH, RATE = 4, 8, 0.1
Check = Callable[[str], None]  # takes the name of a family


@contextlib.contextmanager
def portable(backend: str) -> Iterator[Any]:
    """A backend is current, random ops draw the same everywhere, and warnings of engines are passed over."""
    old = kfront.config.is_portable_random()
    with warnings.catch_warnings(action="ignore"), kfront.backend_scope(backend) as b:
        kfront.config.set_portable_random(True)
        try:
            yield b
        finally:
            kfront.config.set_portable_random(old)


def made(family: str, seed: int = 3) -> Any:
    """A new model of a family on the current backend, always with the same weights and seeds."""
    kfront.utils.set_random_seed(seed)
    return FAMILIES[family][0]()


@functools.cache
def data(family: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and classes for some steps."""
    g = np.random.default_rng(23)
    return FAMILIES[family][1](g, STEPS * BATCH), g.integers(0, 5, STEPS * BATCH).astype("int32")


def batches(family: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The data in batches."""
    x, y = data(family)
    return [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]


class _Losses(kfront.callbacks.Callback):
    """Notes the running loss after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.values.append(float(logs["loss"]))


def fit(model: Any, family: str) -> np.ndarray:
    """Train a compiled model for some steps; the running losses."""
    losses = _Losses()
    model.fit(*data(family), batch_size=BATCH, epochs=1, shuffle=False, verbose=0, callbacks=[losses])
    return np.array(losses.values)


def compiled(family: str, model: Any = None) -> Any:
    """A model with plain gradient descent, which every engine has of its own."""
    model = made(family) if model is None else model
    model.compile(optimizer=kfront.optimizers.SGD(RATE), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@functools.cache
def fitted(backend: str, family: str) -> np.ndarray:
    """The running losses of `fit` on a backend."""
    with portable(backend):
        return fit(compiled(family), family)


def running_mean(losses: list[float]) -> np.ndarray:
    """Losses of steps as `fit` shows them."""
    return np.cumsum(losses) / np.arange(1, len(losses) + 1)


def outputs(model: Any, family: str) -> np.ndarray:
    """What the model gives for the first batch."""
    b = model._kf_backend
    return b.to_numpy(model(b.convert(batches(family)[0][0])))
