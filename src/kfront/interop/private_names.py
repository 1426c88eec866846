"""Private modules of Keras, `keras.src.…`, that published programs import, and what of kfront stands for each name.

kfront has no copy of that tree. A module `keras.src.a.b.c` of `private_modules.txt` offers the public names of the
nearest namespace above it (`keras.src.layers.core.dense` those of `kfront.layers`), and what `private_names.txt` lists
for it. Classes of operations (`keras.src.ops.numpy.Add`) are those that record the declared ops in graphs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.resources
import importlib.util
import inspect
import operator
from types import ModuleType
from typing import Any, ClassVar

from kfront.backends import backend_scope
from kfront.core.op_registry import declared, ops_in_files
from kfront.core.operation import op_class

LAZY = ("tensorflow", "jax", "torch", "numpy", "scipy", "sklearn", "matplotlib")  # libraries as lazy modules

ROOT = "keras.src"
ENGINES = ("jax", "tensorflow", "torch")  # `keras.src.backend.tensorflow.nn` has the ops, on that engine


_SHORT = {name: f"kfront.interop.{full}" for name, full in (("helpers", "private_helpers"), ("testing", "testing"))}


def _lines(file: str) -> list[list[str]]:
    text = importlib.resources.files("kfront.interop").joinpath(file).read_text("utf-8")
    return [line.split(":") for line in text.splitlines() if not line.startswith("#")]


@functools.cache
def modules() -> dict[str, list[str]]:
    """Package below `keras.src` -> its modules.

    Names in this table are modules; others, as names of functions that kfront has not, are import errors, which
    programs that try one place after another rely on.
    """
    return {package: names.split() for package, names in _lines("private_modules.txt")}


@functools.cache
def private() -> dict[str, dict[str, tuple[str, str]]]:
    """Module below `keras.src` -> its private names -> the module of kfront and the attribute, "" for the module."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for module, place, names in _lines("private_names.txt"):
        for name in names.split():
            own, other, theirs = name.partition("=")
            found.setdefault(module, {})[own] = _SHORT.get(place.strip(), place.strip()), theirs if other else own
    return found


def _on_engine(engine: str | None, op: Any) -> Any:
    """The op on that engine, whichever is current: programs prepare data with TensorFlow beside another engine."""
    if engine is None or not inspect.isfunction(op):
        return op

    @functools.wraps(op)
    def call(*args: object, **kwargs: object) -> Any:
        with backend_scope(engine):
            return op(*args, **kwargs)

    return call


# ---- modules -------------------------------------------------------------------------------------------------------


def stands_for(inner: str) -> bool:
    """Whether there is a module `keras.src.<inner>`."""
    package, _, name = inner.rpartition(".")
    return name in modules().get(package, ()) and (not package or stands_for(package))


class PrivateModule(ModuleType):
    """A module `keras.src.…`: names of the table, else public ones of the nearest namespace of kfront."""

    __path__: ClassVar[list[str]] = []

    @property
    def _kf_inner(self) -> str:
        return self.__name__[len(ROOT) + 1 :]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        if name in (rows := private().get(self._kf_inner, {})):
            module, attribute = rows[name]
            found = importlib.import_module(module)
            return operator.attrgetter(attribute)(found) if attribute else found
        recorded = ops_in_files().get((self.__name__, name))
        if recorded is not None:
            return op_class(declared(recorded))
        if stands_for(f"{self._kf_inner}.{name}".lstrip(".")):
            return importlib.import_module(f"{self.__name__}.{name}")
        for namespace in self._namespaces():
            if name in dir(namespace):
                return _on_engine(self._engine, getattr(namespace, name))
        raise AttributeError(
            f"module {self.__name__!r} is private to Keras; kfront has its public names and a few more, and "
            f"{name!r} is not among them."
        )

    @property
    def _engine(self) -> str | None:
        """The engine whose ops the module has, None for a module of all engines."""
        return next((e for e in ENGINES if f"{self._kf_inner}.".startswith(f"backend.{e}.")), None)

    def _namespaces(self) -> list[ModuleType]:
        """Public namespaces from the nearest up to the root."""
        parts = self._kf_inner.split(".") if self._kf_inner else []
        if self._engine:
            own = {"random": ["kfront.random"]} | {n: [f"kfront.ops.{n}"] for n in ("image", "linalg", "nn", "numpy")}
            return [importlib.import_module(name) for name in (*own.get(parts[-1], ()), "kfront.ops")]
        found = []
        for count in range(len(parts), -1, -1):
            name = ".".join(["kfront", *parts[:count]]).replace("kfront.legacy.", "kfront._legacy.")
            try:
                if count == 0 or importlib.util.find_spec(name) is not None:
                    found.append(importlib.import_module(name))
            except ModuleNotFoundError:
                continue
        return found

    def __dir__(self) -> list[str]:
        return sorted({*private().get(self._kf_inner, ()), *dir(self._namespaces()[0])})
