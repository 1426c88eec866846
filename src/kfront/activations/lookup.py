"""`get`, `serialize`, `deserialize` of activations."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from kfront.activations import functions
from kfront.core.errors import ArgumentError
from kfront.core.registry import get_registered_object, public_identity, serializable
from kfront.ops import elementwise, nn_activation

__all__ = ["deserialize", "get", "serialize"]

_OWN = {n: getattr(functions, n) for n in functions.__all__}
_OPS = {
    n: getattr(nn_activation, n)
    for n in nn_activation.__all__
    if n not in ("relu", "gelu", "swish", "hard_swish")
} | {"tanh": elementwise.tanh}
TABLE: dict[str, Callable[..., Any]] = {
    **_OPS,
    **_OWN,
    "swish": nn_activation.silu,
    "hard_swish": nn_activation.hard_silu,
}
for _function in _OPS.values():
    if public_identity(_function) is None:
        serializable("keras.activations")(_function)


def get(identifier: Any) -> Callable[..., Any]:
    """The activation that `identifier` stands for.

    Args:
        identifier: a name such as "relu", a config, a callable, or None for `linear`.

    Raises:
        ArgumentError: if it stands for none.

    Example:

    >>> import kfront
    >>> kfront.activations.get("swish") is kfront.activations.silu
    True
    """
    if identifier is None:
        return functions.linear
    found = identifier
    if isinstance(identifier, str):
        found = TABLE.get(identifier) or get_registered_object(identifier)
    elif isinstance(identifier, dict):
        found = deserialize(identifier)
    if not callable(found):
        close = difflib.get_close_matches(str(identifier), TABLE, n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {', '.join(sorted(TABLE))}."
        raise ArgumentError(
            f"[activations.get] expected the name of an activation, a callable or None, got {identifier!r}; {hint}"
        )
    return found


def serialize(activation: Any) -> Any:
    """The name of one of kfront's activations; the config of anything else.

    Args:
        activation: a callable or an object with `get_config`.
    """
    for name, function in TABLE.items():
        if function is activation:
            return name if name not in ("swish", "hard_swish") else function.__name__
    from kfront.saving.serialization import serialize_keras_object

    config = serialize_keras_object(activation)
    if isinstance(config, dict) and config.get("class_name") == "function":
        return config["registered_name"] if config.get("registered_name") not in (None, "function") else config["config"]
    return config


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """An activation from `serialize`.

    Args:
        config: a name or a config.
        custom_objects: dict name -> function for names that are not kfront's.
    """
    if config is None or isinstance(config, str):
        found = (custom_objects or {}).get(config) if config else None
        return found if found is not None else get(config)
    from kfront.saving.serialization import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=TABLE)
