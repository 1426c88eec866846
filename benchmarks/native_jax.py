"""The same work written by hand for JAX, with optax."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.models import WORDS

__all__ = ["build", "dense", "fit", "ops", "predict", "train_one"]


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


def _text_apply(p: Any, x: Any) -> Any:
    table, *rest = p
    return _mlp_apply(rest, table[x].mean(1))


def _norm(x: Any, scale: Any, shift: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * scale + shift


def _transformer_apply(p: Any, x: Any) -> Any:
    table, *heads, first, inner, outer, second, (w, b) = p
    x = table[x]
    q, k, v = ((x @ m + c).reshape(*x.shape[:2], 4, 16) for m, c in heads[:3])
    scores = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", q, k) / 4)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", scores, v).reshape(x.shape)
    x = _norm(x + mixed @ heads[3][0] + heads[3][1], *first)
    x = _norm(x + jax.nn.relu(x @ inner[0] + inner[1]) @ outer[0] + outer[1], *second)
    return x.mean(1) @ w + b


def build(kind: str, depth: int = 0) -> _Model:
    """Parameters and the function of the logits."""
    key = jax.random.key(0)
    pair = lambda a, b: (_glorot(key, (a, b)), jnp.zeros(b))  # noqa: E731
    if kind == "text":
        return _Model([_glorot(key, (WORDS, 64)), pair(64, 64), pair(64, 10)], _text_apply)
    if kind == "transformer":
        norms = [(jnp.ones(64), jnp.zeros(64)) for _ in range(2)]
        heads = [pair(64, 64) for _ in range(4)]
        rest = [norms[0], pair(64, 128), pair(128, 64), norms[1], pair(64, 10)]
        return _Model([_glorot(key, (WORDS, 64)), *heads, *rest], _transformer_apply)
    if kind in ("mlp", "deep", "wide"):
        sizes = {"mlp": [784, 128, 64, 10], "wide": [1024, 1024, 1024, 10]}.get(kind, [16] * depth + [10])
        return _Model([(_glorot(key, s), jnp.zeros(s[1])) for s in itertools.pairwise(sizes)], _mlp_apply)
    if kind == "cnn":
        shapes = [((3, 3, 1, 16), 16), ((3, 3, 16, 32), 32), ((800, 10), 10)]
        return _Model([(_glorot(key, s), jnp.zeros(n)) for s, n in shapes], _cnn_apply)
    cell = (_glorot(key, (32, 256)), _glorot(key, (64, 256)), jnp.zeros(256))
    return _Model([cell, (_glorot(key, (64, 10)), jnp.zeros(10))], _lstm_apply)


def _step(model: _Model) -> tuple[Callable[..., Any], dict[str, Any]]:
    """One step of training, and the state that it goes on from."""
    optimizer = optax.adam(1e-3)

    def step(p: Any, s: Any, bx: Any, by: Any) -> Any:
        def loss(p: Any) -> Any:
            out = model.apply(p, bx)
            return optax.softmax_cross_entropy_with_integer_labels(out, by).mean(), out

        (value, out), grads = jax.value_and_grad(loss, has_aux=True)(p)
        updates, s = optimizer.update(grads, s, p)
        return optax.apply_updates(p, updates), s, value, (out.argmax(-1) == by).sum()

    store = {"p": jax.tree.map(jnp.copy, model.parameters)}
    store["s"] = optimizer.init(store["p"])
    return step, store


def train_one(model: _Model, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """One step from arrays to numbers."""
    step, store = _step(model)
    jitted = jax.jit(step, donate_argnums=(0, 1))

    def run() -> None:
        store["p"], store["s"], loss, hits = jitted(store["p"], store["s"], x, y)
        float(loss), int(hits)

    return run


def fit(model: _Model, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    """One epoch of a jitted optax loop."""
    step, store = _step(model)

    def counted(p: Any, s: Any, metrics: Any, bx: Any, by: Any) -> Any:
        p, s, loss, hits = step(p, s, bx, by)
        return p, s, (metrics[0] + loss * bx.shape[0], metrics[1] + hits)

    jitted = jax.jit(counted, donate_argnums=(0, 1, 2))
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
