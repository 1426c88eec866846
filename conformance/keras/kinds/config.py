"""`get_config`, and what `from_config` takes: the config itself, one without a key, one with a key too many."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from ..acting import instance
from ..normal import normal
from ..probing import Facts, Probe, raised
from ..subjects import Subject

FAMILIES = ("layer", "object")
MOST = 2  # subjects of a name


def probes(subject: Subject) -> Iterator[Probe]:
    """Configs of an instance."""
    yield Probe("config", lambda package: _config(package, subject))
    yield Probe("loads", lambda package: _loads(package, subject))


def _config(package: Any, subject: Subject) -> Facts:
    one = instance(package, subject)
    config = one.get_config()
    again = type(one).from_config(_copy(config)).get_config()
    facts = {f"key {name}": _value(value, package) for name, value in config.items()}
    return {**facts, "again": _value(again, package) == _value(config, package)}


def _value(value: Any, package: Any) -> Any:
    """A value as a file would hold it: tuples and lists are the same, and objects their configs."""
    if isinstance(value, (list, tuple)):
        return [_value(v, package) for v in value]
    if isinstance(value, dict):
        return {str(k): _value(v, package) for k, v in value.items()}
    if hasattr(value, "get_config") and not inspect.isclass(value):
        return _value(package.saving.serialize_keras_object(value), package)
    return normal(value, package)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if type(value) is list else value


def _loads(package: Any, subject: Subject) -> Facts:
    """Whether `from_config` takes configs that lack a key, and one with a key that is unknown."""
    cls = attrgetter(subject.made.path)(package)
    config = instance(package, subject).get_config()
    changed = {f"without {key}": {k: v for k, v in config.items() if k != key} for key in config}
    return {what: _taken(package, cls, c) for what, c in {**changed, "unknown": {**config, "wibble": 1}}.items()}


def _taken(package: Any, cls: Any, config: dict[str, Any]) -> Any:
    try:
        cls.from_config(_copy(config))
    except Exception as error:
        return {"raises": raised(error, package)}
    return "taken"
