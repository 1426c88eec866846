"""Recorded ops as plain dicts and back, in the form that Keras writes: a class for each op, its arguments as config."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kfront.core import guard, tree
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.naming import auto_name
from kfront.core.op_registry import Declared, class_of, declared, ops_in_files
from kfront.core.operation import OpCall
from kfront.core.spec import KerasTensor
from kfront.core.typing import Config

_ACTIVATIONS = "keras.src.activations.activations"
_FUSED = {"ReLU": "relu", "Mish": "mish"}  # activations that Keras records as one op
_PAIRS = ("fft", "fft2", "ifft2", "irfft", "istft")  # take one pair (real part, imaginary part)
_SPREAD = {"rearrange": ("axes_lengths",), **dict.fromkeys(_PAIRS, ("imag",))}  # in the call, otherwise

# arguments that Keras before 3.16 has not, with their default: files have them only where they say something else
_NEWER: dict[tuple[str, str], object] = {
    ("amax", "initial"): None,
    ("amin", "initial"): None,
    ("top_k", "is_stable"): True,
}


def is_op_config(config: Config) -> bool:
    """Whether a serialized object is a recorded op."""
    module = config.get("module")
    return isinstance(module, str) and (module.startswith("keras.src.ops.") or module == _ACTIVATIONS)


def _call_names(one: Any) -> tuple[str, ...]:
    names = declared(one.name).call_args or (one.tensors[0] if one.tensors else one.parameters[0],)
    return (f"*{one.tensors[0]}",) if names[0].startswith("*") else names


def _arguments_of(op_call: OpCall, node: Any) -> dict[str, Any]:
    """All arguments of a recorded op by name."""
    named = dict(op_call.static)
    if node is not None:
        named.update(zip(op_call.op.tensors, node.args, strict=False))
        named.update(node.kwargs)
    return named


def _has_symbolic(value: object) -> bool:
    return any(isinstance(x, KerasTensor) for x in tree.flatten(value))


def serialize_op_call(op_call: OpCall, serialize: Callable[[Any], Any]) -> dict[str, object]:
    """The form of a recorded op, as Keras writes it; the arguments of the call itself are in its node.

    Args:
        op_call: from a functional graph.
        serialize: gives the form of an argument.

    Raises:
        SavingError: Keras's format has no such op.
    """
    one = op_call.op
    where = class_of(one.name)
    if where is None:
        raise SavingError(
            f"[save] expected an op of the `.keras` format, got `{one.name}` in the graph; put it into a layer "
            "of your own."
        )
    node = op_call._inbound_nodes[0] if op_call._inbound_nodes else None
    in_call = {n.lstrip("*") for n in _call_names(one)} | set(_SPREAD.get(one.name, ()))
    config = {"name": op_call.name}
    for key, value in _arguments_of(op_call, node).items():
        if key not in in_call and not _has_symbolic(value) and _NEWER.get((one.name, key), ...) is not value:
            config[key] = serialize(value)
    return {"module": where[0], "class_name": where[1], "config": config, "registered_name": where[1]}


class OpRecipe:
    """A recorded op from a file: calling it on symbolic tensors records it again under its name.

    Attributes:
        name: its name in the graph.
        op: what was declared.
        static: its arguments that a node does not list.
    """

    def __init__(self, name: str, op: Declared, static: Mapping[str, object]) -> None:
        self.name, self.op, self.static = name, op, static

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the op with arguments as a node lists them."""
        named = {**self.static, **kwargs}
        if self.op.name == "get_item" and type(named.get("key")) is list:
            named["key"] = tuple(named["key"])
        out = self.op.apply([tuple(a) if self.op.name == "get_item" and type(a) is list else a for a in args], named)
        inner = _new_operations(out, (args, kwargs))
        for i, operation in enumerate(inner):
            operation.name = self.name if i == 0 else f"{self.name}__{i}"
        return out


def _new_operations(outputs: object, inputs: object) -> list[Any]:
    """The operations between symbolic inputs and outputs, the last first."""
    stop = {id(x) for x in tree.flatten(inputs)}
    found: dict[int, object] = {}
    stack = [x for x in tree.flatten(outputs) if isinstance(x, KerasTensor)]
    while stack:
        x = stack.pop(0)
        if id(x) in stop or x._keras_history is None or id(x._keras_history.operation) in found:
            continue
        operation = x._keras_history.operation
        found[id(operation)] = operation
        stack.extend(operation._inbound_nodes[x._keras_history.node_index].inputs)
    return list(found.values())


def deserialize_op_call(config: dict[str, Any], build: Callable[[Any], Any]) -> OpRecipe:
    """A recorded op from its form; only declared ops are found.

    Args:
        config: what `serialize_op_call` gave.
        build: makes an argument of its form.

    Raises:
        UnsafeFileError: there is no such op.
        SavingError: its config has unknown entries.
    """
    module, name = config["module"], guard.expect(config["class_name"], str, "class_name")
    inner = dict(guard.expect(config["config"], dict, name))
    op = _find_op(module, name)
    own_name = inner.pop("name", None)
    own_name = auto_name(op.class_name) if own_name is None else guard.expect(own_name, str, f"{name} name")
    parameters = inspect.signature(op.function).parameters
    unknown = sorted(k for k in inner if k not in parameters)
    if any(inner[k] not in (None, False) for k in unknown):
        raise SavingError(f"[{name}] expected arguments among {', '.join(parameters)}, got {guard.shown(unknown)}.")
    static = {k: build(v) for k, v in inner.items() if k in parameters}
    return OpRecipe(own_name, op, static)


def _find_op(module: str, name: str) -> Declared:
    if module == _ACTIVATIONS and name in _FUSED:
        one = Declared()
        one.name, one.call_args = _FUSED[name], ("x",)
        one.function = guard.public_name("kfront.activations", one.name)
        return one
    op = ops_in_files().get((module, name), "")
    home = "kfront.ops.image" if module == "keras.src.ops.image" else "kfront.ops"
    if not op or guard.public_name(home, op) is None:
        raise UnsafeFileError(f"[load] expected an op of kfront, got {guard.shown(f'{module}.{name}')}, which is none.")
    return declared(op)


def call_arguments(node: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments of a recorded op in the order of Keras's call; the others are in the op's config."""
    one = node.operation.op
    named = _arguments_of(node.operation, node)
    names = _call_names(one)
    if names[0].startswith("*"):
        return list(named[names[0][1:]]), {}
    if names[-1].startswith("*"):
        return list(node.args), {}
    if one.name in _PAIRS:
        return [[named["real"], named["imag"]]], {}
    if one.name == "rearrange":
        return [named[n] for n in names], dict(named["axes_lengths"])
    return [named.get(n) for n in names], {k: v for k, v in named.items() if k not in names and _has_symbolic(v)}
