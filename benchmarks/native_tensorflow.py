"""The same work written by hand for TensorFlow."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.models import WORDS

__all__ = ["build", "dense", "fit", "ops", "predict", "train_one"]


def _glorot(*shape: int) -> tf.Variable:
    limit = float(np.sqrt(6 / (shape[-1] + shape[-2])))
    return tf.Variable(tf.random.uniform(shape, -limit, limit))


class _Model:
    def __init__(self, variables: list[tf.Variable], apply: Callable[[list[tf.Variable], Any], Any]) -> None:
        self.variables, self.apply = variables, apply
        self.function = tf.function(
            lambda x: tf.nn.softmax(apply(variables, x)), autograph=False, reduce_retracing=True
        )


def _mlp_apply(v: list[tf.Variable], x: Any) -> Any:
    for w, b in zip(v[:-2:2], v[1:-2:2], strict=True):
        x = tf.nn.relu(tf.matmul(x, w) + b)
    return tf.matmul(x, v[-2]) + v[-1]


def _cnn_apply(v: list[tf.Variable], x: Any) -> Any:
    for w, b in ((v[0], v[1]), (v[2], v[3])):
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, w, 1, "VALID") + b), 2, 2, "VALID")
    return tf.matmul(tf.reshape(x, (-1, 800)), v[4]) + v[5]


def _lstm_apply(v: list[tf.Variable], x: Any) -> Any:
    kernel, recurrent, bias, w, b = v
    inputs = tf.transpose(tf.tensordot(x, kernel, 1) + bias, (1, 0, 2))

    def step(carry: Any, z: Any) -> Any:
        h, c = carry
        i, f, g, o = tf.split(z + tf.matmul(h, recurrent), 4, -1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    zeros = tf.zeros((tf.shape(x)[0], 64))
    h, _ = tf.scan(step, inputs, (zeros, zeros))
    return tf.matmul(h[-1], w) + b


def _text_apply(v: list[tf.Variable], x: Any) -> Any:
    return _mlp_apply(v[1:], tf.reduce_mean(tf.gather(v[0], x), 1))


def _norm(x: Any, scale: Any, shift: Any) -> Any:
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)


def _transformer_apply(v: list[tf.Variable], x: Any) -> Any:
    table, *rest = v
    heads, (s1, c1, w1, b1, w2, b2, s2, c2, w, b) = rest[:8], rest[8:]
    x = tf.gather(table, x)
    shape = tf.shape(x)
    q, k, u = (
        tf.reshape(tf.tensordot(x, m, 1) + c, (shape[0], shape[1], 4, 16))
        for m, c in zip(heads[:6:2], heads[1:6:2], strict=True)
    )
    scores = tf.nn.softmax(tf.einsum("bqhd,bkhd->bhqk", q, k) / 4)
    mixed = tf.reshape(tf.einsum("bhqk,bkhd->bqhd", scores, u), shape)
    x = _norm(x + tf.tensordot(mixed, heads[6], 1) + heads[7], s1, c1)
    inner = tf.nn.relu(tf.tensordot(x, w1, 1) + b1)
    x = _norm(x + tf.tensordot(inner, w2, 1) + b2, s2, c2)
    return tf.matmul(tf.reduce_mean(x, 1), w) + b


def _pairs(sizes: list[int]) -> list[tf.Variable]:
    return [x for a, b in itertools.pairwise(sizes) for x in (_glorot(a, b), tf.Variable(tf.zeros(b)))]


def build(kind: str, depth: int = 0) -> _Model:
    """Variables and the function of the logits."""
    if kind == "text":
        return _Model([_glorot(WORDS, 64), *_pairs([64, 64, 10])], _text_apply)
    if kind == "transformer":
        norms = [[tf.Variable(tf.ones(64)), tf.Variable(tf.zeros(64))] for _ in range(2)]
        heads = [x for _ in range(4) for x in _pairs([64, 64])]
        rest = [*norms[0], *_pairs([64, 128, 64]), *norms[1], *_pairs([64, 10])]
        return _Model([_glorot(WORDS, 64), *heads, *rest], _transformer_apply)
    if kind in ("mlp", "deep", "wide"):
        sizes = {"mlp": [784, 128, 64, 10], "wide": [1024, 1024, 1024, 10]}.get(kind, [16] * depth + [10])
        return _Model(_pairs(sizes), _mlp_apply)
    if kind == "cnn":
        shapes = [(3, 3, 1, 16), (16,), (3, 3, 16, 32), (32,), (800, 10), (10,)]
        return _Model([_glorot(*s) if len(s) > 1 else tf.Variable(tf.zeros(s)) for s in shapes], _cnn_apply)
    shapes = [(32, 256), (64, 256), (256,), (64, 10), (10,)]
    return _Model([_glorot(*s) if len(s) > 1 else tf.Variable(tf.zeros(s)) for s in shapes], _lstm_apply)


def _adam(variables: list[tf.Variable]) -> tuple[Callable[[list[Any]], None], list[tf.Variable]]:
    """Adam by hand (TensorFlow has no optimizer without Keras)."""
    m = [tf.Variable(tf.zeros_like(v)) for v in variables]
    s = [tf.Variable(tf.zeros_like(v)) for v in variables]
    t = tf.Variable(0.0)

    def apply(grads: list[Any]) -> None:
        t.assign_add(1.0)
        rate = 1e-3 * tf.sqrt(1 - tf.pow(0.999, t)) / (1 - tf.pow(0.9, t))
        for v, g, a, b in zip(variables, grads, m, s, strict=True):
            a.assign_add((g - a) * 0.1)
            b.assign_add((g * g - b) * 0.001)
            v.assign_sub(rate * a / (tf.sqrt(b) + 1e-7))

    return apply, [*m, *s, t]


def _step(model: _Model) -> Callable[[Any, Any], tuple[Any, Any]]:
    """One step of training: the loss, and how many predictions were right."""
    apply, _ = _adam(model.variables)

    def step(bx: Any, by: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            out = model.apply(model.variables, bx)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(by, out))
        grads = tape.gradient(loss, model.variables)
        apply([tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in grads])
        return loss, tf.reduce_sum(tf.cast(tf.equal(tf.argmax(out, -1, tf.int32), by), tf.float32))

    return step


def train_one(model: _Model, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """One step from arrays to numbers."""
    step = tf.function(_step(model), autograph=False)

    def run() -> None:
        loss, hits = step(tf.constant(x), tf.constant(y))
        float(loss), float(hits)

    return run


def fit(model: _Model, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    """One epoch of a `tf.function` loop."""
    train = _step(model)
    total, hits = tf.Variable(0.0), tf.Variable(0.0)
    size = float(batch)

    @tf.function(autograph=False)
    def step(bx: Any, by: Any) -> None:
        loss, right = train(bx, by)
        total.assign_add(loss * size)
        hits.assign_add(right)

    g = np.random.default_rng(0)

    def epoch() -> None:
        order = g.permutation(len(x))
        total.assign(0.0)
        hits.assign(0.0)
        for i in range(0, len(x), batch):
            index = order[i : i + batch]
            step(tf.constant(x[index]), tf.constant(y[index]))
        float(total), float(hits)

    return epoch


def evaluate(model: _Model, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    """Loss and accuracy over the data."""
    total, hits = tf.Variable(0.0), tf.Variable(0.0)

    @tf.function(autograph=False)
    def step(bx: Any, by: Any) -> None:
        out = model.apply(model.variables, bx)
        total.assign_add(tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(by, out)))
        hits.assign_add(tf.reduce_sum(tf.cast(tf.equal(tf.argmax(out, -1, tf.int32), by), tf.float32)))

    def run() -> None:
        total.assign(0.0)
        hits.assign(0.0)
        for i in range(0, len(x), batch):
            step(tf.constant(x[i : i + batch]), tf.constant(y[i : i + batch]))
        float(total), float(hits)

    return run


def predict(model: _Model, x: np.ndarray, batch: int) -> Callable[[], Any]:
    """Softmax outputs as NumPy."""

    def run() -> Any:
        parts = [model.function(tf.constant(x[i : i + batch])) for i in range(0, len(x), batch)]
        return np.concatenate([p.numpy() for p in parts])

    return run


def predict_one(model: _Model, x: np.ndarray) -> Callable[[], Any]:
    """One sample from NumPy to NumPy."""
    return lambda: model.function(tf.constant(x)).numpy()


def tensor(x: np.ndarray) -> tf.Tensor:
    """A native tensor."""
    return tf.constant(x)


def ops() -> dict[str, Callable[..., Any]]:
    """Native forms of the measured ops."""
    return {
        "add": tf.add,
        "matmul": tf.matmul,
        "reshape": lambda x: tf.reshape(x, (-1,)),
        "softmax": lambda x: tf.nn.softmax(x, -1),
        "concatenate": lambda x: tf.concat((x, x), 0),
        "mean": lambda x: tf.reduce_mean(x, -1),
    }


def dense(inputs: int, units: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """A fully connected layer, called eagerly."""
    w, b = _glorot(inputs, units), tf.Variable(tf.zeros(units))
    return lambda x: tf.add(tf.matmul(x, w), b)
