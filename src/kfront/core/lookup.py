"""`get`, `serialize` and `deserialize` of a namespace of small configurable objects (initializers, regularizers, …)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, nearest
from kfront.core.naming import to_snake_case
from kfront.core.registry import get_registered_object
from kfront.core.typing import CustomObjects


class Lookup:
    """Finds the objects of one namespace by name, config, class or callable.

    Args:
        what: what they are called in messages and the argument they are given for, e.g. ``"initializer"``.
        classes: class name -> class.
        aliases: further names -> class.
    """

    def __init__(self, what: str, classes: Mapping[str, type], aliases: Mapping[str, type] | None = None) -> None:
        self.what = what
        self.classes = dict(classes)
        self.table: dict[str, type] = {to_snake_case(n): c for n, c in classes.items()} | self.classes
        self.table.update(aliases or {})

    def get(self, identifier: object) -> Any:
        """The object that `identifier` stands for: None, a name, a config, a class or a callable.

        Raises:
            ArgumentError: if it stands for nothing known.
        """
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.table.get(identifier) or get_registered_object(identifier)
        elif isinstance(identifier, dict):
            found = self.deserialize(identifier)
        else:
            found = identifier
        made = found() if isinstance(found, type) else found
        if not callable(made):
            raise ArgumentError(self._unknown(identifier))
        return made

    def serialize(self, obj: object) -> Any:
        """The config of an object of this namespace."""
        return serialize_keras_object(obj)

    def deserialize(self, config: object, custom_objects: CustomObjects = None) -> Any:
        """An object from its config."""
        return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=self.table)

    def _unknown(self, identifier: object) -> str:
        hint = nearest(identifier, self.table) or f"known: {', '.join(self.classes)}."
        return (
            f"[{self.what}s.get] expected the name or config of a known {self.what}, a callable or None, "
            f"got {identifier!r}; {hint}"
        )
