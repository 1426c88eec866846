"""Reductions and cumulative results that leave NaN out."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, keep
from kfront.core.op import op
from kfront.core.typing import Axis, DTypeLike, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.elementwise import square
from kfront.ops.primitives.arguments import optional_dtype
from kfront.ops.shapes import moveaxis
from kfront.ops.statistics import METHODS, to_last


def _filled(x: TensorLike, value: Any) -> TensorLike:
    """`x` with NaN replaced."""
    return p.where(p.isnan(x), value, x) if p.is_floating(x) else x


@op(fuse=True, home="numpy")
def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over axes with NaN as 0.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> float(ops.nansum([1.0, float("nan"), 3.0]))
    4.0
    """
    return p.sum(_filled(x, 0.0), axis, keepdims)


@op(fuse=True, home="numpy")
def nanprod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Product over axes with NaN as 1.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanprod([2.0, float("nan"), 3.0]))
    6.0
    """
    return p.prod(_filled(x, 1.0), axis, keepdims)


@op(dtype=floating, fuse=True, home="numpy")
def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean over axes of what is not NaN.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating; NaN where nothing is left.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanmean([1.0, float("nan"), 3.0]))
    2.0
    """
    return _mean(_filled(x, 0.0), x, axis, keepdims)


def _mean(parts: Any, x: TensorLike, axis: Axis, keepdims: bool) -> Tensor:
    """The sum of `parts`, divided by the count of what is not NaN in `x`."""
    count = p.sum(p.cast(p.logical_not(p.isnan(x)), "float32"), axis, keepdims)
    total = p.sum(parts, axis, keepdims)
    return p.divide(total, p.cast(count, p.dtype_of(total)))


@op(dtype=floating, fuse=True, home="numpy")
def nanvar(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance over axes of what is not NaN.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating; NaN where nothing is left.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanvar([1.0, float("nan"), 3.0]))
    1.0
    """
    deviations = p.subtract(_filled(x, 0.0), nanmean(x, axis, True))  # NaN for infinities, as their variance is
    return _mean(p.where(p.isnan(x), 0.0, square(deviations)), x, axis, keepdims)


@op(dtype=floating, fuse=True, home="numpy")
def nanstd(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes of what is not NaN.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating; NaN where nothing is left.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanstd([1.0, float("nan"), 3.0]))
    1.0
    """
    return p.sqrt(nanvar(x, axis, keepdims))


@op(dtype=keep, fuse=True, home="numpy")
def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest value over axes of what is not NaN.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, in the dtype of `x`; NaN where nothing is left.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanmax([1.0, float("nan"), 3.0]))
    3.0
    """
    return _extreme(p.max, -math.inf, x, axis, keepdims)


@op(dtype=keep, fuse=True, home="numpy")
def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest value over axes of what is not NaN.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, in the dtype of `x`; NaN where nothing is left.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanmin([1.0, float("nan"), 3.0]))
    1.0
    """
    return _extreme(p.min, math.inf, x, axis, keepdims)


def _extreme(reduce: Any, neutral: float, x: TensorLike, axis: Axis, keepdims: bool) -> Tensor:
    if not p.is_floating(x):
        return reduce(x, axis, keepdims)
    missing = p.isnan(x)
    out = reduce(p.where(missing, neutral, x), axis, keepdims)
    return p.where(p.all(missing, axis, keepdims), math.nan, out)


@op(dtype=keep, fuse=True, home="numpy")
def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the largest value that is not NaN; -1 where there is none.

    Args:
        x: tensor.
        axis: int, or None for the position in the flat tensor.
        keepdims: whether the reduced axis stays, with length 1.

    Returns:
        int32 tensor without the reduced axis.

    Example:

    >>> from kfront import ops
    >>> int(ops.nanargmax([1.0, float("nan"), 3.0]))
    2
    """
    return _position(p.argmax, -math.inf, x, axis, keepdims)


@op(dtype=keep, fuse=True, home="numpy")
def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the smallest value that is not NaN; -1 where there is none.

    Args:
        x: tensor.
        axis: int, or None for the position in the flat tensor.
        keepdims: whether the reduced axis stays, with length 1.

    Returns:
        int32 tensor without the reduced axis.

    Example:

    >>> from kfront import ops
    >>> int(ops.nanargmin([1.0, float("nan"), 3.0]))
    0
    """
    return _position(p.argmin, math.inf, x, axis, keepdims)


def _position(find: Any, neutral: float, x: TensorLike, axis: Axis, keepdims: bool) -> Tensor:
    if not p.is_floating(x):
        return find(x, axis, keepdims)
    missing = p.isnan(x)
    out = find(p.where(missing, neutral, x), axis, keepdims)
    return p.where(p.all(missing, axis, keepdims), -1, out)


@op(dtype=keep, prepare={"dtype": optional_dtype}, fuse=True, home="numpy")
def nancumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Sums of the elements so far, NaN as 0.

    Args:
        x: tensor; bool becomes int32.
        axis: int, or None for the flat tensor.
        dtype: dtype to compute in; that of `x` if None.

    Returns:
        tensor of the shape of `x`, of rank 1 when `axis` is None.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.nancumsum([1.0, float("nan"), 3.0])).tolist()
    [1.0, 1.0, 4.0]
    """
    return p.cumsum(_filled(x, 0.0), axis, dtype)


@op(dtype=keep, prepare={"dtype": optional_dtype}, fuse=True, home="numpy")
def nancumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Products of the elements so far, NaN as 1.

    Args:
        x: tensor; bool becomes int32.
        axis: int, or None for the flat tensor.
        dtype: dtype to compute in; that of `x` if None.

    Returns:
        tensor of the shape of `x`, of rank 1 when `axis` is None.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.nancumprod([2.0, float("nan"), 3.0])).tolist()
    [2.0, 2.0, 6.0]
    """
    return p.cumprod(_filled(x, 1.0), axis, dtype)


@op(2, floating, prepare={"method": METHODS}, fuse=True, home="numpy")
def nanpercentile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """As `percentile`, of what is not NaN.

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
    >>> float(ops.nanpercentile([1.0, float("nan"), 3.0], 50.0))
    2.0
    """
    return nanquantile(x, p.divide(q, 100.0), axis, method, keepdims)


@op(2, floating, prepare={"method": METHODS}, fuse=True, home="numpy")
def nanquantile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """As `quantile`, of what is not NaN.

    Args:
        x: tensor; integers become floatx.
        q: fractions in [0, 1], a number or a tensor of shape (m,).
        axis: int, tuple of ints, or None for all.
        method: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor of shape q.shape + x.shape without the reduced axes, floating; NaN where nothing is left.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanquantile([1.0, float("nan"), 3.0], 0.5))
    2.0
    """
    gone = shapes.axes_of(axis, len(x.shape))
    lines = to_last(x, gone)
    missing = p.isnan(lines)
    ordered = p.sort(p.where(missing, math.inf, lines), -1)
    count = p.sum(p.cast(p.logical_not(missing), p.dtype_of(q)), -1, True)
    places = p.multiply(p.reshape(q, (-1,)), p.maximum(p.subtract(count, 1.0), 0.0))
    low, high = p.floor(places), p.ceil(places)
    a, b = (p.take_along_axis(ordered, p.cast(i, "int32"), -1) for i in (low, high))
    if method == "nearest":
        out = p.take_along_axis(ordered, p.cast(p.round(places), "int32"), -1)
    elif method == "midpoint":
        out = p.multiply(p.add(a, b), 0.5)
    elif method == "linear":
        share = p.subtract(places, low)
        out = p.add(p.multiply(a, p.subtract(1.0, share)), p.multiply(b, share))
    else:
        out = a if method == "lower" else b
    out = p.where(p.all(missing, -1, True), math.nan, out)
    scalar = not len(q.shape)
    out = p.squeeze(out, -1) if scalar else moveaxis(out, -1, 0)
    return p.expand_dims(out, tuple(i + (0 if scalar else 1) for i in gone)) if keepdims and gone else out


@op(dtype=floating, fuse=True, home="numpy")
def nanmedian(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """As `median`, of what is not NaN.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating; NaN where nothing is left.

    Example:

    >>> from kfront import ops
    >>> float(ops.nanmedian([1.0, float("nan"), 3.0]))
    2.0
    """
    return nanquantile(x, 0.5, axis, "midpoint", keepdims)
