"""kfront's layers in modules of TensorFlow, and in the scopes of `tf.distribute` strategies."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import kfront
from kfront import layers

tf = pytest.importorskip("tensorflow")


@pytest.fixture(autouse=True)
def _on_tensorflow():
    with kfront.backend_scope("tensorflow"):
        yield


class Net(tf.Module):
    """A module with layers in attributes, lists and dicts, and a model."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(3)
        self.more = [layers.Dense(2)]
        self.named = {"norm": layers.BatchNormalization()}
        self.model = kfront.Sequential([layers.Dense(2), layers.Dropout(0.1)])

    def __call__(self, x):
        return self.model(self.named["norm"](self.more[0](self.first(x))))


def test_modules_list_the_variables_of_layers():
    kfront.utils.set_random_seed(0)
    net = Net()
    assert len(net.variables) == 1  # the seed of Dropout
    assert set(net.submodules) >= {net.first, net.more[0], net.named["norm"], net.model}
    x = tf.ones((4, 3))
    net(x)
    parts = [net.first, net.more[0], net.named["norm"], net.model]
    own = [v._value for part in parts for v in part.variables]
    assert len(net.variables) == len(own) == 11 and {v.ref() for v in net.variables} == {v.ref() for v in own}
    assert len(net.trainable_variables) == 8 and all(isinstance(v, tf.Variable) for v in net.variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(x) ** 2)
    gradients = tape.gradient(loss, net.trainable_variables)
    assert all(g is not None and g.shape == v.shape for g, v in zip(gradients, net.trainable_variables, strict=True))
    for v, g in zip(net.trainable_variables, gradients, strict=True):
        v.assign_sub(0.001 * g)
    assert float(tf.reduce_sum(net(x) ** 2)) < float(loss)


def test_a_layer_is_a_module():
    layer = layers.Dense(3, name="mine")
    layer.build((None, 2))
    assert isinstance(layer, tf.Module) and layer.name == "mine"
    twin = copy.deepcopy(layer)
    holder = tf.Module()
    holder.layer = twin
    assert {v.ref() for v in holder.variables} == {twin.kernel._value.ref(), twin.bias._value.ref()}
    holder.layer = None
    assert holder.variables == ()


def test_checkpoint_of_a_module(tmp_path):
    net, other = Net(), Net()
    x = tf.ones((2, 3))
    net(x), other(x)
    path = tf.train.Checkpoint(net=net).save(tmp_path / "c")
    tf.train.Checkpoint(net=other).restore(path).assert_consumed()
    np.testing.assert_allclose(other(x), net(x), rtol=1e-6)


STRATEGIES = {
    "mirrored": lambda: tf.distribute.MirroredStrategy(["CPU:0"]),
    "mirrored on all": tf.distribute.MirroredStrategy,
    "one device": lambda: tf.distribute.OneDeviceStrategy("CPU:0"),
    "several workers": tf.distribute.MultiWorkerMirroredStrategy,
}


def trained(strategy, inside=False):
    """What training under a strategy gives."""
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    y = x.sum(1, keepdims=True)

    def run(model):
        history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False).history
        return [*history["loss"], *history["mae"], *model.evaluate(x, y, verbose=0), model.predict(x, verbose=0).sum()]

    with strategy.scope():
        kfront.utils.set_random_seed(0)
        model = kfront.Sequential([kfront.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
        model.compile(kfront.optimizers.Adam(0.05), "mse", metrics=["mae"])
        assert model.distribute_strategy is strategy
        if inside:
            return model, run(model)
    return model, run(model)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", STRATEGIES)
def test_training_under_a_strategy(name, inside):
    _, want = trained(tf.distribute.get_strategy())
    strategy = STRATEGIES[name]()
    model, got = trained(strategy, inside)
    np.testing.assert_allclose(got, want, rtol=1e-4)
    assert model.distribute_strategy is strategy
    assert layers.Dense(1).distribute_strategy is tf.distribute.get_strategy()
    twin = copy.deepcopy(model)
    np.testing.assert_allclose(twin(np.ones((1, 4), "float32")), model(np.ones((1, 4), "float32")), rtol=1e-6)


def test_tapes_in_the_scope_of_a_strategy():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        layer = layers.Dense(2)
        layer.build((None, 4))
        loss, gradients = kfront.value_and_grad(lambda x: kfront.ops.sum(layer(x)), wrt=layer)(tf.ones((3, 4)))
    np.testing.assert_allclose(gradients[0], 3 * np.ones((4, 2)))
    assert np.isfinite(float(loss))
