"""kfront's layers where JAX expects pytrees and pure functions."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers

jax = pytest.importorskip("jax")
jnp = jax.numpy


@pytest.fixture(autouse=True)
def _on_jax():
    with kfront.backend_scope("jax"):
        yield


def mlp(dropout=0.0):
    return kfront.Sequential(
        [
            kfront.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.Dropout(dropout, seed=1),
            layers.Dense(3, name="head"),
        ]
    )


def rand(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def values(model):
    return [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]


def test_jit_follows_changed_weights():
    model, x = mlp(), rand(2, 4)
    run = jax.jit(lambda model, x: model(x))
    first = run(model, x)
    model.layers[0].kernel.assign(np.zeros((4, 8)))
    assert not np.allclose(run(model, x), first)
    np.testing.assert_allclose(run(model, x), model(x), rtol=1e-6)
    assert run._cache_size() == 1


def test_a_model_closed_over_is_a_constant():
    model, x = mlp(), rand(2, 4)
    run = jax.jit(lambda x: model(x))
    np.testing.assert_allclose(run(x), model(x), rtol=1e-6)
    assert not any(isinstance(v._value, jax.core.Tracer) for v in model.variables)


def test_gradient_descent_on_models():
    model, x, y = mlp(), rand(16, 4), rand(16, 3)
    model.layers[1].rate = 0.0

    @jax.jit
    def step(model):
        loss, gradient = jax.value_and_grad(lambda m: jnp.mean((m(x) - y) ** 2), allow_int=True)(model)
        move = lambda p, g: p - 0.3 * g if jnp.issubdtype(p.dtype, jnp.floating) else p  # noqa: E731
        return jax.tree.map(move, model, gradient), loss

    losses = []
    for _ in range(20):
        model, loss = step(model)
        losses.append(float(loss))
    assert losses[-1] < 0.8 * losses[0] and isinstance(model, kfront.Sequential)


def test_stateless_call_returns_new_seeds_and_averages():
    model, x = mlp(0.5), rand(2, 4)
    train, rest = values(model)
    run = jax.jit(lambda t, r, x: model.stateless_call(t, r, x, training=True))
    first, new = run(train, rest, x)
    second, _ = run(train, new, x)
    again, _ = run(train, rest, x)
    assert not np.array_equal(first, second) and np.array_equal(first, again)
    assert np.array_equal(model.non_trainable_variables[0].numpy(), rest[0])


def test_stateless_losses():
    layer = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1")
    x = rand(3, 4)
    layer(x)
    train, rest = values(layer)
    _, _, losses = layer.stateless_call(train, rest, x, return_losses=True)
    got = jax.jit(lambda t: sum(layer.stateless_call(t, rest, x, return_losses=True)[2]))(train)
    np.testing.assert_allclose(got, sum(losses), rtol=1e-6)
    np.testing.assert_allclose(got, sum(layer.losses), rtol=1e-6)


def test_scan_over_layers_of_one_structure():
    stack = [layers.Dense(4, activation="tanh") for _ in range(3)]
    x = want = rand(2, 4)
    for layer in stack:
        want = layer(want)
    leaves = [jax.tree.leaves(layer) for layer in stack]
    structure = jax.tree.structure(stack[0])
    stacked = [jnp.stack(column) for column in zip(*leaves, strict=True)]
    got, _ = jax.lax.scan(lambda h, p: (jax.tree.unflatten(structure, p)(h), None), jnp.asarray(x), stacked)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_hessian_and_jvp():
    layer, x = layers.Dense(1, activation="tanh"), rand(1, 2)
    layer(x)
    f = lambda v: layer(v[None])[0, 0]  # noqa: E731
    assert jax.hessian(f)(x[0]).shape == (2, 2)
    value, slope = jax.jvp(f, (x[0],), (np.ones(2, "float32"),))
    np.testing.assert_allclose(value, f(x[0]), rtol=1e-6)
    np.testing.assert_allclose(slope, jax.grad(f)(x[0]).sum(), rtol=1e-5)


def test_vmap_over_masked_sequences():
    model = kfront.Sequential(
        [kfront.Input((5,), dtype="int32"), layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3)]
    )
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]], "int32")
    got = jax.vmap(lambda row: model(row[None])[0])(x)
    np.testing.assert_allclose(got, model(x), rtol=1e-5, atol=1e-6)


def test_a_loop_with_stateless_metrics():
    model, x, y = mlp(), rand(8, 4), np.arange(8) % 3
    model.compile("adam", kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    metric = kfront.metrics.SparseCategoricalAccuracy()

    def forward(train, rest):
        logits, rest = model.stateless_call(train, rest, x, training=True)
        return model.compute_loss(x, y, logits), (logits, rest)

    @jax.jit
    def step(train, rest, slots, counts):
        (loss, (logits, rest)), grads = jax.value_and_grad(forward, has_aux=True)(train, rest)
        train, slots = model.optimizer.stateless_apply(slots, grads, train)
        return train, rest, slots, metric.stateless_update_state(counts, y, logits), loss

    state = (*values(model), [v.value for v in model.optimizer.variables], [v.value for v in metric.variables])
    losses = []
    for _ in range(5):
        *state, loss = step(*state)
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    assert 0 <= float(metric.stateless_result(state[3])) <= 1
