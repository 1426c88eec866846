"""Control flow under the transforms: gradients through it, inside compiled code, over batches, with Variables."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import backends, ops
from kfront.core.errors import UnsupportedError

X = [2.0, 3.0, 4.0]


def values(x):
    b = backends.current()
    return kfront.tree.map_structure(lambda t: np.asarray(b.to_numpy(t)).tolist(), x)


def jit(f):
    """Compiled where that is quick: what torch generates takes it a minute, and is tested elsewhere."""
    return kfront.jit(f, jit_compile=False) if backends.current().name == "torch" else kfront.jit(f)


def switch(i, x):
    return ops.switch(i, [lambda v: v * v, ops.sin, lambda v: 3.0 * v], x)


def branch(x):
    return ops.cond(x > 1.5, lambda: x * x, lambda: -x)


def loop(x):
    return ops.fori_loop(0, 3, lambda i, v: v * x, x)


def until(x, **most):
    return ops.while_loop(lambda v: v < 100.0, lambda v: v * x, [x], **most)[0]


def scan(x):
    return ops.sum(ops.scan(lambda c, r: (c * r, c + r), ops.array(1.0), x)[1])


@ops.custom_gradient
def doubled(x, y):
    """exp(x) y, whose gradient by x is taken twice."""
    e = ops.exp(x)

    def grad(*args, upstream=None):
        if upstream is None:
            (upstream,) = args
        return upstream * e * 2.0, upstream * y

    return e * y, grad


E = float(np.exp(1.0))
COS2 = float(np.cos(2.0))
CASES = {
    "switch": (lambda: [switch(ops.array(i), ops.array(2.0)) for i in (-1, 0, 2, 5)], [4.0, 4.0, 6.0, 6.0]),
    "switch compiled": (lambda: [jit(switch)(ops.array(i), ops.array(2.0)) for i in (-1, 0, 2, 5)], [4, 4, 6, 6]),
    "switch, gradient": (
        lambda: [jit(kfront.grad(switch, argnums=1))(ops.array(i), ops.array(2.0)) for i in range(3)],
        [4.0, COS2, 3.0],
    ),
    "switch, hessian": (lambda: kfront.hessian(lambda x: switch(ops.array(1), x))(2.0), -float(np.sin(2.0))),
    "switch over a batch": (lambda: kfront.vmap(switch)(ops.array([0, 2, 2]), ops.array(X)), [4.0, 9.0, 12.0]),
    "cond over a batch": (lambda: kfront.vmap(branch)(ops.array([1.0, 2.0])), [-1.0, 4.0]),
    "cond, gradient": (lambda: jit(kfront.grad(branch))(ops.array(2.0)), 4.0),
    "cond, gradients of a batch": (lambda: kfront.vmap(kfront.grad(branch))(ops.array([1.0, 2.0])), [-1.0, 4.0]),
    "fori_loop, gradient": (lambda: kfront.grad(loop)(2.0), 32.0),
    "fori_loop, compiled hessian": (lambda: jit(kfront.hessian(loop))(ops.array(2.0)), 48.0),
    "fori_loop of a tensor": (
        lambda: kfront.grad(lambda x: ops.fori_loop(0, ops.array(3), lambda i, v: v * x, x))(2.0),
        32.0,
    ),
    "while_loop": (lambda: jit(until)(ops.array(2.0)), 128.0),
    "while_loop, gradient": (lambda: kfront.grad(until)(2.0), 448.0),
    "while_loop, compiled gradient": (
        lambda: jit(kfront.grad(lambda x: until(x, maximum_iterations=10)))(ops.array(2.0)),
        448.0,
    ),
    "while_loop, stopped": (lambda: kfront.grad(lambda x: until(x, maximum_iterations=2))(2.0), 12.0),
    "scan, gradient": (lambda: jit(kfront.grad(scan))(ops.array(X)), [5.0, 3.0, 1.0]),
    "scan, hessian": (lambda: kfront.hessian(scan)(ops.array(X)), [[0, 1, 0], [1, 0, 0], [0, 0, 0]]),
    "scan, forward": (lambda: kfront.jvp(scan, (ops.array(X),), (ops.array([1.0, 1.0, 1.0]),))[1], 9.0),
    "associative_scan, gradient": (
        lambda: jit(kfront.grad(lambda x: ops.sum(ops.associative_scan(ops.multiply, x))))(ops.array(X)),
        [16.0, 10.0, 6.0],
    ),
    "map, gradient": (lambda: kfront.grad(lambda x: ops.sum(ops.map(lambda r: r * r, x)))(ops.array(X)), [4, 6, 8]),
    "vectorized_map inside scan": (
        lambda: ops.scan(lambda c, r: (c, ops.vectorized_map(lambda v: v * 2, r)), 0.0, ops.array([[1.0], [2.0]]))[1],
        [[2.0], [4.0]],
    ),
    "custom_gradient": (lambda: list(kfront.grad(doubled, argnums=(0, 1))(1.0, 3.0)), [2 * E, 3.0]),
    "custom_gradient compiled": (lambda: jit(kfront.grad(doubled))(ops.array(1.0), ops.array(3.0)), 2 * E),
    "custom_gradient twice": (lambda: kfront.grad(kfront.grad(doubled))(1.0, 3.0), 2 * E),
    "custom_gradient of a batch": (
        lambda: kfront.vmap(kfront.grad(doubled))(ops.array([1.0, 0.0]), ops.array([3.0, 1.0])),
        [2 * E, 2.0],
    ),
    "custom_gradient forward": (lambda: kfront.jvp(kfront.grad(doubled), (1.0, 3.0), (1.0, 0.0))[0], 2 * E),
}


@pytest.mark.parametrize("name", CASES)
def test_control_flow(trainable_backend, name):
    call, expected = CASES[name]
    np.testing.assert_allclose(values(call()), expected, rtol=1e-5)


def test_custom_gradient_of_nested_values(trainable_backend):
    @ops.custom_gradient
    def f(d):
        return {"a": d["x"] * 2.0, "b": d["y"] * 3.0}, lambda a, b: ({"x": a * 10.0, "y": b * 100.0},)

    def total(d):
        out = f(d)
        return out["a"] + out["b"]

    assert values(kfront.grad(total)({"x": ops.array(1.0), "y": ops.array(2.0)})) == {"x": 10.0, "y": 100.0}


def test_custom_gradient_with_a_variable(trainable_backend):
    w = kfront.Variable(2.0)

    @ops.custom_gradient
    def f(x):
        return x * w, lambda upstream: upstream * 5.0

    assert float(kfront.grad(f)(1.0)) == 5.0


def test_what_is_assigned_inside_stays(trainable_backend):
    v = kfront.Variable(0.0)

    def body(i, x):
        v.assign_add(1.0)
        return x + 1.0

    def put(x):
        v.assign(10.0)
        return x

    for run in (lambda f: f, jit):
        v.assign(0.0)
        assert float(run(lambda x: ops.fori_loop(0, 3, body, x))(ops.array(0.0))) == 3.0 and float(v) == 3.0
        run(lambda i, x: ops.switch(i, [lambda x: x, put], x))(ops.array(1), ops.array(0.0))
        assert float(v) == 10.0


def test_jax_says_how_many_steps_it_must_know():
    pytest.importorskip("jax")
    with backends.backend_scope("jax"), pytest.raises(UnsupportedError, match="maximum_iterations"):
        kfront.jit(kfront.grad(until))(ops.array(2.0))
