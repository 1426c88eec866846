"""Half precision where an engine has no kernel for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container

from kfront.backends.typing import Function
from kfront.core.typing import Tensor

__all__ = ["through_float32"]


def through_float32(
    tensor: type, halves: Container[object], float32: object, cast: Callable[[Tensor, Tensor], Tensor]
) -> Callable[[Function[Tensor]], Function[Tensor]]:
    """Decorator: a function that is computed in float32 for half precision; floating results are cast back.

    Args:
        tensor: the engine's class of tensors.
        halves: its dtypes of half precision.
        float32: its float32.
        cast: its cast of a tensor to a dtype.
    """

    def decorate(f: Function[Tensor]) -> Function[Tensor]:
        @functools.wraps(f)
        def run(x: Tensor, *args: object) -> Tensor:
            kind = x.dtype
            if kind not in halves:
                return f(x, *args)
            wide = [cast(a, float32) if isinstance(a, tensor) and a.dtype == kind else a for a in args]
            out = f(cast(x, float32), *wide)
            if isinstance(out, (tuple, list)):
                return tuple(cast(y, kind) if y.dtype == float32 else y for y in out)
            return cast(out, kind) if out.dtype == float32 else out

        return run

    return decorate
