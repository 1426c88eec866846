"""The models that are measured, written once for Keras's API: `api` is `keras` or `kfront`."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LAYER_SIZES", "WORDS", "cnn", "data", "deep", "lstm", "make", "mlp", "text", "transformer", "wide"]

# weights of single layers written by hand, in the order in which that code uses them
LAYER_SIZES: dict[str, list[tuple[int, ...]]] = {
    "dense": [(512, 512), (512,)],
    "conv": [(3, 3, 32, 64), (64,)],
    "depthwise": [(3, 3, 32, 1), (32,)],
    "max_pool": [],
    "lstm": [(128, 512), (128, 512), (512,)],
    "gru": [(128, 384), (128, 384), (384,), (384,)],
    "attention": [(256, 256), (256,)] * 4,
    "batch_norm": [(64,)] * 4,
}
WORDS = 2000  # in the vocabulary of the text models


def data(kind: str, count: int = 2048) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and integer labels for a kind of model."""
    g = np.random.default_rng(0)
    labels = g.integers(0, 10, count).astype("int32")
    if kind in ("text", "transformer"):
        return g.integers(0, WORDS, (count, 64 if kind == "text" else 32)).astype("int32"), labels
    shape = {"mlp": (784,), "cnn": (28, 28, 1), "lstm": (64, 32), "deep": (16,), "wide": (1024,)}[kind]
    return g.standard_normal((count, *shape), dtype="float32"), labels


def _compile(model: Any) -> Any:
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def mlp(api: Any) -> Any:
    """784-128-64-10."""
    layers = api.layers
    return _compile(
        api.Sequential(
            [
                api.Input((784,)),
                layers.Dense(128, activation="relu"),
                layers.Dense(64, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
    )


def deep(api: Any, depth: int, width: int = 16) -> Any:
    """`depth` narrow layers."""
    layers = api.layers
    body = [layers.Dense(width, activation="relu") for _ in range(depth - 1)]
    return _compile(api.Sequential([api.Input((16,)), *body, layers.Dense(10, activation="softmax")]))


def cnn(api: Any) -> Any:
    """Two convolutions with pooling and a classifier."""
    layers = api.layers
    return _compile(
        api.Sequential(
            [
                api.Input((28, 28, 1)),
                layers.Conv2D(16, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(10, activation="softmax"),
            ]
        )
    )


def lstm(api: Any) -> Any:
    """One LSTM of 64 units over 64 steps."""
    layers = api.layers
    return _compile(api.Sequential([api.Input((64, 32)), layers.LSTM(64), layers.Dense(10, activation="softmax")]))


def text(api: Any) -> Any:
    """The mean of 64 words' embeddings, and a classifier."""
    layers = api.layers
    return _compile(
        api.Sequential(
            [
                api.Input((64,), dtype="int32"),
                layers.Embedding(WORDS, 64),
                layers.GlobalAveragePooling1D(),
                layers.Dense(64, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
    )


def transformer(api: Any) -> Any:
    """One encoder block of 4 heads and 64 units over 32 words."""
    layers = api.layers
    words = api.Input((32,), dtype="int32")
    x = layers.Embedding(WORDS, 64)(words)
    x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, layers.MultiHeadAttention(4, 16)(x, x)]))
    inner = layers.Dense(64)(layers.Dense(128, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, inner]))
    x = layers.GlobalAveragePooling1D()(x)
    return _compile(api.Model(words, layers.Dense(10, activation="softmax")(x)))


def wide(api: Any) -> Any:
    """Two layers of 1024 units: memory is in weights, their optimizer's state and activations."""
    layers = api.layers
    body = [layers.Dense(1024, activation="relu") for _ in range(2)]
    return _compile(api.Sequential([api.Input((1024,)), *body, layers.Dense(10, activation="softmax")]))


def make(api: Any, kind: str, depth: int = 0) -> Any:
    """The model of that name; `depth` is for "deep"."""
    return deep(api, depth) if kind == "deep" else globals()[kind](api)
