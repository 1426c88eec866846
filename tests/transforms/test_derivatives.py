"""grad, value_and_grad, vjp, jvp, jacobian, hessian: what they take and give, and state.

That their numbers are right, of first and second order and inside each other, is `conformance.transforms`.
"""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import backends, ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, UnsupportedError

X = np.array([0.3, -1.2, 0.7], "float32")


def values(x):
    b = backends.current()
    return kfront.tree.map_structure(lambda t: None if t is None else np.asarray(b.to_numpy(t)), x)


def test_third_order(trainable_backend):
    f = lambda x: x**3  # noqa: E731
    g = kfront.grad(f)
    assert [float(v(2.0)) for v in (g, kfront.grad(g), kfront.grad(kfront.grad(g)))] == [12.0, 12.0, 6.0]


def test_what_was_computed_before_is_constant(trainable_backend):
    """Only what is computed from the value itself depends on it; values of outer transforms are constants inside."""
    outer = kfront.grad(lambda x: x * kfront.grad(lambda y: x * y)(2.0))
    assert float(outer(3.0)) == 6.0
    v = kfront.Variable(3.0)
    before = v * 2.0
    assert float(kfront.grad(lambda: v * before, wrt=v)()) == 6.0
    nested = kfront.grad(lambda: kfront.grad(lambda: v * v * v, wrt=v)() * v, wrt=v)  # d(3 v^3)/dv = 9 v^2
    assert float(nested()) == 81.0


def test_structures_and_unconnected_values(trainable_backend):
    tree = {"a": ops.array([1.0, 2.0]), "b": [ops.array(3.0), None], "c": (ops.array([[1.0]]),)}
    found = values(kfront.grad(lambda t: ops.sum(t["a"] ** 2) * t["b"][0])(tree))
    assert found["a"].tolist() == [6.0, 12.0] and found["b"][0] == 5.0 and found["b"][1] is None
    assert found["c"][0].tolist() == [[0.0]]
    both = values(kfront.grad(lambda x, k, y: x * y * k, argnums=(-1, 0))(2.0, k := 5.0, 3.0))
    assert [float(v) for v in both] == [2.0 * k, 3.0 * k]


def test_aux(trainable_backend):
    f = lambda x: (ops.sum(x * x), {"twice": x * 2, "name": "n", "none": None})  # noqa: E731
    (value, aux), slope = kfront.value_and_grad(f, has_aux=True)(ops.array([1.0, 2.0]))
    assert float(value) == 5.0 and aux["name"] == "n" and aux["none"] is None
    assert values(aux["twice"]).tolist() == [2.0, 4.0] and values(slope).tolist() == [2.0, 4.0]
    slope, aux = kfront.grad(f, has_aux=True)(ops.array([1.0]))
    assert values(slope).tolist() == [2.0] and aux["name"] == "n"
    _, pull, aux = kfront.vjp(f, ops.array([1.0]), has_aux=True)
    assert values(pull(2.0))[0].tolist() == [4.0] and aux["name"] == "n"
    _, slope, aux = kfront.jvp(f, (ops.array([1.0]),), (ops.array([3.0]),), has_aux=True)
    assert float(slope) == 6.0 and aux["name"] == "n"


def test_jacobian(trainable_backend):
    found = values(kfront.jacobian(lambda x: {"square": x**2, "sum": ops.sum(x), "outer": ops.outer(x, x)})(X[:2]))
    a, c = X[:2]
    np.testing.assert_allclose(found["square"], [[2 * a, 0], [0, 2 * c]], rtol=1e-6)
    np.testing.assert_allclose(found["sum"], [1, 1])
    assert found["outer"].shape == (2, 2, 2)
    np.testing.assert_allclose(found["outer"][0, 1], [c, a], rtol=1e-6)
    pair = values(kfront.jacobian(lambda x, y: x * y, argnums=(0, 1))(X[:2], ops.array([2.0, 3.0])))
    np.testing.assert_allclose(pair[0], np.diag([2.0, 3.0]), rtol=1e-6)
    np.testing.assert_allclose(pair[1], np.diag(X[:2]), rtol=1e-6)


def test_vjp_can_be_called_again(trainable_backend):
    (y, z), pull = kfront.vjp(lambda x: (ops.sin(x), {"k": x * 3}), X)[0:2]
    first, again = (
        values(pull((np.ones_like(X), {"k": np.zeros_like(X)}))),
        values(pull((y * 0, {"k": z["k"] * 0 + 1}))),
    )
    np.testing.assert_allclose(first[0], np.cos(X), rtol=1e-6)
    np.testing.assert_allclose(again[0], np.full(3, 3.0))


def model_and_data():
    layers = kfront.layers
    model = kfront.Sequential(
        [layers.Dense(4, activation="tanh"), layers.BatchNormalization(), layers.Dropout(0.3, seed=1), layers.Dense(1)]
    )
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model(x)
    return model, x


def test_layers_and_state(trainable_backend):
    """By a model: a gradient for each trainable variable; what the forward pass assigns stays assigned."""
    model, x = model_and_data()
    before = [v.numpy() for v in model.variables]
    loss = lambda m, x: ops.mean(m(x, training=True) ** 2)  # noqa: E731
    value, found = kfront.value_and_grad(loss)(model, x)
    assert [tuple(g.shape) for g in found] == [v.shape for v in model.trainable_variables]
    changed = [v.name for v, old in zip(model.variables, before, strict=True) if not (v.numpy() == old).all()]
    assert sorted(set(changed)) == ["moving_mean", "moving_variance", "seed_generator_state"]
    for v, old in zip(model.variables, before, strict=True):
        v.assign(old)
    again, by_list = kfront.value_and_grad(lambda: loss(model, x), wrt=model.trainable_variables)()
    np.testing.assert_array_equal(values(value), values(again))
    for a, b in zip(values(found), values(by_list), strict=True):
        np.testing.assert_array_equal(a, b)
    kernel = model.trainable_variables[-2]
    old = kernel.numpy()

    def at(new):
        kernel.assign(new)
        return float(values(ops.mean(model(x) ** 2)))

    mine = values(kfront.grad(lambda: ops.mean(model(x) ** 2), wrt=kernel)())
    expected = np.zeros_like(old)
    for i in np.ndindex(old.shape):
        step = np.zeros_like(old)
        step[i] = 1e-2
        expected[i] = (at(old + step) - at(old - step)) / 2e-2
    np.testing.assert_allclose(mine, expected, atol=1e-3)


def test_assignments_inside(trainable_backend):
    count, v = kfront.Variable(0.0), kfront.Variable([1.0, 2.0])

    def loss(x):
        count.assign_add(1.0)
        return ops.sum(v * v * x)

    steps = [
        lambda: kfront.grad(loss)(2.0),
        lambda: kfront.value_and_grad(loss, wrt=[v])(2.0),
        lambda: kfront.jvp(loss, (2.0,), (1.0,)),
        lambda: kfront.jvp(lambda _: loss(2.0), (v,), (np.ones(2),)),
        lambda: kfront.vjp(loss, 2.0),
        lambda: kfront.hessian(loss, wrt=v)(2.0),
        lambda: kfront.vmap(loss)(ops.array([1.0, 2.0])),
        lambda: kfront.vmap(kfront.grad(loss, wrt=v))(ops.array([1.0, 2.0])),
    ]
    for i, step in enumerate(steps):
        step()
        assert float(count) == i + 1
    assert v.numpy().tolist() == [1.0, 2.0]

    def moves():
        v.assign(v * 2.0)
        return ops.sum(v)

    assert values(kfront.grad(moves, wrt=v)()).tolist() == [2.0, 2.0]
    assert v.numpy().tolist() == [2.0, 4.0]


def test_the_same_variable_twice(trainable_backend):
    v = kfront.Variable(3.0)
    assert [float(g) for g in kfront.grad(lambda pair: pair[0] * v)([v, v])] == [6.0, 6.0]


def test_another_engine_is_current(trainable_backend):
    """A model computes on the engine that it was made on."""
    model, x = model_and_data()
    with backends.backend_scope("numpy"):
        found = kfront.grad(lambda m, x: ops.mean(m(x)))(model, x)
    assert all(trainable_backend.is_tensor(g) for g in found)


MISTAKES = {
    "not a scalar": (ShapeError, lambda: kfront.grad(lambda x: x)(ops.array([1.0, 2.0]))),
    "integers": (DTypeError, lambda: kfront.grad(lambda x: x * 2.0)(3)),
    "a string": (ArgumentTypeError, lambda: kfront.grad(lambda x: 1.0)("x")),
    "no function": (ArgumentTypeError, lambda: kfront.grad(3)),
    "no such argument": (ArgumentError, lambda: kfront.grad(lambda x: x, argnums=1)(1.0)),
    "no aux": (ArgumentTypeError, lambda: kfront.grad(lambda x: x, has_aux=True)(1.0)),
    "tangents": (ArgumentError, lambda: kfront.jvp(lambda x: x, (1.0,), ())),
    "cotangents": (ArgumentError, lambda: kfront.vjp(lambda x: x, 1.0)[1]((1.0, 2.0))),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(trainable_backend, name):
    kind, call = MISTAKES[name]
    with pytest.raises(kind):
        call()


def test_numpy_says_that_it_does_not_differentiate():
    with backends.backend_scope("numpy"):
        for transform in (kfront.grad, kfront.value_and_grad, kfront.jacobian, kfront.hessian):
            with pytest.raises(UnsupportedError, match="differentiates"):
                transform(lambda x: x)(2.0)
        for call in (lambda: kfront.vjp(abs, 2.0), lambda: kfront.jvp(abs, (2.0,), (1.0,))):
            with pytest.raises(UnsupportedError, match="differentiates"):
                call()
