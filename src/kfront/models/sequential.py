"""`Sequential`: layers one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfront import dtype_policies, ops
from kfront.backends import backend_scope
from kfront.core import codec, shapes, tree
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from kfront.core.naming import name_scope
from kfront.core.registry import serializable
from kfront.core.spec import Abstract, KerasTensor, abstract, is_text
from kfront.core.tracking import structure
from kfront.core.typing import Backend, Config, CustomObjects, Nested, Shape, ShapeLike, Tensor
from kfront.layers.base import Layer
from kfront.layers.foreign import TorchModuleWrapper
from kfront.layers.input_layer import Input, InputLayer
from kfront.models.graph import Graph, input_dtype, place_of
from kfront.models.graph_config import deserialize_sequential
from kfront.models.model import Model

_OF_THE_GRAPH = ("_kf_graph", "inputs", "outputs", "input", "output", "input_shape", "output_shape")


class NoGraphError(NotBuiltError, AttributeError):
    """There is no symbolic input or output yet: to `hasattr` and `getattr` with a default, no such attribute."""


@serializable(("keras.models", "keras", "keras.src.models.sequential"))
class Sequential(Model):
    """Layers applied one after another.

    Args:
        layers: list of layers; an `Input` at the start makes the model build at once. On torch some may be a
            `torch.nn.Module`, around which a `TorchModuleWrapper` is put.
        trainable: whether its weights are trained.
        name: the model's name.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])
    >>> model.output_shape
    (None, 2)
    """

    _kf_sequence: list[Any]

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        Layer.__init__(self, trainable=trainable, name=name)
        self._kf_set_sequence([])
        self._kf_tail: Any = None
        self._kf_head: Any = None
        for layer in [layers] if isinstance(layers, Layer) else layers or ():
            self.add(layer)

    def _kf_set_sequence(self, layers: list[Layer]) -> None:
        """The layers in order; the model owns each under a name (`_kf_place`), so that the list is not tracked too."""
        self.__dict__["_kf_sequence"] = layers
        structure.changes += 1

    # -- editing ------------------------------------------------------------------------------------------------------

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer.

        Args:
            layer: a Layer, or an `Input` at the start; on torch also a `torch.nn.Module`.
            rebuild: kept for compatibility.

        Raises:
            ArgumentTypeError: if it is not a layer.
            ArgumentError: if its name is taken, or an Input comes later than first.
        """
        made = getattr(getattr(layer, "_keras_history", None), "operation", None)
        layer = made if isinstance(made, InputLayer) else layer
        if not isinstance(layer, Layer):
            layer = self._kf_wrapped(layer)
        if isinstance(layer, InputLayer):
            if self._kf_sequence or self._kf_head is not None:
                raise ArgumentError(f"[{self.name}] expected an `Input` only as the first layer, got one later.")
            self._kf_start_with(layer)
            self._kf_tail = layer._inbound_nodes[0].outputs[0]
            self._tracker.track(place_of(self._tracker, layer, 0), layer)
            return
        if layer.name in [one.name for one in self._kf_sequence] and not self._kf_holds(layer):
            raise ArgumentError(
                f"[{self.name}] expected unique layer names, got {layer.name!r} twice; pass `name=` to one of them."
            )
        if not self._kf_sequence and self._kf_head is None:
            shape, graph = layer.__dict__.get("_kf_input_shape_arg"), _graph_of(layer)
            if shape is not None:
                self.add(Input(shape, dtype=layer.compute_dtype if _floats(layer) else None))
            elif graph is not None and len(graph.inputs) == 1:
                self.add(Input(batch_shape=graph.inputs[0].shape, dtype=graph.inputs[0].dtype))
        self._kf_append(layer)

    def _kf_wrapped(self, value: object) -> Layer:
        """A module of the engine's own as a layer."""
        if not isinstance(value, self._kf_backend.module_types):
            raise ArgumentTypeError(
                f"[Sequential] expected a Layer, got {type(value).__name__}; wrap a function in `kfront.layers.Lambda`."
            )
        return TorchModuleWrapper(value)

    def _kf_start_with(self, layer: Layer) -> None:
        self._kf_head = layer
        self._kf_head_dtype = input_dtype(self._kf_backend, layer.dtype)

    def _kf_append(self, layer: Layer) -> None:
        if self._kf_tail is not None:
            with backend_scope(self._kf_backend), name_scope(self.name, caller=self):
                try:
                    self._kf_tail = layer(self._kf_tail)
                except NotImplementedError:  # of a layer that cannot tell its output's shape: there is no graph
                    self._kf_tail = None
            self.built = True
        if not self._kf_holds(layer):
            self._tracker.track(self._kf_place(layer), layer)
        self._kf_set_sequence([*self._kf_sequence, layer])
        self.__dict__["_kf_graph_cache"] = None

    def _kf_place(self, layer: Layer) -> str:
        return place_of(self._tracker, layer, list(map(type, self._kf_sequence)).count(type(layer)))

    def _kf_holds(self, layer: Layer) -> bool:
        return id(layer) in map(id, self._kf_sequence)

    def pop(self, rebuild: bool = True) -> Any:
        """Remove and return the last layer."""
        if not self._kf_sequence:
            raise ArgumentError(f"[{self.name}] expected at least one layer to pop, got an empty model.")
        *rest, layer = self._kf_sequence
        self._kf_set_sequence(rest)
        if not self._kf_holds(layer):
            self._tracker.forget(self._kf_place(layer))
        self._kf_connect()
        return layer

    def _kf_connect(self) -> None:
        """Call the layers on the symbolic input, if there is one."""
        self.__dict__["_kf_graph_cache"] = None
        if self._kf_head is not None:
            self._kf_tail = self._kf_head._inbound_nodes[0].outputs[0]
            for one in self._kf_sequence:
                self._kf_tail = one(self._kf_tail)

    def _kf_replaced(self, old: Layer, new: Layer) -> None:
        if old in self._kf_sequence:
            self._kf_set_sequence([new if one is old else one for one in self._kf_sequence])
            self._kf_connect()

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._kf_sequence)

    # -- building and running -----------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Create all weights for inputs of this shape, the batch dimension included.

        Args:
            input_shape: shape of the inputs; may be left out if the model starts with an `Input`.

        Raises:
            ArgumentError: if there is none, or another than that of the `Input`.
        """
        if self._kf_head is not None:
            if isinstance(input_shape, tuple) and not shapes.may_be_equal(self._kf_head.batch_shape, input_shape):
                raise ArgumentError(
                    f"[{self.name}] expected the `input_shape` of its `Input`, {self._kf_head.batch_shape}, got "
                    f"{input_shape}."
                )
            return
        if input_shape is None:
            raise ArgumentError(f"[{self.name}] expected `input_shape`, got None; pass it or start with an `Input`.")
        if not self._kf_sequence:
            raise ArgumentError(f"[{self.name}] expected at least one layer before `build`, got an empty model.")
        several = isinstance(input_shape, dict) or any(isinstance(d, (list, tuple)) for d in input_shape)
        if several:  # the first layer takes a structure of tensors: there is no one `Input` to start a graph with
            x = tree.map_shape_structure(lambda s: Abstract(s, self._kf_sequence[0].compute_dtype), input_shape)
            for layer in self._kf_sequence:
                x = layer(x)
            return
        dtype = "float32" if self.compute_dtype is None else self._kf_sequence[0].compute_dtype
        head = Input(batch_shape=tuple(input_shape), dtype=dtype)._keras_history.operation
        self._kf_start_with(head)
        self._kf_tail = head._inbound_nodes[0].outputs[0]
        sequence = self._kf_sequence
        self._kf_set_sequence([])
        try:
            for layer in sequence:
                self._kf_append(layer)
        except Exception:
            self._kf_set_sequence(sequence)
            self._kf_head = self._kf_tail = None
            raise

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: object) -> Any:
        """Apply the layers in order.

        Args:
            inputs: a tensor.
            training: whether layers behave as in training.
            mask: mask of the input.
            **kwargs: not used; a warning tells them.
        """
        if kwargs:
            self._kf_warn_unused(kwargs)
        x = inputs if self._kf_head is None else self._kf_in_dtype(inputs)
        if mask is not None:
            self._kf_set_masks(x, mask)
        for layer in self._kf_sequence:
            x = layer(x)
        return x

    def _kf_in_dtype(self, x: Any) -> Tensor:
        """Inputs are cast to the dtype of the model's `Input`, as in a functional model."""
        b, head = self._kf_backend, self._kf_head
        if type(x) in b.types and x.dtype == self._kf_head_dtype and len(x.shape) == len(head.batch_shape):
            return x
        if isinstance(x, dict):
            if head.name not in x:
                raise ArgumentError(f"[{self.name}] expected the input {head.name!r}, got a dict with {sorted(x)}.")
            x = x[head.name]
        flat = tree.flatten(x)
        x = flat[0] if len(flat) == 1 and hasattr(flat[0], "shape") else x  # of a list of one
        if hasattr(x, "shape") and len(x.shape) != len(head.batch_shape):
            x = _ranked(x, head.batch_shape, b)
        if isinstance(x, KerasTensor) or not b.is_tensor(x) or is_text(x) or x.dtype == self._kf_head_dtype:
            return x
        return b.cast(x, head.dtype)

    def compute_output_shape(self, input_shape: ShapeLike) -> Any:
        """The shape of the output for an input shape."""
        shape = input_shape
        for layer in self._kf_sequence:
            shape = layer.compute_output_shape(shape)
        return shape

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """A KerasTensor with the shape and dtype of the output for a symbolic input."""
        x = abstract(inputs)
        if self._kf_head is not None:
            x = self._kf_in_dtype(x)
        for layer in self._kf_sequence:
            x = layer(x)
        return x

    @property
    def _kf_graph(self) -> Graph:
        found = self.__dict__.get("_kf_graph_cache")
        if found is None:
            if self._kf_tail is None:
                raise self._kf_no_graph()
            ends = [self._kf_head._inbound_nodes[0].outputs[0]], tree.flatten(self._kf_tail)
            found = self.__dict__["_kf_graph_cache"] = Graph(*ends)
        return found

    def _kf_no_graph(self) -> NoGraphError:
        return NoGraphError(
            f"[{self.name}] expected a built model, got one whose input shape is not known; start it with `Input`, "
            "call `build(input_shape)` or call it on data."
        )

    if not TYPE_CHECKING:  # or every name would be an attribute

        def __getattr__(self, name: str) -> Any:
            """Properties that fail end here, and where the engine's own attributes are looked up."""
            if name in _OF_THE_GRAPH:
                raise self._kf_no_graph()
            inherited = getattr(super(), "__getattr__", None)
            if inherited is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return inherited(name)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list."""
        return self._kf_graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in a list."""
        return self._kf_graph.outputs

    @property
    def input(self) -> KerasTensor:
        """The symbolic input."""
        return self._kf_graph.inputs[0]

    @property
    def output(self) -> Nested[KerasTensor]:
        """The symbolic output, in the structure that the last layer gives."""
        outputs = self._kf_graph.outputs
        return outputs[0] if len(outputs) == 1 else self._kf_tail

    @property
    def input_shape(self) -> Any:
        """The input's shape."""
        return self.input.shape

    @property
    def output_shape(self) -> Shape | list[Shape]:
        """The output's shape; a list of them if there are several."""
        shapes = [x.shape for x in self._kf_graph.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    # -- configuration ------------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """The layers, and the input shape if it is known."""
        layers = ([self._kf_head] if self._kf_head is not None and not self._kf_built_late else []) + self._kf_sequence
        config: dict[str, object] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self._dtype_policy),
            "layers": [codec.serialize_keras_object(x) for x in layers],
        }
        if self._kf_head is not None:
            config["build_input_shape"] = self._kf_head.batch_shape
        return config

    def _kf_architecture(self) -> Config:
        """As of a layer, with the graph that has been left out of its layers."""
        return {**super()._kf_architecture(), "_kf_graph_cache": None if self._kf_tail is None else self._kf_graph}

    _kf_built_late = False
    _kf_head_dtype: object = None  # the engine's dtype of the input

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Any:
        """A model from its config; the saving gate checks what it names."""
        return deserialize_sequential(cls, config, custom_objects)


def _ranked(x: Any, shape: tuple[int | None, ...], backend: Backend) -> Tensor:
    """`x` with a last axis of size 1 added or removed where that makes it fit, as in a functional model."""
    have = tuple(x.shape)
    if is_text(x):
        fits = (len(have) == len(shape) + 1 and have[-1] == 1) or (len(have) == len(shape) - 1 and shape[-1] == 1)
        return x.reshape((*have, 1)[: len(shape)]) if fits else x
    x = x if isinstance(x, KerasTensor) or backend.is_tensor(x) else backend.convert(x)
    if len(have) == len(shape) + 1 and have[-1] == 1:
        return ops.squeeze(x, -1)
    if len(have) == len(shape) - 1 and shape[-1] == 1:
        return ops.expand_dims(x, -1)
    return x


def _graph_of(layer: Layer) -> Graph | None:
    """The graph of a model that knows its inputs."""
    known = layer._kf_is_graph or (isinstance(layer, Sequential) and layer._kf_tail is not None)
    return getattr(layer, "_kf_graph", None) if known else None


def _floats(layer: Layer) -> bool:
    return is_float(layer.compute_dtype or "") and type(layer).__name__ != "Embedding"
