"""Whole training runs: with one seed, and portable random ops, the losses of all engines are the same.

Each family (MLP, CNN, LSTM, Transformer), dropout included, is trained for 50 steps on each engine; every loss must
agree with that of the first engine within 1e-4 relative. That is far above the rounding of float32 sums (about 1e-6)
and far below what a wrong gradient, a different mask or another order of the data would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import kfront
from conformance.suite import Case, close

__all__ = ["FAMILIES", "cases"]

STEPS = 50
RTOL = 1e-4


def _mlp() -> Any:
    layers = kfront.layers
    return kfront.Sequential(
        [
            kfront.Input((20,)),
            layers.Dense(32, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(5, activation="softmax"),
        ]
    )


def _cnn() -> Any:
    layers = kfront.layers
    return kfront.Sequential(
        [
            kfront.Input((12, 12, 2)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, strides=2),
            layers.BatchNormalization(),
            layers.Activation("gelu"),
            layers.Dropout(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def _lstm() -> Any:
    layers = kfront.layers
    return kfront.Sequential(
        [
            kfront.Input((10,), dtype="int32"),
            layers.Embedding(30, 8, mask_zero=True),
            layers.LSTM(16, return_sequences=True),
            layers.Dropout(0.2),
            layers.GRU(8),
            layers.Dense(5, activation="softmax"),
        ]
    )


def _transformer() -> Any:
    layers = kfront.layers
    tokens = kfront.Input((10,), dtype="int32")
    x = layers.Embedding(30, 16)(tokens)
    for _ in range(2):
        a = layers.LayerNormalization()(x)
        a = layers.MultiHeadAttention(2, 8, dropout=0.1)(a, a, use_causal_mask=True)
        x = layers.Add()([x, layers.Dropout(0.1)(a)])
        f = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(16)(f)])
    x = kfront.ops.mean(x, axis=1)
    return kfront.Model(tokens, layers.Dense(5, activation="softmax")(x))


def _floats(*shape: int) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda g, n: g.standard_normal((n, *shape)).astype("float32")


def _tokens(g: np.random.Generator, n: int) -> np.ndarray:
    out = g.integers(1, 30, (n, 10)).astype("int32")
    lengths = g.integers(3, 11, n)
    out[np.arange(10)[None] >= lengths[:, None]] = 0
    return out


FAMILIES: dict[str, tuple[Callable[[], Any], Callable[[np.random.Generator, int], np.ndarray]]] = {
    "mlp": (_mlp, _floats(20)),
    "cnn": (_cnn, _floats(12, 12, 2)),
    "lstm": (_lstm, _tokens),
    "transformer": (_transformer, _tokens),
}


class _Losses(kfront.callbacks.Callback):
    """Notes the running loss after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.values.append(float(logs["loss"]))


def _train(family: str, backend: str, steps: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Initial weights and the running losses of `steps` steps."""
    make, inputs = FAMILIES[family]
    g = np.random.default_rng(7)
    x, y = inputs(g, steps * 8), g.integers(0, 5, steps * 8).astype("int32")
    with kfront.backend_scope(backend):
        old = kfront.config.is_portable_random()
        kfront.config.set_portable_random(True)
        try:
            kfront.utils.set_random_seed(3)
            model = make()
            start = model.get_weights()
            model.compile(optimizer=kfront.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy")
            losses = _Losses()
            model.fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=[losses])
        finally:
            kfront.config.set_portable_random(old)
    return start, np.array(losses.values)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case per family and engine after the first; initial weights on NumPy too."""
    trainable = [b for b in backends if kfront.backends.get(b).trainable]
    steps = 20 if quick else STEPS
    for family in FAMILIES:
        known: dict[str, Any] = {}
        for name in trainable[1:]:
            yield Case(
                "training",
                f"{family}: losses as on {trainable[0]}",
                name,
                lambda f=family, n=name, k=known: _compare(f, trainable[0], n, k, steps),
            )
        if "numpy" in backends and trainable:
            yield Case(
                "training",
                f"{family}: initial weights as on {trainable[0]}",
                "numpy",
                lambda f=family: _same_start(f, trainable[0]),
            )


def _compare(family: str, first: str, name: str, known: dict[str, Any], steps: int) -> None:
    if "result" not in known:
        known["result"] = _train(family, first, steps)
    (start, losses), (other_start, other) = known["result"], _train(family, name, steps)
    for a, b in zip(start, other_start, strict=True):
        assert np.array_equal(a, b), "initial weights differ"
    assert len(losses) == steps, f"{len(losses)} steps"
    close(other, losses, RTOL, what="losses")


def _same_start(family: str, first: str) -> None:
    weights = []
    for name in (first, "numpy"):
        with kfront.backend_scope(name):
            kfront.utils.set_random_seed(3)
            weights.append(FAMILIES[family][0]().get_weights())
    for a, b in zip(*weights, strict=True):
        assert np.array_equal(a, b), "initial weights differ"
