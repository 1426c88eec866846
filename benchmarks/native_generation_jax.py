"""Greedy decoding with a static cache, written by hand for JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

if TYPE_CHECKING:
    from benchmarks.generation import Shape

__all__ = ["loop"]


def _attend(q: Any, k: Any, v: Any, cache: Any, at: Any) -> tuple[Any, Any]:
    """Attention of (batch, n, heads, size) over the cache, and the cache with the new keys and values."""
    keys = lax.dynamic_update_slice(cache[0], k, (0, at, 0, 0))
    values = lax.dynamic_update_slice(cache[1], v, (0, at, 0, 0))
    batch, n, heads, size = q.shape
    q = q.reshape(batch, n, keys.shape[2], -1, size)
    scores = jnp.einsum("btkgh,bskh->bkgts", q, keys) / size**0.5
    seen = jnp.arange(keys.shape[1])[None, :] <= at + jnp.arange(n)[:, None]
    chances = jax.nn.softmax(jnp.where(seen, scores, -1e30), -1)
    return jnp.einsum("bkgts,bskh->btkgh", chances, values).reshape(batch, n, heads, size), (keys, values)


def _layer_norm(x: Any, g: Any, b: Any) -> Any:
    x = x - x.mean(-1, keepdims=True)
    return x * lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * g + b


def _rms_norm(x: Any, g: Any) -> Any:
    return x * lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) * g


def _gpt(s: Shape, ws: Any, tokens: Any, at: Any, caches: Any) -> tuple[Any, list[Any]]:
    table, places, *rest = ws
    x = table[tokens] + lax.dynamic_slice_in_dim(places, at, tokens.shape[1])
    made = []
    for i, cache in enumerate(caches):
        w = rest[16 * i :]
        y = _layer_norm(x, w[0], w[1])
        q, k, v = (jnp.einsum("btd,dhk->bthk", y, w[j]) + w[j + 1] for j in (2, 4, 6))
        out, cache = _attend(q, k, v, cache, at)
        x = x + jnp.einsum("bthk,hkd->btd", out, w[8]) + w[9]
        y = _layer_norm(x, w[10], w[11])
        x = x + jax.nn.gelu(y @ w[12] + w[13]) @ w[14] + w[15]
        made.append(cache)
    return _layer_norm(x[:, -1], *rest[-2:]) @ table.T, made


def _llama(s: Shape, ws: Any, tokens: Any, at: Any, caches: Any) -> tuple[Any, list[Any]]:
    table, *rest = ws
    x, half = table[tokens], s.width // s.heads // 2
    angles = (at + jnp.arange(tokens.shape[1]))[:, None] * 10000.0 ** (-jnp.arange(half) / half)
    cos, sin = jnp.cos(angles)[:, None], jnp.sin(angles)[:, None]
    made = []
    for i, cache in enumerate(caches):
        w = rest[9 * i :]
        y = _rms_norm(x, w[0])
        q, k, v = (jnp.einsum("btd,dhk->bthk", y, w[j]) for j in (1, 2, 3))
        q, k = (
            jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)
            for a, b in (jnp.split(z, 2, -1) for z in (q, k))
        )
        out, cache = _attend(q, k, v, cache, at)
        x = x + jnp.einsum("bthk,hkd->btd", out, w[4])
        y = _rms_norm(x, w[5])
        x = x + (jax.nn.silu(y @ w[6]) * (y @ w[7])) @ w[8]
        made.append(cache)
    return _rms_norm(x[:, -1], rest[-2]) @ rest[-1], made


def loop(s: Shape, values: Sequence[np.ndarray], prompt: np.ndarray, length: int) -> Callable[[], Any]:
    """What writes the tokens: (batch, length)."""
    logits = _llama if s.key_heads else _gpt
    sizes, n = (len(prompt), length, s.key_heads or s.heads, s.width // s.heads), prompt.shape[1]

    @jax.jit
    def write(ws: Any, start: Any) -> Any:
        caches = [(jnp.zeros(sizes), jnp.zeros(sizes)) for _ in range(s.depth)]
        out = jnp.zeros((len(prompt), length), "int32").at[:, :n].set(start)
        first, caches = logits(s, ws, start, 0, caches)

        def step(at: Any, carry: Any) -> Any:
            out, token, caches = carry
            out = lax.dynamic_update_slice(out, token[:, None], (0, at))
            following, caches = logits(s, ws, token[:, None], at, caches)
            return out, following.argmax(-1).astype("int32"), caches

        out, token, _ = lax.fori_loop(n, length - 1, step, (out, first.argmax(-1).astype("int32"), caches))
        return out.at[:, -1].set(token)

    ws = [jnp.asarray(x) for x in values]
    return lambda: np.asarray(write(ws, prompt))
