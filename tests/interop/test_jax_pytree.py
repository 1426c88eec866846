"""Layers as pytrees of JAX: what comes out of a transform is whole, and structure is the architecture."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from conformance.layers.running import call, host, native, ready, world
from conformance.layers.table import ROWS

import kfront
from kfront import layers, ops

jax = pytest.importorskip("jax")
jnp = jax.numpy


@pytest.fixture(autouse=True)
def _on_jax():
    with kfront.backend_scope("jax"):
        yield


def rand(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


class Scaled(layers.Layer):
    """Class defaults that instances replace, sublayers in containers, a metric, settings in an object."""

    kernel = None
    scale = 1.0

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale = units, 3.0
        self.parts = [layers.Dense(units), {"other": layers.Dense(units)}]
        self.seen = kfront.metrics.Mean()
        self.table = np.arange(units, dtype="float32")

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def call(self, x):
        return (x @ self.kernel + self.parts[0](x) + self.parts[1]["other"](x)) * self.scale + self.table


def sequential():
    return kfront.Sequential(
        [
            kfront.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            Scaled(3),
        ]
    )


def functional():
    x = kfront.Input((5, 4))
    h = ops.relu(layers.Bidirectional(layers.LSTM(3, dropout=0.1))(x)) + 1
    shared = layers.Dense(4)
    h = shared(layers.Concatenate()([shared(layers.Dense(6)(h)), h[:, :2]]))
    return kfront.Model(x, layers.Dense(2)(h))


class Subclassed(kfront.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(4), kfront.Sequential([layers.Dense(3), layers.LayerNormalization()])

    def call(self, x):
        return self.second(self.first(x))


def subclassed():
    model = Subclassed()
    model(rand(1, 4))
    return model


MODELS = {"sequential": (sequential, (2, 4)), "functional": (functional, (2, 5, 4)), "subclassed": (subclassed, (2, 4))}


@pytest.fixture(params=MODELS)
def built(request):
    make, shape = MODELS[request.param]
    return make, rand(*shape)


def mix(a, b):
    return a * 0.5 + b * 0.5 if jnp.issubdtype(a.dtype, jnp.floating) else a


# -- all attributes at once --------------------------------------------------------------------------------------------


def test_attributes_are_there_before_any_other_is_read():
    layer = layers.Dense(3)
    layer.build((None, 4))
    for out in (
        jax.tree.map(lambda a: a, layer),
        jax.jit(lambda m: m)(layer),
        jax.grad(lambda m: m(rand(2, 4)).sum())(layer),
    ):
        assert out.kernel is not None and out.kernel.shape == (4, 3)
    assert jax.tree.map(lambda a: a, layer).bias.path == layer.bias.path
    norm = layers.BatchNormalization()
    norm.build((None, 3))
    assert jax.tree.map(lambda a: a, norm).gamma.shape == (3,)


def test_class_defaults_of_users_do_not_hide_attributes():
    layer = Scaled(2)
    layer(rand(1, 4))
    copies = iter([jax.tree.map(lambda a: a, layer) for _ in range(6)])
    assert next(copies).kernel.shape == (4, 2)
    assert next(copies).scale == 3.0
    assert vars(next(copies)).keys() >= {"kernel", "scale", "parts", "units", "name"}
    changed = next(copies)
    changed.scale = 7.0
    assert changed.scale == 7.0 and changed.units == 2 and layer.scale == 3.0
    assert Scaled.scale == 1.0 and Scaled.kernel is None
    twin = next(copies)
    twin.parts.append(layers.Dense(5))
    assert len(twin.parts) == 3 and len(layer.parts) == 2
    assert pickle.loads(pickle.dumps(next(copies).parts[0].units)) == 2


def test_what_goes_into_a_transform_has_all_attributes():
    layer = Scaled(2)
    layer(rand(1, 4))
    seen = []

    def look(m, x):
        seen.append((m.kernel.shape, m.scale, m.built, m.parts[1]["other"].kernel.shape))
        return m(x)

    want = layer(rand(2, 4))
    np.testing.assert_allclose(jax.jit(look)(layer, rand(2, 4)), want, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(look, (None, 0))(layer, rand(2, 1, 4))[:, 0], want, rtol=1e-5)
    assert seen == [((4, 2), 3.0, True, (4, 2))] * 2


def test_copies_and_files_of_what_comes_out(built, tmp_path):
    make, x = built
    model = make()
    want = np.asarray(model(x))
    for twin in (
        copy.deepcopy(jax.tree.map(lambda a: a, model)),
        pickle.loads(pickle.dumps(jax.jit(lambda m: m)(model))),
    ):
        np.testing.assert_allclose(twin(x), want, rtol=1e-6)
    twin = jax.tree.map(lambda a: a, model)
    assert [v.path for v in twin.variables] == [v.path for v in model.variables]
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    twin.save_weights(tmp_path / "w.weights.h5")
    model.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_allclose(model(x), want, rtol=1e-6)


def test_a_functional_model_that_comes_out_has_a_graph_of_its_own(tmp_path):
    model = functional()
    twin = jax.tree.map(lambda a: a, model)
    assert twin.get_config() == model.get_config()
    assert twin.output.shape == model.output.shape and twin.output is not model.output
    assert not {id(o) for o in twin.operations} & {id(o) for o in model.operations}
    inner = kfront.Model(twin.input, twin.layers[1].output)
    assert inner(rand(2, 5, 4)).shape == (2, 6)
    twin.save(tmp_path / "m.keras")
    np.testing.assert_allclose(
        kfront.saving.load_model(tmp_path / "m.keras")(rand(2, 5, 4)), model(rand(2, 5, 4)), rtol=1e-5
    )


# -- structure is the architecture -------------------------------------------------------------------------------------


def test_models_made_alike_are_mapped_together(built):
    make, x = built
    one, two = make(), make()
    assert jax.tree.structure(one) == jax.tree.structure(two)
    average = jax.tree.map(mix, one, two)
    for a, b, c in zip(one.weights, two.weights, average.weights, strict=True):
        np.testing.assert_allclose(c, (a + b) / 2, rtol=1e-6)
    one(x)  # a call, compile and fit change nothing of it
    one.compile("sgd", "mse", metrics=["mae"])
    one.fit(x, np.asarray(one(x)), verbose=0)
    for other in (two, copy.deepcopy(one), kfront.models.clone_model(two), average):
        assert jax.tree.structure(one) == jax.tree.structure(other)
        assert hash(jax.tree.structure(one)) == hash(jax.tree.structure(other))


def test_paths_of_leaves_are_those_of_the_architecture(built):
    make, _ = built
    one, two = ([jax.tree_util.keystr(p) for p, _ in jax.tree_util.tree_flatten_with_path(make())[0]] for _ in range(2))
    assert one == two and len(set(one)) == len(one)
    if make is sequential:
        assert one[:2] == ["['dense/kernel']", "['dense/bias']"] and "['dropout/seed_generator/state']" in one
        assert one[-1] == "['scaled/parts/1/other/bias']"


@pytest.mark.parametrize(
    "other",
    [
        lambda: layers.Dense(4),
        lambda: layers.Dense(3, use_bias=False),
        lambda: layers.Dense(3, activation="tanh"),
        lambda: layers.Dense(3, trainable=False),
        lambda: layers.Dense(3, dtype="mixed_bfloat16"),
        lambda: layers.Dense(3, kernel_regularizer="l2"),
        lambda: layers.EinsumDense("ab,bc->ac", 3),
    ],
)
def test_other_architectures_are_other_structures(other):
    one, two = layers.Dense(3), other()
    one(rand(1, 4)), two(rand(1, 4))
    assert jax.tree.structure(one) != jax.tree.structure(two)


def test_a_changed_setting_is_another_structure_and_compiles_again():
    layer, x = Scaled(2), rand(2, 4)
    layer(x)
    run = jax.jit(lambda m, x: m(x))
    np.testing.assert_allclose(run(layer, x), layer(x), rtol=1e-5)
    for change in (
        lambda: setattr(layer, "scale", 5.0),
        lambda: setattr(layer, "table", np.ones(2, "float32")),
        lambda: setattr(layer.parts[0], "activation", jnp.tanh),
        lambda: layer.parts.append(layers.Dense(2)),
    ):
        before = run._cache_size()
        change()
        np.testing.assert_allclose(run(layer, x), layer(x), rtol=1e-5)
        assert run._cache_size() == before + 1
    twin = Scaled(2)
    twin(x)
    assert jax.tree.structure(twin) != jax.tree.structure(layer)


def test_equal_layers_compile_once_and_none_is_kept_alive():
    traces = []
    run = jax.jit(lambda m, x: (traces.append(1), m(x), jax.tree.map(lambda a: a, m))[1:])
    for _ in range(3):
        model = sequential()
        got, out = run(model, rand(2, 4))
        np.testing.assert_allclose(got, model(rand(2, 4)), rtol=1e-5)
    assert traces == [1]
    dead = [weakref.ref(model), *map(weakref.ref, model.layers), *map(weakref.ref, model.variables)]
    del model, out
    gc.collect()
    assert [r() for r in dead] == [None] * len(dead)


TRIED = {r.layer if r.tag != "dropout" else r.id: r for r in ROWS if not r.light}.values()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("row", TRIED, ids=lambda r: r.id)
def test_every_layer(row):
    with world("jax") as b:
        one, two = ready(row), ready(row)
        before = jax.tree.structure(one)
        assert before == jax.tree.structure(two)
        twin = jax.tree.map(lambda a: a, one)
        arguments = native(b, row)
        want = host(b, call(one, row, arguments))
        assert jax.tree.structure(one) == before, "a call has changed the structure"
        for w, g in zip(want, host(b, call(twin, row, arguments)), strict=True):
            np.testing.assert_array_equal(w, g)
        assert jax.tree.structure(twin) == before
