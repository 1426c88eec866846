"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Unpack

from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.schedules import LearningRate


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    ``v = momentum * v - learning_rate * g``, then ``w += v``; with `nesterov`
    ``w += momentum * v - learning_rate * g``.

    Args:
        learning_rate: a float, a schedule or a callable.
        momentum: from 0 to 1.
        nesterov: look ahead.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Raises:
        ArgumentError: if `momentum` is out of range.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.SGD(0.1).apply([kfront.ops.ones(1)], [w])
    >>> w.numpy()
    array([0.9], dtype=float32)
    """

    momentum: float
    nesterov: bool

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Unpack[MoreOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._momentums: list[Variable] = []

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        if self.momentum != 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        if not self.momentum:
            fe.add_to(group.variables, grads, -learning_rate)
            return
        slots = group.of(self._momentums)
        fe.mul_to(slots, self.momentum)
        v = fe.add_to(slots, grads, -learning_rate)
        if self.nesterov:
            fe.add_to(group.variables, v, self.momentum)
            fe.add_to(group.variables, grads, -learning_rate)
        else:
            fe.add_to(group.variables, v)
