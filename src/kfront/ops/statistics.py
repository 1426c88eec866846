"""Averages, quantiles, correlations, histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, to_float
from kfront.core.errors import ArgumentError
from kfront.core.op import op
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Axis, Tensor, TensorLike
from kfront.ops.arithmetic import clip
from kfront.ops.creation import linspace
from kfront.ops.elementwise import square
from kfront.ops.primitives.arguments import option
from kfront.ops.primitives.arithmetic import add, ceil, divide, floor, multiply, round, subtract
from kfront.ops.primitives.creation import array
from kfront.ops.primitives.dtypes import cast, dtype_of, is_floating
from kfront.ops.primitives.elementary import sqrt
from kfront.ops.primitives.indexing import take, where
from kfront.ops.primitives.linalg import matmul
from kfront.ops.primitives.logic import equal, greater_equal, isnan, less_equal, logical_and
from kfront.ops.primitives.reductions import any, max, mean, min, segment_sum, sum
from kfront.ops.primitives.shapes import dim, expand_dims, reshape, transpose
from kfront.ops.primitives.sorting import searchsorted, sort
from kfront.ops.shapes import moveaxis, swapaxes


@op(("x", "weights"), floating, zeros="filled", fuse=True, home="numpy")
def average(x: Tensor, axis: Axis = None, weights: Tensor | None = None) -> Tensor:
    """Weighted mean.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        weights: tensor of the shape of `x`, or of shape (n,) for one axis; all alike if None.

    Returns:
        tensor without the reduced axes, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.average([1.0, 4.0], weights=[1.0, 2.0]))
    3.0
    """
    if weights is None:
        return mean(x, axis)
    rank = len(x.shape)
    if len(weights.shape) == 1 and rank > 1 and isinstance(axis, int):
        weights = reshape(weights, tuple(-1 if i == axis % rank else 1 for i in range(rank)))
        return divide(sum(multiply(x, weights), axis), sum(weights, axis))
    return divide(sum(multiply(x, weights), axis), sum(weights, axis))


METHODS = option("method", "linear", "lower", "higher", "midpoint", "nearest")


@op(2, floating, prepare={"method": METHODS}, fuse=True, home="numpy")
def quantile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """Values below which given fractions of the elements lie.

    Args:
        x: tensor; integers become floatx.
        q: fractions in [0, 1], a number or a tensor of shape (m,).
        axis: int, tuple of ints, or None for all.
        method: between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor of shape q.shape + x.shape without the reduced axes, floating; NaN where an element is NaN.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.quantile(ops.array([0.0, 1.0, 2.0, 3.0]), ops.array([0.5, 1.0]))).tolist()
    [1.5, 3.0]
    """
    gone = shapes.axes_of(axis, len(x.shape))
    ordered = sort(to_last(x, gone), -1)
    n = dim(ordered, -1)
    place = multiply(q, cast(subtract(n, 1), dtype_of(q)))
    low, high = floor(place), ceil(place)
    a, b = (take(ordered, cast(i, "int32"), -1) for i in (low, high))
    out = _between(a, b, subtract(place, low), place, method, ordered)
    rank = len(q.shape)
    if rank:
        out = moveaxis(out, tuple(range(-rank, 0)), tuple(range(rank)))
    if len(gone) and is_floating(x):
        bad = any(isnan(ordered), -1)
        out = where(bad, math.nan, out)
    if keepdims:
        out = expand_dims(out, tuple(rank + a for a in gone)) if gone else out
    return out


def _between(a: TensorLike, b: TensorLike, share: Any, place: Any, method: str, ordered: Any) -> Any:

    if method == "lower":
        return a
    if method == "higher":
        return b
    if method == "midpoint":
        return multiply(add(a, b), 0.5)
    if method == "nearest":
        return take(ordered, cast(round(place), "int32"), -1)
    return add(a, multiply(subtract(b, a), share))


def to_last(x: Tensor, gone: tuple[int, ...]) -> Tensor:
    """The axes `gone` moved to the end and joined into one."""
    rank = len(x.shape)
    if len(gone) == rank:
        return reshape(x, (-1,))
    kept = [i for i in range(rank) if i not in gone]
    if len(gone) == 1:
        return transpose(x, (*kept, *gone))
    return reshape(transpose(x, (*kept, *gone)), (*(dim(x, i) for i in kept), -1))


@op(dtype=floating, fuse=True, home="numpy")
def median(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Middle value over axes, the mean of the two middle ones of an even number.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.median([1.0, 9.0, 2.0]))
    2.0
    """
    return quantile(x, 0.5, axis, "midpoint", keepdims)


@op(2, floating, prepare={"method": METHODS}, fuse=True, home="numpy")
def percentile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Values below which given percentages of the elements lie; see `quantile`.

    Args:
        x: tensor; integers become floatx.
        q: percentages in [0, 100], a number or a tensor of shape (m,).
        axis: int, tuple of ints, or None for all.
        method: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor of shape q.shape + x.shape without the reduced axes, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.percentile([1.0, 2.0, 3.0], 50.0))
    2.0
    """
    return quantile(x, divide(q, 100.0), axis, method, keepdims)


@op(dtype=floating, fuse=True, home="numpy")
def corrcoef(x: Tensor) -> Tensor:
    """Correlation coefficients of rows.

    Args:
        x: tensor of shape (variables, observations), or (observations,).

    Returns:
        tensor of shape (variables, variables), or (), floating.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.corrcoef(ops.array([[1.0, 2.0, 3.0], [3.0, 2.0, 0.0]])).shape)
    (2, 2)
    """
    if len(x.shape) == 1:
        return reshape(corrcoef(expand_dims(x, 0)), ())
    x = subtract(x, mean(x, -1, True))
    products = matmul(x, swapaxes(x, 0, 1))
    length = sqrt(sum(square(x), -1))
    out = divide(divide(products, expand_dims(length, 1)), expand_dims(length, 0))
    return clip(out, -1.0, 1.0)


@op(dtype=floating, fuse=True, home="numpy")
def cov(x: Tensor) -> Tensor:
    """Covariances of rows: means of products of deviations, over observations less one.

    Args:
        x: tensor of shape (variables, observations), or (observations,).

    Returns:
        tensor of shape (variables, variables), or (), floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.cov(ops.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if len(x.shape) == 1:
        return reshape(cov(expand_dims(x, 0)), ())
    x = subtract(x, mean(x, -1, True))
    count = cast(dim(x, 1), dtype_of(x)) if x.shape[1] is None else float(x.shape[1])
    return divide(matmul(x, swapaxes(x, 0, 1)), subtract(count, 1.0))


@op(home="numpy")
def histogram(x: TensorLike, bins: int = 10, range: Sequence[float] | None = None) -> tuple[Tensor, Tensor]:
    """How many elements fall into each of several intervals of one width.

    Args:
        x: tensor, flattened.
        bins: number of intervals.
        range: (lowest, highest) limit; those of the elements if None.

    Returns:
        Tuple (counts, limits): shape (bins,) and (bins + 1,), floating.

    Raises:
        ArgumentError: if `bins` is not a positive int, or `range` is not ascending.

    Example:

    >>> from kfront import ops
    >>> counts, edges = ops.histogram([0.0, 1.0, 1.0, 2.0], bins=2)
    >>> ops.convert_to_numpy(counts).tolist(), ops.convert_to_numpy(edges).tolist()
    ([1.0, 3.0], [0.0, 1.0, 2.0])
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
