"""The declared ops and the other public functions of `kfront.ops` and `kfront.random`.

`@op` and `@function` enter what they declare. Namespaces, stubs and the names in Keras's files are read from here, so
that a declaration is the only place that a new op needs; what is below `kfront.ops` (operators of symbolic tensors
and Variables, transforms) reaches its functions through `ops`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kfront.core.errors import ArgumentError

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
        function: Callable[..., object],
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

    @property
    def call_names(self) -> tuple[str, ...]:
        """The arguments of a node of a graph, in order; a name that starts with ``*`` takes all the rest.

        The first parameter where a file has none, and where the function names its tensors otherwise.
        """
        parameters = list(inspect.signature(self.function).parameters)
        names = self.call_args or (parameters[0],)
        return names if names[0].startswith("*") or names[0] in parameters else (parameters[0], *names[1:])

    def options(self, args: Sequence[object], named: Mapping[str, object]) -> dict[str, Any]:
        """The arguments of the function that are none of its node's, from those that are given and the defaults."""
        parameters = inspect.signature(self.function).parameters
        own = [p for n, p in parameters.items() if n not in {c.lstrip("*") for c in self.call_names}]
        given = {p.name: p.default for p in own if p.default is not p.empty}
        return {**given, **dict(zip([p.name for p in own], args, strict=False)), **named}

    def apply(self, args: Sequence[object], named: dict[str, Any]) -> Any:
        """Call the function with arguments as a node of a graph lists them."""
        fn, names = self.function, self.call_names
        if names[0].startswith("*"):
            before = [named.pop(n) for n in _positional(fn) if n in named]
            return fn(*before, *args, **named)
        if names[-1].startswith("*"):
            return fn(*args, **named)
        if len(args) > len(names):
            raise ArgumentError(f"[{self.name}] expected at most {len(names)} call arguments, got {len(args)}.")
        return fn(**named, **dict(zip(names, args, strict=False)))


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


def members(namespace: str) -> dict[str, Callable[..., object]]:
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


def declared(name: str) -> Declared:
    """What was declared under a name, which may be an alias."""
    return _by_name()[name]


def _positional(fn: Callable[..., object]) -> list[str]:
    """The parameters in front of ``*args``."""
    parameters = inspect.signature(fn).parameters.values()
    return [p.name for p in itertools.takewhile(lambda p: p.kind is not p.VAR_POSITIONAL, parameters)]


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
