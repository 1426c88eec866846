"""Small models of the families that are trained on every engine, and data for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import kfront

__all__ = ["FAMILIES", "OPTIMIZERS", "Family"]

VOCABULARY, LENGTH, CLASSES = 30, 10, 5


class Family(NamedTuple):
    """A kind of model.

    Attributes:
        make: makes a model.
        inputs: ``f(generator, n)``, inputs for n samples.
        targets: ``f(generator, x)``, their targets.
        loss: loss of each output.
    """

    make: Callable[[], Any]
    inputs: Callable[[np.random.Generator, int], Any]
    targets: Callable[[np.random.Generator, Any], Any]
    loss: Any = "sparse_categorical_crossentropy"


# ---- data ------------------------------------------------------------------------------------------------------------


def _floats(*shape: int) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda g, n: g.standard_normal((n, *shape)).astype("float32")


def _tokens(g: np.random.Generator, n: int) -> np.ndarray:
    """Sequences of 3 to `LENGTH` tokens, padded with 0."""
    out = g.integers(1, VOCABULARY, (n, LENGTH)).astype("int32")
    out[np.arange(LENGTH)[None] >= g.integers(3, LENGTH + 1, n)[:, None]] = 0
    return out


def _labels(g: np.random.Generator, x: np.ndarray) -> np.ndarray:
    return g.integers(0, CLASSES, len(x)).astype("int32")


def _next_tokens(g: np.random.Generator, x: np.ndarray) -> np.ndarray:
    return np.roll(x, -1, axis=1)


def _two_inputs(g: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    return {"tokens": _tokens(g, n), "numbers": _floats(6)(g, n)}


def _two_targets(g: np.random.Generator, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"kind": _labels(g, x["tokens"]), "amount": x["numbers"][:, :1] ** 2}


# ---- models ----------------------------------------------------------------------------------------------------------


def _head(x: Any) -> Any:
    return kfront.layers.Dense(CLASSES, activation="softmax")(x)


def _functional(shape: tuple[int, ...], body: Callable[[Any], Any], dtype: str = "float32") -> Callable[[], Any]:
    def make() -> Any:
        inputs = kfront.Input(shape, dtype=dtype)
        return kfront.Model(inputs, body(inputs))

    return make


def _mlp(x: Any) -> Any:
    layers = kfront.layers
    x = layers.BatchNormalization()(layers.Dense(32, activation="relu")(x))
    return _head(layers.Dropout(0.3)(x))


def _cnn(x: Any) -> Any:
    layers = kfront.layers
    x = layers.MaxPooling2D(2)(layers.Conv2D(8, 3, padding="same", activation="relu")(x))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2)(x))
    x = layers.SpatialDropout2D(0.2)(layers.Activation("gelu")(x))
    return _head(layers.GlobalAveragePooling2D()(x))


def _separable(x: Any) -> Any:
    layers = kfront.layers
    x = layers.SeparableConv2D(8, 3, padding="same", activation="swish")(x)
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, strides=2, padding="same")(x))
    x = layers.AveragePooling2D(2)(layers.ReLU(6.0)(x))
    return _head(layers.Dropout(0.2)(layers.Flatten()(x)))


def _resnet(x: Any) -> Any:
    """Smooth activations: where many units sit at a kink, rounding sends them to different sides, and runs part."""
    layers = kfront.layers
    x = layers.Conv2D(8, 3, padding="same")(x)
    for filters, strides in ((8, 1), (12, 2)):
        y = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        y = layers.Activation("swish")(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
        shortcut = x if strides == 1 else layers.Conv2D(filters, 1, strides)(x)
        x = layers.Activation("swish")(layers.Add()([shortcut, y]))
    return _head(layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(x)))


def _augmented(x: Any) -> Any:
    layers = kfront.layers
    x = layers.RandomTranslation(0.1, 0.1, fill_mode="constant")(layers.RandomFlip("horizontal")(x))
    return _cnn(x)


def _autoencoder(x: Any) -> Any:
    layers = kfront.layers
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="elu")(layers.GaussianNoise(0.1)(x))
    x = layers.Dense(40, activation="tanh")(layers.Flatten()(x))
    x = layers.Reshape((6, 6, 4))(layers.Dense(144)(x))
    return layers.Conv2DTranspose(2, 3, strides=2, padding="same")(layers.LeakyReLU()(x))


def _embedded(x: Any, size: int = 8) -> Any:
    return kfront.layers.Embedding(VOCABULARY, size, mask_zero=True)(x)


def _lstm(x: Any) -> Any:
    layers = kfront.layers
    x = layers.Dropout(0.2)(layers.LSTM(16, return_sequences=True)(_embedded(x)))
    return _head(layers.LSTM(8)(x))


def _gru(x: Any) -> Any:
    layers = kfront.layers
    return _head(layers.Dropout(0.2)(layers.GRU(16, reset_after=True)(_embedded(x))))


def _bidirectional(x: Any) -> Any:
    layers = kfront.layers
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(_embedded(x))
    return _head(layers.Dropout(0.2)(layers.Bidirectional(layers.GRU(6), merge_mode="sum")(x)))


def _text(x: Any) -> Any:
    layers = kfront.layers
    x = layers.SpatialDropout1D(0.2)(_embedded(x, 16))
    x = layers.GlobalAveragePooling1D()(x)
    return _head(layers.Dense(16, activation="relu", kernel_regularizer="l2")(x))


def _block(x: Any, causal: bool) -> Any:
    layers = kfront.layers
    a = layers.LayerNormalization()(x)
    a = layers.MultiHeadAttention(2, 8, dropout=0.1)(a, a, use_causal_mask=causal)
    x = layers.Add()([x, layers.Dropout(0.1)(a)])
    f = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dense(16)(f)])


def _encoder(x: Any) -> Any:
    x = _block(_block(_embedded(x, 16), False), False)
    return _head(kfront.layers.GlobalAveragePooling1D()(x))


def _causal(x: Any) -> Any:
    x = _block(_block(kfront.layers.Embedding(VOCABULARY, 16)(x), True), True)
    return kfront.layers.Dense(VOCABULARY, activation="softmax")(x)


def _multi() -> Any:
    layers = kfront.layers
    tokens = kfront.Input((LENGTH,), dtype="int32", name="tokens")
    numbers = kfront.Input((6,), name="numbers")
    text = layers.GRU(8)(_embedded(tokens))
    x = layers.Concatenate()([text, layers.Dense(8, activation="selu")(numbers)])
    x = layers.Dropout(0.2)(layers.Dense(16, activation="relu")(x))
    outputs = {
        "kind": layers.Dense(CLASSES, activation="softmax", name="kind")(x),
        "amount": layers.Dense(1, name="amount")(layers.Multiply()([x, x])),
    }
    return kfront.Model({"tokens": tokens, "numbers": numbers}, outputs)


_IMAGE, _SEQUENCE = (12, 12, 2), (LENGTH,)


def _images(body: Callable[[Any], Any]) -> Family:
    return Family(_functional(_IMAGE, body), _floats(*_IMAGE), _labels)


def _texts(body: Callable[[Any], Any]) -> Family:
    return Family(_functional(_SEQUENCE, body, "int32"), _tokens, _labels)


FAMILIES: dict[str, Family] = {
    "mlp": Family(_functional((20,), _mlp), _floats(20), _labels),
    "cnn": _images(_cnn),
    "separable": _images(_separable),
    "resnet": _images(_resnet),
    "augmented": _images(_augmented),
    "lstm": _texts(_lstm),
    "gru": _texts(_gru),
    "bidirectional": _texts(_bidirectional),
    "text": _texts(_text),
    "encoder": _texts(_encoder),
    "causal": _texts(_causal)._replace(targets=_next_tokens),
    "autoencoder": Family(_functional(_IMAGE, _autoencoder), _floats(*_IMAGE), lambda g, x: x, "mse"),
    "multi": Family(_multi, _two_inputs, _two_targets, {"kind": "sparse_categorical_crossentropy", "amount": "huber"}),
}

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: kfront.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    "RMSprop": lambda: kfront.optimizers.RMSprop(1e-3, centered=True, epsilon=1e-4),
    "Adam": lambda: kfront.optimizers.Adam(1e-3),
    "AdamW": lambda: kfront.optimizers.AdamW(
        kfront.optimizers.schedules.CosineDecay(0.0, 50, warmup_target=2e-3, warmup_steps=10), global_clipnorm=1.0
    ),
    "Adafactor": lambda: kfront.optimizers.Adafactor(1e-2),
}
