"""Sums, means, extremes and running sums along axes, and sums over segments."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from typing import Any

from kfront.core import shapes, shapes_nn
from kfront.core.dtypes import floating, index_result, keep, logical, result_type, static_rule, sum_like
from kfront.core.op import op
from kfront.core.typing import Axis, DTypeLike, Tensor, TensorLike
from kfront.ops.primitives.arguments import optional_dtype, ranks, whole


@op(dtype=sum_like, shape=shapes.reduction, zeros="reduced", home="numpy")
def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over axes.

    Args:
        x: tensor; bool and integers narrower than 32 bits are widened first.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sum(ops.array([[1, 2], [3, 4]]), axis=0)).tolist()
    [4, 6]
    """


@static_rule
def _prod_rule(dtypes: tuple[object, ...], dtype: DTypeLike = None, **static: object) -> tuple[object, object]:
    d = dtype or sum_like(*dtypes)[1]
    return d, d


@op(dtype=_prod_rule, shape=shapes.reduction, prepare={"dtype": optional_dtype}, zeros="filled", home="numpy")
def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike = None) -> Tensor:
    """Product over axes.

    Args:
        x: tensor; bool and integers narrower than 32 bits are widened first.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        dtype: dtype to compute in.

    Returns:
        tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> int(ops.prod([2, 3, 4]))
    24
    """


@op(dtype=keep, shape=shapes.extreme, zeros="filled", home="numpy")
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Largest value over axes; NaN if one is NaN.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        initial: number that takes part as well; needed to reduce an empty axis.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.max([[1, 5], [3, 2]], axis=0)).tolist()
    [3, 5]
    """


@op(dtype=keep, shape=shapes.extreme, zeros="filled", home="numpy")
def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Smallest value over axes; NaN if one is NaN.

    Args:
        x: tensor.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.
        initial: number that takes part as well; needed to reduce an empty axis.

    Returns:
        tensor without the reduced axes, in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.min([[1, 5], [3, 2]], axis=0)).tolist()
    [1, 2]
    """


@op(dtype=floating, shape=shapes.reduction, zeros="reduced", home="numpy")
def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean over axes.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.mean([[1, 5], [3, 2]], axis=1)).tolist()
    [3.0, 2.5]
    """


@op(dtype=floating, shape=shapes.reduction, zeros="filled", home="numpy")
def var(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance over axes (divided by the number of elements).

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.var([1.0, 3.0]))
    1.0
    """


@op(dtype=floating, shape=shapes.reduction, zeros="filled", home="numpy")
def std(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes (divided by the number of elements).

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.

    Example:

    >>> from kfront import ops
    >>> float(ops.std([1.0, 3.0]))
    1.0
    """


@op(dtype=logical, shape=shapes.reduction, zeros="filled", home="numpy")
def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether every element over axes is true (not 0).

    Args:
        x: tensor, cast to bool.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        bool tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.all([[True, False], [True, True]], axis=1)).tolist()
    [False, True]
    """


@op(dtype=logical, shape=shapes.reduction, zeros="filled", home="numpy")
def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether some element over axes is true (not 0).

    Args:
        x: tensor, cast to bool.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        bool tensor without the reduced axes.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.any([[True, False], [False, False]], axis=1)).tolist()
    [True, False]
    """


@op(dtype=floating, shape=shapes.reduction, home="math")
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes, without overflow.

    Args:
        x: tensor; integers become floatx.
        axis: int, tuple of ints, or None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        tensor without the reduced axes, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.logsumexp([1000.0, 1000.0])), 4)
    1000.6932
    """


@op(dtype=index_result, shape=shapes.arg_reduction, zeros="filled", home="numpy")
def argmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Position of the largest value, the first one if there are several.

    Args:
        x: tensor.
        axis: int, or None for the position in the flat tensor.
        keepdims: whether the reduced axis stays, with length 1.

    Returns:
        int32 tensor without the reduced axis.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.argmax([[1, 5], [3, 2]], axis=1)).tolist()
    [1, 0]
    """


@op(dtype=index_result, shape=shapes.arg_reduction, zeros="filled", home="numpy")
def argmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Position of the smallest value, the first one if there are several.

    Args:
        x: tensor.
        axis: int, or None for the position in the flat tensor.
        keepdims: whether the reduced axis stays, with length 1.

    Returns:
        int32 tensor without the reduced axis.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.argmin([[1, 5], [3, 2]], axis=1)).tolist()
    [0, 1]
    """


@static_rule
def _scan_rule(dtypes: tuple[object, ...], dtype: DTypeLike = None, **static: object) -> tuple[object, object]:
    d = dtype or result_type(*dtypes)
    d = "int32" if d == "bool" else d
    return d, d


@op(dtype=_scan_rule, shape=shapes.scanned, prepare={"dtype": optional_dtype}, zeros="filled", home="numpy")
def cumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Sums of the elements so far along an axis.

    Args:
        x: tensor; bool becomes int32.
        axis: int, or None for the flat tensor.
        dtype: dtype to compute in; that of `x` if None.

    Returns:
        tensor of the shape of `x`, of rank 1 when `axis` is None.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.cumsum([1, 2, 3])).tolist()
    [1, 3, 6]
    """


@op(dtype=_scan_rule, shape=shapes.scanned, prepare={"dtype": optional_dtype}, home="numpy")
def cumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Products of the elements so far along an axis.

    Args:
        x: tensor; bool becomes int32.
        axis: int, or None for the flat tensor.
        dtype: dtype to compute in; that of `x` if None.

    Returns:
        tensor of the shape of `x`, of rank 1 when `axis` is None.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.cumprod([1, 2, 3])).tolist()
    [1, 2, 6]
    """


def _bincount_rule(x: Tensor, weights: Tensor) -> tuple[object, object]:
    return None, "int32" if weights is None else result_type(weights)


_bincount_rule.keeps = True  # type: ignore[attr-defined]


@op(
    ("x", "weights"),
    _bincount_rule,
    shapes.bincount,
    prepare={"x": ranks("x", 1, 2)},
    home="numpy",
    call_args=("x",),
)
def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
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
    >>> ops.convert_to_numpy(ops.bincount(ops.array([1, 1, 3]))).tolist()
    [0, 2, 0, 1]
    """


def segment_rule(data: object, segment_ids: object) -> tuple[object, object]:
    """The dtype rule of reductions over segments: that of the data."""
    return None, result_type(data)


segment_rule.keeps = True  # type: ignore[attr-defined]
SEGMENTS: dict[str, Any] = {"num_segments": whole("num_segments", 0, optional=True)}


@op(2, segment_rule, shapes_nn.segment, prepare=SEGMENTS, home="math")
def segment_sum(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Sum of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; 0 for empty segments.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.segment_sum([1, 2, 3], [0, 1, 0], num_segments=2)).tolist()
    [4, 2]
    """


@op(2, segment_rule, shapes_nn.segment, prepare=SEGMENTS, home="math")
def segment_max(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Largest values of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; -inf (the least integer) for empty segments.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.segment_max([1, 2, 3], [0, 1, 0], num_segments=2)).tolist()
    [3, 2]
    """
