"""JAX: layers as pytrees.

The leaves of a layer are the values of all its variables. The static part is a `Structure`: whatever else the layer
holds, written down once, so that it can be compared, and so that layers can be made of it. What belongs to one
instance, as its name and the seeds of its initializers do, is not compared (`_kf_of_instance` of a class), and what a
call or a training run leaves behind is left out (`_kf_of_run`). Layers that were made alike have equal structures, so
`jax.tree.map` takes them together and `jax.jit` compiles once for all of them.

A Structure holds no weights. A layer that comes out of a transform is filled when something of it is first asked for:
one that is only handed on costs nothing.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import get_opaque_trace_state

from kfront.backends.jax.common import TRACER
from kfront.backends.jax.native import JaxVariable, outer_is_none, plain_class
from kfront.core.dtypes import ALL
from kfront.core.errors import ArgumentError
from kfront.core.operation import Node, Operation
from kfront.core.rng import SeedGenerator
from kfront.core.spec import KerasTensor
from kfront.core.tracking import PLAIN, structure
from kfront.core.typing import Config

if TYPE_CHECKING:
    from kfront.layers.base import Layer

__all__ = ["members", "merge", "partition", "register"]

# ---- how a value is written ------------------------------------------------------------------------------------------


class _Plain:
    """A value that is compared by type and value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or type(other.value) is not type(self.value):
            return False
        return self.value is other.value or self._same(other.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def _same(self, value: Any) -> bool:
        return bool(self.value == value)

    def make(self, maker: _Maker) -> Any:
        """What it stands for."""
        return self.value


class _Shared(_Plain):
    """An object that all layers made of the structure have, compared by identity."""

    __slots__ = ()

    def __hash__(self) -> int:
        return id(self.value)

    def _same(self, value: object) -> bool:
        return False


class _Array(_Plain):
    """An array that is a constant, compared by its elements."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash((self.value.shape, str(self.value.dtype)))

    def _same(self, value: Any) -> bool:
        return self.value.dtype == value.dtype and np.array_equal(self.value, value)


class _Tuple(tuple):
    """A tuple: its class, and how its items are written."""

    __slots__ = ()

    def make(self, maker: _Maker) -> Any:
        """What it stands for."""
        return tuple.__new__(self[0], [x.make(maker) for x in self[1:]])


class _Ref(int):
    """The number of an object."""

    __slots__ = ()

    def make(self, maker: _Maker) -> Any:
        """What it stands for."""
        return maker.object(self)


class _Object(tuple):
    """An object that each layer has of its own: function and arguments that make it, items, pairs, state.

    Attributes:
        labels: attributes that belong to an instance and are not compared.
    """

    labels: tuple[tuple[str, Any], ...] = ()

    def make(self, maker: _Maker) -> Any:
        """What it stands for: a new object each time."""
        made = self.empty(maker)
        self.fill(maker, made)
        return made

    def empty(self, maker: _Maker) -> Any:
        """The object without what it holds, which may refer to it."""
        function, arguments, *_ = self
        return function(*[x.make(maker) for x in arguments])

    def fill(self, maker: _Maker, made: Any) -> None:
        """Put in what it holds."""
        _, _, items, pairs, state = self
        if items:
            made.extend([x.make(maker) for x in items])
        for key, value in pairs:
            made[key.make(maker)] = value.make(maker)
        fields = {name: value.make(maker) for name, value in (*state, *self.labels)}
        if None in fields:
            made.__setstate__(fields[None])
        elif hasattr(made, "__setstate__"):
            made.__setstate__(fields)
        else:
            for name, value in fields.items():
                _set(made, name, value)


class _Weight(_Object):
    """A Variable: its class, and the place of its value among the leaves, or None for one of a metric or optimizer."""

    def empty(self, maker: _Maker) -> Any:
        """The Variable without what it holds."""
        return object.__new__(self[1][0].value)

    def fill(self, maker: _Maker, made: Any) -> None:
        """Put in what it holds."""
        super().fill(maker, made)
        place = self[1][1].value
        made._owner, made._resident_in, made._kf_made_in = None, None, maker.made_in
        made._value = value = jnp.asarray(made._value) if place is None else maker.values[place]
        if hasattr(value, "shape"):
            made._shape = tuple(value.shape)
        dtype = str(getattr(value, "dtype", ""))
        if dtype in ALL:
            made._dtype = dtype


def _set(made: Any, name: str, value: object) -> None:
    if isinstance(getattr(type(made), name, None), types.MemberDescriptorType):
        setattr(made, name, value)
    else:
        made.__dict__[name] = value


# ---- writing ---------------------------------------------------------------------------------------------------------

_ATOMS = PLAIN - {type, types.FunctionType} | {complex, type(...), type(NotImplemented), range}
_AS_THEY_ARE = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type(jax.jit(abs)))
_WITH_IDENTITY = (Operation, JaxVariable, Node, KerasTensor, list, dict)
# of a JaxVariable, beside the state that copies have
_OWN = frozenset({"_value", "_owner", "_resident_in", "_kf_made_in", "_outside"})


class _Writer:
    """Writes down what a layer holds.

    Objects are numbered in the order in which they are met, and referred to by number. One that refers to no other is a
    value: it stands where it is held, for it makes no difference whether two hold the same.

    Args:
        layer: the layer, which becomes object 0.

    Attributes:
        objects: by number; those from `compared` on are held by labels only.
    """

    def __init__(self, layer: Layer) -> None:
        self.places = {id(v): i for i, v in enumerate(layer.variables)}
        self.objects: list[Any] = []
        self._kf_known: dict[int, Any] = {}  # what was written, by id
        self._held: list[object] = []  # what has these ids
        self._references = 0
        self._later: list[tuple[_Object, dict[str, Any]]] = []
        self.write(layer)
        self.compared = len(self.objects)
        for one, labels in self._later:  # which grows meanwhile
            one.labels = tuple((name, self.write(value)) for name, value in labels.items())

    def write(self, x: Any) -> Any:
        """How a value is written."""
        kind = type(x)
        if kind in _ATOMS or isinstance(x, (np.generic, np.dtype)):
            return _Plain(x)
        if isinstance(x, _AS_THEY_ARE):
            return _Shared(x)
        if isinstance(x, (jax.Array, np.ndarray)):
            return _Shared(x) if isinstance(x, TRACER) else _Array(x)
        if isinstance(x, tuple):
            return _Tuple((kind, *map(self.write, x)))
        found = self._kf_known.get(id(x))
        if found is None:
            found = self._object(x)
        self._references += type(found) is _Ref
        return found

    def _object(self, x: Any) -> Any:
        try:
            function, arguments, items, pairs, state = self._apart(x)
        except Exception:  # a lock, a file, a generator: each says in its own way that it cannot be copied
            return _Shared(x)
        number, before = _Ref(len(self.objects)), self._references
        self._kf_known[id(x)] = number
        self._held.append((x, arguments, state))
        self.objects.append(None)
        left, labels = (getattr(type(x), name, frozenset()) for name in ("_kf_of_run", "_kf_of_instance"))
        state = {name: state[name] for name in state if name not in left}
        one = self.objects[number] = (_Weight if isinstance(x, JaxVariable) else _Object)(
            (
                function,
                tuple(map(self.write, arguments)),
                tuple(map(self.write, items)),
                tuple((self.write(k), self.write(v)) for k, v in pairs),
                tuple((name, self.write(state[name])) for name in state if name not in labels),
            )
        )
        self._later.append((one, {name: state[name] for name in state if name in labels}))
        if self._references > before or isinstance(x, _WITH_IDENTITY):
            return number
        self.objects.pop()
        self._kf_known[id(x)] = one
        return one

    def _apart(self, x: Any) -> tuple[Callable[..., Any], Any, Any, Any, dict[Any, Any]]:
        """Function, arguments, items, pairs and state of an object, as for a copy of it."""
        if isinstance(x, JaxVariable):
            return _Weight, (plain_class(x), self.places.get(id(x))), (), (), _state_of(x, id(x) in self.places)
        if isinstance(x, Node):
            return Node, (x.operation, x.args, x.kwargs, x.outputs), (), (), {}
        if hasattr(x, "_kf_architecture"):
            return object.__new__, (type(x),), (), (), dict(sorted(x._kf_architecture().items()))
        if not hasattr(x, "__reduce_ex__") or hasattr(x, "__deepcopy__"):
            raise TypeError
        function, arguments, state, items, pairs = (*x.__reduce_ex__(4), None, None, None)[:5]
        fields = _fields_of(state)
        if isinstance(x, KerasTensor):
            return _symbolic, (type(x), len(x.shape)), (), (), {**fields, "_keras_history": None}  # a Node sets it
        if isinstance(x, Operation):
            fields.update(_inbound_nodes=[], _outbound_nodes=[])
        return function, arguments, list(items or ()), list(pairs or ()), fields


def _symbolic(cls: type, rank: int) -> Any:
    return object.__new__(cls)


def _fields_of(state: Any) -> dict[Any, Any]:
    """The attributes in what `__reduce_ex__` calls the state; one of another form stands under None."""
    if state is None:
        return {}
    if isinstance(state, tuple) and len(state) == 2 and all(x is None or isinstance(x, dict) for x in state):
        state = {**(state[0] or {}), **(state[1] or {})}
    return dict(sorted(state.items())) if isinstance(state, dict) else {None: state}


def _state_of(variable: JaxVariable, is_leaf: bool) -> dict[str, Any]:
    state = {k: v for k, v in sorted(variable.__dict__.items()) if k not in _OWN}
    if not is_leaf:  # of a metric or an optimizer
        value = variable._value
        state["_value"] = np.zeros(value.shape, value.dtype) if isinstance(value, TRACER) else value
    return state


class _Maker:
    """Makes the objects of a layer.

    Args:
        objects: as they are written.
        values: the values of its variables.
        made_in: the trace that the layer belongs to.
        layer: the layer itself, without contents.
    """

    def __init__(self, objects: list[_Object], values: Sequence[Any], made_in: object, layer: Layer) -> None:
        self.objects, self.values, self.made_in = objects, values, made_in
        self.made: dict[int, Any] = {0: layer}
        objects[0].fill(self, layer)

    def object(self, number: int) -> Any:
        """The object of a number, made on first use."""
        if number not in self.made:
            one = self.objects[number]
            self.made[number] = made = one.empty(self)
            one.fill(self, made)
        return self.made[number]


# ---- the structure ---------------------------------------------------------------------------------------------------


def _names(layer: Layer, seen: frozenset[int] = frozenset()) -> dict[int, str]:
    """By the id of each variable of a layer a name such as ``dense/kernel``; the first public attribute counts.

    What `add_weight` files under a name of its own has that only until it becomes an attribute.
    """
    filed = [
        ("/".join([attribute, *filter(None, key.split("."))]), x)
        for attribute, items in layer._tracker.items.items()
        for key, x in items
    ]
    names: dict[int, str] = {}
    for where, x in sorted(filed, key=lambda one: (one[0].startswith("_"), one[0].startswith("_weight_"))):
        if isinstance(x, JaxVariable):
            names.setdefault(id(x), where)
        elif hasattr(x, "_kf_architecture") and id(x) not in seen:
            for inner, name in _names(x, seen | {id(layer)}).items():
                names.setdefault(inner, f"{where}/{name}")
        elif isinstance(x, SeedGenerator):
            names.setdefault(id(x.state), f"{where}/state")
    return names


class Structure:
    """What a layer is without the values of its variables.

    Args:
        layer: the layer.

    Attributes:
        objects: as they are written.
        names: of its variables, by the attributes that hold them: equal structures have equal names.
        trainable: for each variable, whether it is trained.
    """

    __slots__ = ("_compared", "_hash", "name", "names", "objects", "trainable")

    def __init__(self, layer: Layer) -> None:
        writer, trained = _Writer(layer), {id(v) for v in layer.trainable_variables}
        self.objects = writer.objects
        variables = layer.variables
        self.name = type(layer).__name__
        names = _names(layer)
        self.names = [names[id(v)] for v in variables]
        self.trainable = [id(v) in trained for v in variables]
        self._compared = tuple(self.objects[: writer.compared])
        self._hash = hash(self._compared)

    def __eq__(self, other: object) -> bool:
        if type(other) is not Structure or other._hash != self._hash:
            return False
        if other._compared is self._compared:
            return True
        if other._compared != self._compared:
            return False
        other._compared = self._compared  # the next comparison is one of identity
        return True

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<structure of {self.name}>"


_EMPTY = "_jax_empty"  # attribute of a layer whose contents nobody has asked for: its values, structure and trace
_fields: Callable[[Any], dict[str, Any]] = Operation.__dict__["__dict__"].__get__


def _flatten(layer: Layer) -> tuple[Sequence[Any], Structure]:
    fields = _fields(layer)
    empty = fields.get(_EMPTY)
    if empty is not None:
        return empty[0], empty[1]
    known = fields.get("_structure")
    if known is None or known[0] != structure.version or known[1] != structure.changes:
        variables, written = layer.variables, Structure(layer)
        known = fields["_structure"] = (structure.version, structure.changes, variables, written)
        _fill_late(type(layer), fields)
    return [v._value for v in known[2]], known[3]


def _flatten_with_keys(layer: Layer) -> tuple[Sequence[Any], Structure]:
    values, written = _flatten(layer)
    return list(zip(map(jax.tree_util.DictKey, written.names), values, strict=True)), written


def _layer_of(cls: type, written: Structure, values: Sequence[Any]) -> Any:
    out = object.__new__(cls)
    _fields(out)[_EMPTY] = (values, written, get_opaque_trace_state())
    return out


def _fill(layer: Layer) -> None:
    fields = _fields(layer)
    values, written, made_in = fields.pop(_EMPTY)
    fields["_kf_made_in"] = made_in = outer_is_none(made_in)
    _Maker(written.objects, values, made_in, layer)


# ---- classes ---------------------------------------------------------------------------------------------------------


class _Late:
    """A default of a class that instances have a value of their own for: an empty layer is filled first."""

    __slots__ = ("cls", "name")

    def __init__(self, cls: type, name: str) -> None:
        self.cls, self.name = cls, name

    def __get__(self, layer: Layer | None, owner: type) -> Any:
        if layer is not None and _EMPTY in _fields(layer):
            _fill(layer)
            return getattr(layer, self.name)
        return getattr(super(self.cls, owner if layer is None else layer), self.name)


_late: set[tuple[type, str]] = set()


def _fill_late(cls: type, names: Sequence[str] | dict[str, Any]) -> None:
    """Let the defaults of a class that its instances replace wait for the contents of an empty layer.

    All but `_kf_ready`, which each call reads: an empty layer is not ready.
    """
    for name in names:
        if (cls, name) not in _late and name != "_kf_ready":
            _late.add((cls, name))
            default = getattr(cls, name, _late)
            if default is not _late and not hasattr(type(default), "__set__"):
                setattr(cls, name, _Late(cls, name))


def members(cls: type) -> dict[str, Any]:
    """Members of a layer class with which an empty layer is filled when it is asked for something.

    Args:
        cls: the class as its author wrote it.
    """
    inherited = getattr(cls, "__getattr__", None)

    def __getattr__(self: Layer, name: str) -> Any:
        if _EMPTY in _fields(self):
            _fill(self)
            return getattr(self, name)
        if inherited is not None:
            return inherited(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def contents(self: Layer) -> Config:
        fields = _fields(self)
        if _EMPTY in fields:
            _fill(self)
        return fields

    return {"__getattr__": __getattr__, "__dict__": property(contents)}


def register(cls: type) -> None:
    """Make a layer class a pytree.

    So `jax.jit`, `jax.grad`, `jax.tree.map` and optax take and return whole layers; one that comes out of them has
    Variables of its own.
    """
    jax.tree_util.register_pytree_with_keys(
        cls, _flatten_with_keys, lambda written, values: _layer_of(cls, written, values), _flatten
    )


# ---- parts of a layer ------------------------------------------------------------------------------------------------


def partition(layer: Layer) -> tuple[Any, Any]:
    """The layer with the values that are trained only, and with the others only; None in the other places."""
    values, written = _flatten(layer)

    def only(trained: bool) -> Any:
        chosen = [x if t is trained else None for x, t in zip(values, written.trainable, strict=True)]
        return _layer_of(type(layer), written, chosen)

    return only(True), only(False)


def merge(layers: Sequence[Layer]) -> Any:
    """A layer with the first value that any of the layers has in each place."""
    parts = [_flatten(layer) for layer in layers]
    written = parts[0][1]
    if any(part[1] != written for part in parts):
        raise ArgumentError(
            f"[merge] expected parts of one layer, got {', '.join(type(x).__name__ for x in layers)} of different "
            "structures; give what `kfront.partition` made of one layer."
        )
    values = [next((x for x in column if x is not None), None) for column in zip(*(p[0] for p in parts), strict=True)]
    return _layer_of(type(layers[0]), written, values)
