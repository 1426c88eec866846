"""Types that signatures of the adapters share, beside those of `kfront.core.typing`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from kfront.core.typing import Nested

T = TypeVar("T")

Axes: TypeAlias = int | Sequence[int] | None
"""An axis, or several; None for all."""

Sizes: TypeAlias = int | Sequence[int]
"""One number for all spatial axes, or one for each."""

Function: TypeAlias = Callable[..., T]
"""A function of tensors and static arguments."""

Closure: TypeAlias = "Callable[..., Nested[T]]"
"""A user's function: it takes and returns nested tensors."""

Pair: TypeAlias = "tuple[Nested[T], Nested[T]]"
"""Two results of nested tensors, such as what a loop carries and what its steps gave."""
