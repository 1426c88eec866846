"""What the built-in layers share: options that follow from `__init__`, and helpers for families of several ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from kfront.core.errors import ShapeError
from kfront.core.options import Configurable
from kfront.core.typing import AnyCallable, Config, Shape
from kfront.core.variable import Variable
from kfront.layers.base import Layer

IntOrInts: TypeAlias = int | Sequence[int]
"""An int for all spatial axes, or one for each."""


class OptionLayer(Configurable, Layer):
    """A layer whose config is the base's, and the options that `_kf_store` kept."""

    # options that configs have only where they differ from this value
    _kf_omitted: Mapping[str, object] = MappingProxyType({})
    _kf_writes_activity_regularizer = False  # whether configs have one even if it is None, as Keras's files do

    def build(self, input_shape: Any) -> None:
        """Nothing to create; layers with weights override it."""
        super().build(input_shape)  # of a class that a program mixes in

    build._empty = True  # type: ignore[attr-defined]

    def _kf_weight(self, name: str, shape: Shape, options: str | None = None, autocast: bool = True) -> Variable:
        """Add a weight whose initializer, regularizer and constraint are options of this layer.

        Args:
            name: the weight's name.
            shape: its shape.
            options: what the names of the options start with; `name` if None.
            autocast: whether it is read in the compute dtype.
        """
        options = options or name
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self._kf_initializer(options),
            regularizer=getattr(self, f"{options}_regularizer", None),
            constraint=getattr(self, f"{options}_constraint", None),
            autocast=autocast,
        )

    def _kf_initializer(self, options: str) -> AnyCallable:
        return getattr(self, f"{options}_initializer")

    def get_config(self) -> Config:
        """Constructor arguments."""
        config, omitted = super(Configurable, self).get_config(), self._kf_omitted
        if self._kf_writes_activity_regularizer:
            config.setdefault("activity_regularizer", None)
        for name, value in self._kf_stored_options().items():
            if name not in omitted or value != omitted[name]:
                config[name] = value
        return config


def known_axis(who: str, shape: Sequence[int | None], axis: int = -1) -> int:
    """The size of an axis that weights are made for.

    Raises:
        ShapeError: if the shape has no such axis, or its size is not known.
    """
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(f"[{who}] expected inputs with an axis {axis}, got shape {tuple(shape)}.")
    size = shape[axis]
    if size is None:
        where = "the last axis" if axis == -1 else f"axis {axis}"
        raise ShapeError(
            f"[{who}] expected the size of {where} to be known when the weights are made, got shape {tuple(shape)}; "
            "give that size in Input(shape=...), or pass data first."
        )
    return size


def second_name(of: str) -> property:
    """A property that reads and sets another attribute: the one under which subclasses in programs know it."""

    def read(self: Layer) -> object:
        return getattr(self, of)

    def write(self: Layer, value: object) -> None:
        self._tracker.forget(f"_{of}")  # what is tracked is filed under its first name only
        setattr(self, of, value)

    return property(read, write, doc=f"`{of}`.")
