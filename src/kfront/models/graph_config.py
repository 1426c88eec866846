"""Functional and sequential models as plain dicts and back: their operations, and the calls between them.

A node is written as ``{"args": [...], "kwargs": {...}}`` with a reference at the place of each symbolic tensor. The
nodes of a file are called again in the order in which their inputs become known, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from kfront.core import guard, tree
from kfront.core.codec import build, serialize_keras_object, tensor_reference
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.op_codec import OpRecipe, call_arguments
from kfront.core.operation import OpCall, Operation
from kfront.core.spec import KerasTensor
from kfront.core.typing import Config, CustomObjects
from kfront.layers.base import Layer
from kfront.layers.call_signature import call_info

if TYPE_CHECKING:
    from kfront.core.operation import Node
    from kfront.models.functional import Functional

Reference = tuple[str, int, int]


# ---- nodes -----------------------------------------------------------------------------------------------------------


def serialize_node(node: Node, make_ref: Callable[[KerasTensor], object] | None = None) -> Config:
    """The arguments of one symbolic call.

    Args:
        node: `kfront.core.operation.Node`.
        make_ref: gives [operation name, node index, tensor index] of a symbolic tensor; its history if None.
    """

    def form(value: object) -> Any:
        if isinstance(value, KerasTensor):
            return tensor_reference(value, make_ref(value)) if make_ref else serialize_keras_object(value)
        if isinstance(value, dict):
            return {k: form(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            values = [form(v) for v in value]
            return tuple(values) if isinstance(value, tuple) else values
        if isinstance(value, slice):
            parts = {k: form(getattr(value, k)) for k in ("start", "stop", "step")}
            return {"class_name": "__slice__", "config": parts}
        return serialize_keras_object(value)

    args, kwargs = node.args, node.kwargs
    if isinstance(node.operation, OpCall):
        args, kwargs = call_arguments(node)
    return {"args": [form(x) for x in args], "kwargs": {k: form(v) for k, v in kwargs.items()}}


def deserialize_node(data: object, tensors: Any) -> tuple[list[object], dict[str, object]]:
    """The arguments of one call, with symbolic tensors in place of references.

    Args:
        data: what `serialize_node` returned.
        tensors: mapping (operation name, node index, tensor index) -> KerasTensor.

    Returns:
        (args, kwargs)

    Raises:
        SavingError: the form is another, or a reference leads nowhere.
    """

    def swap(value: object) -> Any:
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                return tensors[_reference(value)]
            return {k: swap(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [swap(v) for v in value]
        return value

    args, kwargs = _parts(data)
    return build(swap(args)), build(swap(kwargs))


def _parts(data: Any) -> tuple[list[Any], dict[str, Any]]:
    guard.expect(data, dict, "inbound_nodes")
    args = guard.expect(data.get("args"), (list, tuple), "inbound_nodes args")
    return list(args), guard.expect(data.get("kwargs", {}), dict, "inbound_nodes kwargs")


def _reference(value: dict[str, object]) -> Reference:
    config = guard.expect(value.get("config"), dict, "__keras_tensor__")
    return _triple(config.get("keras_history"))


def _is_triple(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], str) and type(value[1]) is int


def _triple(value: Any) -> Reference:
    if not _is_triple(value) or type(value[2]) is not int:
        raise SavingError(f"[load] expected [name, node index, tensor index], got {guard.shown(value)}.")
    return value[0], value[1], value[2]


def _references(data: object) -> list[Reference]:
    out, stack = [], [data]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                out.append(_reference(value))
            else:
                stack.extend(value.values())
        elif isinstance(value, (list, tuple)):
            stack.extend(value)
    return out


# ---- functional models -----------------------------------------------------------------------------------------------


def serialize_functional(model: Functional) -> dict[str, Any]:
    """The config of a functional model: its operations, their calls, inputs and outputs."""
    nodes = {id(n) for n in model._kf_graph.nodes}
    index: dict[int, int] = {}
    for operation in model.operations:
        for position, node in enumerate(n for n in operation._inbound_nodes if id(n) in nodes):
            index[id(node)] = position

    def ref(x: KerasTensor) -> list[Any]:
        operation, node_index, tensor_index = x._keras_history
        return [operation.name, index[id(operation._inbound_nodes[node_index])], tensor_index]

    def end(x: KerasTensor) -> list[Any]:
        name, node_index, tensor_index = ref(x)
        return [name, node_index + _first_call(x._keras_history.operation), tensor_index]

    layers = []
    for operation in model.operations:
        form = serialize_keras_object(operation)
        form["name"] = operation.name
        form["inbound_nodes"] = [
            serialize_node(n, ref) for n in operation._inbound_nodes if id(n) in nodes and not n.is_input
        ]
        layers.append(form)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _map(end, model._inputs_struct),
        "output_layers": _map(end, model._outputs_struct),
    }


def _first_call(operation: Operation) -> int:
    """What the inputs and outputs of a graph call the first call of an operation.

    A functional model counts the call that made it there, though not in the calls of the graph.
    """
    return int(isinstance(operation, Operation) and operation._kf_is_graph)


def _map(fn: Callable[[Any], Any], value: object) -> Any:
    """As `tree.map_structure`, leaving dicts in their own order and tuples tuples."""
    if isinstance(value, dict):
        return {k: _map(fn, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        values = [_map(fn, v) for v in value]
        return tuple(values) if isinstance(value, tuple) else values
    return fn(value)


class _Caller:
    """Calls the nodes of a config in an order in which their inputs are known."""

    def __init__(self) -> None:
        self.tensors: dict[Reference, KerasTensor] = {}
        self.operations: Config = {}
        self.calls: dict[str, int] = {}
        self.nodes: dict[tuple[str, int], Any] = {}
        self.missing: dict[tuple[str, int], int] = {}
        self.waiting: dict[tuple[str, int], list[tuple[str, int]]] = {}

    def add(self, name: str, operation: Any, nodes: list[object]) -> list[tuple[str, int]]:
        """Add an operation; returns those of its nodes that can be called at once."""
        self.operations[name] = operation
        self.calls[name] = max(len(nodes), 1)
        ready = []
        if not nodes and not isinstance(operation, OpRecipe):
            self.produced(name, 0, operation._inbound_nodes[-1].outputs if operation._inbound_nodes else [])
        for i, data in enumerate(nodes):
            key = (name, i)
            self.nodes[key] = data
            needs = {(r[0], r[1]) for r in _references(data)} | ({(name, i - 1)} if i else set())
            self.missing[key] = len(needs)
            for need in needs:
                self.waiting.setdefault(need, []).append(key)
            if not needs:
                ready.append(key)
        return ready

    def produced(self, name: str, index: int, outputs: object) -> None:
        """Record the results of a node."""
        for i, x in enumerate(x for x in tree.flatten(outputs) if isinstance(x, KerasTensor)):
            self.tensors[name, index, i] = x

    def run(self, ready: list[tuple[str, int]], inputs: list[str]) -> None:
        """Call every node; `inputs` are the operations without one.

        Raises:
            SavingError: nodes that wait for each other, or for something that is not there.
        """
        done = [(n, 0) for n in inputs]
        while done or ready:
            while ready:
                key = ready.pop()
                name, index = key
                self.produced(name, index, self.call(self.operations[name], self.nodes.pop(key)))
                done.append(key)
            for waiter in self.waiting.pop(done.pop(), ()):
                self.missing[waiter] -= 1
                if not self.missing[waiter]:
                    ready.append(waiter)
        if self.nodes:
            raise SavingError(self._stuck())

    def _stuck(self) -> str:
        """Why the nodes that are left cannot be called: the first reference that leads nowhere, else a cycle."""
        key, seen = next(iter(self.nodes)), []
        while key not in seen:
            seen.append(key)
            where = f"`inbound_nodes` of {guard.shown(key[0])} (call {key[1]})"
            needs = [(r[0], r[1]) for r in _references(self.nodes[key])] + ([(key[0], key[1] - 1)] if key[1] else [])
            for name, index in needs:
                if name not in self.operations:
                    return f"[load] expected layers of the graph in {where}, got {guard.shown(name)}, which is none."
                count = self.calls[name]
                if not 0 <= index < count:
                    return (
                        f"[load] expected a node index below {count}, the number of calls of {guard.shown(name)}, in "
                        f"{where}, got {index}."
                    )
            key = next(need for need in needs if need in self.nodes)
        cycle = " <- ".join(guard.shown(name) for name, _ in [*seen[seen.index(key) :], key][:20])
        return f"[load] expected `inbound_nodes` without a cycle, got layers that wait for each other: {cycle}."

    def ends(self, key: str) -> _Lookup:
        """The tensors by the references in `input_layers` or `output_layers`."""
        first = {name: _first_call(operation) for name, operation in self.operations.items()}
        counted = {(n, i + first[n], t): x for (n, i, t), x in self.tensors.items()}
        return _Lookup({**self.tensors, **counted}, key)  # a 0 where 1 is the first: files of kfront's first days

    def call(self, operation: Operation, data: Any) -> Any:
        """Call one operation on the arguments of one node."""
        args, kwargs = deserialize_node(data, _Lookup(self.tensors, "inbound_nodes"))
        if isinstance(operation, OpRecipe):
            return operation(*args, **kwargs)
        # what Keras fills in by itself is omitted: no masks, and `training` as the layer has it by default,
        # which is True for layers that augment
        kwargs = {k: v for k, v in kwargs.items() if not (k in ("training", "mask") and (v is None or v is False))}
        if kwargs.get("training") is True and call_info(type(operation)).defaults.get("training") is True:
            del kwargs["training"]
        return operation(*args, **kwargs)


class _Lookup(dict):  # type: ignore[type-arg]
    """Tensors by reference; `where` is the key of the config that refers to them."""

    def __init__(self, tensors: dict[Reference, KerasTensor], where: str) -> None:
        super().__init__(tensors)
        self.where = where

    def __missing__(self, key: object) -> NoReturn:
        raise SavingError(
            f"[load] expected a tensor of the graph in `{self.where}`, got the reference {guard.shown(key)} to none."
        )


def deserialize_functional(cls: type, config: Config, custom_objects: CustomObjects = None) -> Any:
    """A functional model from its config.

    Args:
        cls: the class, called as ``cls(inputs=, outputs=, name=)``.
        config: what `serialize_functional` returned.
        custom_objects: name -> class or function, for names that are not kfront's.

    Raises:
        SavingError: the config does not describe a graph that can be built.
    """
    with guard.loading(cls.__name__, config, custom_objects):
        guard.expect(config, dict, cls.__name__)
        caller = _make_operations(config)
        inputs, outputs = (_pick(config.get(key), caller.ends(key)) for key in ("input_layers", "output_layers"))
        if not tree.flatten(inputs) or not tree.flatten(outputs):
            raise SavingError(f"[{cls.__name__}] expected at least one input and one output, got none.")
        name = guard.expect(config.get("name"), (str, type(None)), "name")
        model = cls(inputs=inputs, outputs=outputs, name=name)
        trainable = guard.expect(config.get("trainable", True), bool, "trainable")
        if not trainable:
            model.trainable = False
        return model


def _layer_list(config: Mapping[str, object], who: str) -> list[Any]:
    layers = guard.expect(config.get("layers"), (list, tuple), f"{who} layers")
    if len(layers) > guard.LIMITS.layers:
        raise UnsafeFileError(f"[{who}] expected at most {guard.LIMITS.layers:,} layers, got {len(layers):,}.")
    return list(layers)


def _make_operations(config: Config) -> _Caller:
    caller, ready, inputs = _Caller(), [], []
    for data in _layer_list(config, "Functional"):
        guard.expect(data, dict, "layers")
        if "class_name" not in data or "config" not in data:
            raise SavingError(f"[load] expected a layer's class_name and config, got {guard.shown(data)}.")
        operation = build({k: v for k, v in data.items() if k not in ("name", "inbound_nodes")})
        if not isinstance(operation, (Layer, OpRecipe)):
            raise SavingError(f"[load] expected a layer or op among the layers, got {guard.shown(operation)}.")
        name = guard.expect(data.get("name", operation.name), str, "name")
        if name in caller.operations:
            raise SavingError(f"[load] expected unique layer names, got {guard.shown(name)} twice.")
        nodes = guard.expect(data.get("inbound_nodes", []), (list, tuple), "inbound_nodes")
        ready += caller.add(name, operation, list(nodes))
        if not nodes:
            inputs.append(name)
    caller.run(ready, inputs)
    return caller


def _pick(value: object, tensors: dict[Reference, KerasTensor]) -> Any:
    """Nested references -> nested tensors."""
    if _is_triple(value):
        return tensors[_triple(value)]
    if isinstance(value, dict):
        return {k: _pick(v, tensors) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        values = [_pick(v, tensors) for v in value]
        return tuple(values) if isinstance(value, tuple) else values
    raise SavingError(f"[load] expected [name, node index, tensor index], got {guard.shown(value)}.")


def deserialize_sequential(cls: type, config: Config, custom_objects: CustomObjects = None) -> Any:
    """A sequential model from its config.

    Args:
        cls: the class, called as ``cls(name=)``.
        config: name, layers, and the input shape if it is known.
        custom_objects: name -> class or function, for names that are not kfront's.

    Raises:
        SavingError: the config does not describe such a model.
    """
    with guard.loading(cls.__name__, config, custom_objects):
        guard.expect(config, dict, cls.__name__)
        model = cls(name=guard.expect(config.get("name"), (str, type(None)), "name"))
        made: dict[str, tuple[object, Layer]] = {}
        for data in _layer_list(config, "Sequential"):
            layer = build(data)
            if not isinstance(layer, Layer):
                raise SavingError(f"[Sequential] expected layers, got {guard.shown(layer)}.")
            told, first = made.setdefault(layer.name, (data, layer))
            model.add(first if told == data else layer)  # equal configs are of one layer in several places
        shape = config.get("build_input_shape")
        if shape is not None and not model.built:
            dims = guard.expect(shape, (list, tuple), "build_input_shape")
            model.build(tuple(guard.expect(d, (int, type(None)), "build_input_shape") for d in dims))
        trainable = guard.expect(config.get("trainable", True), bool, "trainable")
        if not trainable:
            model.trainable = False
        return model
