"""Reductions, cumulative sums, sorting and statistics."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import floating, index_result, keep, logical, result_type, static_rule, sum_like
from kfront.core.op import op
from kfront.ops._prepare import option, optional_dtype
from kfront.ops.arithmetic import add, divide, multiply, subtract
from kfront.ops.elementwise import cast, ceil, dtype_of, floor, round
from kfront.ops.logic import greater, isfinite, isnan, less, logical_and, not_equal, where

# ---- reductions -----------------------------------------------------------------------------------------------------


@op(dtype=sum_like, shape=shapes.reduction, zeros="reduced", home="numpy")
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum over axes.

    Args:
        x: tensor; bool and integers narrower than 32 bits are widened first.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> ops.sum(ops.array([[1, 2], [3, 4]]), axis=0).tolist()
    [4, 6]
    """


@static_rule
def _prod_rule(dtypes: tuple[Any, ...], dtype: Any = None, **static: Any) -> tuple[Any, Any]:
    d = dtype or sum_like(*dtypes)[1]
    return d, d


@op(dtype=_prod_rule, shape=shapes.reduction, prepare={"dtype": optional_dtype}, zeros="filled", home="numpy")
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Product over axes.

    Args:
        x: tensor; bool and integers narrower than 32 bits are widened first.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        dtype: dtype to compute in.

    Returns:
        tensor without the reduced axes.
    """


@op(dtype=keep, shape=shapes.reduction, zeros="filled", home="numpy")
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Largest value over axes; NaN if one is NaN.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        initial: number that takes part as well; needed to reduce an empty axis.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.
    """


@op(dtype=keep, shape=shapes.reduction, zeros="filled", home="numpy")
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Smallest value over axes; NaN if one is NaN.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        initial: number that takes part as well; needed to reduce an empty axis.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.
    """


@op(dtype=floating, shape=shapes.reduction, zeros="reduced", home="numpy")
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over axes.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.
    """


@op(dtype=floating, shape=shapes.reduction, zeros="filled", home="numpy")
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance over axes (divided by the number of elements).

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.
    """


@op(dtype=floating, shape=shapes.reduction, zeros="filled", home="numpy")
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Standard deviation over axes (divided by the number of elements).

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.
    """


@op(dtype=logical, shape=shapes.reduction, zeros="filled", home="numpy")
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether every element over axes is true (not 0).

    Args:
        x: tensor, cast to bool.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        bool tensor without the reduced axes.
    """


@op(dtype=logical, shape=shapes.reduction, zeros="filled", home="numpy")
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether some element over axes is true (not 0).

    Args:
        x: tensor, cast to bool.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        bool tensor without the reduced axes.
    """


@op(dtype=floating, shape=shapes.reduction, home="math")
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over axes, without overflow.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.
    """


@op(dtype=index_result, shape=shapes.arg_reduction, zeros="filled", home="numpy")
def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the largest value, the first one if there are several.

    Args:
        x: tensor.
        axis: int, or None for the position in the flat tensor.
        keepdims: whether the reduced axis stays, with length 1.

    Returns:
        int32 tensor without the reduced axis.
    """


@op(dtype=index_result, shape=shapes.arg_reduction, zeros="filled", home="numpy")
def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the smallest value, the first one if there are several.

    Args:
        x: tensor.
        axis: int, or None for the position in the flat tensor.
        keepdims: whether the reduced axis stays, with length 1.

    Returns:
        int32 tensor without the reduced axis.
    """


# ---- cumulative, sorting, searching ---------------------------------------------------------------------------------


@static_rule
def _scan_rule(dtypes: tuple[Any, ...], dtype: Any = None, **static: Any) -> tuple[Any, Any]:
    d = dtype or result_type(*dtypes)
    d = "int32" if d == "bool" else d
    return d, d


@op(dtype=_scan_rule, shape=shapes.scanned, prepare={"dtype": optional_dtype}, zeros="filled", home="numpy")
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Sums of the elements so far along an axis.

    Args:
        x: tensor; bool becomes int32.
        axis: int, or None for the flat tensor.
        dtype: dtype to compute in; that of `x` if None.

    Returns:
        tensor of the shape of `x`, of rank 1 when `axis` is None.
    """


@op(dtype=_scan_rule, shape=shapes.scanned, prepare={"dtype": optional_dtype}, home="numpy")
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Products of the elements so far along an axis.

    Args:
        x: tensor; bool becomes int32.
        axis: int, or None for the flat tensor.
        dtype: dtype to compute in; that of `x` if None.

    Returns:
        tensor of the shape of `x`, of rank 1 when `axis` is None.
    """


@op(dtype=keep, shape=shapes.along, home="numpy")
def sort(x: Any, axis: int | None = -1) -> Any:
    """Ascending order along an axis.

    Args:
        x: tensor.
        axis: int, or None for the flat tensor.

    Returns:
        tensor of the shape and dtype of `x`.
    """


@op(dtype=index_result, shape=shapes.along, home="numpy")
def argsort(x: Any, axis: int | None = -1) -> Any:
    """Positions that put an axis into ascending order; equal elements keep their order.

    Args:
        x: tensor.
        axis: int, or None for the flat tensor.

    Returns:
        int32 tensor of the shape of `x`.
    """


def _top_k_rule(x: Any) -> tuple[Any, Any]:
    return None, [result_type(x), "int32"]


@op(dtype=_top_k_rule, shape=shapes.top_k, home="math")
def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The k largest elements along the last axis, and where they are.

    Args:
        x: tensor of shape (..., n).
        k: how many, at most n.
        sorted: whether they come in descending order.

    Returns:
        Tuple (values, indices): shape (..., k), in the dtype of `x` and int32.

    Example:

    >>> from kfront import ops
    >>> values, indices = ops.top_k(ops.array([1.0, 3.0, 2.0]), 2)
    >>> values.tolist(), indices.tolist()
    ([3.0, 2.0], [1, 2])
    """


def _search_rule(a: Any, b: Any) -> tuple[Any, Any]:
    return result_type(a, b), "int32"


@op(
    2,
    _search_rule,
    shapes.searchsorted,
    prepare={"side": option("side", "left", "right")},
    zeros="filled",
    home="numpy",
    class_name="SearchSorted",
)
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values would be inserted into a sorted sequence.

    Args:
        sorted_sequence: ascending tensor of shape (n,).
        values: tensor of any shape.
        side: "left" for the first suitable position, "right" for the last.

    Returns:
        int32 tensor of the shape of `values`, in [0, n].
    """


def _bincount_rule(x: Any, weights: Any) -> tuple[Any, Any]:
    return None, "int32" if weights is None else result_type(weights)


_bincount_rule.keeps = True  # type: ignore[attr-defined]


@op(("x", "weights"), _bincount_rule, shapes.bincount, home="numpy", call_args=("x",))
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each integer occurs.

    Args:
        x: tensor of integers >= 0, of shape (n,) or (batch, n).
        weights: tensor of the shape of `x`: what each occurrence counts, 1 if None.
        minlength: least length of the result.
        sparse: whether the result is a sparse tensor, on an engine that has them.

    Returns:
        tensor of shape (m,) or (batch, m), m the largest value + 1 or `minlength`; int32, or the dtype of `weights`.

    Raises:
        UnsupportedError: with `sparse`, on an engine without sparse tensors.

    Example:

    >>> from kfront import ops
    >>> ops.bincount(ops.array([1, 1, 3])).tolist()
    [0, 2, 0, 1]
    """


# ---- composed -------------------------------------------------------------------------------------------------------


@op(dtype=keep, zeros="filled", fuse=True, home="numpy")
def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest value over axes; see `max`.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.
    """
    return max(x, axis, keepdims)


@op(dtype=keep, zeros="filled", fuse=True, home="numpy")
def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest value over axes; see `min`.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.
    """
    return min(x, axis, keepdims)


@op(dtype=keep, fuse=True, home="numpy")
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest minus smallest value over axes.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.
    """
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


@op(zeros="filled", fuse=True, home="numpy")
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """Number of elements that are not 0.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.

    Returns:
        int32 tensor without the reduced axes.
    """
    return sum(cast(not_equal(x, 0), "int32"), axis)


@op(("x", "weights"), floating, zeros="filled", fuse=True, home="numpy")
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """Weighted mean.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        weights: tensor of the shape of `x`, or of shape (n,) for one axis; all alike if None.

    Returns:
        tensor without the reduced axes, floating.
    """
    if weights is None:
        return mean(x, axis)
    rank = len(x.shape)
    if len(weights.shape) == 1 and rank > 1 and isinstance(axis, int):
        from kfront.ops.shape import reshape

        weights = reshape(weights, tuple(-1 if i == axis % rank else 1 for i in range(rank)))
        return divide(sum(multiply(x, weights), axis), sum(weights, axis))
    return divide(sum(multiply(x, weights), axis), sum(weights, axis))


def is_floating(x: Any) -> bool:
    """Whether the dtype of a tensor is a real floating one."""
    from kfront.core.dtypes import is_float

    return is_float(dtype_of(x))


METHODS = option("method", "linear", "lower", "higher", "midpoint", "nearest")


@op(2, floating, prepare={"method": METHODS}, fuse=True, home="numpy")
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
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
    >>> ops.quantile(ops.array([0.0, 1.0, 2.0, 3.0]), ops.array([0.5, 1.0])).tolist()
    [1.5, 3.0]
    """
    from kfront.ops.index import take
    from kfront.ops.shape import dim, expand_dims, moveaxis

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


def _between(a: Any, b: Any, share: Any, place: Any, method: str, ordered: Any) -> Any:
    from kfront.ops.index import take

    if method == "lower":
        return a
    if method == "higher":
        return b
    if method == "midpoint":
        return multiply(add(a, b), 0.5)
    if method == "nearest":
        return take(ordered, cast(round(place), "int32"), -1)
    return add(a, multiply(subtract(b, a), share))


def to_last(x: Any, gone: tuple[int, ...]) -> Any:
    """The axes `gone` moved to the end and joined into one."""
    from kfront.ops.shape import dim, reshape, transpose

    rank = len(x.shape)
    if len(gone) == rank:
        return reshape(x, (-1,))
    kept = [i for i in range(rank) if i not in gone]
    if len(gone) == 1:
        return transpose(x, (*kept, *gone))
    return reshape(transpose(x, (*kept, *gone)), (*(dim(x, i) for i in kept), -1))


@op(dtype=floating, fuse=True, home="numpy")
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Middle value over axes, the mean of the two middle ones of an even number.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.
    """
    return quantile(x, 0.5, axis, "midpoint", keepdims)


@op(dtype=keep, home="numpy")
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Any:
    """Positions that put the kth smallest element of an axis into its place, smaller ones before it.

    Args:
        x: tensor.
        kth: place in the sorted order.
        axis: int, or None for the flat tensor.

    Returns:
        int32 tensor of the shape of `x`.
    """
    return argsort(x, axis)


@op(2, fuse=True, home="math")
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether a target is among the k classes with the highest scores; ties with the kth count.

    Args:
        targets: integer tensor of shape (batch,).
        predictions: floating tensor of shape (batch, classes).
        k: how many classes count.

    Returns:
        bool tensor of shape (batch,); False where the target's score is not finite.
    """
    from kfront.ops.index import take_along_axis
    from kfront.ops.shape import expand_dims

    score = take_along_axis(predictions, expand_dims(cast(targets, "int32"), -1), -1)
    better = sum(cast(greater(predictions, score), "int32"), -1)
    return logical_and(less(better, k), all(isfinite(score), -1))


@op(dtype=keep, fuse=True, home="numpy")
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along an axis.

    Args:
        a: tensor.
        n: how often it is applied.
        axis: along which axis.

    Returns:
        tensor with `n` fewer elements along `axis`, in the dtype of `a`.
    """
    from kfront.ops.shape import key_on

    for _ in range(n):
        rank = len(a.shape)
        after, before = a[key_on(rank, axis, slice(1, None))], a[key_on(rank, axis, slice(None, -1))]
        a = not_equal(after, before) if dtype_of(a) == "bool" else subtract(after, before)
    return a


@op(2, zeros="filled", fuse=True, home="numpy")
def digitize(x: Any, bins: Any) -> Any:
    """Number of the bin each value falls into.

    Args:
        x: tensor of any shape.
        bins: ascending tensor of shape (n,), the limits.

    Returns:
        int32 tensor of the shape of `x`, i where ``bins[i - 1] <= x < bins[i]``.
    """
    return searchsorted(bins, x, "right")
