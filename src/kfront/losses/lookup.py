"""Losses by name and from configs."""

from __future__ import annotations

from typing import Any, TypeAlias

from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError
from kfront.core.lazy import public_members
from kfront.core.registry import get_registered_object
from kfront.core.typing import AnyCallable, Config, CustomObjects, LossLike
from kfront.losses import classes, classification, regression
from kfront.losses.base import Loss

LossFunction: TypeAlias = "AnyCallable | Loss"

_CLASSES: dict[str, type[Loss]] = public_members(classes)
_FUNCTIONS: dict[str, AnyCallable] = public_members(regression, classification)
for _short, _long in {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
}.items():
    _FUNCTIONS[_short] = _FUNCTIONS[_short.upper()] = _FUNCTIONS[_long]


def serialize(loss: LossFunction) -> Config | str:
    """The config of a loss, as files hold it.

    Args:
        loss: a Loss or a function.

    Returns:
        Its config: a dict with `class_name` and `config`, or the name of a function.

    Example:

    >>> import kfront
    >>> kfront.losses.serialize(kfront.losses.Huber())["class_name"]
    'Huber'
    """
    return serialize_keras_object(loss)


def deserialize(name: Config | str, custom_objects: CustomObjects = None) -> Any:
    """A loss from its config or name.

    Args:
        name: as `serialize` returns it, ``{"class_name": …, "config": …}``, or the name of a function or class.
        custom_objects: classes and functions by name.

    Returns:
        The loss.

    Example:

    >>> import kfront
    >>> config = kfront.losses.serialize(kfront.losses.Huber())
    >>> type(kfront.losses.deserialize(config)).__name__
    'Huber'
    """
    if isinstance(name, str):
        found = get_registered_object(name, custom_objects)
        return found if found is not None else get(name)

    if isinstance(name, dict) and "module" not in name and name.get("class_name") in _CLASSES:
        name = {"module": "keras.losses", "registered_name": None, **name}
    return deserialize_keras_object(name, custom_objects=custom_objects)


def get(identifier: LossLike) -> Any:
    """A loss function or Loss.

    Args:
        identifier: the name of a function (``"mse"``, ``"sparse_categorical_crossentropy"``) or class, a config, a
            callable, or None.

    Returns:
        A function for the name of a function, a Loss for that of a class or for a config; callables and None as they
        are.

    Raises:
        ArgumentError: for anything else.

    Example:

    >>> import kfront
    >>> kfront.losses.get("mse").__name__
    'mean_squared_error'
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict) and "class_name" in identifier:
        return deserialize(identifier)
    if isinstance(identifier, str):
        found = _FUNCTIONS.get(identifier) or _CLASSES.get(identifier) or get_registered_object(identifier)
        if found is not None:
            return found() if isinstance(found, type) else found
        raise ArgumentError(
            f"[losses.get] expected the name of a loss, got {identifier!r}; known are "
            f"{', '.join(sorted(_FUNCTIONS))} and {', '.join(_CLASSES)}."
        )
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier):
        return identifier
    raise ArgumentError(f"[losses.get] expected a name, a config or a callable, got {identifier!r}.")
