"""Models that were quantized, adapted or shown data after they were made, written once for `k` = kfront or keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

TEXTS = np.array([["the cat sat on"], ["the mat"], ["a dog, a Cat"], ["the end of the dog"]])
WORDS = np.array([["a", "b"], ["c", "a"], ["über", "a"], ["b", "z"]])
IDS = np.array([[3, 70], [70, 5], [3, 12], [9, 3]], "int64")
CLASSES = np.array([[1, 2, 3, 4], [9, 8, 7, 6], [0, 5, 5, 5]], "int32")
FLOATS = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


class Case(NamedTuple):
    """A model: made for `k`, and what it is asked."""

    make: Callable[[Any], Any]
    data: np.ndarray


def dense(k: Any) -> Any:
    return k.Sequential([k.Input((6,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(4)])


def attentive(k: Any) -> Any:
    """The layers that can be quantized and adapted."""
    L = k.layers
    x = k.Input((4,), dtype="int32")
    y = L.Embedding(10, 8)(x)
    y = L.EinsumDense("abc,cd->abd", output_shape=(4, 6), bias_axes="d", activation="tanh")(y)
    return k.Model(x, L.Dense(3)(L.Flatten()(y)))


def quantized(make: Callable[[Any], Any], mode: str) -> Callable[[Any], Any]:
    def build(k: Any) -> Any:
        model = make(k)
        model.quantize(mode)
        return model

    return build


def used_float8(k: Any) -> Any:
    """As after training: with scales of its own."""
    model = quantized(dense, "float8")(k)
    for i, w in enumerate(w for w in model.weights if w.name.endswith("_scale")):
        w.assign(0.5 + 0.25 * i)
    return model


def adapted_lora(make: Callable[[Any], Any], *modes: str) -> Callable[[Any], Any]:
    def build(k: Any) -> Any:
        model = make(k)
        for mode in modes:
            model.quantize(mode)
        rng = np.random.default_rng(5)
        for layer in model.layers:
            if hasattr(layer, "enable_lora"):
                layer.enable_lora(2)
                name = "lora_embeddings_b" if hasattr(layer, "embeddings") else "lora_kernel_b"
                weight = getattr(layer, name)
                weight.assign(rng.normal(size=weight.shape).astype("float32") * 0.3)
        return model

    return build


def lora_by_argument(k: Any) -> Any:
    model = k.Sequential([k.Input((6,)), k.layers.Dense(8, lora_rank=2, lora_alpha=4), k.layers.Dense(4)])
    weight = model.layers[0].lora_kernel_b
    weight.assign(np.random.default_rng(5).normal(size=weight.shape).astype("float32"))
    return model


def policies(k: Any) -> Any:
    """Weights of every width, two of which HDF5 has not or NumPy has not."""
    L = k.layers
    layers = [L.Embedding(10, 4, dtype="bfloat16"), L.Dense(6, dtype="mixed_bfloat16"), L.Dense(6, dtype="float16")]
    return k.Sequential([k.Input((4,), dtype="int32"), *layers, L.Flatten(), L.Dense(3, dtype="float32")])


def subclassed(k: Any) -> Any:
    """A model of the user's own: layers in attributes, a list and a dict, a layer within a layer, a bare weight."""

    @k.saving.register_keras_serializable("exchange")
    class Block(k.layers.Layer):
        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units, self.inner = units, k.layers.Dense(units)

        def build(self, shape: Any) -> None:
            self.inner.build(shape)
            self.scale = self.add_weight(shape=(self.units,), initializer="uniform", name="scale")

        def call(self, x: Any) -> Any:
            return self.inner(x) * self.scale

        def get_config(self) -> Any:
            return {**super().get_config(), "units": self.units}

    @k.saving.register_keras_serializable("exchange")
    class Blocks(k.Model):
        def __init__(self, width: int = 4, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.width = width
            self.blocks = [Block(width), k.layers.Dropout(0.5), Block(width)]
            self.heads = {"a": k.layers.Dense(2), "b": k.layers.Dense(2)}

        def call(self, x: Any, training: Any = None) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.heads["a"](x) - self.heads["b"](x)

        def get_config(self) -> Any:
            return {**super().get_config(), "width": self.width}

    model = Blocks(5)
    model(np.zeros((1, 6), "float32"))
    return model


def begun(make: Callable[[Any], Any], data: np.ndarray, learn: bool, size: int | None) -> Callable[[Any], Any]:
    """A preprocessing layer, which learns from the data if it is to, and what uses its results."""

    def build(k: Any) -> Any:
        layer = make(k.layers)
        if learn:
            layer.adapt(data)
        dtype = "string" if data.dtype.kind == "U" else data.dtype.name
        more = [k.layers.Embedding(size, 3)] if size else []
        return k.Sequential([k.Input(data.shape[1:], dtype=dtype), layer, *more, k.layers.Flatten(), k.layers.Dense(2)])

    return build


def _begun(make: Callable[[Any], Any], data: np.ndarray, learn: bool = True, size: int | None = None) -> Case:
    return Case(begun(make, data, learn, size), data)


WEIGHTS = {  # what `.weights.h5` files hold as well
    **{f"{mode}": Case(quantized(dense, mode), FLOATS) for mode in ("int8", "int4", "float8")},
    **{f"{mode} embedding": Case(quantized(attentive, mode), CLASSES) for mode in ("int8", "int4")},
    "used float8": Case(used_float8, FLOATS),
    "lora": Case(adapted_lora(attentive), CLASSES),
    "lora int8": Case(adapted_lora(attentive, "int8"), CLASSES),
    "lora int4": Case(adapted_lora(dense, "int4"), FLOATS),
    "lora by argument": Case(lora_by_argument, FLOATS),
    "Normalization": _begun(lambda L: L.Normalization(), FLOATS),
    "policies": Case(policies, CLASSES),
    "subclassed": Case(subclassed, FLOATS),
}
ASSETS = {
    "TextVectorization": _begun(lambda L: L.TextVectorization(output_sequence_length=4), TEXTS, True, 30),
    "bigrams": _begun(lambda L: L.TextVectorization(max_tokens=12, ngrams=2, output_mode="count"), TEXTS),
    "given words": _begun(
        lambda L: L.TextVectorization(vocabulary=["cat", "dog"], output_mode="multi_hot", standardize="lower"),
        TEXTS,
        False,
    ),
    "StringLookup": _begun(lambda L: L.StringLookup(mask_token="a", num_oov_indices=2), WORDS, True, 12),
    "StringLookup count": _begun(lambda L: L.StringLookup(output_mode="count"), WORDS),
    "IntegerLookup": _begun(lambda L: L.IntegerLookup(max_tokens=4), IDS, True, 12),
    "IntegerLookup multi_hot": _begun(lambda L: L.IntegerLookup(output_mode="multi_hot"), IDS),
    "Discretization": _begun(lambda L: L.Discretization(num_bins=4), FLOATS, True, 4),
    "Discretization one_hot": _begun(lambda L: L.Discretization([-0.5, 0.5], output_mode="one_hot"), FLOATS, False),
    "Hashing": _begun(lambda L: L.Hashing(8, salt=3), WORDS, False, 8),
    "CategoryEncoding": _begun(lambda L: L.CategoryEncoding(10, output_mode="count"), CLASSES, False),
}
CASES = {**WEIGHTS, **ASSETS}
ROUNDED = ("lora int8", "lora int4")  # files hold other numbers: updates are added to quantized weights, and rounded
SEEDS = (7, 8)  # of what is saved, and of what it is loaded into


def build(k: Any, name: str, seed: int) -> Any:
    """The model with weights of its own."""
    k.utils.clear_session()
    k.utils.set_random_seed(seed)
    return CASES[name].make(k)


def fresh(name: str) -> Callable[[Any], Any]:
    """Makes the model that weights are loaded into."""
    return lambda k: build(k, name, SEEDS[1])


def predict(model: Any, name: str) -> np.ndarray:
    """What the model makes of its data."""
    model.run_eagerly = True  # JAX has no compiled steps with strings; and nothing is computed twice
    return np.asarray(model.predict(CASES[name].data, verbose=0))


def forms_of(name: str) -> list[str]:
    """Further forms in which Keras reads what it writes of a model.

    Legacy files have no assets. Updates stay apart in them, and Keras takes another factor for these when it reads.
    """
    if name in ASSETS:
        return ["folder"]
    legacy = name not in ("subclassed", "policies", "float8", "used float8", "lora by argument", *ROUNDED)
    return ["folder", "sharded", *(["legacy"] if legacy else [])]


def save(k: Any, folder: Any, name: str, forms: Any, predict: Callable[[Any, str], np.ndarray] = predict) -> None:
    """Write a model in every form, and what it predicts; `forms` is the table of `models`."""
    model = build(k, name, SEEDS[0])
    model.save(folder / f"{name}.keras")
    if name in WEIGHTS:
        model.save_weights(folder / f"{name}.weights.h5")
    for form in forms_of(name):
        forms[form](model, f"{folder}/{name}")
    if name in ROUNDED:
        model = k.saving.load_model(folder / f"{name}.keras")
    np.save(folder / f"{name}.npy", predict(model, name))
