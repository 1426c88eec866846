"""`Functional`: a model given by symbolic inputs and outputs."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kfront import ops
from kfront.core import tree
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.registry import serializable
from kfront.core.spec import KerasTensor, abstract, is_text
from kfront.core.state import state
from kfront.core.typing import Config, CustomObjects
from kfront.layers.base import Layer
from kfront.layers.input_layer import Input, InputLayer
from kfront.layers.input_spec import InputSpec
from kfront.models.graph import Graph, clone_graph, input_dtype, place_of
from kfront.models.graph_config import deserialize_functional, serialize_functional
from kfront.models.model import Model

if TYPE_CHECKING:
    from kfront.core.operation import Operation


@serializable(("keras.models", "keras.src.models.functional", "keras"))
class Functional(Model):
    """A model made of the layers between `inputs` and `outputs`.

    Args:
        inputs: a KerasTensor, or a list, tuple or dict of them (nested as you like).
        outputs: likewise.
        name: the model's name.

    Raises:
        ArgumentError: if inputs or outputs are not symbolic, or are not connected.

    Example:

    >>> import kfront
    >>> x = kfront.Input((4,))
    >>> model = kfront.Model(x, kfront.layers.Dense(2)(x))
    >>> type(model).__name__, model.output_shape
    ('Functional', (None, 2))
    """

    _kf_is_graph = True
    _kf_of_instance = Model._kf_of_instance | {"_kf_input_names"}
    _kf_input_dtypes: list[object]

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        trainable = kwargs.pop("trainable", None)
        Layer.__init__(self, name=name, **kwargs)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        flat_in, flat_out = tree.flatten(inputs), tree.flatten(outputs)
        for x in [*flat_in, *flat_out]:
            if not isinstance(x, KerasTensor):
                raise ArgumentError(
                    f"[{self.name}] expected `inputs` and `outputs` made of symbolic tensors, got {type(x).__name__}; "
                    "start from `kfront.Input` and call layers on it."
                )
        if any(not isinstance(x._keras_history.operation, InputLayer) for x in flat_in if x._keras_history):
            flat_in, flat_out = _from_intermediate(flat_in, flat_out)
            self._inputs_struct = tree.pack_sequence_as(inputs, flat_in)
            self._outputs_struct = tree.pack_sequence_as(outputs, flat_out)
        self._kf_attach(Graph(flat_in, flat_out))
        if trainable is not None:
            self.trainable = trainable

    def _kf_attach(self, graph: Graph) -> None:
        self._kf_graph = graph
        counts: Counter[type] = Counter()
        for operation in graph.operations:
            if isinstance(operation, Layer):
                kind = type(operation)
                self._tracker.track(place_of(self._tracker, operation, counts[kind]), operation)
                counts[kind] += 1
        names = [x._keras_history.operation.name for x in graph.inputs]
        self._kf_input_names = names
        self._kf_single = not tree.is_nested(self._inputs_struct)
        outputs = self._outputs_struct
        if isinstance(outputs, (list, tuple)) and len(outputs) == 1 and not tree.is_nested(outputs[0]):
            outputs = outputs[0]  # calls give the tensor itself, as with Keras
        self._kf_result_struct = outputs
        self._kf_single_out = not tree.is_nested(outputs)
        b = self._kf_backend
        self.__dict__["_kf_input_dtypes"] = [input_dtype(b, x.dtype) for x in graph.inputs]
        self.built = True

    def _kf_replaced(self, old: Layer, new: Layer) -> None:
        if old in self._kf_graph.operations:
            call = lambda one, args, kwargs: (new if one is old else one)(*args, **kwargs)  # noqa: E731
            outputs = clone_graph(self._kf_graph, self._kf_graph.inputs, call)
            self._outputs_struct = tree.pack_sequence_as(self._outputs_struct, outputs)
            self._kf_attach(Graph(self._kf_graph.inputs, outputs))

    def __setstate__(self, saved: Config) -> None:
        super().__setstate__(saved)
        self.__dict__["_kf_input_dtypes"] = [input_dtype(self._kf_backend, x.dtype) for x in self._kf_graph.inputs]

    # -- structure ----------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers of the graph, inputs first."""
        return [o for o in self._kf_graph.operations if isinstance(o, Layer)]

    @property
    def operations(self) -> list[Operation]:
        """The layers and recorded ops of the graph."""
        return list(self._kf_graph.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return self._kf_graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return self._kf_graph.outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs in their structure."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs in their structure."""
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or the list of those of the flat inputs."""
        return _one_or_all([x.shape for x in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or the list of those of the flat outputs."""
        return _one_or_all([x.shape for x in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """The names of the input layers."""
        return list(self._kf_input_names)

    @property
    def output_names(self) -> list[str]:
        """The names of the operations that yield the outputs."""
        return [x._keras_history.operation.name for x in self._kf_graph.outputs]

    @Model.input_spec.getter
    def input_spec(self) -> Any:
        """InputSpecs of the inputs, flat, with a free batch size, unless others were set."""
        if self._input_spec is not None:
            return self._input_spec
        return [
            InputSpec(shape=(None, *x.shape[1:]), name=n)
            for x, n in zip(self.inputs, self._kf_input_names, strict=True)
        ]

    # -- running ------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: object) -> Any:
        """Run the graph.

        Args:
            inputs: in the structure of the model's inputs; a list for a flat structure, or a dict by input names.
            training: whether layers behave as in training.
            mask: masks of the inputs.
            **kwargs: not used; a warning tells them.
        """
        if kwargs:
            self._kf_warn_unused(kwargs)
        if mask is not None:
            self._kf_set_masks(inputs, mask)
        if self._kf_single and type(inputs) in self._kf_backend.types:
            x = inputs
            if x.dtype != self._kf_input_dtypes[0] or len(x.shape) != len(self._kf_graph.inputs[0].shape):
                x = self._kf_fit(x, 0)
            flat = [x]
        else:
            flat = [self._kf_fit(x, i) for i, x in enumerate(self._kf_flatten_inputs(inputs))]
        out = self._kf_graph.run(flat)
        return out[0] if self._kf_single_out else tree.pack_sequence_as(self._kf_result_struct, out)

    def _kf_flatten_inputs(self, inputs: object) -> list[object]:
        by_key = isinstance(self._inputs_struct, dict)
        names = list(self._inputs_struct) if by_key else self._kf_input_names
        if by_key and tree.is_nested(inputs) and (not isinstance(inputs, dict) or len(inputs) > len(names)):
            got = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
            warnings.warn(f"[{self.name}] expected a dict of inputs {sorted(names)}, got {got}.", stacklevel=2)
        if isinstance(inputs, dict):
            missing = [k for k in names if k not in inputs]
            if missing:
                raise ArgumentError(
                    f"[{self.name}] expected inputs {sorted(names)}, got a dict with {sorted(inputs)}; "
                    f"{missing[0]!r} is missing."
                )
            inputs = {k: inputs[k] for k in names} if by_key else [inputs[k] for k in names]
        flat = tree.flatten(inputs)
        if len(flat) != len(self._kf_graph.inputs):
            raise ShapeError(
                f"[{self.name}] expected {len(self._kf_graph.inputs)} input(s) ({', '.join(self._kf_input_names)}), "
                f"got {len(flat)}; pass them as a list or a dict by name."
            )
        return flat

    def _kf_fit(self, x: Any, i: int) -> Any:
        """An input in the dtype of the symbolic one; a missing or surplus last axis of size 1 is added or removed."""
        want = self._kf_graph.inputs[i]
        if x is None and want._keras_history.operation.optional:
            return None
        if x is None or isinstance(x, (str, bytes)):
            raise ArgumentError(f"[{self.name}] expected a tensor for input {self._kf_input_names[i]!r}, got {x!r}.")
        if isinstance(x, KerasTensor):
            x = ops.cast(x, want.dtype) if x.dtype != want.dtype else x
        else:
            b = self._kf_backend
            mask = b.get_mask(x) if state.any_mask_seen and b.is_tensor(x) else None
            y = b.convert(x) if not b.is_tensor(x) and not is_text(x) else x
            y = y if is_text(y) or b.dtype_name(y.dtype) == want.dtype else b.cast(y, want.dtype)
            if mask is not None and y is not x:
                b.set_mask(y, mask)
            x = y
        rank, have = len(want.shape), tuple(x.shape)
        if is_text(x) and (have[-1:] == (1,) or want.shape[-1:] == (1,)):
            x = x.reshape((*have, 1) if len(have) == rank - 1 else have[:rank])
            have = x.shape
        if len(have) == rank + 1 and have[-1] == 1:
            x = ops.squeeze(x, -1)
        elif len(have) == rank - 1 and want.shape[-1] == 1:
            x = ops.expand_dims(x, -1)
        problem = InputSpec(shape=(None, *want.shape[1:])).problem(tuple(x.shape), "")
        if problem:
            raise ShapeError(f"[{self.name}] {problem} for input {self._kf_input_names[i]!r}; reshape the data.")
        return x

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """KerasTensors with the shapes and dtypes of the outputs for symbolic inputs."""
        flat = [self._kf_fit(abstract(x), i) for i, x in enumerate(self._kf_flatten_inputs(inputs))]
        return tree.pack_sequence_as(self._kf_result_struct, self._kf_graph.run(flat))

    # -- configuration ------------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """The graph: layers, their calls, inputs and outputs."""
        if type(self).__dict__.get("_kf_unbound", type(self)) is not Functional and not self._kf_plain_constructor():
            return super().get_config()

        return serialize_functional(self)

    get_config._automatic = True  # type: ignore[attr-defined]

    def _kf_plain_constructor(self) -> bool:
        return type(self).__init__ is Functional.__init__

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Any:
        """A model from its config; the saving gate checks what it names."""
        if "layers" not in config or "output_layers" not in config:
            return super().from_config(config)

        return deserialize_functional(cls, config, custom_objects)


def _one_or_all(shapes: list[object]) -> object:
    return shapes[0] if len(shapes) == 1 else shapes


def _from_intermediate(inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
    """A model may start at a tensor inside another graph: fresh Inputs take its place."""
    fresh = [
        x
        if isinstance(x._keras_history.operation, InputLayer)
        else Input(batch_shape=x.shape, dtype=x.dtype, name=f"{x._keras_history.operation.name}_input")
        for x in inputs
    ]
    graph = Graph(inputs, outputs)
    return fresh, clone_graph(graph, fresh, lambda operation, args, kwargs: _call(operation, args, kwargs))


def _call(operation: Operation, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Any:
    return operation(*args, **kwargs)
