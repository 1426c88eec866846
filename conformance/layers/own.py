"""Layers from elsewhere: the checks of layers on the classes of modules that `--layers` names.

A module may have rows, made by `row`, in a list called `CONFORMANCE`. A class without a row is made without arguments
and called on a batch of floats of the first shape that it takes.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any

import kfront
from kfront.backends import get
from kfront.errors import KfrontError

from ..suite import Case
from . import table
from .row import Row, row, x

__all__ = ["cases", "rows_of"]

SHAPES = ((4,), (5, 4), (6, 5, 4))  # of a sample


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """All checks of each row of the modules in `KFRONT_LAYERS`."""
    trainable = [b for b in backends if get(b).trainable]
    for name in filter(None, os.environ.get("KFRONT_LAYERS", "").split(",")):
        module = importlib.import_module(name)
        classes = _classes(module)
        first: set[str] = set()
        for found in rows_of(module):
            if isinstance(found, str):
                yield Case("own_layers", f"{found}/has a row", "all", lambda m=name, c=found: _missing(m, c))
                continue
            head = found.layer not in first
            first.add(found.layer)
            for backend in backends:
                for case in table._of_row(
                    found, backend, trainable, head, compiles=not quick or head, dtypes=not quick
                ):
                    yield case._replace(area="own_layers", check=_knowing(classes, case.check))


def rows_of(module: Any) -> Iterator[Row | str]:
    """The rows of a module's layers; the name of a class for which none was found."""
    given = list(getattr(module, "CONFORMANCE", ()))
    yield from given
    for name, cls in _classes(module).items():
        if name not in {r.layer for r in given}:
            yield _guessed(name, cls) or name


def _classes(module: Any) -> dict[str, Any]:
    """The public layers that are defined in a module or in what is below it."""
    found = inspect.getmembers(module, lambda v: isinstance(v, type) and issubclass(v, kfront.Layer))
    return {n: c for n, c in found if not n.startswith("_") and (c.__module__ + ".").startswith(module.__name__ + ".")}


def _guessed(name: str, cls: Any) -> Row | None:
    with kfront.backend_scope("numpy"):
        for shape in SHAPES:
            try:
                cls()(kfront.Input(shape))
            except (KfrontError, ValueError, TypeError, IndexError):
                continue
            return row(name, "no arguments", cls, x(*shape))
    return None


def _missing(module: str, name: str) -> None:
    raise AssertionError(
        f"[{name}] expected a layer that is made without arguments and takes floats of shape {SHAPES[0]}, "
        f"{SHAPES[1]} or {SHAPES[2]}, or rows in {module}.CONFORMANCE; write one, see docs/new_backend.md."
    )


def _knowing(classes: dict[str, Any], check: Callable[[], Any]) -> Callable[[], Any]:
    """The check, in which files may name the classes."""

    def run() -> Any:
        with contextlib.ExitStack() as stack:
            stack.enter_context(kfront.saving.custom_object_scope(classes))
            return check()

    return run
