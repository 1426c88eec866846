"""`serialize` and `deserialize` of layers."""

from __future__ import annotations

from typing import Any

from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import SavingError
from kfront.core.typing import Config, CustomObjects
from kfront.layers.base import Layer


def serialize(layer: object) -> dict[str, object]:
    """The config of a layer as plain values, with its class.

    Args:
        layer: a layer.

    Returns:
        dict with "class_name", "config", "module" and "registered_name".

    Example:

    >>> import kfront
    >>> kfront.layers.serialize(kfront.layers.Dense(3))["class_name"]
    'Dense'
    """
    return serialize_keras_object(layer)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Any:
    """A layer from what `serialize` gave.

    Args:
        config: dict with "class_name" and "config".
        custom_objects: dict name -> class for layers that are not kfront's.

    Returns:
        the layer, without the values of its weights.

    Raises:
        SavingError: if it is no layer.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.deserialize(kfront.layers.serialize(kfront.layers.Dense(3)))
    >>> layer.units
    3
    """
    layer = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise SavingError(f"[layers.deserialize] expected the config of a layer, got that of {type(layer).__name__}.")
    return layer
