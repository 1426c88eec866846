"""The shape of a tensor; reshaping, joining, cutting, padding and reordering tensors."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.core import shapes, tree
from kfront.core.arguments import is_no_tensor, is_whole
from kfront.core.dtypes import keep, promote
from kfront.core.errors import ArgumentError
from kfront.core.op import in_front_of, op
from kfront.core.op_registry import function
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.core.typing import Axis, Scalar, Size, Sizes, Tensor, TensorLike
from kfront.ops.primitives.arguments import int_or_tuple, new_shape, option, shape_tuple


def _sizes(x: Tensor) -> list[tuple[int | None, ...]]:
    return [()] * len(shapes.shape_of(x))


def _sizes_rule(x: Tensor) -> tuple[object, object]:
    return None, "int32"


@op(dtype=_sizes_rule, shape=_sizes, name="shape", zeros="filled", home="core", call_args=())
def _shape(x: TensorLike) -> tuple[Size, ...]: ...


@in_front_of(_shape)
def shape(x: TensorLike) -> tuple[Any, ...]:
    """The shape of a tensor, usable under tracing as well.

    Args:
        x: tensor.

    Returns:
        Tuple with an int per dimension; where the engine does not know it yet a scalar int32 tensor (None for a
        symbolic tensor outside a layer call).

    Example:

    >>> from kfront import ops
    >>> ops.shape(ops.zeros((2, 3)))
    (2, 3)
    """
    if isinstance(x, KerasTensor):
        if type(x) is Abstract:
            return tuple(Abstract((), "int32") if d is None else d for d in x.shape)
        return tuple(x.shape)
    return tuple(_shape(x))


def dim(x: Any, axis: int) -> Any:
    """One dimension of a tensor: an int, or a scalar int32 tensor where it is not known."""
    if isinstance(x, KerasTensor):
        d = x.shape[axis]
    else:
        b = state.backend
        d = b.static_shape(x)[axis] if b.is_tensor(x) else np.shape(x)[axis]
    return shape(x)[axis] if d is None else d


def key_on(rank: int, axis: int, item: object) -> tuple[Any, ...]:
    """Index key that applies `item` to one axis."""
    a = shapes.axis_of(axis, rank)
    return (*(slice(None),) * a, item)


@function("numpy", call_args=("x",))
def ndim(x: TensorLike) -> int:
    """The number of dimensions.

    Args:
        x: tensor.

    Returns:
        An int.

    Raises:
        ArgumentError: if `x` is no tensor.

    Example:

    >>> from kfront import ops
    >>> ops.ndim(ops.ones((2, 3)))
    2
    """
    if is_no_tensor(x):
        raise ArgumentError(f"[ndim] expected a tensor, got {x!r}.")
    return len(shapes.shape_of(x))


@op(dtype=keep, shape=shapes.reshape, prepare={"newshape": new_shape}, zeros="moved", home="numpy")
def reshape(x: TensorLike, newshape: int | Sizes) -> Tensor:
    """The same elements in another shape, in row-major order.

    Args:
        x: tensor.
        newshape: int or tuple of ints; one may be -1 and is inferred.

    Returns:
        tensor of shape `newshape`.

    Raises:
        ShapeError: if the number of elements differs.

    Example:

    >>> from kfront import ops
    >>> ops.shape(ops.reshape(ops.zeros((2, 6)), (-1, 3)))
    (4, 3)
    """


@op(dtype=keep, shape=shapes.transpose, zeros="moved", home="numpy")
def transpose(x: TensorLike, axes: Axis = None) -> Tensor:
    """Axes in another order.

    Args:
        x: tensor.
        axes: permutation of the axes; reversed if None.

    Returns:
        tensor whose axis i is axis ``axes[i]`` of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.transpose([[1, 2], [3, 4]])).tolist()
    [[1, 3], [2, 4]]
    """


@op(dtype=keep, shape=shapes.broadcast_to, prepare={"shape": shape_tuple}, home="numpy")
def broadcast_to(x: TensorLike, shape: int | Sizes) -> Tensor:
    """Repeat along axes of length 1, and new leading ones.

    Args:
        x: tensor.
        shape: shape that `x` broadcasts to.

    Returns:
        tensor of that shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.broadcast_to([1, 2], (2, 2))).tolist()
    [[1, 2], [1, 2]]
    """


@op("list", promote, shapes.concatenate, zeros="joined", home="numpy")
def concatenate(xs: Sequence[TensorLike] | Tensor, axis: int = 0) -> Tensor:
    """Join tensors along an axis they have.

    Args:
        xs: list of tensors that agree in all other axes.
        axis: along which axis.

    Returns:
        tensor in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.concatenate([[1, 2], [3]])).tolist()
    [1, 2, 3]
    """


@op("list", promote, shapes.stack, zeros="filled", home="numpy")
def stack(x: Sequence[TensorLike] | Tensor, axis: int = 0) -> Tensor:
    """Join tensors along a new axis.

    Args:
        x: list of tensors of one shape.
        axis: place of the new axis in the result.

    Returns:
        tensor in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.stack([[1, 2], [3, 4]], axis=1)).tolist()
    [[1, 3], [2, 4]]
    """


def _sections(value: Any) -> int | tuple[int, ...]:
    if isinstance(value, (int, np.integer)):
        return int(value)
    if hasattr(value, "__len__") and not isinstance(value, (KerasTensor, str, dict)) and all(map(is_whole, value)):
        return tuple(int(v) for v in value)
    raise ArgumentError(f"expected `indices_or_sections` to be an int or a sequence of ints, got {value!r}.")


@op(
    dtype=keep,
    shape=shapes.split,
    name="split",
    prepare={"indices_or_sections": _sections},
    zeros="filled",
    home="numpy",
)
def _split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]: ...


@in_front_of(_split)
def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cut a tensor into parts along an axis.

    Args:
        x: tensor.
        indices_or_sections: number of equal parts, or the positions of the cuts.
        axis: along which axis.

    Returns:
        List of tensors.

    Raises:
        ShapeError: if the axis cannot be cut into that many equal parts.

    Example:

    >>> from kfront import ops
    >>> [ops.convert_to_numpy(part).tolist() for part in ops.split(ops.arange(5), [2, 3])]
    [[0, 1], [2], [3, 4]]
    """
    return list(_split(x, indices_or_sections, axis))


_PAD_MODES = option("mode", "constant", "reflect", "symmetric", "edge", "wrap")


def _pad_width(value: Any) -> Any:
    if isinstance(value, (int, np.integer)):
        width: Any = int(value)
    else:
        width = tuple(tuple(p) if hasattr(p, "__len__") else p for p in value)
    if any(isinstance(n, (int, np.integer)) and n < 0 for n in tree.flatten(width)):
        raise ArgumentError(f"[pad] expected `pad_width` of at least 0, got {value}; take slices to make it smaller.")
    return width


@op(
    dtype=keep,
    shape=shapes.pad,
    name="pad",
    prepare={"mode": _PAD_MODES, "pad_width": _pad_width},
    home="numpy",
    call_args=("x", "constant_values"),
)
def _pad(
    x: TensorLike,
    pad_width: int | Sequence[int] | Sequence[Sequence[int]],
    mode: str = "constant",
    constant_values: Scalar | None = None,
) -> Tensor: ...


@in_front_of(_pad)
def pad(
    x: TensorLike,
    pad_width: int | Sequence[int] | Sequence[Sequence[int]],
    mode: str = "constant",
    constant_values: Scalar | None = None,
) -> Tensor:
    """Add elements before and after along each axis.

    Args:
        x: tensor.
        pad_width: (before, after) for each axis; one pair or an int for all axes.
        mode: "constant", "reflect" (mirrored without the edge), "symmetric" (with the edge), "edge" or "wrap".
        constant_values: number to pad with, 0 if None; only for "constant".

    Returns:
        tensor in the dtype of `x`.

    Raises:
        ArgumentError: for an unknown mode, or `constant_values` with another mode.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.pad(ops.array([1, 2, 3]), (2, 0), "reflect")).tolist()
    [3, 2, 1, 2, 3]
    """
    if constant_values is not None and mode != "constant":
        raise ArgumentError(f"[pad] expected no `constant_values` with mode {mode!r}, got {constant_values!r}.")
    return _pad(x, pad_width, mode, constant_values)


@op(dtype=keep, shape=shapes.over, home="numpy")
def flip(x: TensorLike, axis: Axis = None) -> Tensor:
    """Elements in reverse order along axes.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.flip([[1, 2], [3, 4]], axis=1)).tolist()
    [[2, 1], [4, 3]]
    """


@op(dtype=keep, shape=shapes.roll, prepare={"shift": int_or_tuple("shift")}, home="numpy")
def roll(x: TensorLike, shift: int | Sequence[int], axis: Axis = None) -> Tensor:
    """Move elements along axes; what falls off comes in at the other end.

    Args:
        x: tensor.
        shift: int or tuple of ints: by how many places.
        axis: int, tuple of ints, or None to roll the flat tensor.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.roll([1, 2, 3], 1)).tolist()
    [3, 1, 2]
    """


@op(dtype=keep, shape=shapes.repeat, home="numpy")
def repeat(x: TensorLike, repeats: int | Sequence[int] | Tensor, axis: int | None = None) -> Tensor:
    """Each element several times in a row.

    Args:
        x: tensor.
        repeats: int, or a number for each element of the axis.
        axis: int, or None for the flat tensor.

    Returns:
        tensor in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.repeat([1, 2], 2)).tolist()
    [1, 1, 2, 2]
    """


@op(dtype=keep, shape=shapes.tile, prepare={"repeats": shape_tuple}, home="numpy")
def tile(x: TensorLike, repeats: int | Sequence[int] | Tensor) -> Tensor:
    """The whole tensor several times along each axis.

    Args:
        x: tensor.
        repeats: int or tuple of ints.

    Returns:
        tensor in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.tile([1, 2], 2)).tolist()
    [1, 2, 1, 2]
    """


@op(dtype=keep, shape=shapes.expand_dims, prepare={"axis": int_or_tuple("axis")}, zeros="moved", home="numpy")
def expand_dims(x: TensorLike, axis: Axis) -> Tensor:
    """Insert axes of length 1.

    Args:
        x: tensor.
        axis: int or tuple of ints: places in the result.

    Returns:
        tensor with more axes.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.expand_dims(ops.ones((2, 3)), 1).shape)
    (2, 1, 3)
    """


@op(dtype=keep, shape=shapes.squeeze, prepare={"axis": int_or_tuple("axis")}, zeros="moved", home="numpy")
def squeeze(x: TensorLike, axis: Axis = None) -> Tensor:
    """Take out axes of length 1.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all of length 1.

    Returns:
        tensor with fewer axes.

    Raises:
        ShapeError: if a named axis is longer.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.squeeze(ops.ones((2, 1, 3))).shape)
    (2, 3)
    """


def span_on(start: int) -> slice:
    """All but the first entry, or all but the last: for differences of neighbours."""
    return builtins.slice(1, None) if start else builtins.slice(None, -1)
