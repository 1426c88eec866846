"""Optimizers inside optimizers: loss scales apply once, and callbacks find every learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import callbacks, layers, ops, optimizers


def stepped(optimizer: Any, scale: float) -> list[float]:
    """Two variables of 1 after one step with gradients of 1, times the scale of the loss."""
    a, b = kfront.Variable([1.0], name="a"), kfront.Variable([1.0], name="b")
    optimizer.build([a, b])
    assert float(optimizer.scale_loss(ops.convert_to_tensor(1.0))) == scale
    assert float(optimizer.scale_loss(1.0)) == scale
    optimizer.apply([ops.ones(1) * scale] * 2, [a, b])
    return [float(v.numpy()[0]) for v in (a, b)]


def several(own: float | None = None, inner: float | None = None) -> Any:
    by_path = optimizers.OptimizerMap(
        optimizers.SGD(0.5, loss_scale_factor=inner), {"a|.*kernel": optimizers.SGD(0.25)}
    )
    return optimizers.MultiOptimizer(by_path, loss_scale_factor=own)


@pytest.mark.parametrize(  # as Keras 3.15.1 has it: the outermost scale counts
    ("make", "scale", "expected"),
    [
        (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.5), initial_scale=8.0), 8.0, [0.5, 0.5]),
        (
            lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.5, loss_scale_factor=2.0), initial_scale=8.0),
            8.0,
            [0.5, 0.5],
        ),
        (lambda: several(), 1.0, [0.75, 0.5]),
        (lambda: several(own=2.0), 2.0, [0.75, 0.5]),
        (lambda: several(inner=4.0), 1.0, [0.75, 0.5]),
        (lambda: several(own=2.0, inner=4.0), 2.0, [0.75, 0.5]),
        (lambda: optimizers.LossScaleOptimizer(several(), initial_scale=4.0), 4.0, [0.75, 0.5]),
        (lambda: optimizers.LossScaleOptimizer(several(own=2.0), initial_scale=4.0), 4.0, [0.75, 0.5]),
    ],
)
def test_loss_scales_apply_once(make: Any, scale: float, expected: list[float], trainable_backend: Any) -> None:
    assert stepped(make(), scale) == expected


@pytest.mark.parametrize("outer", [lambda one: one, lambda one: optimizers.LossScaleOptimizer(one)])
@pytest.mark.parametrize(
    ("make", "first", "second"),
    [
        (
            lambda: callbacks.ReduceLROnPlateau(patience=0, monitor="loss", factor=0.5, min_delta=1e9),
            [0.25, 0.25, 0.125],
            [0.5, 0.5, 0.25],
        ),
        (
            lambda: callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
            [0.125, 0.0625, 0.03125],
            [0.25, 0.125, 0.0625],
        ),
    ],
)
def test_callbacks_find_every_rate(
    make: Any, first: list[float], second: list[float], outer: Any, trainable_backend: Any
) -> None:
    optimizer = several()
    model = kfront.Sequential([layers.Dense(1, kernel_initializer="ones")])
    model.compile(outer(optimizer), "mse")
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0, callbacks=[make()]).history
    names = [f"learning_rate_{one.name}" for one in optimizer.optimizers]
    assert list(history) == ["loss", *names]
    assert [history[name] for name in names] == [first, second]


def test_the_optimizers_of_a_map_are_known_before_build(backend: Any) -> None:
    by_path = optimizers.OptimizerMap(optimizers.SGD(0.5), {"a": optimizers.SGD(0.25)})
    rates = [float(one.learning_rate) for one in optimizers.MultiOptimizer(by_path).optimizers]
    assert rates == [0.25, 0.5]  # in the order of Keras
    assert optimizers.MultiOptimizer(lambda variable: by_path.default_optimizer).optimizers == []
