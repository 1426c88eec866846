"""How much memory JAX keeps of models that are gone, without kfront: ``python -m tests.tuning.jax_alone MODELS``."""

from __future__ import annotations

import sys

import jax
import numpy as np
from tests.tuning.memory import WARM, resident


def train(width: int) -> None:
    """A step of a network of two layers, compiled and thrown away."""
    weights = [np.full((8, width), 0.1, "float32"), np.full((width, 2), 0.1, "float32")]

    def loss(weights: list[jax.Array], x: jax.Array) -> jax.Array:
        return ((jax.nn.relu(x @ weights[0]) @ weights[1]) ** 2).mean()

    @jax.jit
    def step(weights: list[jax.Array], x: jax.Array) -> list[jax.Array]:
        return [w - g for w, g in zip(weights, jax.grad(loss)(weights, x), strict=True)]

    step(weights, np.ones((32, 8), "float32"))
    jax.clear_caches()


if __name__ == "__main__":
    for width in range(4, 4 + WARM):
        train(width)
    before = resident()
    for width in range(4 + WARM, 4 + WARM + int(sys.argv[1])):
        train(width)
    print(f"{resident() - before:.2f}")
