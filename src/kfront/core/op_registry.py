"""The declared ops and the other public functions of `kfront.ops` and `kfront.random`.

`@op` and `@function` enter what they declare. Namespaces, stubs and the names in Keras's files are read from here, so
that a declaration is the only place that a new op needs; what is below `kfront.ops` (operators of symbolic tensors
and Variables, transforms) reaches its functions through `ops`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from kfront.core.op import Op

F = TypeVar("F", bound=Callable[..., Any])

# `home` of a declaration, which is Keras's module of that name -> the namespaces in which the function appears
NAMESPACES: dict[str, tuple[str, ...]] = {
    "numpy": ("kfront.ops", "kfront.ops.numpy"),
    "nn": ("kfront.ops", "kfront.ops.nn"),
    "linalg": ("kfront.ops", "kfront.ops.linalg"),
    "image": ("kfront.ops.image",),
    "core": ("kfront.ops",),
    "math": ("kfront.ops",),
    "einops": ("kfront.ops",),
    "random": ("kfront.random",),
}


OPS: dict[str, Op] = {}  # every declared op by its name
CATALOG: list[Declared] = []  # every declared function


class Declared:
    """A declared function, and where it appears.

    Attributes:
        name: its name.
        function: what users call.
        home: a key of `NAMESPACES`; None if it is private.
        aliases: its other public names.
        call_args: arguments that a node of a graph in a file lists in order, the others are in the op's config; a
            name that starts with ``*`` takes all the rest. Empty: such a graph cannot have it.
        class_name: the class that a file names; the name in camel case unless Keras has another.
    """

    name: str

    def declare(
        self,
        function: Callable[..., Any],
        home: str | None,
        aliases: Sequence[str],
        call_args: Sequence[str],
        class_name: str | None,
    ) -> None:
        """Put it into the catalog; the arguments are the attributes."""
        self.function, self.home = function, home
        self.aliases, self.call_args = tuple(aliases), tuple(call_args)
        self.class_name = class_name or _camel(self.name)
        CATALOG.append(self)

    @property
    def file_names(self) -> list[tuple[str, str]]:
        """(module, class) as Keras's files name it, then those of its aliases; none if files cannot have it."""
        if self.home in (None, "random") or not self.call_args:
            return []
        return [(f"keras.src.ops.{self.home}", found) for found in (self.class_name, *map(_camel, self.aliases))]


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def function(
    home: str, aliases: Sequence[str] = (), call_args: Sequence[str] = (), class_name: str | None = None
) -> Callable[[F], F]:
    """Declare a public function that is no op itself, such as one that only calls ops.

    Args:
        home: as for `Declared`; so are the others.
        aliases: other public names.
        call_args: arguments in a graph's node; none if no file has it.
        class_name: the class in Keras's files.
    """

    def decorate(fn: F) -> F:
        one = Declared()
        one.name = fn.__name__
        one.declare(fn, home, aliases, call_args, class_name)
        return fn

    return decorate


def members(namespace: str) -> dict[str, Callable[..., Any]]:
    """The public functions of a namespace by their names, sorted.

    Args:
        namespace: such as ``"kfront.ops.nn"``.
    """
    found = {
        name: one.function
        for one in CATALOG
        if one.home is not None and namespace in NAMESPACES[one.home]
        for name in (one.name, *one.aliases)
    }
    return dict(sorted(found.items()))


@functools.cache
def _by_name() -> dict[str, Declared]:
    importlib.import_module("kfront.ops")  # by its name, when it is first needed: it is a higher layer
    return {name: one for one in CATALOG for name in (one.name, *one.aliases)}


@functools.cache
def ops_in_files() -> dict[tuple[str, str], str]:
    """(module, class) as Keras's files name recorded ops -> the op's name."""
    return {where: one.name for one in _by_name().values() for where in one.file_names}


def class_of(op: str) -> tuple[str, str] | None:
    """(module, class) under which Keras's files name a recorded op; None if none can."""
    one = _by_name().get(op)
    return one.file_names[0] if one is not None and one.file_names else None


def call_names(op: str, default: str) -> tuple[str, ...]:
    """The arguments of a node of a graph, in order; a name that starts with ``*`` takes all the rest.

    Args:
        op: the op's name.
        default: the first parameter, for functions that no file has.
    """
    return _by_name()[op].call_args or (default,)


def fill(namespace: dict[str, Any], *others: str) -> tuple[list[str], Callable[[], list[str]]]:
    """Put the public functions of a module into it.

    Args:
        namespace: the module's `globals()`.
        *others: what it has already that is public too, such as modules.

    Returns:
        Its `__all__` and `__dir__`.
    """
    found = members(namespace["__name__"])
    namespace.update(found)
    public = sorted([*found, *others])
    return public, lambda: list(public)


class _Ops:
    """The functions of `kfront.ops` as attributes; each is looked up when it is first called, without an import."""

    def __getattr__(self, name: str) -> Any:
        importlib.import_module("kfront.ops")
        found = members("kfront.ops").get(name)
        if found is None:
            raise AttributeError(f"[ops] expected the name of an op, got {name!r}.")
        setattr(self, name, found)
        return found


ops = _Ops()
