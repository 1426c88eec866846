"""FTRL-Proximal."""

from __future__ import annotations

from typing import Unpack

from kfront import initializers
from kfront.core.options import normalisers, not_negative, number
from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.schedules import LearningRate


class Ftrl(Optimizer):
    """Follow the regularized leader: sparse solutions for linear models on many features.

    Args:
        learning_rate: a float, a schedule or a callable.
        learning_rate_power: not above 0; how the rate falls with the sum of squares; 0 is a fixed rate.
        initial_accumulator_value: the sum of squares at the start, not negative.
        l1_regularization_strength: not negative.
        l2_regularization_strength: not negative.
        l2_shrinkage_regularization_strength: not negative; a penalty on the gradient side.
        beta: of the paper.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Raises:
        ArgumentError: for an argument out of range.

    Reference: McMahan et al., 2013, "Ad click prediction: a view from the trenches", KDD.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Ftrl(0.1).apply([kfront.ops.ones(1)], [w])
    >>> float(w.numpy()[0]) < 1
    True
    """

    learning_rate_power: float
    initial_accumulator_value: float
    l1_regularization_strength: float
    l2_regularization_strength: float
    l2_shrinkage_regularization_strength: float
    beta: float
    _kf_normalise = normalisers(
        learning_rate_power=number("<= 0", lambda x: x <= 0),
        l1_regularization_strength=not_negative,
        l2_regularization_strength=not_negative,
        l2_shrinkage_regularization_strength=not_negative,
    )

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        both = self.add_optimizer_variables(variables, ["accumulator", "linear"], [start, "zeros"])
        self._sums, self._linears = both

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        power = -self.learning_rate_power
        slots, linears = group.of(self._sums), group.of(self._linears)
        values, old = fe.values(group.variables), fe.values(slots)
        shrink = self.l2_shrinkage_regularization_strength
        pulled = fe.add(grads, fe.mul(values, 2.0 * shrink)) if shrink else grads
        new = fe.addcmul(old, grads, grads)
        roots = fe.pow(new, power)
        change = fe.mul(fe.sub(roots, fe.pow(old, power)), 1.0 / learning_rate)
        linear = fe.sub(fe.add(fe.values(linears), pulled), fe.mul(change, values))
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        curve = fe.add(fe.mul(roots, 1.0 / learning_rate), 2.0 * l2 + self.beta / learning_rate)
        fe.assign(group.variables, fe.div(fe.sub(fe.clip(linear, -l1, l1), linear), curve))
        fe.assign(slots, new)
        fe.assign(linears, linear)
