"""What the built-in layers share: options that are standardized when given and written to the config by name."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kfront import activations, config, constraints, initializers, regularizers
from kfront.core.errors import ArgumentError, ShapeError
from kfront.layers.base import Layer

__all__ = [
    "OptionLayer",
    "choice",
    "data_format",
    "documented",
    "int_tuple",
    "known_axis",
    "positive",
    "rate_between",
    "with_defaults",
]

# last word of an option's name -> the namespace that reads and writes it
_NAMESPACES: dict[str, Any] = {
    "activation": activations,
    "constraint": constraints,
    "initializer": initializers,
    "regularizer": regularizers,
}
_LAYOUTS = ("channels_last", "channels_first")


def _namespace(option: str) -> Any:
    return _NAMESPACES.get(option[option.rfind("_") + 1 :])


class OptionLayer(Layer):
    """A layer whose config is the base's plus the attributes named in `_options`."""

    _options: tuple[str, ...] = ()

    def _set(self, **options: Any) -> None:
        """Store options as attributes; initializers, regularizers, constraints and activations are looked up."""
        fields = self.__dict__
        for name, value in options.items():
            space = _namespace(name)
            if space is not None:
                value = space.get(value)
            if isinstance(value, Layer):
                setattr(self, name, value)
            else:
                fields[name] = value

    def build(self, input_shape: Any) -> None:
        """Nothing to create; layers with weights override it."""

    build._empty = True  # type: ignore[attr-defined]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        out = super().get_config()
        for name in self._options:
            value, space = getattr(self, name), _namespace(name)
            out[name] = space.serialize(value) if space is not None and value is not None else value
        return out


def documented(details: str) -> Callable[[Any], Any]:
    """A class decorator that puts the shared part of a family's documentation behind the class's own line."""

    def decorate(cls: Any) -> Any:
        cls.__doc__ = f"{cls.__doc__}\n\n    {details.strip()}\n    "
        return cls

    return decorate


def positive(who: str, name: str, value: Any) -> int:
    """`value` as an int.

    Raises:
        ArgumentError: if it is not a positive int.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 0:
        return int(value)
    raise ArgumentError(f"[{who}] expected `{name}` to be a positive int, got {value!r}.")


def int_tuple(who: str, name: str, value: Any, n: int, least: int = 1) -> tuple[int, ...]:
    """An int, or a sequence of `n` ints, as a tuple of `n`.

    Raises:
        ArgumentError: if it is neither, or a number is below `least`.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        out: tuple[Any, ...] = (int(value),) * n
    else:
        out = tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else ()
    if len(out) != n or any(not isinstance(v, (int, np.integer)) or isinstance(v, bool) or v < least for v in out):
        ints = f"an int >= {least}" if n == 1 else f"an int >= {least} or {n} of them"
        raise ArgumentError(f"[{who}] expected `{name}` to be {ints}, got {value!r}.")
    return tuple(int(v) for v in out)


def data_format(who: str, value: Any) -> str:
    """The layout; the configured one if None.

    Raises:
        ArgumentError: if it is neither "channels_last" nor "channels_first".
    """
    if value is None:
        return config.image_data_format()
    found = value.lower() if isinstance(value, str) else value
    if found not in _LAYOUTS:
        raise ArgumentError(f"[{who}] expected `data_format` 'channels_last' or 'channels_first', got {value!r}.")
    return found


def choice(who: str, name: str, value: Any, allowed: Sequence[str]) -> str:
    """A string option in lower case.

    Raises:
        ArgumentError: if it is not one of `allowed`.
    """
    found = value.lower() if isinstance(value, str) else value
    if found not in allowed:
        raise ArgumentError(f"[{who}] expected `{name}` in {', '.join(map(repr, allowed))}, got {value!r}.")
    return found


def rate_between(who: str, name: str, value: Any, low: float = 0.0, high: float = 1.0) -> Any:
    """A number within bounds.

    Raises:
        ArgumentError: if it is no number or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not low <= value <= high:
        raise ArgumentError(f"[{who}] expected `{name}` to be a number between {low:g} and {high:g}, got {value!r}.")
    return value


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


def with_defaults(function: Callable[..., Any], **defaults: Any) -> Any:
    """The same function with other default values: how one `__init__` serves layers of several ranks."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    values = dict(zip(reversed(names), reversed(function.__defaults__ or ()), strict=False))
    merged = tuple({**values, **defaults}[n] for n in names if n in values or n in defaults)
    out = types.FunctionType(function.__code__, function.__globals__, function.__name__, merged, function.__closure__)
    out.__kwdefaults__, out.__annotations__ = function.__kwdefaults__, function.__annotations__
    out.__qualname__, out.__doc__ = function.__qualname__, function.__doc__
    return out
