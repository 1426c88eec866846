"""In-place and fused forms of `kfront.backends.foreach`: one training op for each variable instead of several."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kfront.backends.foreach import Foreach
from kfront.backends.tensorflow import native
from kfront.backends.tensorflow.common import constant, raw
from kfront.core.state import state

__all__ = ["TensorFlowForeach"]

_descend = raw("ResourceApplyGradientDescent")
_adam, _amsgrad = raw("ResourceApplyAdam"), raw("ResourceApplyAdamWithAmsgrad")
_FUSED = (tf.float32, tf.float64, tf.float16, tf.bfloat16)


def _plain(variables: Sequence[Any]) -> bool:
    """Whether all are real floating `tf.Variable`s at the moment: no scope holds other values for them."""
    if state.stateless is not None:
        return False
    held = [v._value for v in variables]
    return all(x.__class__ is native.PlainVariable and x.dtype in _FUSED for x in held)


def _scalar(x: Any, kind: Any) -> Any:
    """A Python number or 0-d tensor in a dtype."""
    if x.__class__ is float or x.__class__ is int:
        return constant(float(x), kind)
    return x if x.dtype == kind else tf.cast(x, kind)


class TensorFlowForeach(Foreach):
    """Variables are changed in place, except inside a scope that holds other values for them."""

    def number(self, variable: Any) -> Any:
        """The value, unless a graph is being built or it is on another device."""
        held = variable._value
        if not tf.executing_eagerly() or "CPU" not in (held.device or "CPU"):
            return None
        return held.numpy().item()

    def zero(self, variables: Sequence[Any]) -> None:
        plain = all(v._value.__class__ is native.PlainVariable for v in variables)
        if state.stateless is not None or not plain or not tf.executing_eagerly():
            super().zero(variables)
            return
        for v in variables:
            held = v._value
            make = _zeros if math.prod(v._shape) <= 4096 else tf.zeros  # small ones are kept
            native.assign_in_place(held.handle, make(v._shape, held.dtype))

    def add_to(self, variables: Sequence[Any], xs: Sequence[Any], factor: Any = None) -> list[Any]:
        if not _plain(variables):
            return super().add_to(variables, xs, factor)
        held = [v._value for v in variables]
        if factor is None:
            for h, x in zip(held, xs, strict=True):
                native.add_in_place(h.handle, x)
        else:
            minus = {kind: _scalar(-factor, kind) for kind in {h.dtype for h in held}}
            for h, x in zip(held, xs, strict=True):
                _descend(h.handle, minus[h.dtype], x)
        return [native.read(h) for h in held]

    def adam(
        self,
        variables: Sequence[Any],
        grads: Sequence[Any],
        means: Sequence[Any],
        squares: Sequence[Any],
        largest: Sequence[Any] | None,
        learning_rate: Any,
        step: Any,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ) -> bool:
        """`ResourceApplyAdam`, which has the same formula."""
        slots = [*means, *squares, *(largest or ())]
        if not _plain([*variables, *slots]):
            return False
        powers: dict[Any, Any] = {}
        for i, (v, g) in enumerate(zip(variables, grads, strict=True)):
            kind = v._value.dtype
            if any(s[i]._value.dtype != kind for s in (means, squares)) or g.dtype != kind:
                return False
            if kind not in powers:
                powers[kind] = (*_powers(step, beta_1, beta_2, kind), _scalar(learning_rate, kind))
            one, two, rate = powers[kind]
            rest = (one, two, rate, *(constant(c, kind) for c in (beta_1, beta_2, epsilon)), g)
            handles = [x[i]._value.handle for x in (variables, means, squares)]
            if largest is None:
                _adam(*handles, *rest)
            else:
                _amsgrad(*handles, largest[i]._value.handle, *rest)
        return True


@functools.lru_cache(maxsize=256)
def _zeros(shape: tuple[int, ...], kind: Any) -> Any:
    return tf.zeros(shape, kind)


def _powers(step: Any, beta_1: float, beta_2: float, kind: Any) -> tuple[Any, Any]:
    """beta_1 ** step and beta_2 ** step."""
    if step.__class__ is int or step.__class__ is float:
        return tf.constant(beta_1**step, kind), tf.constant(beta_2**step, kind)
    step = tf.cast(step, tf.float32)
    return tuple(tf.cast(tf.pow(constant(b, tf.float32), step), kind) for b in (beta_1, beta_2))  # type: ignore[return-value]
