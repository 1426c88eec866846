"""`Model.summary`: a table of layers, output shapes and numbers of parameters."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core import tree
from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import ArgumentError

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.layers.base import Layer
    from kfront.models.model import Model


def _shape(layer: Any) -> str:
    try:
        if hasattr(layer, "batch_shape") and not layer._layers:
            return str(layer.batch_shape)
        shapes = tree.map_structure(lambda x: x.shape, layer.output)
    except (AttributeError, ValueError):
        return _shape_as_built(layer)
    return str(shapes)


def _shape_as_built(layer: Any) -> str:
    """What follows from the shapes that a layer was built for, of one that no functional graph has."""
    args, kwargs = getattr(layer, "_kf_build_shapes", None) or ((), {})
    try:
        return str(layer.compute_output_shape(*args, **kwargs)) if args or kwargs else "?"
    except Exception:  # a class of somebody's own: the table is no place to fail
        return "?"


def _sizes(variables: list[Variable]) -> tuple[int, int]:
    """Numbers of scalars and of bytes."""
    counts = [int(np.prod(v.shape)) for v in variables]
    return sum(counts), sum(c * numpy_dtype(v._dtype).itemsize for c, v in zip(counts, variables, strict=True))


def _human(size: int) -> str:
    amount, unit = float(size), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if amount < 1024 or unit == "TB":
            break
        amount /= 1024
    return f"{amount:.2f} {unit}"


def _inputs_of(layer: Layer, graph_layers: set[int]) -> str:
    found = []
    for node in layer._inbound_nodes:
        for x in node.inputs:
            operation, call, index = x._keras_history
            if id(operation) in graph_layers:
                found.append(f"{operation.name}[{call}][{index}]")
    return ", ".join(found) or "-"


def _branched(model: Model) -> bool:
    graph = getattr(model, "_kf_graph", None) if type(model).__name__ == "Functional" else None
    if graph is None:
        return False
    return any(len(node.inputs) > 1 for node in graph.nodes) or len(graph.outputs) > 1


def _rows(model: Any, expand: bool, show_trainable: bool, connected: bool, indent: int = 0) -> list[list[str]]:
    rows = []
    operations = getattr(model, "operations", None) or model.layers
    ids = {id(o) for o in operations}
    for layer in operations:
        count = layer.count_params() if getattr(layer, "built", False) else 0
        built = getattr(layer, "built", True)
        row = [
            f"{'  ' * indent}{layer.name} ({type(layer).__name__})",
            _shape(layer),
            f"{count:,}" if built else "0 (unbuilt)",
        ]
        if connected:
            row.append(_inputs_of(layer, ids))
        if show_trainable:
            own = getattr(layer, "weights", [])
            row.append("-" if not own else "Y" if layer.trainable else "N")
        rows.append(row)
        if expand and hasattr(layer, "operations" if hasattr(layer, "operations") else "layers"):
            rows.extend(_rows(layer, expand, show_trainable, connected, indent + 1))
    return rows


def _cut(model: Model, rows: list[list[str]], layer_range: Any) -> list[list[str]]:
    if layer_range is None:
        return rows
    if len(layer_range) != 2:
        raise ArgumentError(f"[summary] expected `layer_range` of two names, got {layer_range!r}.")
    names = [r[0].strip().split(" (")[0] for r in rows]
    found = []
    for pattern in layer_range:
        hits = [i for i, n in enumerate(names) if re.fullmatch(pattern, n)]
        if not hits:
            raise ArgumentError(f"[summary] expected `layer_range` names among {names}, got {pattern!r}.")
        found.append(hits)
    return rows[min(found[0]) : max(found[1]) + 1]


def print_summary(
    model: Model,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[[str], object] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: object = None,
) -> None:
    """Print the summary of a model; see `Model.summary`."""
    # heavy, and needed for this table only
    from rich.console import Console, Group
    from rich.markup import escape
    from rich.table import Table

    connected = _branched(model)
    heads = ["Layer (type)", "Output Shape", "Param #"]
    heads += ["Connected to"] if connected else []
    heads += ["Trainable"] if show_trainable else []
    width = line_length or min(110 if connected else 88, shutil.get_terminal_size((88, 24)).columns)
    table = Table(width=width, header_style="bold")
    ratios = positions or [None] * len(heads)
    for i, head in enumerate(heads):
        ratio = ratios[i] if i < len(ratios) else None
        table.add_column(
            head,
            justify="right" if head == "Param #" else "left",
            ratio=int(ratio * 100) if ratio is not None and ratio <= 1 else None,
            overflow="fold",
        )
    for row in _cut(model, _rows(model, expand_nested, show_trainable, connected), layer_range):
        table.add_row(*map(escape, row))
    target = io.StringIO() if print_fn is not None else None
    console = Console(width=width, file=target, highlight=False, force_terminal=False if target else None)
    title = f'[bold]Model: "{escape(model.name)}"[/bold]'
    console.print(Group(title, table, *_totals(model)))  # at once: a notebook shows each print apart
    if target is not None:
        print_fn(target.getvalue())  # type: ignore[misc]


def _totals(model: Model) -> list[str]:
    trainable, rest = _sizes(model.trainable_weights), _sizes(model.non_trainable_weights)
    slots = (0, 0)
    if getattr(model, "optimizer", None) is not None and model.optimizer.built:
        slots = _sizes(model.optimizer.variables)
    total = (trainable[0] + rest[0] + slots[0], trainable[1] + rest[1] + slots[1])
    lines = [
        f" Total params: {total[0]:,} ({_human(total[1])})",
        f" Trainable params: {trainable[0]:,} ({_human(trainable[1])})",
        f" Non-trainable params: {rest[0]:,} ({_human(rest[1])})",
    ]
    return lines + ([f" Optimizer params: {slots[0]:,} ({_human(slots[1])})"] if slots[0] else [])
