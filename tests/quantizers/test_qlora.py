"""QLoRA: a product of low rank trained on top of an int4 weight, beside the same on a float weight; files, merging."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers, ops
from kfront.core.variable import read

NAMES = ("first", "middle", "last")
DATA = np.random.default_rng(0).standard_normal((64, 8)).astype("float32")
CLASSES = np.argmax(DATA @ np.random.default_rng(1).standard_normal((8, 3)), 1)


def model(quantized=True, lora=True):
    kfront.utils.set_random_seed(0)
    x = inputs = kfront.Input((8,))
    x = layers.Reshape((4, 4))(layers.Dense(16, "relu", name="first")(x))
    x = layers.EinsumDense("abc,cd->abd", (4, 6), bias_axes="d", name="middle")(x)
    made = kfront.Model(inputs, layers.Dense(3, name="last")(layers.Flatten()(x)))
    for name in NAMES:
        if quantized:
            made.get_layer(name).quantize("int4")
        if lora:
            made.get_layer(name).enable_lora(4)
    return made


def kernel(one, name):
    return np.array(ops.convert_to_numpy(read(one.get_layer(name).kernel)))


def trained(one, epochs=6):
    one.compile(kfront.optimizers.Adam(0.02), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
    return one.fit(DATA, CLASSES, epochs=epochs, batch_size=16, shuffle=False, verbose=0).history["loss"]


def frozen(one):
    return {w.path: np.array(w.numpy()) for w in one.weights if not w.trainable}


def float_path():
    """The same weights, unpacked: what is trained on top must be the same."""
    packed, one = model(), model(quantized=False)
    for name in NAMES:
        ours, theirs = one.get_layer(name), packed.get_layer(name)
        ours.kernel.base.assign(kernel(packed, name))
        for leaf in ("lora_kernel_a", "lora_kernel_b"):
            getattr(ours, leaf).assign(getattr(theirs, leaf).numpy())
    return one


def test_trains_as_on_a_float_weight(trainable_backend):
    one = model()
    assert sorted(w.path.split("/")[-1] for w in one.trainable_variables) == sorted(
        ["bias", "lora_kernel_a", "lora_kernel_b"] * 3
    )
    before = frozen(one)
    assert {v.dtype.name for k, v in before.items() if k.endswith("/kernel")} <= {"int8", "uint8"}
    losses = trained(one)
    # the same sums in another order, over 24 steps of Adam
    np.testing.assert_allclose(losses, trained(float_path()), rtol=2e-4)
    assert losses[-1] < losses[0] / 3
    assert all(np.array_equal(before[k], v) for k, v in frozen(one).items())


@pytest.mark.parametrize("form", ["safetensors", "checkpoint"])
def test_saved_as_it_is(trainable_backend, form, tmp_path):
    one, again = model(), model()
    trained(one, 2)
    if form == "checkpoint":
        again.compile(kfront.optimizers.Adam(0.02), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
        again.optimizer.build(again.trainable_variables)
        kfront.saving.save_checkpoint(one, tmp_path / "state")
        kfront.saving.load_checkpoint(again, tmp_path / "state")
    else:
        one.save_weights(tmp_path / "w.safetensors")
        again.load_weights(tmp_path / "w.safetensors")
    assert np.array_equal(one.predict(DATA, verbose=0), again.predict(DATA, verbose=0))


@pytest.mark.parametrize("form", [".keras", ".weights.h5"])
def test_keras_files_hold_the_sum_in_int4(trainable_backend, form, tmp_path):
    one = model()
    trained(one, 2)
    path = tmp_path / f"m{form}"
    if form == ".keras":
        one.save(path)
        again = kfront.saving.load_model(path)
    else:
        one.save_weights(path)
        again = model(lora=False)
        again.load_weights(path)
    for name in NAMES:
        whole, rounded = kernel(one, name), kernel(again, name)
        assert again.get_layer(name).quantization_mode == "int4"
        half_step = np.abs(whole).max() / 7 / 2  # of integers from -7 to 7, where the scale is largest
        assert 0 < np.abs(whole - rounded).max() <= half_step * 1.001


def test_merged_into_float_weights(trainable_backend):
    one, merged = model(), model(quantized=False, lora=False)
    trained(one, 2)
    for name in NAMES:
        merged.get_layer(name).kernel.assign(one.get_layer(name).kernel.value)
        merged.get_layer(name).bias.assign(one.get_layer(name).bias.value)
    np.testing.assert_allclose(merged.predict(DATA, verbose=0), one.predict(DATA, verbose=0), atol=1e-4, rtol=1e-5)
