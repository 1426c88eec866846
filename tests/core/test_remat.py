"""Rematerialization: layers are computed twice, keep less, and give the same gradients, on every engine that trains."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops
from kfront.core.errors import ArgumentError, ArgumentTypeError

RUNS: list[int] = []


def counted(b: Any, x: Any) -> Any:
    """`x`, and a note each time that this is really computed."""

    def note(value: Any) -> Any:
        RUNS.append(1)
        return value

    if not b.is_tensor(x):
        return x  # shapes are inferred
    if b.name == "jax":
        import jax

        jax.debug.callback(lambda: RUNS.append(1))
        return x
    if b.name == "tensorflow":
        import tensorflow as tf

        shape = x.shape
        x = tf.grad_pass_through(lambda v: tf.numpy_function(note, [v], v.dtype))(x)
        x.set_shape(shape)
        return x
    return note(x)


class Wave(layers.Layer):
    """sin(w * x), counted."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, x: Any) -> Any:
        return ops.sin(ops.multiply(counted(self._kf_backend, x), self.w))


class Pair(layers.Layer):
    """Two waves, as one layer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.one, self.two = Wave(), Wave()

    def build(self, input_shape: Any) -> None:
        self.one.build(input_shape)
        self.two.build(input_shape)

    def call(self, x: Any) -> Any:
        return self.two(self.one(x))


def slopes(b: Any, model: Any, x: Any, **call: Any) -> list[np.ndarray]:
    """Gradients of the summed output by the weights."""
    model(x, **call)
    RUNS.clear()
    loss = lambda: (ops.sum(model(x, **call)), None)  # noqa: E731
    _, _, found = b.value_and_grad(loss, model.trainable_variables, model.variables)
    return [b.to_numpy(g) for g in found]


def data(b: Any, *shape: int) -> Any:
    return b.convert(np.linspace(-1, 1, int(np.prod(shape)), dtype="float32").reshape(shape))


@pytest.mark.parametrize(
    ("scope", "runs"),
    [
        ({"mode": "full"}, 2),
        ({"mode": None}, 1),
        ({"mode": "activations"}, 1),
        ({"mode": "larger_than", "output_size_threshold": 7}, 2),
        ({"mode": "larger_than", "output_size_threshold": 8}, 1),
        ({"mode": "list_of_layers", "layer_names": ["here"]}, 2),
        ({"mode": "list_of_layers", "layer_names": ["there"]}, 1),
    ],
)
def test_forward_runs(scope: dict[str, Any], runs: int, trainable_backend: Any) -> None:
    b, x = trainable_backend, data(trainable_backend, 2, 4)
    want = slopes(b, Wave(), x)
    assert len(RUNS) == 1
    with kfront.RematScope(**scope):
        layer = Wave(name="here")
    got = slopes(b, layer, x)
    assert len(RUNS) == runs
    np.testing.assert_allclose(got[0], want[0], rtol=1e-6)


def test_layers_of_models_one_by_one(trainable_backend: Any) -> None:
    """Neither the model nor the layers inside a layer are cut again: two runs of each, not three or four."""
    b, x = trainable_backend, data(trainable_backend, 2, 4)
    with kfront.RematScope():
        model = kfront.Sequential([Pair(), Wave()])
    slopes(b, model, x)
    assert len(RUNS) == 6
    with kfront.RematScope():
        inputs = kfront.Input((4,))
        functional = kfront.Model(inputs, Wave()(Pair()(inputs)))
    slopes(b, functional, x)
    assert len(RUNS) == 6


def test_nested_scopes(trainable_backend: Any) -> None:
    b, x = trainable_backend, data(trainable_backend, 2, 4)
    with kfront.RematScope():
        with kfront.RematScope(mode=None):
            inner = Wave()
        outer = Wave()
    for layer, runs in ((inner, 1), (outer, 2), (copy.deepcopy(outer), 2), (Wave(), 1)):
        slopes(b, layer, x)
        assert len(RUNS) == runs


def test_function(trainable_backend: Any) -> None:
    b, x = trainable_backend, data(trainable_backend, 5)
    found = kfront.grad(kfront.remat(lambda v: ops.sum(ops.sin(counted(b, v)))))(x)
    np.testing.assert_allclose(b.to_numpy(found), np.cos(b.to_numpy(x)), rtol=1e-5)
    b.to_numpy(found)
    assert len(RUNS) >= 2
    RUNS.clear()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_what_a_call_depends_on(policy: str, trainable_backend: Any) -> None:
    """Dropout, moving averages, the dtype policy, the training flag and losses are as without."""
    b = trainable_backend

    def make() -> Any:
        return kfront.Sequential(
            [
                layers.Dense(6, activation="tanh", dtype=policy, kernel_initializer=kfront.initializers.HeNormal(1)),
                layers.BatchNormalization(dtype=policy),
                layers.Dropout(0.4, seed=3, dtype=policy),
                layers.ActivityRegularization(l2=0.1, dtype=policy),
            ]
        )

    x, found = data(b, 5, 4), []
    for scope in (kfront.RematScope(mode=None), kfront.RematScope(), kfront.RematScope(mode="activations")):
        with scope:
            model = make()
        model.build((None, 4))
        loss = lambda model=model: (ops.sum(model(x, training=True)) + sum(model.losses), None)  # noqa: E731
        value, _, grads = b.value_and_grad(loss, model.trainable_variables, model.variables)
        found.append([float(b.to_numpy(value)), len(model.losses), *map(b.to_numpy, grads), *model.get_weights()])
    largest = max(float(np.abs(v).max()) for v in found[0])
    for other in found[1:]:
        for want, got in zip(found[0], other, strict=True):
            # bfloat16 has 8 bits, and TensorFlow fuses what it computes again: an error of the terms that are summed
            limit = 1e-6 if policy == "float32" else 0.02 * largest
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=limit)


def test_masks(trainable_backend: Any) -> None:
    """A mask reaches layers inside a segment, and leaves it."""
    b = trainable_backend

    class Inside(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.masking, self.rnn = layers.Masking(), layers.GRU(2, kernel_initializer="ones")

        def build(self, shape: Any) -> None:
            self.rnn.build(shape)

        def call(self, x: Any) -> Any:
            return self.rnn(self.masking(x))

    x = np.ones((2, 4, 3), "float32")
    x[1, 2:] = 0
    with kfront.RematScope():
        twice = Inside()
    once = Inside()
    once.build((2, 4, 3)), twice.build((2, 4, 3))
    twice.set_weights(once.get_weights())
    for want, got in zip(slopes(b, once, b.convert(x)), slopes(b, twice, b.convert(x)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


def test_fit(trainable_backend: Any) -> None:
    """Training gives the weights that it gives without."""
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    found = []
    for mode in (None, "full"):
        kfront.utils.set_random_seed(1)
        with kfront.RematScope(mode=mode):
            model = kfront.Sequential(
                [layers.Dense(8, activation="gelu"), layers.Dropout(0.2, seed=2), layers.Dense(1)]
            )
        model.compile("sgd", "mse")
        model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0, shuffle=False)
        found.append(model.get_weights())
    for want, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_torch_keeps_less() -> None:
    """The bytes that autograd keeps for the backward pass."""
    torch = pytest.importorskip("torch")
    kept: dict[Any, int] = {}
    with kfront.backend_scope("torch"):
        for mode in (None, "full"):
            with kfront.RematScope(mode=mode):
                blocks = [layers.Dense(32, activation="gelu", name=f"d{i}") for i in range(4)]
            model = kfront.Sequential([*blocks])
            x = torch.ones(64, 32)
            model(x)
            total = 0

            def keep(t: Any) -> Any:
                nonlocal total
                total += t.nbytes if t.shape[0] == 64 else 0
                return t

            with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
                out = model(x).sum()
            kept[mode] = total
            out.backward()
    assert kept["full"] <= 0.6 * kept[None]


def test_jax_keeps_less() -> None:
    """The values that JAX keeps from the forward to the backward pass."""
    jax = pytest.importorskip("jax")
    kept = {}
    with kfront.backend_scope("jax"):
        for mode in (None, "full"):
            with kfront.RematScope(mode=mode):
                model = kfront.Sequential([layers.Dense(32, activation="gelu") for _ in range(4)])
            x = jax.numpy.ones((64, 32))
            model(x)
            _, pull = jax.vjp(lambda x, m=model: m(x).sum(), x)
            kept[mode] = sum(v.nbytes for v in jax.tree_util.tree_leaves(pull) if v.shape[:1] == (64,))
    assert kept["full"] <= 0.6 * kept[None]


def test_compiled_by_torch() -> None:
    torch = pytest.importorskip("torch")
    with kfront.backend_scope("torch"), kfront.RematScope():
        layer = layers.Dense(3, activation="tanh")
        x = torch.ones(2, 3)
        want = layer(x)
        got = torch.compile(layer, backend="eager", fullgraph=True)(x)
        torch.testing.assert_close(got, want)


def test_refused() -> None:
    with pytest.raises(ArgumentError, match=r"\[RematScope\] expected `mode`"):
        kfront.RematScope(mode="some")
    with pytest.raises(ArgumentError, match="output_size_threshold"):
        kfront.RematScope(output_size_threshold="large")
    with pytest.raises(ArgumentError, match="layer_names"):
        kfront.RematScope(mode="list_of_layers", layer_names="dense")
    with pytest.raises(ArgumentTypeError, match=r"\[remat\]"):
        kfront.remat(3)
