"""Configs of operations and layers that define none: the constructor's arguments, and the shapes that `build` got."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from kfront.core import codec
from kfront.core.errors import SavingError, UnsupportedError
from kfront.core.typing import Config

if TYPE_CHECKING:
    from kfront.core.operation import Operation


def tuples(shape: object) -> Any:
    """JSON turns tuples into lists: shapes as tuples again."""
    if isinstance(shape, dict):
        return {k: tuples(v) for k, v in shape.items()}
    if isinstance(shape, (list, tuple)):
        if all(d is None or isinstance(d, int) for d in shape):
            return tuple(shape)
        return [tuples(s) for s in shape]
    return shape


def named_shapes(cls: type, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
    """The shapes a class's `build` was called with, as its build config: one under "input_shape", more by name."""
    signature = inspect.signature(cls.build)  # type: ignore[attr-defined]
    shapes: dict[str, object] = {}
    for name, value in list(signature.bind(None, *args, **kwargs).arguments.items())[1:]:
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            shapes.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            shapes.update({f"{name}{i}": v for i, v in enumerate(value)})
        else:
            shapes[name] = value
    return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}


def auto_config(operation: Operation, base: type) -> Config:
    """The arguments an operation was made with, for classes that define no `get_config`; defaults too.

    Those of `base` are left out unless they were given: the operation itself has them.
    """
    cls = type(operation)
    args, kwargs = operation._kf_init_args
    try:
        bound = inspect.signature(cls.__init__).bind(operation, *args, **kwargs)
    except TypeError:
        return {}
    config: dict[str, object] = {}
    of_base = inspect.signature(base.__init__).parameters
    for name, p in list(inspect.signature(cls.__init__).parameters.items())[1:]:
        if name in bound.arguments:
            value = bound.arguments[name]
            if p.kind is p.VAR_KEYWORD:
                config.update(value)
            elif p.kind is p.VAR_POSITIONAL:
                raise UnsupportedError(
                    f"[{operation.name}] expected `get_config` to be defined: `__init__` takes *{name}, which cannot "
                    "be written down automatically."
                )
            else:
                config[name] = value
        elif p.default is not p.empty and name not in of_base:
            config[name] = p.default
    try:
        return {k: codec.serialize_keras_object(v) for k, v in config.items()}
    except SavingError as error:
        raise UnsupportedError(f"[{operation.name}] expected `get_config` to be defined: {error}") from error


def taken(operation: Operation, config: Config) -> Config:
    """Those of the base's arguments that the constructor of a class takes, which defines no `get_config`."""
    parameters = inspect.signature(type(operation).__init__).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return config
    names = {p.name for p in parameters}
    return {k: v for k, v in config.items() if k in names}
