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
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.creation import linspace
from kfront.ops.elementwise import square
from kfront.ops.primitives.arguments import option
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
        return p.mean(x, axis)
    rank = len(x.shape)
    if len(weights.shape) == 1 and rank > 1 and isinstance(axis, int):
        weights = p.reshape(weights, tuple(-1 if i == axis % rank else 1 for i in range(rank)))
        return p.divide(p.sum(p.multiply(x, weights), axis), p.sum(weights, axis))
    return p.divide(p.sum(p.multiply(x, weights), axis), p.sum(weights, axis))


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
    ordered = p.sort(to_last(x, gone), -1)
    n = p.dim(ordered, -1)
    place = p.multiply(q, p.cast(p.subtract(n, 1), p.dtype_of(q)))
    low, high = p.floor(place), p.ceil(place)
    a, b = (p.take(ordered, p.cast(i, "int32"), -1) for i in (low, high))
    out = _between(a, b, p.subtract(place, low), place, method, ordered)
    rank = len(q.shape)
    if rank:
        out = moveaxis(out, tuple(range(-rank, 0)), tuple(range(rank)))
    if len(gone) and p.is_floating(x):
        bad = p.any(p.isnan(ordered), -1)
        out = p.where(bad, math.nan, out)
    if keepdims:
        out = p.expand_dims(out, tuple(rank + a for a in gone)) if gone else out
    return out


def _between(a: TensorLike, b: TensorLike, share: Any, place: Any, method: str, ordered: Any) -> Any:

    if method == "lower":
        return a
    if method == "higher":
        return b
    if method == "midpoint":
        return p.multiply(p.add(a, b), 0.5)
    if method == "nearest":
        return p.take(ordered, p.cast(p.round(place), "int32"), -1)
    return p.add(a, p.multiply(p.subtract(b, a), share))


def to_last(x: Tensor, gone: tuple[int, ...]) -> Tensor:
    """The axes `gone` moved to the end and joined into one; NaN where they have no elements."""
    rank = len(x.shape)
    if any(x.shape[i] == 0 for i in gone) and all(x.shape[i] != 0 for i in range(rank) if i not in gone):
        x = p.pad(x, tuple((0, int(i in gone and x.shape[i] == 0)) for i in range(rank)), "constant", math.nan)
    if len(gone) == rank:
        return p.reshape(x, (-1,))
    kept = [i for i in range(rank) if i not in gone]
    if len(gone) == 1:
        return p.transpose(x, (*kept, *gone))
    return p.reshape(p.transpose(x, (*kept, *gone)), (*(p.dim(x, i) for i in kept), -1))


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
    return quantile(x, p.divide(q, 100.0), axis, method, keepdims)


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
        return p.reshape(corrcoef(p.expand_dims(x, 0)), ())
    x = p.subtract(x, p.mean(x, -1, True))
    products = p.matmul(x, swapaxes(x, 0, 1))
    length = p.sqrt(p.sum(square(x), -1))
    out = p.divide(p.divide(products, p.expand_dims(length, 1)), p.expand_dims(length, 0))
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
        return p.reshape(cov(p.expand_dims(x, 0)), ())
    x = p.subtract(x, p.mean(x, -1, True))
    count = p.cast(p.dim(x, 1), p.dtype_of(x)) if x.shape[1] is None else float(x.shape[1])
    return p.divide(p.matmul(x, swapaxes(x, 0, 1)), p.subtract(count, 1.0))


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
    x = p.reshape(p.cast(x, to_float(p.dtype_of(x))), (-1,))
    if isinstance(x, KerasTensor):
        return Abstract((bins,), x.dtype), Abstract((bins + 1,), x.dtype)
    if range is not None:
        low, high = (p.array(float(v), p.dtype_of(x)) for v in range)
    else:
        low, high = p.min(x), p.max(x)
        flat = p.equal(low, high)
        low, high = p.where(flat, p.subtract(low, 0.5), low), p.where(flat, p.add(high, 0.5), high)
    limits = linspace(low, high, bins + 1)
    place = p.subtract(p.searchsorted(limits, x, "right"), 1)
    place = p.where(p.equal(x, high), bins - 1, place)
    inside = p.logical_and(p.greater_equal(x, low), p.less_equal(x, high))
    counts = p.segment_sum(p.cast(inside, p.dtype_of(x)), clip(place, 0, bins - 1), bins)
    return counts, limits
