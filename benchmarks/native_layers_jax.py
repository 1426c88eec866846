"""Layers written by hand for JAX, and one forward and backward pass of any layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import models

__all__ = ["native_step", "step", "tensor"]


def _dense(p: Any, x: Any) -> Any:
    return x @ p[0] + p[1]


def _conv(p: Any, x: Any) -> Any:
    return jax.lax.conv_general_dilated(x, p[0], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + p[1]


def _depthwise(p: Any, x: Any) -> Any:
    kernel, numbers = p[0].reshape(3, 3, 1, 32), ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", None, None, numbers, 32) + p[1]


def _max_pool(p: Any, x: Any) -> Any:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def _lstm(p: Any, x: Any, mask: Any = None) -> Any:
    kernel, recurrent, bias = p
    units = recurrent.shape[0]
    inputs = jnp.swapaxes(x @ kernel + bias, 0, 1)

    def step(carry: Any, item: Any) -> Any:
        z, valid = item
        h, c = carry
        i, f, g, o = jnp.split(z + h @ recurrent, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        new = (jax.nn.sigmoid(o) * jnp.tanh(c), c)
        if valid is not None:
            new = tuple(jnp.where(valid[:, None], n, b) for n, b in zip(new, carry, strict=True))
        return new, None

    zeros = jnp.zeros((x.shape[0], units))
    return jax.lax.scan(step, (zeros, zeros), (inputs, None if mask is None else mask.T))[0][0]


def _gru(p: Any, x: Any) -> Any:
    kernel, recurrent, bias, inner = p
    inputs = jnp.swapaxes(x @ kernel + bias, 0, 1)

    def step(h: Any, z: Any) -> Any:
        xz, xr, xh = jnp.split(z, 3, -1)
        hz, hr, hh = jnp.split(h @ recurrent + inner, 3, -1)
        update, reset = jax.nn.sigmoid(xz + hz), jax.nn.sigmoid(xr + hr)
        return update * h + (1 - update) * jnp.tanh(xh + reset * hh), None

    return jax.lax.scan(step, jnp.zeros((x.shape[0], recurrent.shape[0])), inputs)[0]


def _attention(p: Any, x: Any) -> Any:
    q, k, v = ((x @ w + b).reshape(*x.shape[:2], 8, 32) for w, b in zip(p[:6:2], p[1:6:2], strict=True))
    out = jax.nn.dot_product_attention(q, k, v)
    return out.reshape(x.shape) @ p[6] + p[7]


def _batch_norm(p: Any, x: Any) -> Any:
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    out = (x - mean) * jax.lax.rsqrt(var + 1e-3) * p[0] + p[1]
    return out, (0.99 * p[2] + 0.01 * mean, 0.99 * p[3] + 0.01 * var)


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


def tensor(x: np.ndarray) -> jax.Array:
    """A native tensor."""
    return jnp.asarray(x)


def _step(loss: Callable[..., Any], weights: Any, x: np.ndarray, compiled: bool) -> Callable[[], Any]:
    both = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    run = jax.jit(both) if compiled else both
    inputs = tensor(x)
    return lambda: jax.block_until_ready(run(weights, inputs))


def step(layer: Any, x: np.ndarray, twice: bool, kwargs: dict[str, Any], compiled: bool) -> Callable[[], Any]:
    """Forward and backward, with gradients of the weights and the input."""
    train, rest = ([v.value for v in vs] for vs in (layer.trainable_variables, layer.non_trainable_variables))

    def loss(train: Any, x: Any) -> Any:
        out, rest_after = layer.stateless_call(train, rest, *[x] * (1 + twice), **kwargs)
        return (out * out).mean(), rest_after

    return _step(loss, train, x, compiled)


def native_step(kind: str, x: np.ndarray, kwargs: dict[str, Any], compiled: bool) -> Callable[[], Any]:
    """The same by hand."""
    kwargs = {k: v for k, v in kwargs.items() if k == "mask"}
    kind = kind.split("_")[0] if kind.startswith("lstm") else kind
    g = np.random.default_rng(1)
    weights = [jnp.asarray(g.uniform(-0.05, 0.05, s), "float32") for s in models.LAYER_SIZES[kind]]
    function = _FUNCTIONS[kind]

    def loss(weights: Any, x: Any) -> Any:
        out = function(weights, x, **kwargs)
        out, rest = out if kind == "batch_norm" else (out, ())
        return (out * out).mean(), rest

    return _step(loss, weights, x, compiled)
