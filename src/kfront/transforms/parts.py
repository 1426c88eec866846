"""`partition` and `merge`: a layer as two trees of JAX, what is trained and the rest."""

from __future__ import annotations

from typing import TypeVar

from kfront.core.errors import ArgumentTypeError
from kfront.transforms.arguments import engine_of, is_layer, on_engine

L = TypeVar("L")


def partition(layer: L) -> tuple[L, L]:
    """A layer or model split into what is trained and the rest, for transforms of JAX and optimizers of optax.

    Both parts are layers of the same structure, with None in the places of the other's values. Weights of frozen
    layers, moving statistics and the states of seeds are in the rest, so that `jax.grad` by the first part gives
    gradients of the trained weights alone.

    Args:
        layer: a built layer or model of the JAX backend.

    Returns:
        (trainable, rest); `merge` puts them together.

    Raises:
        ArgumentTypeError: if it is not a layer.
        UnsupportedError: if the layer belongs to another engine, whose layers are no trees.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     layer = kfront.layers.BatchNormalization()
    ...     layer.build((None, 4))
    >>> import jax
    >>> trainable, rest = kfront.partition(layer)
    >>> len(jax.tree.leaves(trainable)), len(jax.tree.leaves(rest))
    (2, 2)
    """
    if not is_layer(layer):
        raise ArgumentTypeError(f"[partition] expected a layer or model, got {layer!r}.")
    b = engine_of(layer)
    return on_engine(b, b.partition, layer)


def merge(first: L, *others: L) -> L:
    """The layer of which these are the parts, as `partition` makes them.

    Args:
        first: a part.
        *others: the other parts, of the same structure. Where several have a value, the first one's is taken.

    Returns:
        A layer with Variables of its own. What a call of it assigns (moving statistics, seeds) is in the rest of a new
        `partition`.

    Raises:
        ArgumentTypeError: if one of them is not a layer.
        ArgumentError: if their structures differ.
        UnsupportedError: if they belong to another engine than JAX.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     layer = kfront.layers.Dense(2, kernel_initializer="ones")
    ...     layer.build((None, 3))
    >>> trainable, rest = kfront.partition(layer)
    >>> kfront.merge(trainable, rest)([[1.0, 1.0, 1.0]]).tolist()
    [[3.0, 3.0]]
    """
    parts = (first, *others)
    if not all(map(is_layer, parts)):
        raise ArgumentTypeError(f"[merge] expected the parts of a layer, got {parts!r}.")
    b = engine_of(first)
    return on_engine(b, b.merge, parts)
