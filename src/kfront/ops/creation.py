"""Tensors like others, and sequences of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kfront.core.dtypes import floating, is_float, result_type, standardize, static_rule, to_float
from kfront.core.op import op
from kfront.core.op_registry import function
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.primitives.arguments import optional_dtype, ranks, whole
from kfront.ops.shapes import moveaxis


@op(prepare={"x": ranks("x", 1), "N": whole("N", 0, optional=True)}, fuse=True, home="numpy")
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """Matrix of powers (Vandermonde).

    Args:
        x: tensor of shape (n,).
        N: number of columns; n if None.
        increasing: whether powers ascend from 0.

    Returns:
        tensor of shape (n, N), in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.vander([1, 2, 3])).tolist()
    [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    columns = p.dim(x, 0) if N is None else N
    out = p.power(p.expand_dims(x, 1), p.arange(0, columns, 1, p.dtype_of(x)))
    return out if increasing else p.flip(out, 1)


def _like(make: Callable[..., object], x: TensorLike, dtype: DTypeLike, *fill: object) -> Any:

    kind = p.dtype_of(x) if dtype is None else dtype
    return Abstract(x.shape, kind) if isinstance(x, KerasTensor) else make(p.shape(x), *fill, kind)


@op(prepare={"dtype": optional_dtype}, zeros="filled", fuse=True, home="numpy")
def zeros_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Zeros in the shape of another tensor.

    Args:
        x: tensor.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.zeros_like([1, 2])).tolist()
    [0, 0]
    """
    return _like(p.zeros, x, dtype)


@op(prepare={"dtype": optional_dtype}, zeros="filled", fuse=True, home="numpy")
def ones_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Ones in the shape of another tensor.

    Args:
        x: tensor.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.ones_like([1, 2])).tolist()
    [1, 1]
    """
    return _like(p.ones, x, dtype)


@op(prepare={"dtype": optional_dtype}, home="numpy")
def empty_like(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """A tensor in the shape of another, whose values do not matter (here: zeros).

    Args:
        x: tensor.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.empty_like(ops.ones((2, 3))).shape)
    (2, 3)
    """
    return _like(p.zeros, x, dtype)


@op(prepare={"dtype": optional_dtype}, home="numpy", call_args=("x", "fill_value"))
def full_like(x: TensorLike, fill_value: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """One value in the shape of another tensor.

    Args:
        x: tensor.
        fill_value: number, or tensor that broadcasts.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.full_like([1, 2], 7)).tolist()
    [7, 7]
    """
    return _like(p.full, x, dtype, fill_value)


@static_rule
def _linspace_rule(dtypes: tuple[object, ...], dtype: DTypeLike = None, **static: object) -> tuple[object, object]:
    d = dtype or to_float(result_type(*dtypes))
    return to_float(d), d


@op(2, _linspace_rule, prepare={"num": whole("num", 0), "dtype": optional_dtype}, fuse=True, home="numpy")
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Any:
    """Numbers at equal distances over an interval.

    Args:
        start: first number, or tensor of first numbers.
        stop: last number, or tensor; the shapes broadcast.
        num: how many.
        endpoint: whether `stop` is the last one; otherwise it is one step behind it.
        retstep: whether the distance is returned as well.
        dtype: dtype name; floating if None.
        axis: place of the new axis in the result.

    Returns:
        tensor with an axis of length `num`; with `retstep` a tuple (tensor, step).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.linspace(0, 1, 5)).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    kind = p.dtype_of(start)
    width = p.subtract(stop, start)
    parts = num - 1 if endpoint else num
    step = p.divide(width, float(parts)) if parts > 0 else p.multiply(width, math.nan)
    shape = tuple(width.shape)
    places = p.arange(0, num, 1, kind)
    for _ in shape:
        places = p.expand_dims(places, -1)
    # from both ends: each comes out exactly, and so does all between where the step is exact (integers, for one)
    stride = step if parts > 0 else width
    y = p.where(
        p.less_equal(p.multiply(places, 2.0), float(parts)),
        p.add(start, p.multiply(places, stride)),
        p.subtract(stop, p.multiply(p.subtract(float(parts), places), stride)),
    )
    y = _move_axis(y, axis, len(shape) + 1)
    if dtype is not None and kind != dtype:
        y = p.cast(y if is_float(standardize(dtype)) else p.floor(y), dtype)
    return (y, p.cast(step, dtype or kind)) if retstep else y


def _move_axis(y: TensorLike, axis: int, rank: int) -> TensorLike:

    return y if axis in (0, -rank) else moveaxis(y, 0, axis)


@function("numpy", call_args=("start", "stop"))
def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: TensorLike = 10,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Tensor:
    """Numbers at equal ratios: `base` to the powers of `linspace`.

    Args:
        start: first exponent, or tensor of first exponents.
        stop: last exponent, or tensor; the shapes broadcast.
        num: how many.
        endpoint: whether `stop` is the last exponent.
        base: the base.
        dtype: dtype name; floating if None.
        axis: place of the new axis in the result.

    Returns:
        tensor with an axis of length `num`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.logspace(0.0, 3.0, 4, base=2)).tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    y = p.power(base, linspace(start, stop, num, endpoint, False, None, axis))
    return y if dtype is None else p.cast(y, dtype)


@op(2, floating, home="numpy")
def geomspace(
    start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, dtype: DTypeLike = None, axis: int = 0
) -> Tensor:
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

    Example:

    >>> from kfront import ops
    >>> [round(float(v), 3) for v in ops.geomspace(1.0, 8.0, 4)]
    [1.0, 2.0, 4.0, 8.0]
    """
    ratio = p.divide(stop, start)
    share = linspace(p.multiply(ratio, 0.0), p.add(p.multiply(ratio, 0.0), 1.0), num, endpoint)
    y = p.multiply(start, p.power(ratio, share))
    y = y if axis in (0, -len(y.shape)) else moveaxis(y, 0, axis)
    return y if dtype is None else p.cast(y, standardize(dtype))
