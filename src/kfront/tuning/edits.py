"""Edits of functional graphs: another architecture, with the weights that still fit.

Each function returns a new model and leaves the old one as it is. What `widen`, `deepen` and `add_skip` make computes
the same as before, for layers of which that can be said, so that training goes on rather than starts again (T. Chen et
al., "Net2Net", https://arxiv.org/abs/1511.05641).
"""

from __future__ import annotations

from collections.abc import Callable, Container

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.core.spec import KerasTensor
from kfront.core.state import backend_scope
from kfront.layers import Add, Dense, Flatten, Layer, Permute, Reshape
from kfront.models import Sequential
from kfront.models.cloning import clone_by_config, clone_model
from kfront.models.functional import Functional

Call = Callable[..., KerasTensor]
Graph = Functional | Sequential
_MIXING = (Flatten, Reshape, Permute)  # what follows has its inputs in another order


def _layer(model: Graph, name: str, who: str) -> Layer:
    names = [layer.name for layer in model.layers]
    if name not in names:
        raise ArgumentError(f"[{who}] expected the name of a layer, got {name!r}; there are {', '.join(names)}.")
    return model.get_layer(name)


def _rebuilt(
    model: Graph, make: Callable[[object], object] | None, call: Call, fresh: Container[str] = ()
) -> Functional:
    """The graph with other layers or calls, and the weights that still fit but those of layers in `fresh`."""
    with backend_scope(model._kf_backend):
        graph = Functional(
            model.inputs, model.outputs[0] if len(model.outputs) == 1 else model.outputs, name=model.name
        )
        new = clone_model(graph, clone_function=make, call_function=call)
        old = {layer.name: layer for layer in model.layers}
        for layer in new.layers:
            if layer.name in old:
                _carry(old[layer.name], layer, layer.name not in fresh)
        if model.compiled and (config := model.get_compile_config()):
            new.compile_from_config(config)
    return new


def _carry(old: Layer, new: Layer, overlap: bool) -> None:
    """Take over values: whole, or the part that both have."""
    for before, after in zip(old.weights, new.weights, strict=False):
        if tuple(before.shape) == tuple(after.shape):
            after.assign(before.value)
        elif overlap and len(before.shape) == len(after.shape):
            grown_output = before.shape[-1] != after.shape[-1]
            values = np.array(after.numpy()) if grown_output else np.zeros(after.shape, "float32")
            part = tuple(slice(min(a, b)) for a, b in zip(before.shape, after.shape, strict=True))
            values[part] = before.numpy()[part]
            after.assign(values)


def _unbuilt(layer: Layer) -> Layer:
    return clone_by_config(layer, built=False)


def widen(model: Graph, name: str, width: int) -> Functional:
    """Give a Dense or convolution layer another number of outputs.

    Weights for new outputs are drawn, those with which the next layers take them in are zero: the model computes the
    same. With fewer outputs the first are kept. Layers behind a Flatten start anew.

    Args:
        model: a functional or Sequential model.
        name: of the layer, which has `units` or `filters`.
        width: the new number.

    Returns:
        A functional model, compiled as `model` is.

    Raises:
        ArgumentError: there is no such layer, or it has no width.

    Example:

    >>> import kfront
    >>> from kfront import layers, tuning
    >>> model = kfront.Sequential([kfront.Input((4,)), layers.Dense(8, name="hidden"), layers.Dense(1)])
    >>> wide = tuning.widen(model, "hidden", 16)
    >>> x = kfront.ops.ones((2, 4))
    >>> bool(kfront.ops.all(kfront.ops.isclose(wide(x), model(x))))
    True
    """
    layer = _layer(model, name, "widen")
    key = next((k for k in ("units", "filters") if hasattr(layer, k)), None)
    if key is None:
        raise ArgumentError(f"[widen] expected a layer with `units` or `filters`, got {type(layer).__name__} {name!r}.")
    mixed: set[int] = set()
    fresh: set[str] = set()

    def make(old: object) -> Layer:
        assert isinstance(old, Layer)
        return type(old).from_config({**old.get_config(), key: width}) if old.name == name else _unbuilt(old)

    def call(new: Layer, *args: KerasTensor, **kwargs: object) -> KerasTensor:
        out = new(*args, **kwargs)
        if any(id(a) in mixed for a in args):
            fresh.add(new.name)
        elif isinstance(new, _MIXING):
            mixed.add(id(out))
        return out

    # `fresh` is filled while the graph is made again, before weights are taken over
    return _rebuilt(model, make, call, fresh)


def deepen(model: Graph, name: str) -> Functional:
    """Put another layer behind a Dense or convolution layer, which at first hands on what it gets.

    That holds for activations that leave their own results as they are, such as relu, or none.

    Args:
        model: a functional or Sequential model.
        name: of the layer; the new one is called ``name + "_deeper"``.

    Returns:
        A functional model, compiled as `model` is.

    Raises:
        ArgumentError: there is no such layer, or it has no kernel.

    Example:

    >>> import kfront
    >>> from kfront import layers, tuning
    >>> model = kfront.Sequential([kfront.Input((4,)), layers.Dense(8, activation="relu", name="hidden")])
    >>> [layer.name for layer in tuning.deepen(model, "hidden").layers][1:]
    ['hidden', 'hidden_deeper']
    """
    layer = _layer(model, name, "deepen")
    if not hasattr(layer, "kernel"):
        raise ArgumentError(f"[deepen] expected a layer with a kernel, got {type(layer).__name__} {name!r}.")

    def call(new: Layer, *args: KerasTensor, **kwargs: object) -> KerasTensor:
        out = new(*args, **kwargs)
        if new.name != name:
            return out
        config = {**layer.get_config(), "name": f"{name}_deeper"}
        config |= {k: v for k, v in {"strides": 1, "padding": "same"}.items() if k in config}
        added = type(layer).from_config(config)
        deeper = added(out)
        variable = next(v for v in added.weights if v.name == "kernel")
        kernel = np.zeros(variable.shape, "float32")
        kernel[tuple(n // 2 - (n % 2 == 0) for n in kernel.shape[:-2])] = np.eye(kernel.shape[-2], kernel.shape[-1])
        variable.assign(kernel)
        return deeper

    return _rebuilt(model, None, call)


def add_skip(model: Graph, start: str, end: str) -> Functional:
    """Add the output of one layer to that of a later one, through a Dense layer that starts with zeros.

    Args:
        model: a functional or Sequential model.
        start: name of the layer whose output is added.
        end: name of the layer to whose output it is added; both have the same sizes but for the last axis.

    Returns:
        A functional model, compiled as `model` is, which computes the same as before.

    Raises:
        ArgumentError: there is no such layer, or `start` does not come before `end`.

    Example:

    >>> import kfront
    >>> from kfront import layers, tuning
    >>> model = kfront.Sequential([kfront.Input((4,)), layers.Dense(8, name="a"), layers.Dense(2, name="b")])
    >>> skipped = tuning.add_skip(model, "a", "b")
    >>> skipped.count_params() - model.count_params()
    16
    """
    for name in (start, end):
        _layer(model, name, "add_skip")
    seen: dict[str, KerasTensor] = {}

    def call(new: Layer, *args: KerasTensor, **kwargs: object) -> KerasTensor:
        out = seen[new.name] = new(*args, **kwargs)
        if new.name != end:
            return out
        if start not in seen:
            raise ArgumentError(f"[add_skip] expected {start!r} to come before {end!r}, got it behind.")
        name = f"{end}_from_{start}"
        path = Dense(int(out.shape[-1] or 0), use_bias=False, kernel_initializer="zeros", name=name)(seen[start])
        return Add(name=f"{name}_sum")([out, path])

    return _rebuilt(model, None, call)


def swap(model: Graph, name: str, replacement: Call, end: str | None = None) -> Functional:
    """Put something else in the place of a layer, or of all from one layer to another.

    Args:
        model: a functional or Sequential model.
        name: of the first layer that is taken out.
        replacement: a layer, or a function of a symbolic tensor.
        end: name of the last layer that is taken out; `name` if None.

    Returns:
        A functional model, compiled as `model` is; layers that stay keep the weights that fit.

    Raises:
        ArgumentError: there is no such layer.

    Example:

    >>> import kfront
    >>> from kfront import layers, tuning
    >>> model = kfront.Sequential([kfront.Input((8, 4)), layers.SimpleRNN(6, name="rnn"), layers.Dense(1, name="head")])
    >>> [type(layer).__name__ for layer in tuning.swap(model, "rnn", layers.GRU(6)).layers][1:]
    ['GRU', 'Dense']
    """
    last = end or name
    for each in (name, last):
        _layer(model, each, "swap")
    entered: list[KerasTensor] = []

    def call(new: Layer, *args: KerasTensor, **kwargs: object) -> KerasTensor:
        if new.name == name:
            entered.append(args[0])
        return replacement(entered[-1]) if new.name == last else new(*args, **kwargs)

    return _rebuilt(model, None, call)
