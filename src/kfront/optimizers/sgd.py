"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from kfront.core.errors import ArgumentError
from kfront.core.registry import serializable
from kfront.optimizers.base import Group, Optimizer

__all__ = ["SGD"]


@serializable("keras.optimizers")
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

    def __init__(
        self,
        learning_rate: Any = 0.01,
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
        **kwargs: Any,
    ) -> None:
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ArgumentError(f"[SGD] expected `momentum` from 0 to 1, got {momentum!r}.")
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.momentum, self.nesterov = momentum, nesterov
        self._momentums: list[Any] = []

    def build(self, variables: Any) -> None:
        """Create the state for the variables that will be optimized."""
        if self.built:
            return
        super().build(variables)
        if self.momentum != 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_group(self, fe: Any, group: Group, grads: list[Any], learning_rate: Any, step: Any) -> None:
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

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
