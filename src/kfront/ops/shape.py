"""Shapes: reshaping, joining, cutting, padding and reordering tensors."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.core import shapes
from kfront.core.dtypes import keep, promote
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.op_registry import function
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.ops._prepare import int_or_tuple, new_shape, option, shape_tuple
from kfront.ops.arithmetic import add, minimum, multiply, subtract
from kfront.ops.elementwise import cast, dtype_of
from kfront.ops.logic import equal, greater_equal, where
from kfront.ops.reduce import sum

# ---- what the shape is ----------------------------------------------------------------------------------------------


def _sizes(x: Any) -> list[tuple[int | None, ...]]:
    return [()] * len(shapes.shape_of(x))


def _sizes_rule(x: Any) -> tuple[Any, Any]:
    return None, "int32"


@op(dtype=_sizes_rule, shape=_sizes, name="shape", zeros="filled", home="core", call_args=())
def _shape(x: Any) -> Any: ...


@in_front_of(_shape)
def shape(x: Any) -> tuple[Any, ...]:
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


def key_on(rank: int, axis: int, item: Any) -> tuple[Any, ...]:
    """Index key that applies `item` to one axis."""
    a = shapes.axis_of(axis, rank)
    return (*(slice(None),) * a, item)


@function("numpy", call_args=("x",))
def ndim(x: Any) -> int:
    """The number of dimensions.

    Args:
        x: tensor.

    Returns:
        An int.
    """
    return len(shapes.shape_of(x))


@op(zeros="filled", home="numpy")
def size(x: Any) -> Any:
    """The number of elements.

    Args:
        x: tensor.

    Returns:
        An int, or a scalar int32 tensor where a dimension is not known.
    """
    out: Any = 1
    for d in shape(x):
        out = out * d if isinstance(out, int) and isinstance(d, int) else multiply(out, d)
    return out


# ---- primitives -----------------------------------------------------------------------------------------------------


@op(dtype=keep, shape=shapes.reshape, prepare={"newshape": new_shape}, zeros="moved", home="numpy")
def reshape(x: Any, newshape: Any) -> Any:
    """The same elements in another shape, in row-major order.

    Args:
        x: tensor.
        newshape: int or tuple of ints; one may be -1 and is worked out.

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
def transpose(x: Any, axes: Any = None) -> Any:
    """Axes in another order.

    Args:
        x: tensor.
        axes: permutation of the axes; reversed if None.

    Returns:
        tensor whose axis i is axis ``axes[i]`` of `x`.
    """


@op(dtype=keep, shape=shapes.broadcast_to, prepare={"shape": shape_tuple}, home="numpy")
def broadcast_to(x: Any, shape: Any) -> Any:
    """Repeat along axes of length 1, and new leading ones.

    Args:
        x: tensor.
        shape: shape that `x` broadcasts to.

    Returns:
        tensor of that shape.
    """


@op("list", promote, shapes.concatenate, zeros="joined", home="numpy")
def concatenate(xs: Any, axis: int = 0) -> Any:
    """Join tensors along an axis they have.

    Args:
        xs: list of tensors that agree in all other axes.
        axis: along which axis.

    Returns:
        tensor in the promoted dtype.
    """


@op("list", promote, shapes.stack, zeros="filled", home="numpy")
def stack(x: Any, axis: int = 0) -> Any:
    """Join tensors along a new axis.

    Args:
        x: list of tensors of one shape.
        axis: place of the new axis in the result.

    Returns:
        tensor in the promoted dtype.
    """


def _sections(value: Any) -> Any:
    if isinstance(value, (int, np.integer)):
        return int(value)
    if hasattr(value, "__len__") and not isinstance(value, KerasTensor):
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
def _split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any: ...


@in_front_of(_split)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
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
    >>> [part.tolist() for part in ops.split(ops.arange(5), [2, 3])]
    [[0, 1], [2], [3, 4]]
    """
    return list(_split(x, indices_or_sections, axis))


_PAD_MODES = option("mode", "constant", "reflect", "symmetric", "edge", "wrap")


def _pad_width(value: Any) -> Any:
    if isinstance(value, (int, np.integer)):
        return int(value)
    return tuple(tuple(p) if hasattr(p, "__len__") else p for p in value)


@op(
    dtype=keep,
    shape=shapes.pad,
    name="pad",
    prepare={"mode": _PAD_MODES, "pad_width": _pad_width},
    home="numpy",
    call_args=("x", "constant_values"),
)
def _pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any: ...


@in_front_of(_pad)
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
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
    >>> ops.pad(ops.array([1, 2, 3]), (2, 0), "reflect").tolist()
    [3, 2, 1, 2, 3]
    """
    if constant_values is not None and mode != "constant":
        raise ArgumentError(f"[pad] expected no `constant_values` with mode {mode!r}, got {constant_values!r}.")
    return _pad(x, pad_width, mode, constant_values)


def padded_by_index(x: Any, pad_width: Any, mode: str) -> Any:
    """`pad` in any mode but "constant" by reading elements anew, for engines whose kernels do not cover it.

    Args:
        x: tensor.
        pad_width: (before, after) for each axis.
        mode: as for `pad`.
    """
    from kfront.ops.create import arange
    from kfront.ops.index import take

    for axis, (before, after) in enumerate(pad_width):
        if before or after:
            n = dim(x, axis)
            x = take(x, _source(arange(-before, n + after), n, mode), axis)
    return x


def _source(places: Any, n: Any, mode: str) -> Any:
    """Where elements at `places`, some of which lie outside an axis of length `n`, come from."""
    from kfront.ops.arithmetic import clip, maximum, minimum, mod, subtract

    if mode == "edge":
        return clip(places, 0, n - 1)
    if mode == "wrap":
        return mod(places, n)
    edge = int(mode == "symmetric")  # whether the edge itself comes twice
    places = mod(places, maximum(2 * n - 2 + 2 * edge, 1))
    return minimum(places, subtract(2 * n - 2 + edge, places))


@op(dtype=keep, shape=shapes.over, home="numpy")
def flip(x: Any, axis: Any = None) -> Any:
    """Elements in reverse order along axes.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.

    Returns:
        tensor of the shape and dtype of `x`.
    """


@op(dtype=keep, shape=shapes.roll, home="numpy")
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Move elements along axes; what falls off comes in at the other end.

    Args:
        x: tensor.
        shift: int or tuple of ints: by how many places.
        axis: int, tuple of ints, or None to roll the flat tensor.

    Returns:
        tensor of the shape and dtype of `x`.
    """


@op(dtype=keep, shape=shapes.repeat, home="numpy")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element several times in a row.

    Args:
        x: tensor.
        repeats: int, or a number for each element of the axis.
        axis: int, or None for the flat tensor.

    Returns:
        tensor in the dtype of `x`.
    """


@op(dtype=keep, shape=shapes.tile, prepare={"repeats": shape_tuple}, home="numpy")
def tile(x: Any, repeats: Any) -> Any:
    """The whole tensor several times along each axis.

    Args:
        x: tensor.
        repeats: int or tuple of ints.

    Returns:
        tensor in the dtype of `x`.
    """


@op(dtype=keep, shape=shapes.expand_dims, prepare={"axis": int_or_tuple("axis")}, zeros="moved", home="numpy")
def expand_dims(x: Any, axis: Any) -> Any:
    """Insert axes of length 1.

    Args:
        x: tensor.
        axis: int or tuple of ints: places in the result.

    Returns:
        tensor with more axes.
    """


@op(dtype=keep, shape=shapes.squeeze, prepare={"axis": int_or_tuple("axis")}, zeros="moved", home="numpy")
def squeeze(x: Any, axis: Any = None) -> Any:
    """Take out axes of length 1.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all of length 1.

    Returns:
        tensor with fewer axes.

    Raises:
        ShapeError: if a named axis is longer.
    """


# ---- composed -------------------------------------------------------------------------------------------------------


@op(zeros="kept", home="numpy")
def copy(x: Any) -> Any:
    """A tensor with the same values.

    Args:
        x: tensor.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    return x


@op(fuse=True, home="numpy")
def ravel(x: Any) -> Any:
    """All elements in one axis.

    Args:
        x: tensor.

    Returns:
        tensor of rank 1.
    """
    return reshape(x, (-1,))


@op(zeros="moved", fuse=True, home="numpy")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    Args:
        x: tensor.
        axis1: an axis.
        axis2: another axis.

    Returns:
        tensor with the two exchanged.
    """
    order = list(range(len(x.shape)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, tuple(order))


@op(zeros="moved", fuse=True, home="numpy")
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes; the others keep their order.

    Args:
        x: tensor.
        source: int or tuple of ints: where they are.
        destination: int or tuple of ints: where they go.

    Returns:
        tensor with the axes moved.
    """
    rank = len(x.shape)
    start = shapes.axes_of(source, rank, "source")
    end = shapes.axes_of(destination, rank, "destination")
    if len(start) != len(end):
        raise ShapeError(f"[moveaxis] expected as many `source` as `destination` axes, got {source} and {destination}.")
    order = [i for i in range(rank) if i not in start]
    for to, at in sorted(zip(end, start, strict=True)):
        order.insert(to, at)
    return transpose(x, tuple(order))


@op(2, home="numpy")
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """One tensor behind another.

    Args:
        x1: tensor.
        x2: tensor.
        axis: along which axis; both are flattened if None.

    Returns:
        tensor in the promoted dtype.
    """
    if axis is None:
        x1, x2, axis = ravel(x1), ravel(x2), 0
    return concatenate([x1, x2], axis)


def _at_least(x: Any, rank: int) -> Any:
    """As NumPy's atleast_1d/2d/3d."""
    have = len(x.shape)
    if have >= rank:
        return x
    if rank == 3:
        return reshape(x, (1, -1, 1)) if have < 2 else expand_dims(x, 2)
    return reshape(x, (1,) * (rank - 1) + (-1,))


@op("list", fuse=True, home="numpy")
def hstack(xs: Any) -> Any:
    """Join along axis 1, along axis 0 for rank 1.

    Args:
        xs: list of tensors.

    Returns:
        tensor in the promoted dtype.
    """
    xs = [_at_least(x, 1) for x in xs]
    return concatenate(xs, 0 if len(xs[0].shape) == 1 else 1)


@op("list", fuse=True, home="numpy")
def vstack(xs: Any) -> Any:
    """Join along axis 0; tensors of rank 1 are rows.

    Args:
        xs: list of tensors.

    Returns:
        tensor in the promoted dtype, of rank >= 2.
    """
    return concatenate([_at_least(x, 2) for x in xs], 0)


@op("list", fuse=True, home="numpy")
def dstack(xs: Any) -> Any:
    """Join along axis 2, which is added where it is missing.

    Args:
        xs: list of tensors.

    Returns:
        tensor in the promoted dtype, of rank >= 3.
    """
    return concatenate([_at_least(x, 3) for x in xs], 2)


@op(zeros="filled", home="core")
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices along an axis.

    Args:
        x: tensor.
        num: length of the axis; needed only where it is not known.
        axis: along which axis.

    Returns:
        List of tensors with one axis less.

    Raises:
        ShapeError: if the length of the axis is not known and `num` is None.
    """
    rank = len(x.shape)
    n = num if num is not None else dim(x, axis)
    if not isinstance(n, int):
        raise ShapeError(f"[unstack] expected axis {axis} of known length, got shape {x.shape}; pass `num`.")
    from kfront.ops.index import get_item

    return [get_item(x, key_on(rank, axis, i)) for i in range(n)]


@function("numpy", call_args=("x",))
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `split`, with parts that differ by one where the axis does not divide evenly.

    Args:
        x: tensor.
        indices_or_sections: number of parts, or the positions of the cuts.
        axis: along which axis.

    Returns:
        List of tensors.
    """
    if isinstance(indices_or_sections, int):
        n = dim(x, axis)
        if not isinstance(n, int):
            raise ShapeError(f"[array_split] expected axis {axis} of known length, got shape {x.shape}.")
        small, longer = divmod(n, indices_or_sections)
        sizes = [small + 1] * longer + [small] * (indices_or_sections - longer)
        indices_or_sections = [builtins.sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return split(x, indices_or_sections, axis)


@op("list", name="meshgrid", home="numpy", call_args=("*x",))
def _meshgrid(xs: Any, indexing: str) -> Any:
    lines = [ravel(v) for v in xs]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[0], order[1] = 1, 0
    grid = [dim(lines[i], 0) for i in order]
    out = []
    for i, line in enumerate(lines):
        place = order.index(i)
        out.append(broadcast_to(reshape(line, tuple(-1 if j == place else 1 for j in range(len(lines)))), grid))
    return tuple(out)


@in_front_of(_meshgrid)
def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Coordinate tensors of a grid.

    Args:
        *x: tensors of rank 1 (or 0): the coordinates along each axis.
        indexing: "xy" (the first two axes exchanged, as for images) or "ij" (as for matrices).

    Returns:
        List of tensors, one for each argument, all of the grid's shape.

    Raises:
        ArgumentError: for an unknown `indexing`.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"[meshgrid] expected `indexing` 'xy' or 'ij', got {indexing!r}.")
    return list(_meshgrid(x, indexing)) if x else []


@op(fuse=True, home="numpy")
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Rotate by 90 degrees in the plane of two axes, from the first towards the second.

    Args:
        array: tensor of rank >= 2.
        k: how many times.
        axes: the two axes.

    Returns:
        tensor in the dtype of `array`.
    """
    rank = len(array.shape)
    a, b = shapes.axes_of(tuple(axes), rank, "axes")
    k %= 4
    if k == 0:
        return array
    if k == 2:
        return flip(array, (a, b))
    if k == 1:
        return swapaxes(flip(array, b), a, b)
    return flip(swapaxes(array, a, b), b)


def _offsets(x: Any) -> Any:
    """Column minus row for each place of the last two axes."""
    from kfront.ops.create import arange

    rows, columns = arange(dim(x, -2)), arange(dim(x, -1))
    return subtract(expand_dims(columns, 0), expand_dims(rows, 1))


@op(fuse=True, home="numpy")
def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle; zeros above a diagonal.

    Args:
        x: tensor of rank >= 2.
        k: which diagonal is the last to stay, above the main one when positive.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    return where(greater_equal(k, _offsets(x)), x, cast(0, dtype_of(x)))


@op(fuse=True, home="numpy")
def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle; zeros below a diagonal.

    Args:
        x: tensor of rank >= 2.
        k: which diagonal is the first to stay, above the main one when positive.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    return where(greater_equal(_offsets(x), k), x, cast(0, dtype_of(x)))


@op(fuse=True, home="numpy")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements of a diagonal.

    Args:
        x: tensor of rank >= 2.
        offset: which diagonal, above the main one when positive.
        axis1: axis of rows.
        axis2: axis of columns.

    Returns:
        tensor without the two axes, with the diagonal as its last axis.
    """
    from kfront.ops.create import arange
    from kfront.ops.index import take

    rank = len(x.shape)
    a, b = shapes.axes_of((axis1, axis2), rank)
    kept = [i for i in range(rank) if i not in (a, b)]
    rows, columns = dim(x, a), dim(x, b)
    lead = [dim(x, i) for i in kept]
    flat = reshape(transpose(x, (*kept, a, b)), (*lead, -1))
    up, down = builtins.max(offset, 0), builtins.max(-offset, 0)
    if isinstance(rows, int) and isinstance(columns, int):
        n: Any = builtins.max(0, builtins.min(rows - down, columns - up))
        places = arange(n) * (columns + 1) + (down * columns + up)
    else:
        n = minimum(subtract(rows, down), subtract(columns, up))
        places = add(multiply(arange(n), add(columns, 1)), add(multiply(columns, down), up))
    return take(flat, places, -1)


@op(fuse=True, home="numpy")
def diag(x: Any, k: int = 0) -> Any:
    """A diagonal of a matrix, or a matrix with a given diagonal.

    Args:
        x: tensor of rank 1 or 2.
        k: which diagonal, above the main one when positive.

    Returns:
        tensor of rank 2 or 1.

    Raises:
        ShapeError: for another rank.
    """
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ShapeError(f"[diag] expected `x` of rank 1 or 2, got shape {tuple(x.shape)}.")
    column = expand_dims(pad(x, ((builtins.max(-k, 0), builtins.max(k, 0)),)), 1)
    n = dim(column, 0)
    grid = broadcast_to(column, (n, n) if isinstance(n, int) else [n, n])
    return where(equal(_offsets(grid), k), grid, cast(0, dtype_of(x)))


@op(fuse=True, home="numpy")
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of a diagonal.

    Args:
        x: tensor of rank >= 2; narrow integers are widened.
        offset: which diagonal, above the main one when positive.
        axis1: axis of rows.
        axis2: axis of columns.

    Returns:
        tensor without the two axes.
    """
    return sum(diagonal(x, offset, axis1, axis2), -1)
