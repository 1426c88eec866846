"""Saving and loading within kfront, between any two engines."""

from __future__ import annotations

import io
import json
import warnings

import numpy as np
import pytest
from tests.conftest import ENGINES, TRAINABLE
from tests.saving import models

import kfront
from kfront.core.errors import SavingError


@pytest.mark.parametrize("other", ENGINES)
@pytest.mark.parametrize("name", models.MODELS)
def test_models_between_engines(backend, other, name, tmp_path):
    model = models.MODELS[name][0](kfront)
    want = models.predict(model, name)
    model.save(tmp_path / "m.keras")
    with kfront.backend_scope(other):
        got = models.predict(kfront.saving.load_model(tmp_path / "m.keras"), name)
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("other", TRAINABLE)
@pytest.mark.parametrize("optimizer", models.OPTIMIZERS)
def test_training_state_between_engines(trainable_backend, other, optimizer, tmp_path):
    model = models.trainable(kfront, optimizer)
    model.save(tmp_path / "m.keras")
    want = models.continue_training(model, 2)
    with kfront.backend_scope(other):
        again = kfront.saving.load_model(tmp_path / "m.keras")
        assert type(again.optimizer).__name__ == optimizer
        assert models.continue_training(again, 2) == pytest.approx(want, rel=1e-5)


def test_without_compile(trainable_backend, tmp_path):
    model = models.trainable(kfront, "Adam")
    model.save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras", compile=False)
    assert not again.compiled
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_open_files_and_path_objects(backend):
    model = models.mlp(kfront)
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    again = kfront.saving.load_model(buffer)
    weights = io.BytesIO()
    model.save_weights(weights)
    weights.seek(0)
    again.load_weights(weights)
    for x, y in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def test_own_classes_and_functions(backend, tmp_path):
    @kfront.saving.register_keras_serializable("tests")
    class Scale(kfront.layers.Layer):
        def __init__(self, start=1.0, **kwargs):
            super().__init__(**kwargs)
            self.start = start

        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, x):
            return x * self.factor * self.start

        def get_config(self):
            return {**super().get_config(), "start": self.start}

    class Block(kfront.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.parts = [kfront.layers.Dense(3), [Scale(2.0)], {"a": kfront.layers.Dense(3)}]
            self._kf_last = kfront.layers.Dense(2)
            self.also = self._kf_last

        def call(self, x):
            x = self.parts[1][0](self.parts[0](x))
            return self._kf_last(self.parts[2]["a"](x))

    @kfront.saving.register_keras_serializable("tests")
    def twice(x):
        return 2 * x

    x = kfront.Input((4,))
    model = kfront.Model(x, kfront.layers.Dense(2, activation=twice)(Block()(x)))
    data = np.ones((2, 4), "float32")
    want = np.asarray(model.predict(data, verbose=0))
    model.save(tmp_path / "m.keras")
    with pytest.raises(SavingError, match="Block"):
        kfront.saving.load_model(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras", custom_objects={"Block": Block})
    np.testing.assert_allclose(np.asarray(again.predict(data, verbose=0)), want, rtol=1e-6)
    with kfront.saving.custom_object_scope({"Block": Block}):
        kfront.saving.load_model(tmp_path / "m.keras")


def test_subclassed_model(backend, tmp_path):
    @kfront.saving.register_keras_serializable("tests")
    class Net(kfront.Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.first = kfront.layers.Dense(units, activation="relu")
            self.rest = [kfront.layers.Dense(units), kfront.layers.Dense(1)]

        def call(self, x):
            x = self.first(x)
            for layer in self.rest:
                x = layer(x)
            return x

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    model = Net(5)
    x = np.ones((2, 4), "float32")
    want = np.asarray(model.predict(x, verbose=0))
    model.save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(np.asarray(again.predict(x, verbose=0)), want, rtol=1e-6)
    other = Net(5)
    with pytest.raises(SavingError, match="first"):
        other.load_weights(tmp_path / "m.keras")
    other(x)
    other.load_weights(tmp_path / "m.keras")
    np.testing.assert_allclose(np.asarray(other.predict(x, verbose=0)), want, rtol=1e-6)


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(backend, tmp_path):
    model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(3), kfront.layers.Dense(2)])
    model.save_weights(tmp_path / "w.weights.h5")
    other = kfront.Sequential(
        [kfront.Input((4,)), kfront.layers.Dense(3), kfront.layers.Dense(5), kfront.layers.Dense(1)]
    )
    before = other.get_weights()
    with pytest.raises(SavingError) as caught:
        other.load_weights(tmp_path / "w.weights.h5")
    text = str(caught.value)
    assert "layers/dense_1/vars/0" in text and "expected (3, 5), got (3, 2)" in text
    assert "layers/dense_2/vars/0" in text and "got nothing" in text
    for x, y in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(x, y)
    with pytest.warns(UserWarning, match="layers/dense_1/vars/0"):
        other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(other.get_weights()[2], before[2])


def test_more_in_the_file_than_in_the_model_is_told(tmp_path):
    model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(3), kfront.layers.Dense(2)])
    model.save_weights(tmp_path / "w.weights.h5")
    fewer = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(3)])
    with pytest.warns(UserWarning, match="layers/dense_1"):
        fewer.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(fewer.get_weights()[0], model.get_weights()[0])


def test_optimizer_state_that_does_not_fit_is_told(tmp_path):
    engine = TRAINABLE[0]
    with kfront.backend_scope(engine):
        model = models.trainable(kfront, "Adam")
        model.save_weights(tmp_path / "w.weights.h5")
        other = models.trainable(kfront, "SGD")
        with pytest.warns(UserWarning, match="optimizer"):
            other.load_weights(tmp_path / "w.weights.h5")
        same = models.trainable(kfront, "Adam")
        models.continue_training(same)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            same.load_weights(tmp_path / "w.weights.h5")
        for x, y in zip(same.optimizer.variables, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(x.numpy(), y.numpy())


def test_own_store_and_assets(backend, tmp_path):
    @kfront.saving.register_keras_serializable("tests")
    class Own(kfront.layers.Layer):
        words = ()

        def build(self, input_shape):
            self.a = self.add_weight(shape=(2,), name="a")

        def call(self, x):
            return x

        def save_own_variables(self, store):
            store["mine"] = self.a.numpy()
            store["count"] = np.array(3)

        def load_own_variables(self, store):
            assert sorted(store.keys()) == ["count", "mine"]
            assert int(store["count"]) == 3
            self.a.assign(store["mine"])

        def save_assets(self, folder):
            with open(f"{folder}/words.txt", "w") as file:
                file.write("a b c")

        def load_assets(self, folder):
            with open(f"{folder}/words.txt") as file:
                self.words = tuple(file.read().split())

    model = kfront.Sequential([kfront.Input((2,)), Own()])
    model.save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.layers[0].a.numpy(), model.layers[0].a.numpy())
    assert again.layers[0].words == ("a", "b", "c")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"])
def test_dtypes(backend, dtype, tmp_path):
    if dtype == "float64" and dtype not in backend.dtypes:
        pytest.skip("this engine has no float64")
    model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(2, dtype=dtype)])
    model.save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras")
    assert again.layers[0].dtype_policy.name == dtype
    assert [v.dtype for v in again.variables] == [v.dtype for v in model.variables]
    for x, y in zip(again.variables, model.variables, strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())


def test_shared_objects_stay_shared(tmp_path):
    init = kfront.initializers.RandomNormal(seed=1)
    layer = kfront.layers.Dense(2, kernel_initializer=init, bias_initializer=init)
    kfront.Sequential([kfront.Input((2,)), layer]).save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras").layers[0]
    assert again.kernel_initializer is again.bias_initializer


def test_arguments():
    model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(2)])
    for attempt in (
        lambda: model.save("x"),
        lambda: model.save("x.keras", save_format="tf"),
        lambda: model.save("/no/such/folder/x.keras"),
        lambda: model.save_weights("x.h5"),
        lambda: model.save_weights(3),
        lambda: model.load_weights("x.npz"),
        lambda: model.load_weights("missing.weights.h5"),
        lambda: kfront.saving.load_model("missing.keras"),
        lambda: kfront.saving.load_model("missing.h5"),
        lambda: kfront.saving.save_model(3, "x.keras"),
    ):
        with pytest.raises(SavingError, match=r"^\["):
            attempt()


def test_overwrite(tmp_path):
    model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(SavingError, match="overwrite"):
        model.save(tmp_path / "m.keras", overwrite=False)
    model.save(tmp_path / "m.keras")


def test_json_round_trip(backend):
    for name in models.MODELS:
        model = models.MODELS[name][0](kfront)
        again = kfront.models.model_from_json(model.to_json())
        assert json.loads(again.to_json()) == json.loads(model.to_json())


def test_a_layer_without_get_config(tmp_path):
    """Constructor arguments are written by themselves, layers among them."""

    @kfront.saving.register_keras_serializable("tests")
    class Around(kfront.layers.Layer):
        def __init__(self, inner, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.factor = inner, factor

        def call(self, x):
            return self.inner(x) * self.factor

    model = kfront.Sequential([kfront.Input((2,)), Around(kfront.layers.Dense(3), factor=2.0)])
    model.save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras")
    assert again.layers[0].inner.units == 3 and again.layers[0].factor == 2.0
    x = np.ones((1, 2), "float32")
    np.testing.assert_allclose(models.flat(again(x))[0], models.flat(model(x))[0], rtol=1e-6)


class Named(kfront.Model):
    """One Sequential under several names."""

    def __init__(self, *names):
        super().__init__()
        self.part = kfront.Sequential([kfront.layers.Dense(2)])
        for name in names:
            setattr(self, name, self.part)

    def call(self, x):
        return self.part(x)


def test_weights_under_another_name_of_their_layer(backend, tmp_path):
    """As in Keras: of the names that a layer has in the model, one that the file has."""
    x = np.ones((2, 3), "float32")
    old, new = Named(), Named("a", "b")
    want = old(x)
    new(x)
    old.save_weights(tmp_path / "w.weights.h5")
    new.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(backend.to_numpy(new(x)), backend.to_numpy(want))
    new.save_weights(tmp_path / "a.weights.h5")  # under the first name only
    with pytest.raises(SavingError, match="layers/sequential"):
        old.load_weights(tmp_path / "a.weights.h5")


def test_refusals_are_of_both_classes_of_keras():
    config = kfront.saving.serialize_keras_object(kfront.layers.Dense(3))
    assert kfront.saving.deserialize_keras_object({**config, "registered_name": ""}).units == 3
    for kind in (TypeError, ValueError):
        with pytest.raises(kind):
            kfront.saving.deserialize_keras_object({**config, "config": {"units": -1}})
