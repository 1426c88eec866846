"""Functions of JAX and modules of Flax inside layers of TensorFlow, through `jax.experimental.jax2tf`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakMethod

import numpy as np
import tensorflow as tf

from kfront.backends.typing import Closure, Pair
from kfront.core.errors import UnsupportedError
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.layers.base import Layer


def _load() -> Pair[Tensor]:
    try:
        ours = importlib.import_module("kfront.backends.jax.foreign")
        return ours, importlib.import_module("jax.experimental.jax2tf")
    except ImportError:
        raise UnsupportedError(
            "[JaxLayer] expected the package jax, with jax.experimental.jax2tf, for a model of JAX on TensorFlow, got "
            "none; do `pip install jax`, or make the layer inside `kfront.backend_scope('jax')`."
        ) from None


_jax, _jax2tf = _load()
first, flax, leaves, ones, unflatten = _jax.first, _jax.flax, _jax.leaves, _jax.ones, _jax.unflatten
_functions: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()  # layer -> what was traced for it


def flatten(values: Nested[Tensor]) -> tuple[list[tuple[str, Any]], Any]:
    """Pairs (name made of the path, array), and the structure."""
    found, structure = _jax.flatten(values)
    return [(name, np.asarray(x)) for name, x in found], structure


def run(
    layer: Layer, fn: Closure[Tensor], rng: Tensor, inputs: Nested[Tensor], training: bool, *variables: Tensor
) -> Pair[Tensor]:
    """(outputs, leaves of the new state) of a function of JAX: ``fn(*variables, rng, inputs, training)``.

    Called eagerly, it is traced once for each signature. Sizes of inputs that a traced function leaves open are open in
    JAX too; that of the first axis is the same for all inputs, the others are if the function needs it.
    """
    flat, structure = _jax.parts(inputs)
    rng = None if rng is None else tf.cast(rng, tf.uint32)
    if not tf.executing_eagerly():
        return _converted(layer, fn, structure, training)(rng, flat, *variables)
    found = _functions.setdefault(layer, {})
    key = (training, structure)
    if key not in found:
        found[key] = tf.function(_converted(layer, fn, structure, training), autograph=False)
    return found[key](rng, flat, *variables)


def _converted(layer: Layer, fn: Closure[Tensor], structure: object, training: bool) -> Closure[Tensor]:
    """`fn`, a method of the layer, as a function of tensors; it keeps no layer alive."""
    method, platforms = WeakMethod(fn), getattr(layer, "native_serialization_platforms", None)
    options = {"native_serialization_platforms": platforms} if platforms else {}

    def called(rng: Tensor, flat: list[Any], *variables: Tensor) -> Nested[Tensor]:
        outputs, new = method()(*variables, rng, _jax.unflatten(structure, flat), training)  # type: ignore[misc]
        return outputs, _jax.leaves(new)

    def converted(rng: Tensor, flat: list[Any], *variables: Tensor) -> Nested[Tensor]:
        def run(shapes: list[str | None] | None) -> Nested[Tensor]:
            all_shapes = shapes and (None, shapes, *(None for _ in variables))
            return _jax2tf.convert(called, polymorphic_shapes=all_shapes, **options)(rng, flat, *variables)

        if all(None not in x.shape for x in flat):
            return run(None)
        try:
            return run([_open(x.shape, str(i)) for i, x in enumerate(flat)])
        except (TypeError, ValueError):  # the function needs inputs of one size: the same axis, the same symbol
            return run([_open(x.shape, "") for x in flat])

    return converted


def _open(shape: Any, own: str) -> str | None:
    """jax2tf's description of a shape with unknown sizes, None if there are none; `own` is part of their names."""
    if None not in shape:
        return None
    names = ["b", *(f"d{own}_{axis}" for axis in range(1, len(shape)))]
    return ", ".join("_" if size is not None else name for size, name in zip(shape, names, strict=False))
