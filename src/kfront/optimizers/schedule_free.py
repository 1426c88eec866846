"""AdamW that needs no learning rate schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from kfront.core.options import normalisers, number
from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable, read
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.scalars import minimum
from kfront.optimizers.schedules import LearningRate


class ScheduleFreeAdamW(Optimizer):
    """AdamW on points between a fast sequence ``z`` and its mean ``x``, in place of a decaying learning rate.

    The variables hold ``y = (1 - beta_1) * z + beta_1 * x``. Step t is
    ``z -= learning_rate * g / (sqrt(v / (1 - beta_2 ** t)) + epsilon)``, where ``v`` is the running mean of ``g ** 2``,
    then ``x += (z - x) / t``. Models are best evaluated at ``x``, see `averages`.

    Args:
        learning_rate: a float, a schedule or a callable.
        beta_1: where between z and x gradients are taken, in (0, 1).
        beta_2: weight of the old mean of squares.
        epsilon: keeps the divisor from zero.
        warmup_steps: the learning rate rises linearly over so many steps.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Raises:
        ArgumentError: if `beta_1` is out of range.

    Reference: Defazio et al., 2024, "The road less scheduled", arXiv:2405.15682.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.ScheduleFreeAdamW(0.1).apply([kfront.ops.ones(1)], [w])
    >>> round(float(w.numpy()[0]), 3)
    0.9
    """

    beta_1: float
    beta_2: float
    epsilon: float
    warmup_steps: int
    _kf_normalise = normalisers(beta_1=number("in (0, 1)", lambda x: 0 < x < 1))

    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        self._velocities: list[Variable] = []

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        for v in variables:
            self._momentums.append(self.add_variable_from_reference(v, "momentum", lambda *_, v=v, **__: read(v)))
            self._velocities.append(self.add_variable_from_reference(v, "velocity"))

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        fast, b1 = group.of(self._momentums), self.beta_1
        if self.warmup_steps:
            learning_rate = learning_rate * minimum(step / self.warmup_steps, 1.0)
        x = self._x(fe, fe.values(group.variables), fe.values(fast))
        v = fe.lerp_square_to(group.of(self._velocities), grads, 1.0 - self.beta_2)
        root = fe.sqrt(fe.mul(v, 1.0 / (1.0 - self.beta_2**step)), donate=True)
        z = fe.addcdiv_to(fast, grads, fe.add(root, self.epsilon, donate=True), -learning_rate)
        x = fe.lerp(x, z, 1.0 / step)
        fe.assign(group.variables, fe.lerp(z, x, b1))

    def _x(self, fe: Foreach, ys: list[Tensor], zs: list[Tensor]) -> list[Tensor]:
        return fe.mul(fe.sub(ys, fe.mul(zs, 1.0 - self.beta_1)), 1.0 / self.beta_1)

    def averages(self, variables: Sequence[Variable] | None = None) -> list[Tensor]:
        """The mean sequence x, at which a model is best evaluated.

        Args:
            variables: the Variables; those that the optimizer was built for if None.

        Returns:
            One tensor for each Variable; `assign` it to evaluate, and the Variable's own value again to train on.
        """
        variables = self._trainable_variables if variables is None else list(variables)
        fe = self._kf_backend.foreach
        with self._kf_backend.no_grad():
            fast = [self._momentums[self._get_variable_index(v)] for v in variables]
            return [self._x(fe, fe.values([v]), fe.values([z]))[0] for v, z in zip(variables, fast, strict=True)]
