"""Conversion of what a layer is called with to tensors of its backend, in its compute dtype."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core import tree
from kfront.core.dtypes import at_least_single, is_float
from kfront.core.spec import Abstract, KerasTensor, is_text
from kfront.core.state import state
from kfront.core.typing import Backend, TensorLike
from kfront.core.variable import Variable
from kfront.ops.primitives.dtypes import cast

if TYPE_CHECKING:
    from kfront.layers.base import Layer


def numeric(x: object) -> bool:
    """Whether `x` is a number, or nested lists of numbers."""
    if isinstance(x, (list, tuple)):
        return bool(x) and all(numeric(v) for v in x)
    return isinstance(x, (int, float, bool, np.number))


def has_float(x: TensorLike) -> bool:
    """Whether a float is among nested numbers."""
    return any(isinstance(v, (float, np.floating)) for v in tree.flatten(x))


def convert_inputs(
    layer: Layer, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments of a call, arrays made tensors of the layer's backend and floating ones cast to its compute dtype.

    Args:
        layer: the layer.
        args: positional arguments; the first may also be a number, or nested lists of numbers.
        kwargs: keyword arguments.
    """
    if not layer.__dict__.get("_convert_input_args", True):  # set by layers that take tensors of other engines
        return args, kwargs
    b, compute = layer._kf_backend, layer.input_dtype or ""
    casts = layer.autocast and is_float(compute)

    def one(x: Any, dtype: str = compute) -> Any:
        if isinstance(x, KerasTensor):
            return x if not casts or not is_float(x.dtype) or x.dtype == dtype else _as_cast(x, dtype)
        if is_text(x):
            return b.convert(x) if "string" in b.dtypes else x
        if isinstance(x, Variable):
            return x._tensor
        if not b.is_tensor(x):
            if not (hasattr(x, "__array__") or hasattr(x, "__dlpack__")):
                return x
            x = b.convert(x)
        if casts and x.dtype not in layer._kf_pass_dtypes:
            mask = b.get_mask(x) if state.any_mask_seen else None
            x = cast(x, dtype) if b.is_sparse(x) else b.cast(x, dtype)
            if mask is not None:
                b.set_mask(x, mask)
        return x

    def first(x: object) -> Any:
        if isinstance(x, (int, float, bool)) or (isinstance(x, list) and numeric(x)):
            return one(b.convert(x, compute if casts and has_float(x) else None))
        if isinstance(x, dict) and layer._kf_uncast:
            kept = lambda v: one(v, at_least_single(compute))  # noqa: E731
            return {k: tree.map_structure(kept if k in layer._kf_uncast else one, v) for k, v in x.items()}
        return tree.map_structure(one, x)

    if args:
        args = (first(args[0]), *(tree.map_structure(one, a) for a in args[1:]))
    return args, {k: tree.map_structure(one, v) if k != "training" else v for k, v in kwargs.items()}


def _as_cast(x: KerasTensor, dtype: str) -> KerasTensor:
    """What stands for a symbolic tensor within a layer that casts it: the graph has the tensor itself, see `uncast`."""
    out = (Abstract if type(x) is Abstract else KerasTensor)(x.shape, dtype, x.sparse)
    out._keras_mask = x._keras_mask
    if type(out) is KerasTensor:
        out._kf_source = x
    return out


def uncast(args: tuple[object, ...], kwargs: dict[str, object]) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments with the symbolic tensors that a layer was called with, for what `convert_inputs` made of them."""
    return tree.map_structure(lambda x: getattr(x, "_kf_source", x), (args, kwargs))


@functools.cache
def passing_dtypes(backend: Backend, compute: str | None, autocast: bool) -> frozenset[object]:
    """The engine's dtypes that inputs keep: all but floating ones that are not the compute dtype."""
    names = [d for d in backend.dtypes if not is_float(d) or d == compute or not autocast]
    return frozenset(backend.native_dtype(d) for d in names)
