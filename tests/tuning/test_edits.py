from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers, tuning
from kfront.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")


def convolutional():
    kfront.utils.set_random_seed(0)
    x = inputs = kfront.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="second")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = kfront.Model(inputs, layers.Dense(5, name="head")(x))
    model.compile("adam", "mse")
    model.fit(X, np.zeros((4, 5), "float32"), verbose=0)  # moves the statistics
    return model


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "edit",
    [
        lambda m: tuning.widen(m, "first", 9),
        lambda m: tuning.widen(m, "second", 8),
        lambda m: tuning.deepen(m, "first"),
        lambda m: tuning.deepen(m, "second"),
        lambda m: tuning.add_skip(m, "first", "norm"),
        lambda m: tuning.add_skip(m, "pool", "head"),
        lambda m: tuning.deepen(tuning.widen(tuning.deepen(m, "first"), "first_deeper", 7), "second"),
    ],
)
def test_an_edited_model_computes_the_same_and_trains(trainable_backend, edit):
    model = convolutional()
    new = edit(model)
    assert new.count_params() > model.count_params()
    np.testing.assert_allclose(new.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-5)
    history = new.fit(X, np.ones((4, 5), "float32"), epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_a_narrower_layer_keeps_the_first_weights(backend):
    model = kfront.Sequential([kfront.Input((3,)), layers.Dense(6, name="a"), layers.Dense(2, name="b")])
    new = tuning.widen(model, "a", 4)
    for name, part in (("a", np.s_[:, :4]), ("b", np.s_[:4])):
        old = model.get_layer(name).get_weights()
        np.testing.assert_array_equal(new.get_layer(name).get_weights()[0], old[0][part])


def test_behind_a_flatten_weights_start_anew(backend):
    last = [layers.Flatten(), layers.Dense(2, name="b"), layers.Dense(1, name="c")]
    model = kfront.Sequential([kfront.Input((4, 3)), layers.Dense(2, name="a"), *last])
    new = tuning.widen(model, "a", 3)
    assert not np.array_equal(new.get_layer("b").get_weights()[0][:8], model.get_layer("b").get_weights()[0])
    assert np.abs(new.get_layer("b").get_weights()[0][8:]).sum() > 0
    np.testing.assert_array_equal(new.get_layer("c").get_weights()[0], model.get_layer("c").get_weights()[0])


def test_a_block_is_swapped_and_the_rest_keeps_its_weights(trainable_backend):
    model = convolutional()

    def block(x):
        x = layers.SeparableConv2D(6, 3, padding="same", strides=2, name="other")(x)
        return layers.Activation("relu")(x)

    new = tuning.swap(model, "norm", block, end="second")
    names = [layer.name for layer in new.layers]
    assert "other" in names and "norm" not in names and "second" not in names
    for name in ("first", "head"):
        for a, b in zip(new.get_layer(name).get_weights(), model.get_layer(name).get_weights()):
            np.testing.assert_array_equal(a, b)
    assert np.isfinite(new.fit(X, np.ones((4, 5), "float32"), verbose=0).history["loss"][0])


def test_names_and_kinds_are_checked():
    model = kfront.Sequential([kfront.Input((3,)), layers.Dense(6, name="a"), layers.Activation("relu", name="r")])
    with pytest.raises(ArgumentError, match=r"\[widen\] expected the name of a layer, got 'b'; there are a, r"):
        tuning.widen(model, "b", 2)
    with pytest.raises(ArgumentError, match="`units` or `filters`, got Activation 'r'"):
        tuning.widen(model, "r", 2)
    with pytest.raises(ArgumentError, match="a layer with a kernel"):
        tuning.deepen(model, "r")
    with pytest.raises(ArgumentError, match="'r' to come before 'a'"):
        tuning.add_skip(model, "r", "a")
