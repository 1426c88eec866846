"""vmap, jit, checkpoint: on every engine, with Variables, and inside each other."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import kfront
from kfront import backends, ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError

A = np.arange(6, dtype="float32").reshape(2, 3)


def values(x):
    b = backends.current()
    return kfront.tree.map_structure(lambda t: None if t is None else np.asarray(b.to_numpy(t)), x)


VMAPS = {
    "rows": (lambda: kfront.vmap(ops.sum)(A), A.sum(1)),
    "columns": (lambda: kfront.vmap(ops.sum, in_axes=1)(A), A.sum(0)),
    "last": (lambda: kfront.vmap(ops.sum, in_axes=-1)(A), A.sum(0)),
    "shared": (lambda: kfront.vmap(ops.multiply, in_axes=(0, None))(A, A[0]), A * A[0]),
    "out": (lambda: kfront.vmap(lambda r: r * 2, out_axes=1)(A), 2 * A.T),
    "nested": (lambda: kfront.vmap(kfront.vmap(lambda v: v * v))(A), A * A),
    "keywords": (lambda: kfront.vmap(lambda r, k: r * k)(A, k=3.0), A * 3),
    "index": (lambda: kfront.vmap(lambda a, i: a[i], in_axes=(None, 0))(A[1], ops.array([2, 0])), A[1][[2, 0]]),
    "structure": (
        lambda: kfront.vmap(lambda d: d["a"] * d["b"], in_axes=({"a": 0, "b": None},))({"a": A, "b": A[0]}),
        A * A[0],
    ),
}


@pytest.mark.parametrize("name", VMAPS)
def test_vmap(backend, name):
    call, expected = VMAPS[name]
    np.testing.assert_allclose(values(call()), expected)


def test_vmap_mistakes(backend):
    with pytest.raises(ShapeError, match="axis 1"):
        kfront.vmap(ops.sum, in_axes=1)(A[0])
    with pytest.raises(ShapeError, match="one size"):
        kfront.vmap(ops.add)(A, A.T)
    with pytest.raises(ArgumentError, match="in_axes"):
        kfront.vmap(ops.add, in_axes=(0,))(A, A)
    with pytest.raises(ArgumentError, match="at least one"):
        kfront.vmap(ops.add, in_axes=None)(A, A)


def test_gradients_for_each_example(trainable_backend):
    layer = kfront.layers.Dense(1)
    layer(A)
    loss = lambda x: ops.sum(layer(x[None]) ** 2)  # noqa: E731
    found = values(kfront.vmap(kfront.grad(loss, wrt=layer))(ops.array(A)))
    singly = [values(kfront.grad(loss, wrt=layer)(ops.array(row))) for row in A]
    for i, each in enumerate(zip(*singly, strict=True)):
        np.testing.assert_allclose(found[i], np.stack(each), rtol=1e-5, atol=1e-5)


def test_checkpoint_has_the_same_gradients_and_state(trainable_backend):
    layers = kfront.layers
    model = kfront.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5, seed=2)])
    x = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
    model(x)
    before = [v.numpy() for v in model.variables]
    runs, found, after = [], [], []

    def body(h):
        runs.append(1)
        return model(h, training=True)

    for f in (body, kfront.checkpoint(body)):
        for v, old in zip(model.variables, before, strict=True):
            v.assign(old)
        runs.clear()
        found.append(values(kfront.grad(lambda m, f=f: ops.mean(f(x) ** 2))(model)))
        after.append([v.numpy() for v in model.variables])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    for a, b in zip(*after, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_checkpoint_sees_what_it_closes_over(trainable_backend):
    f = lambda a: kfront.checkpoint(lambda z: {"out": ops.sin(z * a), "n": 1})(3.0 * a)["out"]  # noqa: E731
    plain = lambda a: ops.sin(3.0 * a * a)  # noqa: E731
    for order in range(1, 3):
        f, plain = kfront.grad(f), kfront.grad(plain)
        np.testing.assert_allclose(values(f(2.0)), values(plain(2.0)), rtol=1e-5, err_msg=f"order {order}")
    assert values(kfront.vmap(kfront.checkpoint(lambda v: v * v))(A)).tolist() == (A * A).tolist()


def test_jit_keeps_state_in_variables(backend):
    count, scale = kfront.Variable(0), kfront.Variable(2.0)

    @kfront.jit(jit_compile=False if backend.name == "torch" else "auto")
    def f(x, name="n", twice=False):
        count.assign_add(1)
        y = x * scale
        return {"y": y * 2 if twice else y, "name": name, "none": None}

    out = f(A)
    assert out["name"] == "n" and out["none"] is None
    np.testing.assert_allclose(values(out["y"]), A * 2)
    scale.assign(3.0)  # read anew by the next call
    np.testing.assert_allclose(values(f(A)["y"]), A * 3)
    np.testing.assert_allclose(values(f(A, twice=True, name="m")["y"]), A * 6)
    np.testing.assert_allclose(values(f(A[:1])["y"]), A[:1] * 3)
    assert int(count) == 4
    with pytest.raises(ArgumentTypeError, match="hashable"):
        f({1, 2})


def test_jit_of_methods_and_transforms(trainable_backend):
    class Thing:
        def __init__(self):
            self.v = kfront.Variable(2.0)

        @kfront.jit(jit_compile=False if trainable_backend.name == "torch" else "auto")
        def slope(self, x):
            return kfront.grad(lambda y: y**2 * self.v)(x)

    one, two = Thing(), Thing()
    two.v.assign(5.0)
    x = ops.array(3.0)
    assert [float(one.slope(x)), float(two.slope(x)), float(one.slope(x))] == [12.0, 30.0, 12.0]
    how = {"jit_compile": False} if trainable_backend.name == "torch" else {}
    second = kfront.jit(kfront.vmap(kfront.grad(kfront.grad(lambda x: x**3))), **how)
    assert values(second(ops.array([1.0, 2.0]))).tolist() == [6.0, 12.0]


def test_jit_warns_of_many_constants(caplog):
    with backends.backend_scope("numpy"), caplog.at_level(logging.WARNING, "kfront"):
        f = kfront.jit(lambda x, k: x * k)
        for k in range(20):
            f(A, k)
    assert sum("give what changes as arrays" in r.message for r in caplog.records) == 1


@pytest.mark.sampled(4, table="long")
def test_torch_compiles_transforms_as_one_graph():
    """`fullgraph=True`: no graph breaks. Tracing is what is tested, so nothing is generated."""
    torch = pytest.importorskip("torch")
    with backends.backend_scope("torch"):
        layer = kfront.layers.Dense(2, activation="tanh")
        layer(A)
        x = torch.tensor(A)
        functions = {
            "grad": lambda x: kfront.grad(lambda y: ops.sum(ops.sin(y) * y))(x),
            "wrt": lambda x: kfront.grad(lambda: ops.mean(layer(x) ** 2), wrt=layer)()[0],
            "hessian": lambda x: kfront.hessian(lambda y: ops.sum(y**3))(x[0]),
            "jvp": lambda x: kfront.jvp(lambda y: ops.sum(y**3), (x,), (x,))[1],
            "vmap": lambda x: kfront.vmap(kfront.grad(lambda y: ops.sum(y**3)))(x),
        }
        for name, f in functions.items():
            expected = f(x)
            found = torch.compile(f, fullgraph=True, backend="eager")(x)
            np.testing.assert_allclose(values(found), values(expected), atol=1e-6, err_msg=name)


def test_engines_compile_transforms():
    jax, tf = pytest.importorskip("jax"), pytest.importorskip("tensorflow")
    f = lambda x: kfront.value_and_grad(lambda y: ops.sum(ops.sin(y) * y))(x)[1]  # noqa: E731
    expected = np.cos(A) * A + np.sin(A)
    with backends.backend_scope("jax"):
        np.testing.assert_allclose(jax.jit(f)(A), expected, atol=1e-6)
        assert float(jax.grad(kfront.grad(lambda x: x**3))(2.0)) == 12.0
    with backends.backend_scope("tensorflow"):
        any_size = tf.function(f, input_signature=[tf.TensorSpec([None, 3])])
        np.testing.assert_allclose(any_size(A).numpy(), expected, atol=1e-6)


def test_the_example_is_one_loop_for_all_engines(trainable_backend, monkeypatch):
    """The same losses on every engine, from the same weights, data and steps."""
    import examples.custom_loop as example

    if trainable_backend.name == "torch":  # compiling takes a minute, and is not what is tested here
        monkeypatch.setattr(kfront, "jit", lambda f: f)
    assert example.main(trainable_backend.name, epochs=2) == pytest.approx(ACCURACY, abs=2 / 512)


ACCURACY = 0.8828125  # of 512 points, after two epochs
