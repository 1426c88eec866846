"""Adam and its kin: running means of the gradient and of its square."""

from __future__ import annotations

from typing import Unpack

from kfront.core.errors import ArgumentError
from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable, read
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.scalars import in_float64, sqrt
from kfront.optimizers.schedules import LearningRate


def adam_rule(
    fe: Foreach,
    variables: list[Variable],
    grads: list[Tensor],
    means: list[Variable],
    squares: list[Variable],
    largest: list[Variable] | None,
    learning_rate: Scalar,
    step: Scalar,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """One step of Adam on variables of one dtype; with `largest`, slots for the largest mean of squares, of AMSGrad."""
    if fe.adam(variables, grads, means, squares, largest, learning_rate, step, beta_1, beta_2, epsilon):
        return
    alpha = learning_rate * sqrt(1.0 - beta_2**step) / (1.0 - beta_1**step)
    m = fe.lerp_to(means, grads, 1.0 - beta_1)
    v = fe.lerp_square_to(squares, grads, 1.0 - beta_2)
    if largest is not None:
        v = fe.maximum(fe.values(largest), v)
        fe.assign(largest, v)
    fe.addcdiv_to(variables, m, fe.add(fe.sqrt(v), epsilon, donate=True), -alpha)


class Adam(Optimizer):
    """Steps along the running mean of the gradient, divided by the running root mean square.

    ``m = beta_1 * m + (1 - beta_1) * g``, ``v = beta_2 * v + (1 - beta_2) * g ** 2``, then
    ``w -= learning_rate * sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t) * m / (sqrt(v) + epsilon)`` at step t.

    Args:
        learning_rate: a float, a schedule or a callable.
        beta_1: weight of the old mean of the gradient.
        beta_2: weight of the old mean of its square.
        epsilon: keeps the divisor from zero ("epsilon hat" of the paper).
        amsgrad: divide by the largest mean of squares so far.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Kingma and Ba, 2014, "Adam: A method for stochastic optimization", arXiv:1412.6980; Reddi, Kale and
    Kumar, 2018, "On the convergence of Adam and beyond", for `amsgrad`.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Adam(0.1).apply([kfront.ops.ones(1)], [w])
    >>> round(float(w.numpy()[0]), 3)
    0.9
    """

    beta_1: float
    beta_2: float
    epsilon: float
    amsgrad: bool

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self._velocity_hats: list[Variable] = []

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        slots = (group.of(self._momentums), group.of(self._velocities))
        hats = group.of(self._velocity_hats) if self.amsgrad else None
        adam_rule(fe, group.variables, grads, *slots, hats, learning_rate, step, self.beta_1, self.beta_2, self.epsilon)


class AdamW(Adam):
    """Adam with weight decay that does not pass through the running means.

    Args:
        learning_rate: a float, a schedule or a callable.
        weight_decay: each step first shrinks the variables by ``learning_rate * weight_decay`` of their value.
        beta_1, beta_2, epsilon, amsgrad: see `Adam`.
        clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name: see `Optimizer`.

    Raises:
        ArgumentError: if `weight_decay` is None.

    Reference: Loshchilov and Hutter, 2017, "Decoupled weight decay regularization", arXiv:1711.05101.

    Example:

    >>> import kfront
    >>> kfront.optimizers.AdamW(1e-3, weight_decay=0.01).weight_decay
    0.01
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        if self.weight_decay is None:
            raise ArgumentError("[AdamW] expected a float as `weight_decay`, got None; use Adam for none.")


class MomentOptimizer(Optimizer):
    """What optimizers share that keep two moments of the gradients, and have no other options."""

    beta_1: float
    beta_2: float
    epsilon: float

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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


class Adamax(MomentOptimizer):
    """Adam with the infinity norm.

    ``u = max(beta_2 * u, |g|)``, then ``w -= learning_rate / (1 - beta_1 ** t) * m / (u + epsilon)``.

    Args:
        learning_rate: a float, a schedule or a callable.
        beta_1: weight of the old mean of the gradient.
        beta_2: decay of the norm.
        epsilon: keeps the divisor from zero.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Kingma and Ba, 2014, "Adam: A method for stochastic optimization", arXiv:1412.6980, section 7.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Adamax(0.1).apply([kfront.ops.ones(1)], [w])
    >>> round(float(w.numpy()[0]), 3)
    0.9
    """

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        self._m, self._u = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        m = fe.lerp_to(group.of(self._m), grads, 1.0 - self.beta_1)
        slots = group.of(self._u)
        fe.mul_to(slots, self.beta_2)
        u = fe.maximum_to(slots, fe.abs(grads))
        fe.addcdiv_to(group.variables, m, fe.add(u, self.epsilon), -learning_rate / (1.0 - self.beta_1**step))


class Nadam(MomentOptimizer):
    """Adam with Nesterov momentum.

    Args:
        learning_rate: a float, a schedule or a callable.
        beta_1: weight of the old mean of the gradient.
        beta_2: weight of the old mean of its square.
        epsilon: keeps the divisor from zero.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Dozat, 2015, "Incorporating Nesterov momentum into Adam".

    Example:

    >>> import kfront
    >>> w = kfront.Variable([1.0])
    >>> kfront.optimizers.Nadam(0.1).apply([kfront.ops.ones(1)], [w])
    >>> float(w.numpy()[0]) < 1
    True
    """

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        wide = all(v.dtype == "float64" for v in variables)
        self._u_product = self._kf_new_variable(1.0, "float64" if wide else "float32", None, "none")

    def _momentum_at(self, step: Scalar) -> Scalar:
        return self.beta_1 * (1.0 - 0.5 * 0.96**step)

    def _kf_prepare(self, fe: Foreach, step: Scalar) -> None:
        """Move the product of the momentum schedule on."""
        step = in_float64(step) if self._u_product.dtype == "float64" else step
        self._u_product.assign(self._product(fe) * self._momentum_at(step))

    def _product(self, fe: Foreach) -> Scalar:
        known = fe.number(self._u_product)
        return read(self._u_product) if known is None else known

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        m = fe.lerp_to(group.of(self._momentums), grads, 1.0 - self.beta_1)
        v = fe.lerp_square_to(group.of(self._velocities), grads, 1.0 - self.beta_2)
        now, following, product = self._momentum_at(step), self._momentum_at(step + 1), self._product(fe)
        product = in_float64(product) if group.dtype == "float64" else product
        of_mean = following / (1.0 - product * following)
        of_gradient = (1.0 - now) / (1.0 - product)
        root = fe.sqrt(fe.mul(v, 1.0 / (1.0 - self.beta_2**step)), donate=True)
        divisor = fe.add(root, self.epsilon, donate=True)
        fe.addcdiv_to(group.variables, m, divisor, -learning_rate * of_mean)
        fe.addcdiv_to(group.variables, grads, divisor, -learning_rate * of_gradient)
