"""Models drawn as graphs, by way of the packages pydot and, for pictures, Graphviz."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfront.core import tree
from kfront.core.errors import ArgumentError, NotBuiltError, UnsupportedError
from kfront.layers.base import Layer
from kfront.models.sequential import Sequential

if TYPE_CHECKING:
    from types import ModuleType

    from kfront.core.operation import Operation
    from kfront.models.model import Model

_DARK, _LIGHT = "#20506e", "#ffffff"


def _pydot() -> ModuleType:
    try:
        import pydot  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UnsupportedError(
            "[model_to_dot] expected the package pydot, got none; do `pip install pydot` and install Graphviz."
        ) from None
    return pydot


# ---- what is drawn ---------------------------------------------------------------------------------------------------


def _operations(model: Model) -> list[Any]:
    """The boxes of a model: operations of its graph, or its layers."""
    found = getattr(model, "operations", None)
    return list(found) if found else list(model.layers)


def _edges(model: Model, shown: list[object]) -> Iterator[tuple[object, int, object, int]]:
    """(operation, which of its outputs, operation that takes it, as which input).

    Those of a Sequential without inputs follow each other.
    """
    graph = getattr(model, "_kf_graph", None)
    if graph is None:
        yield from ((a, 0, b, 0) for a, b in itertools.pairwise(shown)) if _is_chain(model) else ()
        return
    here = {id(x) for x in shown}
    for node in graph.nodes:
        for place, x in enumerate(node.inputs):
            before, _, output = x._keras_history
            if id(before) in here and id(node.operation) in here:
                yield before, output, node.operation, place


def _is_chain(model: object) -> bool:
    return isinstance(model, Sequential)


def _is_nested(operation: object) -> bool:
    """Whether a box holds boxes of its own: a functional or sequential model."""
    return isinstance(operation, Layer) and (hasattr(operation, "_kf_graph") or _is_chain(operation))


def _shapes(operation: Operation, which: str) -> str:
    nodes = operation._inbound_nodes
    if not nodes:
        return "?"
    shapes = [tuple(x.shape) for x in getattr(nodes[0], which)]
    return ", ".join(map(str, shapes)) if shapes else "-"


def _dtype(operation: Operation) -> str:
    nodes = operation._inbound_nodes
    found = sorted({x.dtype for x in nodes[0].outputs}) if nodes else [getattr(operation, "compute_dtype", "?")]
    return ", ".join(found)


def _label(operation: Any, options: dict[str, bool]) -> str:
    """The text of a box: an HTML table, as Graphviz reads it."""
    kind = operation.op.name if hasattr(operation, "op") else type(operation).__name__
    title = f"<b>{html.escape(operation.name)}</b> ({html.escape(kind)})" if options["show_layer_names"] else kind
    facts = []
    activation = getattr(operation, "activation", None)
    if options["show_layer_activations"] and activation is not None:
        facts.append(f"Activation: {getattr(activation, '__name__', type(activation).__name__)}")
    if options["show_shapes"]:
        facts += [f"Input shape: {_shapes(operation, 'inputs')}", f"Output shape: {_shapes(operation, 'outputs')}"]
    if options["show_dtype"]:
        facts.append(f"Output dtype: {_dtype(operation)}")
    if options["show_trainable"] and isinstance(operation, Layer) and operation.weights:
        facts.append("Trainable" if operation.trainable else "Not trainable")
    rows = "".join(f'<tr><td align="left">{html.escape(f)}</td></tr>' for f in facts)
    head = f'<tr><td bgcolor="{_DARK}"><font color="{_LIGHT}">{title}</font></td></tr>'
    return f'<<table border="0" cellborder="1" cellspacing="0" cellpadding="6">{head}{rows}</table>>'


# ---- drawing ---------------------------------------------------------------------------------------------------------


Ends = tuple[list[str], list[str]]  # the boxes that take an operation's inputs, and those that give its outputs


def _fill(dot: Any, model: Model, path: str, expand: bool, options: dict[str, bool]) -> Ends:
    """Put the boxes of `model` into `dot`; returns its ends."""
    pydot, shown = _pydot(), _operations(model)
    ends: dict[int, Ends] = {}
    for i, operation in enumerate(shown):
        name = f"{path}{i}"
        if expand and _is_nested(operation) and _operations(operation):
            inside = pydot.Cluster(name, label=operation.name, style="dashed")
            ends[id(operation)] = _fill(inside, operation, f"{name}_", expand, options)
            dot.add_subgraph(inside)
        else:
            dot.add_node(pydot.Node(name, label=_label(operation, options), shape="plain", fontname="Helvetica"))
            ends[id(operation)] = ([name], [name])
    arrows = [(_one(ends[id(a)][1], i), _one(ends[id(b)][0], j)) for a, i, b, j in _edges(model, shown)]
    for start, stop in dict.fromkeys(arrows):
        dot.add_edge(pydot.Edge(start, stop))
    graph = getattr(model, "_kf_graph", None)
    if graph is None:
        return ends[id(shown[0])][0], ends[id(shown[-1])][1]
    first = [ends.get(id(x._keras_history.operation), ends[id(shown[0])])[0] for x in graph.inputs]
    last = [_one(ends[id(x._keras_history.operation)][1], x._keras_history.tensor_index) for x in graph.outputs]
    return [names[0] for names in first], last


def _one(names: list[str], place: int) -> str:
    """The box at a place; a layer's only one stands for all of them."""
    return names[place] if len(names) > 1 else names[0]


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: object,
) -> Any:
    """A model as a graph in the language of Graphviz.

    Args:
        model: a built model.
        show_shapes: whether boxes show the shapes of inputs and outputs.
        show_dtype: whether boxes show the dtype of outputs.
        show_layer_names: whether boxes show the names of layers besides their classes.
        rankdir: "TB" from top to bottom, "LR" from left to right, "BT", "RL".
        expand_nested: whether models inside the model are drawn layer by layer.
        dpi: dots per inch of pictures.
        subgraph: whether to return a cluster, to be put into a graph.
        show_layer_activations: whether boxes show activation functions.
        show_trainable: whether boxes of layers with weights show whether they are trained.
        splines: form of the lines, as Graphviz has it: "ortho", "curved", "polyline", "spline", "line".
        **kwargs: none are known.

    Returns:
        A `pydot.Dot`, or a `pydot.Cluster` with `subgraph`.

    Raises:
        UnsupportedError: if pydot is not installed.
        ArgumentError: for an unknown `rankdir` or argument.
        NotBuiltError: if the model has no layers yet.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> graph = kfront.utils.model_to_dot(model, show_shapes=True)  # doctest: +SKIP
    """
    if kwargs:
        raise ArgumentError(f"[model_to_dot] expected known arguments, got {', '.join(kwargs)}.")
    if rankdir not in ("TB", "LR", "BT", "RL"):
        raise ArgumentError(f"[model_to_dot] expected `rankdir` 'TB', 'LR', 'BT' or 'RL', got {rankdir!r}.")
    if not isinstance(model, Layer) or not hasattr(model, "layers"):
        raise ArgumentError(f"[model_to_dot] expected a model, got {model!r}.")
    pydot = _pydot()
    if not tree.flatten(_operations(model)):
        raise NotBuiltError(f"[model_to_dot] expected a model with layers, got none in {model.name!r}; build it first.")
    dot = pydot.Cluster(model.name, label=model.name, style="dashed") if subgraph else pydot.Dot()
    dot.set("rankdir", rankdir)
    dot.set("dpi", dpi)
    dot.set("splines", splines)
    options = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    _fill(dot, model, f"{model.name}_" if subgraph else "n", expand_nested, options)
    return dot


def plot_model(
    model: Model,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw a model into a file.

    Args:
        model: a built model.
        to_file: path; its suffix says what is written: "png", "svg", "pdf", or "dot" for the graph as text.
        show_shapes: whether boxes show the shapes of inputs and outputs.
        show_dtype: whether boxes show the dtype of outputs.
        show_layer_names: whether boxes show the names of layers besides their classes.
        rankdir: "TB" from top to bottom, "LR" from left to right, "BT", "RL".
        expand_nested: whether models inside the model are drawn layer by layer.
        dpi: dots per inch.
        show_layer_activations: whether boxes show activation functions.
        show_trainable: whether boxes of layers with weights show whether they are trained.
        splines: form of the lines, as Graphviz has it.
        **kwargs: none are known.

    Returns:
        In IPython an Image to be shown, else None.

    Raises:
        UnsupportedError: if pydot or Graphviz is not installed (Graphviz is not needed for ".dot").
        ArgumentError: for an unknown argument, or a path without a suffix.

    Example:

    >>> import pathlib, tempfile
    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2, name="scores")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kfront.utils.plot_model(model, f"{folder}/model.dot", show_layer_names=True)
    ...     "scores" in pathlib.Path(folder, "model.dot").read_text()
    True
    """
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    path = Path(to_file)
    form = path.suffix.lstrip(".").lower()
    if not form:
        raise ArgumentError(f"[plot_model] expected a path that ends in .png, .svg, .pdf or .dot, got {str(path)!r}.")
    if form == "dot":
        path.write_text(dot.to_string(), encoding="utf-8")
        return None
    try:
        dot.write(str(path), format=form)
    except OSError:
        raise UnsupportedError(
            "[plot_model] expected Graphviz (the program `dot`) on this machine, got none; install it, or write a "
            "'.dot' file."
        ) from None
    return _shown(path, form)


def _shown(path: Path, form: str) -> object:
    """The picture, for a notebook."""
    if form not in ("png", "jpg", "jpeg"):
        return None
    try:
        from IPython import display  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    return display.Image(filename=str(path))
