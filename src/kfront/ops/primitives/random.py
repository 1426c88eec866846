"""Random numbers from a key."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import static_rule
from kfront.core.op import op
from kfront.core.typing import DTypeLike, Sizes, Tensor, TensorLike


@static_rule
def _by_argument(dtypes: tuple[object, ...], dtype: DTypeLike = None, **static: object) -> tuple[object, object]:
    return None, dtype


_by_argument.keeps = True  # type: ignore[attr-defined]


def _given(key: Tensor, shape: Sizes, **static: object) -> Any:
    return shapes.given(shape)


@op(1, _by_argument, _given)
def random_normal(key: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Standard normal numbers.

    Args:
        key: integer tensor of shape (2,).
        shape: tuple of ints or scalar tensors.
        dtype: floating dtype name.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.primitives.random import random_normal
    >>> tuple(random_normal(ops.array([1, 0]), (2, 3), "float32").shape)
    (2, 3)
    """


@op(1, _by_argument, _given)
def random_uniform(key: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Numbers in [0, 1).

    Args:
        key: integer tensor of shape (2,).
        shape: tuple of ints or scalar tensors.
        dtype: floating dtype name.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.primitives.random import random_uniform
    >>> 0 <= float(random_uniform(ops.array([1, 0]), (), "float32")) < 1
    True
    """


@op(1, _by_argument, _given)
def random_randint(key: TensorLike, shape: Sizes, minval: TensorLike, maxval: TensorLike, dtype: str) -> Tensor:
    """Integers in [minval, maxval).

    Args:
        key: integer tensor of shape (2,).
        shape: tuple of ints or scalar tensors.
        minval: int, or tensor that broadcasts.
        maxval: int, or tensor that broadcasts.
        dtype: integer dtype name.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.primitives.random import random_randint
    >>> int(random_randint(ops.array([1, 0]), (), 5, 6, "int32"))
    5
    """
