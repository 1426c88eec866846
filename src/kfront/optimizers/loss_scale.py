"""Dynamic loss scaling for training in float16."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError
from kfront.core.options import above_zero, positive
from kfront.core.state import state
from kfront.core.typing import Config, CustomObjects, Foreach, Scalar, Tensor
from kfront.core.variable import StatelessScope, Variable, read
from kfront.optimizers import scalars
from kfront.optimizers.base import Optimizer
from kfront.optimizers.plan import ParamGroup, Plan
from kfront.optimizers.schedules import LearningRate


class LossScaleOptimizer(Optimizer):
    """Runs another optimizer on a loss scaled up so far that small float16 gradients do not vanish.

    A step whose gradients are not all finite is left out, and the scale is halved; after `dynamic_growth_steps` good
    steps it is doubled.

    Args:
        inner_optimizer: the optimizer that updates the variables.
        initial_scale: the factor at the start.
        dynamic_growth_steps: good steps between doublings.
        name: the optimizer's name.
        **kwargs: as `Optimizer` has them, at their defaults: clipping and the like belong to the inner optimizer.

    Raises:
        ArgumentError: if an argument that belongs to the inner optimizer is set here.

    Reference: Micikevicius et al., 2017, "Mixed precision training", arXiv:1710.03740.

    Example:

    >>> import kfront
    >>> optimizer = kfront.optimizers.LossScaleOptimizer(kfront.optimizers.SGD(0.1), initial_scale=4.0)
    >>> w = kfront.Variable([1.0])
    >>> optimizer.apply([4.0 * kfront.ops.ones(1)], [w])
    >>> w.numpy()
    array([0.9], dtype=float32)
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: object,
    ) -> None:
        if not isinstance(inner_optimizer, Optimizer):
            raise ArgumentError(
                f"[LossScaleOptimizer] expected an Optimizer as `inner_optimizer`, got {inner_optimizer!r}."
            )
        if not kwargs.pop("dynamic", True):
            raise ArgumentError(
                "[LossScaleOptimizer] expected dynamic=True, got False; use `loss_scale_factor` instead."
            )
        given = sorted(k for k, v in kwargs.items() if v not in (None, False, 0.99))
        if given:
            raise ArgumentError(
                f"[LossScaleOptimizer] expected no {', '.join(given)}; set them on the inner optimizer."
            )
        super().__init__(0.0, name=name)
        self.inner_optimizer, self._kf_scales_loss = inner_optimizer, True
        self.initial_scale = above_zero(self, "initial_scale", initial_scale)
        self.dynamic_growth_steps = positive(self, "dynamic_growth_steps", dynamic_growth_steps)
        self.step_counter: Any = None  # Variables, once it is built
        self.dynamic_scale: Any = None

    def build(self, var_list: Sequence[Variable]) -> None:
        """Create the state, and the inner optimizer's."""
        if self.built:
            return
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), "ones", "float32", name="dynamic_scale")
        self.dynamic_scale.assign(float(self.initial_scale))
        self.inner_optimizer.build(var_list)
        self.inner_optimizer._kf_reduction = None  # its gradients are reduced already
        super().build(var_list)

    @property
    def variables(self) -> list[Variable]:
        """Its own Variables, then the inner optimizer's."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def _kf_saved_variables(self) -> list[Variable]:
        return self.variables

    @property
    def iterations(self) -> Variable | Tensor:
        """The number of updates of the inner optimizer."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Variable | Scalar:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def _kf_rated(self) -> dict[str, Optimizer]:
        return self.inner_optimizer._kf_rated

    @property
    def param_groups(self) -> list[ParamGroup]:
        """The inner optimizer's parameter groups."""
        return self.inner_optimizer.param_groups

    @param_groups.setter
    def param_groups(self, groups: Iterable[ParamGroup] | None) -> None:
        self.inner_optimizer.param_groups = groups

    @property
    def _kf_settings(self) -> tuple[object, ...]:
        return (self._version, *self.inner_optimizer._kf_settings)

    def check_finite(self, grads: Iterable[Tensor | None]) -> bool | Tensor:
        """Whether all gradients are finite.

        Args:
            grads: tensors; None stands for no gradient and is passed over.

        Returns:
            A bool where it is known without waiting for the device, else a 0-d tensor.
        """
        found = [self._kf_backend.convert(g) for g in grads if g is not None]
        return self._kf_backend.foreach.all_finite(found) if found else True

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss times the current scale."""
        if isinstance(loss, (int, float)):
            loss = self._kf_backend.convert(loss, "float32")
        if self.dynamic_scale is None:
            return loss * self.initial_scale
        scale = self._kf_backend.foreach.number(self.dynamic_scale)
        if scale is None:
            scale = self._kf_backend.cast(read(self.dynamic_scale), self._kf_backend.dtype_name(loss.dtype))
        return loss * scale

    def _apply(self, fe: Foreach, plan: Plan, grads: list[Tensor]) -> None:
        finite = self.check_finite(grads)
        scale = fe.number(self.dynamic_scale)
        scale = read(self.dynamic_scale) if scale is None else scale
        if isinstance(finite, bool):
            if finite:
                self._run_inner(fe, plan, grads, scale)
        else:
            self._run_where(fe, plan, grads, scale, finite)
        self._move_scale(fe, finite, scale)

    def _run_inner(self, fe: Foreach, plan: Plan, grads: list[Tensor], scale: Scalar) -> None:
        order = [*plan.positions, *plan.overwritten]
        n = len(plan.positions)  # what comes behind are values, not derivatives of the loss
        factor = self.inner_optimizer.loss_scale_factor or 1.0  # the loss was not multiplied by it, but it will divide
        scaled = fe.mul(grads[:n], factor / scale) if n else []
        self.inner_optimizer.apply([*scaled, *grads[n:]], [self._trainable_variables[i] for i in order])

    def _run_where(self, fe: Foreach, plan: Plan, grads: list[Tensor], scale: Scalar, finite: bool | Tensor) -> None:
        """Run the inner optimizer in a scope, and keep its results where the gradients are finite."""
        with StatelessScope() as scope:
            self._run_inner(fe, plan, grads, scale)
            trained = (self._trainable_variables[i] for i in (*plan.positions, *plan.overwritten))
            every = [*trained, *self.inner_optimizer.variables]
            changed = [(v, scope.get_current_value(v)) for v in every if scope.get_current_value(v) is not None]
        for v, x in changed:
            fe.assign([v], fe.where(finite, [x], fe.values([v])))

    def _move_scale(self, fe: Foreach, finite: bool | Tensor, scale: Scalar) -> None:
        done = fe.number(self.step_counter)
        done = (read(self.step_counter) if done is None else done) + 1
        due = scalars.equal(done, self.dynamic_growth_steps)
        if isinstance(finite, bool) and isinstance(due, bool):
            if not finite or due:
                self.dynamic_scale.assign(scale * (2.0 if finite else 0.5))
            self.step_counter.assign(done if finite and not due else 0)
            return
        b = state.backend
        finite, due = (b.convert(x, "bool") if isinstance(x, bool) else x for x in (finite, due))
        grown = scalars.where(due, 2.0, 1.0)
        self.dynamic_scale.assign(scale * scalars.where(finite, grown, 0.5))
        going_on = scalars.where(b.logical_and(finite, b.logical_not(due)), done, 0.0)
        self.step_counter.assign(b.cast(going_on, "int32"))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Called when training ends."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """An optimizer from its config."""
        inner = deserialize_keras_object(config["inner_optimizer"], custom_objects=custom_objects)
        return cls(inner, **{k: v for k, v in config.items() if k != "inner_optimizer"})
