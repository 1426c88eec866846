"""Activation functions by name and from configs."""

from __future__ import annotations

from kfront import ops
from kfront.activations import functions
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, nearest
from kfront.core.lazy import public_members
from kfront.core.registry import get_registered_object
from kfront.core.typing import Activation, ActivationLike, Config, CustomObjects

_FUNCTIONS: dict[str, Activation] = public_members(functions)


def serialize(activation: Activation) -> str | Config:
    """The config of an activation, as files hold it.

    Args:
        activation: a function of this module or op of the same name, a registered function, or a layer.

    Returns:
        A name, or a config.

    Example:

    >>> import kfront
    >>> kfront.activations.serialize(kfront.activations.silu)
    'silu'
    """
    name = getattr(activation, "__name__", None)
    if name in _FUNCTIONS and activation in (_FUNCTIONS[name], getattr(ops, name, None)):
        return name

    config = serialize_keras_object(activation)
    if isinstance(config, dict) and config.get("class_name") == "function" and config.get("config") in _FUNCTIONS:
        return config["config"]
    return config


def deserialize(config: str | Config, custom_objects: CustomObjects = None) -> Activation:
    """An activation from its config or name.

    Args:
        config: as `serialize` returns it, or a name.
        custom_objects: functions and classes by name.

    Raises:
        ArgumentError: if there is no such activation.

    Returns:
        A callable.

    Example:

    >>> import kfront
    >>> kfront.activations.deserialize("relu").__name__
    'relu'
    """
    if isinstance(config, str):
        found = get_registered_object(config, custom_objects, _FUNCTIONS)
        if found is None:
            raise _unknown(config)
        return found
    if isinstance(config, dict) and config.get("class_name") == "function" and config.get("config") in _FUNCTIONS:
        return _FUNCTIONS[config["config"]]

    return deserialize_keras_object(config, custom_objects=custom_objects)


def _unknown(name: object) -> ArgumentError:
    hint = nearest(name, _FUNCTIONS) or f"known are {', '.join(sorted(_FUNCTIONS))}."
    return ArgumentError(f"[activations.get] expected the name of an activation, got {name!r}; {hint}")


def get(identifier: ActivationLike) -> Activation:
    """An activation function.

    Args:
        identifier: a name (``"relu"``), a config, a callable, or None (`linear`).

    Returns:
        A callable.

    Raises:
        ArgumentError: for anything else.

    Example:

    >>> import kfront
    >>> kfront.activations.get("swish").__name__
    'silu'
    """
    if identifier is None:
        return functions.linear
    if isinstance(identifier, (dict, str)):
        identifier = deserialize(identifier)
    if callable(identifier):
        return identifier
    raise _unknown(identifier)
