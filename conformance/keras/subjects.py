"""What is probed: public classes and functions with typical arguments, those of layers from `conformance.layers`."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..layers import (
    rows_adaptive_and_wrapped,
    rows_basic,
    rows_graph,
    rows_image_color,
    rows_image_geometry,
    rows_preprocessing,
    rows_sequence,
    rows_spatial,
)
from ..ops.entry import kind_of
from ..ops.samples import table as ops_table
from .made import Made, k

__all__ = ["Subject", "Use", "subjects"]

_MODULES: tuple[types.ModuleType, ...] = (
    *(rows_basic, rows_spatial, rows_sequence, rows_adaptive_and_wrapped, rows_graph, rows_preprocessing),
    *(rows_image_geometry, rows_image_color),
)
UNSET = ("empty", "empty_like")  # whose values are what the memory held
DTYPES = ("float32", "int32", "bool")  # of samples of ops; the area `keras_values` has the others


class Use(NamedTuple):
    """A call of an instance: the method ("" for the instance itself) and the arguments."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012


class Subject(NamedTuple):
    """A public name with typical arguments.

    Attributes:
        name: the public name.
        tag: tells its subjects apart.
        made: the call that makes an instance, or the call of the function.
        uses: what is done with the instance.
        family: "layer", "object", "function", or "model", of which only overrides are looked at.
        random: whether results are drawn.
    """

    name: str
    tag: str
    made: Made
    uses: tuple[Use, ...]
    family: str
    random: bool = False

    @property
    def id(self) -> str:
        """A unique name."""
        return f"{self.name}({self.tag})"


@functools.cache
def subjects() -> dict[str, list[Subject]]:
    """Public name -> its subjects, the most usual first."""
    from .table import OBJECTS

    out: dict[str, list[Subject]] = {}
    for one in (*_layers(), *OBJECTS, *_ops()):
        out.setdefault(one.name, []).append(one)
    return out


# ---- layers ----------------------------------------------------------------------------------------------------------


def _layers() -> Iterator[Subject]:
    for module in _MODULES:
        with _recording(module):
            for row in module.ROWS:
                call = dict(row.call)
                if "own class" not in row.tag and not row.layer.startswith(("graph.", "Lambda")):
                    yield from _subject(f"layers.{row.layer}", row.tag, row.make, row.args, call, row.random)
            for row in getattr(module, "HOST_ROWS", ()):
                inputs = row.inputs if not isinstance(row.inputs, tuple) else list(row.inputs)
                yield from _subject(f"layers.{row.layer}", row.tag, row.make, (inputs,), {}, False)


def _subject(name: str, tag: str, make: Any, args: Any, kwargs: Any, random: bool) -> Iterator[Subject]:
    try:
        made = make()
    except TypeError:  # it does more than to call a class
        return
    if isinstance(made, Made) and made.path == name:
        yield Subject(name, tag, made, (Use("", args, kwargs),), "layer", random)


class _recording:
    """In a module of rows, kfront and its layers are names whose calls are written down."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module
        self.before = {n: vars(module)[n] for n in ("kfront", "L") if n in vars(module)}

    def __enter__(self) -> None:
        vars(self.module).update({n: k.layers if n == "L" else k for n in self.before})

    def __exit__(self, *_: object) -> None:
        vars(self.module).update(self.before)


# ---- ops -------------------------------------------------------------------------------------------------------------


def _ops() -> Iterator[Subject]:
    """Up to two ordinary samples of each public op whose entry calls it alone."""
    from kfront import ops

    from ..ops.table_control import CALLS

    public = {n for n in dir(ops) if inspect.isfunction(getattr(ops, n, None)) or callable(getattr(ops, n))}
    for name, entry in ops_table().items():
        path = f"ops.{name}" if name in public else f"ops.image.{name}" if name in dir(ops.image) else ""
        if not path or name in CALLS:
            continue
        for sample in [s for s in entry.samples if _plain(s)][:2]:
            unset = entry.random or name in UNSET
            yield Subject(path, sample.label, Made(path, sample.args, sample.kwargs), (), "function", unset)


def _plain(sample: Any) -> bool:
    from ..ops.entry import arrays_of

    arrays = arrays_of((sample.args, sample.kwargs))
    return all(kind_of(a) in DTYPES for a in arrays) and all(np.all(np.isfinite(a)) for a in arrays)
