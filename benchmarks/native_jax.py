"""The same work written by hand for JAX, with optax."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

__all__ = ["build", "dense", "fit", "load", "ops", "predict", "save"]


def _glorot(key: Any, shape: tuple[int, ...]) -> jax.Array:
    return jax.nn.initializers.glorot_uniform()(key, shape)


class _Model:
    def __init__(self, parameters: Any, apply: Callable[[Any, Any], Any]) -> None:
        self.parameters, self.apply = parameters, apply
        self.jitted = jax.jit(lambda p, x: jax.nn.softmax(apply(p, x)))


def _mlp_apply(p: Any, x: Any) -> Any:
    for w, b in p[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = p[-1]
    return x @ w + b


def _cnn_apply(p: Any, x: Any) -> Any:
    for w, b in p[:2]:
        x = jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
        x = jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return x.reshape(x.shape[0], -1) @ p[2][0] + p[2][1]


def _lstm_apply(p: Any, x: Any) -> Any:
    (kernel, recurrent, bias), (w, b) = p
    units = recurrent.shape[0]
    inputs = jnp.swapaxes(x @ kernel + bias, 0, 1)

    def step(carry: Any, z: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(z + h @ recurrent, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[0], units))
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), inputs)
    return h @ w + b


def build(kind: str, depth: int = 0) -> _Model:
    """Parameters and the function of the logits."""
    key = jax.random.key(0)
    if kind in ("mlp", "deep"):
        sizes = [784, 128, 64, 10] if kind == "mlp" else [16] * depth + [10]
        return _Model([(_glorot(key, s), jnp.zeros(s[1])) for s in itertools.pairwise(sizes)], _mlp_apply)
    if kind == "cnn":
        shapes = [((3, 3, 1, 16), 16), ((3, 3, 16, 32), 32), ((800, 10), 10)]
        return _Model([(_glorot(key, s), jnp.zeros(n)) for s, n in shapes], _cnn_apply)
    cell = (_glorot(key, (32, 256)), _glorot(key, (64, 256)), jnp.zeros(256))
    return _Model([cell, (_glorot(key, (64, 10)), jnp.zeros(10))], _lstm_apply)


def fit(model: _Model, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    """One epoch of a jitted optax loop."""
    optimizer = optax.adam(1e-3)

    def step(p: Any, s: Any, metrics: Any, bx: Any, by: Any) -> Any:
        def loss(p: Any) -> Any:
            out = model.apply(p, bx)
            return optax.softmax_cross_entropy_with_integer_labels(out, by).mean(), out

        (value, out), grads = jax.value_and_grad(loss, has_aux=True)(p)
        updates, s = optimizer.update(grads, s, p)
        total, hits = metrics
        metrics = (total + value * bx.shape[0], hits + (out.argmax(-1) == by).sum())
        return optax.apply_updates(p, updates), s, metrics

    jitted = jax.jit(step, donate_argnums=(0, 1, 2))
    store = {"p": jax.tree.map(jnp.copy, model.parameters)}
    store["s"] = optimizer.init(store["p"])
    g = np.random.default_rng(0)

    def epoch() -> None:
        order = g.permutation(len(x))
        p, s, metrics = store["p"], store["s"], (jnp.zeros(()), jnp.zeros((), "int32"))
        for i in range(0, len(x), batch):
            index = order[i : i + batch]
            p, s, metrics = jitted(p, s, metrics, x[index], y[index])
        store["p"], store["s"] = p, s
        float(metrics[0]), int(metrics[1])

    return epoch


def evaluate(model: _Model, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    """Loss and accuracy over the data."""

    def step(p: Any, metrics: Any, bx: Any, by: Any) -> Any:
        out = model.apply(p, bx)
        value = optax.softmax_cross_entropy_with_integer_labels(out, by).sum()
        return metrics[0] + value, metrics[1] + (out.argmax(-1) == by).sum()

    jitted = jax.jit(step)

    def run() -> None:
        metrics: Any = (jnp.zeros(()), jnp.zeros((), "int32"))
        for i in range(0, len(x), batch):
            metrics = jitted(model.parameters, metrics, x[i : i + batch], y[i : i + batch])
        float(metrics[0]), int(metrics[1])

    return run


def predict(model: _Model, x: np.ndarray, batch: int) -> Callable[[], Any]:
    """Softmax outputs as NumPy."""

    def run() -> Any:
        parts = [model.jitted(model.parameters, x[i : i + batch]) for i in range(0, len(x), batch)]
        return np.concatenate([np.asarray(p) for p in parts])

    return run


def predict_one(model: _Model, x: np.ndarray) -> Callable[[], Any]:
    """One sample from NumPy to NumPy."""
    return lambda: np.asarray(model.jitted(model.parameters, x))


def tensor(x: np.ndarray) -> jax.Array:
    """A native tensor."""
    return jnp.asarray(x)


def ops() -> dict[str, Callable[..., Any]]:
    """Native forms of the measured ops."""
    return {
        "add": jnp.add,
        "matmul": jnp.matmul,
        "reshape": lambda x: jnp.reshape(x, (-1,)),
        "softmax": lambda x: jax.nn.softmax(x, -1),
        "concatenate": lambda x: jnp.concatenate((x, x), 0),
        "mean": lambda x: jnp.mean(x, -1),
    }


def dense(inputs: int, units: int) -> Callable[[jax.Array], jax.Array]:
    """A fully connected layer, called eagerly."""
    w, b = _glorot(jax.random.key(0), (inputs, units)), jnp.zeros(units)
    return lambda x: jnp.add(jnp.matmul(x, w), b)


def save(arrays: list[np.ndarray], path: str) -> None:
    """Pytrees are pickled as NumPy arrays."""
    with open(path, "wb") as f:
        pickle.dump([np.asarray(a) for a in arrays], f)


def load(path: str) -> Any:
    """Read what `save` wrote."""
    with open(path, "rb") as f:
        return [jnp.asarray(a) for a in pickle.load(f)]
