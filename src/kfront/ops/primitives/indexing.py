"""Taking elements of tensors and replacing them."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from kfront.core import shapes
from kfront.core.dtypes import keep, result_type
from kfront.core.op import in_front_of, op
from kfront.core.state import state
from kfront.core.typing import Index, Size, Sizes, Tensor, TensorLike
from kfront.ops.primitives.arguments import option, shape_tuple


def _first(x: Tensor, *others: object) -> tuple[None, str]:
    return None, result_type(x)


_first.keeps = True  # type: ignore[attr-defined]


@op(2, _first, shapes.take, zeros="filled", home="numpy")
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Elements at positions along an axis.

    Args:
        x: tensor.
        indices: integer tensor of any shape; negative ones count from the end.
        axis: int, or None to index the flat tensor.

    Returns:
        tensor with the shape of `indices` in the place of the axis, in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.take(ops.array([10, 20, 30]), [2, 0])).tolist()
    [30, 10]
    """


@op(2, _first, shapes.take_along_axis, home="numpy")
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Elements at positions along an axis, with positions for each line along it.

    Args:
        x: tensor.
        indices: integer tensor of the rank of `x`; other axes broadcast.
        axis: int, or None to index the flat tensor.

    Returns:
        tensor of the shape of `indices` (broadcast), in the dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.take_along_axis(ops.array([[1, 2], [3, 4]]), [[1], [0]], axis=1)).tolist()
    [[2], [3]]
    """


def _key(key: object) -> Any:
    if isinstance(key, (list, np.ndarray)):
        return (np.asarray(key),)
    if isinstance(key, tuple) and any(isinstance(k, list) for k in key):
        return tuple(np.asarray(k) if isinstance(k, list) else k for k in key)
    return key


@op(dtype=keep, shape=shapes.get_item, prepare={"key": _key}, zeros="filled", home="numpy", call_args=("x", "key"))
def get_item(x: TensorLike, key: Index) -> Tensor:
    """``x[key]`` as NumPy means it.

    Args:
        x: tensor.
        key: ints, slices, ``...``, None (a new axis), integer tensors or lists, bool masks, or a tuple of these.

    Returns:
        tensor in the dtype of `x`.

    Raises:
        ShapeError: for too many indices, or an int out of range.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.get_item(ops.array([[1, 2], [3, 4]]), (..., 1))).tolist()
    [2, 4]
    """


@op(dtype=keep, shape=shapes.slice_, prepare={"shape": shape_tuple}, home="core", call_args=("inputs", "start_indices"))
def slice(inputs: TensorLike, start_indices: Sequence[Size] | Tensor, shape: int | Sizes) -> Tensor:
    """A block of a tensor.

    Args:
        inputs: tensor of rank n.
        start_indices: n ints, or an integer tensor of shape (n,): the first position along each axis; negative ones
            count from the end, and a block that would stick out is moved inside, as XLA does.
        shape: n ints: how many along each axis; -1 for all up to the end.

    Returns:
        tensor of shape `shape`.

    Raises:
        ShapeError: if `shape` is larger than the tensor, or of another rank.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.slice(ops.array([[1, 2], [3, 4]]), [0, 1], [2, 1])).tolist()
    [[2], [4]]
    """


def _update_rule(inputs: Tensor, updates: Tensor) -> tuple[object, object]:
    d = result_type(inputs)
    return (None, d), d


@op(
    ("inputs", "updates"),
    _update_rule,
    shapes.slice_update,
    home="core",
    call_args=("inputs", "start_indices", "updates"),
)
def slice_update(inputs: TensorLike, start_indices: Sequence[Size] | Tensor, updates: TensorLike) -> Tensor:
    """A tensor with a block replaced.

    Args:
        inputs: tensor of rank n.
        start_indices: n ints, or an integer tensor of shape (n,): where the block begins, as for `slice`.
        updates: tensor of rank n that fits inside, cast to the dtype of `inputs`.

    Returns:
        tensor of the shape and dtype of `inputs`.

    Raises:
        ShapeError: if `updates` are larger than the tensor, or of another rank.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.slice_update(ops.zeros(4), [1], ops.array([5.0, 6.0]))).tolist()
    [0.0, 5.0, 6.0, 0.0]
    """


def _scatter_rule(indices: Tensor, values: Tensor) -> tuple[object, object]:
    return None, result_type(values)


_scatter_rule.keeps = True  # type: ignore[attr-defined]


@op(2, _scatter_rule, shapes.scatter, prepare={"shape": shape_tuple}, home="core")
def scatter(indices: TensorLike, values: TensorLike, shape: int | Sizes) -> Tensor:
    """Zeros with values put at positions; values for one position add up.

    Args:
        indices: integer tensor of shape (..., k): coordinates along the first k axes of the result.
        values: tensor of shape indices.shape[:-1] + shape[k:].
        shape: shape of the result.

    Returns:
        tensor of shape `shape`, in the dtype of `values`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.scatter([[0], [2]], ops.array([5, 7]), (4,))).tolist()
    [5, 0, 7, 0]
    """


def _scatter_update_rule(inputs: Tensor, indices: Tensor, updates: Tensor) -> tuple[object, object]:
    d = result_type(inputs)
    return (None, None, d), d


_REDUCTIONS = option("reduction", "add", "max", "min", "mul")


def _reduction(value: object) -> str | None:
    return None if value is None else _REDUCTIONS(value)


@op(3, _scatter_update_rule, shapes.scatter_update, prepare={"reduction": _reduction}, home="core")
def scatter_update(
    inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None
) -> Tensor:
    """A tensor with elements at positions replaced, or combined.

    Args:
        inputs: tensor.
        indices: integer tensor of shape (..., k): coordinates along the first k axes.
        updates: tensor of shape indices.shape[:-1] + inputs.shape[k:], cast to the dtype of `inputs`.
        reduction: None to replace (the last one wins), "add", "max", "min" or "mul" to combine.

    Returns:
        tensor of the shape and dtype of `inputs`.

    Raises:
        ArgumentError: for an unknown `reduction`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.scatter_update(ops.zeros(4), [[1], [3]], ops.array([5.0, 6.0]))).tolist()
    [0.0, 5.0, 0.0, 6.0]
    """


def _nonzero_shape(x: Tensor) -> list[tuple[int | None, ...]]:
    return [(None,)] * len(shapes.shape_of(x))


def _positions(x: Tensor) -> tuple[Tensor, Tensor]:
    return None, "int32"


@op(dtype=_positions, shape=_nonzero_shape, home="numpy")
def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """Positions of the elements that are not 0.

    Args:
        x: tensor of rank n.

    Returns:
        Tuple of n int32 tensors, one for each axis. How many there are depends on the values.

    Example:

    >>> from kfront import ops
    >>> [v.tolist() for v in map(ops.convert_to_numpy, ops.nonzero([[1, 0], [0, 2]]))]
    [[0, 1], [0, 1]]
    """


def _where_rule(condition: object, x1: Tensor, x2: Tensor) -> tuple[object, object]:
    d = result_type(x1, x2)
    return ("bool", d, d), d


@op(3, _where_rule, shapes.elementwise, name="where", zeros="filled", home="numpy")
def _where(condition: TensorLike, x1: object, x2: object) -> Tensor: ...


@overload
def where(condition: TensorLike) -> tuple[Tensor, ...]: ...
@overload
def where(condition: TensorLike, x1: TensorLike, x2: TensorLike) -> Tensor: ...
@in_front_of(_where)
def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> Any:
    """Elements of `x1` where `condition` is true, of `x2` elsewhere.

    Args:
        condition: bool tensor.
        x1: tensor or Python scalar; leave out both for the positions of true elements (as `nonzero`).
        x2: tensor or Python scalar; the three shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the common dtype of `x1` and `x2`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.where(ops.array([True, False]), ops.array([1, 2]), 0)).tolist()
    [1, 0]
    """
    if x1 is None and x2 is None:
        return nonzero(condition)  # type: ignore[return-value]  (one tensor for each axis)
    if _fits(condition, x1, x2):
        try:
            return state.backend.where(condition, x1, x2)
        except Exception as error:
            return _where.op.fail(state.backend, error, (condition, x1, x2), ())
    return _where(condition, x1, x2)


def _fits(condition: Any, x1: Any, x2: Any) -> bool:
    """Whether the engine takes them as they are: a bool tensor, and tensors of one dtype or a float beside one."""
    b = state.backend
    types = b.types
    if type(condition) not in types or condition.dtype not in b.ok_logical_not:
        return False
    if type(x1) in types:
        return x1.dtype == x2.dtype if type(x2) in types else type(x2) is float and x1.dtype in b.ok_sin
    return type(x1) is float and type(x2) in types and x2.dtype in b.ok_sin
