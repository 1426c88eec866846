"""Variables that take their gradient as their value (the scales of float8 training), whatever stands around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops, optimizers


def variables() -> list[Any]:
    """Three of them; the first and the last are overwritten."""
    out = [kfront.Variable(np.full(2, float(i), "float32"), name=f"v{i}") for i in range(3)]
    out[0].overwrite_with_gradient = out[2].overwrite_with_gradient = True
    return out


GRADS = [np.float32([8.0, 16.0]), np.float32([2.0, 4.0]), np.float32([32.0, 64.0])]

MADE = {
    "plain": lambda: optimizers.SGD(0.5),
    "momentum": lambda: optimizers.SGD(0.125, momentum=0.9),
    "clipped": lambda: optimizers.SGD(0.5, clipvalue=1.0),
    "decayed": lambda: optimizers.SGD(0.5, weight_decay=0.1),
    "averaged": lambda: optimizers.SGD(0.5, use_ema=True),
    "accumulated": lambda: optimizers.SGD(0.5, gradient_accumulation_steps=2),
    "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.5), initial_scale=8.0),
    "fixed scale": lambda: optimizers.SGD(0.5, loss_scale_factor=8.0),
    "own rate": lambda: optimizers.SGD(0.5, param_groups=[{"pattern": "v1", "learning_rate": 0.5}]),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", MADE)
def test_the_gradient_becomes_the_value(name: str, compiled: bool, trainable_backend: Any) -> None:
    """Neither scaled nor clipped nor accumulated; the variable between them moves as it would alone."""
    mine, alone = variables(), variables()[1:2]
    optimizer, single = MADE[name](), MADE[name]()
    optimizer.build(mine)
    single.build(alone)

    def step(*grads: Any) -> None:
        optimizer.apply(list(grads), mine)

    run = trainable_backend.compile_step(step, lambda: [*mine, *optimizer.variables], "auto") if compiled else step
    for n in (1, 2):
        run(*(ops.convert_to_tensor(n * g) for g in GRADS))
        single.apply([ops.convert_to_tensor(n * GRADS[1])], alone)
    np.testing.assert_array_equal(mine[0].numpy(), 2 * GRADS[0])
    np.testing.assert_array_equal(mine[2].numpy(), 2 * GRADS[2])
    np.testing.assert_allclose(mine[1].numpy(), alone[0].numpy(), rtol=1e-6)
    assert not np.allclose(alone[0].numpy(), 1.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_while_gradients_accumulate_the_value_stays(compiled: bool, trainable_backend: Any) -> None:
    """As Keras has it: every so many calls the last gradient becomes the value."""
    mine = variables()
    optimizer = MADE["accumulated"]()
    optimizer.build(mine)
    step = lambda *grads: optimizer.apply(list(grads), mine)  # noqa: E731
    run = trainable_backend.compile_step(step, lambda: [*mine, *optimizer.variables], "auto") if compiled else step
    seen = []
    for n in (1, 2, 3):
        run(*(ops.convert_to_tensor(n * g) for g in GRADS))
        seen.append(float(mine[2].numpy()[0]))
    assert seen == [2.0, 64.0, 64.0]


def test_infinite_gradients_leave_everything_as_it_was(trainable_backend: Any) -> None:
    mine = variables()
    optimizer = MADE["scaled"]()
    optimizer.apply([ops.convert_to_tensor(g) for g in (GRADS[0], GRADS[1] * np.inf, GRADS[2])], mine)
    for v, old in zip(mine, variables(), strict=True):
        np.testing.assert_array_equal(v.numpy(), old.numpy())


class Recorded(layers.Layer):
    """Has a weight whose gradient is its next value: how often it was asked, here."""

    def build(self, input_shape: Any) -> None:
        self.count = self.add_weight(shape=(), initializer="zeros", overwrite_with_gradient=True, name="count")
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        @ops.custom_gradient
        def counted(x: Any, count: Any) -> Any:
            def gradient(*args: Any, upstream: Any = None) -> Any:
                return upstream if upstream is not None else args[0], count + 1.0

            return x, gradient

        return counted(x * self.scale, self.count.value)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_in_fit(policy: str, trainable_backend: Any) -> None:
    """Through compiled steps and dynamic loss scaling."""
    model = kfront.Sequential([layers.Input((3,)), Recorded(dtype=policy), layers.Dense(1, dtype=policy)])
    model.compile(optimizers.LossScaleOptimizer(optimizers.SGD(0.01), initial_scale=8.0), "mse")
    x = np.ones((12, 3), "float32")
    model.fit(x, np.zeros((12, 1), "float32"), batch_size=4, verbose=0)
    assert float(model.layers[0].count.numpy()) == 3.0
