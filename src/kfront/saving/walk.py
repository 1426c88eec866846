"""Which objects of a model are written into a weights file, and under which path: the traversal that Keras makes.

From a model or layer to what its attributes hold, public names first, each object once. Inside lists, tuples, sets and
dicts an object is named by its class in snake case, with a number from the second on. Metrics and seed generators are
not written.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kfront.core.errors import SavingError
from kfront.core.naming import to_snake_case
from kfront.core.registry import unbound
from kfront.core.typing import Config
from kfront.layers.base import Layer
from kfront.layers.input_layer import Input
from kfront.layers.lora import LoraLayer
from kfront.models.functional import Functional
from kfront.models.model import Model
from kfront.models.sequential import Sequential
from kfront.optimizers.base import Optimizer

if TYPE_CHECKING:
    from kfront.core.variable import Variable

Path = tuple[str, ...]


def walk(root: object, skip: Iterable[object] = (), there: Callable[[Path], bool] = bool) -> list[tuple[Path, Any]]:
    """Every object with state below `root`, itself first, with its path.

    Args:
        root: a model, layer or optimizer.
        skip: objects that are passed over, with all that they hold.
        there: tells of a path whether it counts: of an object's names the first that does is taken.
    """
    found: dict[int, tuple[Path, Any]] = {id(x): ((), None) for x in skip}
    _visit(root, (), found, there)
    return [x for x in found.values() if x[1] is not None]


def _visit(obj: object, path: Path, found: dict[int, tuple[Path, object]], there: Callable[[Path], bool]) -> None:
    if id(obj) in found or (path and not there(path)):
        return
    found[id(obj)] = (path, obj)
    for name, child in _children(obj):
        if _has_state(child):
            _visit(child, (*path, name), found, there)
        elif _is_container(child):
            _visit_container(child, (*path, name), found, there)


def _visit_container(
    items: Any, path: Path, found: dict[int, tuple[Path, object]], there: Callable[[Path], bool]
) -> None:
    values: Iterable[Any] = items.values() if isinstance(items, dict) else items
    counts: dict[str, int] = {}
    for child in values:
        if _has_state(child):
            name = to_snake_case(unbound(type(child)).__name__)
        elif _is_container(child):
            name = "container"
        else:
            continue
        number = counts.get(name, 0)
        counts[name] = number + 1
        below = (*path, f"{name}_{number}" if number else name)
        if name == "container" and not _has_state(child):
            _visit_container(child, below, found, there)
        else:
            _visit(child, below, found, there)


def _has_state(obj: object) -> bool:
    cls = type(obj)
    return hasattr(cls, "save_own_variables") and hasattr(cls, "load_own_variables")


def _children(obj: object) -> list[tuple[str, object]]:
    """Attributes that hold objects with state or containers, public names first.

    The layers of a graph come before all: in a subclass of a functional model attributes hold the same ones.
    """
    cls = type(obj)
    graph = ("layers",) if issubclass(cls, (Functional, Sequential)) else ()
    skip = _internal_names(cls)
    out: Config = {}
    for name in (*_looked_at(cls), *_properties(cls)):
        try:
            out[name] = getattr(obj, name)
        except Exception:
            continue
    tracker = vars(obj).get("_tracker")
    for name, value in vars(obj).items():
        if name in skip or name in out or not _may_hold(value):
            continue
        # what a layer does not track (registers of an engine) is not one of its attributes
        if tracker is None or name in tracker.items or not (_is_layer(value) or _is_container(value)):
            out[name] = value
    if isinstance(obj, Layer):
        out.update(obj._kf_unlisted())
    kept = [(n, v) for n, v in out.items() if _may_hold(v)]
    return sorted(kept, key=lambda pair: (pair[0] not in graph, pair[0].startswith("_"), pair[0]))


def _is_container(value: object) -> bool:
    return isinstance(value, (list, tuple, dict, set, frozenset))


def _is_layer(value: object) -> bool:
    return getattr(type(value), "_kf_tracked_kind", None) == "layer"


def _may_hold(value: object) -> bool:
    return bool(value) if _is_container(value) else _has_state(value)


def _looked_at(cls: type) -> tuple[str, ...]:
    """Names of kfront's own classes that the walk visits although plain attributes of the base are passed over."""
    return ("layers", "optimizer") if issubclass(cls, Model) else ()


@functools.cache
def _properties(cls: type) -> tuple[str, ...]:
    """Properties that the class adds to kfront's base classes; those of the engine's own base are none."""
    skip, cls = _internal_names(cls), unbound(cls)
    names = [n for n in dir(cls) if n not in skip and not n.startswith("__")]
    return tuple(n for n in names if isinstance(inspect.getattr_static(cls, n, None), property))


@functools.cache
def _internal_names(cls: type) -> frozenset[str]:
    """Names that kfront's base classes use themselves."""
    if issubclass(cls, Optimizer):
        return frozenset({*dir(Optimizer), "_trainable_variables", "_variables"})
    names = {*vars(Layer(name="walk")), *dir(Layer), "_kf_init_args"}
    if issubclass(cls, Model):
        names.update(vars(Model(name="walk")), dir(Model))
    if issubclass(cls, Sequential):
        names.update(vars(Sequential(name="walk")), dir(Sequential))
    if issubclass(cls, Functional):
        names.update(dir(Functional), _functional_fields())
    return frozenset(names)


def _functional_fields() -> set[str]:
    x = Input((1,), name="walk")
    return set(vars(Functional(x, x, name="walk")))


def expect_model(made: object, what: object) -> None:
    """Refuse what a file of a model holds in a model's place.

    Args:
        made: what its config describes.
        what: the file, for the message.

    Raises:
        SavingError: it is no model or layer.
    """
    if not isinstance(made, Layer):
        raise SavingError(f"[load_model] expected {what} to hold a model, got a {type(made).__name__}.")


def own_variables(obj: object) -> list[Variable] | None:
    """The variables stored under the object's path as "0", "1" …; None if its class writes them its own way."""
    cls = type(obj)
    if isinstance(obj, Layer):
        # an adapter that is off, or a weight that is not quantized, does not change how the layer is saved
        off = isinstance(obj, LoraLayer) and not obj.lora_enabled and _ours(cls)
        off = off and getattr(obj, "quantization_mode", None) is None
        return obj._kf_ordered() if off or _plain(cls, Layer) else None
    if isinstance(obj, Optimizer) and _plain(cls, Optimizer):
        return list(obj._kf_saved_variables)
    return None


def stored_variables(model: Model) -> Iterator[Any]:
    """The variables of a model and of its optimizer that are written into a weights file."""
    for _, one in walk(model):
        yield from one.variables if isinstance(one, Optimizer) else own_variables(one) or one._kf_state()


def _ours(cls: type) -> bool:
    """Whether no user has overridden how the state is written and read."""
    methods = (cls.save_own_variables, cls.load_own_variables)
    return all(m.__module__.startswith("kfront.layers.") for m in methods)


def _plain(cls: type, base: object) -> bool:
    same = cls.save_own_variables is base.save_own_variables  # type: ignore[attr-defined]
    return same and cls.load_own_variables is base.load_own_variables  # type: ignore[attr-defined]
