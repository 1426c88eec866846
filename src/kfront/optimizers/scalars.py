"""Arithmetic on single numbers that are Python numbers in one call and 0-d tensors in the next.

Native tensors of every engine have `+ - * / % **`; these are the functions that have no operator, or one that differs.
"""

from __future__ import annotations

import math
from typing import Any

from kfront.core.state import state

__all__ = ["ceil", "cos", "equal", "floor", "greater", "less_equal", "log", "maximum", "minimum", "sqrt", "where"]


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float))


def sqrt(x: Any) -> Any:
    """Square root."""
    return math.sqrt(x) if _is_number(x) else x**0.5


def log(x: Any) -> Any:
    """Natural logarithm."""
    return math.log(x) if _is_number(x) else state.backend.log(x)


def cos(x: Any) -> Any:
    """Cosine."""
    return math.cos(x) if _is_number(x) else state.backend.cos(x)


def floor(x: Any) -> Any:
    """The next whole number below."""
    return float(math.floor(x)) if _is_number(x) else state.backend.floor(x)


def ceil(x: Any) -> Any:
    """The next whole number above."""
    return float(math.ceil(x)) if _is_number(x) else state.backend.ceil(x)


def minimum(x: Any, y: float) -> Any:
    """The smaller one; `y` is a Python number or a tensor like `x`."""
    return min(x, y) if _is_number(x) and _is_number(y) else where(x <= y, x, y)


def maximum(x: Any, y: float) -> Any:
    """The larger one; `y` is a Python number or a tensor like `x`."""
    return max(x, y) if _is_number(x) and _is_number(y) else where(x >= y, x, y)


def greater(x: Any, y: float) -> Any:
    """``x > y``: a bool or a 0-d tensor."""
    return x > y


def less_equal(x: Any, y: float) -> Any:
    """``x <= y``: a bool or a 0-d tensor."""
    return x <= y


def equal(x: Any, y: Any) -> Any:
    """``x == y``: a bool or a 0-d tensor."""
    if _is_number(x):
        return x == y
    b = state.backend
    return b.equal(x, b.convert(y, b.dtype_name(x.dtype)))


def where(condition: Any, x: Any, y: Any) -> Any:
    """``x`` if the condition holds, else ``y``; the results are floats."""
    if isinstance(condition, bool):
        return x if condition else y
    b = state.backend
    x, y = (b.convert(v, "float32") if _is_number(v) else b.cast(v, "float32") for v in (x, y))
    return b.where(condition, x, y)
