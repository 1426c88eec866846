"""Layers are modules of MLX, Variables hold its arrays, and decompositions have derivatives."""

from __future__ import annotations

import copy
import pickle

import mlx.core as mx
import mlx.nn
import mlx.optimizers
import numpy as np
import pytest

import kfront
from kfront import layers, ops


@pytest.fixture(autouse=True)
def on_mlx():
    with kfront.backend_scope("mlx"):
        kfront.utils.set_random_seed(0)
        yield


def model():
    return kfront.Sequential(
        [kfront.Input((4,)), layers.Dense(3, activation="tanh"), layers.BatchNormalization(), layers.Dense(1)]
    )


DATA = np.random.Generator(np.random.Philox(key=1)).normal(size=(32, 4)).astype("float32")
TARGETS = DATA.sum(1, keepdims=True)


def test_a_layer_is_a_module():
    one = model()
    assert isinstance(one, mlx.nn.Module)
    names = dict(mlx.utils.tree_flatten(one.parameters()))
    assert {"dense.kernel", "dense.bias", "batch_normalization.moving_mean"} <= set(names)
    trained = dict(mlx.utils.tree_flatten(one.trainable_parameters()))
    assert len(trained) == len(one.trainable_variables) and "batch_normalization.moving_mean" not in trained
    assert one and one == one and one != model() and len({one, model()}) == 2  # an object, not a dict


def test_mlx_trains_it():
    one, optimizer = model(), mlx.optimizers.Adam(0.05)
    step = mlx.nn.value_and_grad(one, lambda x, y: ((one(x) - y) ** 2).mean())
    x, y = mx.array(DATA), mx.array(TARGETS)
    losses = []
    for _ in range(30):
        loss, gradients = step(x, y)
        optimizer.update(one, gradients)
        mx.eval(one.parameters())
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    kernel = one.layers[0].kernel
    assert np.array_equal(kernel.numpy(), np.array(one.layers[0]["kernel"]))  # one array, not two


def test_freezing_goes_both_ways():
    one = model()
    one.layers[0].freeze()
    assert [v.trainable for v in one.layers[0].weights] == [False, False]
    assert "kernel" not in one.layers[0].trainable_parameters()
    one.layers[0].trainable = True
    assert "kernel" in one.layers[0].trainable_parameters()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), kfront.models.clone_model])
def test_copies_have_arrays_of_their_own(again):
    one = model()
    other = again(one)
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(other.predict(DATA, verbose=0), one.predict(DATA, verbose=0))
    other.layers[0].kernel.assign(other.layers[0].kernel * 0)
    assert other.layers[0]["kernel"].sum().item() == 0 and np.any(one.layers[0].kernel.numpy())


def test_compiled_steps_are_eager_ones():
    losses = []
    for jit in (True, False):
        kfront.utils.set_random_seed(0)
        one = model()
        one.compile("adam", "mse", jit_compile=jit)
        losses.append(one.fit(DATA, TARGETS, epochs=2, batch_size=12, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_a_variable_beside_an_array_keeps_its_gradient():
    v = kfront.Variable([1.0, 2.0])
    slope = kfront.grad(lambda: ops.sum(mx.array([3.0, 4.0]) * v), wrt=v)()
    assert slope.tolist() == [3.0, 4.0]
    assert not hasattr(v, "__dlpack__")


MATRIX = np.random.Generator(np.random.Philox(key=2)).normal(size=(3, 3)) + 3 * np.eye(3)
SYMMETRIC = MATRIX @ MATRIX.T
FUNCTIONS = {
    "inv": (ops.inv, MATRIX),
    "solve": (lambda a: ops.solve(a, ops.ones((3, 2), "float64")), MATRIX),
    "cholesky": (ops.cholesky, SYMMETRIC),
    "qr": (lambda a: ops.qr(a)[1], MATRIX),
    "svd": (lambda a: ops.matmul(ops.svd(a)[0], ops.svd(a)[2]), MATRIX),
    "eigh": (lambda a: ops.eigh(a)[0], SYMMETRIC),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_decompositions_have_derivatives(name):
    fn, at = FUNCTIONS[name]

    def loss(a):
        return ops.sum(ops.sin(fn(a)))

    turn = np.random.Generator(np.random.Philox(key=3)).normal(size=at.shape)
    turn = turn + turn.T
    slope = np.array(kfront.grad(loss)(mx.array(at, mx.float64)))
    up, down = (float(loss(mx.array(at + s * turn, mx.float64))) for s in (1e-6, -1e-6))
    np.testing.assert_allclose((slope * turn).sum(), (up - down) / 2e-6, rtol=1e-6, atol=1e-8)
    batch = mx.array(np.stack([at, at + 0.1 * np.eye(3)]), mx.float64)
    mapped = np.array(mx.vmap(kfront.grad(loss))(batch))
    np.testing.assert_allclose(mapped[0], slope, rtol=1e-9, atol=1e-12)


def test_files_go_to_other_engines(tmp_path):
    one = model()
    one.save(tmp_path / "m.keras")
    one.save_weights(tmp_path / "m.weights.h5")
    want = one.predict(DATA, verbose=0)
    with kfront.backend_scope("numpy"):
        np.testing.assert_allclose(
            kfront.models.load_model(tmp_path / "m.keras").predict(DATA, verbose=0), want, 1e-4, 1e-6
        )
        other = model()
        other.load_weights(tmp_path / "m.weights.h5")
        other.save(tmp_path / "other.keras")
    back = kfront.models.load_model(tmp_path / "other.keras")
    np.testing.assert_array_equal(back.predict(DATA, verbose=0), want)
