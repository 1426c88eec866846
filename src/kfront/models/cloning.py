"""`clone_model` and `convert`: the same architecture again, on this or another backend."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from kfront.backends import backend_scope, get
from kfront.core import codec, tree
from kfront.core.errors import ArgumentError, UnsupportedError
from kfront.core.operation import OpCall
from kfront.core.registry import CustomObjectScope
from kfront.core.typing import AnyCallable
from kfront.layers.base import Layer
from kfront.layers.input_layer import Input, InputLayer
from kfront.layers.sublayer_policies import keep_quantizers
from kfront.models.functional import Functional
from kfront.models.graph import clone_graph
from kfront.models.model import Model
from kfront.models.sequential import Sequential

if TYPE_CHECKING:
    from kfront.core.operation import Operation

ModelType = TypeVar("ModelType", bound=Model)
LayerType = TypeVar("LayerType", bound=Layer)


def clone_model(
    model: ModelType,
    input_tensors: object = None,
    clone_function: Callable[[object], object] | None = None,
    call_function: AnyCallable | None = None,
    recursive: bool = False,
    **kwargs: object,
) -> ModelType:
    """A new model of the same architecture, with new weights, compiled alike.

    Args:
        model: a Sequential or functional model (a subclassed one is made again from its config).
        input_tensors: KerasTensors to build on.
        clone_function: makes the new layer from each layer; by default from its config.
        call_function: called as ``(layer, *args, **kwargs)`` in place of calling the new layer.
        recursive: whether `clone_function` is applied inside nested models.
        **kwargs: kept for compatibility.

    Returns:
        The new model, on the backend of `model`.

    Raises:
        ArgumentError: `model` is not a model, or `clone_function` is given for a subclassed one.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> copy = kfront.models.clone_model(model)
    >>> copy.count_params(), copy.layers[0] is model.layers[0]
    (8, False)
    """
    if not isinstance(model, Model):
        raise ArgumentError(f"[clone_model] expected a Model, got {type(model).__name__}.")
    make = clone_function or _unbuilt

    def one(layer: Layer) -> Any:
        if recursive and isinstance(layer, (Functional, Sequential)):
            return clone_model(layer, None, clone_function, call_function, True)
        return make(layer)

    with backend_scope(model._kf_backend):
        if isinstance(model, Sequential):
            new = _clone_sequential(model, input_tensors, one)
        elif isinstance(model, Functional):
            new = _clone_functional(model, input_tensors, one, call_function)
        elif clone_function is not None:
            raise ArgumentError("[clone_model] expected a Sequential or functional model with `clone_function`.")
        else:
            new = clone_by_config(model)
        if model.compiled:
            form, table = codec.live_form(model)
            with CustomObjectScope(table):
                new.compile_from_config(form["compile_config"])
        return new


def clone_by_config(layer: Layer, built: bool = True) -> Any:
    """A layer or model of the same config on the current backend, its own classes and functions included.

    Args:
        layer: a live layer or model; its user-made classes need not be registered.
        built: whether the copy gets its weights at once; else its first call makes them.
    """
    form, table = codec.live_form(layer)
    form.pop("compile_config", None)
    if built:
        return codec.deserialize_keras_object(form, custom_objects=table)
    build_config = form.pop("build_config", None)
    made = codec.deserialize_keras_object(form, custom_objects=table)
    keep_quantizers(made, build_config or {})
    return made


def _unbuilt(layer: Layer) -> Any:
    return clone_by_config(layer, built=False)


def _clone_sequential(model: Sequential, input_tensors: object, make: Callable[[Any], Any]) -> Any:
    made = {i: make(layer) for i, layer in {id(layer): layer for layer in model.layers}.items()}
    layers = [made[id(layer)] for layer in model.layers]
    head = []
    if input_tensors is not None:
        head = [tree.flatten(input_tensors)[0]]
    elif model._kf_head is not None:
        head = [Input(batch_shape=model._kf_head.batch_shape, dtype=model._kf_head.dtype, name=model._kf_head.name)]
    return Sequential([*head, *layers], name=model.name, trainable=model.trainable)


def _clone_functional(model: Functional, input_tensors: object, make: Callable[[Any], Any], call: Any) -> Any:
    made: dict[int, Any] = {}
    if input_tensors is None:
        inputs = [Input(batch_shape=x.shape, dtype=x.dtype, name=x._keras_history.operation.name) for x in model.inputs]
    else:
        tree.assert_same_structure(model._inputs_struct, input_tensors)
        inputs = tree.flatten(input_tensors)

    def repeat(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(operation, OpCall):
            return operation(*args, **kwargs)
        new = made.get(id(operation))
        if new is None:
            new = made[id(operation)] = operation if isinstance(operation, InputLayer) else make(operation)
        return call(new, *args, **kwargs) if call is not None else new(*args, **kwargs)

    outputs = clone_graph(model._kf_graph, inputs, repeat)
    return Functional(
        tree.pack_sequence_as(model._inputs_struct, inputs),
        tree.pack_sequence_as(model._outputs_struct, outputs),
        name=model.name,
    )


def convert(model: LayerType, backend: str) -> LayerType:
    """The same live model on another backend: weights, compile state, optimizer state, seeds and metrics.

    Args:
        model: a model or layer.
        backend: name of the backend to move to.

    Returns:
        A new model (or layer); the given one stays as it is.

    Raises:
        BackendError: if the backend is unknown or not installed.
        UnsupportedError: if layers hold modules of another engine.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])
    >>> kfront.convert(model, "numpy").predict([[1.0, 2.0, 3.0, 4.0]], verbose=0).shape
    (1, 2)
    """
    target = get(backend)
    if not isinstance(model, Layer):
        raise ArgumentError(f"[convert] expected a model or layer, got {type(model).__name__}.")
    held = [x.path or x.name for x in model._flatten_layers() if x._kf_holds_native]
    if held and target is not model._kf_backend:
        raise UnsupportedError(
            f"[convert] expected layers of kfront, got modules of {model._kf_backend.name} in {', '.join(held)}; use "
            f"kfront's own layers in their place, which run on {backend} too."
        )
    with backend_scope(target):
        new = clone_by_config(model)
        if model.built and not new.built:
            new.build_from_config(model.get_build_config() or {})
        _copy(model.variables, new.variables, model.name)
        for old, fresh in _pairs(model, new):
            fresh.__dict__["_path"] = old._path
            _copy_assets(old, fresh)
        if isinstance(model, Model) and model.compiled:
            _copy_training(model, new)
    return new


def _pairs(old: Layer, new: Layer) -> Iterator[tuple[Any, Any]]:
    """The layers of a model beside those of its copy, where a model built late may list its input first."""
    yield old, new
    mine, theirs = old._layers, new._layers
    if [x.name for x in mine] != [x.name for x in theirs]:
        named = {x.name: x for x in theirs}
        mine = [x for x in mine if x.name in named]
        theirs = [named[x.name] for x in mine]
    for a, b in zip(mine, theirs, strict=True):
        yield from _pairs(a, b)


def _copy(old: list[Any], new: list[Any], name: str) -> None:
    if len(old) != len(new) or any(a.shape != b.shape for a, b in zip(old, new, strict=True)):
        raise ArgumentError(
            f"[convert] expected the new model to have the variables of {name!r}, got {len(new)} for {len(old)}; "
            "does `get_config` hold every constructor argument?"
        )
    for a, b in zip(old, new, strict=True):
        b.assign(a.numpy())
        b.name, b.path = a.name, a.path


def _copy_assets(old: Any, fresh: Any) -> None:
    """Copy what a layer keeps in files of its own, such as a vocabulary."""
    if callable(getattr(old, "save_assets", None)):
        with tempfile.TemporaryDirectory(prefix="kfront-assets-") as folder:
            old.save_assets(folder)
            if os.listdir(folder):
                fresh.load_assets(folder)


def _copy_training(model: Model, new: Any) -> None:
    new._kf_compile_as(model.get_compile_config())
    if model.optimizer is not None and model.optimizer.built:
        place = {id(v): i for i, v in enumerate(model.variables)}
        variables = new.variables  # layers may have been frozen since the optimizer was built
        new.optimizer.build([variables[place[id(v)]] for v in model.optimizer._trainable_variables])
        _copy(model.optimizer.variables, new.optimizer.variables, model.optimizer.name)
