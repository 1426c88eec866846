"""A JAX project that takes layers from kfront: a model is a pytree, Optax updates it, `jax.jit` compiles the step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

import kfront
from kfront import layers

kfront.config.set_backend("jax")


def main() -> float:
    """Train with jax.grad and Optax; the accuracy on digits not seen."""
    kfront.utils.set_random_seed(0)
    images, digits = load_digits(return_X_y=True)
    x, y = (images / 16).astype("float32"), digits.astype("int32")
    model = kfront.Sequential([kfront.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10)])
    weights, rest = kfront.partition(model)  # what is differentiated, and the other leaves
    optimizer = optax.adam(3e-3)

    def loss_of(weights, x, y):
        logits = kfront.merge(weights, rest)(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    @jax.jit
    def step(weights, state, x, y):
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        updates, state = optimizer.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state, loss

    state = optimizer.init(weights)
    order = np.random.default_rng(0)
    for _ in range(20):
        for rows in np.split(order.permutation(1400), range(64, 1400, 64)):
            weights, state, _ = step(weights, state, x[rows], y[rows])
    model = kfront.merge(weights, rest)
    accuracy = float(jnp.mean(jnp.argmax(model(x[1400:]), axis=-1) == y[1400:]))
    print(f"test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
