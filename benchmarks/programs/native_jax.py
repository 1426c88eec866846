"""The programs written by hand for JAX, with optax: ``python native_jax.py NAME``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from data import (
    GRAPH_CLASSES,
    LATENT,
    START,
    WORDS,
    digits,
    graph,
    images,
    photos,
    q_learning,
    report,
    reviews,
    sentences,
)

Function = Callable[..., Any]
_random = np.random.default_rng(0)  # first weights are drawn on the host: JAX compiles what draws for each shape


def _glorot(*shape: int) -> np.ndarray:
    limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
    return _random.uniform(-limit, limit, shape).astype("float32")


def _zeros(n: int) -> np.ndarray:
    return np.zeros(n, "float32")


def _ones(n: int) -> np.ndarray:
    return np.ones(n, "float32")


def _dense(a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
    return _glorot(a, b), _zeros(b)


def _through(p: Any, x: Any) -> Any:
    return x @ p[0] + p[1]


def _count(tree: Any) -> int:
    return sum(x.size for x in jax.tree.leaves(tree))


def _entropy(out: Any, y: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()


def _binary(out: Any, y: Any) -> Any:
    return optax.sigmoid_binary_cross_entropy(out, y).mean()


def _right(out: Any, y: Any) -> Any:
    return (out.argmax(-1) == y).mean()


def _side(out: Any, y: Any) -> Any:
    return ((out > 0) == (y > 0.5)).mean()


def _evaluator(apply: Function, loss: Function, metric: Function) -> Function:
    """(parameters, x, y) -> the mean loss and metric over batches of 32."""

    @jax.jit
    def step(p: Any, totals: Any, bx: Any, by: Any) -> Any:
        out = apply(p, bx)
        return totals[0] + loss(out, by) * len(by), totals[1] + metric(out, by) * len(by)

    def run(p: Any, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        totals: Any = jnp.zeros(()), jnp.zeros(())
        for i in range(0, len(y), 32):
            totals = step(p, totals, x[i : i + 32], y[i : i + 32])
        return float(totals[0]) / len(y), float(totals[1]) / len(y)

    return run


def _fit(
    apply: Function,
    p: Any,
    x: tuple[np.ndarray, ...],
    y: np.ndarray,
    epochs: int,
    loss: Function,
    metric: Function = lambda out, y: 0.0,
    tested: Function = lambda p: (),
    rate: float = 1e-3,
) -> Any:
    """Epochs of batches of 32, shuffled; `apply` takes parameters, a key and the batch."""
    optimizer = optax.adam(rate)

    def step(p: Any, s: Any, totals: Any, key: Any, bx: Any, by: Any) -> Any:
        key, now = jax.random.split(key)

        def both(p: Any) -> Any:
            out = apply(p, now, *bx)
            return loss(out, by), out

        (value, out), grads = jax.value_and_grad(both, has_aux=True)(p)
        updates, s = optimizer.update(grads, s, p)
        totals = totals[0] + value * len(by), totals[1] + metric(out, by) * len(by)
        return optax.apply_updates(p, updates), s, totals, key

    jitted = jax.jit(step, donate_argnums=(0, 1, 2, 3))
    s, g, key = jax.jit(optimizer.init)(p), np.random.default_rng(0), jax.random.key(1)
    for epoch in range(epochs):
        order, totals = g.permutation(len(y)), (jnp.zeros(()), jnp.zeros(()))
        for i in range(0, len(y), 32):
            index = order[i : i + 32]
            p, s, totals, key = jitted(p, s, totals, key, tuple(one[index] for one in x), y[index])
        print(epoch, *(float(t) / len(y) for t in totals), *tested(p))
    return p


def _conv(p: Any, x: Any, stride: int = 1, padding: str = "VALID", groups: int = 1) -> Any:
    return jax.lax.conv_general_dilated(
        x, p, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
    )


def _turned(key: Any, x: Any) -> Any:
    """Flip and turn pictures at random."""
    flips, turns = jax.random.split(key)
    x = jnp.where(jax.random.bernoulli(flips, 0.5, (len(x), 1, 1, 1)), x[:, :, ::-1], x)
    angles = jax.random.uniform(turns, (len(x),), minval=-0.1 * math.pi, maxval=0.1 * math.pi)
    rows, columns = jnp.meshgrid(jnp.arange(32) - 15.5, jnp.arange(32) - 15.5, indexing="ij")

    def turn(one: Any, angle: Any) -> Any:
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        at = [cos * rows + sin * columns + 15.5, cos * columns - sin * rows + 15.5]
        return jnp.stack([jax.scipy.ndimage.map_coordinates(one[..., c], at, order=1) for c in range(3)], -1)

    return jax.vmap(turn)(x, angles)


def image_cnn() -> None:
    def features(p: Any, x: Any) -> Any:
        for w, b in p[:2]:
            x = jax.lax.reduce_window(
                jax.nn.relu(_conv(w, x) + b), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
            )
        return x.reshape(len(x), -1)

    def train(p: Any, key: Any, x: Any) -> Any:
        first, second = jax.random.split(key)
        z = features(p, _turned(first, x.astype("float32") / 255))
        return _through(p[2], jnp.where(jax.random.bernoulli(second, 0.7, z.shape), z / 0.7, 0))

    x, y = images()
    p = [(_glorot(3, 3, 3, 32), _zeros(32)), (_glorot(3, 3, 32, 64), _zeros(64)), _dense(2304, 10)]
    evaluate = _evaluator(lambda p, x: _through(p[2], features(p, x.astype("float32") / 255)), _entropy, _right)
    test = x[768:], y[768:]
    p = _fit(train, p, (x[:768],), y[:768], 3, _entropy, _right, lambda p: evaluate(p, *test))
    report(_count(p), evaluate(p, *test)[1])


def _lstm(p: Any, x: Any, reverse: bool) -> Any:
    kernel, recurrent, bias = p

    def step(carry: Any, z: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(z + h @ recurrent, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((len(x), len(recurrent)))
    return jax.lax.scan(step, (zeros, zeros), jnp.swapaxes(x @ kernel + bias, 0, 1), reverse=reverse)[0][0]


def text_lstm() -> None:
    def apply(p: Any, x: Any) -> Any:
        z = p[0][x]
        return _through(p[3], jnp.concatenate([_lstm(p[1], z, False), _lstm(p[2], z, True)], -1))[:, 0]

    x, y = reviews()
    cells = [(_glorot(64, 256), _glorot(64, 256), _zeros(256)) for _ in range(2)]
    p, test = [_glorot(WORDS, 64), *cells, _dense(128, 1)], (x[768:], y[768:])
    evaluate = _evaluator(apply, _binary, _side)
    train = lambda p, key, x: apply(p, x)  # noqa: E731
    p = _fit(train, p, (x[:768],), y[:768], 2, _binary, _side, lambda p: evaluate(p, *test))
    report(_count(p), evaluate(p, *test)[1])


def _norm(p: Any, x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * p[0] + p[1]


def _attended(p: Any, x: Any, source: Any, causal: bool = False) -> Any:
    q, k, v = (_through(w, z).reshape(*z.shape[:2], 4, 16) for w, z in zip(p, (x, source, source), strict=False))
    mixed = jax.nn.dot_product_attention(q, k, v, is_causal=causal)
    return _norm(p[4], x + _through(p[3], mixed.reshape(x.shape)))


def _inner(p: Any, x: Any) -> Any:
    return _norm(p[2], x + _through(p[1], jax.nn.relu(_through(p[0], x))))


def translation() -> None:
    source, target = sentences()
    length = source.shape[1]
    norm = lambda: (_ones(64), _zeros(64))  # noqa: E731
    attention = lambda: [*(_dense(64, 64) for _ in range(4)), norm()]  # noqa: E731
    inner = lambda: [_dense(64, 128), _dense(128, 64), norm()]  # noqa: E731
    words = [(_glorot(WORDS, 64), _glorot(length, 64)) for _ in range(2)]
    p = [*words, attention(), inner(), attention(), attention(), inner(), _dense(64, WORDS)]

    def apply(p: Any, key: Any, source: Any, written: Any) -> Any:
        x, y = (w[t] + places for (w, places), t in zip(p[:2], (source, written), strict=True))
        x = _inner(p[3], _attended(p[2], x, x))
        return _through(p[7], _inner(p[6], _attended(p[5], _attended(p[4], y, y, True), x)))

    p = _fit(apply, p, (source, target[:, :-1]), target[:, 1:], 3, _entropy, _right)
    predict, written = jax.jit(apply), np.full((16, length), START, "int32")
    for i in range(length - 1):
        written[:, i + 1] = np.asarray(predict(p, None, source[:16], written))[:, i].argmax(-1)
    report(_count(p), (written[:, 1:] == target[:16, 1:-1]).mean())


def gan() -> None:
    real = digits(768)
    noise = np.random.default_rng(1).normal(size=(768, LATENT)).astype("float32")
    leaky = lambda x: jax.nn.leaky_relu(x, 0.2)  # noqa: E731

    def judged(p: Any, x: Any) -> Any:
        for w, b in p[:2]:
            x = leaky(_conv(w, x, 2, "SAME") + b)
        return _through(p[2], x.reshape(len(x), -1))

    def made(p: Any, z: Any) -> Any:
        x = _through(p[0], z).reshape(len(z), 7, 7, 64)
        x = leaky(jax.lax.conv_transpose(x, p[1][0], (2, 2), "SAME") + p[1][1])
        return jax.nn.sigmoid(jax.lax.conv_transpose(x, p[2][0], (2, 2), "SAME") + p[2][1])

    ours = [(_glorot(4, 4, 1, 32), _zeros(32)), (_glorot(4, 4, 32, 64), _zeros(64)), _dense(3136, 1)]
    theirs = [_dense(LATENT, 3136), (_glorot(4, 4, 64, 32), _zeros(32)), (_glorot(4, 4, 32, 1), _zeros(1))]
    optimizer = optax.adam(3e-4, 0.5)

    def step(p: Any, s: Any, totals: Any, x: Any, z: Any) -> Any:
        def critics(c: Any) -> Any:
            fake = judged(c, made(p[1], z))
            return _binary(judged(c, x), jnp.ones((len(x), 1))) + _binary(fake, jnp.zeros_like(fake))

        def makers(m: Any) -> Any:
            fake = judged(p[0], made(m, z))
            return _binary(fake, jnp.ones_like(fake))

        right, grads = jax.value_and_grad(critics)(p[0])
        wrong, more = jax.value_and_grad(makers)(p[1])
        updates, s = optimizer.update([grads, more], s, p)
        return optax.apply_updates(p, updates), s, (totals[0] + right, totals[1] + wrong)

    p: Any = [ours, theirs]
    s, jitted, g = jax.jit(optimizer.init)(p), jax.jit(step, donate_argnums=(0, 1, 2)), np.random.default_rng(0)
    for epoch in range(3):
        totals: Any = jnp.zeros(()), jnp.zeros(())
        for index in g.permutation(768).reshape(-1, 32):
            p, s, totals = jitted(p, s, totals, real[index], noise[index])
        print(epoch, *(float(t) / 24 for t in totals))
    predict = jax.jit(made)
    images = np.concatenate([np.asarray(predict(p[1], noise[i : i + 32])) for i in (0, 32)])
    report(_count(p), images.mean())


def vae() -> None:
    x = digits(2048).reshape(-1, 784).clip(0, 1)
    p = [_dense(784, 256), _dense(256, LATENT), _dense(256, LATENT), _dense(LATENT, 256), _dense(256, 784)]

    def apply(p: Any, key: Any, x: Any) -> Any:
        hidden = jax.nn.relu(_through(p[0], x))
        mean, spread = _through(p[1], hidden), _through(p[2], hidden)
        divergence = -0.5 * (1 + spread - mean**2 - jnp.exp(spread)).sum(1).mean() / 784
        code = mean + jnp.exp(0.5 * spread) * jax.random.normal(key, mean.shape)
        return _through(p[4], jax.nn.relu(_through(p[3], code))), divergence

    p = _fit(apply, p, (x,), x, 8, lambda out, by: _binary(out[0], by) + out[1])
    predict, key = jax.jit(lambda p, key, x: jax.nn.sigmoid(apply(p, key, x)[0])), jax.random.key(2)
    again = np.concatenate([np.asarray(predict(p, key, one)) for one in x[:256].reshape(-1, 32, 784)])
    report(_count(p), abs(again - x[:256]).mean())


def dqn() -> None:
    p: Any = [_dense(4, 64), _dense(64, 64), _dense(64, 2)]
    optimizer = optax.adam(1e-3)

    def apply(p: Any, x: Any) -> Any:
        return _through(p[2], jax.nn.relu(_through(p[1], jax.nn.relu(_through(p[0], x)))))

    def train(p: Any, s: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: ((apply(p, x) - y) ** 2).mean())(p)
        updates, s = optimizer.update(grads, s, p)
        return optax.apply_updates(p, updates), s, loss

    predict, step_, copy = jax.jit(apply), jax.jit(train, donate_argnums=(0, 1)), lambda p: jax.tree.map(jnp.copy, p)
    target, s = copy(p), jax.jit(optimizer.init)(p)

    def learn(states: np.ndarray, wanted: np.ndarray) -> None:
        nonlocal p, s
        p, s, loss = step_(p, s, states, wanted)
        float(loss)

    def keep() -> None:
        nonlocal target
        target = copy(p)

    length = q_learning(lambda x: np.array(predict(p, x)), lambda x: np.asarray(predict(target, x)), learn, keep)
    report(_count(p), length)


def gcn() -> None:
    adjacency, x, y, known = graph()
    p: Any = [_dense(x.shape[1], 64), _dense(64, GRAPH_CLASSES)]
    optimizer = optax.adam(1e-2)

    def apply(p: Any, key: Any) -> Any:
        z = jax.nn.relu(adjacency @ (x @ p[0][0]) + p[0][1])
        z = z if key is None else jnp.where(jax.random.bernoulli(key, 0.5, z.shape), z / 0.5, 0)
        return adjacency @ (z @ p[1][0]) + p[1][1]

    def rated(p: Any, weight: Any, key: Any = None) -> Any:
        out = apply(p, key)
        loss = (optax.softmax_cross_entropy_with_integer_labels(out, y) * weight).mean()
        return loss, ((out.argmax(-1) == y) * weight).sum() / weight.sum()

    def step(p: Any, s: Any, key: Any) -> Any:
        key, now = jax.random.split(key)
        both, grads = jax.value_and_grad(rated, has_aux=True)(p, known, now)
        updates, s = optimizer.update(grads, s, p)
        return optax.apply_updates(p, updates), s, key, both

    jitted, s, key = jax.jit(step, donate_argnums=(0, 1, 2)), jax.jit(optimizer.init)(p), jax.random.key(1)
    for _ in range(150):
        p, s, key, (loss, right) = jitted(p, s, key)
        float(loss), float(right)
    report(_count(p), float(jax.jit(rated)(p, 1 - known)[1]))


_BLOCKS = [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), *[(256, 1)] * 5, (512, 2), (512, 1)]


def _mobile(p: Any, x: Any) -> Any:
    """MobileNet of half the width, from its statistics."""
    strides = [2] + [s for _, stride in _BLOCKS for s in (stride, 1)]
    for (w, scale, shift, mean, variance), stride in zip(p, strides, strict=True):
        depthwise = w.shape[2] == 1
        x = _conv(w, x, stride, "SAME", x.shape[-1] if depthwise else 1)
        x = jax.nn.relu6((x - mean) * jax.lax.rsqrt(variance + 1e-3) * scale + shift)
    return x.mean((1, 2))


def fine_tuning() -> None:
    normed = lambda w: (w, *(f(w.shape[-1]) for f in (_ones, _zeros, _zeros, _ones)))  # noqa: E731
    base, channels = [normed(_glorot(3, 3, 3, 16))], 16
    for filters, _ in _BLOCKS:
        base += [normed(_glorot(3, 3, 1, channels)), normed(_glorot(1, 1, channels, filters))]
        channels = filters
    x, y = photos()
    train, labels, head = x[:160], y[:160].astype("float32"), _dense(512, 1)
    head = _fit(lambda p, key, x: _through(p, _mobile(base, x))[:, 0], head, (train,), labels, 4, _binary, _side)
    trained = [one[:3] for one in base], head
    statistics = [one[3:] for one in base]

    def apply(p: Any, x: Any) -> Any:
        whole = [(*a, *b) for a, b in zip(p[0], statistics, strict=True)]
        return _through(p[1], _mobile(whole, x))[:, 0]

    p = _fit(lambda p, key, x: apply(p, x), trained, (train,), labels, 4, _binary, _side, rate=1e-4)
    score = _evaluator(apply, _binary, _side)(p, x[160:], y[160:].astype("float32"))[1]
    report(_count(p) + _count(statistics), score)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
