"""Comparisons of values that may be inexact or infinite, choices among tensors."""

from __future__ import annotations

import math
from typing import Any

from kfront.core.arguments import is_no_tensor
from kfront.core.dtypes import floating, keep, promote, result_type
from kfront.core.errors import ArgumentTypeError, ShapeError
from kfront.core.op import op
from kfront.core.op_registry import function
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.shapes import ravel


@op(2, zeros="filled", home="numpy")
def logical_xor(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Exactly one of the two is true, elementwise; operands are cast to bool.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.logical_xor([True, True], [True, False])).tolist()
    [False, True]
    """
    return p.not_equal(p.logical_not(x1), p.logical_not(x2))


@op(dtype=keep, fuse=True, home="numpy")
def isposinf(x: TensorLike) -> Tensor:
    """Whether an element is +inf.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isposinf([float("inf"), float("-inf")])).tolist()
    [True, False]
    """
    return p.equal(x, math.inf)


@op(dtype=keep, fuse=True, home="numpy")
def isneginf(x: TensorLike) -> Tensor:
    """Whether an element is -inf.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isneginf([float("inf"), float("-inf")])).tolist()
    [False, True]
    """
    return p.equal(x, -math.inf)


@op(2, floating, zeros="filled", fuse=True, home="numpy", call_args=("x1", "x2", "rtol", "atol"))
def isclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether two values agree within a tolerance, elementwise: ``|x1 - x2| <= atol + rtol * |x2|``.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN is close to NaN.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isclose([1.0, 2.0], [1.0, 2.1])).tolist()
    [True, False]
    """
    near = p.less_equal(p.abs(p.subtract(x1, x2)), p.add(atol, p.multiply(rtol, p.abs(x2))))
    finite = p.logical_and(p.isfinite(x1), p.isfinite(x2))
    out = p.logical_or(p.logical_and(near, finite), p.equal(x1, x2))
    return p.logical_or(out, p.logical_and(p.isnan(x1), p.isnan(x2))) if equal_nan else out


@op(2, floating, home="numpy", class_name="AllClose")
def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all elements agree within a tolerance; see `isclose`.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN is close to NaN.

    Returns:
        bool tensor of shape ().

    Example:

    >>> from kfront import ops
    >>> bool(ops.allclose([1.0, 2.0], [1.0, 2.1]))
    False
    """
    return p.all(isclose(x1, x2, rtol, atol, equal_nan))


@op(2, promote, home="numpy", class_name="IsIn")
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among those of another tensor.

    Args:
        x1: tensor of any shape.
        x2: tensor, flattened.
        assume_unique: kept for compatibility.
        invert: whether True means that it is not.

    Returns:
        bool tensor of the shape of `x1`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isin([1, 2, 3], [2, 5])).tolist()
    [False, True, False]
    """
    found = p.any(p.equal(p.expand_dims(x1, -1), ravel(x2)), -1)
    return p.logical_not(found) if invert else found


@function("numpy", call_args=("condlist", "choicelist", "default"))
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """Each element from the first choice whose condition is true there.

    Args:
        condlist: list of bool tensors.
        choicelist: list of as many tensors; the shapes broadcast.
        default: value where no condition is true.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Raises:
        ShapeError: if the lists differ in length, or are empty.
        ArgumentTypeError: if they are no lists, or `default` is no tensor.

    Example:

    >>> from kfront import ops
    >>> x = ops.array([-3, 0, 3])
    >>> ops.convert_to_numpy(ops.select([x < 0, x > 0], [x * 0 - 1, x * 0 + 1], 7)).tolist()
    [-1, 7, 1]
    """
    if not isinstance(condlist, (list, tuple)) or not isinstance(choicelist, (list, tuple)):
        raise ArgumentTypeError("[select] expected lists of conditions and choices, got others.")
    conditions, choices = list(condlist), list(choicelist)
    if len(conditions) != len(choices) or not choices:
        raise ShapeError(
            f"[select] expected as many conditions as choices, at least one, got {len(conditions)} and {len(choices)}."
        )

    choices = [p.convert_to_tensor(c) for c in choices]
    if is_no_tensor(default) or isinstance(default, tuple):
        raise ArgumentTypeError(f"[select] expected a number or a tensor as `default`, got {default!r}.")
    kinds = [p.dtype_of(c) for c in choices]
    kind = result_type(*kinds, type(default) if _scalar(default) else p.dtype_of(default))
    out = default
    for condition, choice, own in zip(reversed(conditions), reversed(choices), reversed(kinds), strict=True):
        out = p.where(condition, choice if own == kind else p.cast(choice, kind), out)
    return out


def _scalar(x: TensorLike) -> bool:
    return isinstance(x, (bool, int, float))
