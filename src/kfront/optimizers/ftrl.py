"""FTRL-Proximal."""

from __future__ import annotations

from typing import Any

from kfront import initializers
from kfront.core.errors import ArgumentError
from kfront.core.registry import serializable
from kfront.optimizers.base import Group, Optimizer

__all__ = ["Ftrl"]


@serializable("keras.optimizers")
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

    def __init__(
        self,
        learning_rate: Any = 0.001,
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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        if learning_rate_power > 0:
            raise ArgumentError(f"[Ftrl] expected `learning_rate_power` <= 0, got {learning_rate_power!r}.")
        for one in _NOT_NEGATIVE:
            if getattr(self, one) < 0:
                raise ArgumentError(f"[Ftrl] expected `{one}` >= 0, got {getattr(self, one)!r}.")

    def build(self, variables: Any) -> None:
        """Create the state for the variables that will be optimized."""
        if self.built:
            return
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        both = self.add_optimizer_variables(variables, ["accumulator", "linear"], [start, "zeros"])
        self._sums, self._linears = both

    def update_group(self, fe: Any, group: Group, grads: list[Any], learning_rate: Any, step: Any) -> None:
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

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        own = {name: getattr(self, name) for name in ("learning_rate_power", *_NOT_NEGATIVE, "beta")}
        return {**super().get_config(), **own}


_NOT_NEGATIVE = (
    "initial_accumulator_value",
    "l1_regularization_strength",
    "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",
)
