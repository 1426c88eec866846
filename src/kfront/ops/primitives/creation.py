"""Tensors from numbers and from nothing, and back to NumPy."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.core import shapes
from kfront.core.dtypes import from_argument, result_type, standardize
from kfront.core.errors import ArgumentTypeError, UnsupportedError
from kfront.core.op import in_front_of, op
from kfront.core.op_registry import function
from kfront.core.operators import VariableBase
from kfront.core.spec import KerasTensor
from kfront.core.state import current, state
from kfront.core.typing import Backend, DTypeLike, Scalar, Sizes, Tensor, TensorLike
from kfront.ops.primitives.arguments import dtype_name, shape_tuple, tensor
from kfront.ops.primitives.dtypes import cast, dtype_of

_SHAPED: dict[str, Any] = {"shape": shape_tuple, "dtype": dtype_name}


@op(0, from_argument, shapes.given, prepare=_SHAPED, home="numpy")
def zeros(shape: int | Sizes, dtype: DTypeLike = None) -> Tensor:
    """Zeros.

    Args:
        shape: int or tuple of ints.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.zeros((2, 2))).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """


@op(0, from_argument, shapes.given, prepare=_SHAPED, home="numpy")
def ones(shape: int | Sizes, dtype: DTypeLike = None) -> Tensor:
    """Ones.

    Args:
        shape: int or tuple of ints.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.ones(3, "int32")).tolist()
    [1, 1, 1]
    """


@op(
    0,
    from_argument,
    shapes.filled,
    prepare={**_SHAPED, "fill_value": tensor("fill_value")},
    home="numpy",
    call_args=("fill_value",),
)
def full(shape: int | Sizes, fill_value: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """One value everywhere.

    Args:
        shape: int or tuple of ints.
        fill_value: number, or tensor that broadcasts to `shape`.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.full((2, 2), 7)).tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """


@op(0, from_argument, shapes.arange, name="arange", home="numpy", call_args=("start", "stop", "step"))
def _arange(start: Scalar, stop: Scalar | None, step: Scalar | None, dtype: DTypeLike) -> Tensor: ...


@in_front_of(_arange)
def arange(start: Scalar, stop: Scalar | None = None, step: Scalar | None = None, dtype: DTypeLike = None) -> Tensor:
    """Numbers at equal distances, the end not included.

    Args:
        start: first number; the end when `stop` is None (then the first is 0).
        stop: end, not included.
        step: distance, 1 if None.
        dtype: dtype name; if None the common one of the arguments: int32 for Python ints, floatx for floats.

    Returns:
        tensor of rank 1.

    Raises:
        ArgumentTypeError: if `start` is None.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.arange(1, 7, 2)).tolist()
    [1, 3, 5]
    """
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if start is None or stop is None:
        raise ArgumentTypeError("[arange] expected numbers as `start` and `stop`, got None.")
    if dtype is None:
        dtype = result_type(*(_number_type(v) for v in (start, stop, step)))
    if all(type(v) in (int, float) for v in (start, stop, step)) and (stop - start) * step < 0:
        stop = start  # none, where torch and TensorFlow would raise
    return _arange(start, stop, step, standardize(dtype))


def _number_type(value: object) -> Any:
    if isinstance(value, (float, np.floating)):
        return float
    if isinstance(value, (bool, int, np.integer)) or not hasattr(value, "dtype"):  # a size that is open in a trace
        return int
    return dtype_of(value)


@op(0, from_argument, shapes.eye, prepare={"dtype": dtype_name}, home="numpy")
def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """Ones on a diagonal, zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; `N` if None.
        k: which diagonal, above the main one when positive.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of shape (N, M).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.eye(2, 3, dtype="int32")).tolist()
    [[1, 0, 0], [0, 1, 0]]
    """


@op(name="convert_to_tensor", zeros="filled", home="core", call_args=("x",))
def _dense(x: TensorLike, dtype: str | None = None, sparse: bool | None = None, ragged: bool | None = None) -> Tensor:
    if isinstance(x, KerasTensor):
        return cast(x, dtype or x.dtype)
    return _converted(current(), x, dtype, sparse, ragged)


@in_front_of(_dense)
def convert_to_tensor(
    x: Any, dtype: DTypeLike = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
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
        UnsupportedError: with `sparse=True` or `ragged=True`, on an engine without such tensors.

    Example:

    >>> from kfront import ops
    >>> ops.dtype(ops.convert_to_tensor([1, 2], "float16"))
    'float16'
    """
    dtype = None if dtype is None else standardize(dtype)
    if isinstance(x, KerasTensor):
        if x.sparse and sparse is False:
            return _dense(x, dtype, sparse, ragged)
        return x if dtype is None or dtype == x.dtype else cast(x, dtype)
    b = state.backend or current()
    if sparse is not None or ragged is not None:
        return _converted(b, x, dtype, sparse, ragged)
    if type(x) in b.types:
        return x if dtype is None or b.dtype_name(x.dtype) == dtype else b.cast(x, dtype)
    return b.convert(x, dtype)


def _converted(b: Backend, x: Any, dtype: str | None, sparse: bool | None, ragged: bool | None) -> Any:
    """Conversion of what may be sparse or ragged, or is to become so."""
    if ragged and not b.ragged_tensors:
        raise UnsupportedError(f"[convert_to_tensor] expected ragged=False, got True; {b.name} has no ragged tensors.")
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


@function("numpy", call_args=("x",))
def array(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """A tensor of the current backend from numbers; see `convert_to_tensor`.

    Args:
        x: tensor, NumPy array, nested lists of numbers, or number.
        dtype: dtype name.

    Returns:
        tensor.

    Example:

    >>> from kfront import ops
    >>> ops.dtype(ops.array([1.0, 2.0]))
    'float32'
    """
    return convert_to_tensor(x, dtype)


@function("core")
def convert_to_numpy(x: TensorLike) -> np.ndarray:
    """The values as a NumPy array.

    Args:
        x: tensor, or anything `convert_to_tensor` takes.

    Returns:
        NumPy array that may be written to; bfloat16 comes as ml_dtypes.bfloat16. It may share memory with a tensor
        (on torch, as there), never with a Variable.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(x, VariableBase):
        return x.numpy()
    b = state.backend or current()
    found = b.to_numpy(x if b.is_tensor(x) else b.convert(x))
    return found if found.flags.writeable else found.copy()


@function("core")
def is_tensor(x: TensorLike) -> bool:
    """Whether `x` is a tensor of the current backend.

    Args:
        x: anything.

    Returns:
        A bool; False for symbolic tensors. A variable is a tensor where the engine says so: torch's Parameters and
        TensorFlow's variables are.

    Example:

    >>> from kfront import ops
    >>> ops.is_tensor(ops.ones(2)), ops.is_tensor([1.0, 1.0])
    (True, False)
    """
    return (state.backend or current()).counts_as_tensor(x)


@function("core")
def dtype(x: Any) -> str:
    """The dtype name of a tensor.

    Args:
        x: tensor, Variable, symbolic tensor, array or number.

    Returns:
        A name such as "float32".

    Example:

    >>> from kfront import ops
    >>> ops.dtype(ops.ones(2, "int8"))
    'int8'
    """
    if isinstance(x, (bool, int, float)):
        return result_type(type(x))
    return standardize(x.dtype) if hasattr(x, "dtype") else dtype(convert_to_tensor(x))


@function("numpy")
def empty(shape: int | Sizes, dtype: DTypeLike = None) -> Tensor:
    """A tensor whose values do not matter (here: zeros).

    Args:
        shape: int or tuple of ints.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.empty((2, 3)).shape)
    (2, 3)
    """
    return zeros(shape, dtype)


@function("numpy")
def identity(n: int, dtype: DTypeLike = None) -> Tensor:
    """The unit matrix.

    Args:
        n: number of rows and columns.
        dtype: dtype name; floatx if None.

    Returns:
        tensor of shape (n, n).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.identity(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, None, 0, dtype)
