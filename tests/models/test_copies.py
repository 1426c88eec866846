"""Copies of models: what they keep beside architecture and weights."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from tests.conftest import ENGINES, TRAINABLE

import kfront
from kfront import layers

X = np.random.default_rng(0).random((4, 3)).astype("float32")


def trained():
    inner = kfront.Sequential([layers.Dense(3)])
    model = kfront.Sequential([layers.Dense(2), layers.BatchNormalization(), inner])
    model.compile("adam", "mse")
    model.fit(X, X, verbose=0)
    return model


@pytest.mark.parametrize("target", ENGINES)
def test_converted_models_keep_the_paths_of_variables_and_layers(target, trainable_backend):
    model = trained()
    new = kfront.convert(model, target)
    for of in (lambda m: m, lambda m: m.optimizer):
        assert [(v.path, v.name) for v in of(new).variables] == [(v.path, v.name) for v in of(model).variables]
    paths = [sorted(str(x.path) for x in m._flatten_layers()) for m in (model, new)]
    assert paths[0] == paths[1]


def test_names_for_layouts_and_filters_mean_the_same_layers_after_a_conversion():
    with kfront.backend_scope(TRAINABLE[0]):
        model = trained()
    paths = [v.path for v in model.variables]
    assert len(set(paths)) == len(paths) and all("/" in p for p in paths)
    assert [v.path for v in kfront.convert(kfront.convert(model, "numpy"), TRAINABLE[-1]).variables] == paths


def squares(y, y_pred):
    return kfront.ops.mean(kfront.ops.square(y - y_pred))


@pytest.mark.parametrize("kind", ["sequential", "functional", "uncompiled"])
def test_clones_are_compiled_alike(kind, trainable_backend):
    x = kfront.Input((3,))
    dense = layers.Dense(1)
    model = kfront.Model(x, dense(x)) if kind == "functional" else kfront.Sequential([x, dense])
    if kind != "uncompiled":
        model.compile(kfront.optimizers.SGD(0.25), squares, metrics=["mae"])
    clone = kfront.models.clone_model(model)
    assert clone.compiled == (kind != "uncompiled")
    if clone.compiled:
        assert clone.optimizer is not model.optimizer
        assert float(clone.optimizer.learning_rate.numpy()) == 0.25
        assert clone.loss is squares
        assert set(clone.fit(X, X[:, :1], verbose=0).history) == {"loss", "mae"}


def test_objects_that_keep_what_they_have_when_weights_are_loaded(backend, tmp_path):
    first, second = (
        kfront.Sequential([kfront.Input((4,)), layers.Dense(2), kfront.Sequential([layers.Dense(2)])]) for _ in range(2)
    )
    first.save_weights(tmp_path / "m.weights.h5")
    before = [v.numpy() for v in second.weights]
    second.load_weights(tmp_path / "m.weights.h5", objects_to_skip=[second.layers[1]])
    for got, loaded in zip(second.weights[:2], first.weights[:2], strict=True):
        np.testing.assert_array_equal(got.numpy(), loaded.numpy())
    for got, kept in zip(second.weights[2:], before[2:], strict=True):
        np.testing.assert_array_equal(got.numpy(), kept)
    with pytest.raises(kfront.errors.SavingError, match="objects_to_skip"):
        second.load_weights(tmp_path / "m.keras", objects_to_skip=[second.layers[1]])


def test_recorded_ops_have_the_names_of_keras_in_summaries(backend):
    x = kfront.Input((2,))
    y = kfront.ops.logical_and(-x > 0, x[:, :1] > 0)
    printed = []
    kfront.Model(x, kfront.ops.cast(y, "float32") + x / 2).summary(print_fn=printed.append)
    for kind in ("Add", "Divide", "Negative", "Greater", "GetItem", "LogicalAnd", "Cast"):
        assert f"({kind})" in printed[0]
    assert "OpCall" not in printed[0]


class Wrapped(layers.Layer):
    """Its config has a layer as it is, and nothing makes one of what a file has in its place."""

    def __init__(self, inner, start=None, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.start = inner, start

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "inner": self.inner, "start": self.start}


def test_clones_of_layers_with_layers_in_their_configs(trainable_backend):
    start = kfront.initializers.RandomUniform(seed=1)
    deep = Wrapped(Wrapped(layers.Dense(2, kernel_initializer=start)), start)
    model = kfront.Sequential([kfront.Input((3,)), deep])
    for new in (kfront.models.clone_model(model), kfront.convert(model, "numpy")):
        inner = new.layers[0].inner.inner
        assert isinstance(inner, layers.Dense) and inner is not deep.inner.inner
        assert type(new.layers[0].start) is type(start)
        np.testing.assert_array_equal(new.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("way", ["file", "config", "json", "clone"])
def test_a_layer_in_several_places_of_a_sequential_is_one_in_each_copy(way, backend, tmp_path):
    shared, act = layers.Dense(3, name="shared"), layers.ReLU(name="act")
    model = kfront.Sequential([kfront.Input((3,)), shared, act, shared, act])
    x = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
    if way == "file":
        model.save(tmp_path / "a.keras")
        copy = kfront.models.load_model(tmp_path / "a.keras")
    elif way == "config":
        copy = kfront.Sequential.from_config(model.get_config())
    else:
        json = kfront.models.model_from_json
        copy = json(model.to_json()) if way == "json" else kfront.models.clone_model(model)
    assert [layer.name for layer in copy.layers] == ["shared", "act", "shared", "act"]
    assert copy.layers[0] is copy.layers[2] is not shared
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(
        kfront.ops.convert_to_numpy(copy(x)), kfront.ops.convert_to_numpy(model(x)), rtol=1e-6, atol=1e-6
    )


class Holder(kfront.Model):
    """Layers in a list and in a dict."""

    def __init__(self):
        super().__init__()
        self.several, self.by_name = [], {}
        for i in range(2):
            self.several.append(layers.Dense(2))
            self.by_name[f"dense_{i}"] = layers.Dense(2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_copies_hold_each_layer_once(copied, backend):
    model = Holder()
    twin = copied(model)
    held = [{name: [key for key, _ in items] for name, items in m._tracker.items.items()} for m in (model, twin)]
    assert held[0] == held[1] == {"several": ["0", "1"], "by_name": ["dense_0", "dense_1"]}
    twin.several.pop()
    assert [len(m.layers) for m in (model, twin)] == [4, 3]
