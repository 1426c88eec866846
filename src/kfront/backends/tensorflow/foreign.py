"""SavedModels inside layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends import get
from kfront.backends.tensorflow.native import TensorFlowVariable
from kfront.core.errors import ArgumentError
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from tensorflow import Tensor


class Adopted(TensorFlowVariable):
    """A Variable whose storage is a `tf.Variable` that a SavedModel brought along."""

    def __init__(self, held: Any, trainable: bool) -> None:
        self._held = held
        name = held.name.split(":")[0].replace("/", ".")
        super().__init__(held.read_value(), dtype=held.dtype.name, trainable=trainable, name=name)

    def _make(self, value: Tensor) -> None:
        self._value = self._held


def load(path: str) -> Any:
    """What `tf.saved_model.save` saved."""
    return tf.saved_model.load(path)


def endpoint(loaded: Any, name: str) -> Any:
    """A function of a SavedModel.

    Raises:
        ArgumentError: if there is none of this name.
    """
    signatures = getattr(loaded, "signatures", {})
    found = getattr(loaded, name, None) or signatures.get(name)
    if not callable(found):
        own = [n for n in ("serve", "call", "__call__") if callable(getattr(loaded, n, None))]
        raise ArgumentError(
            f"[TFSMLayer] expected the name of a function among {sorted({*signatures, *own})}, got {name!r}."
        )
    return found


def variables(loaded: Any) -> Iterator[Tensor]:
    """A Variable for each `tf.Variable` of a SavedModel, those that are trained first."""
    own = list({id(v): v for v in (*getattr(loaded, "variables", ()), *_held(loaded, set()))}.values())
    trained = {id(v) for v in getattr(loaded, "trainable_variables", [v for v in own if v.trainable])}
    for held in sorted(own, key=lambda v: id(v) not in trained):
        yield Adopted(held, id(held) in trained)


def _held(part: Any, seen: set[int]) -> Iterator[Tensor]:
    """The `tf.Variable`s among the children of a trackable, however deep."""
    seen.add(id(part))
    for child in part._trackable_children().values():
        if isinstance(child, tf.Variable):
            yield child
        elif id(child) not in seen:
            yield from _held(child, seen)


def run(function: Any, inputs: Nested[Tensor], kwargs: Any) -> Any:
    """Call a function of a SavedModel; signatures take arguments by name and return a dict, of one if there is one."""
    named = getattr(function, "structured_input_signature", None)
    b = get("tensorflow")
    inputs = tf.nest.map_structure(lambda x: x if b.is_tensor(x) else tf.convert_to_tensor(x), inputs)
    if named is None or named[0]:
        return function(inputs, **kwargs)
    if not isinstance(inputs, dict):
        flat = tf.nest.flatten(inputs)
        inputs = dict(zip(sorted(named[1]), flat, strict=True))
    out = function(**inputs, **kwargs)
    return next(iter(out.values())) if isinstance(out, dict) and len(out) == 1 else out
