"""Public attributes and properties of an instance, and what its methods take: when new, when called or used."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

from ..acting import call, instance
from ..made import make
from ..normal import alike, normal
from ..probing import Facts, Probe, raised
from ..subjects import Subject

FAMILIES = ("layer", "object")
MOST = 2  # subjects of a name


def probes(subject: Subject) -> Iterator[Probe]:
    """What an instance shows of itself."""
    yield Probe("new", lambda package: attributes(package, instance(package, subject)))
    if subject.family == "layer":
        yield Probe("called", lambda package: _called(package, subject))
    elif subject.uses:
        yield Probe("used", lambda package: _used(package, subject))


def _called(package: Any, subject: Subject) -> Facts:
    layer = instance(package, subject)
    call(package, subject, layer)
    return attributes(package, layer)


def _used(package: Any, subject: Subject) -> Facts:
    memo: dict[int, Any] = {}
    one = make(package, subject.made, memo)
    for use in subject.uses:
        args, kwargs = make(package, (use.args, use.kwargs), memo)
        (getattr(one, use.method) if use.method else one)(*args, **kwargs)
    return attributes(package, one)


def attributes(package: Any, one: Any) -> Facts:
    """Public attribute -> its value; of a method what it takes."""
    out: Facts = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of attributes that are deprecated: none was asked for by name
        for name in dir(one):
            if name.startswith("_"):
                continue
            try:
                value = getattr(one, name)
            except Exception as error:
                out[name] = {"raises": raised(error, package)}
                continue
            method = callable(value) and callable(getattr(type(one), name, None))
            out[name] = {"method": _taken(value)} if method else alike(normal(value, package))
    return out


def _taken(method: Any) -> dict[str, list[str]]:
    """Arguments of a method: kind -> names; none where Python cannot tell."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return {}
    out: dict[str, list[str]] = {}
    for p in parameters:
        out.setdefault(p.kind.name, []).append(p.name)
    return out
