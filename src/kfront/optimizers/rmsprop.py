"""RMSprop."""

from __future__ import annotations

from typing import Unpack

from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.schedules import LearningRate


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square of itself.

    ``s = rho * s + (1 - rho) * g ** 2``, then ``w -= learning_rate * g / sqrt(s + epsilon)``.

    Args:
        learning_rate: a float, a schedule or a callable.
        rho: weight of the old average.
        momentum: of the update; 0 for none.
        epsilon: keeps the divisor from zero.
        centered: subtract the square of the gradient's own running mean from `s`.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Hinton, 2012, "Neural networks for machine learning", lecture 6e.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.RMSprop(0.1).apply([kfront.ops.ones(1)], [w])
    >>> round(float(w.numpy()[0]), 3)
    0.684
    """

    rho: float
    momentum: float
    epsilon: float
    centered: bool

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self._velocities: list[Variable] = []
        self._momentums: list[Variable] = []
        self._average_gradients: list[Variable] = []

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        spread = fe.lerp_square_to(group.of(self._velocities), grads, 1.0 - self.rho)
        if self.centered:
            mean = fe.lerp_to(group.of(self._average_gradients), grads, 1.0 - self.rho)
            spread = fe.addcmul(spread, mean, mean, -1.0)
        divisor = fe.sqrt(fe.add(spread, self.epsilon), donate=True)
        if self.momentum > 0:
            slots = group.of(self._momentums)
            fe.mul_to(slots, self.momentum)
            fe.add_to(group.variables, fe.addcdiv_to(slots, grads, divisor, learning_rate), -1.0)
        else:
            fe.addcdiv_to(group.variables, grads, divisor, -learning_rate)
