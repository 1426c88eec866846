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
from collections.abc import Iterable
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
    """A Variable whose array is an item of a dict: its layer's, or one of its own."""

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
        return self._kf_backend.cast(self._value, cast)

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

    @property
    def __dlpack__(self) -> Any:
        """None: MLX would take the memory instead of the array, and lose the gradient without a word (mlx 0.32)."""
        raise AttributeError("__dlpack__")

    def _kf_state(self) -> dict[str, Any]:
        kept = {k: v for k, v in super()._kf_state().items() if k not in ("_home", "_key")}
        return {**kept, "_saved": self._kf_backend.to_numpy(self._value)}

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
        file(self)

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
    """`_no_grad` of a module, the items that are not trained: a view of the Variables' `trainable`."""

    def __init__(self, layer: Any) -> None:
        self.filed = layer.__dict__.get("_filed", {})

    def __contains__(self, name: str) -> bool:
        return isinstance(self.filed.get(name), Variable) and not self.filed[name].trainable

    def _set(self, names: Iterable[str], trainable: bool) -> None:
        for name in names:
            if isinstance(self.filed.get(name), Variable):
                self.filed[name].trainable = trainable and self.filed[name]._settable_trainable

    def update(self, names: Iterable[str]) -> None:
        """Freeze items."""
        self._set(names, False)

    def difference_update(self, names: Iterable[str]) -> None:
        """Train items again."""
        self._set(names, True)

    def clear(self) -> None:
        """Train all items again."""
        self._set(self.filed, True)


def _owned(layer: Any) -> dict[str, Any]:
    """The Variables and layers that a layer holds, by the names of their items.

    Each has one: of an attribute rather than of those that begin with an underscore, which modules leave out.
    """
    found: dict[int, tuple[str, Any]] = {}
    for attribute, items in layer._tracker.items.items():
        for key, x in items:
            name = f"{attribute}.{key}" if key else attribute
            if getattr(type(x), "_kf_tracked_kind", None) == "seed":
                name, x = f"{name}.seed_generator_state", x.state
            if not isinstance(x, (Variable, mlx.nn.Module)):
                continue
            before = found.get(id(x))
            if before is None or (before[0].startswith("_") and not name.startswith("_")):
                found[id(x)] = name, x
    return {name.lstrip("_").replace(".", "_"): x for name, x in found.values()}


def file(layer: Any) -> None:
    """Have in a layer's dict what it holds: layers, and the arrays of its Variables."""
    if "_tracker" not in layer.__dict__:  # a copy that is being put together
        return
    before, now = layer.__dict__.get("_filed", {}), _owned(layer)
    for name, x in before.items():
        if now.get(name) is not x:
            if isinstance(x, Variable) and x._home is layer and x._key == name:
                _move(x, {}, "value")
            dict.pop(layer, name, None)
    for name, x in now.items():
        if not isinstance(x, Variable):
            dict.__setitem__(layer, name, x)
        elif x._home is not layer and not isinstance(x._home, mlx.nn.Module):  # else another layer has it already
            _move(x, layer, name)
    layer.__dict__["_filed"] = now


def _move(variable: Any, home: dict[str, Any], key: str) -> None:
    value = variable._value
    variable._home, variable._key = home, key
    dict.__setitem__(home, key, value)
