"""Functions that ops name in `prepare`: they check and normalize an argument before engine and inference get it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from kfront import config
from kfront.core.arguments import is_no_tensor, is_whole
from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from kfront.core.shapes import shape_of
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import DTypeLike, Shape


def shape_tuple(shape: Any) -> Any:
    """A shape as a tuple of ints, tensors and None; a list when an entry is symbolic (ops then infer)."""
    if shape.__class__ is tuple:
        for d in shape:
            if d.__class__ is not int:
                break
        else:
            return shape
    if isinstance(shape, (int, np.integer)):
        return (int(shape),)
    if not hasattr(shape, "__len__") or isinstance(shape, str):
        raise ArgumentTypeError(f"expected a shape: an int or a sequence of ints, got {shape!r}.")

    dims = [int(d) if isinstance(d, np.integer) else d for d in shape]
    return dims if any(isinstance(d, KerasTensor) for d in dims) else tuple(dims)


shape_tuple.gives_tuple = True  # type: ignore[attr-defined]


def new_shape(shape: Shape) -> Any:
    """As `shape_tuple`, for reshape: a single None stands for -1."""
    dims = shape_tuple(shape)
    if any(d is None for d in dims):
        if sum(d is None or (d.__class__ is int and d == -1) for d in dims) > 1:
            raise ArgumentError(f"expected at most one unknown dimension in `newshape`, got {dims}.")
        return dims.__class__(-1 if d is None else d for d in dims)
    return dims


new_shape.gives_tuple = True  # type: ignore[attr-defined]


def dtype_name(dtype: Any) -> str:
    """A dtype as its name; None means floatx."""
    return standardize(dtype)


def optional_dtype(dtype: DTypeLike) -> str | None:
    """A dtype as its name; None stays."""
    return None if dtype is None else standardize(dtype)


def option(name: str, *values: str) -> Callable[[Any], str]:
    """A function that checks a string option against `values`, whatever its case."""
    allowed = frozenset(values)

    def check(value: Any) -> str:
        if value.__class__ is str:
            if value in allowed:
                return value
            if value.lower() in allowed:
                return value.lower()
        raise ArgumentError(f"expected `{name}` to be one of {', '.join(map(repr, values))}, got {value!r}.")

    return check


_layout = option("data_format", "channels_last", "channels_first")


def data_format(value: object) -> str:
    """The layout; None means `kfront.config.image_data_format()`."""
    return config.image_data_format() if value is None else _layout(value)


def epsilon(value: object) -> Any:
    """A fuzz factor; None means `kfront.config.epsilon()`."""
    return config.epsilon() if value is None else value


def int_or_tuple(name: str) -> Callable[[object], object]:
    """A function that turns a sequence of ints into a tuple and lets an int through."""

    def check(value: object) -> Any:
        if value.__class__ is int or value is None:
            return value
        value = value[()] if isinstance(value, np.ndarray) else value  # of rank 0 it is a number
        items = value if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) else (None,)
        if all(is_whole(v) for v in items):
            return tuple(int(v) if hasattr(type(v), "__index__") else v for v in items)  # type: ignore[call-overload]
        if isinstance(value, np.integer):
            return int(value)
        if hasattr(value, "shape") and is_whole(value):
            return value
        raise ArgumentTypeError(f"expected `{name}` to be an int or a sequence of ints, got {value!r}.")

    return check


def tensor(name: str) -> Callable[[object], object]:
    """A function that refuses what no engine makes a tensor of, where some take it."""

    def check(value: Any) -> Any:
        if value.__class__ not in (int, float) and is_no_tensor(value):
            raise ArgumentTypeError(f"expected `{name}` to be a number or a tensor, got {value!r}.")
        return value

    return check


def ranks(name: str, *allowed: int) -> Callable[[object], object]:
    """A function that refuses what has another number of axes, where some engines take it."""

    def check(value: Any) -> Any:
        if len(shape := shape_of(value)) not in allowed:
            raise ShapeError(f"expected `{name}` of rank {' or '.join(map(str, allowed))}, got shape {shape}.")
        return value

    return check


def whole(name: str, least: int | None = None, optional: bool = False) -> Callable[[object], Any]:
    """A function that checks an int, and that it is not below `least`; None stays if it is `optional`."""

    def check(value: Any) -> Any:
        if (value.__class__ is int and (least is None or value >= least)) or (optional and value is None):
            return value
        if not is_whole(value):
            raise ArgumentTypeError(f"expected `{name}` to be an int, got {value!r}.")
        if least is not None and hasattr(type(value), "__index__") and value < least:
            raise ArgumentError(f"expected `{name}` to be at least {least}, got {value!r}.")
        return int(value) if isinstance(value, np.integer) else value

    return check


_padding = option("padding", "valid", "same")
WINDOWED: dict[str, Any] = {"padding": _padding, "data_format": data_format}


def missing(name: str) -> NoReturn:
    """Say that the engine has no form of an op that cannot be composed.

    Raises:
        UnsupportedError: each time.
    """
    raise UnsupportedError(f"[{name}] expected an engine that has it, got {state.backend.name!r}.")
