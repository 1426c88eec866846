"""Quantization with calibration data, run with kfront and with Keras alike; as a script it writes Keras's values.

KERAS_BACKEND=numpy python tests/quantizers/calibration.py

No data reaches the statistics of the installed Keras (its layers run `quantized_call` instead of the `call` that is
watched, on every backend), so it rounds each value by itself; its values tell grids, layouts and outputs.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

VALUES = pathlib.Path(__file__).with_name("keras_calibrated.json")
LENGTH, VOCABULARY, WIDTH = 6, 11, 8
DATA = np.random.default_rng(5).integers(0, VOCABULARY, (24, LENGTH)).astype("int32")
INNER = ("qkv", "out", "up", "down")
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gptq": ("GPTQConfig", {}),
    **{f"gptq {bits} bits": ("GPTQConfig", {"weight_bits": bits, "group_size": -1}) for bits in (2, 3, 8)},
    "gptq groups": ("GPTQConfig", {"group_size": 4}),
    "gptq symmetric": ("GPTQConfig", {"group_size": 4, "symmetric": True}),
    "gptq one scale": ("GPTQConfig", {"group_size": -1, "per_channel": False}),
    "gptq ordered": ("GPTQConfig", {"group_size": -1, "activation_order": True, "hessian_damping": 0.1}),
    "gptq ordered groups": ("GPTQConfig", {"group_size": 4, "activation_order": True}),
    "awq": ("AWQConfig", {}),
    "awq groups": ("AWQConfig", {"group_size": 4, "num_grid_points": 10}),
}


def parts(K: Any, n: int) -> dict[str, Any]:
    """The layers of a block."""
    L = K.layers
    return {
        "qkv": L.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de", name=f"qkv{n}"),
        "out": L.EinsumDense("abde,dec->abc", (None, WIDTH), bias_axes="c", name=f"out{n}"),
        "up": L.Dense(7, activation="relu", name=f"up{n}"),
        "down": L.Dense(WIDTH, name=f"down{n}"),
    }


def through(K: Any, layers: dict[str, Any], x: Any) -> Any:
    """A block: a sum over heads, an activation and two ways around."""
    y = K.ops.add(x, layers["out"](layers["qkv"](x)))
    return K.ops.add(y, layers["down"](layers["up"](y)))


def functional_block(K: Any, n: int) -> Any:
    """A block as a model, which files hold without its code."""
    inputs = K.Input((LENGTH, WIDTH))
    return K.Model(inputs, through(K, parts(K, n), inputs), name=f"block{n}")


def block(K: Any, n: int) -> Any:
    """A block as a layer."""

    class Block(K.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            for name, layer in parts(K, n).items():
                setattr(self, name, layer)

        def call(self, x: Any) -> Any:
            return through(K, {name: getattr(self, name) for name in INNER}, x)

    made = Block(name=f"block{n}")
    made(np.zeros((1, LENGTH, WIDTH), "float32"))
    return made


def inner(block: Any) -> list[Any]:
    """The layers of a block that are quantized."""
    return sorted((x for x in block._flatten_layers() if x.name[:-1] in INNER), key=lambda x: INNER.index(x.name[:-1]))


def model(K: Any, make: Any = block) -> tuple[Any, dict[str, Any]]:
    """A model of two blocks with known weights, and its structure."""
    inputs = K.Input((LENGTH,), dtype="int32")
    table, blocks = K.layers.Embedding(VOCABULARY, WIDTH, name="table"), [make(K, n) for n in range(2)]
    x = table(inputs)
    for b in blocks:
        x = b(x)
    found, g = K.Model(inputs, K.layers.Dense(3, name="head")(x)), np.random.default_rng(0)
    for layer in [table, *(x for b in blocks for x in inner(b)), found.layers[-1]]:
        layer.set_weights([weight(g, w.shape, layer is table) for w in layer.get_weights()])
    return found, {"pre_block_layers": [table], "sequential_blocks": blocks}


def weight(g: Any, shape: tuple[int, ...], table: bool) -> np.ndarray:
    """Values of both signs in every few rows, and a table of large and small columns."""
    signs = 1 - 2 * (np.indices(shape).sum(0) % 2)
    values = np.abs(g.normal(size=shape)) * (np.geomspace(0.1, 10, shape[-1]) if table else signs / 3)
    return values.astype("float32")


def config(K: Any, name: str, **more: Any) -> Any:
    cls, options = CONFIGS[name]
    lengths = {"num_samples": len(DATA), "sequence_length": LENGTH}
    return getattr(K.quantizers, cls)(**{"dataset": DATA, "tokenizer": lambda x: x, **lengths, **options, **more})


def quantized(K: Any, name: str, make: Any = block, **more: Any) -> tuple[Any, dict[str, Any]]:
    """A quantized model and its structure."""
    found, structure = model(K, make)
    chosen = config(K, name, quantization_layer_structure=structure, **more)
    found.quantize(chosen.mode, config=chosen)
    return found, structure


def result(K: Any, structure: dict[str, Any]) -> dict[str, Any]:
    """Variables of the quantized layers, and what the last block puts out."""
    x = structure["pre_block_layers"][0](DATA)
    out: dict[str, Any] = {"names": {}, "values": {}, "outputs": None}
    for b in structure["sequential_blocks"]:
        x = b(x)
        for layer in inner(b):
            out["names"][layer.name] = [[v.name, list(v.shape), str(v.dtype), v.trainable] for v in layer.variables]
            out["values"][layer.name] = [numbers(K, v) for v in layer.variables]
    return {**out, "outputs": numbers(K, x[:2])}


def numbers(K: Any, x: Any) -> Any:
    return np.asarray(K.ops.convert_to_numpy(x)).astype("float64").round(6).tolist()


if __name__ == "__main__":
    import keras

    VALUES.write_text(
        json.dumps({n: result(keras, quantized(keras, n)[1]) for n in CONFIGS}, separators=(",", ":")) + "\n"
    )
