"""Layouts for the usual cases, and a table of those that a model has."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import ArgumentError
from kfront.core.mesh import DeviceMesh, LayoutMap, TensorLayout, check_mesh
from kfront.core.naming import matching
from kfront.core.state import state

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.models.model import Model

Names = list[str | None]

# The dimension of attention's weights that is divided: the heads.
_HEADS = {
    r"(.*/)?(query|key|value)/kernel": (3, 1),
    r"(.*/)?(query|key|value)/bias": (2, 0),
    r"(.*/)?attention_output/kernel": (3, 0),
}
_WIDER = 2  # a Dense layer whose kernel is so many times wider than high, or the other way round, is part of an MLP


class _Usual(LayoutMap):
    """A LayoutMap that finds the layout of a variable by its path and shape where no key fits.

    Args:
        device_mesh: the mesh.
        model_axis: axis over which attention and MLPs are split, or None.
        data_axis: axis over which all weights are sharded, or None.
        smallest: variables with fewer elements are not sharded.
    """

    def __init__(self, device_mesh: DeviceMesh, model_axis: str | None, data_axis: str | None, smallest: int) -> None:
        super().__init__(device_mesh)
        self.model_axis, self.data_axis, self.smallest = model_axis, data_axis, smallest
        self._wide: set[str] = set()  # Dense layers that are split by columns

    def for_variable(self, path: str, shape: tuple[int, ...]) -> TensorLayout | None:
        """The layout of a variable."""
        found = self[path]
        if found is not None:
            return found
        axes: Names = [None] * len(shape)
        at = self._split(path, shape) if self.model_axis is not None else None
        if at is not None:
            axes[at] = self.model_axis
        if self.data_axis is not None and math.prod(shape) >= self.smallest:
            parts = self.device_mesh.size(self.data_axis)
            free = [i for i, n in enumerate(shape) if axes[i] is None and n % parts == 0]
            if free:
                axes[max(free, key=lambda i: shape[i])] = self.data_axis
        return TensorLayout(axes, self.device_mesh) if any(axes) else None

    def _split(self, path: str, shape: tuple[int, ...]) -> int | None:
        """The dimension that is split over the model axis."""
        for pattern, (rank, at) in _HEADS.items():
            if len(shape) == rank and re.fullmatch(pattern, path):
                return at
        layer, _, name = path.rpartition("/")
        if name == "kernel" and len(shape) == 2:
            rows, columns = shape
            if columns >= _WIDER * rows:
                self._wide.add(layer)
                return 1
            return 0 if rows >= _WIDER * columns else None
        return 0 if name == "bias" and len(shape) == 1 and layer in self._wide else None


def get_layout_map(
    device_mesh: DeviceMesh,
    model_parallel_dim_name: str | None = None,
    data_parallel_dim_name: str | None = None,
    smallest: int = 1024,
) -> LayoutMap:
    """Layouts for the usual cases; keys that are added to it come first.

    Over the data axis every weight is sharded along its largest dimension that can be divided, as FSDP does (Zhao et
    al., 2023, https://arxiv.org/abs/2304.11277). Over the model axis attention is split by heads, and a Dense layer
    that widens its inputs at least twice by columns, one that narrows them by rows (Megatron-LM: Shoeybi et al., 2019,
    https://arxiv.org/abs/1909.08053). Both together are two-dimensional.

    Args:
        device_mesh: the mesh.
        model_parallel_dim_name: axis of the mesh over which attention and MLPs are split; None for none.
        data_parallel_dim_name: axis of the mesh over which all weights are sharded; None for none. It should be the
            one over which batches are split.
        smallest: weights with fewer elements are not sharded over the data axis.

    Returns:
        A `LayoutMap` for `ModelParallel`.

    Raises:
        ArgumentError: the mesh has no axis of that name.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     mesh = kfront.distribution.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
    ...     layouts = kfront.distribution.get_layout_map(mesh, "model", "batch")
    ...     with kfront.distribution.ModelParallel(layout_map=layouts).scope():
    ...         model = kfront.Sequential([kfront.Input((32,)), kfront.layers.Dense(64)])
    >>> [w.layout.axes for w in model.weights]
    [('batch', 'model'), ('model',)]
    """
    mesh = check_mesh("get_layout_map", device_mesh)
    for name in (model_parallel_dim_name, data_parallel_dim_name):
        if name is not None and name not in mesh.axis_names:
            raise ArgumentError(f"[get_layout_map] expected axes of the mesh, {list(mesh.axis_names)}, got {name!r}.")
    if model_parallel_dim_name is not None and model_parallel_dim_name == data_parallel_dim_name:
        raise ArgumentError(f"[get_layout_map] expected two axes of the mesh, got {data_parallel_dim_name!r} for both.")
    return _Usual(mesh, model_parallel_dim_name, data_parallel_dim_name, smallest)


def layout_table(model: Model, layout_map: LayoutMap | None = None) -> str:
    """How a model's variables lie on the devices, its optimizer's included once that is built.

    Args:
        model: a built model that was made under a `ModelParallel`.
        layout_map: the layouts whose keys are checked; those of the current distribution if None.

    Returns:
        A table with a row for each variable: path, shape, the axes of the mesh that divide its dimensions, and bytes on
        each device; the last row has the sums.

    Raises:
        ArgumentError: a key of the layouts fits neither a variable nor the output of a layer.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     mesh = kfront.distribution.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
    ...     layouts = kfront.distribution.get_layout_map(mesh, "model")
    ...     with kfront.distribution.ModelParallel(layout_map=layouts).scope():
    ...         model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(8, name="up")], name="net")
    ...         print(kfront.distribution.layout_table(model))
    path           shape   placement      bytes per device
    net/up/kernel  (4, 8)  (None, model)               128
    net/up/bias    (8,)    (model)                      32
    total                                       160 of 160
    """
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer is not None else ())]
    layouts = layout_map if layout_map is not None else getattr(state.distribution, "_layout_map", None)
    if layouts is not None:
        _check_keys(layouts, model, variables)
    rows, mine, whole = [("path", "shape", "placement", "bytes per device")], 0, 0
    for v in variables:
        axes = getattr(v.layout, "axes", ())
        size = math.prod(v.shape) * np.dtype(numpy_dtype(v._dtype)).itemsize
        part = size // math.prod(v.layout.device_mesh.size(a) for a in axes if a is not None)
        named = f"({', '.join(str(a) for a in axes)})" if any(axes) else "copies"
        rows.append((v.path, str(v.shape), named, f"{part:,}"))
        mine, whole = mine + part, whole + size
    rows.append(("total", "", "", f"{mine:,} of {whole:,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])])
        for row in rows
    )


def _check_keys(layouts: LayoutMap, model: Model, variables: list[Variable]) -> None:
    """Raise for a key that fits nothing."""
    paths = [v.path for v in variables]
    paths += [f"{layer.path or layer.name}/output" for layer in model._flatten_layers()]
    used = {matching("LayoutMap", layouts, path) for path in paths}
    idle = [key for key in layouts if key not in used]
    if idle:
        raise ArgumentError(
            f"[LayoutMap] expected keys that fit a variable or a layer's output, got {idle}, which fit none of "
            f"{paths[:8]}{' and more' if len(paths) > 8 else ''}; correct them, or delete them."
        )
