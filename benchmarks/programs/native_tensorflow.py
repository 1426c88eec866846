"""The programs written by hand for TensorFlow, without Keras: ``python native_tensorflow.py NAME``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
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
_function = tf.function(autograph=False, reduce_retracing=True)


def _glorot(*shape: int) -> tf.Variable:
    field = math.prod(shape[:-2])
    limit = math.sqrt(6 / (field * (shape[-1] + shape[-2])))
    return tf.Variable(tf.random.uniform(shape, -limit, limit))


def _zeros(*shape: int) -> tf.Variable:
    return tf.Variable(tf.zeros(shape))


def _dense(a: int, b: int) -> list[tf.Variable]:
    return [_glorot(a, b), _zeros(b)]


def _through(p: Any, x: Any) -> Any:
    return tf.tensordot(x, p[0], 1) + p[1] if len(x.shape) > 2 else tf.matmul(x, p[0]) + p[1]


def _count(tree: Any) -> int:
    return sum(math.prod(v.shape) for v in tf.nest.flatten(tree))


def _entropy(out: Any, y: Any) -> Any:
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, out))


def _binary(out: Any, y: Any) -> Any:
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, out))


def _right(out: Any, y: Any) -> Any:
    return tf.reduce_mean(tf.cast(tf.argmax(out, -1, tf.int32) == y, "float32"))


def _side(out: Any, y: Any) -> Any:
    return tf.reduce_mean(tf.cast((out > 0) == (y > 0.5), "float32"))


def _adam(variables: list[tf.Variable], rate: float, beta: float = 0.9) -> Callable[[list[Any]], None]:
    """Adam by hand: TensorFlow has no optimizer without Keras."""
    first, second = ([_zeros(*v.shape) for v in variables] for _ in range(2))
    count = tf.Variable(0.0)

    def apply(grads: list[Any]) -> None:
        count.assign_add(1.0)
        step = rate * tf.sqrt(1 - tf.pow(0.999, count)) / (1 - tf.pow(beta, count))
        for v, grad, a, b in zip(variables, grads, first, second, strict=True):
            g = tf.convert_to_tensor(grad)
            a.assign_add((g - a) * (1 - beta))
            b.assign_add((g * g - b) * 0.001)
            v.assign_sub(step * a / (tf.sqrt(b) + 1e-7))

    return apply


def _evaluator(apply: Function, loss: Function, metric: Function) -> Function:
    """(x, y) -> the mean loss and metric over batches of 32."""
    totals = [tf.Variable(0.0), tf.Variable(0.0)]

    @_function
    def step(bx: Any, by: Any) -> None:
        out, size = apply(bx), tf.cast(tf.shape(by)[0], "float32")
        totals[0].assign_add(loss(out, by) * size)
        totals[1].assign_add(metric(out, by) * size)

    def run(x: np.ndarray, y: np.ndarray) -> list[float]:
        for t in totals:
            t.assign(0.0)
        for i in range(0, len(y), 32):
            step(tf.constant(x[i : i + 32]), tf.constant(y[i : i + 32]))
        return [float(t) / len(y) for t in totals]

    return run


def _fit(
    apply: Function,
    variables: list[tf.Variable],
    x: tuple[np.ndarray, ...],
    y: np.ndarray,
    epochs: int,
    loss: Function,
    metric: Function = lambda out, y: 0.0,
    tested: Function = tuple,
    rate: float = 1e-3,
) -> None:
    """Epochs of batches of 32, shuffled."""
    update, totals = _adam(variables, rate), [tf.Variable(0.0), tf.Variable(0.0)]

    @_function
    def step(bx: Any, by: Any) -> None:
        with tf.GradientTape() as tape:
            out = apply(*bx)
            value = loss(out, by)
        update(tape.gradient(value, variables))
        size = tf.cast(tf.shape(by)[0], "float32")
        totals[0].assign_add(value * size)
        totals[1].assign_add(metric(out, by) * size)

    g = np.random.default_rng(0)
    for epoch in range(epochs):
        order = g.permutation(len(y))
        for t in totals:
            t.assign(0.0)
        for i in range(0, len(y), 32):
            index = order[i : i + 32]
            step(tuple(tf.constant(one[index]) for one in x), tf.constant(y[index]))
        print(epoch, *(float(t) / len(y) for t in totals), *tested())


def _turned(x: Any) -> Any:
    """Flip and turn pictures at random."""
    count = tf.shape(x)[0]
    x = tf.where(tf.random.uniform((count, 1, 1, 1)) < 0.5, x[:, :, ::-1], x)
    angle = tf.random.uniform((count,), -0.1 * math.pi, 0.1 * math.pi)
    cos, sin, zero = tf.cos(angle), tf.sin(angle), tf.zeros((count,))
    right, down = (15.5 * (1 - cos + sin)), (15.5 * (1 - cos - sin))
    rows = tf.stack([cos, -sin, right, sin, cos, down, zero, zero], 1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x, transforms=rows, output_shape=(32, 32), fill_value=0.0, interpolation="BILINEAR", fill_mode="CONSTANT"
    )


def image_cnn() -> None:
    p = [[_glorot(3, 3, 3, 32), _zeros(32)], [_glorot(3, 3, 32, 64), _zeros(64)], _dense(2304, 10)]

    def features(x: Any) -> Any:
        for w, b in p[:2]:
            x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, w, 1, "VALID") + b), 2, 2, "VALID")
        return tf.reshape(x, (-1, 2304))

    def train(x: Any) -> Any:
        return _through(p[2], tf.nn.dropout(features(_turned(tf.cast(x, "float32") / 255)), 0.3))

    x, y = images()
    evaluate = _evaluator(lambda x: _through(p[2], features(tf.cast(x, "float32") / 255)), _entropy, _right)
    test = x[768:], y[768:]
    _fit(train, tf.nest.flatten(p), (x[:768],), y[:768], 3, _entropy, _right, lambda: evaluate(*test))
    report(_count(p), evaluate(*test)[1])


def _lstm(p: Any, x: Any, reverse: bool) -> Any:
    kernel, recurrent, bias = p

    def step(carry: Any, z: Any) -> Any:
        h, c = carry
        i, f, g, o = tf.split(z + tf.matmul(h, recurrent), 4, -1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    inputs = tf.transpose(tf.tensordot(x, kernel, 1) + bias, (1, 0, 2))
    zeros = tf.zeros((tf.shape(x)[0], recurrent.shape[0]))
    return tf.scan(step, inputs, (zeros, zeros), reverse=reverse)[0][0 if reverse else -1]


def text_lstm() -> None:
    cells = [[_glorot(64, 256), _glorot(64, 256), _zeros(256)] for _ in range(2)]
    p = [_glorot(WORDS, 64), *cells, _dense(128, 1)]

    def apply(x: Any) -> Any:
        z = tf.gather(p[0], x)
        return _through(p[3], tf.concat([_lstm(p[1], z, False), _lstm(p[2], z, True)], -1))[:, 0]

    x, y = reviews()
    evaluate, test = _evaluator(apply, _binary, _side), (x[768:], y[768:])
    _fit(apply, tf.nest.flatten(p), (x[:768],), y[:768], 2, _binary, _side, lambda: evaluate(*test))
    report(_count(p), evaluate(*test)[1])


def _norm(p: Any, x: Any) -> Any:
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, p[1], p[0], 1e-5)


def _attended(p: Any, x: Any, source: Any, mask: Any = None) -> Any:
    def heads(w: Any, z: Any) -> Any:
        return tf.reshape(_through(w, z), (tf.shape(z)[0], z.shape[1], 4, 16))

    q, k, v = (heads(w, z) for w, z in zip(p, (x, source, source), strict=False))
    scores = tf.einsum("bqhd,bkhd->bhqk", q, k) / 4
    mixed = tf.einsum("bhqk,bkhd->bqhd", tf.nn.softmax(scores if mask is None else tf.where(mask, scores, -1e9)), v)
    return _norm(p[4], x + _through(p[3], tf.reshape(mixed, (tf.shape(x)[0], x.shape[1], 64))))


def _inner(p: Any, x: Any) -> Any:
    return _norm(p[2], x + _through(p[1], tf.nn.relu(_through(p[0], x))))


def translation() -> None:
    source, target = sentences()
    length = source.shape[1]
    norm = lambda: [tf.Variable(tf.ones(64)), _zeros(64)]  # noqa: E731
    attention = lambda: [*(_dense(64, 64) for _ in range(4)), norm()]  # noqa: E731
    inner = lambda: [_dense(64, 128), _dense(128, 64), norm()]  # noqa: E731
    words = [[_glorot(WORDS, 64), _glorot(length, 64)] for _ in range(2)]
    p = [*words, attention(), inner(), attention(), attention(), inner(), _dense(64, WORDS)]
    mask = tf.constant(np.tri(length, dtype=bool))

    def apply(source: Any, written: Any) -> Any:
        x, y = (tf.gather(w, t) + places for (w, places), t in zip(p[:2], (source, written), strict=True))
        x = _inner(p[3], _attended(p[2], x, x))
        return _through(p[7], _inner(p[6], _attended(p[5], _attended(p[4], y, y, mask), x)))

    _fit(apply, tf.nest.flatten(p), (source, target[:, :-1]), target[:, 1:], 3, _entropy, _right)
    predict, written = _function(apply), np.full((16, length), START, "int32")
    for i in range(length - 1):
        logits = predict(tf.constant(source[:16]), tf.constant(written)).numpy()
        written[:, i + 1] = logits[:, i].argmax(-1)
    report(_count(p), (written[:, 1:] == target[:16, 1:-1]).mean())


def gan() -> None:
    real = digits(768)
    noise = np.random.default_rng(1).normal(size=(768, LATENT)).astype("float32")
    ours = [[_glorot(4, 4, 1, 32), _zeros(32)], [_glorot(4, 4, 32, 64), _zeros(64)], _dense(3136, 1)]
    theirs = [_dense(LATENT, 3136), [_glorot(4, 4, 32, 64), _zeros(32)], [_glorot(4, 4, 1, 32), _zeros(1)]]

    def judged(x: Any) -> Any:
        for w, b in ours[:2]:
            x = tf.nn.leaky_relu(tf.nn.conv2d(x, w, 2, "SAME") + b, 0.2)
        return _through(ours[2], tf.reshape(x, (-1, 3136)))

    def made(z: Any) -> Any:
        count = tf.shape(z)[0]
        x = tf.reshape(_through(theirs[0], z), (count, 7, 7, 64))
        x = tf.nn.leaky_relu(tf.nn.conv2d_transpose(x, theirs[1][0], (count, 14, 14, 32), 2) + theirs[1][1], 0.2)
        return tf.sigmoid(tf.nn.conv2d_transpose(x, theirs[2][0], (count, 28, 28, 1), 2) + theirs[2][1])

    critics, makers = tf.nest.flatten(ours), tf.nest.flatten(theirs)
    update, totals = _adam(critics + makers, 3e-4, 0.5), [tf.Variable(0.0), tf.Variable(0.0)]

    @_function
    def step(x: Any, z: Any) -> None:
        with tf.GradientTape(persistent=True) as tape:
            fake = judged(made(z))
            true = judged(x)
            right = _binary(true, tf.ones_like(true)) + _binary(fake, tf.zeros_like(fake))
            wrong = _binary(fake, tf.ones_like(fake))
        update(tape.gradient(right, critics) + tape.gradient(wrong, makers))
        totals[0].assign_add(right)
        totals[1].assign_add(wrong)

    g = np.random.default_rng(0)
    for epoch in range(3):
        for t in totals:
            t.assign(0.0)
        for index in g.permutation(768).reshape(-1, 32):
            step(tf.constant(real[index]), tf.constant(noise[index]))
        print(epoch, *(float(t) / 24 for t in totals))
    predict = _function(made)
    images = np.concatenate([predict(tf.constant(noise[i : i + 32])).numpy() for i in (0, 32)])
    report(_count([ours, theirs]), images.mean())


def vae() -> None:
    x = digits(2048).reshape(-1, 784).clip(0, 1)
    p = [_dense(784, 256), _dense(256, LATENT), _dense(256, LATENT), _dense(LATENT, 256), _dense(256, 784)]

    def apply(x: Any) -> Any:
        hidden = tf.nn.relu(_through(p[0], x))
        mean, spread = _through(p[1], hidden), _through(p[2], hidden)
        divergence = -0.5 * tf.reduce_mean(tf.reduce_sum(1 + spread - mean**2 - tf.exp(spread), 1)) / 784
        code = mean + tf.exp(0.5 * spread) * tf.random.normal(tf.shape(mean))
        return _through(p[4], tf.nn.relu(_through(p[3], code))), divergence

    _fit(apply, tf.nest.flatten(p), (x,), x, 8, lambda out, by: _binary(out[0], by) + out[1])
    predict = _function(lambda x: tf.sigmoid(apply(x)[0]))
    again = np.concatenate([predict(tf.constant(one)).numpy() for one in x[:256].reshape(-1, 32, 784)])
    report(_count(p), abs(again - x[:256]).mean())


def dqn() -> None:
    p, q = ([_dense(4, 64), _dense(64, 64), _dense(64, 2)] for _ in range(2))

    def apply(p: Any, x: Any) -> Any:
        return _through(p[2], tf.nn.relu(_through(p[1], tf.nn.relu(_through(p[0], x)))))

    weights = tf.nest.flatten(p)
    update = _adam(weights, 1e-3)

    @_function
    def train(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((apply(p, x) - y) ** 2)
        update(tape.gradient(loss, weights))
        return loss

    predict, judge = _function(lambda x: apply(p, x)), _function(lambda x: apply(q, x))

    def keep() -> None:
        for a, b in zip(tf.nest.flatten(q), weights, strict=True):
            a.assign(b)

    length = q_learning(
        lambda x: np.array(predict(tf.constant(x))),
        lambda x: judge(tf.constant(x)).numpy(),
        lambda x, y: float(train(tf.constant(x), tf.constant(y))),
        keep,
    )
    report(_count(p), length)


def gcn() -> None:
    adjacency, x, y, known = map(tf.constant, graph())
    p = [_dense(x.shape[1], 64), _dense(64, GRAPH_CLASSES)]
    weights = tf.nest.flatten(p)
    update = _adam(weights, 1e-2)

    def rated(weight: Any, rate: float) -> Any:
        z = tf.nn.relu(tf.matmul(adjacency, tf.matmul(x, p[0][0])) + p[0][1])
        out = tf.matmul(adjacency, tf.matmul(tf.nn.dropout(z, rate) if rate else z, p[1][0])) + p[1][1]
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, out) * weight)
        hits = tf.cast(tf.argmax(out, -1, tf.int32) == y, "float32") * weight
        return loss, tf.reduce_sum(hits) / tf.reduce_sum(weight)

    @_function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss, right = rated(known, 0.5)
        update(tape.gradient(loss, weights))
        return loss, right

    for _ in range(150):
        loss, right = step()
        float(loss), float(right)
    report(_count(p), float(_function(lambda: rated(1 - known, 0))()[1]))


_BLOCKS = [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), *[(256, 1)] * 5, (512, 2), (512, 1)]


def _mobile(p: Any, x: Any) -> Any:
    """MobileNet of half the width, from its statistics."""
    strides = [2] + [s for _, stride in _BLOCKS for s in (stride, 1)]
    for (w, scale, shift, mean, variance), stride in zip(p, strides, strict=True):
        conv = tf.nn.depthwise_conv2d if w.shape[3] == 1 else tf.nn.conv2d
        x = conv(x, w, [1, stride, stride, 1], "SAME")
        x = tf.nn.relu6(tf.compat.v1.nn.fused_batch_norm(x, scale, shift, mean, variance, 1e-3, is_training=False)[0])
    return tf.reduce_mean(x, (1, 2))


def fine_tuning() -> None:
    def normed(w: tf.Variable, channels: int) -> list[tf.Variable]:
        return [w, *(tf.Variable(f(channels)) for f in (tf.ones, tf.zeros, tf.zeros, tf.ones))]

    base, channels = [normed(_glorot(3, 3, 3, 16), 16)], 16
    for filters, _ in _BLOCKS:
        base.append(normed(_glorot(3, 3, channels, 1), channels))
        base.append(normed(_glorot(1, 1, channels, filters), filters))
        channels = filters
    head = _dense(512, 1)

    def apply(x: Any) -> Any:
        return _through(head, _mobile(base, x))[:, 0]

    x, y = photos()
    train, labels = x[:160], y[:160].astype("float32")
    _fit(apply, head, (train,), labels, 4, _binary, _side)
    _fit(apply, [v for one in base for v in one[:3]] + head, (train,), labels, 4, _binary, _side, rate=1e-4)
    report(_count([base, head]), _evaluator(apply, _binary, _side)(x[160:], y[160:].astype("float32"))[1])


if __name__ == "__main__":
    globals()[sys.argv[1]]()
