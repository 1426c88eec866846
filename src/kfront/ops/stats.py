"""Statistics and other composed numerics."""

from __future__ import annotations

import builtins
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, standardize, to_float
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import op
from kfront.core.op_registry import function
from kfront.core.spec import Abstract, KerasTensor
from kfront.ops._prepare import option
from kfront.ops.arithmetic import add, clip, divide, multiply, power, subtract
from kfront.ops.create import arange, array, linspace, ones_like
from kfront.ops.elementwise import cast, dtype_of, sqrt, square
from kfront.ops.index import get_item, slice, take
from kfront.ops.logic import equal, greater, greater_equal, less_equal, logical_and, logical_not, not_equal, where
from kfront.ops.matrix import matmul
from kfront.ops.nn_conv import conv
from kfront.ops.reduce import any, argsort, cumsum, max, mean, min, searchsorted, sum
from kfront.ops.segment import segment_sum
from kfront.ops.shape import concatenate, dim, expand_dims, key_on, moveaxis, pad, reshape, swapaxes


@op(dtype=floating, fuse=True, home="numpy")
def corrcoef(x: Any) -> Any:
    """Correlation coefficients of rows.

    Args:
        x: tensor of shape (variables, observations), or (observations,).

    Returns:
        tensor of shape (variables, variables), or (), floating.
    """
    if len(x.shape) == 1:
        return reshape(corrcoef(expand_dims(x, 0)), ())
    x = subtract(x, mean(x, -1, True))
    products = matmul(x, swapaxes(x, 0, 1))
    length = sqrt(sum(square(x), -1))
    out = divide(divide(products, expand_dims(length, 1)), expand_dims(length, 0))
    return clip(out, -1.0, 1.0)


@op(2, floating, fuse=True, home="math", class_name="CDist")
def cdist(x: Any, y: Any) -> Any:
    """Euclidean distances of all pairs of rows.

    Args:
        x: tensor of shape (..., m, features).
        y: tensor of shape (..., n, features).

    Returns:
        tensor of shape (..., m, n), floating.
    """
    total = sum(square(subtract(expand_dims(x, -2), expand_dims(y, -3))), -1)
    zero = equal(total, 0)
    return where(zero, 0.0, sqrt(where(zero, 1.0, total)))


_MODES = option("mode", "valid", "same", "full")


@op(2, floating, prepare={"mode": _MODES}, fuse=True, home="numpy")
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Cross-correlation of two sequences: sums of products at every shift.

    Args:
        x1: tensor of shape (m,).
        x2: tensor of shape (n,).
        mode: "valid" (full overlap), "same" (as long as the longer one) or "full" (any overlap).

    Returns:
        tensor of rank 1, floating.

    Raises:
        ShapeError: if a tensor is not of rank 1, or of unknown length.
    """
    m, n = (shapes.known(x.shape[0]) if len(x.shape) == 1 else None for x in (x1, x2))
    if m is None or n is None:
        raise ShapeError(f"[correlate] expected two tensors of known shape (n,), got {x1.shape} and {x2.shape}.")
    padded = reshape(pad(x1, ((n - 1, n - 1),)), (1, -1, 1))
    full = reshape(conv(padded, reshape(x2, (-1, 1, 1)), 1, "valid", "channels_last"), (-1,))
    small, large = sorted((m, n))
    start = {"full": 0, "valid": small - 1, "same": (n - 1) // 2 if m >= n else m // 2}[mode]
    length = {"full": m + n - 1, "valid": large - small + 1, "same": large}[mode]
    return get_item(full, _range(start, length))


def _range(start: int, length: int) -> Any:
    return builtins.slice(start, start + length)


@op(("y", "x"), floating, fuse=True, home="numpy", call_args=("y",))
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Integral along an axis by the trapezoidal rule.

    Args:
        y: tensor of values.
        x: where they are, of shape (n,) or that of `y`; equally spaced if None.
        dx: their distance when `x` is None.
        axis: along which axis.

    Returns:
        tensor without that axis, floating.
    """
    rank = len(y.shape)
    after, before = (key_on(rank, axis, _part(s)) for s in (1, 0))
    heights = divide(add(get_item(y, after), get_item(y, before)), 2.0)
    if x is None:
        return sum(multiply(heights, dx), axis)
    if len(x.shape) == 1:
        widths = subtract(get_item(x, _part(1)), get_item(x, _part(0)))
        a = shapes.axis_of(axis, rank)
        widths = reshape(widths, tuple(-1 if i == a else 1 for i in range(rank)))
    else:
        widths = subtract(get_item(x, after), get_item(x, before))
    return sum(multiply(heights, widths), axis)


def _part(start: int) -> Any:
    return builtins.slice(1, None) if start else builtins.slice(None, -1)


@op(2, floating, home="numpy")
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers at equal ratios between two ends.

    Args:
        start: first number, or tensor of first numbers, not 0.
        stop: last number, or tensor, of the same sign; the shapes broadcast.
        num: how many.
        endpoint: whether `stop` is the last one.
        dtype: dtype name; floating if None.
        axis: place of the new axis in the result.

    Returns:
        tensor with an axis of length `num`.
    """
    ratio = divide(stop, start)
    share = linspace(multiply(ratio, 0.0), add(multiply(ratio, 0.0), 1.0), num, endpoint)
    y = multiply(start, power(ratio, share))
    y = y if axis in (0, -len(y.shape)) else moveaxis(y, 0, axis)
    return y if dtype is None else cast(y, standardize(dtype))


@op(home="numpy")
def histogram(x: Any, bins: int = 10, range: Any = None) -> Any:
    """How many elements fall into each of several intervals of one width.

    Args:
        x: tensor, flattened.
        bins: number of intervals.
        range: (lowest, highest) limit; those of the elements if None.

    Returns:
        Tuple (counts, limits): shape (bins,) and (bins + 1,), floating.

    Raises:
        ArgumentError: if `bins` is not a positive int, or `range` is not ascending.
    """
    if not isinstance(bins, int) or bins < 1:
        raise ArgumentError(f"[histogram] expected `bins` to be an int >= 1, got {bins!r}.")
    if range is not None and (len(range) != 2 or range[0] >= range[1]):
        raise ArgumentError(f"[histogram] expected `range` as (lowest, highest), got {range!r}.")
    x = reshape(cast(x, to_float(dtype_of(x))), (-1,))
    if isinstance(x, KerasTensor):
        return Abstract((bins,), x.dtype), Abstract((bins + 1,), x.dtype)
    if range is not None:
        low, high = (array(float(v), dtype_of(x)) for v in range)
    else:
        low, high = min(x), max(x)
        flat = equal(low, high)
        low, high = where(flat, subtract(low, 0.5), low), where(flat, add(high, 0.5), high)
    limits = linspace(low, high, bins + 1)
    place = subtract(searchsorted(limits, x, "right"), 1)
    place = where(equal(x, high), bins - 1, place)
    inside = logical_and(greater_equal(x, low), less_equal(x, high))
    counts = segment_sum(cast(inside, dtype_of(x)), clip(place, 0, bins - 1), bins)
    return counts, limits


# ---- unique ---------------------------------------------------------------------------------------------------------


@function("numpy", call_args=("x",))
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct elements of a tensor, ascending.

    Args:
        x: tensor.
        sorted: kept for compatibility; the result is ascending.
        return_index: whether the position of each one's first occurrence is returned.
        return_inverse: whether the place of each element among the distinct ones is returned.
        return_counts: whether the number of occurrences is returned.
        axis: slices along this axis are compared; elements of the flat tensor if None.
        size: number of results: cut off, or filled up; as many as there are if None (not in compiled JAX code).
        fill_value: what it is filled up with; the smallest element if None.

    Returns:
        tensor, or a tuple (values, index, inverse, counts) of what was asked for; positions are int32.
    """
    if isinstance(x, KerasTensor):
        return _unique_spec(x, return_index, return_inverse, return_counts, axis, size)
    x = array(x)
    table = reshape(x, (-1, 1)) if axis is None else _rows(x, axis)
    order = _row_order(table)
    lines = take(table, order, 0)
    first = concatenate([ones_like(order, "bool")[:1], _differs(lines)], 0)
    group = subtract(cumsum(cast(first, "int32")), 1)
    found = sum(cast(first, "int32"))
    starts = argsort(cast(logical_not(first), "int32"))
    n = _count(found) if size is None else size
    starts = _take_first(starts, n, dim(order, 0))
    values = _values(x, take(order, starts, 0), axis)
    if size is not None:
        values = _refill(values, found, size, fill_value, axis)
    inverse = take(group, argsort(order), 0)
    counts = segment_sum(ones_like(group), group, None if size is None else dim(order, 0))
    extra = [
        (return_index, lambda: take(order, starts, 0)),
        (return_inverse, lambda: reshape(inverse, x.shape) if axis is None else inverse),
        (return_counts, lambda: _take_first(counts, n, dim(counts, 0))),
    ]
    out = [values, *(make() for wanted, make in extra if wanted)]
    return out[0] if len(out) == 1 else tuple(out)


def _rows(x: Any, axis: int) -> Any:
    x = moveaxis(x, axis, 0)
    return reshape(x, (dim(x, 0), -1)) if len(x.shape) > 1 else expand_dims(x, 1)


def _row_order(table: Any) -> Any:
    """Stable ascending order of rows: by the last column first, by the first column last."""
    order = argsort(get_item(table, (builtins.slice(None), -1)))
    columns = dim(table, 1)
    for c in reversed(list(builtins.range(columns - 1))):
        order = take(order, argsort(take(get_item(table, (builtins.slice(None), c)), order, 0)), 0)
    return order


def _differs(lines: Any) -> Any:
    return any(not_equal(get_item(lines, _part(1)), get_item(lines, _part(0))), -1)


def _count(found: Any) -> Any:
    try:
        return int(found)
    except Exception:
        return found  # a traced scalar: engines with dynamic shapes slice by it


def _take_first(x: Any, n: Any, length: Any) -> Any:
    """The first n; positions past the end repeat the first element."""
    if isinstance(n, int) and isinstance(length, int) and n > length:
        return concatenate([x, take(x, arange(n - length) * 0, 0)], 0)
    return slice(x, [0], [n])


def _values(x: Any, places: Any, axis: int | None) -> Any:
    return take(reshape(x, (-1,)), places, 0) if axis is None else take(x, places, axis)


def _refill(values: Any, found: Any, size: int, fill_value: Any, axis: int | None) -> Any:
    rank = len(values.shape)
    a = 0 if axis is None else shapes.axis_of(axis, rank)
    valid = reshape(greater(found, arange(size)), tuple(-1 if i == a else 1 for i in builtins.range(rank)))
    fill = take(values, array([0]), a) if fill_value is None else fill_value
    return where(valid, values, fill)


def _unique_spec(x: Any, index: bool, inverse: bool, counts: bool, axis: int | None, size: int | None) -> Any:
    s = shapes.shape_of(x)
    shape = (size,) if axis is None else tuple(size if i == axis % len(s) else d for i, d in enumerate(s))
    whole = s if axis is None else (s[axis],)
    out = [Abstract(shape, x.dtype)]
    for wanted, rest in ((index, (size,)), (inverse, whole), (counts, (size,))):
        if wanted:
            out.append(Abstract(rest, "int32"))
    return out[0] if len(out) == 1 else tuple(out)
