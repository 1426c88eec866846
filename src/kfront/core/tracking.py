"""What a layer or model owns: variables, sublayers, metrics and seed generators among its attributes.

An owner keeps a `Tracker`. Setting an attribute records what it holds by kind; lists, dicts and tuples are searched,
and lists and dicts are replaced by subclasses that report their changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kfront.core.operators import VariableBase


class _Structure:
    """Counts the changes of all owners, so that what is made of them can be kept meanwhile.

    Attributes:
        version: changes of what they hold and of what is trained.
        changes: other attributes that were set.
    """

    __slots__ = ("changes", "version")

    def __init__(self) -> None:
        self.version = self.changes = 0


structure = _Structure()

PLAIN = frozenset((str, int, float, bool, type(None), bytes, type(lambda: 0), type))


class Tracker:
    """Records the tracked objects of one owner by attribute.

    Args:
        kind_of: gives the kind of an object ("variable", "layer", "metric", "seed"), or None.
        changed: called as ``changed(attribute, added, removed)`` with lists of (key, object).
    """

    _kf_of_run = frozenset({"_kinds"})  # not copied: made anew
    _kinds: dict[str, list[Any]] | None = None

    def __init__(self, kind_of: Callable[[Any], str | None], changed: Callable[..., None]) -> None:
        self.kind_of, self.changed = kind_of, changed
        self.items: dict[str, list[tuple[str, Any]]] = {}
        self.locked: str | None = None

    def track(self, attribute: str, value: object) -> Any:
        """Record what `value` holds; returns what to store as the attribute."""
        if type(value) in PLAIN:
            if attribute in self.items:
                self.forget(attribute)
            return value
        if self.kind_of(value) is not None:
            if attribute in self.items:
                self._file(attribute, [("", _identity(value))])
            else:
                self.items[attribute] = entry = [("", _identity(value))]
                self._kinds = None
                structure.version += 1
                self.changed(attribute, entry, ())
            return value
        if not isinstance(value, (list, dict, tuple)):
            if attribute in self.items:
                self.forget(attribute)
            return value
        found = list(self._search(value, ""))
        if type(value) in (list, dict) and not self.locked:
            value = _wrap(value, self, attribute)
        self._file(attribute, found)
        return value

    def refresh(self, attribute: str, value: object) -> None:
        """A tracked container changed."""
        self._file(attribute, list(self._search(value, "")))

    def added(self, attribute: str, key: object, value: object, container: object) -> None:
        """A tracked container has one more item, as its last; the others are not searched again."""
        found = list(self._search(value, str(key), (container,)))
        if not found:
            return
        entry = self.items.get(attribute, [])
        if found[0][0] in [k for k, _ in entry]:  # the container of a copy is filled, which has its tracker already
            self.refresh(attribute, container)
            return
        had = [id(x) for _, x in entry]
        self.items[attribute] = [*entry, *found]
        self._kinds = None
        structure.version += 1
        self.changed(attribute, [(k, x) for k, x in found if id(x) not in had], ())

    def forget(self, attribute: str) -> None:
        """The attribute is gone, or holds something else."""
        self._file(attribute, [])

    def _file(self, attribute: str, found: list[tuple[str, Any]]) -> None:
        old = self.items.get(attribute, [])
        if not old and not found:
            return
        keep = {id(x) for _, x in found}
        had = {id(x) for _, x in old}
        if found:
            self.items[attribute] = found
        else:
            self.items.pop(attribute, None)
        self._kinds = None
        structure.version += 1
        added = [(k, x) for k, x in found if id(x) not in had]
        self.changed(attribute, added, [(k, x) for k, x in old if id(x) not in keep])

    def _search(self, value: object, key: str, around: tuple[object, ...] = ()) -> Iterator[tuple[str, Any]]:
        """(key, object) of all that is tracked in a value; `around`: the containers that hold it, which it may hold."""
        if self.kind_of(value) is not None:
            yield key, _identity(value)
        elif isinstance(value, (dict, list, tuple)) and not any(value is x for x in around):
            for k, v in value.items() if isinstance(value, dict) else enumerate(value):
                yield from self._search(v, f"{key}.{k}" if key else str(k), (*around, value))

    def of_kind(self, kind: str) -> list[Any]:
        """Distinct tracked objects of a kind, in the order their attributes were set."""
        if self._kinds is None:
            self._kinds = {}
            seen: set[int] = set()
            for items in self.items.values():
                for _, x in items:
                    if id(x) not in seen:
                        seen.add(id(x))
                        self._kinds.setdefault(self.kind_of(x) or "", []).append(x)
        return self._kinds.get(kind, [])


def _identity(value: object) -> Any:
    """What is tracked for an attribute: the Variable, where an engine knows its storage as something else."""
    return value._handle if isinstance(value, VariableBase) else value


def _wrap(value: Any, tracker: Tracker, attribute: str) -> Any:
    out = TrackedList(value) if isinstance(value, list) else TrackedDict(value)
    out._tracker, out._attribute = tracker, attribute
    return out


def _reporting(base: type, name: str) -> Callable[..., Any]:
    original = getattr(base, name)
    one = (base, name) in ((list, "append"), (dict, "__setitem__"))  # adds one item at the end, if any

    def method(self: Any, *args: object, **kwargs: object) -> Any:
        size = len(self)
        out = original(self, *args, **kwargs)
        tracker = getattr(self, "_tracker", None)
        if tracker is not None:
            structure.changes += 1
            if one and len(self) > size:
                tracker.added(self._attribute, args[0] if len(args) > 1 else size, args[len(args) - 1], self)
            else:
                tracker.refresh(self._attribute, self)
        return out

    method.__name__, method.__doc__ = name, original.__doc__
    return method


class TrackedList(list):
    """A list that reports changes to its owner."""

    _tracker: Tracker | None = None
    _attribute: str = ""


class TrackedDict(dict):
    """A dict that reports changes to its owner; structures mapped from it are plain dicts."""

    _plain_copy = True

    _tracker: Tracker | None = None
    _attribute: str = ""


for _name in ("append", "extend", "insert", "pop", "remove", "clear", "__setitem__", "__delitem__", "__iadd__"):
    setattr(TrackedList, _name, _reporting(list, _name))
for _name in ("update", "pop", "popitem", "clear", "setdefault", "__setitem__", "__delitem__"):
    setattr(TrackedDict, _name, _reporting(dict, _name))
