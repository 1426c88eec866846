"""Learning rates of their own: parameter groups, and several optimizers for one model."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.conftest import TRAINABLE

import kfront
from kfront import layers, ops, optimizers
from kfront.core.errors import ArgumentError, ArgumentTypeError

SHAPES = {"body": (3, 2), "head": (2,), "rest": (2, 2)}


def weights() -> list[Any]:
    r = np.random.default_rng(0)
    return [kfront.Variable(r.normal(size=s).astype("float32"), name=n) for n, s in SHAPES.items()]


def gradients(seed: int) -> list[Any]:
    r = np.random.default_rng(seed)
    return [ops.convert_to_tensor(r.normal(size=s).astype("float32")) for s in SHAPES.values()]


def train(optimizer: Any, which: slice = slice(None)) -> list[np.ndarray]:
    mine = weights()[which]
    for i in range(5):
        optimizer.apply(gradients(i + 1)[which], mine)
    return [v.numpy() for v in mine]


@pytest.mark.parametrize("name", ["SGD", "AdamW", "Muon", "Adafactor", "ScheduleFreeAdamW", "Lamb"])
@pytest.mark.parametrize("engine", TRAINABLE)
def test_a_group_is_an_optimizer_of_its_own(engine: str, name: str) -> None:
    """Factors on the rate and the decay give what an optimizer with these values gives; frozen variables stay."""
    groups = [
        {"pattern": "^body$", "learning_rate": 0.5, "weight_decay": 3.0},
        {"pattern": "rest|body", "frozen": True},
    ]
    with kfront.backend_scope(engine):
        make = getattr(optimizers, name)
        decay = {"weight_decay": 0.2} | ({"adam_weight_decay": 0.2} if name == "Muon" else {})
        tripled = {k: 3.0 * v for k, v in decay.items()}
        together = train(make(0.1, param_groups=groups, **decay))
        np.testing.assert_allclose(together[0], train(make(0.05, **tripled), slice(0, 1))[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(together[1], train(make(0.1, **decay), slice(1, 2))[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(together[2], weights()[2].numpy())


class Plain(optimizers.Optimizer):
    """A rule of a user's own."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, gradient * learning_rate)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_groups_and_the_rest_of_an_optimizer(engine: str) -> None:
    with kfront.backend_scope(engine):
        schedule = optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        groups = [{"pattern": "body", "learning_rate": 0.1}, {"pattern": "rest", "frozen": True}]
        own, ours = train(Plain(schedule, param_groups=groups)), train(optimizers.SGD(schedule, param_groups=groups))
        for a, b in zip(own, ours, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
        optimizer = optimizers.Adam(0.1, use_ema=True, gradient_accumulation_steps=2, param_groups=groups)
        mine = weights()
        for i in range(4):
            optimizer.apply(gradients(i), mine)
        optimizer.finalize_variable_values(mine)
        np.testing.assert_array_equal(mine[2].numpy(), weights()[2].numpy())
        optimizer.param_groups = None
        optimizer.apply(gradients(5), mine)
        optimizer.apply(gradients(5), mine)
        assert np.abs(mine[2].numpy() - weights()[2].numpy()).min() > 0


def test_configs_and_mistakes() -> None:
    groups = [{"pattern": "body", "learning_rate": 0.5}]
    optimizer = optimizers.Adam(0.1, param_groups=groups)
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    assert optimizers.deserialize(config).param_groups == groups
    assert "param_groups" not in optimizers.Adam().get_config()  # Keras would not know it
    scaled = optimizers.LossScaleOptimizer(optimizers.SGD(0.1))
    scaled.param_groups = groups
    assert scaled.inner_optimizer.param_groups == groups
    with pytest.raises(ArgumentError, match="none for .'bdy'.; the paths are .'body', 'head', 'rest'"):
        train(optimizers.SGD(param_groups=[{"pattern": "bdy"}]))
    for bad in ({"learning_rate": 2.0}, {"pattern": "x", "lr": 1.0}, {"pattern": "("}, "x"):
        with pytest.raises(ArgumentError, match="param_groups|regular expression"):
            optimizers.SGD(param_groups=[bad])
    with pytest.raises(ArgumentError, match="'learning_rate' of a parameter group >= 0, got -1"):
        optimizers.SGD(param_groups=[{"pattern": "x", "learning_rate": -1}])


def model() -> Any:
    kfront.utils.set_random_seed(1)
    return kfront.Sequential(
        [kfront.Input((3,)), layers.Dense(4, name="body"), layers.Dense(1, name="head")], name="net"
    )


def data() -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(2)
    return r.normal(size=(16, 3)).astype("float32"), r.normal(size=(16, 1)).astype("float32")


@pytest.mark.parametrize("engine", TRAINABLE)
def test_fit_sees_new_groups(engine: str, tmp_path: Any) -> None:
    """A compiled step is remade when groups change; files keep them."""
    with kfront.backend_scope(engine):
        net = model()
        net.compile(optimizers.SGD(0.1, param_groups=[{"pattern": "body", "frozen": True}]), "mse")
        body, head = net.layers[0].kernel, net.layers[1].kernel
        for frozen, moving in (("body", "head"), ("head", "body")):
            net.optimizer.param_groups = [{"pattern": frozen, "frozen": True}]
            old = {"body": body.numpy(), "head": head.numpy()}
            net.fit(*data(), verbose=0)
            new = {"body": body.numpy(), "head": head.numpy()}
            np.testing.assert_array_equal(new[frozen], old[frozen])
            assert np.abs(new[moving] - old[moving]).max() > 0
        net.save(tmp_path / "net.keras")
        assert kfront.saving.load_model(tmp_path / "net.keras").optimizer.param_groups == net.optimizer.param_groups


@pytest.mark.parametrize("engine", TRAINABLE)
def test_several_optimizers(engine: str, tmp_path: Any) -> None:
    with kfront.backend_scope(engine):
        by_path = optimizers.OptimizerMap(optimizers.SGD(0.1), {"bo.*": optimizers.Adam(0.05, weight_decay=0.1)})
        together = train(optimizers.MultiOptimizer(by_path, loss_scale_factor=None))
        np.testing.assert_allclose(
            together[0], train(optimizers.Adam(0.05, weight_decay=0.1), slice(0, 1))[0], rtol=1e-5
        )
        for a, b in zip(together[1:], train(optimizers.SGD(0.1), slice(1, 3)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)

        nets = []
        for scale in (None, 8.0):
            net = model()
            by_path = optimizers.OptimizerMap(optimizers.SGD(0.1), {".*body/.*": optimizers.Adam(0.05)})
            net.compile(optimizers.MultiOptimizer(by_path, loss_scale_factor=scale), "mse")
            net.fit(*data(), epochs=2, verbose=0)
            nets.append(net)
        for a, b in zip(*(n.get_weights() for n in nets), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
        optimizer = nets[0].optimizer
        assert [o.name.rstrip("_0123456789") for o in optimizer.optimizers] == ["adam", "sgd"]
        assert int(optimizer.iterations.numpy()) == 2
        nets[0].save(tmp_path / "net.keras")
        again = kfront.saving.load_model(tmp_path / "net.keras")
        for a, b in zip(again.optimizer.variables, optimizer.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        nets[0].fit(*data(), verbose=0)
        again.fit(*data(), verbose=0)
        for a, b in zip(again.get_weights(), nets[0].get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_choice_by_function_and_mistakes() -> None:
    slow, fast = optimizers.SGD(0.1), optimizers.SGD(1.0)
    chosen = optimizers.MultiOptimizer(lambda v: fast if v.name == "head" else slow)
    train(chosen)
    assert chosen.optimizers == [slow, fast]
    assert not hasattr(chosen, "learning_rate")
    with pytest.raises(ArgumentTypeError, match="one of its `optimizers`"):
        chosen.learning_rate = 0.1
    with pytest.raises(ArgumentError, match="set them on one of its"):
        chosen.param_groups = [{"pattern": "x"}]
    with pytest.raises(ArgumentError, match=r"at most one key that matches 'ab', got \['a.', '.b'\]"):
        optimizers.OptimizerMap(slow, {"a.": slow, ".b": fast})["ab"]
    by_path = optimizers.OptimizerMap(slow, {"a": fast})
    assert (by_path["a"], by_path["b"], len(by_path), list(by_path), "b" in by_path) == (fast, slow, 1, ["a"], False)
    with pytest.raises(ArgumentError, match="a new pattern"):
        by_path["a"] = slow
    with pytest.raises(ArgumentTypeError, match="expected an Optimizer"):
        optimizers.OptimizerMap("sgd")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="expected an Optimizer"):
        optimizers.MultiOptimizer(lambda v: "sgd").build(weights())  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("name", optimizers.legacy.__all__)
def test_legacy_names_say_what_to_use(name: str) -> None:
    with pytest.raises(ImportError, match=f"use kfront.optimizers.{name}"):
        getattr(optimizers.legacy, name)(learning_rate=0.1)
