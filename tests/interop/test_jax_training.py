"""Whole models in training loops of JAX: partition and merge, optax, values that must not stay, NaNs, threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import kfront
from kfront import layers, ops

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy


@pytest.fixture(autouse=True)
def _on_jax():
    with kfront.backend_scope("jax"):
        kfront.utils.set_random_seed(0)
        yield


def rand(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def model_of(*inner, shape=(6, 4)):
    return kfront.Sequential([kfront.Input(shape), *inner, layers.Dense(2)])


RECURRENT = {
    "dropout": lambda: model_of(layers.Dropout(0.4), layers.Flatten()),
    "lstm": lambda: model_of(layers.LSTM(5, dropout=0.2)),
    "lstm without dropout": lambda: model_of(layers.LSTM(5)),
    "norm": lambda: model_of(layers.BatchNormalization(), layers.Flatten()),
    "frozen": lambda: model_of(layers.Dense(3, trainable=False), layers.BatchNormalization(), layers.GRU(3)),
}


def loss_of(trainable, rest, x):
    model = kfront.merge(trainable, rest)
    return jnp.mean(jnp.square(model(x, training=True))), kfront.partition(model)[1]


# -- partition and merge -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECURRENT)
def test_partition_and_merge(name):
    model = RECURRENT[name]()
    trainable, rest = kfront.partition(model)
    assert [x.shape for x in jax.tree.leaves(trainable)] == [v.shape for v in model.trainable_variables]
    assert [x.shape for x in jax.tree.leaves(rest)] == [v.shape for v in model.non_trainable_variables]
    again = kfront.merge(rest, trainable)
    assert jax.tree.structure(again) == jax.tree.structure(model)
    np.testing.assert_array_equal(again(rand(3, 6, 4)), model(rand(3, 6, 4)))
    assert all(jnp.issubdtype(x.dtype, jnp.floating) for x in jax.tree.leaves(trainable))


@pytest.mark.parametrize("name", RECURRENT)
def test_gradients_are_those_of_the_backend(name):
    model, x = RECURRENT[name](), rand(3, 6, 4)
    trainable, rest = kfront.partition(model)
    (loss, rest), found = jax.jit(jax.value_and_grad(loss_of, has_aux=True))(trainable, rest, x)
    wanted = kfront.value_and_grad(lambda: ops.mean(ops.square(model(x, training=True))), wrt=model)()
    np.testing.assert_allclose(loss, wanted[0], rtol=1e-5)
    for g, w in zip(jax.tree.leaves(found), wanted[1], strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-6)
    for new, v in zip(jax.tree.leaves(rest), model.non_trainable_variables, strict=True):
        np.testing.assert_allclose(new, v, rtol=1e-5)  # what the call assigned: statistics, seeds


def test_an_optax_loop_is_fit():
    def build():
        kfront.utils.set_random_seed(1)
        return model_of(layers.Dense(8, trainable=False), layers.BatchNormalization(), layers.LSTM(4))

    model, x, y = build(), rand(32, 6, 4), rand(32, 2)
    start = [v.numpy() for v in model.variables]
    optimizer = optax.sgd(0.1, momentum=0.9)

    @jax.jit
    def step(trainable, rest, state, x, y):
        def loss_fn(trainable):
            model = kfront.merge(trainable, rest)
            loss = jnp.mean((model(x, training=True) - y) ** 2)
            return loss, kfront.partition(model)[1]

        (loss, new), gradients = jax.value_and_grad(loss_fn, has_aux=True)(trainable)
        updates, state = optimizer.update(gradients, state, trainable)
        return optax.apply_updates(trainable, updates), new, state, loss

    trainable, rest = kfront.partition(model)
    state = optimizer.init(trainable)
    for i in range(0, 32, 8):
        trainable, rest, state, _ = step(trainable, rest, state, x[i : i + 8], y[i : i + 8])
    trained, fitted = kfront.merge(trainable, rest), build()
    fitted.compile(kfront.optimizers.SGD(0.1, momentum=0.9), "mse")
    fitted.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for a, b, v in zip(trained.variables, fitted.variables, model.variables, strict=True):
        if "seed" not in v.path:
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5, err_msg=v.path)
    assert all(np.array_equal(a, v) for a, v in zip(start, model.variables, strict=True))
    np.testing.assert_array_equal(trained.layers[0].kernel, model.layers[0].kernel)
    assert not np.allclose(trained.layers[1].moving_mean, model.layers[1].moving_mean)


def test_freezing_moves_a_weight_to_the_rest():
    model = model_of(layers.Flatten())
    model.layers[-1].trainable = False
    assert not jax.tree.leaves(kfront.partition(model)[0])
    model.layers[-1].trainable = True
    assert len(jax.tree.leaves(kfront.partition(model)[0])) == 2
    model.trainable = False
    assert not jax.tree.leaves(kfront.partition(model)[0])


def test_parts_of_other_layers_are_refused():
    one, two = layers.Dense(2), layers.Dense(3)
    one.build((None, 4)), two.build((None, 4))
    with pytest.raises(kfront.errors.ArgumentError, match="parts of one layer"):
        kfront.merge(kfront.partition(one)[0], kfront.partition(two)[1])
    with pytest.raises(kfront.errors.ArgumentTypeError, match="partition"):
        kfront.partition([1, 2])


@pytest.mark.parametrize("engine", ["numpy", "torch", "tensorflow"])
def test_other_engines_have_no_trees(engine):
    pytest.importorskip(engine)
    with kfront.backend_scope(engine):
        layer = layers.Dense(2)
        layer.build((None, 3))
    for act in (lambda: kfront.partition(layer), lambda: kfront.merge(layer, layer)):
        with pytest.raises(kfront.errors.UnsupportedError, match="stateless_call"):
            act()


# -- values that would stay --------------------------------------------------------------------------------------------

TRANSFORMS = {
    "jit": lambda f: jax.jit(f),
    "grad": lambda f: jax.grad(lambda x: f(x).sum()),
    "vmap": lambda f: jax.vmap(lambda row: f(row[None])),
    "scan": lambda f: lambda x: jax.lax.scan(lambda c, _: (f(c), None), x, None, length=2),
    "checkpoint": lambda f: jax.checkpoint(f),
    "eval_shape": lambda f: lambda x: jax.eval_shape(f, x),
}


class Keeps(layers.Layer):
    """Keeps the sum of its inputs."""

    def build(self, input_shape):
        self.kept = self.add_weight(shape=(), initializer="zeros", trainable=False, name="kept")

    def call(self, x):
        self.kept.assign(ops.sum(x))
        return x


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_tracer_does_not_stay_in_a_variable(name):
    layer, x = Keeps(name="outer"), jnp.asarray(rand(3, 4))
    layer.build((None, 4))
    with pytest.raises(kfront.errors.UnsupportedError, match="outer/kept.*stateless_call.*kfront.jit"):
        TRANSFORMS[name](layer)(x)
    assert float(layer.kept) == 0.0
    layer(x)
    np.testing.assert_allclose(layer.kept, x.sum(), rtol=1e-5)


def test_an_eager_gradient_assigns_what_does_not_depend_on_its_argument():
    layer, x = layers.BatchNormalization(), jnp.asarray(rand(3, 4))
    layer.build((None, 4))
    jax.grad(lambda x: layer(x, training=True).sum())(x)
    np.testing.assert_allclose(layer.moving_mean, 0.01 * x.mean(0), rtol=1e-5)


def test_the_state_of_a_seed_does_not_stay_a_tracer():
    layer = layers.Dropout(0.5)
    with pytest.raises(kfront.errors.UnsupportedError, match="seed_generator_state"):
        jax.jit(lambda x: layer(x, training=True))(jnp.ones(3))
    layer(jnp.ones(3), training=True)


def test_what_belongs_to_the_trace_may_be_assigned():
    x = jnp.asarray(rand(3, 4))
    layer = layers.BatchNormalization()
    layer.build((None, 4))
    want = layers.BatchNormalization()
    want.build((None, 4))
    want(x, training=True)

    def as_argument(layer, x):
        layer(x, training=True)
        return layer

    def made_inside(x):
        inner = layers.BatchNormalization()
        inner(x, training=True)
        return inner

    def copied(x):
        inner = jax.tree.map(lambda a: a, layer)
        inner(x, training=True)
        return inner

    for got in (jax.jit(as_argument)(layer, x), jax.jit(made_inside)(x), jax.jit(copied)(x)):
        np.testing.assert_allclose(got.moving_mean.value, want.moving_mean.value, rtol=1e-5)
    train, rest = ([v.value for v in vs] for vs in (layer.trainable_variables, layer.non_trainable_variables))
    _, new = jax.jit(lambda rest: layer.stateless_call(train, rest, x, training=True))(rest)
    np.testing.assert_allclose(new[0], want.moving_mean.value, rtol=1e-5)
    assert float(jnp.abs(layer.moving_mean.value).max()) == 0.0
    for transform in (kfront.jit, lambda f: kfront.value_and_grad(lambda x: ops.sum(f(x)))):
        other = layers.BatchNormalization()
        transform(lambda x, other=other: other(x, training=True))(x)
        np.testing.assert_allclose(other.moving_mean.value, want.moving_mean.value, rtol=1e-5)


def test_a_layer_built_in_a_trace_does_not_keep_a_tracer():
    layer = layers.BatchNormalization()
    with pytest.raises(kfront.errors.UnsupportedError, match="moving_mean"):
        jax.jit(lambda x: layer(x, training=True))(jnp.asarray(rand(3, 4)))
    assert layer.built
    layer(rand(3, 4), training=True)


# -- NaNs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
def test_debug_nans_in_fit(steps):
    model = kfront.Sequential([kfront.Input((4,)), layers.Lambda(ops.log), layers.Dense(2)])
    model.compile("sgd", "mse", steps_per_execution=steps)
    x = np.abs(rand(8, 4)) + 0.1
    model.fit(x, rand(8, 2), batch_size=2, verbose=0)
    before = model.get_weights()
    with jax.debug_nans(True), pytest.raises(FloatingPointError, match=r"nan.*\blog\b"):
        model.fit(-x, rand(8, 2), batch_size=2, verbose=0)
    for w, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, old)
    model.fit(x, rand(8, 2), batch_size=2, verbose=0)
    assert all(not v.value.is_deleted() for v in model.variables)


def test_debug_nans_changes_no_numbers():
    def fitted(check):
        kfront.utils.set_random_seed(2)
        model = model_of(layers.LSTM(3))
        model.compile("adam", "mse")
        with jax.debug_nans(check):
            return model.fit(rand(16, 6, 4), rand(16, 2), batch_size=4, verbose=0, shuffle=False).history["loss"]

    np.testing.assert_allclose(fitted(True), fitted(False), rtol=1e-6)


# -- threads -----------------------------------------------------------------------------------------------------------


def reading(model, x, act):
    """Call `act` while threads read the model's weights in all ways; the number of reads."""
    errors, done, reads = [], threading.Event(), []

    def read():
        try:
            while not done.is_set():
                for v in model.variables:
                    held = v.value
                    v.numpy()
                    np.asarray(jnp.sum(held))
                jax.block_until_ready(jax.tree.map(lambda a: a + 0, model))
                model(x)
                reads.append(1)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for t in threads:
        t.start()
    act()
    done.set()
    for t in threads:
        t.join()
    assert not errors, errors[0]
    return len(reads)


def test_another_thread_reads_weights_during_fit():
    model = kfront.Sequential([kfront.Input((16,)), layers.Dense(64), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = rand(512, 16), rand(512, 1)
    model.fit(x, y, batch_size=8, verbose=0)
    assert reading(model, x[:2], lambda: model.fit(x, y, batch_size=8, epochs=4, verbose=0))


def test_another_thread_reads_weights_that_go_from_step_to_step():
    shared = layers.Dense(16)
    models = [kfront.Sequential([kfront.Input((8,)), shared, layers.Dense(1)]) for _ in range(2)]
    x, y = rand(32, 8), rand(32, 1)
    for model in models:
        model.compile("sgd", "mse")
        model.train_on_batch(x, y)
    assert reading(models[0], x[:2], lambda: [m.train_on_batch(x, y) for _ in range(150) for m in models])
