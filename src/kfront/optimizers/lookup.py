"""Optimizers by name and from configs."""

from __future__ import annotations

from typing import Any

from kfront import optimizers
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, nearest
from kfront.core.lazy import LAZY
from kfront.core.registry import get_registered_object
from kfront.core.typing import Config, CustomObjects, OptimizerLike
from kfront.optimizers.base import Optimizer

_NAMES = {n.lower(): n for n in LAZY[optimizers.__name__] if n[0].isupper() and n not in ("Optimizer", "OptimizerMap")}
_WRAPPERS = ("LossScaleOptimizer", "MultiOptimizer")


def _named() -> list[str]:
    return sorted(name for name, cls in _NAMES.items() if cls not in _WRAPPERS)


def serialize(optimizer: Optimizer) -> Config:
    """The config of an optimizer, as files hold it.

    Args:
        optimizer: an optimizer, or a registered function.

    Returns:
        Its config: a dict with `class_name` and `config`, or the name of a function.

    Example:

    >>> import kfront
    >>> kfront.optimizers.serialize(kfront.optimizers.Adam())["class_name"]
    'Adam'
    """
    return serialize_keras_object(optimizer)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Optimizer:
    """An optimizer from its config.

    Args:
        config: as `serialize` returns it, or ``{"class_name": …, "config": …}``; class names of kfront's own
            optimizers may be in lower case.
        custom_objects: classes by name.

    Returns:
        The optimizer.

    Example:

    >>> import kfront
    >>> config = kfront.optimizers.serialize(kfront.optimizers.Adam())
    >>> type(kfront.optimizers.deserialize(config)).__name__
    'Adam'
    """
    known = _NAMES.get(str(config.get("class_name", "")).lower()) if isinstance(config, dict) else None
    if known is not None and not config.get("registered_name"):
        config = {**config, "module": "keras.optimizers", "class_name": known, "registered_name": None}
    return deserialize_keras_object(config, custom_objects=custom_objects)


def get(identifier: OptimizerLike) -> Optimizer | None:
    """An optimizer from a name (``"adam"``), a config, or an optimizer; None stays None.

    Args:
        identifier: the name of a class in any case, a dict, or an Optimizer, which is returned as it is.

    Raises:
        ArgumentError: for anything else.

    Example:

    >>> import kfront
    >>> kfront.optimizers.get("adamw").name.startswith("adam_w")
    True
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict) and "class_name" in identifier:
        return deserialize(identifier)
    if isinstance(identifier, str):
        known = _NAMES.get(identifier.lower())
        if known is not None and known not in _WRAPPERS:
            return getattr(optimizers, known)()
        found: Any = get_registered_object(identifier)
        if isinstance(found, type) and issubclass(found, Optimizer):
            return found()  # type: ignore[call-arg]
    raise ArgumentError(
        f"[optimizers.get] expected one of {', '.join(_named())}, a config or an Optimizer, got {identifier!r}; "
        f"{nearest(identifier, _named()) or 'pass a name or an instance.'}"
    )
