"""Divisors of integers."""

from __future__ import annotations

from kfront.core.dtypes import integral
from kfront.core.op import op
from kfront.core.spec import KerasTensor
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.control import while_loop


@op(2, integral, fuse=True, home="numpy")
def gcd(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Greatest common divisor, >= 0.

    Args:
        x1: integer tensor, or int.
        x2: integer tensor, or int; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Raises:
        DTypeError: if an operand holds no integers.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.gcd([12, 7], 8)).tolist()
    [4, 1]
    """
    if isinstance(x1, KerasTensor) or isinstance(x2, KerasTensor):
        return p.add(x1, x2)
    zero = p.multiply(p.add(x1, x2), 0)
    a, b = (p.abs(p.add(x, zero)) for x in (x1, x2))

    def step(a: TensorLike, b: TensorLike) -> tuple[Tensor, Tensor]:
        done = p.equal(b, 0)
        rest = p.mod(a, p.where(done, 1, b))
        return p.where(done, a, b), p.where(done, 0, rest)

    return while_loop(lambda a, b: p.any(p.not_equal(b, 0)), step, (a, b))[0]


@op(2, integral, fuse=True, home="numpy")
def lcm(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Least common multiple, >= 0; 0 if one of the two is 0.

    Args:
        x1: integer tensor, or int.
        x2: integer tensor, or int; the shapes broadcast.

    Returns:
        tensor of the broadcast shape, in the promoted dtype.

    Raises:
        DTypeError: if an operand holds no integers.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.lcm([4, 3], 6)).tolist()
    [12, 6]
    """
    divisor = gcd(x1, x2)
    return p.multiply(p.floor_divide(p.abs(x1), p.where(p.equal(divisor, 0), 1, divisor)), p.abs(x2))
