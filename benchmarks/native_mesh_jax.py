"""A Transformer in JAX alone, its step under `jax.jit` with shardings: by hand, for the mesh of `distributed.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = dict[str, Any]


def _initial(words: int, width: int, blocks: int) -> Tree:
    rng = np.random.default_rng(0)

    def dense(n: int, m: int) -> Tree:
        limit = (6 / (n + m)) ** 0.5
        return {"w": rng.uniform(-limit, limit, (n, m)).astype("float32"), "b": np.zeros(m, "float32")}

    def norm() -> Tree:
        return {"g": np.ones(width, "float32"), "b": np.zeros(width, "float32")}

    def block() -> Tree:
        square = {name: dense(width, width) for name in ("query", "key", "value", "out")}
        mlp = {"up": dense(width, 4 * width), "down": dense(4 * width, width)}
        return {**square, **mlp, "norm1": norm(), "norm2": norm()}

    table = rng.uniform(-0.05, 0.05, (words, width)).astype("float32")
    return {"table": table, "blocks": [block() for _ in range(blocks)], "norm": norm(), "head": dense(width, words)}


def _dense(p: Tree, x: Any) -> Any:
    return x @ p["w"] + p["b"]


def _normed(p: Tree, x: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-3) * p["g"] + p["b"]


def _block(p: Tree, x: Any, heads: int) -> Any:
    h = _normed(p["norm1"], x)
    q, k, v = (_dense(p[n], h).reshape(*x.shape[:2], heads, -1) for n in ("query", "key", "value"))
    x = x + _dense(p["out"], jax.nn.dot_product_attention(q, k, v).reshape(x.shape))
    return x + _dense(p["down"], jax.nn.gelu(_dense(p["up"], _normed(p["norm2"], x)), approximate=False))


def make(
    words: int, width: int, heads: int, blocks: int, axis: str, mesh: Mesh
) -> tuple[Callable[[Any, Any], list[float]], Callable[[], int]]:
    """A step of training on whole batches, and the bytes that this process holds."""
    rows, copied = NamedSharding(mesh, PartitionSpec(axis)), NamedSharding(mesh, PartitionSpec())
    count = mesh.size

    def place_of(x: Any) -> NamedSharding:
        dim = next((d for d, n in enumerate(x.shape) if n % count == 0), None)
        if dim is None:
            return copied
        return NamedSharding(mesh, PartitionSpec(*[axis if d == dim else None for d in range(x.ndim)]))

    def spread(x: Any, where: NamedSharding) -> Any:
        return jax.make_array_from_callback(x.shape, where, lambda index: x[index])

    first = _initial(words, width, blocks)
    places = jax.tree.map(place_of, first)
    weights = jax.tree.map(spread, first, places)
    zeros = jax.tree.map(np.zeros_like, first)
    state = (weights, jax.tree.map(spread, zeros, places), jax.tree.map(spread, zeros, places), jnp.zeros((), "int32"))

    def loss_of(p: Tree, x: Any, y: Any) -> Any:
        h = p["table"][x]
        for block in p["blocks"]:
            h = _block(block, h, heads)
        logits = _dense(p["head"], _normed(p["norm"], h).mean(1))
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], -1).mean()
        return loss, (logits.argmax(-1) == y).mean()

    def update(state: Any, x: Any, y: Any) -> Any:
        p, m, v, n = state
        (loss, accuracy), g = jax.value_and_grad(loss_of, has_aux=True)(p, x, y)
        norm = jnp.sqrt(sum(jnp.sum(t * t) for t in jax.tree.leaves(g)))
        g = jax.tree.map(lambda t: t * jnp.minimum(1.0 / norm, 1.0), g)
        n = n + 1
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        rate = 2e-3 * jnp.sqrt(1 - 0.999**n) / (1 - 0.9**n)
        p = jax.tree.map(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-7), p, m, v)
        return (p, m, v, n), (loss, accuracy)

    compiled = jax.jit(update, donate_argnums=0, out_shardings=((places, places, places, copied), copied))

    def step(x: np.ndarray, y: np.ndarray) -> list[float]:
        nonlocal state
        state, told = compiled(state, spread(x, rows), spread(y, rows))
        return [float(t) for t in told]

    def held() -> int:
        return sum(s.data.nbytes for x in jax.tree.leaves(state[:3]) for s in x.addressable_shards)

    return step, held
