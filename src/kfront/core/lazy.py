"""Namespaces that load on first use: a table of public names, an exact `dir()`, nothing imported before it is needed.

A namespace's `__init__.py` is a docstring and one table:

    from kfront.core.lazy import lazy_namespace, names

    __getattr__, __dir__, __all__ = lazy_namespace(
        __name__,
        {
            "Dense": ".dense",                                # kfront.layers.dense.Dense
            **names(".conv", "Conv1D Conv2D Conv3D"),         # several from one module
            **names(".conv", "Convolution2D=Conv2D"),         # another name in that module
            "Input": "kfront.models.graph",                   # a full module path works too
        },
        submodules="wrappers",                                # public modules inside this one
    )

`python tools/stubs.py` writes the `__init__.pyi` that type checkers read from the same table.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from kfront.core.errors import nearest

# namespace -> {public name: "module:attribute"}; a public submodule has an empty attribute
LAZY: dict[str, dict[str, str]] = {}


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """No garbage collection while modules are imported: they make no garbage, and a collection visits every object."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def names(module: str, public: str) -> dict[str, str]:
    """Table rows for several names of one module.

    Args:
        module: the module, absolute or starting with a dot.
        public: the names, separated by blanks; ``public=own`` where the module has it under another name.

    Example:

    >>> names(".conv", "Conv1D Convolution1D=Conv1D")
    {'Conv1D': '.conv', 'Convolution1D': '.conv:Conv1D'}
    """
    pairs = [text.split("=") for text in public.split()]
    return {pair[0]: ":".join([module, *pair[1:]]) for pair in pairs}


def lazy_namespace(
    name: str, table: Mapping[str, str], submodules: str = ""
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a namespace.

    Args:
        name: `__name__` of the package or module.
        table: public name -> the module that defines it (`".dense"`, `"kfront.core.spec"`), with `":other"` behind it
            where the name there is another.
        submodules: names of modules inside the package that are public themselves, separated by blanks.

    Returns:
        The three objects, to be assigned in the namespace's module under their names.

    Raises:
        ImportError: a public name is also the name of the submodule that defines it: importing that module would
            hide the public object.
    """
    rows: dict[str, str] = {sub: f"{name}.{sub}:" for sub in submodules.split()}
    for public, target in table.items():
        module, _, attribute = target.partition(":")
        module = name + module if module.startswith(".") else module
        if module == f"{name}.{public}":
            raise ImportError(f"[{name}] the module {module} would hide its own public name; rename the module.")
        rows[public] = f"{module}:{attribute or public}"
    public_names = sorted(rows)
    LAZY[name] = rows

    def __getattr__(attribute: str) -> Any:
        target = rows.get(attribute)
        if target is None:
            # `name`, or Python adds a hint of its own
            raise AttributeError(_no_attribute(name, attribute, public_names), name=attribute)
        module, _, inner = target.partition(":")
        with without_collections():
            value: object = importlib.import_module(module)
        if inner:
            value = getattr(value, inner)
        setattr(sys.modules[name], attribute, value)
        return value

    def __dir__() -> list[str]:
        return list(public_names)

    return __getattr__, __dir__, public_names


def public_members(*modules: ModuleType) -> dict[str, Any]:
    """What the table of a namespace names in some of its modules, by the names in the module.

    Args:
        modules: modules of one package, which is a lazy namespace.

    Returns:
        A dict name -> class or function.

    Example:

    >>> from kfront.initializers import fixed
    >>> list(public_members(fixed))
    ['Constant', 'Identity', 'Ones', 'STFT', 'Zeros']
    """
    targets = [target.partition(":") for target in LAZY[str(modules[0].__package__)].values()]
    return {name: getattr(m, name) for m in modules for home, _, name in targets if home == m.__name__}


def _no_attribute(name: str, attribute: str, public_names: list[str]) -> str:
    message = f"module {name!r} has no attribute {attribute!r}"
    if attribute.startswith("_"):
        return message
    hint = nearest(attribute, public_names)
    return f"{message}; {hint}" if hint else message
