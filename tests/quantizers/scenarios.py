"""What is computed with kfront and with Keras alike; run as a script it writes the values of the installed Keras.

KERAS_BACKEND=numpy python tests/quantizers/scenarios.py
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

VALUES = pathlib.Path(__file__).with_name("keras_values.json")


def numbers(K: Any, x: Any) -> Any:
    return np.asarray(K.ops.convert_to_numpy(x)).astype("float64").round(6).tolist()


def functions(K: Any) -> dict[str, Any]:
    """Name -> results of each function of `quantizers`."""
    Q, out = K.quantizers, {}
    x = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
    to = lambda *values: [numbers(K, v) for v in values]  # noqa: E731
    for axis in (0, 1, -1, (0, 1), None):
        out[f"abs_max {axis}"] = to(*Q.abs_max_quantize(x, axis))
    out["abs_max range"] = to(*Q.abs_max_quantize(x, -1, (-7, 7), epsilon=0.1))
    for size in (2, 3, 128):
        for offset in (0, 3.0, -3.0):
            found = Q.abs_max_quantize_grouped_with_zero_point(x + np.float32(offset), size)
            out[f"grouped {size} {offset}"] = to(*found)
    signed = np.random.default_rng(1).integers(-8, 8, (5, 4, 3)).astype("int8")
    for axis in (0, 1, 2, -1):
        packed, shape, size = Q.pack_int4(signed, axis)
        out[f"pack {axis}"] = [*to(packed), list(shape), size, *to(Q.unpack_int4(packed, size, axis))]
    packed, _, size = Q.pack_int4((signed + 8).astype("uint8"), 1, "uint8")
    out["pack uint8"] = to(packed, Q.unpack_int4(packed, size, 1, "uint8"))
    for narrow in (False, True):
        out[f"fake {narrow}"] = to(Q.fake_quant_with_min_max_vars(x * 1.3, -1.0, 1.5, 5, narrow))
    ends = np.linspace(0.2, 1, 5).astype("float32")
    out["fake channels"] = to(Q.fake_quant_with_min_max_vars(x, -ends, ends[::-1].copy(), 4, axis=1))
    out["history"] = to(Q.compute_float8_amax_history(x, np.array([3, 1, 2], "float32")))
    for amax in (3, 0, np.inf, -1):
        out[f"scale {amax}"] = to(*(Q.compute_float8_scale(np.float32(amax), np.float32(2), 448.0, m) for m in (0, 1)))
    out["float8"] = to(Q.quantize_and_dequantize(x * 100, np.float32(0.7), "float8_e4m3fn", "float32"))
    return out


EQUATIONS = (
    ("abc,cde->abde", (None, 4, 5), (2, 3, 6), None),
    ("abde,dec->abc", (None, 7), (2, 3, 4, 5), "c"),
    ("ab,bc->ac", (8,), (2, 6), None),
    ("abc,acd->abd", (None, 5), (2, 3, 4), None),
)


def layers(K: Any) -> dict[str, Any]:
    """Name -> function that makes a layer, and the shape of its inputs (integers for embeddings)."""
    L = K.layers
    out: dict[str, Any] = {"Dense": (lambda: L.Dense(5, activation="tanh", name="d"), (3, 6))}
    for equation, shape, inputs, bias in EQUATIONS:
        make = lambda e=equation, s=shape, b=bias: L.EinsumDense(e, s, bias_axes=b, name="e")  # noqa: E731
        out[f"EinsumDense {equation}"] = (make, inputs)
    out["Embedding"] = (lambda: L.Embedding(9, 7, name="m"), (2, 3))
    for tied in (True, False):
        make = lambda t=tied: L.ReversibleEmbedding(9, 7, tie_weights=t, name="r")  # noqa: E731
        out[f"ReversibleEmbedding {tied}"] = (make, (2, 3))
    return out


def configs(K: Any) -> dict[str, Any]:
    """Name -> config."""
    Q = K.quantizers
    return {
        "int8": Q.Int8QuantizationConfig(),
        "int8 weights": Q.Int8QuantizationConfig(activation_quantizer=None),
        "int4": Q.Int4QuantizationConfig(),
        "int4 blocks of 2": Q.Int4QuantizationConfig(block_size=2),
        "int4 columns": Q.Int4QuantizationConfig(block_size=-1),
        "int4 inputs": Q.Int4QuantizationConfig(activation_quantizer=Q.AbsMaxQuantizer(), block_size=-1),
        "float8": Q.Float8QuantizationConfig(),
    }


def quantized(K: Any, make: Any, inputs: tuple[int, ...], config: Any) -> tuple[Any, Any]:
    """A quantized layer with known weights, and inputs for it."""
    layer, g = make(), np.random.default_rng(1)
    layer.build(inputs)
    layer.set_weights([g.normal(size=w.shape).astype("float32") for w in layer.get_weights()])
    layer.quantize(config=config)
    table = "Embedding" in type(layer).__name__
    return layer, g.integers(0, 9, inputs) if table else g.normal(size=inputs).astype("float32")


def result(K: Any, make: Any, inputs: tuple[int, ...], config: Any) -> dict[str, Any]:
    """Variables, outputs and configs of a quantized layer."""
    layer, x = quantized(K, make, inputs, config)
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    outputs = [layer(x)]
    if "Reversible" in type(layer).__name__:
        outputs.append(layer(np.random.default_rng(2).normal(size=(2, 7)).astype("float32"), reverse=True))
    keys = ("dtype", "quantization_config")
    return {
        "variables": [[v.name, list(v.shape), str(v.dtype), v.trainable] for v in layer.variables],
        "file": [numbers(K, store[str(i)]) for i in range(len(store))] if config.mode != "float8" else len(store),
        "outputs": [numbers(K, y) for y in outputs],
        "config": json.loads(json.dumps({k: layer.get_config()[k] for k in keys})),
    }


def supported(layer: str, config: str) -> bool:
    return config != "float8" or "Embedding" not in layer


def all_results(K: Any) -> dict[str, Any]:
    made, out = layers(K), {}
    for name, (make, inputs) in made.items():
        for what, config in configs(K).items():
            if supported(name, what):
                out[f"{name}/{what}"] = result(K, make, inputs, config)
    return {"functions": functions(K), "layers": out}


if __name__ == "__main__":
    import keras

    VALUES.write_text(json.dumps(all_results(keras), separators=(",", ":")) + "\n")
