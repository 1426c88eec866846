"""In-place and fused forms of `kfront.backends.foreach`: one training op for each variable instead of several."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from kfront.backends.foreach import Foreach
from kfront.backends.tensorflow import native
from kfront.backends.tensorflow.common import constant, raw
from kfront.core.state import state

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.variable import Variable


_descend = raw("ResourceApplyGradientDescent")
_FUSED = (tf.float32, tf.float64, tf.float16, tf.bfloat16)


def plain_variables(variables: Sequence[Variable]) -> bool:
    """Whether all are real floating `tf.Variable`s at the moment: no scope holds other values for them."""
    if state.stateless is not None:
        return False
    held = [v._value for v in variables]
    return all(x.__class__ is native.PlainVariable and x.dtype in _FUSED for x in held)


def scalar_of(x: Tensor | float, kind: tf.DType) -> Tensor:
    """A Python number or 0-d tensor in a dtype."""
    if x.__class__ is float or x.__class__ is int:
        return constant(float(x), kind)
    return x if x.dtype == kind else tf.cast(x, kind)


class TensorFlowForeach(Foreach):
    """Variables are changed in place, except inside a scope that holds other values for them."""

    def number(self, variable: Variable) -> float | None:
        """The value, unless a graph is being built or it is on another device."""
        held = variable._value
        if not tf.executing_eagerly() or "CPU" not in (held.device or "CPU"):
            return None
        return held.numpy().item()

    def zero(self, variables: Sequence[Variable]) -> None:
        plain = all(v._value.__class__ is native.PlainVariable for v in variables)
        if state.stateless is not None or not plain or not tf.executing_eagerly():
            super().zero(variables)
            return
        for v in variables:
            held = v._value
            make = _zeros if math.prod(v._shape) <= 4096 else tf.zeros  # small ones are kept
            native.assign_in_place(held.handle, make(v._shape, held.dtype))

    def add_to(
        self, variables: Sequence[Variable], xs: Sequence[Tensor], factor: Tensor | float | None = None
    ) -> list[Tensor]:
        if not plain_variables(variables):
            return super().add_to(variables, xs, factor)
        held = [v._value for v in variables]
        if factor is None:
            for h, x in zip(held, xs, strict=True):
                native.add_in_place(h.handle, x)
        else:
            minus = {kind: scalar_of(-factor, kind) for kind in {h.dtype for h in held}}
            for h, x in zip(held, xs, strict=True):
                _descend(h.handle, minus[h.dtype], x)
        return [native.read(h) for h in held]


@functools.lru_cache(maxsize=256)
def _zeros(shape: tuple[int, ...], kind: tf.DType) -> Tensor:
    return tf.zeros(shape, kind)
