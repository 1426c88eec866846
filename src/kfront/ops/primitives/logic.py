"""Comparisons, truth values and bits, elementwise with broadcasting."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from kfront.core import shapes
from kfront.core.dtypes import compare, integral, keep, logical, numeric, predicate
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 == x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.equal([1, 2], [1, 3])).tolist()
    [True, False]
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def not_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 != x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.not_equal([1, 2], [1, 3])).tolist()
    [False, True]
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def less(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 < x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.less([1, 2, 3], 2)).tolist()
    [True, False, False]
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def less_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 <= x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.less_equal([1, 2, 3], 2)).tolist()
    [True, True, False]
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def greater(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 > x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.greater([1, 2, 3], 2)).tolist()
    [False, False, True]
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def greater_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 >= x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.greater_equal([1, 2, 3], 2)).tolist()
    [False, True, True]
    """


@op(2, logical, shapes.elementwise, zeros="filled", home="numpy")
def logical_and(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Both are true, elementwise; operands are cast to bool.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.logical_and([True, True], [True, False])).tolist()
    [True, False]
    """


@op(2, logical, shapes.elementwise, zeros="filled", home="numpy")
def logical_or(x1: TensorLike, x2: TensorLike) -> Tensor:
    """One of the two is true, elementwise; operands are cast to bool.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.logical_or([True, False], [False, False])).tolist()
    [True, False]
    """


@op(dtype=logical, shape=shapes.same, zeros="filled", home="numpy")
def logical_not(x: TensorLike) -> Tensor:
    """The opposite truth value, elementwise.

    Args:
        x: tensor, cast to bool.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.logical_not([True, False])).tolist()
    [False, True]
    """


@op(dtype=predicate, shape=shapes.same, zeros="filled", home="numpy")
def isnan(x: TensorLike) -> Tensor:
    """Whether an element is NaN.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isnan([1.0, float("nan")])).tolist()
    [False, True]
    """


@op(dtype=predicate, shape=shapes.same, zeros="filled", home="numpy")
def isinf(x: TensorLike) -> Tensor:
    """Whether an element is infinite.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isinf([1.0, float("-inf")])).tolist()
    [False, True]
    """


@op(dtype=predicate, shape=shapes.same, zeros="filled", home="numpy")
def isfinite(x: TensorLike) -> Tensor:
    """Whether an element is neither infinite nor NaN.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isfinite([1.0, float("inf"), float("nan")])).tolist()
    [True, False, False]
    """


@op(2, integral, shapes.elementwise, home="numpy")
def bitwise_and(x: TensorLike, y: TensorLike) -> Tensor:
    """AND of the bits, elementwise.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Raises:
        DTypeError: if an operand holds neither integers nor bools.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_and([6, 5], 3)).tolist()
    [2, 1]
    """


@op(2, integral, shapes.elementwise, home="numpy")
def bitwise_or(x: TensorLike, y: TensorLike) -> Tensor:
    """OR of the bits, elementwise.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Raises:
        DTypeError: if an operand holds neither integers nor bools.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_or([6, 5], 3)).tolist()
    [7, 7]
    """


@op(2, integral, shapes.elementwise, home="numpy")
def bitwise_xor(x: TensorLike, y: TensorLike) -> Tensor:
    """Exclusive OR of the bits, elementwise.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Raises:
        DTypeError: if an operand holds neither integers nor bools.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_xor([6, 5], 3)).tolist()
    [5, 6]
    """


@op(2, numeric, shapes.elementwise, home="numpy", aliases=("bitwise_left_shift",))
def left_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """Bits of `x` moved left by `y` places.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.left_shift([1, 3], 2)).tolist()
    [4, 12]
    """


@op(2, numeric, shapes.elementwise, home="numpy", aliases=("bitwise_right_shift",))
def right_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """Bits of `x` moved right by `y` places (arithmetic for signed types).

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.right_shift([8, 3], 1)).tolist()
    [4, 1]
    """


@op(dtype=keep, shape=shapes.same, home="numpy", aliases=("bitwise_not",))
def bitwise_invert(x: TensorLike) -> Tensor:
    """Every bit flipped; logical not for bool.

    Args:
        x: integer or bool tensor.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_invert([0, 5])).tolist()
    [-1, -6]
    """
