"""Variables on arrays, and layers as `mlx.nn.Module`s.

A module is a dict: what stands in it is what `parameters()`, `update()`, optimizers and `mx.compile` see. So a Variable
of a layer has its array there, in the *home* that it was given, and nowhere else: a new array that MLX puts into the
dict is the Variable's value at once.

What `mx.compile` and `mx.vmap` trace must leave no traced arrays behind. A `Journal` notes which Variables are assigned
inside, so that their new values can be returned as results, and puts the old ones back.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import mlx.core as mx
import mlx.nn
import numpy as np

from kfront.core.dtypes import FLOATS
from kfront.core.state import state
from kfront.core.variable import Variable
from kfront_mlx.common import canonical, lift


class _Local(threading.local):
    entries: dict[int, tuple[Any, mx.array]] | None = None  # Variables assigned in the innermost journal
    reads: dict[int, Any] | None = None  # Variables read while a step is traced
    traced: int = 0  # how many transforms around have arrays without values


local = _Local()


class MlxVariable(Variable):
    """A Variable whose array is an item of a dict or list: its layer's, or one of its own."""

    _home: Any
    _key: Any = "value"

    @property
    def _value(self) -> mx.array:
        return self._home[self._key]

    @_value.setter
    def _value(self, value: mx.array) -> None:
        self._home[self._key] = value

    def _make(self, value: Any) -> None:
        self._dtype = canonical(self._dtype)
        self._home = {self._key: value if isinstance(value, mx.array) else lift(value, self._dtype)}

    @property
    def value(self) -> mx.array:
        """The array, in the autocast dtype inside such a scope."""
        reads, cast = local.reads, state.autocast
        if reads is not None:
            reads[id(self)] = self
        if cast is None or not self._autocast or cast == self._dtype or self._dtype not in FLOATS:
            return self._value
        return self._backend.cast(self._value, cast)

    def _read(self) -> mx.array:
        reads = local.reads
        if reads is not None:
            reads[id(self)] = self
        return self._value

    def assign(self, value: Any) -> mx.array:
        """Set the value; returns it."""
        entries = local.entries
        if entries is not None:
            entries.setdefault(id(self), (self, self._value))
        return super().assign(value)

    def __mlx_array__(self) -> mx.array:
        return self.value

    def _state(self) -> dict[str, Any]:
        kept = {k: v for k, v in super()._state().items() if k not in ("_home", "_key")}
        return {**kept, "_saved": self._backend.to_numpy(self._value)}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        value = saved.pop("_saved")
        self.__dict__.update(saved)
        self._home = {self._key: lift(np.asarray(value), self._dtype)}


# ---- traces ----------------------------------------------------------------------------------------------------------


class Journal:
    """Context manager that knows which Variables are assigned inside, and puts their old values back at the end.

    Args:
        traced: whether arrays inside have no values, as under `mx.compile`.
    """

    def __init__(self, traced: bool = False) -> None:
        self.traced = traced

    def __enter__(self) -> Journal:
        self._outer, self.entries = local.entries, {}
        local.entries = self.entries
        local.traced += self.traced
        return self

    def __exit__(self, *exc: object) -> None:
        local.entries = self._outer
        local.traced -= self.traced
        for variable, old in self.entries.values():
            variable._value = old

    def written(self) -> list[Any]:
        """The Variables whose value is another than at the start, in the order of their first assignment."""
        return [v for v, old in self.entries.values() if v._value is not old]


class Reads:
    """Context manager that notes which Variables are read inside."""

    def __enter__(self) -> dict[int, Any]:
        self._outer, self.found = local.reads, {}
        local.reads = self.found
        return self.found

    def __exit__(self, *exc: object) -> None:
        local.reads = self._outer
        if self._outer is not None:
            self._outer.update(self.found)


def store(variable: Any, value: mx.array) -> None:
    """Put a value that came out of a transform into a Variable."""
    entries = local.entries
    if entries is not None:
        entries.setdefault(id(variable), (variable, variable._value))
    variable._value = value


# ---- masks -----------------------------------------------------------------------------------------------------------

# Arrays take no attributes: their masks are kept beside them, by id, as long as they live.
_masks: dict[int, tuple[weakref.ref[Any], Any]] = {}


def set_mask(x: mx.array, mask: mx.array) -> None:
    """Attach a mask to an array."""
    if isinstance(x, mx.array):
        key = id(x)
        _masks[key] = (weakref.ref(x, lambda _: _masks.pop(key, None)), mask)


def get_mask(x: object) -> mx.array | None:
    """The mask of an array, or None."""
    found = _masks.get(id(x))
    return found[1] if found is not None and found[0]() is x else None


# ---- layers ----------------------------------------------------------------------------------------------------------


def members(cls: type) -> dict[str, Any]:
    """Members of a layer class: it is a module, and an object with an identity of its own, not a value like a dict.

    Args:
        cls: the class as its author wrote it.
    """

    def __setstate__(self: Any, saved: dict[str, Any]) -> None:
        cls.__setstate__(self, saved)  # type: ignore[attr-defined]
        for attribute in self._tracker.items:
            file(self, attribute)

    return {
        "__setstate__": __setstate__,
        "__hash__": object.__hash__,
        "__eq__": object.__eq__,
        "__ne__": object.__ne__,
        "__bool__": lambda self: True,
        "_no_grad": property(Frozen),
        "_training": True,
    }


class Frozen:
    """`_no_grad` of a module: the items that are not trained. It is a view of the Variables' `trainable`."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def _variables(self, name: str) -> list[Any]:
        tracked = self.layer._tracker.items
        attribute = next((a for a in tracked if key_of(a) == name), name)
        return [x for _, x in _variables(tracked.get(attribute, ()))]

    def __contains__(self, name: str) -> bool:
        found = self._variables(name)
        return bool(found) and not any(v.trainable for v in found)

    def _set(self, names: Iterable[str], trainable: bool) -> None:
        for name in names:
            for v in self._variables(name):
                v.trainable = trainable and v._settable_trainable

    def update(self, names: Iterable[str]) -> None:
        """Freeze items."""
        self._set(names, False)

    def difference_update(self, names: Iterable[str]) -> None:
        """Train items again."""
        self._set(names, True)

    def clear(self) -> None:
        """Train all items again."""
        self._set(list(self.layer), True)


def key_of(attribute: str) -> str:
    """The item that stands for an attribute; modules leave out those that begin with an underscore."""
    return attribute.lstrip("_") or attribute


def _variables(items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """(path within the attribute, Variable) of what is tracked, with the states of seed generators."""
    for key, x in items:
        if isinstance(x, Variable):
            yield key, x
        elif getattr(type(x), "_tracked_kind", None) == "seed":
            yield f"{key}.seed_generator_state" if key else "seed_generator_state", x.state


def file(layer: Any, attribute: str) -> None:
    """Make the item of a module that stands for what an attribute holds."""
    items = layer._tracker.items.get(attribute, ())
    held = [(k, x) for k, x in items if isinstance(x, mlx.nn.Module)]
    owned = [(k, v) for k, v in _variables(items) if v._home is layer or _is_free(v)]
    name = key_of(attribute)
    whole = next((x for k, x in [*held, *owned] if not k), None)
    dict.pop(layer, name, None) if whole is None or isinstance(whole, Variable) else None
    if whole is not None:
        if isinstance(whole, Variable):
            _move(whole, layer, name)
        else:
            dict.__setitem__(layer, name, whole)
    elif held or owned:
        nested: dict[str, Any] = {}
        for k, x in [*held, *owned]:
            _put(nested, k.split("."), x)
        dict.__setitem__(layer, name, _homes(nested))


def _is_free(variable: Any) -> bool:
    """Whether a Variable has its array in no other layer."""
    return not isinstance(variable._home, mlx.nn.Module) and variable.__dict__.get("_filed") is None


def _put(nested: dict[str, Any], path: list[str], x: Any) -> None:
    *outer, last = path
    for k in outer:
        nested = nested.setdefault(k, {})
    nested[last] = x


def _homes(nested: dict[str, Any]) -> Any:
    """Dicts and lists of modules and arrays; Variables have their homes in them afterwards."""
    listed = list(nested) == [str(i) for i in range(len(nested))]
    out: Any = [None] * len(nested) if listed else {}
    for i, (k, x) in enumerate(nested.items()):
        at: Any = i if listed else k
        if isinstance(x, Variable):
            _move(x, out, at)
        else:
            out[at] = x if isinstance(x, mlx.nn.Module) else _homes(x)
    return out


def _move(variable: Any, home: Any, key: Any) -> None:
    value = variable._value
    variable._home, variable._key = home, key
    variable._value = value
