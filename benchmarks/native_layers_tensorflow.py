"""Layers written by hand for TensorFlow, and one forward and backward pass of any layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import models

__all__ = ["native_step", "step", "tensor"]


def _dense(v: Any, x: Any) -> Any:
    return tf.nn.bias_add(tf.matmul(x, v[0]), v[1])


def _conv(v: Any, x: Any) -> Any:
    return tf.nn.bias_add(tf.nn.conv2d(x, v[0], 1, "SAME"), v[1])


def _depthwise(v: Any, x: Any) -> Any:
    return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, v[0], (1, 1, 1, 1), "SAME"), v[1])


def _max_pool(v: Any, x: Any) -> Any:
    return tf.nn.max_pool2d(x, 2, 2, "VALID")


def _lstm(v: Any, x: Any, mask: Any = None) -> Any:
    """TensorFlow's fused op; steps that are left out are moved to the end."""
    batch, steps = x.shape[:2]
    if mask is not None:
        keys = tf.range(steps) + steps * tf.cast(tf.logical_not(mask), tf.int32)
        x = tf.gather(x, tf.argsort(keys, axis=1), axis=1, batch_dims=1)
    zeros, none = tf.zeros((batch, 128)), tf.zeros((128,))
    hs = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.constant(steps, tf.int64),
        x=tf.transpose(x, (1, 0, 2)),
        cs_prev=zeros,
        h_prev=zeros,
        w=tf.concat([v[0], v[1]], 0),
        wci=none,
        wcf=none,
        wco=none,
        b=v[2],
        forget_bias=0.0,
        cell_clip=0.0,
    ).h
    if mask is None:
        return hs[-1]
    last = tf.reduce_sum(tf.cast(mask, tf.int32), 1) - 1
    return tf.gather_nd(hs, tf.stack([last, tf.range(batch)], 1))


def _gru(v: Any, x: Any) -> Any:
    kernel, recurrent, bias, inner = v
    inputs = tf.transpose(tf.tensordot(x, kernel, 1) + bias, (1, 0, 2))

    def step(h: Any, z: Any) -> Any:
        xz, xr, xh = tf.split(z, 3, -1)
        hz, hr, hh = tf.split(tf.matmul(h, recurrent) + inner, 3, -1)
        update, reset = tf.sigmoid(xz + hz), tf.sigmoid(xr + hr)
        return update * h + (1 - update) * tf.tanh(xh + reset * hh)

    return tf.scan(step, inputs, tf.zeros((x.shape[0], 128)))[-1]


def _attention(v: Any, x: Any) -> Any:
    batch, steps = x.shape[:2]

    def heads(w: Any, b: Any) -> Any:
        out = tf.nn.bias_add(tf.matmul(tf.reshape(x, (-1, 256)), w), b)
        return tf.transpose(tf.reshape(out, (batch, steps, 8, 32)), (0, 2, 1, 3))

    q, k, value = (heads(v[i], v[i + 1]) for i in (0, 2, 4))
    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * 32**-0.5)
    out = tf.reshape(tf.transpose(tf.matmul(weights, value), (0, 2, 1, 3)), (-1, 256))
    return tf.reshape(tf.nn.bias_add(tf.matmul(out, v[6]), v[7]), x.shape)


def _batch_norm(v: Any, x: Any) -> Any:
    out, mean, var, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=v[0], offset=v[1], mean=tf.zeros((0,)), variance=tf.zeros((0,)), epsilon=1e-3, is_training=True
    )
    v[2].assign_sub(0.01 * (v[2] - mean))
    v[3].assign_sub(0.01 * (v[3] - var))
    return out


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "dense": _dense,
    "conv": _conv,
    "depthwise": _depthwise,
    "max_pool": _max_pool,
    "lstm": _lstm,
    "gru": _gru,
    "attention": _attention,
    "batch_norm": _batch_norm,
}


def tensor(x: np.ndarray) -> tf.Tensor:
    """A native tensor."""
    return tf.constant(x)


def _step(function: Callable[[Any], Any], x: np.ndarray, compiled: bool) -> Callable[[], Any]:
    inputs = tensor(x)

    def both(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = function(x)
            loss = tf.reduce_mean(out * out)
        sources = [x, *tape.watched_variables()]
        return tape.gradient(loss, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    run = tf.function(both, autograph=False) if compiled else both
    return lambda: run(inputs)


def step(layer: Any, x: np.ndarray, twice: bool, kwargs: dict[str, Any], compiled: bool) -> Callable[[], Any]:
    """Forward and backward, with gradients of the weights and the input."""
    return _step(lambda x: layer(*[x] * (1 + twice), **kwargs), x, compiled)


def native_step(kind: str, x: np.ndarray, kwargs: dict[str, Any], compiled: bool) -> Callable[[], Any]:
    """The same by hand."""
    kwargs = {k: v for k, v in kwargs.items() if k == "mask"}
    kind = kind.split("_")[0] if kind.startswith("lstm") else kind
    g = np.random.default_rng(1)
    weights = [tf.Variable(g.uniform(-0.05, 0.05, s).astype("float32")) for s in models.LAYER_SIZES[kind]]
    if kind == "batch_norm":
        weights[2:] = [tf.Variable(w, trainable=False) for w in weights[2:]]
    return _step(lambda x: _FUNCTIONS[kind](weights, x, **kwargs), x, compiled)
