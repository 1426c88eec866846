"""Which classes and functions a file may name: kfront's own serializable ones, and what the user registered.

Nothing else resolves. A class of kfront that has a config is known by the namespace whose table lists it; a function,
or what Keras's files call otherwise, is registered by `@serializable(module)`. A user's class is registered by
`register_keras_serializable`, by `custom_object_scope`, or passed as `custom_objects`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kfront.core.errors import ArgumentError
from kfront.core.lazy import LAZY
from kfront.core.typing import CustomObjects

T = TypeVar("T")

BUILTIN: dict[tuple[str, str], object] = {}  # (Keras module, name) -> class or pure function, where no table tells
OWN_NAMESPACES = ("kfront.layers.graph",)  # those that Keras has not: files name them as they are
_custom: dict[str, object] = {}  # "package>Name" -> object
_custom_names: dict[int, tuple[object, str]] = {}  # id(object) -> (object, registered name)


def serializable(module: str | tuple[str, ...], name: str | None = None, *aliases: str) -> Callable[[T], T]:
    """Register one of kfront's own pure functions, or a class that files do not know by its public name.

    Args:
        module: the Keras module that files name, e.g. ``"keras.layers"``; a tuple for several modules.
        name: the name there; the object's own if None.
        aliases: other names it is read under.
    """
    modules = (module,) if isinstance(module, str) else module

    def decorate(obj: T) -> T:
        own = name or obj.__name__  # type: ignore[attr-defined]
        for m in modules:
            for n in (own, *aliases):
                BUILTIN[m, n] = obj
        obj._keras_identity = (modules[0], own)  # type: ignore[attr-defined]
        return obj

    return decorate


def unbound(cls: object) -> Any:
    """The class as its author wrote it, for a class bound to a backend, or derived from one by the engine (FSDP)."""
    return getattr(cls, "_kf_unbound", cls) if isinstance(cls, type) else cls


def public_identity(obj: object) -> tuple[str, str] | None:
    """(Keras module, name) of one of kfront's own classes or functions; None for anything else.

    A subclass of such a class is none by that.
    """
    obj = unbound(obj)
    found = getattr(obj, "__dict__", {}).get("_keras_identity")
    if found is None and isinstance(obj, type) and hasattr(obj, "get_config"):
        found = _listed(obj)
        if found is not None:
            obj._keras_identity = found  # type: ignore[attr-defined]
    return found


def _listed(cls: type) -> tuple[str, str] | None:
    """The namespace whose table lists a class, as Keras calls it, and the public name there."""
    namespace = cls.__module__
    while "." in namespace:
        target = f"{cls.__module__}:{cls.__name__}"
        public = [name for name, place in LAZY.get(namespace, {}).items() if place == target]
        if namespace == cls.__module__ and cls.__name__ in getattr(sys.modules[namespace], "__all__", ()):
            public = [cls.__name__]  # a module that is a namespace itself
        if public:
            module = namespace if namespace in OWN_NAMESPACES else namespace.replace("kfront", "keras", 1)
            return module, cls.__name__ if cls.__name__ in public else public[0]
        namespace = namespace.rpartition(".")[0]
    return None


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Register a class or function so that files may name it.

    Args:
        package: a prefix of your own.
        name: the name within the package; the object's own if None.

    Raises:
        ArgumentError: if a class has no `get_config`.

    Example:

    >>> import kfront
    >>> @kfront.saving.register_keras_serializable("my_package")
    ... class Double(kfront.layers.Layer):
    ...     def call(self, x):
    ...         return 2 * x
    """

    def decorate(obj: T) -> T:
        own = name if name is not None else obj.__name__  # type: ignore[attr-defined]
        if isinstance(obj, type) and not hasattr(obj, "get_config"):
            raise ArgumentError(
                f"[register_keras_serializable] expected {obj.__name__} to have `get_config`; define it, so that "
                "an object can be made again from its config."
            )
        key = f"{package}>{own}"
        _custom[key] = obj
        _custom_names[id(obj)] = (obj, key)
        return obj

    return decorate


def get_registered_name(obj: Any) -> str:
    """The registered name of a class or function.

    Args:
        obj: class or function.

    Returns:
        ``"package>Name"``; the object's own name if it was not registered.

    Example:

    >>> import kfront
    >>> @kfront.saving.register_keras_serializable("demo")
    ... def triple(x):
    ...     return 3 * x
    >>> kfront.saving.get_registered_name(triple)
    'demo>triple'
    """
    found = _custom_names.get(id(unbound(obj)))
    return found[1] if found is not None else obj.__name__


def is_registered(obj: object) -> bool:
    """Whether the user registered this very class or function."""
    return id(unbound(obj)) in _custom_names


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[dict[str, Any]] = []


_scopes = _Scopes()


class CustomObjectScope:
    """Context manager: loading inside resolves these names to the given classes and functions.

    Args:
        custom_objects: dict name -> class or function.

    Example:

    >>> import kfront
    >>> def triple(x):
    ...     return 3 * x
    >>> with kfront.saving.custom_object_scope({"triple": triple}):
    ...     kfront.activations.get("triple") is triple
    True
    """

    def __init__(self, custom_objects: CustomObjects) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        _scopes.stack.append(self.custom_objects)
        return self

    def __exit__(self, *exc: object) -> None:
        _scopes.stack.pop()


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, object]:
    """The registered objects of the process.

    Returns:
        A dict ``"package>Name"`` -> class or function, to which entries may be added.

    Example:

    >>> import kfront
    >>> def triple(x):
    ...     return 3 * x
    >>> kfront.saving.get_custom_objects()["triple"] = triple
    >>> kfront.activations.get("triple") is triple
    True
    >>> del kfront.saving.get_custom_objects()["triple"]
    """
    return _custom


def scoped_object(*names: str) -> Any:
    """The object of one of `names` in the innermost scope that has it, or None."""
    for scope in reversed(_scopes.stack):
        for n in names:
            if n in scope:
                return scope[n]
    return None


def get_registered_object(
    name: str, custom_objects: CustomObjects = None, module_objects: Mapping[str, object] | None = None
) -> Any:
    """The class or function of a registered name.

    Args:
        name: a registered name, ``"package>Name"`` or a plain name.
        custom_objects: looked at after scopes and registered objects.
        module_objects: looked at last.

    Returns:
        The object, or None if no source has the name.

    Example:

    >>> import kfront
    >>> def triple(x):
    ...     return 3 * x
    >>> kfront.saving.get_registered_object("triple", custom_objects={"triple": triple}) is triple
    True
    """
    found = scoped_object(name)
    for source in (_custom, custom_objects or {}, module_objects or {}):
        if found is None:
            found = source.get(name)
    return found
