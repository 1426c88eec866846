"""A training loop of one's own that runs unchanged on PyTorch, JAX and TensorFlow.

Usage: python examples/custom_loop.py [torch|jax|tensorflow]

Two moons are told apart by a small network. The step computes the loss and its gradient, adds a penalty on the slope of
the network at the data (a gradient inside a gradient), and updates the weights; it is compiled by the engine.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import kfront
from kfront import layers, ops


def moons(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of two interleaved half circles, and which of the two each belongs to."""
    rng = np.random.default_rng(seed)
    angle, label = rng.uniform(0, np.pi, n), rng.integers(0, 2, n)
    x = np.stack([np.cos(angle) * (1 - 2 * label) + label, np.sin(angle) * (1 - 2 * label) + 0.5 * label], axis=1)
    return (x + rng.normal(0, 0.1, x.shape)).astype("float32"), label.astype("float32")


def make_step(model: Any, optimizer: Any, loss_tracker: Any) -> Any:
    """The step: it reads and assigns Variables, and returns nothing."""
    bce = kfront.losses.BinaryCrossentropy(from_logits=True)

    def loss_fn(x: Any, y: Any) -> Any:
        loss = bce(y[:, None], model(x, training=True))
        slopes = kfront.grad(lambda points: ops.sum(model(points)))(x)
        return loss + 1e-3 * ops.mean(ops.square(slopes)), loss

    @kfront.jit
    def step(x: Any, y: Any) -> None:
        (_, loss), gradients = kfront.value_and_grad(loss_fn, has_aux=True, wrt=model)(x, y)
        optimizer.apply(gradients, model.trainable_variables)
        loss_tracker.update_state(loss)

    return step


def main(engine: str = "torch", epochs: int = 20) -> float:
    """Train; returns the accuracy on new data."""
    kfront.config.set_backend(engine)
    kfront.utils.set_random_seed(0)
    model = kfront.Sequential(
        [layers.Dense(32, activation="tanh"), layers.Dense(32, activation="tanh"), layers.Dense(1)]
    )
    model.build((None, 2))
    optimizer = kfront.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    loss_tracker = kfront.metrics.Mean()
    step = make_step(model, optimizer, loss_tracker)

    x, y = moons(512, seed=0)
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(x))
        for batch in np.split(order, 8):
            step(x[batch], y[batch])
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:2d}  loss {float(loss_tracker.result()):.4f}")
        loss_tracker.reset_state()

    x, y = moons(512, seed=1)
    right = ops.convert_to_numpy(model(x))[:, 0] > 0
    accuracy = float((right == (y > 0.5)).mean())
    print(f"accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:])
