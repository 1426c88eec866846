"""Operations and the graph they form: what a functional model is made of.

`Operation` is the base of `Layer` and of `OpCall` (calls of an op). Calling an operation on KerasTensors
makes a `Node`; each resulting KerasTensor remembers (operation, node index, tensor index).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from kfront.core import tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from kfront.core.naming import auto_name
from kfront.core.op_registry import Declared, declared
from kfront.core.spec import Abstract, KerasTensor, abstract
from kfront.core.state import current, state
from kfront.core.typing import Config, Tensor

if TYPE_CHECKING:
    from kfront.core.op import Op


class KerasHistory(NamedTuple):
    """Where a KerasTensor comes from."""

    operation: Operation
    node_index: int
    tensor_index: int


class Node:
    """One symbolic call of an operation.

    Attributes:
        operation: what was called.
        args, kwargs: its arguments, KerasTensors in place of tensors.
        inputs: the KerasTensors among them, in order.
        outputs: the resulting KerasTensors, flat.
    """

    __slots__ = ("args", "inputs", "kwargs", "operation", "outputs")

    def __init__(
        self, operation: Operation, args: tuple[object, ...], kwargs: dict[str, object], outputs: object
    ) -> None:
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.inputs = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        self.outputs = [x for x in tree.flatten(outputs) if isinstance(x, KerasTensor)]
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for i, x in enumerate(self.outputs):
            x._keras_history = KerasHistory(operation, index, i)
        for x in self.inputs:
            if x._keras_history is not None:
                x._keras_history.operation._outbound_nodes.append(self)

    @property
    def is_input(self) -> bool:
        """Whether this is the node of an input layer."""
        return not self.inputs

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes whose outputs this one takes."""
        return [x._keras_history.operation._inbound_nodes[x._keras_history.node_index] for x in self.inputs]


def any_symbolic(args: tuple[object, ...], kwargs: dict[str, object]) -> bool:
    """Whether a KerasTensor is among nested arguments."""
    return any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs)))


class Operation:
    """Something that maps tensors to tensors and can be a part of a functional graph.

    Args:
        name: its name; made from the class name if None.

    Raises:
        ArgumentError: `name` is no string, or contains ``/``.

    Example:

    >>> import kfront
    >>> class Double(kfront.Operation):
    ...     def call(self, x):
    ...         return x * 2
    >>> Double()(kfront.Input((3,))).shape
    (None, 3)
    """

    _kf_around: Any = None  # wraps its calls: the RematScope it was made in, a layout of its outputs
    _kf_holds_segments = False  # whether, in such a scope, its parts are recomputed one by one
    _kf_of_instance = frozenset({"name", "_kf_init_args"})  # attributes in which operations that were made alike differ
    _kf_is_graph = False  # whether it is a model that was made of symbolic tensors
    # what it was made with, for the config of a class without one
    _kf_init_args: tuple[tuple[object, ...], dict[str, object]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        self._kf_init_args = (args, kwargs)
        return self

    def __init__(self, name: str | None = None, **kwargs: object) -> None:
        if name is not None and not isinstance(name, str):
            raise ArgumentError(f"[{type(self).__name__}] expected `name` to be a string, got {name!r}.")
        if name is not None and "/" in name:
            raise ArgumentError(f"[{type(self).__name__}] expected a `name` without '/', got {name!r}.")
        self.name = name if name is not None else auto_name(type(self).__name__)
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []
        self._kf_around = state.remat

    @overload
    def __call__(self, inputs: KerasTensor | Sequence[KerasTensor], /, **kwargs: Any) -> KerasTensor: ...
    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on tensors, or record a node on KerasTensors."""
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        if self._kf_around is not None:
            return self.rematerialized_call(self.call, *args, **kwargs)(*args, **kwargs)
        return self.call(*args, **kwargs)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs with a quantized weight; operations that can override it.

        Raises:
            UnsupportedError: here.
        """
        raise UnsupportedError(f"[{self.name}] expected an operation with a quantized form, got {type(self).__name__}.")

    def rematerialized_call(self, layer_call: object, *args: object, **kwargs: object) -> Any:
        """The computation of the operation in the `RematScope` that it was made in.

        Args:
            layer_call: its `call`.
            *args: as for `layer_call`.
            **kwargs: as for `layer_call`.

        Returns:
            A function of the same arguments; `layer_call` itself where nothing is recomputed.
        """
        return layer_call if self._kf_around is None else self._kf_around.instead(self, layer_call, args, kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; subclasses define it."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `call`.")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Infer the outputs and record a node."""
        outputs = self.compute_output_spec(*args, **kwargs)
        return record(self, args, kwargs, outputs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors with the shapes and dtypes of the outputs: by default `call` run on abstract values."""
        args, kwargs = tree.map_structure(abstract_of, (args, kwargs))
        return self.call(*args, **kwargs)

    def get_config(self) -> Config:
        """Constructor arguments."""
        from kfront.core.auto_config import auto_config, taken  # which imports this module

        return {**taken(self, {"name": self.name}), **auto_config(self, Operation)}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """An operation from its config.

        Raises:
            ArgumentTypeError: if the constructor does not take it.
        """
        try:
            return cls(**config)
        except ArgumentError as error:
            raise ArgumentTypeError(f"{error} The config is that of {cls.__name__}: {config!s:.500}.") from error

    from_config.__func__._automatic = True  # type: ignore[attr-defined]

    def _kf_first_node(self, what: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"[{self.name}] expected a symbolic call before `{what}` is read, got none; build a functional model, "
                "or call it on an Input."
            )
        return self._inbound_nodes[0]

    @property
    def input(self) -> KerasTensor | list[KerasTensor]:
        """The symbolic input(s) of the first call.

        Raises:
            AttributeError: if it was never called so.
        """
        inputs = self._kf_first_node("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> KerasTensor | list[KerasTensor]:
        """The symbolic output(s) of the first call.

        Raises:
            AttributeError: if it was never called so.
        """
        outputs = self._kf_first_node("output").outputs
        return outputs[0] if len(outputs) == 1 else outputs


def abstract_of(x: Any) -> Any:
    """Shape and dtype in place of a tensor, or of an array; anything else as it is."""
    if isinstance(x, KerasTensor):
        return abstract(x)
    b = state.backend or current()
    return Abstract(b.static_shape(x), b.dtype_name(x.dtype)) if b.is_tensor(x) else x


def record(operation: Operation, args: tuple[object, ...], kwargs: dict[str, object], outputs: object) -> Any:
    """Fresh KerasTensors for `outputs`, with their history set."""

    def new(x: Tensor) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        out = KerasTensor(x.shape, x.dtype, x.sparse, name=auto_name("keras_tensor"))
        out._keras_mask = x._keras_mask
        return out

    fresh = tree.map_structure(new, outputs)
    Node(operation, args, kwargs, fresh)
    return fresh


class OpCall(Operation):
    """One call of an op inside a functional graph; each op has a subclass, see `op_class`.

    Args:
        *args: the op's arguments that are not given when it is called, in order, or by name.
        name: the node's name; made from that of its class if None.
    """

    op: Op  # the declared op, an attribute of the subclass
    static: dict[str, Any]  # its arguments that are no tensors, by name
    _recorded = False

    def __init__(self, *args: object, name: str | None = None, **static: object) -> None:
        super().__init__(name)
        self.static = self.op.options(args, static)

    @classmethod
    def recorded(cls, static: dict[str, Any]) -> OpCall:
        """The operation of a call that a graph records; it has all arguments in the form that `Op.public` takes."""
        self = cls.__new__(cls)
        Operation.__init__(self)
        self.static, self._recorded = static, True
        return self

    def call(self, *tensors: Any, **static: Any) -> Any:
        """Run the op on tensors; arguments that were recorded need not be repeated."""
        if not self._recorded:
            return self.op.apply(tensors, {**self.static, **static})
        named = dict(zip(self.op.tensors, tensors, strict=False))
        return self.op.public(**named, **{**self.static, **static})

    __call__ = call

    def __getattr__(self, name: str) -> Any:
        static = self.__dict__.get("static", {})
        if name not in static:
            raise AttributeError(f"[{type(self).__name__}] expected an argument of the operation, got {name!r}.")
        return static[name]

    def __reduce__(self) -> tuple[object, ...]:  # its class has no place in a module
        return _empty_call, (self.op.name,), self.__dict__

    def get_config(self) -> Config:
        """The op's static arguments that are not tensors."""
        return {"name": self.name, **{k: v for k, v in self.static.items() if not isinstance(v, KerasTensor)}}


@functools.cache
def op_class(op: Declared) -> type[OpCall]:
    """The class of a declared op's operations, under the name that Keras gives it."""
    return type(op.class_name, (OpCall,), {"op": op, "__doc__": f"Calls of `{op.name}`."})


def _empty_call(op: str) -> OpCall:
    cls = op_class(declared(op))
    return cls.__new__(cls)


def record_op(op: Op, tensors: tuple[Tensor, ...], static: tuple[object, ...], outputs: object) -> Any:
    """Record a call of `op`; static arguments that hold KerasTensors become inputs of the node too."""
    named = dict(zip(op.static, static, strict=True))
    symbolic = {k: v for k, v in named.items() if any(isinstance(x, KerasTensor) for x in tree.flatten(v))}
    fixed = {k: v for k, v in named.items() if k not in symbolic}
    return record(op_class(op).recorded(fixed), tuple(tensors), symbolic, outputs)
