"""What parts of the audit found, on disk: a run goes on where others stopped, and runs again what was changed since.

A part is a kind and a name on an engine. Its record holds until the question changes, the way answers are compared, or
the modules that define the name; a change elsewhere is told, not acted on, as every part would have to run again.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

import kfront

from . import acting, compare, normal, probing
from .answers import version_of_keras
from .tables import stamp

__all__ = ["Record", "differences_of", "folder", "records"]

Found = list[tuple[str, str]]


class Record(NamedTuple):
    """What a part found.

    Attributes:
        stamp: changes when the part has to run again.
        version: of kfront as a whole.
        seconds: how long the part took.
        differences: `audit.found` of it.
    """

    stamp: str
    version: str
    seconds: float
    differences: Found


def folder() -> pathlib.Path | None:
    """Where records are, that of `--record`; None without it."""
    given = os.environ.get("KFRONT_RECORD")
    return pathlib.Path(given) if given else None


def differences_of(engine: str, kind: str, name: str, find: Callable[[], Iterable[tuple[str, str]]]) -> Found:
    """The differences of a part: those that are recorded, or those that `find` finds now."""
    if (home := folder()) is None:
        return list(find())
    path, asked = home / engine / kind / f"{name}.json", stamp_of(kind, name)
    if path.exists() and (kept := _read(path)).stamp == asked:
        return kept.differences
    start = time.perf_counter()
    found = list(find())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(Record(asked, version(), time.perf_counter() - start, found)._asdict()))
    return found


def records(engines: Iterable[str]) -> list[Record]:
    """All records of some engines."""
    home = folder()
    return [_read(path) for e in engines for path in sorted((home / e).glob("*/*.json"))] if home else []


def _read(path: pathlib.Path) -> Record:
    kept = json.loads(path.read_text())
    return Record(**{**kept, "differences": [(where, text) for where, text in kept["differences"]]})


def stamp_of(kind: str, name: str) -> str:
    """Changes with the question, Keras, the comparison, and the modules of kfront that define a name."""
    found = attrgetter(name)(kfront)
    classes = inspect.getmro(found) if isinstance(found, type) else (found,)
    modules = {c.__module__ for c in classes if c.__module__.partition(".")[0] == "kfront"}
    about = (version_of_keras(), stamp(kind, name), _source(normal.__name__))
    return _digest([*about, *(_source(m.__name__) for m in (acting, compare, probing)), *map(_source, sorted(modules))])


@functools.cache
def _source(module: str) -> str:
    return inspect.getsource(sys.modules[module])


@functools.cache
def version() -> str:
    """Changes with any module of kfront."""
    return _digest(p.read_text() for p in sorted(pathlib.Path(kfront.__file__).parent.rglob("*.py")))


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
