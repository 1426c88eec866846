"""Which kinds of probes there are, and the probes of a subject."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import inspect
import types

from .probing import Probe
from .subjects import subjects

__all__ = ["KINDS", "kind", "probes_of", "stamp"]

KINDS = (
    "attributes",
    "config",
    "weights",
    "options",
    "masks",
    "inputs",
    "dtypes",
    "symbolic",
    "errors",
    "overrides",
    "quantized",
)
FORM = 3  # raised when facts are written in another form: what is kept is then asked again


def kind(name: str) -> types.ModuleType:
    """The module of a kind of probes."""
    return importlib.import_module(f"{__package__}.kinds.{name}")


@functools.cache
def probes_of(kind_name: str, subject_name: str) -> dict[str, Probe]:
    """Label -> probe, of all subjects of a public name."""
    module = kind(kind_name)
    out = {}
    of_kind = [s for s in subjects()[subject_name] if s.family in module.FAMILIES]
    for subject in of_kind[: module.MOST]:
        for probe in module.probes(subject):
            out[f"{subject.tag}/{probe.label}"] = probe
    return out


@functools.cache
def _code(kind_name: str) -> str:
    """What a kind does, whatever its format and its comments."""
    return ast.dump(ast.parse(inspect.getsource(kind(kind_name))))


def stamp(kind_name: str, subject_name: str) -> str:
    """Changes when what is asked does: the code of the kind, and the subjects as they are written."""
    asked = [(s.tag, repr(s.made), repr(s.uses), s.random) for s in subjects()[subject_name]]
    return hashlib.sha256(
        f"{FORM}{_code(kind_name)}{asked}{list(probes_of(kind_name, subject_name))}".encode()
    ).hexdigest()[:24]
