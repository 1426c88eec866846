"""Objects as ``{"class_name", "config"}``, the form before Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kfront.core import codec, guard
from kfront.core.errors import SavingError
from kfront.core.typing import CustomObjects

__all__ = ["deserialize_keras_object", "serialize_keras_object"]


def __dir__() -> list[str]:
    return list(__all__)


def serialize_keras_object(instance: object) -> Any:
    """The form of an object: class name and config, or the name of a function.

    Args:
        instance: an object with `get_config`, a named function, or None.

    Returns:
        A dict, a name, or None.

    Raises:
        SavingError: the object has no such form.

    Example:

    >>> import kfront
    >>> serialize_keras_object(kfront.initializers.Constant(2.0))
    {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    if instance is None:
        return None
    form = None
    if hasattr(instance, "get_config") or callable(instance):
        form = codec.serialize_keras_object(instance)
    if not isinstance(form, dict) or "class_name" not in form:
        raise SavingError(
            f"[serialize_keras_object] expected an object with `get_config` or a named function, got "
            f"{guard.shown(instance)}."
        )
    if form["class_name"] == "function":
        return form["config"]
    registered = form.get("registered_name")
    name = registered if registered and ">" in registered else form["class_name"]
    return {"class_name": name, "config": form["config"]}


def deserialize_keras_object(
    identifier: object,
    module_objects: Mapping[str, object] | None = None,
    custom_objects: CustomObjects = None,
    printable_module_name: str = "object",
) -> Any:
    """The object that the form describes; only given and registered names are found.

    Args:
        identifier: a dict with "class_name" and "config", the name of a function or class, or None.
        module_objects: name -> class or function, where names are looked up.
        custom_objects: the same, looked at first.
        printable_module_name: what the object is, for messages.

    Returns:
        The object; a function itself for the name of one.

    Raises:
        UnsafeFileError: the name is none of these.
        SavingError: the form is another, or the config does not fit.

    Example:

    >>> import kfront
    >>> form = {"class_name": "Dense", "config": {"units": 3}}
    >>> deserialize_keras_object(form, {"Dense": kfront.layers.Dense}).units
    3
    """
    if identifier is None:
        return None
    if not isinstance(identifier, (str, dict)) or (isinstance(identifier, dict) and "class_name" not in identifier):
        raise SavingError(
            f"[deserialize_keras_object] expected the name or config of a {printable_module_name}, got "
            f"{guard.shown(identifier)}."
        )
    known = module_objects or {}
    if isinstance(identifier, str):
        with guard.loading("deserialize_keras_object", identifier, custom_objects):
            return codec.build(identifier, known)
    form = {"config": {}, **identifier}
    if form.get("module") is None:
        form["registered_name"] = form["class_name"]
    return codec.deserialize_keras_object(form, custom_objects, module_objects=known)
