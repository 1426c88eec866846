"""Rows of the table of layers, and samples of the table of ops, as source that kfront and Keras both run."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import kfront
from kfront.core.op import OPS

from ..layers.row import Row
from ..layers.table import ROWS
from ..ops.entry import Sample, arrays_of, kind_of
from ..ops.samples import table
from .program import Make

__all__ = ["WITHOUT", "WITHOUT_OPS", "OpCall", "Recipe", "op_calls", "recipes"]

# layers that are not drawn, and why
WITHOUT = {
    "Lambda": "code, which files do not hold",
    "Layer": "a class of the suite, which Keras does not know",
    "RandAugment": "colours ask for three channels, eagerly only where they are drawn",
    "Wrapper": "the same",
    "Masking": "its masks are drawn: an entry is masked that has a zero",
    "MessagePassing": "Keras has no layers for graphs",
}
WITHOUT_OPS = {
    "empty_like": "its numbers are what happens to be in memory",
    **dict.fromkeys(("svd", "eigh", "eig"), "vectors may have either sign"),
    **dict.fromkeys(("digitize", "searchsorted"), "an operand must be in order, which drawn ones are not"),
    "lu_factor": "torch and TensorFlow refuse singular matrices, as padded data are",
}
_PUBLIC = {"GroupedQueryAttention": "GroupQueryAttention"}  # names in files, where they are others
_IGNORED = {"name", "trainable", "dtype"}


class Recipe(NamedTuple):
    """A row of the table of layers, as source."""

    row: Row
    make: Make


class OpCall(NamedTuple):
    """A sample of the table of ops: which op it calls, and how.

    Attributes:
        name: the op's public name.
        sample: the sample.
    """

    name: str
    sample: Sample


# ---- layers ----------------------------------------------------------------------------------------------------------


@functools.cache
def recipes() -> tuple[Recipe, ...]:
    """All rows that have a source."""
    out = []
    with kfront.backend_scope("numpy"):
        for row in ROWS:
            if row.layer not in WITHOUT and not row.layer.startswith("graph."):
                made = kfront.layers.serialize(row.make())
                try:
                    out.append(Recipe(row, layer_source(made)))
                except _NoSourceError:
                    continue
    return tuple(out)


class _NoSourceError(Exception):
    """An option that is code."""


def layer_source(config: dict[str, Any]) -> Make:
    """What makes a layer, given as its class and config: the options that are not what they are by default."""
    found = str(config["class_name"])
    name = _PUBLIC.get(found, found)
    cls = getattr(kfront.layers, name)
    options = {n: v for n, v in config["config"].items() if n not in _IGNORED}
    given = inspect.signature(cls.__init__).parameters.values()
    needed = [p.name for p in given if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]
    plain: dict[str, Any] = {p.name: p.default for p in given}
    with contextlib.suppress(ValueError):  # options of which one is needed
        plain |= cls(**{n: _value(options[n]) for n in needed}).get_config()
    chosen = {n: v for n, v in options.items() if n in needed or n not in plain or _unnamed(v) != _unnamed(plain[n])}
    return Make(f"L.{name}", tuple((n, _source(v)) for n, v in chosen.items()))


def _unnamed(value: Any) -> Any:
    """A value of a config without the names of layers, which count up."""
    if isinstance(value, dict):
        return {n: _unnamed(v) for n, v in value.items() if n not in ("name", "build_config")}
    return [_unnamed(v) for v in value] if isinstance(value, (list, tuple)) else value


def _value(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_value(v) for v in value]
    return kfront.saving.deserialize_keras_object(value) if isinstance(value, dict) else value


def _source(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return _object_source(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{n!r}: {_source(v)}' for n, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        ends = "[]" if any(isinstance(v, dict) for v in value) else "()"
        comma = "," if len(value) == 1 and ends == "()" else ""
        return f"{ends[0]}{', '.join(map(_source, value))}{comma}{ends[1]}"
    return repr(value)


def _object_source(value: dict[str, Any]) -> str:
    module = str(value.get("module"))
    if module == "keras.layers":
        return str(layer_source(value))
    if value["class_name"] == "DTypePolicy":
        return repr(value["config"]["name"])
    if not module.startswith("keras."):
        raise _NoSourceError(value["class_name"])
    options = {n: v for n, v in value["config"].items() if v is not None}
    return f"k.{module[6:]}.{value['class_name']}({', '.join(f'{n}={_source(v)}' for n, v in options.items())})"


# ---- ops -------------------------------------------------------------------------------------------------------------


@functools.cache
def op_calls() -> tuple[OpCall, ...]:
    """All samples of public ops in float32, int32 and bool whose arguments other than arrays are literals."""
    return tuple(OpCall(name, s) for name, s in _samples() if _drawable(s) and not _is_matrix(name, s))


def _is_matrix(name: str, sample: Sample) -> bool:
    """Whether the batch would be rows of a matrix to decompose: engines need to know how many there are."""
    return name in OPS and OPS[name].home == "linalg" and all(a.ndim < 3 for a in arrays_of(sample.args))


def _samples() -> Iterator[tuple[str, Sample]]:
    for name, entry in table().items():
        if (
            name not in WITHOUT_OPS
            and not entry.random
            and entry.compiles
            and (hasattr(kfront.ops, name) or hasattr(kfront.ops.image, name))
        ):
            yield from ((name, s) for s in entry.samples)


def _drawable(sample: Sample) -> bool:
    """Whether the first argument is an array with a batch, or a list of such arrays, and all are written down."""
    first = sample.args[0] if sample.args else None
    arrays: list[Any] = [*first] if isinstance(first, (list, tuple)) else [first]
    if not arrays or not all(isinstance(a, np.ndarray) and a.ndim >= 2 and a.size for a in arrays):
        return False
    rest = [v for v in (*sample.args[1:], *sample.kwargs.values()) if not isinstance(v, np.ndarray)]
    arrays += [v for v in (*sample.args[1:], *sample.kwargs.values()) if isinstance(v, np.ndarray)]
    if not all(kind_of(a) in ("float32", "int32", "bool") and np.isfinite(a).all() for a in arrays):
        return False
    return 0 in sample.batch and all(_literal(v) for v in rest)


def _literal(value: Any) -> bool:
    try:
        return ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError, TypeError):
        return False
