"""Layers whose sublayers were quantized come back from files with the policies that these had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, quantizers
from kfront.dtype_policies import DTypePolicyMap

X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
INNER = ("query", "key", "value", "attention_output")


@kfront.saving.register_keras_serializable("tests")
class Block(layers.Layer):
    """A layer whose maker knows nothing of quantization."""

    def __init__(self, units: int = 6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.attention = layers.MultiHeadAttention(2, 4, name="attention")
        self.head = layers.Dense(units, name="head")

    def build(self, shape: Any) -> None:
        self.attention.build(shape, shape)
        self.head.build(shape)

    def call(self, x: Any) -> Any:
        return self.head(self.attention(x, x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def model_of(kind: str) -> Any:
    x = kfront.Input((5, 8))
    if kind == "attention":
        y = layers.MultiHeadAttention(2, 4, name="mha")(x, x)
    elif kind == "grouped":
        y = layers.GroupQueryAttention(4, 4, 2, name="gqa")(x, x)
    elif kind == "wrapped":
        y = layers.TimeDistributed(layers.Dense(3, name="inside"), name="steps")(x)
    else:
        y = Block(name="block")(x)
    return kfront.Model(x, y)


def host(x: Any) -> np.ndarray:
    return np.asarray(kfront.ops.convert_to_numpy(x))


def inner_policies(model: Any) -> list[str]:
    return [x.dtype_policy.name for x in model._flatten_layers()]


def place(weight: Any) -> str:
    """Names of layer and weight (a layer in a TimeDistributed that was loaded has no more of a path)."""
    return "/".join(weight.path.split("/")[-2:])


CONFIGS = {
    "int8": "int8",
    "int8 weights only": quantizers.Int8QuantizationConfig(activation_quantizer=None),
    "int4": "int4",
    "int4 blocks": quantizers.Int4QuantizationConfig(block_size=4),
    "int4 and inputs": quantizers.Int4QuantizationConfig(activation_quantizer=quantizers.AbsMaxQuantizer()),
    "float8": "float8",
}


def quantize(model: Any, config: Any) -> None:
    model.quantize(config) if isinstance(config, str) else model.quantize(config=config)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", ["attention", "grouped", "wrapped", "block"])
@pytest.mark.parametrize("mode", CONFIGS)
def test_files(kind: str, mode: str, tmp_path: Any, backend: Any) -> None:
    if mode != "int8" and kind != "attention" and backend.name != "numpy":
        pytest.skip("the other forms are of no engine in particular, and run on NumPy")
    model = model_of(kind)
    quantize(model, CONFIGS[mode])
    want = host(model(X))
    model.save(tmp_path / "m.keras")
    again = kfront.models.load_model(tmp_path / "m.keras")
    assert inner_policies(again) == inner_policies(model)
    assert any("_from_" in p for p in inner_policies(again))
    old = {place(w): w for w in model.weights}
    assert {place(w): w.dtype for w in again.weights} == {p: w.dtype for p, w in old.items()}
    for new in again.weights:
        np.testing.assert_array_equal(new.numpy(), old[place(new)].numpy())
    np.testing.assert_allclose(host(again(X)), want, rtol=1e-6, atol=1e-6)
    clone = kfront.models.clone_model(model)
    for new in clone.weights:
        new.assign(old[place(new)].numpy())
    np.testing.assert_allclose(host(clone(X)), want, rtol=1e-6, atol=1e-6)


def test_only_some_sublayers(tmp_path: Any) -> None:
    model = model_of("attention")
    model.get_layer("mha").query_dense.quantize("int8")
    config = model.get_layer("mha").get_config()
    assert list(config["dtype"]["config"]["policy_map"]) == ["mha/query"]
    want = host(model(X))
    model.save(tmp_path / "m.keras")
    again = kfront.models.load_model(tmp_path / "m.keras")
    mha = again.get_layer("mha")
    modes = [getattr(mha, f"{n}_dense").quantization_mode for n in ("query", "key", "value", "output")]
    assert modes == ["int8", None, None, None]
    np.testing.assert_allclose(host(again(X)), want, rtol=1e-6, atol=1e-6)


def test_calibrated(tmp_path: Any) -> None:
    tokens = kfront.Input((5,), dtype="int32")
    model = kfront.Model(tokens, Block(3, name="block")(layers.Embedding(20, 8)(tokens)))
    data = np.random.default_rng(1).integers(0, 20, (8, 5))
    for config in (quantizers.GPTQConfig, quantizers.AWQConfig):
        one = kfront.models.clone_model(model)
        structure = {"pre_block_layers": [one.layers[1]], "sequential_blocks": [one.layers[2]]}
        one.quantize(
            config=config(data, None, sequence_length=5, num_samples=8, quantization_layer_structure=structure)
        )
        assert one.get_layer("block").head.quantization_mode in ("gptq", "awq")
        want = host(one(data))
        one.save(tmp_path / "m.keras")
        again = kfront.models.load_model(tmp_path / "m.keras")
        assert inner_policies(again) == inner_policies(one)
        np.testing.assert_allclose(host(again(data)), want, rtol=1e-6, atol=1e-6)


def test_a_map_gives_policies_by_path() -> None:
    policies = DTypePolicyMap("float32", {"mha/query": "int8_from_float32", "mha/(key|value)": "mixed_bfloat16"})
    mha = layers.MultiHeadAttention(2, 4, name="mha", dtype=policies)
    mha(X, X)
    assert mha.dtype_policy.name == "float32"
    found = [getattr(mha, f"{n}_dense").dtype_policy.name for n in ("query", "key", "value", "output")]
    assert found == ["int8_from_float32", "mixed_bfloat16", "mixed_bfloat16", "float32"]
    again = layers.MultiHeadAttention.from_config(json.loads(json.dumps(mha.get_config())))
    again(X, X)
    assert again.query_dense.quantization_mode == "int8" and again.key_dense.compute_dtype == "bfloat16"


_KERAS = """
import sys, json, numpy as np, keras
folder, x = sys.argv[1], np.load(sys.argv[1] + "/x.npy")
out = {}
for mode in ("int8", "int4", "float8"):
    try:
        model = keras.models.load_model(f"{folder}/{mode}.keras")
        out[mode] = np.asarray(keras.ops.convert_to_numpy(model(x)), "float64").tolist()
    except Exception as error:
        out[mode] = f"{type(error).__name__}: {error}"
json.dump(out, open(folder + "/out.json", "w"))
"""


@pytest.mark.sampled(4, table="long")
def test_keras_opens_them(tmp_path: Any) -> None:
    """Keras writes such files without the inner policies, and cannot open its own; it can open ours."""
    pytest.importorskip("keras")
    want = {}
    with kfront.backend_scope("numpy"):
        for mode in ("int8", "int4", "float8"):
            model = model_of("attention")
            quantize(model, mode)
            model.save(tmp_path / f"{mode}.keras")
            want[mode] = host(model(X))
    np.save(tmp_path / "x.npy", X)
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    subprocess.run([sys.executable, "-c", _KERAS, str(tmp_path)], env=env, check=True, timeout=120)
    found = json.loads((tmp_path / "out.json").read_text())
    for mode, values in found.items():
        assert not isinstance(values, str), f"{mode}: {values[:300]}"
        np.testing.assert_allclose(values, want[mode], rtol=1e-4, atol=1e-4)
