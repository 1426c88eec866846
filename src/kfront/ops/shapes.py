"""Joining, cutting and reordering tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kfront.core import shapes
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.spec import KerasTensor
from kfront.core.typing import Size, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.primitives.arguments import tensor


@op(fuse=True, home="numpy")
def vsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Cut along axis 0; see `split`.

    Args:
        x: tensor of rank >= 2.
        indices_or_sections: number of equal parts, or the positions of the cuts.

    Returns:
        List of tensors.

    Example:

    >>> from kfront import ops
    >>> [tuple(part.shape) for part in ops.vsplit(ops.ones((4, 2)), 2)]
    [(2, 2), (2, 2)]
    """
    return p.split(x, indices_or_sections, 0)


@op(fuse=True, home="numpy")
def hsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Cut along axis 1, along axis 0 for rank 1; see `split`.

    Args:
        x: tensor.
        indices_or_sections: number of equal parts, or the positions of the cuts.

    Returns:
        List of tensors.

    Example:

    >>> from kfront import ops
    >>> [tuple(part.shape) for part in ops.hsplit(ops.ones((4, 2)), 2)]
    [(4, 1), (4, 1)]
    """
    return p.split(x, indices_or_sections, 0 if len(x.shape) == 1 else 1)


@op(fuse=True, home="numpy")
def dsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Cut along axis 2; see `split`.

    Args:
        x: tensor of rank >= 3.
        indices_or_sections: number of equal parts, or the positions of the cuts.

    Returns:
        List of tensors.

    Example:

    >>> from kfront import ops
    >>> [tuple(part.shape) for part in ops.dsplit(ops.ones((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return p.split(x, indices_or_sections, 2)


@op(home="numpy")
def fliplr(x: TensorLike) -> Tensor:
    """Reverse axis 1.

    Args:
        x: tensor of rank >= 2.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.fliplr([[1, 2], [3, 4]])).tolist()
    [[2, 1], [4, 3]]
    """
    return p.flip(x, 1)


@op(home="numpy")
def flipud(x: TensorLike) -> Tensor:
    """Reverse axis 0.

    Args:
        x: tensor of rank >= 1.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.flipud([[1, 2], [3, 4]])).tolist()
    [[3, 4], [1, 2]]
    """
    shapes.rank_at_least(x, 1)
    return p.flip(x, 0)


@op(zeros="filled", home="numpy")
def size(x: TensorLike) -> Size:
    """The number of elements.

    Args:
        x: tensor.

    Returns:
        An int, or a scalar int32 tensor where a dimension is not known.

    Example:

    >>> from kfront import ops
    >>> int(ops.size(ops.ones((2, 3))))
    6
    """
    out: Any = 1
    for d in p.shape(x):
        out = out * d if isinstance(out, int) and isinstance(d, int) else p.multiply(out, d)
    return out


def padded_by_index(x: Tensor, pad_width: Sequence[Sequence[int]], mode: str) -> Tensor:
    """`pad` in any mode but "constant" by reading elements anew, for engines whose kernels do not cover it.

    Args:
        x: tensor.
        pad_width: (before, after) for each axis.
        mode: as for `pad`.
    """
    for axis, (before, after) in enumerate(pad_width):
        if before or after:
            n = p.dim(x, axis)
            x = p.take(x, _source(p.arange(-before, n + after), n, mode), axis)
    return x


def _source(places: TensorLike, n: Tensor, mode: str) -> Tensor:
    """Where elements at `places`, some of which lie outside an axis of length `n`, come from."""
    if mode == "edge":
        return clip(places, 0, n - 1)
    if mode == "wrap":
        return p.mod(places, n)
    edge = int(mode == "symmetric")  # whether the edge itself comes twice
    places = p.mod(places, p.maximum(2 * n - 2 + 2 * edge, 1))
    return p.minimum(places, p.subtract(2 * n - 2 + edge, places))


@op(prepare={"x": tensor("x")}, zeros="kept", home="numpy")
def copy(x: Tensor) -> Tensor:
    """A tensor with the same values.

    Args:
        x: tensor.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.copy([1, 2])).tolist()
    [1, 2]
    """
    return x


@op(fuse=True, home="numpy")
def ravel(x: TensorLike) -> Tensor:
    """All elements in one axis.

    Args:
        x: tensor.

    Returns:
        tensor of rank 1.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.ravel([[1, 2], [3, 4]])).tolist()
    [1, 2, 3, 4]
    """
    return p.reshape(x, (-1,))


@op(zeros="moved", fuse=True, home="numpy")
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Exchange two axes.

    Args:
        x: tensor.
        axis1: an axis.
        axis2: another axis.

    Returns:
        tensor with the two exchanged.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.swapaxes(ops.ones((2, 3, 4)), 0, 2).shape)
    (4, 3, 2)
    """
    order = list(range(len(x.shape)))
    (one,), (other,) = (shapes.axes_of(axis, len(order)) for axis in (axis1, axis2))
    order[one], order[other] = order[other], order[one]
    return p.transpose(x, tuple(order))


@op(zeros="moved", fuse=True, home="numpy")
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Move axes; the others keep their order.

    Args:
        x: tensor.
        source: int or tuple of ints: where they are.
        destination: int or tuple of ints: where they go.

    Returns:
        tensor with the axes moved.

    Raises:
        ShapeError: different numbers of axes in `source` and `destination`.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.moveaxis(ops.ones((2, 3, 4)), 0, -1).shape)
    (3, 4, 2)
    """
    rank = len(x.shape)
    start = shapes.axes_of(source, rank, "source")
    end = shapes.axes_of(destination, rank, "destination")
    if len(start) != len(end):
        raise ShapeError(f"[moveaxis] expected as many `source` as `destination` axes, got {source} and {destination}.")
    order = [i for i in range(rank) if i not in start]
    for to, at in sorted(zip(end, start, strict=True)):
        order.insert(to, at)
    return p.transpose(x, tuple(order))


@op(2, home="numpy")
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """One tensor behind another.

    Args:
        x1: tensor.
        x2: tensor.
        axis: along which axis; both are flattened if None.

    Returns:
        tensor in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.append([1, 2], [3])).tolist()
    [1, 2, 3]
    """
    if axis is None:
        x1, x2, axis = ravel(x1), ravel(x2), 0
    return p.concatenate([x1, x2], axis)


def _at_least(x: Any, rank: int) -> Any:
    """As NumPy's atleast_1d/2d/3d."""
    have = len(x.shape)
    if have >= rank:
        return x
    if rank == 3:
        return p.reshape(x, (1, -1, 1)) if have < 2 else p.expand_dims(x, 2)
    return p.reshape(x, (1,) * (rank - 1) + (-1,))


@op("list", fuse=True, home="numpy")
def hstack(xs: Sequence[TensorLike] | Tensor) -> Tensor:
    """Join along axis 1, along axis 0 for rank 1.

    Args:
        xs: list of tensors.

    Returns:
        tensor in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.hstack([[1, 2], [3]])).tolist()
    [1, 2, 3]
    """
    xs = [_at_least(x, 1) for x in xs]
    return p.concatenate(xs, 0 if len(xs[0].shape) == 1 else 1)


def _column(x: Any) -> Any:
    return p.expand_dims(_at_least(x, 1), 1) if len(x.shape) < 2 else x


@op("list", fuse=True, home="numpy")
def column_stack(xs: Sequence[TensorLike] | Tensor) -> Tensor:
    """Join along axis 1; tensors of rank 1 are columns.

    Args:
        xs: list of tensors.

    Returns:
        tensor in the promoted dtype, of rank >= 2.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.column_stack([[1, 2], [3, 4]])).tolist()
    [[1, 3], [2, 4]]
    """
    return p.concatenate([_column(x) for x in xs], 1)


@op("list", fuse=True, home="numpy")
def vstack(xs: Sequence[TensorLike] | Tensor) -> Tensor:
    """Join along axis 0; tensors of rank 1 are rows.

    Args:
        xs: list of tensors.

    Returns:
        tensor in the promoted dtype, of rank >= 2.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.vstack([[1, 2], [3, 4]])).tolist()
    [[1, 2], [3, 4]]
    """
    return p.concatenate([_at_least(x, 2) for x in xs], 0)


@op("list", fuse=True, home="numpy")
def dstack(xs: Sequence[TensorLike] | Tensor) -> Tensor:
    """Join along axis 2, which is added where it is missing.

    Args:
        xs: list of tensors.

    Returns:
        tensor in the promoted dtype, of rank >= 3.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.dstack([ops.ones((2, 3)), ops.ones((2, 3))]).shape)
    (2, 3, 2)
    """
    return p.concatenate([_at_least(x, 3) for x in xs], 2)


@op(zeros="filled", home="core")
def unstack(x: Tensor, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along an axis.

    Args:
        x: tensor.
        num: length of the axis; needed only where it is not known.
        axis: along which axis.

    Returns:
        List of tensors with one axis less.

    Raises:
        ShapeError: if the length of the axis is not known and `num` is None.

    Example:

    >>> from kfront import ops
    >>> [v.tolist() for v in map(ops.convert_to_numpy, ops.unstack([[1, 2], [3, 4]]))]
    [[1, 2], [3, 4]]
    """
    rank = len(x.shape)
    (axis,) = shapes.axes_of(axis, rank)
    n = num if num is not None else p.dim(x, axis)
    if not isinstance(n, int):
        raise ShapeError(f"[unstack] expected axis {axis} of known length, got shape {x.shape}; pass `num`.")

    return [p.get_item(x, p.key_on(rank, axis, i)) for i in range(n)]


@op(fuse=True, home="numpy")
def array_split(x: Tensor, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """As `split`, with parts that differ by one where the axis does not divide evenly.

    Args:
        x: tensor.
        indices_or_sections: number of parts, or the positions of the cuts.
        axis: along which axis.

    Returns:
        List of tensors.

    Raises:
        ShapeError: the length of the axis is not known in the engine's graph.
        ArgumentError: there is no section, or `x` is no tensor.

    Example:

    >>> from kfront import ops
    >>> [tuple(part.shape) for part in ops.array_split(ops.ones(5), 2)]
    [(3,), (2,)]
    """
    if not x.shape:
        raise ArgumentTypeError("[array_split] expected a tensor with an axis, got a scalar.")
    if isinstance(indices_or_sections, int):
        n = p.dim(x, axis)
        if indices_or_sections < 1:
            raise ArgumentError(f"[array_split] expected at least one section, got {indices_or_sections}.")
        if isinstance(n, KerasTensor):  # specs of parts, of lengths that are not known either
            return p.split(x, indices_or_sections, axis)
        if not isinstance(n, int):
            raise ShapeError(f"[array_split] expected axis {axis} of known length, got shape {x.shape}.")
        small, longer = divmod(n, indices_or_sections)
        sizes = [small + 1] * longer + [small] * (indices_or_sections - longer)
        indices_or_sections = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return p.split(x, indices_or_sections, axis)


@op("list", name="meshgrid", home="numpy", call_args=("*x",))
def _meshgrid(xs: Sequence[TensorLike] | Tensor, indexing: str) -> tuple[Tensor, ...]:
    lines = [ravel(v) for v in xs]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[0], order[1] = 1, 0
    grid = [p.dim(lines[i], 0) for i in order]
    out = []
    for i, line in enumerate(lines):
        place = order.index(i)
        out.append(p.broadcast_to(p.reshape(line, tuple(-1 if j == place else 1 for j in range(len(lines)))), grid))
    return tuple(out)


@in_front_of(_meshgrid)
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinate tensors of a grid.

    Args:
        *x: tensors of rank 1 (or 0): the coordinates along each axis.
        indexing: "xy" (the first two axes exchanged, as for images) or "ij" (as for matrices).

    Returns:
        List of tensors, one for each argument, all of the grid's shape.

    Raises:
        ArgumentError: for an unknown `indexing`.

    Example:

    >>> from kfront import ops
    >>> x, y = ops.meshgrid([1, 2], [3, 4, 5])
    >>> tuple(x.shape), ops.convert_to_numpy(y)[:, 0].tolist()
    ((3, 2), [3, 4, 5])
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"[meshgrid] expected `indexing` 'xy' or 'ij', got {indexing!r}.")
    return list(_meshgrid(x, indexing)) if x else []


@op(fuse=True, home="numpy")
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Rotate by 90 degrees in the plane of two axes, from the first towards the second.

    Args:
        array: tensor of rank >= 2.
        k: how many times.
        axes: the two axes.

    Returns:
        tensor in the dtype of `array`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.rot90([[1, 2], [3, 4]])).tolist()
    [[2, 4], [1, 3]]
    """
    rank = len(array.shape)
    a, b = shapes.axes_of(tuple(axes), rank, "axes")
    k %= 4
    if k == 0:
        return array
    if k == 2:
        return p.flip(array, (a, b))
    if k == 1:
        return swapaxes(p.flip(array, b), a, b)
    return p.flip(swapaxes(array, a, b), b)
