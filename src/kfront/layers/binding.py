"""How a layer class is bound to a backend, and how a bound layer is tracked, copied and pickled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kfront.backends import get
from kfront.core.tracking import Tracker
from kfront.core.typing import Backend
from kfront.core.variable import Variable
from kfront.layers.call_signature import call_info

if TYPE_CHECKING:
    from kfront.layers.base import Layer

# attributes that copies do not have: facts of the class, what is compiled or listed, where it was made
_OF_ONE = frozenset(
    {
        "_kf_backend",
        "_kf_pass_dtypes",
        "_kf_fits",
        "_kf_compiled",
        "_kf_lists",
        "_structure",
        "_kf_made_in",
        "_kf_strategy",
        "_tf_values",
    }
)
_bound: dict[tuple[type, str], type] = {}


def bind_class(cls: type, backend: Backend, root: type) -> type:
    """The subclass of `cls` with the backend's native base; made once."""
    if hasattr(cls, "_kf_unbound"):  # or of a class that an engine has derived from a bound one
        return cls
    key = (cls, backend.name)
    found = _bound.get(key)
    if found is None:
        found = _bound[key] = _make(cls, backend, root)
    return found


def _make(cls: type, backend: Backend, root: type) -> type:
    native = backend.native_base
    made_by: Any = object.__new__ if native is None else native.__new__  # a base that is a dict has its own
    fields: dict[str, object] = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "_kf_unbound": cls,
        "_kf_blank": staticmethod(made_by),
    }
    fields.update(backend.native_members(cls, root))
    bases = (cls,) if native is None or issubclass(cls, native) else (cls, native)
    out = type(cls)(cls.__name__, bases, fields)
    backend.register_layer_class(out)
    call_info(out)  # now: `torch.compile` does not like a class that changes while it traces
    return out


def kind_of(value: object) -> str | None:
    """The kind that a tracked object has, or None."""
    if isinstance(value, Variable):
        return "variable"
    return getattr(type(value), "_kf_tracked_kind", None)


def make_tracker(layer: Layer) -> Tracker:
    """The tracker of a layer, which also registers what it owns in the native object."""
    return Tracker(kind_of, _Report(layer))


class _Report:
    """Tells the backend what became, or is no longer, an attribute of a layer."""

    __slots__ = ("layer",)

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __call__(self, attribute: str, added: list[tuple[str, Any]], removed: Sequence[tuple[str, Any]]) -> None:
        layer = self.layer
        backend = layer._kf_backend
        for key, _ in removed:
            backend.untrack(layer, f"{attribute}.{key}" if key else attribute)
        for key, x in added:
            where = f"{attribute}.{key}" if key else attribute
            kind = kind_of(x)
            if kind == "variable":
                backend.track_variable(layer, where, x)
            elif kind == "layer":
                backend.track_layer(layer, where, x)
            elif kind == "seed":
                backend.track_variable(layer, f"{where}.seed_generator_state", x.state)
        if removed and added and getattr(removed[0][1], "_held_by", None) is layer:
            layer._kf_replaced(removed[0][1], added[0][1])


def saved_state(layer: Layer) -> dict[str, Any]:
    """What copy and pickle keep of a layer: all but the backend, the class's facts and compiled functions."""
    return {k: v for k, v in layer.__dict__.items() if k not in _OF_ONE}


def rebuild(cls: type, backend_name: str) -> Any:
    """An empty layer of that class, bound to that backend, for `__setstate__`."""
    from kfront.layers.base import Layer  # which imports this module

    backend = get(backend_name)
    bound: Any = bind_class(cls, backend, Layer)
    out = bound._kf_blank(bound)
    out.__dict__["_kf_backend"] = backend
    return out
