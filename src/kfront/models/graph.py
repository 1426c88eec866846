"""The graph behind a functional model: found by walking back from the outputs, run as a flat plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kfront.core import tree
from kfront.core.errors import ArgumentError
from kfront.core.naming import to_snake_case
from kfront.core.operation import Node, OpCall
from kfront.core.spec import KerasTensor
from kfront.core.typing import AnyCallable, Backend, Config

if TYPE_CHECKING:
    from kfront.layers.base import Layer


class Graph:
    """The nodes between symbolic inputs and outputs.

    Args:
        inputs: list of KerasTensors.
        outputs: list of KerasTensors.

    Attributes:
        nodes: nodes in the order in which they run, which is Keras's too: by depth.
        operations: the operations in the order that Keras lists them: by depth, then by first visit.

    Raises:
        ArgumentError: if an output does not come from the inputs.
    """

    def __init__(self, inputs: list[KerasTensor], outputs: list[KerasTensor]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.nodes, self.operations = self._by_depth(*self._sort())
        self._check_names()
        self._kf_plan: tuple[list[tuple[Any, ...]], int, list[int]] | None = None

    def _sort(self) -> tuple[list[Node], dict[int, int]]:
        """Depth first from the outputs: nodes after those they need, and when each operation was met first."""
        stops = {id(x) for x in self.inputs}
        done: dict[int, Node] = {}
        visit: dict[int, int] = {}
        for x in self.inputs:
            if x._keras_history is None:
                raise ArgumentError(f"[Model] expected inputs made by `Input`, got {x!r}.")
        if not self.outputs:
            raise ArgumentError("[Model] expected at least one output, got none.")
        for out in self.outputs:
            stack: list[tuple[Node, bool]] = [(_node_of(out), False)]
            while stack:
                node, ready = stack.pop()
                if ready:
                    done.setdefault(id(node), node)
                    continue
                if id(node) in done:
                    continue
                visit.setdefault(id(node.operation), len(visit))
                stack.append((node, True))
                if any(id(x) in stops for x in node.outputs):
                    continue
                if node.is_input:
                    raise ArgumentError(
                        f"[Model] expected every output to depend on the given inputs only, got input "
                        f"{node.operation.name!r} that is not among them; add it to `inputs`."
                    )
                for x in reversed(node.inputs):
                    stack.append((_node_of(x), False))
        for i, x in enumerate(self.inputs, -len(self.inputs)):
            node = _node_of(x)
            if id(node) not in done:
                visit.setdefault(id(node.operation), i)  # inputs that are not used come first of their depth
                done[id(node)] = node
        return list(done.values()), visit

    def _by_depth(self, nodes: list[Node], first_visit: dict[int, int]) -> tuple[list[Node], list[Any]]:
        """The nodes from the deepest on, and their operations likewise."""
        depth: dict[int, int] = {}
        stops = {id(x) for x in self.inputs}
        op_depth: dict[int, tuple[int, object]] = {}
        for node in reversed(nodes):
            d = depth.setdefault(id(node), 0)
            d = max(d, op_depth.get(id(node.operation), (0, None))[0])
            depth[id(node)] = d
            op_depth[id(node.operation)] = (d, node.operation)
            if any(id(x) in stops for x in node.outputs):
                continue
            for x in node.inputs:
                parent = id(_node_of(x))
                depth[parent] = max(depth.get(parent, 0), d + 1)
        by_id = {id(node): node for node in nodes}
        in_turn = sorted((by_id[i] for i in depth), key=lambda node: -depth[id(node)])
        ranked = sorted(op_depth.values(), key=lambda p: (-p[0], first_visit[id(p[1])]))
        return in_turn, [operation for _, operation in ranked]

    def _check_names(self) -> None:
        seen: dict[str, object] = {}
        for operation in self.operations:
            if operation.name in seen:
                raise ArgumentError(
                    f"[Model] expected unique layer names, got {operation.name!r} twice; pass `name=` to one of them."
                )
            seen[operation.name] = operation

    # -- running ------------------------------------------------------------------------------------------------------

    def _make_plan(self) -> tuple[list[tuple[Any, ...]], int, list[int]]:
        """Steps (function, source slot or -1, argument maker, result slots, slots no longer needed).

        With them the number of slots, and those of the outputs.
        """
        slot: dict[int, int] = {id(x): i for i, x in enumerate(self.inputs)}
        steps: list[list[Any]] = []
        count = len(self.inputs)
        last_use: dict[int, int] = {}
        for node in self.nodes:
            if all(id(x) in slot for x in node.outputs) or node.is_input:
                continue
            for x in node.inputs:
                last_use[slot[id(x)]] = len(steps)
            places = []
            for x in node.outputs:
                slot[id(x)] = count
                places.append(count)
                count += 1
            source, make = _arguments(node, slot)
            steps.append([_function(node), source, make, places, ()])
        kept = {slot[id(x)] for x in self.outputs}
        for s, at in last_use.items():
            if s not in kept:
                steps[at][4] += (s,)
        plan = [(f, src, make, p[0] if len(p) == 1 else p, free) for f, src, make, p, free in steps]
        return plan, count, [slot[id(x)] for x in self.outputs]

    def run(self, inputs: list[KerasTensor]) -> list[Any]:
        """The outputs for flat inputs."""
        plan = self._kf_plan
        if plan is None:
            plan = self._kf_plan = self._make_plan()
        steps, count, results = plan
        slots: list[object] = [None] * count
        slots[: len(inputs)] = inputs
        for function, source, make, place, free in steps:
            if source >= 0:
                out = function(slots[source])
            else:
                args, kwargs = make(slots)
                out = function(*args, **kwargs)
            if type(place) is int:
                slots[place] = out[0] if type(out) in (list, tuple) else out
            else:
                for p, x in zip(place, tree.flatten(out), strict=True):
                    slots[p] = x
            for s in free:
                slots[s] = None
        return [slots[i] for i in results]

    def __getstate__(self) -> Config:
        return {**self.__dict__, "_kf_plan": None}


def _node_of(x: KerasTensor) -> Node:
    history = x._keras_history
    if history is None:
        raise ArgumentError(f"[Model] expected symbolic tensors that come from `Input`, got {x!r}.")
    return history.operation._inbound_nodes[history.node_index]


def _function(node: Node) -> AnyCallable:
    operation = node.operation
    if isinstance(operation, OpCall):
        public, static = operation.op.public, operation.static
        if not static:
            return public
        return lambda *args, **kwargs: public(*args, **static, **kwargs)
    return operation


def _arguments(node: Node, slot: dict[int, int]) -> tuple[int, object]:
    """The slot of the only argument, or -1 and a function slots -> (args, kwargs)."""
    args, kwargs = node.args, node.kwargs
    if len(args) == 1 and not kwargs and isinstance(args[0], KerasTensor):
        return slot[id(args[0])], None
    if isinstance(node.operation, OpCall) and node.operation.op.tensors:
        args, kwargs = (), {**dict(zip(node.operation.op.tensors, args, strict=False)), **kwargs}
    positional, named = [_reader(x, slot) for x in args], {k: _reader(x, slot) for k, x in kwargs.items()}
    return -1, lambda slots: ([read(slots) for read in positional], {k: read(slots) for k, read in named.items()})


def _reader(x: object, slot: dict[int, int]) -> Callable[[Sequence[object]], object]:
    """A function slots -> what an argument of a node stands for."""
    if isinstance(x, KerasTensor):
        place = slot[id(x)]
        return lambda slots: slots[place]
    if type(x) is list or type(x) is tuple:
        parts, kind = [_reader(part, slot) for part in x], type(x)
        return lambda slots: kind([read(slots) for read in parts])
    if not tree.is_nested(x):
        return lambda slots: x
    return lambda slots: tree.map_structure(lambda v: slots[slot[id(v)]] if isinstance(v, KerasTensor) else v, x)


def clone_graph(
    graph: Graph, inputs: Sequence[object], call: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
) -> list[Any]:
    """Call every node again on new symbolic inputs.

    Args:
        graph: the graph to repeat.
        inputs: KerasTensors in the place of `graph.inputs`.
        call: called as ``call(operation, args, kwargs)``; returns the outputs.

    Returns:
        KerasTensors in the place of `graph.outputs`.
    """
    have: dict[int, object] = {id(old): new for old, new in zip(graph.inputs, inputs, strict=True)}
    for node in graph.nodes:
        if node.is_input or all(id(x) in have for x in node.outputs):
            continue
        swap = lambda x: have[id(x)] if isinstance(x, KerasTensor) else x  # noqa: E731
        args, kwargs = tree.map_structure(swap, (node.args, node.kwargs))
        out = call(node.operation, args, kwargs)
        for old, new in zip(node.outputs, tree.flatten(out), strict=True):
            have[id(old)] = new
    return [have[id(x)] for x in graph.outputs]


def place_of(tracker: Any, layer: Layer, number: int) -> str:
    """The name under which a model owns a layer: its own, or, where that was made automatically, a number within the
    model (``dense``, ``dense_1``), so that models made alike have a `state_dict` and checkpoints alike.

    Args:
        tracker: the model's.
        layer: the layer.
        number: how many layers of its class come before it.
    """
    name, kind = layer.name, to_snake_case(type(layer).__name__)
    rest = name.removeprefix(kind)
    if not rest or (rest[0] == "_" and rest[1:].isdigit() and rest != name):
        name = f"{kind}_{number}" if number else kind
    while name in tracker.items and tracker.items[name][0][1] is not layer:
        name += "_"
    return name


def input_dtype(backend: Backend, dtype: str) -> Any:
    """The engine's dtype of an input; None for strings where it has none."""
    return None if dtype == "string" and "string" not in backend.dtypes else backend.native_dtype(dtype)
