"""Greedy decoding with a static cache, written by hand for TensorFlow, compiled by XLA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

if TYPE_CHECKING:
    from benchmarks.generation import Shape

__all__ = ["loop"]


def _attend(q: Any, k: Any, v: Any, cache: Any, at: Any) -> tuple[Any, Any]:
    """Attention of (batch, n, heads, size) over the cache, and the cache with the new keys and values."""
    keys = xla.dynamic_update_slice(cache[0], k, [0, at, 0, 0])
    values = xla.dynamic_update_slice(cache[1], v, [0, at, 0, 0])
    batch, n, heads, size = q.shape
    q = tf.reshape(q, (batch, n, keys.shape[2], -1, size))
    scores = tf.einsum("btkgh,bskh->bkgts", q, keys) / size**0.5
    seen = tf.range(keys.shape[1])[None, :] <= at + tf.range(n)[:, None]
    chances = tf.nn.softmax(tf.where(seen, scores, -1e30), -1)
    return tf.reshape(tf.einsum("bkgts,bskh->btkgh", chances, values), (batch, n, heads, size)), (keys, values)


def _layer_norm(x: Any, g: Any, b: Any) -> Any:
    x = x - tf.reduce_mean(x, -1, keepdims=True)
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + 1e-5) * g + b


def _rms_norm(x: Any, g: Any) -> Any:
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + 1e-6) * g


def _gpt(s: Shape, ws: Any, tokens: Any, at: Any, caches: Any) -> tuple[Any, list[Any]]:
    table, places, *rest = ws
    x = tf.gather(table, tokens) + tf.gather(places, at + tf.range(tokens.shape[1]))
    made = []
    for i, cache in enumerate(caches):
        w = rest[16 * i :]
        y = _layer_norm(x, w[0], w[1])
        q, k, v = (tf.einsum("btd,dhk->bthk", y, w[j]) + w[j + 1] for j in (2, 4, 6))
        out, cache = _attend(q, k, v, cache, at)
        x = x + tf.einsum("bthk,hkd->btd", out, w[8]) + w[9]
        y = _layer_norm(x, w[10], w[11])
        x = x + tf.nn.gelu(y @ w[12] + w[13], approximate=True) @ w[14] + w[15]
        made.append(cache)
    return tf.matmul(_layer_norm(x[:, -1], *rest[-2:]), table, transpose_b=True), made


def _llama(s: Shape, ws: Any, tokens: Any, at: Any, caches: Any) -> tuple[Any, list[Any]]:
    table, *rest = ws
    x, half = tf.gather(table, tokens), s.width // s.heads // 2
    speeds = (10000.0 ** (-np.arange(half) / half)).astype("float32")
    angles = tf.cast(at + tf.range(tokens.shape[1]), tf.float32)[:, None] * speeds
    cos, sin = tf.cos(angles)[:, None], tf.sin(angles)[:, None]
    made = []
    for i, cache in enumerate(caches):
        w = rest[9 * i :]
        y = _rms_norm(x, w[0])
        q, k, v = (tf.einsum("btd,dhk->bthk", y, w[j]) for j in (1, 2, 3))
        q, k = (tf.concat([a * cos - b * sin, b * cos + a * sin], -1) for a, b in (tf.split(z, 2, -1) for z in (q, k)))
        out, cache = _attend(q, k, v, cache, at)
        x = x + tf.einsum("bthk,hkd->btd", out, w[4])
        y = _rms_norm(x, w[5])
        x = x + (tf.nn.silu(y @ w[6]) * (y @ w[7])) @ w[8]
        made.append(cache)
    return _rms_norm(x[:, -1], rest[-2]) @ rest[-1], made


def loop(s: Shape, values: Sequence[np.ndarray], prompt: np.ndarray, length: int) -> Callable[[], Any]:
    """What writes the tokens: (batch, length)."""
    logits = _llama if s.key_heads else _gpt
    sizes, n = (len(prompt), length, s.key_heads or s.heads, s.width // s.heads), prompt.shape[1]
    ws = [tf.Variable(x) for x in values]

    @tf.function(jit_compile=True, autograph=False)
    def write(start: Any) -> Any:
        caches = [(tf.zeros(sizes), tf.zeros(sizes)) for _ in range(s.depth)]
        out = tf.pad(start, [(0, 0), (0, length - n)])
        held = [tf.convert_to_tensor(w) for w in ws]
        first, caches = logits(s, held, start, 0, caches)

        def step(at: Any, out: Any, token: Any, caches: Any) -> Any:
            out = xla.dynamic_update_slice(out, token[:, None], [0, at])
            following, caches = logits(s, held, token[:, None], at, caches)
            return at + 1, out, tf.argmax(following, -1, tf.int32), caches

        start = tf.constant(n), out, tf.argmax(first, -1, tf.int32), caches
        _, out, token, _ = tf.while_loop(lambda at, *_: at < length - 1, step, start)
        return xla.dynamic_update_slice(out, token[:, None], [0, length - 1])

    return lambda: write(tf.constant(prompt)).numpy()
