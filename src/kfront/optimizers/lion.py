"""Lion and LAMB."""

from __future__ import annotations

from typing import Unpack

from kfront.core.options import normalisers, number
from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.adam import MomentOptimizer
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.schedules import LearningRate


class Lion(Optimizer):
    """Steps of one size, in the direction of a running mean of the gradient.

    ``w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)``, then ``m = beta_2 * m + (1 - beta_2) * g``.

    Args:
        learning_rate: a float, a schedule or a callable; 3 to 10 times smaller than Adam's is usual.
        beta_1: weight of the running mean in the step, in (0, 1].
        beta_2: weight of the old running mean in the new one.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Raises:
        ArgumentError: if `beta_1` is out of range.

    Reference: Chen et al., 2023, "Symbolic discovery of optimization algorithms", arXiv:2302.06675.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Lion(0.1).apply([kfront.ops.ones(1)], [w])
    >>> round(float(w.numpy()[0]), 3)
    0.9
    """

    beta_1: float
    beta_2: float
    _kf_normalise = normalisers(beta_1=number("in (0, 1]", lambda x: 0 < x <= 1))

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        slots = group.of(self._momentums)
        direction = fe.sign(fe.lerp(fe.values(slots), grads, 1.0 - self.beta_1))
        fe.lerp_to(slots, grads, 1.0 - self.beta_2)
        fe.add_to(group.variables, direction, -learning_rate)


class Lamb(MomentOptimizer):
    """Adam whose step is as large, for each variable, as the variable's own norm times the learning rate.

    Args:
        learning_rate: a float, a schedule or a callable.
        beta_1: weight of the old mean of the gradient.
        beta_2: weight of the old mean of its square.
        epsilon: keeps the divisor from zero.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: You et al., 2019, "Large batch optimization for deep learning: Training BERT in 76 minutes",
    arXiv:1904.00962.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Lamb(0.1).apply([kfront.ops.ones(1)], [w])
    >>> round(float(w.numpy()[0]), 3)
    0.9
    """

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        m = fe.lerp_to(group.of(self._momentums), grads, 1.0 - self.beta_1)
        v = fe.lerp_square_to(group.of(self._velocities), grads, 1.0 - self.beta_2)
        root = fe.sqrt(fe.mul(v, 1.0 / (1.0 - self.beta_2**step)), donate=True)
        divisor = fe.add(root, self.epsilon, donate=True)
        steps = fe.div(fe.mul(m, 1.0 / (1.0 - self.beta_1**step)), divisor, donate=True)
        own, made = fe.norms(fe.values(group.variables)), fe.norms(steps)
        ratios = [fe.where((w > 0) & (s > 0), [w / s], 1.0)[0] for w, s in zip(own, made, strict=True)]
        fe.add_to(group.variables, fe.mul(steps, ratios, donate=True), -learning_rate)
