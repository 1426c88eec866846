"""Comparisons, truth values and bits, elementwise with broadcasting."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import compare, keep, logical, numeric, predicate, promote
from kfront.core.op import op


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def equal(x1: Any, x2: Any) -> Any:
    """x1 == x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def not_equal(x1: Any, x2: Any) -> Any:
    """x1 != x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def less(x1: Any, x2: Any) -> Any:
    """x1 < x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def less_equal(x1: Any, x2: Any) -> Any:
    """x1 <= x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def greater(x1: Any, x2: Any) -> Any:
    """x1 > x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(2, compare, shapes.elementwise, weak=True, zeros="filled", home="numpy")
def greater_equal(x1: Any, x2: Any) -> Any:
    """x1 >= x2, elementwise.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(2, logical, shapes.elementwise, zeros="filled", home="numpy")
def logical_and(x1: Any, x2: Any) -> Any:
    """Both are true, elementwise; operands are cast to bool.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(2, logical, shapes.elementwise, zeros="filled", home="numpy")
def logical_or(x1: Any, x2: Any) -> Any:
    """One of the two is true, elementwise; operands are cast to bool.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """


@op(dtype=logical, shape=shapes.same, zeros="filled", home="numpy")
def logical_not(x: Any) -> Any:
    """The opposite truth value, elementwise.

    Args:
        x: tensor, cast to bool.

    Returns:
        bool tensor of the shape of `x`.
    """


@op(dtype=predicate, shape=shapes.same, zeros="filled", home="numpy")
def isnan(x: Any) -> Any:
    """Whether an element is NaN.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.
    """


@op(dtype=predicate, shape=shapes.same, zeros="filled", home="numpy")
def isinf(x: Any) -> Any:
    """Whether an element is infinite.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.
    """


@op(dtype=predicate, shape=shapes.same, zeros="filled", home="numpy")
def isfinite(x: Any) -> Any:
    """Whether an element is neither infinite nor NaN.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.
    """


@op(2, promote, shapes.elementwise, home="numpy")
def bitwise_and(x: Any, y: Any) -> Any:
    """AND of the bits, elementwise.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, promote, shapes.elementwise, home="numpy")
def bitwise_or(x: Any, y: Any) -> Any:
    """OR of the bits, elementwise.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, promote, shapes.elementwise, home="numpy")
def bitwise_xor(x: Any, y: Any) -> Any:
    """Exclusive OR of the bits, elementwise.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, numeric, shapes.elementwise, home="numpy", aliases=("bitwise_left_shift",))
def left_shift(x: Any, y: Any) -> Any:
    """Bits of `x` moved left by `y` places.

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(2, numeric, shapes.elementwise, home="numpy", aliases=("bitwise_right_shift",))
def right_shift(x: Any, y: Any) -> Any:
    """Bits of `x` moved right by `y` places (arithmetic for signed types).

    Args:
        x: integer or bool tensor.
        y: integer or bool tensor; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.
    """


@op(dtype=keep, shape=shapes.same, home="numpy", aliases=("bitwise_not",))
def bitwise_invert(x: Any) -> Any:
    """Every bit flipped; logical not for bool.

    Args:
        x: integer or bool tensor.

    Returns:
        tensor of the shape and dtype of `x`.
    """
