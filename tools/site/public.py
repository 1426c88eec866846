"""The public names of kfront, and the objects behind them: what the API reference consists of."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import kfront


class Entry(NamedTuple):
    """A public object.

    Attributes:
        name: the full name under which it has its page.
        others: the other full names of the same object.
        value: the class or function.
    """

    name: str
    others: tuple[str, ...]
    value: type | object

    @property
    def namespace(self) -> str:
        """The namespace of its page's name."""
        return self.name.rpartition(".")[0]

    @property
    def docstring(self) -> str:
        """The docstring without its indentation."""
        return inspect.cleandoc(getattr(self.value, "__doc__", None) or "")


def names(namespace: ModuleType = kfront, path: str = "kfront") -> Iterator[tuple[str, object]]:
    """(full name, object) of every public class and function."""
    for name in dir(namespace):
        value = getattr(namespace, name)
        if name.startswith("_"):
            continue
        if not isinstance(value, ModuleType):
            yield f"{path}.{name}", value
        elif value.__name__.startswith("kfront"):
            yield from names(value, f"{path}.{name}")


def _rank(name: str, own: str) -> tuple[bool, int, str]:
    """The page of an object stands under its own name, as far up as there is one."""
    return name.rpartition(".")[2] != own, name.count("."), name


def entries() -> list[Entry]:
    """Every public object once, by the name of its page."""
    by_object: dict[int, list[str]] = defaultdict(list)
    objects: dict[int, object] = {}
    for name, value in names():
        by_object[id(value)].append(name)
        objects[id(value)] = value
    found = []
    for key, value in objects.items():
        first, *others = sorted(by_object[key], key=lambda n: _rank(n, getattr(value, "__name__", "")))
        found.append(Entry(first, tuple(others), value))
    return sorted(found)


def namespaces() -> dict[str, ModuleType]:
    """Every public namespace by its name."""
    found = {"kfront": kfront}
    for name, _ in names():
        value: ModuleType = kfront
        path = "kfront"
        for part in name.split(".")[1:-1]:
            path, value = f"{path}.{part}", getattr(value, part)
            found[path] = value
    return dict(sorted(found.items()))
