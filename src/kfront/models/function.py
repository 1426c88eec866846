"""`Function`: a graph of operations between symbolic tensors as one operation, without the rest of a model."""

from __future__ import annotations

from typing import Any

from kfront.core import tree
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.operation import Node, Operation
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import ShapeLike
from kfront.layers.input_spec import InputSpec
from kfront.models.graph import Graph


class _Start(Operation):
    """The source of a tensor that no operation made."""


class Function(Operation):
    """The computation between some symbolic tensors and others, to be applied to new inputs.

    Args:
        inputs: KerasTensor, or nested ones; they may come from nowhere, or from inside another graph.
        outputs: KerasTensor, or nested ones, that depend on `inputs` only.
        name: its name.

    Attributes:
        inputs, outputs: the symbolic tensors, flat.
        operations: the operations in between.

    Raises:
        ArgumentError: if an output depends on more than the inputs.

    Example:

    >>> import kfront
    >>> x = kfront.KerasTensor((None, 3))
    >>> function = kfront.Function(x, kfront.ops.relu(x) + 1)
    >>> float(kfront.ops.sum(function(kfront.ops.ones((2, 3)))))
    12.0
    """

    _kf_holds_segments = True

    def __init__(self, inputs: object, outputs: object, name: str | None = None) -> None:
        super().__init__(name=name)
        flat_in, flat_out = tree.flatten(inputs), tree.flatten(outputs)
        for x in (*flat_in, *flat_out):
            if not isinstance(x, KerasTensor):
                raise ArgumentError(f"[{self.name}] expected `inputs` and `outputs` of KerasTensors, got {x!r}.")
        for x in flat_in:
            if x._keras_history is None:
                Node(_Start(), (), {}, x)
        self._inputs_struct, self._outputs_struct = inputs, outputs
        self._kf_graph = Graph(flat_in, flat_out)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return self._kf_graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return self._kf_graph.outputs

    @property
    def operations(self) -> list[Operation]:
        """The operations between them, in an order in which they can run."""
        nodes = (x._keras_history.operation._inbound_nodes[x._keras_history.node_index] for x in self.inputs)
        before = {id(node.operation) for node in nodes if not node.is_input or isinstance(node.operation, _Start)}
        return [x for x in self._kf_graph.operations if id(x) not in before]

    def call(self, inputs: Any) -> Any:
        """The outputs for inputs in the structure of the symbolic ones."""
        flat = tree.flatten(inputs)
        if len(flat) != len(self.inputs):
            raise ShapeError(f"[{self.name}] expected {len(self.inputs)} input(s), got {len(flat)}.")
        for x, wanted in zip(flat, self.inputs, strict=True):
            problem = InputSpec(shape=wanted.shape).problem(tuple(x.shape), "") if hasattr(x, "shape") else ""
            if problem:
                raise ShapeError(f"[{self.name}] {problem}; reshape the data.")
        return tree.pack_sequence_as(self._outputs_struct, self._kf_graph.run(flat))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Shapes and dtypes of the outputs for symbolic inputs."""
        return self.call(tree.map_structure(lambda x: Abstract(x.shape, x.dtype), inputs))

    def compute_output_shape(self, input_shape: ShapeLike) -> Any:
        """The shapes of the outputs for shapes of the inputs."""
        shapes = tree.map_shape_structure(lambda s: Abstract(s, "float32"), input_shape)
        flat = [Abstract(s.shape, x.dtype) for s, x in zip(tree.flatten(shapes), self.inputs, strict=True)]
        specs = self.compute_output_spec(tree.pack_sequence_as(self._inputs_struct, flat))
        return tree.map_structure(lambda x: tuple(x.shape), specs)


def get_source_inputs(tensor: object) -> list[object]:
    """The inputs that a symbolic tensor is computed from.

    Args:
        tensor: KerasTensor.

    Returns:
        List of KerasTensors, each once; `tensor` itself if no operation made it.

    Raises:
        ArgumentError: if it is no KerasTensor.

    Example:

    >>> import kfront
    >>> x = kfront.Input((3,))
    >>> kfront.utils.get_source_inputs(kfront.layers.Dense(2)(x))[0] is x
    True
    """
    if not isinstance(tensor, KerasTensor):
        raise ArgumentError(f"[get_source_inputs] expected a KerasTensor, got {tensor!r}.")
    found: dict[int, object] = {}
    seen: set[int] = set()
    todo = [tensor]
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        history = x._keras_history
        inputs = [] if history is None else history.operation._inbound_nodes[history.node_index].inputs
        if not inputs:
            found[id(x)] = x
        todo.extend(reversed(inputs))
    return list(found.values())
