"""Expressions that are written down once and evaluated on Keras and on kfront: ``k.layers.Dense(4)`` is a `Made`.

`k` stands for the package. Its attributes are `Name`s, and what a call of one gives is a `Made`, which knows the public
name and the arguments; both may be arguments of others.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

__all__ = ["Made", "Name", "bound", "k", "make", "names_of", "signature_of"]


class Name:
    """A public name, relative to the package."""

    def __init__(self, path: str = "") -> None:
        self.path = path

    def __getattr__(self, name: str) -> Name:
        if name.startswith("__"):
            raise AttributeError(name)
        return Name(f"{self.path}.{name}" if self.path else name)

    def __call__(self, *args: Any, **kwargs: Any) -> Made:
        return Made(self.path, args, kwargs)

    def __repr__(self) -> str:
        return self.path


@dataclasses.dataclass(frozen=True, eq=False)
class Made:
    """A call of a public name."""

    path: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TypeError(f"{self.path}: what a call gives has no attributes before it is evaluated")

    def with_options(self, options: Mapping[str, Any]) -> Made:
        """The same call with other arguments, by name."""
        args, kwargs = bound(self)
        return Made(self.path, args, {**kwargs, **options})


k = Name()


def make(package: Any, value: Any, memo: dict[int, Any] | None = None) -> Any:
    """What an expression, or a structure of them, is on Keras or on kfront.

    Args:
        package: the module `keras` or `kfront`.
        value: the expression.
        memo: what has been evaluated; one expression gives one object.
    """
    memo = {} if memo is None else memo
    if isinstance(value, Name):
        return attrgetter(value.path)(package)
    if isinstance(value, Made):
        if id(value) not in memo:
            args, kwargs = make(package, (value.args, value.kwargs), memo)
            memo[id(value)] = attrgetter(value.path)(package)(*args, **kwargs)
        return memo[id(value)]
    if type(value) in (list, tuple):
        return type(value)(make(package, v, memo) for v in value)
    if type(value) is dict:
        return {key: make(package, v, memo) for key, v in value.items()}
    return value


def signature_of(path: str) -> inspect.Signature:
    """The signature of a public name, as kfront has it: the same on both sides."""
    import kfront

    found: Callable[..., Any] = attrgetter(path)(kfront)
    return inspect.signature(found)


def bound(made: Made) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Its arguments, as many as possible by name."""
    signature = signature_of(made.path)
    arguments = signature.bind_partial(*made.args, **made.kwargs).arguments
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if name not in arguments:
            continue
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args = (*kwargs.values(), *arguments[name])
            kwargs = {}
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            kwargs |= arguments[name]
        else:
            kwargs[name] = arguments[name]
    return args, kwargs


def names_of(path: str) -> dict[str, Any]:
    """Arguments that a public name takes by name -> their defaults (`inspect.Parameter.empty` without one)."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {n: p.default for n, p in signature_of(path).parameters.items() if p.kind in kinds and n != "self"}
