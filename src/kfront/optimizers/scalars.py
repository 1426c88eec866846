"""Arithmetic on single numbers that are Python numbers in one call and 0-d tensors in the next.

Native tensors of every engine have `+ - * / % **`; these are the functions that have no operator, or one that differs.
"""

from __future__ import annotations

import math

from kfront.core.state import state
from kfront.core.typing import Scalar, Tensor


def in_float64(x: Scalar) -> Scalar:
    """A tensor in float64; Python numbers are."""
    return x if isinstance(x, (int, float)) else state.backend.cast(x, "float64")


def sqrt(x: Scalar) -> Scalar:
    """Square root."""
    return math.sqrt(x) if isinstance(x, (int, float)) else x**0.5


def log(x: Scalar) -> Scalar:
    """Natural logarithm."""
    return math.log(x) if isinstance(x, (int, float)) else state.backend.log(x)


def cos(x: Scalar) -> Scalar:
    """Cosine."""
    return math.cos(x) if isinstance(x, (int, float)) else state.backend.cos(x)


def floor(x: Scalar) -> Scalar:
    """The next whole number below."""
    return float(math.floor(x)) if isinstance(x, (int, float)) else state.backend.floor(x)


def ceil(x: Scalar) -> Scalar:
    """The next whole number above."""
    return float(math.ceil(x)) if isinstance(x, (int, float)) else state.backend.ceil(x)


def minimum(x: Scalar, y: Scalar) -> Scalar:
    """The smaller one; `y` is a Python number or a tensor like `x`."""
    return min(x, y) if isinstance(x, (int, float)) and isinstance(y, (int, float)) else where(x <= y, x, y)


def maximum(x: Scalar, y: Scalar) -> Scalar:
    """The larger one; `y` is a Python number or a tensor like `x`."""
    return max(x, y) if isinstance(x, (int, float)) and isinstance(y, (int, float)) else where(x >= y, x, y)


def greater(x: Scalar, y: Scalar) -> bool | Tensor:
    """``x > y``: a bool or a 0-d tensor."""
    return x > y


def less_equal(x: Scalar, y: Scalar) -> bool | Tensor:
    """``x <= y``: a bool or a 0-d tensor."""
    return x <= y


def equal(x: Scalar, y: Scalar) -> bool | Tensor:
    """``x == y``: a bool or a 0-d tensor."""
    if isinstance(x, (int, float)):
        return x == y
    b = state.backend
    return b.equal(x, b.convert(y, b.dtype_name(x.dtype)))


def where(condition: bool | Tensor, x: Scalar, y: Scalar) -> Scalar:
    """``x`` if the condition holds, else ``y``; the results are floats."""
    if isinstance(condition, bool):
        return x if condition else y
    b = state.backend
    x, y = (b.convert(v, "float32") if isinstance(v, (int, float)) else b.cast(v, "float32") for v in (x, y))
    return b.where(condition, x, y)
