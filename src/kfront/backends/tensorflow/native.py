"""Variables on `tf.Variable`, and the trackable base of layers."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.tensorflow.common import eager_types, raw
from kfront.backends.typing import Closure
from kfront.core.dtypes import ALL, FLOATS
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import DTypeLike
from kfront.core.variable import Variable

if TYPE_CHECKING:
    from tensorflow import Tensor


try:  # the hook by which a tape learns of a read; private, so there is a slower public way below
    from tensorflow.python.eager.tape import variable_accessed
except ImportError:  # pragma: no cover
    variable_accessed = None  # type: ignore[assignment]

Trackable = tf.__internal__.tracking.Trackable
with tf.Graph().as_default():  # no strategy is current in it, whoever imports this
    PlainVariable: type = type(tf.Variable(0, trainable=False))
_AGGREGATION = {
    "none": tf.VariableAggregation.NONE,
    "mean": tf.VariableAggregation.MEAN,
    "sum": tf.VariableAggregation.SUM,
    "only_first_replica": tf.VariableAggregation.ONLY_FIRST_REPLICA,
}
_SYNCHRONIZATION = {
    "auto": tf.VariableSynchronization.AUTO,
    "none": tf.VariableSynchronization.NONE,
    "on_write": tf.VariableSynchronization.ON_WRITE,
    "on_read": tf.VariableSynchronization.ON_READ,
}
_read = raw("ReadVariableOp")
assign_in_place = raw("AssignVariableOp")
add_in_place = raw("AssignAddVariableOp")
_assign_sub = raw("AssignSubVariableOp")


def read(held: Any) -> Any:
    """The tensor in a `tf.Variable`; gradients flow through it, and tapes that watch what is read see it."""
    if held.__class__ is PlainVariable and variable_accessed is not None and tf.executing_eagerly():
        variable_accessed(held)
        return _read(held.handle, held.dtype)
    return held.value() if hasattr(held, "value") else tf.convert_to_tensor(held)


class _DTypeName(str):
    """A dtype name that TensorFlow's Python code can ask for what it expects of a dtype."""

    __slots__ = ()

    @property
    def base_dtype(self) -> Any:
        return tf.as_dtype(str(self))

    @property
    def _type_enum(self) -> int:
        """What TensorFlow's own code for gradients asks for."""
        return self.base_dtype.as_datatype_enum


class _Shape(tuple[int, ...]):
    """A shape tuple that TensorFlow's Python code can ask for what it expects of a `tf.TensorShape`."""

    __slots__ = ()

    @property
    def rank(self) -> int:
        return len(self)

    ndims = rank

    def as_list(self) -> list[int]:
        return list(self)

    def is_fully_defined(self) -> bool:
        return True

    def num_elements(self) -> int:
        return math.prod(self)


_NAMES = {name: _DTypeName(name) for name in ALL}


class TensorFlowVariable(Variable, Trackable, tf.__internal__.types.Tensor):
    """A `Variable` whose storage, `_value`, is a `tf.Variable`; inside a scope that binds values, a plain tensor.

    It stands for its `tf.Variable` in TensorFlow's own functions: ops take it as a tensor, and `GradientTape.gradient`
    takes it as a source.
    """

    _should_act_as_resource_variable = True
    any_distributed = False  # until one is made for several devices, nothing asks TensorFlow for a strategy

    def _make(self, value: Tensor) -> None:
        self._shape = _Shape(self._shape)
        with tf.init_scope():
            self._value = tf.Variable(
                value,
                trainable=self._trainable and self._dtype in FLOATS,
                dtype=self._kf_backend.native_dtype(self._dtype),
                name=self.name,
                aggregation=_AGGREGATION[self.aggregation],
                synchronization=_SYNCHRONIZATION[self.synchronization],
                shape=self._shape,
            )
        self._value._kfront_variable = weakref.ref(self)
        if self._value.__class__ is not PlainVariable:
            TensorFlowVariable.any_distributed = True

    def _write(self, value: Tensor) -> None:
        held = self._value
        if held.__class__ is PlainVariable:
            assign_in_place(held.handle, value)
        elif isinstance(held, tf.distribute.DistributedValues) and not tf.distribute.has_strategy():
            with held.distribute_strategy.scope():  # else the first replica's copy alone is written
                held.assign(value)
        elif isinstance(held, tf.Variable):
            held.assign(value)
        else:
            self._value = value

    def _read(self) -> Tensor:
        held = self._value
        return held if held.__class__ in eager_types else read(held)

    @property
    def value(self) -> Any:
        """The `tf.Variable`; a tensor in an autocast scope of another dtype, and where a scope holds another value."""
        cast = state.autocast
        if cast is None or not self._autocast or cast == self._dtype or self._dtype not in FLOATS:
            return self._value
        return self._tensor

    @property
    def _tensor(self) -> Tensor:
        """The tensor, in the autocast dtype inside such a scope."""
        held = self._value
        out = held if held.__class__ in eager_types else read(held)
        cast = state.autocast
        if cast is not None and self._autocast and cast != self._dtype and self._dtype in FLOATS:
            return self._kf_backend.cast(out, cast)
        return out

    @property
    def dtype(self) -> str:
        """Dtype name, the autocast dtype inside such a scope."""
        cast = state.autocast
        return _NAMES[cast if cast is not None and self._autocast and self._dtype in FLOATS else self._dtype]

    def assign_add(self, value: Tensor) -> Tensor:
        """Add `value`; returns the new value."""
        return self._kf_step(value, add_in_place, "add")

    def assign_sub(self, value: Tensor) -> Tensor:
        """Subtract `value`; returns the new value."""
        return self._kf_step(value, _assign_sub, "subtract")

    def _kf_step(self, value: Tensor, in_place: Closure[Tensor], name: str) -> Tensor:
        if isinstance(value, KerasTensor):
            return self._check_symbolic(value)
        value = self._same(value)
        held = self._value
        plain = held.__class__ is PlainVariable and state.stateless is None and held.dtype is not tf.bool
        if plain and value.shape.as_list() == list(self._shape):
            in_place(held.handle, value)
            return read(held)
        return self.assign(getattr(self._kf_backend, name)(self._read(), value))

    # -- standing for the tf.Variable in TensorFlow --------------------------------------------------------------------

    @property
    def handle(self) -> Any:
        """The resource handle of the `tf.Variable`."""
        return self._value.handle

    def __tf_tensor__(self, dtype: DTypeLike = None, name: str | None = None) -> Tensor:
        out = self._tensor
        return out if dtype is None or dtype == out.dtype else tf.cast(out, dtype)

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: object) -> dict[str, object]:
        return {"value": self._value} if isinstance(self._value, tf.Variable) else {}

    def _kf_state(self) -> dict[str, object]:
        kept = {k: v for k, v in super()._kf_state().items() if not k.startswith("_self_")}
        kept.pop("_value", None)
        kept["_saved"] = self._kf_backend.to_numpy(self._value)
        return kept

    def __setstate__(self, saved: dict[str, object]) -> None:
        value = saved.pop("_saved")
        self.__dict__.update(saved)
        self._make(value)


def variable_of(held: Any) -> TensorFlowVariable:
    """The Variable that a `tf.Variable` is the storage of. One that came without gets it for good."""
    found = getattr(held, "_kfront_variable", None)
    found = found() if isinstance(found, weakref.ref) else found
    if found is None:
        found = held._kfront_variable = Adopted(held)
    return found


class Adopted(TensorFlowVariable):
    """A Variable whose storage is a `tf.Variable` of somebody else.

    Args:
        held: that one.
    """

    def __init__(self, held: Any) -> None:
        self._held = held
        name = held.name.partition(":")[0].replace("/", "_")
        super().__init__(tf.convert_to_tensor(held), trainable=held.trainable, name=name)
        self.path = name

    def _make(self, value: Tensor) -> None:
        self._shape, self._value = _Shape(self._shape), self._held


def component(held: Any) -> Any:
    """What gradients are taken by: of a variable that a strategy has on several devices, that of this replica."""
    if not isinstance(held, tf.distribute.DistributedValues):
        return held
    context, parts = tf.distribute.get_replica_context(), tf.distribute.get_strategy().experimental_local_results(held)
    return parts[0 if context is None else replica_id(context) % len(parts)]


def replica_id(context: tf.distribute.ReplicaContext) -> Any:
    """Which replica of all this is, an int wherever TensorFlow knows it."""
    found = tf.get_static_value(context.replica_id_in_sync_group)
    return context.replica_id_in_sync_group if found is None else int(found)


class LayerBase(tf.Module):
    """Mixed into layers: their variables and sublayers are trackable children, so that checkpoints and SavedModels hold
    them, and modules that hold layers list their variables. Attributes are left as they are (lists and dicts are not
    wrapped).
    """

    _TF_MODULE_IGNORED_PROPERTIES = frozenset(
        {"_kf_init_args", "_inbound_nodes", "_outbound_nodes", "_losses", "_kf_lists"}
    )
    _tf_children: dict[str, Any]
    _kf_strategy: Any = None
    autograph_info__: object = None  # AutoGraph leaves alone what has it: `tf.function(layer)` would rewrite the layer
    name: Any = None  # a module's is a property, which would hide a layer's

    @property
    def distribute_strategy(self) -> Any:
        """The `tf.distribute` strategy in whose scope it was made, else the one whose scope this is."""
        return self._kf_strategy or tf.distribute.get_strategy()

    def _trackable_children(
        self, save_type: str = "checkpoint", cache: object = None, **kwargs: object
    ) -> dict[str, object]:
        children = dict(Trackable._trackable_children(self, save_type, **kwargs))
        children.update({name: _native(child) for name, child in self._tf_named().items()})
        if save_type == "savedmodel":
            functions = (tf.types.experimental.PolymorphicFunction, tf.types.experimental.ConcreteFunction)
            children.update({k: v for k, v in self.__dict__.items() if isinstance(v, functions)})
        return children

    def _tf_named(self) -> dict[str, object]:
        """Children by name. A weight has a provisional name until it becomes an attribute; then that one counts."""
        children = self.__dict__.get("_tf_children", {})
        named = {id(c) for n, c in children.items() if not n.startswith("_weight_")}
        return {n: c for n, c in children.items() if not n.startswith("_weight_") or id(c) not in named}

    def _maybe_initialize_trackable(self) -> None:
        """Set TensorFlow's bookkeeping fields past the layer's own `__setattr__`."""
        if "_self_unconditional_checkpoint_dependencies" not in self.__dict__:
            scratch = Trackable()
            scratch._maybe_initialize_trackable()
            self.__dict__.update(scratch.__dict__)

    def _tf_track(self, name: str, child: Any) -> None:
        children = self.__dict__.setdefault("_tf_children", {})
        old, children[name] = children.get(name), child
        if isinstance(child, TensorFlowVariable) or isinstance(old, TensorFlowVariable):  # a model has many layers
            self._tf_list_values()
        waiting = self.__dict__.get("_self_unconditional_deferred_dependencies")
        if waiting and name in waiting:  # a checkpoint was restored before this child existed
            self._handle_deferred_dependencies(name=name, trackable=_native(child))

    def _tf_untrack(self, name: str) -> None:
        if isinstance(self.__dict__.get("_tf_children", {}).pop(name, None), TensorFlowVariable):
            self._tf_list_values()

    def _tf_list_values(self) -> None:
        """Have the `tf.Variable`s in an attribute, where modules that hold the layer look for them."""
        children = self._tf_named().values()
        self.__dict__["_tf_values"] = [c._value for c in children if isinstance(c, TensorFlowVariable)]

    def _lookup_dependency(self, name: str, cached_dependencies: object = None) -> Any:
        child = self.__dict__.get("_tf_children", {}).get(name)
        return super()._lookup_dependency(name, cached_dependencies) if child is None else _native(child)


def members(cls: type) -> dict[str, Any]:
    """Members of a layer class: what lists its `tf.Variable`s when a copy is made.

    Args:
        cls: the class as its author wrote it.
    """

    def __setstate__(self: Any, saved: dict[str, Any]) -> None:
        cls.__setstate__(self, saved)  # type: ignore[attr-defined]
        self._tf_list_values()

    return {"__setstate__": __setstate__}


def _native(child: Any) -> Any:
    return child._value if isinstance(child, TensorFlowVariable) else child
