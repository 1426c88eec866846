"""What `kfront.backends.foreach` does better in one compiled call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from kfront.backends.foreach import Foreach
from kfront.backends.jax.native import journaling
from kfront.core.state import state

if TYPE_CHECKING:
    from kfront.core.variable import Variable


class JaxForeach(Foreach):
    """Variables hold new arrays after a change."""

    def zero(self, variables: Sequence[Variable]) -> None:
        values = _zeros(tuple([(v._shape, v._dtype) for v in variables]))()
        if journaling() or state.stateless is not None:
            self.assign(variables, values)
        else:
            for v, x in zip(variables, values, strict=True):
                v._write(x)


@functools.lru_cache(maxsize=256)
def _zeros(kinds: tuple[tuple[tuple[int, ...], str], ...]) -> Callable[[], list[jax.Array]]:
    """A compiled function that gives zeros of these shapes and dtypes."""
    return jax.jit(lambda: [jnp.zeros(shape, dtype) for shape, dtype in kinds])
