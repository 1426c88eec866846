"""Layers of kfront and the like written in plain JAX, with equal weights, for the table of idioms."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import kfront

__all__ = ["CONV", "EMBEDDING", "LINEAR", "MLP", "NORM", "Made", "drawn", "mixed", "pair"]

L = kfront.layers


def drawn(name: str, *shape: int) -> np.ndarray:
    """Numbers that depend on a name and a shape only."""
    return np.random.default_rng(zlib.crc32(f"{name}{shape}".encode())).normal(size=shape).astype("float32") * 0.5


def mixed(a: Array, b: Array) -> Array:
    """A step of a moving average."""
    return 0.9 * a + 0.1 * b


class Made(NamedTuple):
    """A layer and data for it.

    Attributes:
        layer: the layer, a pytree either way; its leaves come in the same order.
        make: makes another like it, with other weights.
        x: an input.
    """

    layer: Any
    make: Callable[[int], Any]
    x: Array

    def loss(self, layer: Any, x: Any = None) -> Any:
        """A scalar of the output of a layer."""
        return jnp.mean(jnp.square(layer(self.x if x is None else x)))

    def grads(self, layer: Any = None) -> Any:
        """Its gradient by the layer."""
        return jax.grad(self.loss)(self.layer if layer is None else layer)


# ---- in plain JAX ----------------------------------------------------------------------------------------------------


def tanh(x: Array) -> Array:
    """`jnp.tanh`, which can be pickled and copied."""
    return jnp.tanh(x)


STATIC: dict[str, Any] = {"metadata": {"static": True}}


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Linear:
    """A linear map and an activation."""

    kernel: Array
    bias: Array
    activation: Callable[[Array], Array] | None = dataclasses.field(default=None, **STATIC)

    def __call__(self, x: Array) -> Array:
        """Apply it."""
        x = x @ self.kernel + self.bias
        return x if self.activation is None else self.activation(x)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Stack:
    """Layers one after the other."""

    layers: list[Any]

    def __call__(self, x: Array) -> Array:
        """Apply it."""
        for layer in self.layers:
            x = layer(x)
        return x


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Norm:
    """Layer normalization."""

    gamma: Array
    beta: Array

    def __call__(self, x: Array) -> Array:
        """Apply it."""
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(var + 1e-3) * self.gamma + self.beta


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Conv:
    """A convolution."""

    kernel: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        """Apply it."""
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, self.kernel, (1, 1), "SAME", dimension_numbers=layout) + self.bias


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Table:
    """Rows of a table."""

    embeddings: Array

    def __call__(self, x: Array) -> Array:
        """Apply it."""
        return jnp.take(self.embeddings, x, axis=0)


# ---- pairs -----------------------------------------------------------------------------------------------------------


def pair(
    ours: Callable[[], Any], own: Callable[..., Any], shapes: list[tuple[int, ...]], x: Any
) -> tuple[Callable[[], Made], Callable[[], Made]]:
    """Makers of ours and of the engine's own.

    Args:
        ours: makes a layer of kfront.
        own: makes the other of arrays of the shapes.
        shapes: of the weights.
        x: an input.
    """

    def weights(seed: int) -> list[np.ndarray]:
        return [drawn(f"weight {seed} {i}", *shape) for i, shape in enumerate(shapes)]

    def make_ours(seed: int = 0) -> Any:
        layer = ours()
        layer(jnp.asarray(x))
        layer.set_weights(weights(seed))
        return layer

    def make_own(seed: int = 0) -> Any:
        return own(*map(jnp.asarray, weights(seed)))

    return (
        lambda: Made(make_ours(), make_ours, jnp.asarray(x)),
        lambda: Made(make_own(), make_own, jnp.asarray(x)),
    )


LINEAR = pair(lambda: L.Dense(3), Linear, [(4, 3), (3,)], drawn("x", 5, 4))
MLP = pair(
    lambda: kfront.Sequential([kfront.Input((4,)), L.Dense(6, activation="tanh"), L.Dense(2)]),
    lambda a, b, c, d: Stack([Linear(a, b, tanh), Linear(c, d)]),
    [(4, 6), (6,), (6, 2), (2,)],
    drawn("x", 8, 4),
)
NORM = pair(L.LayerNormalization, Norm, [(4,), (4,)], drawn("x", 5, 4))
CONV = pair(lambda: L.Conv2D(3, 3, padding="same"), Conv, [(3, 3, 2, 3), (3,)], drawn("x", 2, 6, 6, 2))
EMBEDDING = pair(lambda: L.Embedding(7, 3), Table, [(7, 3)], np.array([[1, 2, 6], [0, 4, 2]], "int32"))
