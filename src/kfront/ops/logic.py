"""Comparisons, logic, bits, and choice between values."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import compare, floating, keep, logical, numeric, predicate, promote, result_type
from kfront.core.op import in_front_of, op
from kfront.core.state import state


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


def _where_rule(condition: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
    d = result_type(x1, x2)
    return ("bool", d, d), d


@op(3, _where_rule, shapes.elementwise, name="where", zeros="filled", home="numpy")
def _where(condition: Any, x1: Any, x2: Any) -> Any: ...


@in_front_of(_where)
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Elements of `x1` where `condition` is true, of `x2` elsewhere.

    Args:
        condition: bool tensor.
        x1: tensor or Python scalar; leave out both for the positions of true elements (as `nonzero`).
        x2: tensor or Python scalar; the three shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the common dtype of `x1` and `x2`.

    Example:

    >>> from kfront import ops
    >>> ops.where(ops.array([True, False]), ops.array([1, 2]), 0).tolist()
    [1, 0]
    """
    if x1 is None and x2 is None:
        from kfront.ops.index import nonzero

        return nonzero(condition)
    if _fits(condition, x1, x2):
        try:
            return state.backend.where(condition, x1, x2)
        except Exception as error:
            _where.op.fail(state.backend, error, (condition, x1, x2), ())
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


@op(2, zeros="filled", home="numpy")
def logical_xor(x1: Any, x2: Any) -> Any:
    """Exactly one of the two is true, elementwise; operands are cast to bool.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.

    Returns:
        bool tensor of the broadcast shape.
    """
    return not_equal(logical_not(x1), logical_not(x2))


@op(dtype=keep, fuse=True, home="numpy")
def isposinf(x: Any) -> Any:
    """Whether an element is +inf.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.
    """
    return equal(x, math.inf)


@op(dtype=keep, fuse=True, home="numpy")
def isneginf(x: Any) -> Any:
    """Whether an element is -inf.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.
    """
    return equal(x, -math.inf)


@op(2, floating, zeros="filled", fuse=True, home="numpy", call_args=("x1", "x2", "rtol", "atol"))
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether two values agree within a tolerance, elementwise: ``|x1 - x2| <= atol + rtol * |x2|``.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN is close to NaN.

    Returns:
        bool tensor of the broadcast shape.
    """
    from kfront.ops.arithmetic import add, multiply, subtract
    from kfront.ops.elementwise import abs

    near = less_equal(abs(subtract(x1, x2)), add(atol, multiply(rtol, abs(x2))))
    finite = logical_and(isfinite(x1), isfinite(x2))
    out = logical_or(logical_and(near, finite), equal(x1, x2))
    return logical_or(out, logical_and(isnan(x1), isnan(x2))) if equal_nan else out


@op(2, floating, home="numpy", class_name="AllClose")
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all elements agree within a tolerance; see `isclose`.

    Args:
        x1: tensor, or Python scalar.
        x2: tensor, or Python scalar; the shapes broadcast.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN is close to NaN.

    Returns:
        bool tensor of shape ().
    """
    from kfront.ops.reduce import all

    return all(isclose(x1, x2, rtol, atol, equal_nan))
