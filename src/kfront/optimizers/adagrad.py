"""Adagrad and Adadelta: each element has a learning rate of its own."""

from __future__ import annotations

from typing import Unpack

from kfront import initializers
from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.schedules import LearningRate


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of its squares.

    ``a += g ** 2``, then ``w -= learning_rate * g / sqrt(a + epsilon)``.

    Args:
        learning_rate: a float, a schedule or a callable.
        initial_accumulator_value: the sum at the start, not negative.
        epsilon: keeps the divisor from zero.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Duchi, Hazan and Singer, 2011, "Adaptive subgradient methods for online learning and stochastic
    optimization", Journal of Machine Learning Research 12.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Adagrad(0.1).apply([kfront.ops.ones(1)], [w])
    >>> round(float(w.numpy()[0]), 3)
    0.905
    """

    initial_accumulator_value: float
    epsilon: float

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
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

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        start = initializers.Constant(self.initial_accumulator_value)
        self._accumulated = self.add_optimizer_variables(variables, "accumulator", start)

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        slots = group.of(self._accumulated)
        total = fe.addcmul_to(slots, grads, grads)
        fe.addcdiv_to(group.variables, grads, fe.sqrt(fe.add(total, self.epsilon), donate=True), -learning_rate)


class Adadelta(Optimizer):
    """Scales the gradient by the ratio of running root mean squares: of the steps made, and of the gradient.

    Args:
        learning_rate: a float, a schedule or a callable; 1.0 is the paper's form.
        rho: weight of the old averages.
        epsilon: keeps the divisor from zero.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Zeiler, 2012, "Adadelta: An adaptive learning rate method", arXiv:1212.5701.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Adadelta(1.0).apply([kfront.ops.ones(1)], [w])
    >>> float(w.numpy()[0]) < 1
    True
    """

    rho: float
    epsilon: float

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        names = ["accumulated_grad", "accumulated_delta_var"]
        self._grads, self._deltas = self.add_optimizer_variables(variables, names)

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        of_grads = fe.lerp_square_to(group.of(self._grads), grads, 1.0 - self.rho)
        slots = group.of(self._deltas)
        ratio = fe.div(fe.add(fe.values(slots), self.epsilon), fe.add(of_grads, self.epsilon), donate=True)
        deltas = fe.mul(fe.sqrt(ratio, donate=True), grads, donate=True)
        fe.lerp_square_to(slots, deltas, 1.0 - self.rho)
        fe.add_to(group.variables, deltas, -learning_rate)
