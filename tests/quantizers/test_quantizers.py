"""Quantizers, quantized layers and models: against Keras's values, and what must hold on every engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.quantizers import scenarios

import kfront
from kfront import dtype_policies, layers, quantizers
from kfront.errors import ArgumentError, NotBuiltError, UnsupportedError

WANT = json.loads(scenarios.VALUES.read_text())
# Keras adds the bias in bfloat16 in float8 layers (8 bits); here it stays as precise as it is.
BFLOAT16 = 2.0**-8
# a kernel whose summed axis is not the first: Keras cuts it into other blocks
OTHER_BLOCKS = ("EinsumDense abc,acd->abd/int4", "EinsumDense abc,acd->abd/int4 blocks of 2")


@pytest.mark.parametrize("name", WANT["functions"])
def test_functions(backend, name):
    got = scenarios_functions(backend)[name]
    for g, w in zip(got, WANT["functions"][name], strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=2e-5)


_found = {}


def scenarios_functions(backend):
    if backend.name not in _found:
        _found[backend.name] = scenarios.functions(kfront)
    return _found[backend.name]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", WANT["layers"])
def test_layers(backend, name):
    layer, _, config = name.rpartition("/")
    make, inputs = scenarios.layers(kfront)[layer]
    got = scenarios.result(kfront, make, inputs, scenarios.configs(kfront)[config])
    want = WANT["layers"][name]
    assert got["variables"] == want["variables"]
    assert got["config"] == want["config"]
    if config == "float8":
        assert got["file"] == want["file"]
    elif name not in OTHER_BLOCKS:
        for g, w in zip(got["file"], want["file"], strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5)
    if name not in OTHER_BLOCKS:
        for g, w in zip(got["outputs"], want["outputs"], strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-4, atol=BFLOAT16 if config == "float8" else 1e-4)


# zero points have 4 bits too: small blocks of one sign lose more
@pytest.mark.parametrize("config", [c for c in scenarios.configs(kfront) if c not in ("float8", "int4 blocks of 2")])
@pytest.mark.parametrize("layer", ["Dense", "EinsumDense abc,cde->abde", "EinsumDense abc,acd->abd", "Embedding"])
def test_outputs_are_near_those_before(backend, layer, config):
    make, inputs = scenarios.layers(kfront)[layer]
    g = np.random.default_rng(1)
    plain = make()
    plain.build(inputs)
    plain.set_weights([g.normal(size=w.shape).astype("float32") for w in plain.get_weights()])
    quantized, x = scenarios.quantized(kfront, make, inputs, scenarios.configs(kfront)[config])
    want, got = backend.to_numpy(plain(x)), backend.to_numpy(quantized(x))
    assert np.abs(got - want).max() < (0.05 if "int8" in config else 0.3) * np.abs(want).max()
    assert (
        np.abs(np.asarray(getattr(quantized, quantized._adapted)) - np.asarray(getattr(plain, plain._adapted))).max()
        < 0.3
    )


def model():
    kfront.utils.set_random_seed(3)
    return kfront.Sequential(
        [
            kfront.Input((5,), dtype="int32"),
            layers.Embedding(9, 8),
            layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de"),
            layers.Flatten(),
            layers.Dense(6, activation="relu"),
            layers.Dense(3, name="head"),
        ]
    )


X = np.random.default_rng(0).integers(0, 9, (8, 5)).astype("int32")
Y = np.arange(8) % 3


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_model_is_quantized_saved_and_adapted(backend, mode, tmp_path):
    one = model()
    before = one.predict(X, verbose=0)
    one.quantize(mode, filters="dense|embedding")
    after = one.predict(X, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.2
    assert one.layers[-1].quantization_mode is None and one.layers[0].quantization_mode == mode
    one.save(tmp_path / "m.keras")
    again = kfront.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), after, rtol=1e-5, atol=1e-6)
    assert again.layers[0].dtype_policy == one.layers[0].dtype_policy
    if backend.trainable:
        again.layers[3].enable_lora(2)
        again.compile(kfront.optimizers.Adam(0.02), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
        kernel = again.layers[3].kernel.base.stored.numpy()
        losses = again.fit(X, Y, epochs=5, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        np.testing.assert_array_equal(again.layers[3].kernel.base.stored.numpy(), kernel)
        again.save(tmp_path / "adapted.keras")
        merged = kfront.models.load_model(tmp_path / "adapted.keras").predict(X, verbose=0)
        assert np.abs(merged - again.predict(X, verbose=0)).max() < 0.3


INSIDE = {
    "constraint": lambda: layers.Dense(3, kernel_constraint="non_neg", kernel_initializer="ones"),
    "spectral": lambda: layers.SpectralNormalization(layers.Dense(3)),
    "spectral in time": lambda: layers.TimeDistributed(layers.SpectralNormalization(layers.Dense(3))),
}


@pytest.mark.parametrize("name", INSIDE)
def test_what_stands_around_a_weight_lets_it_be_quantized(backend, name, tmp_path):
    """The oracle is the model before, and its own file."""
    inputs = kfront.Input((2, 5))
    one = kfront.Model(inputs, INSIDE[name]()(inputs))
    x = np.random.default_rng(0).normal(size=(4, 2, 5)).astype("float32")
    before = one.predict(x, verbose=0)
    assert one.quantize("int8").num_quantized == 1
    after = one.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.03 * np.abs(before).max()
    np.testing.assert_array_equal(backend.to_numpy(one(x, training=True)), after)
    assert "float32" not in {w.dtype for w in one.weights if w.path.endswith("kernel")}
    one.save(tmp_path / "m.keras")
    for again in (kfront.models.load_model(tmp_path / "m.keras"), kfront.models.clone_model(one)):
        again.set_weights(one.get_weights())
        np.testing.assert_array_equal(again.predict(x, verbose=0), after)


def test_float8_trains(trainable_backend):
    one = model()
    one.quantize("float8")
    one.compile(kfront.optimizers.Adam(0.05), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = one.fit(X, Y, epochs=12, batch_size=4, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    dense = one.layers[-1]
    history = dense.inputs_amax_history.numpy()
    assert (np.roll(history, 23)[:24] > 0).all() and (history[1:-23] == 0).all()  # one for each step, in a ring
    assert 0 < dense.inputs_scale.numpy() < 1 and 0 < dense.outputs_grad_scale.numpy() < 1
    with pytest.raises(UnsupportedError, match="float8"):
        one.layers[0].quantize("float8")


def test_gradients_pass_a_quantized_layer(trainable_backend):
    b = trainable_backend
    layer, x = scenarios.quantized(
        kfront, *scenarios.layers(kfront)["EinsumDense abc,cde->abde"], scenarios.configs(kfront)["int8"]
    )
    got = b.to_numpy(kfront.grad(lambda v: kfront.ops.sum(layer(v)))(b.convert(x)))
    want = np.einsum("abde,cde->abc", np.ones((2, 3, 4, 5)), np.asarray(layer.kernel))
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_policy_quantizes_from_the_start(backend):
    for policy in ("int8_from_float32", "int4/2_from_float32", "int4/-1_from_float32"):
        layer = layers.Dense(4, dtype=policy)
        assert backend.to_numpy(layer(np.ones((2, 6), "float32"))).shape == (2, 4)
        assert layer.kernel.stored.dtype == "int8" and layer.quantization_mode == policy[:4]


def test_policies():
    for name in ("int8_from_mixed_bfloat16", "int4/128_from_float32", "float8_from_float32"):
        policy = dtype_policies.get(name)
        assert policy.name == name
        assert dtype_policies.deserialize(dtype_policies.serialize(policy)) == policy
    assert dtype_policies.get("int8_from_mixed_bfloat16").compute_dtype == "bfloat16"
    for wrong in ("int9_from_float32", "int4/0_from_float32", "int8_from_nothing"):
        with pytest.raises(ArgumentError):
            dtype_policies.get(wrong)


def test_errors():
    with pytest.raises(NotBuiltError):
        layers.Dense(2).quantize("int8")
    layer = layers.Dense(2)
    layer.build((None, 3))
    with pytest.raises(ArgumentError, match="expected `mode` in"):
        layer.quantize("int7")
    with pytest.raises(ArgumentError, match="of mode 'int4', got one of mode 'int8'"):
        layer.quantize("int4", config=quantizers.Int8QuantizationConfig())
    with pytest.raises(ArgumentError, match="over the axes"):
        layer.quantize(config=quantizers.Int8QuantizationConfig(quantizers.AbsMaxQuantizer(axis=1)))
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.quantize("int8")
    with pytest.raises(ArgumentError, match="not quantized"):
        layer.quantize("int8")
    with pytest.raises(UnsupportedError, match="quantized form"):
        layers.ReLU().quantize("int8")
    with pytest.raises(ArgumentError, match="output_dtype"):
        quantizers.Int8QuantizationConfig(quantizers.AbsMaxQuantizer(output_dtype="int16"))

    class Mine(layers.Dense):
        pass

    mine = Mine(2)
    mine.build((None, 3))
    with pytest.raises(UnsupportedError, match="subclass"):
        mine.quantize("int8")
    mine.quantize("int8", type_check=False)
