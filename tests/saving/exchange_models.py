"""Quantized, LoRA and preprocessing models, written once for `k` = kfront or keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

IDS = np.array([[3, 70], [70, 5], [3, 12], [9, 3]], "int64")
CLASSES = np.array([[1, 2, 3, 4], [9, 8, 7, 6], [0, 5, 5, 5]], "int32")
FLOATS = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


class Case(NamedTuple):
    """A model: made for `k`, and what it is asked."""

    make: Callable[[Any], Any]
    data: np.ndarray


def dense(k: Any) -> Any:
    return k.Sequential([k.Input((6,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(4)])


def quantized(make: Callable[[Any], Any], mode: str) -> Callable[[Any], Any]:
    def build(k: Any) -> Any:
        model = make(k)
        model.quantize(mode)
        return model

    return build


def lora_by_argument(k: Any) -> Any:
    model = k.Sequential([k.Input((6,)), k.layers.Dense(8, lora_rank=2, lora_alpha=4), k.layers.Dense(4)])
    weight = model.layers[0].lora_kernel_b
    weight.assign(np.random.default_rng(5).normal(size=weight.shape).astype("float32"))
    return model


def begun(make: Callable[[Any], Any], data: np.ndarray, learn: bool, size: int | None) -> Callable[[Any], Any]:
    """A preprocessing layer, which learns from the data if it is to, and what uses its results."""

    def build(k: Any) -> Any:
        layer = make(k.layers)
        if learn:
            layer.adapt(data)
        more = [k.layers.Embedding(size, 3)] if size else []
        return k.Sequential(
            [k.Input(data.shape[1:], dtype=data.dtype.name), layer, *more, k.layers.Flatten(), k.layers.Dense(2)]
        )

    return build


def _begun(make: Callable[[Any], Any], data: np.ndarray, learn: bool = True, size: int | None = None) -> Case:
    return Case(begun(make, data, learn, size), data)


WEIGHTS = {  # what `.weights.h5` files hold as well
    **{f"{mode}": Case(quantized(dense, mode), FLOATS) for mode in ("int8", "int4", "float8")},
    "lora by argument": Case(lora_by_argument, FLOATS),
    "Normalization": _begun(lambda L: L.Normalization(), FLOATS),
}
ASSETS = {
    "IntegerLookup": _begun(lambda L: L.IntegerLookup(max_tokens=4), IDS, True, 12),
    "IntegerLookup multi_hot": _begun(lambda L: L.IntegerLookup(output_mode="multi_hot"), IDS),
    "Discretization": _begun(lambda L: L.Discretization(num_bins=4), FLOATS, True, 4),
    "Discretization one_hot": _begun(lambda L: L.Discretization([-0.5, 0.5], output_mode="one_hot"), FLOATS, False),
    "CategoryEncoding": _begun(lambda L: L.CategoryEncoding(10, output_mode="count"), CLASSES, False),
}
CASES = {**WEIGHTS, **ASSETS}
SEEDS = (7, 8)  # of what is saved, and of what it is loaded into


def build(k: Any, name: str, seed: int) -> Any:
    """The model with weights of its own."""
    k.utils.clear_session()
    k.utils.set_random_seed(seed)
    return CASES[name].make(k)


def predict(model: Any, name: str) -> np.ndarray:
    """What the model makes of its data."""
    model.run_eagerly = True  # each model is asked once
    return np.asarray(model.predict(CASES[name].data, verbose=0))
