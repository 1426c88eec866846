"""Window functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kfront.config import floatx
from kfront.core.arguments import check_count
from kfront.core.op_registry import function
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.elementwise import i0, square


def _window(name: str, x: Tensor, shape_of_t: Callable[[Tensor], Tensor]) -> Tensor:
    """`shape_of_t` on t from 0 to 1 over `x` places; a single place is 1."""
    check_count(name, "x", x, 0)
    if isinstance(x, int):
        t = p.divide(p.arange(x, dtype=floatx()), float(max(x - 1, 1)))
        return shape_of_t(t) if x != 1 else p.add(p.multiply(t, 0.0), 1.0)
    last = p.maximum(p.subtract(x, 1), 1)
    t = p.divide(p.cast(p.arange(x), floatx()), p.cast(last, floatx()))
    return p.where(p.equal(x, 1), 1.0, shape_of_t(t))


def _cosines(*weights: float) -> Callable[[Any], Any]:
    def run(t: Tensor) -> Any:
        out: Any = weights[0]
        for k, w in enumerate(weights[1:], 1):
            out = p.add(p.multiply(p.cos(p.multiply(t, 2 * math.pi * k)), w), out)
        return out

    return run


@function("numpy")
def bartlett(x: Tensor) -> Tensor:
    """Triangle from 0 over 1 to 0.

    Args:
        x: number of places, an int or scalar integer tensor.

    Returns:
        floating tensor of shape (x,).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.bartlett(5)).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window("bartlett", x, lambda t: p.subtract(1.0, p.abs(p.subtract(p.multiply(t, 2.0), 1.0))))


@function("numpy")
def blackman(x: Tensor) -> Tensor:
    """Window of two cosines (Blackman and Tukey, 1958).

    Args:
        x: number of places, an int or scalar integer tensor.

    Returns:
        floating tensor of shape (x,).

    Example:

    >>> from kfront import ops
    >>> tuple(ops.blackman(5).shape)
    (5,)
    """
    return _window("blackman", x, _cosines(0.42, -0.5, 0.08))


@function("numpy")
def hamming(x: Tensor) -> Tensor:
    """Raised cosine that does not quite reach 0.

    Args:
        x: number of places, an int or scalar integer tensor.

    Returns:
        floating tensor of shape (x,).

    Example:

    >>> from kfront import ops
    >>> tuple(ops.hamming(5).shape)
    (5,)
    """
    return _window("hamming", x, _cosines(0.54, -0.46))


@function("numpy")
def hanning(x: Tensor) -> Tensor:
    """Raised cosine from 0 over 1 to 0.

    Args:
        x: number of places, an int or scalar integer tensor.

    Returns:
        floating tensor of shape (x,).

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.round(ops.hanning(5), 3)).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window("hanning", x, _cosines(0.5, -0.5))


@function("numpy")
def kaiser(x: Tensor, beta: TensorLike) -> Tensor:
    """Window of Bessel functions whose side lobes `beta` sets.

    Args:
        x: number of places, an int or scalar integer tensor.
        beta: shape, a number; larger is narrower.

    Returns:
        floating tensor of shape (x,).

    Example:

    >>> from kfront import ops
    >>> tuple(ops.kaiser(5, 4.0).shape)
    (5,)
    """

    def shape_of_t(t: Tensor) -> Tensor:
        inside = clip(p.subtract(1.0, square(p.subtract(p.multiply(t, 2.0), 1.0))), 0.0, 1.0)
        return p.divide(i0(p.multiply(p.sqrt(inside), beta)), i0(p.cast(beta, floatx())))

    return _window("kaiser", x, shape_of_t)
