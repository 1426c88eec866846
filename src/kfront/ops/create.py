"""New tensors: constants, ranges, conversion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kfront.core import shapes
from kfront.core.dtypes import from_argument, result_type, standardize, static_rule, to_float
from kfront.core.op import in_front_of, op
from kfront.core.op_registry import function
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.ops._prepare import dtype_name, optional_dtype, shape_tuple
from kfront.ops.arithmetic import add, divide, multiply, power, subtract
from kfront.ops.elementwise import cast, dtype_of, floor
from kfront.ops.logic import greater_equal

_SHAPED: dict[str, Any] = {"shape": shape_tuple, "dtype": dtype_name}


@op(0, from_argument, shapes.given, prepare=_SHAPED, home="numpy")
def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros.

    Args:
        shape: int or tuple of ints.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.
    """


@op(0, from_argument, shapes.given, prepare=_SHAPED, home="numpy")
def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones.

    Args:
        shape: int or tuple of ints.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.
    """


@op(0, from_argument, shapes.given, prepare=_SHAPED, home="numpy", call_args=("fill_value",))
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value everywhere.

    Args:
        shape: int or tuple of ints.
        fill_value: number, or tensor that broadcasts to `shape`.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.
    """


@op(0, from_argument, shapes.arange, name="arange", home="numpy", call_args=("start", "stop", "step"))
def _arange(start: Any, stop: Any, step: Any, dtype: Any) -> Any: ...


@in_front_of(_arange)
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Numbers at equal distances, the end not included.

    Args:
        start: first number; the end when `stop` is None (then the first is 0).
        stop: end, not included.
        step: distance, 1 if None.
        dtype: dtype name; if None the common one of the arguments: int32 for Python ints, floatx for floats.

    Returns:
        tensor of rank 1.

    Example:

    >>> from kfront import ops
    >>> ops.arange(1, 7, 2).tolist()
    [1, 3, 5]
    """
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if dtype is None:
        dtype = result_type(*(_number_type(v) for v in (start, stop, step)))
    if all(type(v) in (int, float) for v in (start, stop, step)) and (stop - start) * step < 0:
        stop = start  # none, where torch and TensorFlow would raise
    return _arange(start, stop, step, standardize(dtype))


def _number_type(value: Any) -> Any:
    if isinstance(value, (bool, int, np.integer)):
        return int
    return float if isinstance(value, (float, np.floating)) else dtype_of(value)


@op(0, from_argument, shapes.eye, prepare={"dtype": dtype_name}, home="numpy")
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on a diagonal, zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; `N` if None.
        k: which diagonal, above the main one when positive.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of shape (N, M).
    """


# ---- conversion -----------------------------------------------------------------------------------------------------


@function("core", call_args=("x",))
def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """A tensor of the current backend.

    Args:
        x: tensor of any engine, NumPy array, nested lists of numbers, or number.
        dtype: dtype name; if None arrays keep theirs, Python floats become floatx, ints int32.
        sparse: False makes sparse tensors dense; True makes dense ones sparse; None leaves them. Sparse matrices of
            SciPy become sparse tensors where the engine has them and this is not False.
        ragged: False makes ragged tensors dense; others are left.

    Returns:
        tensor; a symbolic tensor stays symbolic. A tensor of another engine is taken without a copy where the engines
        allow it: do not change it in place afterwards.

    Raises:
        UnsupportedError: with `sparse=True`, on an engine without sparse tensors.
    """
    dtype = None if dtype is None else standardize(dtype)
    if isinstance(x, KerasTensor):
        return x if dtype is None or dtype == x.dtype else cast(x, dtype)
    b = state.backend or _current()
    if sparse is not None or ragged is False or hasattr(x, "tocoo"):
        return _converted(b, x, dtype, sparse, ragged)
    if type(x) in b.types:
        return x if dtype is None or b.dtype_name(x.dtype) == dtype else b.cast(x, dtype)
    return b.convert(x, dtype)


def _converted(b: Any, x: Any, dtype: str | None, sparse: bool | None, ragged: bool | None) -> Any:
    """Conversion of what may be sparse or ragged, or is to become so."""
    if hasattr(x, "tocoo"):  # SciPy
        if sparse is False or not b.has_sparse:
            if sparse:
                raise b._no_sparse()
            return b.convert(x.toarray(), dtype)
        x = x.tocoo()
        places = b.convert(np.stack([x.row, x.col], 1).astype("int64"))
        return b.make_sparse(places, b.convert(x.data, dtype), tuple(map(int, x.shape)), False)
    x = b.convert(x)
    if ragged is False and hasattr(x, "to_tensor"):
        x = x.to_tensor()
    if sparse is False and b.is_sparse(x):
        x = b.densify(x)
    elif sparse and not b.is_sparse(x):
        if not b.has_sparse:
            raise b._no_sparse()
        x = b.to_sparse(x)
    return x if dtype is None or b.dtype_name(x.dtype) == dtype else cast(x, dtype)


def _current() -> Any:
    from kfront.backends import current

    return current()


@function("numpy", call_args=("x",))
def array(x: Any, dtype: Any = None) -> Any:
    """A tensor of the current backend from numbers; see `convert_to_tensor`.

    Args:
        x: tensor, NumPy array, nested lists of numbers, or number.
        dtype: dtype name.

    Returns:
        tensor.
    """
    return convert_to_tensor(x, dtype)


@function("core")
def convert_to_numpy(x: Any) -> np.ndarray:
    """The values as a NumPy array.

    Args:
        x: tensor, or anything `convert_to_tensor` takes.

    Returns:
        NumPy array; bfloat16 comes as ml_dtypes.bfloat16.
    """
    b = state.backend or _current()
    return b.to_numpy(x if b.is_tensor(x) else b.convert(x))


@function("core")
def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor of the current backend.

    Args:
        x: anything.

    Returns:
        A bool; False for symbolic tensors.
    """
    return (state.backend or _current()).is_tensor(x)


@function("core")
def dtype(x: Any) -> str:
    """The dtype name of a tensor.

    Args:
        x: tensor, Variable, symbolic tensor, array or number.

    Returns:
        A name such as "float32".
    """
    if isinstance(x, KerasTensor) or hasattr(x, "_is_variable"):
        return x.dtype
    if isinstance(x, (bool, int, float)):
        return result_type(type(x))
    return standardize(x.dtype) if hasattr(x, "dtype") else dtype(convert_to_tensor(x))


# ---- composed -------------------------------------------------------------------------------------------------------


@function("numpy")
def empty(shape: Any, dtype: Any = None) -> Any:
    """A tensor whose values do not matter (here: zeros).

    Args:
        shape: int or tuple of ints.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.
    """
    return zeros(shape, dtype)


@function("numpy")
def identity(n: int, dtype: Any = None) -> Any:
    """The unit matrix.

    Args:
        n: number of rows and columns.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of shape (n, n).
    """
    return eye(n, None, 0, dtype)


def _like(make: Callable[..., Any], x: Any, dtype: Any, *fill: Any) -> Any:
    from kfront.ops.shape import shape

    kind = dtype_of(x) if dtype is None else dtype
    return Abstract(x.shape, kind) if isinstance(x, KerasTensor) else make(shape(x), *fill, kind)


@op(prepare={"dtype": optional_dtype}, zeros="filled", fuse=True, home="numpy")
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of another tensor.

    Args:
        x: tensor.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.
    """
    return _like(zeros, x, dtype)


@op(prepare={"dtype": optional_dtype}, zeros="filled", fuse=True, home="numpy")
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones in the shape of another tensor.

    Args:
        x: tensor.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.
    """
    return _like(ones, x, dtype)


@op(prepare={"dtype": optional_dtype}, home="numpy")
def empty_like(x: Any, dtype: Any = None) -> Any:
    """A tensor in the shape of another, whose values do not matter (here: zeros).

    Args:
        x: tensor.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.
    """
    return _like(zeros, x, dtype)


@op(prepare={"dtype": optional_dtype}, home="numpy", call_args=("x", "fill_value"))
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value in the shape of another tensor.

    Args:
        x: tensor.
        fill_value: number, or tensor that broadcasts.
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor of the shape of `x`.
    """
    return _like(full, x, dtype, fill_value)


@static_rule
def _linspace_rule(dtypes: tuple[Any, ...], dtype: Any = None, **static: Any) -> tuple[Any, Any]:
    d = dtype or to_float(result_type(*dtypes))
    return to_float(d), d


@op(2, _linspace_rule, prepare={"dtype": optional_dtype}, fuse=True, home="numpy")
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
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
    """
    from kfront.ops.shape import expand_dims

    kind = dtype_of(start)
    width = subtract(stop, start)
    parts = num - 1 if endpoint else num
    step = divide(width, float(parts)) if parts > 0 else multiply(width, math.nan)
    shape = tuple(width.shape)
    places = arange(0, num, 1, kind)
    for _ in shape:
        places = expand_dims(places, -1)
    # two weights instead of start + i * step: both ends come out exactly
    share = divide(places, float(max(parts, 1)))
    y = add(multiply(subtract(1.0, share), start), multiply(share, stop))
    y = _move_axis(y, axis, len(shape) + 1)
    if dtype is not None and kind != dtype:
        y = cast(floor(y), dtype)
    return (y, cast(step, dtype or kind)) if retstep else y


def _move_axis(y: Any, axis: int, rank: int) -> Any:
    from kfront.ops.shape import moveaxis

    return y if axis in (0, -rank) else moveaxis(y, 0, axis)


@function("numpy", call_args=("start", "stop"))
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
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
    """
    y = power(base, linspace(start, stop, num, endpoint, False, None, axis))
    return y if dtype is None else cast(y, dtype)


@function("numpy")
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on and below a diagonal, zeros above.

    Args:
        N: number of rows.
        M: number of columns; `N` if None.
        k: which diagonal, above the main one when positive.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of shape (N, M).
    """
    from kfront.ops.shape import expand_dims

    rows, columns = expand_dims(arange(N), 1), arange(N if M is None else M)
    return cast(greater_equal(add(rows, k), columns), standardize(dtype))
