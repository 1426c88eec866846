"""The models whose files are exchanged, written once for `k` = kfront or keras; neither is imported here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["MODELS", "Exchanged", "data", "flat", "go_on", "predictions", "train"]

SAMPLES, BATCH = 12, 4


def _mlp(k: Any) -> Any:
    L = k.layers
    return k.Sequential(
        [
            k.Input((6,)),
            L.Dense(8, activation="relu", kernel_regularizer="l2", kernel_initializer=k.initializers.HeNormal(seed=3)),
            L.BatchNormalization(),
            L.Dense(5, use_bias=False, kernel_constraint="max_norm"),
            L.LayerNormalization(),
            L.Activation("gelu"),
            L.Dense(2, name="head"),
        ],
        name="mlp",
    )


def _dropout(k: Any) -> Any:
    L = k.layers
    return k.Sequential(
        [k.Input((6,)), L.Dense(8, activation="tanh"), L.Dropout(0.3), L.GaussianNoise(0.1, seed=4), L.Dense(2)],
        name="noisy",
    )


def _cnn(k: Any) -> Any:
    L = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            L.Conv2D(4, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(),
            L.SeparableConv2D(4, 3, padding="same"),
            L.DepthwiseConv2D(3, padding="same", activation="silu"),
            L.Conv2DTranspose(3, 2, strides=2),
            L.AveragePooling2D(2),
            L.GlobalAveragePooling2D(),
            L.Dense(2),
        ],
        name="cnn",
    )


def _lstm(k: Any) -> Any:
    L = k.layers
    return k.Sequential(
        [
            k.Input((7,), dtype="int32"),
            L.Embedding(10, 4, mask_zero=True),
            L.Bidirectional(L.LSTM(3, return_sequences=True)),
            L.GRU(3),
            L.Dense(2),
        ],
        name="lstm",
    )


def _transformer(k: Any) -> Any:
    L = k.layers
    x = k.Input((6, 8), name="tokens")
    a = L.MultiHeadAttention(2, 4, name="attention")(x, x, use_causal_mask=True)
    y = L.LayerNormalization()(L.Add()([x, a]))
    z = L.EinsumDense("abc,cd->abd", output_shape=(6, 8), bias_axes="d", activation="relu")(y)
    z = L.Concatenate()([z, y])
    return k.Model(x, L.Dense(2)(L.Flatten()(z)), name="transformer")


def _shared(k: Any) -> Any:
    """One layer and one model on two inputs; a dict of inputs."""
    L = k.layers
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    layer = L.Dense(4, activation="tanh", name="twice")
    tower = k.Sequential([L.Dense(3, activation="relu"), L.Dense(3)], name="tower")
    a, b = tower(layer(left)), tower(layer(right))
    y = L.Concatenate()([L.Multiply()([a, b]), L.Subtract()([a, b])])
    return k.Model({"left": left, "right": right}, L.Dense(2, name="head")(y), name="shared")


def _nested(k: Any) -> Any:
    """Models in models in models, one of them applied twice."""
    L = k.layers
    i = k.Input((4,), name="inner_in")
    inner = k.Model(i, L.Dense(4, activation="relu")(i), name="inner")
    j = k.Input((4,), name="middle_in")
    middle = k.Model(j, k.Sequential([inner, L.Dense(4)], name="chain")(j), name="middle")
    x = k.Input((4,), name="outer_in")
    return k.Model([x], L.Dense(2)(middle(middle(x))), name="outer")


def _raw(k: Any) -> Any:
    """Ops on symbolic tensors, operators, indexing, constants."""
    L, ops = k.layers, k.ops
    x = k.Input((4,), name="x")
    y = L.Dense(6)(x)
    a = ops.concatenate([y[:, 1:3], -y, 2.0 * y + 1.0], axis=-1)
    a = ops.where(a > 0, a, np.float32(0.1) * np.ones((14,), "float32"))
    b, c = ops.split(a, 2, axis=1)
    d = ops.relu(ops.matmul(b - c, np.full((7, 2), 0.5, "float32"))) ** 2
    e = ops.expand_dims(ops.mean(ops.reshape(d, (-1, 2, 1)), axis=[1, 2]), 1)
    f = ops.clip(ops.softmax(y) / 3.0, 0.0, 1.0)
    g = ops.max(ops.stack([f, ops.tanh(y)], axis=1), axis=1)
    return k.Model(x, L.Dense(2)(ops.concatenate([e, g], axis=1)), name="raw")


class Exchanged(NamedTuple):
    """A model and how data for it are made.

    Attributes:
        build: takes `k`, returns the model.
        inputs: takes a generator and the number of samples.
        noisy: whether training draws random numbers (then Keras cannot give the same losses).
    """

    build: Callable[[Any], Any]
    inputs: Callable[[np.random.Generator, int], Any]
    noisy: bool = False


def _floats(*shape: int) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda g, n: g.normal(size=(n, *shape)).astype("float32")


def _pair(g: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    return {name: g.normal(size=(n, 4)).astype("float32") for name in ("left", "right")}


def _tokens(g: np.random.Generator, n: int) -> np.ndarray:
    out = g.integers(1, 10, (n, 7)).astype("int32")
    out[np.arange(7)[None] >= g.integers(2, 8, n)[:, None]] = 0
    return out


MODELS: dict[str, Exchanged] = {
    "mlp": Exchanged(_mlp, _floats(6)),
    "dropout": Exchanged(_dropout, _floats(6), noisy=True),
    "cnn": Exchanged(_cnn, _floats(8, 8, 3)),
    "lstm": Exchanged(_lstm, _tokens),
    "transformer": Exchanged(_transformer, _floats(6, 8)),
    "shared layers": Exchanged(_shared, _pair),
    "nested models": Exchanged(_nested, _floats(4)),
    "raw ops": Exchanged(_raw, _floats(4)),
}


def data(name: str) -> tuple[Any, np.ndarray]:
    """Inputs and targets."""
    g = np.random.Generator(np.random.Philox(key=17))
    return MODELS[name].inputs(g, SAMPLES), g.normal(size=(SAMPLES, 2)).astype("float32")


def train(k: Any, name: str) -> Any:
    """A new model, compiled."""
    k.utils.set_random_seed(5)
    model = MODELS[name].build(k)
    model.compile(optimizer=k.optimizers.AdamW(0.01, weight_decay=0.01, clipnorm=5.0), loss="mse", metrics=["mae"])
    return model


def go_on(model: Any, name: str) -> list[float]:
    """Two epochs of three steps; the losses."""
    x, y = data(name)
    return model.fit(x, y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0).history["loss"]


def predictions(model: Any, name: str) -> list[np.ndarray]:
    """Outputs for the data."""
    return flat(model.predict(data(name)[0], batch_size=SAMPLES, verbose=0))


def flat(outputs: Any) -> list[np.ndarray]:
    """Outputs as a list of arrays."""
    if isinstance(outputs, dict):
        return [np.asarray(outputs[n]) for n in sorted(outputs)]
    return [np.asarray(x) for x in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
