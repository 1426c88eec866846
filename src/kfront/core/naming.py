"""Names: automatic ones (`dense`, `dense_1`), name scopes, paths."""

from __future__ import annotations

import functools
import re
import threading
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from kfront.core.errors import ArgumentError

_LONGEST = 256  # characters of a path that expressions are matched with
_counts: dict[str, int] = defaultdict(int)
_lock = threading.Lock()


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[str, Any]] = []


_scopes = _Scopes()


@functools.cache
def to_snake_case(name: str) -> str:
    """``"MaxPooling2D"`` -> ``"max_pooling2d"``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """`name`, or `name_1`, `name_2` … when it is in use already."""
    with _lock:
        count = _counts[name]
        _counts[name] += 1
    return f"{name}_{count}" if count else name


def auto_name(prefix: str) -> str:
    """The next automatic name for a class or function name."""
    return uniquify(to_snake_case(prefix))


def get_uid(prefix: str = "") -> int:
    """A number that grows by one with each call for this prefix, from 1.

    Args:
        prefix: a string; each has its own count, which automatic names use as well.

    Returns:
        An int.

    Example:

    >>> import kfront
    >>> first = kfront.backend.get_uid("sample")
    >>> kfront.backend.get_uid("sample") - first
    1
    """
    with _lock:
        _counts[prefix] += 1
        return _counts[prefix]


def clear_names() -> None:
    """Reset the counts of automatic names, and leave open scopes."""
    with _lock:
        _counts.clear()
    _scopes.stack = []


class name_scope:
    """Context manager: variables created inside get paths that start with `name`.

    Args:
        name: one part of a path, without ``/``.
        caller: the object that opens the scope.
        deduplicate: whether a scope is left out that the same `caller` has opened last, under the same name.
        override_parent: parts joined by ``/`` that stand before `name` in place of the open scopes.

    Raises:
        ArgumentError: `name` is no string, or contains ``/``.

    Example:

    >>> import kfront
    >>> with kfront.name_scope("encoder"):
    ...     kfront.Variable([0.0], name="scale").path
    'encoder/scale'
    """

    def __init__(
        self, name: str, caller: object = None, deduplicate: bool = True, override_parent: str | None = None
    ) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError(f"[name_scope] expected a string without '/', got {name!r}.")
        self.name, self.caller, self.deduplicate, self.override_parent = name, caller, deduplicate, override_parent
        self._outer: list[list[tuple[str, Any]]] = []  # of each time that it is open

    def __enter__(self) -> name_scope:
        outer, parent = _scopes.stack, self.override_parent
        self._outer.append(outer)
        around = outer if parent is None else [(part, None) for part in parent.split("/") if part]
        same = around and self.caller is not None and around[-1][1] is self.caller and around[-1][0] == self.name
        _scopes.stack = around if same and self.deduplicate else [*around, (self.name, self.caller)]
        return self

    def __exit__(self, *exc: object) -> None:
        _scopes.stack = self._outer.pop()


def current_path() -> str:
    """The open name scopes joined by ``/``."""
    return "/".join([name for name, _ in _scopes.stack])


def matching(who: str, patterns: Collection[str], path: str) -> str | None:
    """The one of several patterns that stands for a path: the path itself, or the expression that matches it, or None.

    Args:
        who: the name for messages.
        patterns: paths, or regular expressions for whole paths.
        path: parts joined by ``/``; expressions match up to 256 characters, for files bring both.

    Raises:
        ArgumentError: several expressions match.
    """
    if path in patterns:
        return path
    if len(path) > _LONGEST:
        return None
    found = [pattern for pattern in patterns if re.fullmatch(pattern, path)]
    if len(found) > 1:
        raise ArgumentError(
            f"[{who}] expected at most one key that matches {path!r}, got {found}; make them narrower, or use the "
            "path itself, which comes first."
        )
    return found[0] if found else None


def owners() -> list[Any]:
    """The objects that hold the open name scopes, the innermost first."""
    return [caller for _, caller in reversed(_scopes.stack) if caller is not None]
