"""Rules of optimizers by TensorFlow's training ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.foreach import Foreach
from kfront.backends.tensorflow.common import constant, raw
from kfront.backends.tensorflow.foreach import plain_variables, scalar_of
from kfront.backends.tensorflow.tuned.table import tuned

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.variable import Variable


_adam, _amsgrad = raw("ResourceApplyAdam"), raw("ResourceApplyAdamWithAmsgrad")


@tuned(
    "foreach.adam",
    reason="the rule takes a dozen ops for each variable, ResourceApplyAdam one",
    benchmark="fit:mlp",
    until="never, unless `fit` shows the general form as fast",
)
def adam(
    self: Foreach,
    variables: Sequence[Variable],
    grads: Sequence[Tensor],
    means: Sequence[Variable],
    squares: Sequence[Variable],
    largest: Sequence[Variable] | None,
    learning_rate: Tensor | float,
    step: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> bool:
    """`ResourceApplyAdam`, which has the same formula."""
    slots = [*means, *squares, *(largest or ())]
    if not plain_variables([*variables, *slots]):
        return False
    powers: dict[Any, Any] = {}
    for i, (v, g) in enumerate(zip(variables, grads, strict=True)):
        kind = v._value.dtype
        if any(s[i]._value.dtype != kind for s in (means, squares)) or g.dtype != kind:
            return False
        if kind not in powers:
            powers[kind] = (*_powers(step, beta_1, beta_2, kind), scalar_of(learning_rate, kind))
        one, two, rate = powers[kind]
        rest = (one, two, rate, *(constant(c, kind) for c in (beta_1, beta_2, epsilon)), g)
        handles = [x[i]._value.handle for x in (variables, means, squares)]
        if largest is None:
            _adam(*handles, *rest)
        else:
            _amsgrad(*handles, largest[i]._value.handle, *rest)
    return True


def _powers(step: Tensor, beta_1: float, beta_2: float, kind: tf.DType) -> tuple[Tensor, Tensor]:
    """beta_1 ** step and beta_2 ** step."""
    if step.__class__ is int or step.__class__ is float:
        return tf.constant(beta_1**step, kind), tf.constant(beta_2**step, kind)
    wide = tf.float64 if kind == tf.float64 else tf.float32
    step = tf.cast(step, wide)
    return tuple(tf.cast(tf.pow(constant(b, wide), step), kind) for b in (beta_1, beta_2))  # type: ignore[return-value]
