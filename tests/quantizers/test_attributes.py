"""What a quantized layer shows under Keras's names, and what setting a quantized dtype policy does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kfront import dtype_policies, initializers, layers, ops, quantizers

LAYERS = {
    "Dense": (lambda: layers.Dense(6), "kernel", (6,), (1, 6)),
    "EinsumDense": (lambda: layers.EinsumDense("ab,bc->ac", 6), "kernel", (1, 6), (1, 6)),
    "Embedding": (lambda: layers.Embedding(5, 4), "embeddings", (5,), (5, 1)),
    "ReversibleEmbedding": (lambda: layers.ReversibleEmbedding(5, 4), "embeddings", (5,), (5, 1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_names_of_what_quantization_adds(name: str, backend: Any) -> None:
    make, weight, scale, grouped = LAYERS[name]
    layer = make()
    layer.build((2, 4))
    layer.quantize("int8")
    assert getattr(layer, f"{weight}_scale").shape == scale
    assert isinstance(layer.inputs_quantizer, quantizers.AbsMaxQuantizer) == (name != "Embedding")
    layer = make()
    layer.build((2, 4))
    assert layer.inputs_quantizer is None
    layer.quantize("int4")
    assert getattr(layer, f"{weight}_scale").shape == getattr(layer, f"{weight}_zero").shape == grouped
    assert layer.inputs_quantizer is None


@pytest.mark.parametrize("policy", ["int8_from_float32", "int4_from_float32", "float8_from_float32"])
def test_a_quantized_policy_quantizes(policy: str, trainable_backend: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    kernel = np.array([[0.5, -0.5, 0.2], [0.3, 0.4, 0.6], [0.1, 0.7, 0.3], [0.7, -0.2, 0.6]], "float32")
    start = initializers.Constant(kernel)
    set_later, quantized = layers.Dense(3, kernel_initializer=start), layers.Dense(3)
    expected = ops.convert_to_numpy(set_later(x))
    quantized.build((2, 4))
    quantized.set_weights(set_later.get_weights())
    set_later.dtype_policy = policy
    quantized.quantize(policy.partition("_")[0])
    assert set_later.dtype_policy.name == policy
    assert [w.name for w in set_later.weights] == [w.name for w in quantized.weights]
    outputs = [ops.convert_to_numpy(layer(x)) for layer in (set_later, quantized)]
    np.testing.assert_array_equal(*outputs)
    np.testing.assert_allclose(outputs[0], expected, atol=0.3)
    with pytest.raises(NotImplementedError):
        layers.ReLU().dtype_policy = policy
    late = layers.Dense(3)
    late.dtype_policy = policy
    late.build((2, 4))
    assert late.quantization_mode == quantized.quantization_mode


def test_the_range_of_a_block_that_is_not_full_holds_zero(trainable_backend: Any) -> None:
    kernel = np.array([[1.0, -4.0], [2.0, -3.0], [3.0, -2.0], [4.0, -1.0]], "float32")
    layer = layers.Dense(2, kernel_initializer=initializers.Constant(kernel))
    layer.build((None, 4))
    layer.quantize("int4")
    np.testing.assert_allclose(layer.kernel_scale.numpy(), [[4 / 15, 4 / 15]], rtol=1e-6)
    np.testing.assert_array_equal(layer.kernel_zero.numpy(), [[-8, 7]])
    np.testing.assert_allclose(ops.convert_to_numpy(layer.kernel), kernel, atol=2 / 15)
    full = layers.Dense(2, kernel_initializer=initializers.Constant(kernel))
    full.build((None, 4))
    full.quantize(config=quantizers.Int4QuantizationConfig(block_size=4))
    np.testing.assert_allclose(full.kernel_scale.numpy(), [[0.2, 0.2]], rtol=1e-6)


def test_policies(backend: Any) -> None:
    get = dtype_policies.get
    names = ["int4/32_from_float32", "gptq/4/32_from_float32", "awq/4/32_from_float32", "int8_from_float32"]
    assert [get(name).mode for name in names] == ["int4", "gptq", "awq", "int8"]
    plain, old = dtype_policies.DTypePolicy("float32"), dtype_policies.FloatDTypePolicy("float32")
    assert plain == old
    assert old == plain
    assert hash(plain) == hash(old)
    assert plain != dtype_policies.FloatDTypePolicy("float16")
    policies = dtype_policies.DTypePolicyMap(policy_map={"a": dtype_policies.DTypePolicy("float16")})
    assert repr(policies) == "<DTypePolicyMap default_policy=float32, mapping=[('a', 'float16')]>"
    assert policies["b"].name == "float32"
