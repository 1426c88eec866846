"""Jacobians and Hessians in forward mode are those of reverse mode."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers, ops
from kfront.core import tree
from kfront.core.errors import ArgumentError, UnsupportedError

X = np.array([0.5, -1.0, 2.0], "float32")
W = np.array([[1.0, 2.0, 0.5], [-1.0, 0.3, 0.2]], "float32")

FUNCTIONS = {
    "vector": (lambda x: ops.sin(x) * ops.sum(x), (X,), 0),
    "scalar": (lambda x: ops.sum(x**3), (X,), 0),
    "of a number": (lambda x: ops.stack([x, x**2]), (np.float32(3.0),), 0),
    "matrix": (lambda w, x: ops.tanh(ops.matmul(w, x)), (W, X), 0),
    "two arguments": (lambda w, x: ops.tanh(ops.matmul(w, x)), (W, X), (0, 1)),
    "nested": (lambda p: {"a": p["w"] * 2, "b": ops.matmul(p["w"], p["x"])}, ({"w": W, "x": X},), 0),
    "loop": (lambda x: ops.scan(lambda c, r: (c * ops.sin(r), c), ops.sum(x) * 0 + 1, x)[1], (X,), 0),
    "unconnected": (lambda x: ops.zeros((2,)), (X,), 0),
}


def numbers(b, nested):
    return [b.to_numpy(x) for x in tree.flatten(nested)]


def tensors(b, args):
    return tree.map_structure(b.convert, args)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_forward_is_reverse(trainable_backend, name):
    b = trainable_backend
    fn, args, argnums = FUNCTIONS[name]
    if name == "loop" and b.name == "tensorflow":
        with pytest.raises(UnsupportedError, match="no loop"):
            kfront.jacobian(fn, argnums, mode="forward")(*tensors(b, args))
        return
    want = kfront.jacobian(fn, argnums)(*tensors(b, args))
    got = kfront.jacobian(fn, argnums, mode="forward")(*tensors(b, args))
    tree.assert_same_structure(want, got)
    for w, g in zip(numbers(b, want), numbers(b, got), strict=True):
        assert w.shape == g.shape and w.dtype == g.dtype
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-6)


def test_by_a_layer_with_state(trainable_backend):
    b = trainable_backend
    norm = layers.BatchNormalization()
    norm.build((None, 3))
    x = b.convert(np.stack([X, 2 * X, -X]))

    def fn(x):
        return norm(x, training=True), ops.sum(x)

    before = norm.moving_mean.numpy()
    got, aux = kfront.jacobian(fn, has_aux=True, wrt=norm, mode="forward")(x)
    once = norm.moving_mean.numpy()
    assert float(aux) == pytest.approx(float(2 * X.sum())) and not np.allclose(before, once)
    np.testing.assert_allclose(once - before, 0.01 * b.to_numpy(x).mean(0), rtol=1e-4)  # assigned once
    want = kfront.jacobian(fn, has_aux=True, wrt=norm)(x)[0]
    for w, g in zip(numbers(b, want), numbers(b, got), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("argnums", [0, (0, 1)])
def test_hessian_forward_over_reverse(trainable_backend, argnums):
    b = trainable_backend
    fn = lambda w, x: ops.sum(ops.sin(ops.matmul(w, x)) ** 2)  # noqa: E731
    args = tensors(b, (W, X))
    want = kfront.hessian(fn, argnums)(*args)
    got = kfront.hessian(fn, argnums, mode="forward")(*args)
    tree.assert_same_structure(want, got)
    for w, g in zip(numbers(b, want), numbers(b, got), strict=True):
        assert w.shape == g.shape
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)


def test_modes(backend):
    for transform in (kfront.jacobian, kfront.hessian):
        with pytest.raises(ArgumentError, match=r"\[(jacobian|hessian)\] expected `mode`"):
            transform(ops.sin, mode="backward")
    if not backend.trainable:
        with pytest.raises(UnsupportedError, match="differentiates"):
            kfront.jacobian(ops.sin, mode="forward")(backend.convert(X))
