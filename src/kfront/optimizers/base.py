"""`Optimizer`: what all update rules share.

A rule is written once, over lists of tensors, as `_kf_apply`; engines run it with multi-tensor kernels
(`backend.foreach`). A class that defines `update_step(gradient, variable, learning_rate)` instead, or overrides it, is
called variable by variable. Numbers such as the learning rate reach a rule as Python numbers where their value is at
hand without waiting for the device, and as 0-d tensors otherwise (compiled steps, accelerators).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Self, TypeAlias, TypeGuard, Unpack

from kfront.backends import backend_scope, current, get
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, ArgumentTypeError, NotBuiltError, ShapeError
from kfront.core.naming import auto_name, name_scope
from kfront.core.options import Configurable, above_zero, from_0_to_1, normalisers, not_negative, number, or_none, real
from kfront.core.state import distribution_on, state
from kfront.core.typing import Config, CustomObjects, Foreach, Scalar, Tensor, TensorLike
from kfront.core.variable import StatelessScope, Variable, read
from kfront.optimizers import scalars, schedules
from kfront.optimizers.plan import Group, MoreOptions, ParamGroup, Plan, check_param_groups, frozen_positions
from kfront.optimizers.schedules import LearningRate, LearningRateSchedule
from kfront.optimizers.state_owner import StateOwner

Gradients: TypeAlias = Sequence[Tensor | None]
_NOT_NEGATIVE_OR_NONE = number(">= 0 or None", lambda x: x is None or x >= 0)


class Optimizer(Configurable, StateOwner):
    """Base of the optimizers.

    Args:
        learning_rate: a float, a `LearningRateSchedule`, or a callable without arguments that returns the rate.
        weight_decay: each step first shrinks the variables by ``learning_rate * weight_decay`` of their value.
        clipnorm: each gradient's norm is kept at or below this.
        clipvalue: each gradient's elements are kept within ``[-clipvalue, clipvalue]``.
        global_clipnorm: the norm of all gradients together is kept at or below this.
        use_ema: keep an exponential moving average of each variable.
        ema_momentum: weight of the old average in a new one, from 0 to 1.
        ema_overwrite_frequency: every so many steps the variables are set to their averages; None: only at the end of
            training.
        loss_scale_factor: the loss is multiplied by it in `scale_loss`, the gradients are divided by it.
        gradient_accumulation_steps: variables move only each that many steps, by the mean of the gradients since.
        name: the optimizer's name; made from the class name if None.
        **kwargs: `param_groups`, see the attribute of that name.

    Raises:
        ArgumentError: for a value out of range, more than one kind of clipping, or an unknown argument.

    Example:

    >>> import kfront
    >>> optimizer = kfront.optimizers.SGD(learning_rate=0.5)
    >>> weight = kfront.Variable([1.0, 2.0])
    >>> optimizer.apply([kfront.ops.ones(2)], [weight])
    >>> weight.numpy()
    array([0.5, 1.5], dtype=float32)
    """

    _kf_normalise = normalisers(
        beta_1=from_0_to_1, beta_2=from_0_to_1, momentum=from_0_to_1, initial_accumulator_value=not_negative
    )
    loss_scale_factor: float | None = None
    # what is done to gradients first, with processes that work together
    _kf_reduction: Callable[[list[Tensor], list[Variable]], list[Tensor]] | None = None

    def __init__(
        self,
        learning_rate: LearningRate,
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
        groups = kwargs.pop("param_groups", None)
        if kwargs.pop("decay", None) is not None:  # of Keras 2
            warnings.warn(f"[{type(self).__name__}] `decay` has no effect; use a schedule as the rate.", stacklevel=3)
        if kwargs:
            raise ArgumentError(
                f"[{type(self).__name__}] expected arguments that it has, got {', '.join(sorted(kwargs))}; "
                "see its signature."
            )
        if name is not None and not isinstance(name, str):
            raise ArgumentTypeError(f"[{type(self).__name__}] expected `name` to be a string or None, got {name!r}.")
        self.name = name if name is not None else auto_name(type(self).__name__)
        self._kf_weight_decay, self.clipnorm, self.clipvalue = weight_decay, clipnorm, clipvalue
        self.global_clipnorm, self.use_ema, self.ema_momentum = global_clipnorm, bool(use_ema), ema_momentum
        self._kf_param_groups = self._kf_check_param_groups(groups)
        self._version = 0
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self._kf_scales_loss = loss_scale_factor is not None or type(self).scale_loss is not Optimizer.scale_loss
        self._kf_takes_pairs = type(self).apply_gradients is not Optimizer.apply_gradients
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._kf_check_arguments(use_ema, ema_momentum, ema_overwrite_frequency, gradient_accumulation_steps)
        self.built = False
        self._kf_backend = current()
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._kf_positions: dict[int, int] = {}
        self._kf_plans: dict[tuple[int, ...] | None, Plan] = {}
        self._kf_averages: list[Variable] = []
        self._kf_accumulators: list[Variable] = []
        self._kf_excluded: tuple[set[int], list[str]] = (set(), [])
        self._kf_by_variable = _is_per_variable(type(self))
        with self._kf_backend.eager(), name_scope(self.name, caller=self):
            self._iterations = self._kf_new_variable(0, "int32", "iteration", "only_first_replica")
            self._learning_rate = self._kf_make_rate(learning_rate)

    def _kf_check_arguments(
        self, use_ema: bool, momentum: float, overwrite: int | None, accumulate: int | None
    ) -> None:
        who = type(self).__name__
        for name in ("clipnorm", "clipvalue", "global_clipnorm"):
            _NOT_NEGATIVE_OR_NONE(self, name, getattr(self, name))
        or_none(real)(self, "weight_decay", self.weight_decay)
        or_none(above_zero)(self, "loss_scale_factor", self.loss_scale_factor)
        if sum(x is not None for x in (self.clipnorm, self.clipvalue, self.global_clipnorm)) > 1:
            raise ArgumentError(
                f"[{who}] expected at most one of `clipnorm`, `clipvalue` and `global_clipnorm`, got "
                f"{self.clipnorm}, {self.clipvalue}, {self.global_clipnorm}; leave the others at None."
            )
        if use_ema and not 0 <= momentum <= 1:
            raise ArgumentError(f"[{who}] expected `ema_momentum` from 0 to 1, got {momentum!r}.")
        if use_ema and overwrite and (not isinstance(overwrite, int) or overwrite < 1):
            raise ArgumentError(f"[{who}] expected `ema_overwrite_frequency` >= 1 or None, got {overwrite!r}.")
        if accumulate is not None and (not isinstance(accumulate, int) or accumulate < 2):
            raise ArgumentError(f"[{who}] expected `gradient_accumulation_steps` >= 2 or None, got {accumulate!r}.")

    def _kf_make_rate(self, rate: LearningRate) -> LearningRateSchedule | Callable[[], Scalar] | Variable:
        if isinstance(rate, LearningRateSchedule) or _is_callable(rate):
            return rate
        try:
            value = float(rate)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise ArgumentError(
                f"[{type(self).__name__}] expected `learning_rate` to be a float, a LearningRateSchedule or a "
                f"callable, got {rate!r}."
            ) from None
        return self._kf_new_variable(value, "float32", "learning_rate", "only_first_replica")

    # -- variables ----------------------------------------------------------------------------------------------------

    @property
    def iterations(self) -> Variable | Tensor:
        """The number of updates made: a Variable, or a tensor where gradients are accumulated."""
        n = self.gradient_accumulation_steps
        return self._iterations if not n else read(self._iterations) // n

    @property
    def learning_rate(self) -> Variable | Scalar:
        """The learning rate: its Variable, or the current value of the schedule. May be set to a float."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        return rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        old = self._learning_rate
        if isinstance(value, LearningRateSchedule) or _is_callable(value):
            self._kf_changed()
            self._variables[:] = [v for v in self._variables if v is not old]
            self._learning_rate = value
        elif not isinstance(old, Variable):
            raise ArgumentTypeError(
                f"[{self.name}] expected no new value: its learning rate comes from {old!r}; create the optimizer "
                "with a float to be able to set the rate."
            )
        else:
            old.assign(value)
            if distribution_on(self._kf_backend) is not None and isinstance(value, (int, float)):
                self._kf_backend.distributor.note(value)

    @property
    def weight_decay(self) -> float | None:
        """How much of their value variables lose in each step, times the learning rate; None for nothing."""
        return self._kf_weight_decay

    @weight_decay.setter
    def weight_decay(self, value: float | None) -> None:
        self._kf_weight_decay = value
        self._kf_changed()

    @property
    def param_groups(self) -> list[ParamGroup]:
        """Variables with a learning rate or weight decay of their own, as a list of dicts; may be set at any time.

        Each dict has a ``"pattern"``, a regular expression that is searched for in `Variable.path`, and any of
        ``"learning_rate"`` and ``"weight_decay"``, factors on the optimizer's own, and ``"frozen"``, which leaves the
        variables as they are. The first group that fits a variable holds; one that fits no variable is an error.

        Example:

        >>> import kfront
        >>> body, head = kfront.Variable([1.0], name="body"), kfront.Variable([1.0], name="head")
        >>> optimizer = kfront.optimizers.SGD(0.5, param_groups=[{"pattern": "body", "learning_rate": 0.1}])
        >>> optimizer.apply([kfront.ops.ones(1), kfront.ops.ones(1)], [body, head])
        >>> [round(float(v.numpy()[0]), 2) for v in (body, head)]
        [0.95, 0.5]
        """
        return [group.copy() for group in self._kf_param_groups]

    @param_groups.setter
    def param_groups(self, groups: Iterable[ParamGroup] | None) -> None:
        self._kf_param_groups = self._kf_check_param_groups(groups)
        self._kf_changed()

    def _kf_check_param_groups(self, groups: Iterable[ParamGroup] | None) -> list[ParamGroup]:
        return check_param_groups(self.name, groups)

    @property
    def _kf_settings(self) -> tuple[object, ...]:
        """Changes when a compiled step no longer does what the optimizer is set to."""
        return (self._version,)

    def _kf_changed(self) -> None:
        """Drop what was made for the old settings; compiled steps compare `_kf_settings` to find they are outdated."""
        self._kf_plans = {}
        self._version += 1

    def build(self, var_list: Sequence[Variable]) -> None:
        """Create the state for the variables that will be optimized.

        Args:
            var_list: list of Variables; subclasses call this, then add their slots.
        """
        if self.built:
            return
        variables = [self._kf_known(v) for v in var_list]
        self._trainable_variables = variables
        self._kf_positions = {id(v): i for i, v in enumerate(variables)}
        self._kf_plans = {}
        self._kf_reduction = self._kf_backend.gradient_reduction()
        if self.use_ema:
            self._kf_averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._kf_accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self.built = True
        self._kf_add_slots(variables)

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        """Create what the rule keeps for each variable."""

    def _kf_ensure_built(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        with self._kf_backend.eager():
            self.build(variables)

    def _kf_known(self, variable: object) -> Variable:
        """The Variable that `variable` is, or is the storage of."""
        found = self._kf_backend.variable_of(variable)
        if found is None:
            raise ArgumentTypeError(f"[{self.name}] expected Variables to optimize, got {variable!r} among them.")
        return found

    def _get_variable_index(self, variable: Variable) -> int:
        """Position of a variable among those the optimizer was built for."""
        found = self._kf_positions.get(id(self._kf_backend.variable_of(variable)))
        if found is None:
            raise ArgumentError(
                f"[{self.name}] expected a variable that it was built for, got {variable!r}; create a new optimizer "
                "for other variables, or call `build` with all of them."
            )
        return found

    # -- one update ---------------------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Tensor | None, Variable]]) -> Variable:
        """Update variables.

        Args:
            grads_and_vars: pairs (gradient, Variable).

        Returns:
            `iterations`.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Gradients, trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update variables by their gradients.

        Args:
            grads: one gradient, or None, for each variable.
            trainable_variables: the Variables; those that the optimizer was built for if None.

        Raises:
            NotBuiltError: no variables are given and the optimizer is not built.
            ArgumentError: lengths differ, a variable is unknown, or there is no gradient at all.
            ShapeError: a gradient has another shape than its variable.
        """
        b = self._kf_backend
        if state.backend is not b:
            with backend_scope(b):
                return self.apply(grads, trainable_variables)
        if len(grads) == 0:
            return None
        if trainable_variables is None:
            if not self.built:
                raise NotBuiltError(
                    f"[{self.name}] expected to be built before `apply` without variables, got an unbuilt optimizer; "
                    "call `optimizer.build(variables)` or pass the variables."
                )
            trainable_variables = self._trainable_variables
        elif not self.built:
            with name_scope(self.name, caller=self):  # unnamed state gets its path from it, as in Keras
                self._kf_ensure_built(trainable_variables)
        if len(grads) != len(trainable_variables):
            raise ArgumentError(
                f"[{self.name}] expected one gradient for each of {len(trainable_variables)} variables, "
                f"got {len(grads)}."
            )
        plan, ready = self._kf_plan(list(grads), trainable_variables)
        try:
            with b.no_grad():
                self._apply(b.foreach, plan, ready)
        except Exception as error:
            self._kf_fail(error, grads, trainable_variables)

    def _kf_fail(self, error: Exception, grads: Gradients, variables: Sequence[Variable]) -> NoReturn:
        """Raise what went wrong in an update: the engine's error, unless a gradient has another shape."""
        for g, v in zip(grads, variables, strict=True):
            if g is not None and tuple(g.shape) != tuple(v.shape):
                raise ShapeError(
                    f"[{self.name}] expected a gradient of shape {tuple(v.shape)} for {v.path}, got {tuple(g.shape)}."
                ) from error
        raise error

    def _kf_plan(self, given: list[Tensor | None], variables: Sequence[Variable]) -> tuple[Plan, list[Tensor]]:
        """The plan for these variables, and the gradients in its order: native, of their variables' dtypes."""
        mine = self._trainable_variables
        plan = self._kf_plans.get(None) if len(variables) == len(mine) else None
        if plan is not None:
            for v, m, g in zip(variables, mine, given, strict=True):
                if v is not m or g is None:
                    plan = None
                    break
        grads: list[Any] = given
        if plan is None:
            plan, grads = self._kf_partial_plan(given, variables)
        elif plan.order is not None:
            grads = [given[i] for i in plan.order]
        native, types = plan.native, self._kf_backend.types
        if native is not None:
            for g in grads:
                if type(g) not in types or g.dtype != native:
                    break
            else:
                return plan, grads
        return plan, self._kf_native(plan, grads)

    def _kf_partial_plan(self, grads: list[Tensor | None], variables: Sequence[Variable]) -> tuple[Plan, list[Tensor]]:
        found = {self._get_variable_index(v): g for v, g in zip(variables, grads, strict=True) if g is not None}
        if len(found) < len(grads):
            missing = [self._kf_known(v).path for v, g in zip(variables, grads, strict=True) if g is None]
            if not found:
                raise ArgumentError(
                    f"[{self.name}] expected a gradient for at least one variable, got None for all "
                    f"({', '.join(missing)}); check that the loss depends on them."
                )
            warnings.warn(f"[{self.name}] no gradient for {', '.join(missing)}: left as they are.", stacklevel=4)
        positions = sorted(found)
        key = None if len(positions) == len(self._trainable_variables) else tuple(positions)
        plan = self._kf_plans.get(key)
        if plan is None:
            plan = self._kf_plans[key] = Plan(self, positions)
        return plan, [found[i] for i in (positions if plan.order is None else plan.order)]

    def _kf_native(self, plan: Plan, grads: list[Tensor]) -> list[Tensor]:
        b, mine = self._kf_backend, self._trainable_variables
        order = range(len(mine)) if plan.order is None else plan.order
        dense = (b.densify(g) if b.is_sparse(g) else g for g in map(b.convert, grads))
        grads = [b.cast(g, mine[i]._dtype) for i, g in zip(order, dense, strict=True)]
        return grads if self._kf_reduction is None else self._kf_reduction(grads, [mine[i] for i in order])

    def _apply(self, fe: Foreach, plan: Plan, grads: list[Tensor]) -> None:
        """Everything of one call, in order: unscale, accumulate or update, constrain, count."""
        if plan.overwritten:
            grads, new = grads[: len(plan.positions)], grads[len(plan.positions) :]
            mine, due = [self._trainable_variables[i] for i in plan.overwritten], self._kf_due(fe)
            if due is not False:
                fe.assign(mine, new if due is True else fe.where(due, new, fe.values(mine)))
        if grads:
            if self.loss_scale_factor is not None:
                grads = fe.mul(grads, 1.0 / self.loss_scale_factor)
            if self.gradient_accumulation_steps:
                self._kf_accumulate(fe, plan, grads)
            else:
                self._kf_update(fe, plan, grads)
            if self.use_ema:
                self._kf_average(fe, plan, self._kf_step(fe))
        for v in plan.constrained:
            v.assign(v.constraint(read(v)))
        fe.increment(self._iterations, 1)

    def _kf_update(self, fe: Foreach, plan: Plan, grads: list[Tensor]) -> None:
        """Clip, decay, run the rule."""
        if self.clipnorm is not None or self.clipvalue is not None or self.global_clipnorm is not None:
            grads = self._kf_clip(fe, grads)
        step = self._kf_step(fe)
        rate = self._kf_rate(fe)
        for variables, factor in plan.decays:
            wide = variables[0].dtype == "float64"
            fe.mul_to(variables, 1.0 - (scalars.in_float64(rate) if wide else rate) * factor)
        self._kf_prepare(fe, step)
        if self._kf_by_variable:
            self._kf_update_one_by_one(plan, grads, rate)
        elif len(plan.groups) == 1:
            group = plan.groups[0]
            self._kf_apply(fe, group, grads, *group.numbers(rate, step))
        else:
            found = dict(zip(plan.positions, grads, strict=True))
            for group in plan.groups:
                mine = [found[i] for i in group.positions]
                self._kf_apply(fe, group, mine, *group.numbers(rate, step))

    def _kf_step(self, fe: Foreach) -> Scalar:
        """The number of this update, from 1."""
        done = fe.number(self._iterations)
        n = self.gradient_accumulation_steps
        if done is None:
            now = read(self._iterations)
            return self._kf_backend.cast(now // n + 1 if n else now + 1, "float32")
        return done // n + 1 if n else done + 1

    def _kf_rate(self, fe: Foreach) -> Scalar:
        """The learning rate now, a Python number or a 0-d float32 tensor."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            value = fe.number(rate)
            return read(rate) if value is None else value
        if isinstance(rate, LearningRateSchedule):
            value = rate._kf_at(self._iterations, fe.number(self._iterations))
        else:
            value = rate()
        if isinstance(value, (int, float)):
            return float(value)
        return self._kf_backend.cast(self._kf_backend.convert(value), "float32")

    def _kf_update_one_by_one(self, plan: Plan, grads: list[Tensor], rate: Scalar) -> None:
        found = dict(zip(plan.positions, grads, strict=True))
        for group in plan.groups:
            own = rate if group.factor == 1.0 else rate * group.factor
            own = self._kf_backend.convert(own, "float32") if isinstance(own, float) else own
            for i, v in zip(group.positions, group.variables, strict=True):
                self.update_step(found[i], v, own)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Scalar) -> None:
        """The rule for one variable: a subclass of your own defines this.

        Args:
            gradient: tensor of the variable's shape and dtype.
            variable: the Variable; change it with `self.assign`, `self.assign_add`, `self.assign_sub`.
            learning_rate: 0-d tensor.
        """
        if _is_per_variable(type(self), "_kf_apply"):
            raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `update_step`.")
        fe = self._kf_backend.foreach
        group = Group([variable], [self._get_variable_index(variable)], len(self._trainable_variables) == 1)
        with self._kf_backend.no_grad():
            self._kf_apply(fe, group, [gradient], learning_rate, self._kf_step(fe))

    def _kf_prepare(self, fe: Foreach, step: Scalar) -> None:
        """What a rule does once in each update, before the variables' turn."""

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule for variables of one dtype.

        Args:
            fe: multi-tensor functions of the engine, see `kfront.backends.base.Foreach`.
            group: the variables; `group.of(self._momentums)` gives the slots that belong to them.
            grads: their gradients.
            learning_rate: a Python float or a 0-d float32 tensor.
            step: the number of this update from 1, a Python int or a 0-d float32 tensor.
        """
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `update_step`.")

    def assign(self, variable: Variable, value: TensorLike) -> None:
        """Set a Variable, inside `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: TensorLike) -> None:
        """Add to a Variable, inside `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: TensorLike) -> None:
        """Subtract from a Variable, inside `update_step`."""
        variable.assign_sub(value)

    # -- clipping, decay, averages, accumulation ----------------------------------------------------------------------

    def _kf_clip(self, fe: Foreach, grads: list[Tensor]) -> list[Tensor]:
        if self.clipvalue is not None and self.clipvalue > 0:
            return fe.clip(grads, -self.clipvalue, self.clipvalue)
        if self.clipnorm is not None and self.clipnorm > 0:
            return fe.clip_norms(grads, self.clipnorm)
        if self.global_clipnorm is not None and self.global_clipnorm > 0:
            norm = fe.global_norm(grads)
            return fe.mul(grads, self.global_clipnorm / fe.maximum([norm], self.global_clipnorm)[0])
        return grads

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave variables out of weight decay.

        Args:
            var_list: Variables.
            var_names: regular expressions that are searched for in the variables' names.
        """
        self._kf_changed()
        variables, names = self._kf_excluded
        variables.update(id(v._handle) for v in var_list or ())
        names.extend(var_names or ())

    def _use_weight_decay(self, variable: Variable) -> bool:
        variables, names = self._kf_excluded
        return id(variable) not in variables and not any(re.search(n, variable.name) for n in names)

    def _kf_decay_of(self, variable: Variable) -> float:
        """The weight decay of one variable."""
        return self._kf_weight_decay if self._kf_weight_decay and self._use_weight_decay(variable) else 0.0

    def _kf_average(self, fe: Foreach, plan: Plan, step: Scalar) -> None:
        """Move the averages; set the variables to them where it is time to."""
        averages = [self._kf_averages[i] for i in plan.positions]
        weight = 1.0 - self.ema_momentum * scalars.where(scalars.greater(step, 1), 1.0, 0.0)
        new = fe.lerp_to(averages, fe.values(plan.variables), weight)
        every = self.ema_overwrite_frequency
        if every:
            self._kf_assign_if(fe, scalars.equal(step % every, 0), plan.variables, new)

    def _kf_assign_if(
        self, fe: Foreach, condition: bool | Tensor, variables: list[Variable], values: list[Tensor]
    ) -> None:
        if isinstance(condition, bool):
            if condition:
                fe.assign(variables, values)
            return
        fe.assign(variables, fe.where(condition, values, fe.values(variables)))

    def _kf_accumulate(self, fe: Foreach, plan: Plan, grads: list[Tensor]) -> None:
        """Add to the accumulators; every so many calls update by their mean and empty them."""
        n = self.gradient_accumulation_steps or 1
        slots, due = [self._kf_accumulators[i] for i in plan.positions], self._kf_due(fe)
        if due is False:
            fe.add_to(slots, grads)
            return
        sums = fe.add(fe.values(slots), grads)
        if due is True:
            self._kf_update(fe, plan, fe.mul(sums, 1.0 / n))
            fe.assign(slots, fe.zeros_like(sums))
            return
        self._kf_update_if(fe, due, plan, fe.mul(sums, 1.0 / n))
        fe.assign(slots, fe.where(due, fe.zeros_like(sums), sums))

    def _kf_due(self, fe: Foreach) -> bool | Tensor:
        """Whether this call updates variables; a 0-d tensor where the number of calls is not at hand."""
        n, done = self.gradient_accumulation_steps or 1, fe.number(self._iterations)
        if n == 1:
            return True
        return scalars.equal((read(self._iterations) + 1) % n, 0) if done is None else (done + 1) % n == 0

    def _kf_update_if(self, fe: Foreach, condition: bool | Tensor, plan: Plan, grads: list[Tensor]) -> None:
        """Update where a 0-d tensor is true: both outcomes are computed, one is kept."""
        with StatelessScope() as scope:
            self._kf_update(fe, plan, grads)
            changed = [v for v in (*plan.variables, *self._variables) if scope.get_current_value(v) is not None]
            new = [scope.get_current_value(v) for v in changed]
        for v, x in zip(changed, new, strict=True):
            fe.assign([v], fe.where(condition, [x], fe.values([v])))

    @property
    def _kf_rated(self) -> dict[str, Optimizer]:
        """Optimizers with a learning rate of their own, by the names that these have in logs."""
        return {"learning_rate": self}

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss to differentiate: times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Called when training ends: with `use_ema`, sets the variables to their averages.

        Args:
            var_list: the Variables to set.
        """
        if self.use_ema and self.built:
            frozen = frozen_positions(self.name, self._kf_param_groups, self._trainable_variables)
            for v in var_list:
                i = self._get_variable_index(v)
                average = self._kf_averages[i]
                if average is not None and i not in frozen:
                    v.assign(read(average))

    # -- without side effects -----------------------------------------------------------------------------------------

    def stateless_apply(
        self, optimizer_variables: Sequence[TensorLike], grads: Gradients, trainable_variables: Sequence[TensorLike]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """One update as a function of values.

        Args:
            optimizer_variables: values of `variables`.
            grads: gradients.
            trainable_variables: values of the variables that the optimizer was built for.

        Returns:
            (new values of the variables, new values of `optimizer.variables`).

        Raises:
            NotBuiltError: the optimizer is not built.
            ArgumentError: lists of wrong length.
        """
        if not self.built:
            raise NotBuiltError(
                f"[{self.name}] expected to be built before `stateless_apply`, got an unbuilt optimizer; call "
                "`optimizer.build(variables)` first."
            )
        mine, own = self._trainable_variables, self.variables
        for what, values, wanted in (
            ("variables", trainable_variables, mine),
            ("own variables", optimizer_variables, own),
        ):
            if len(values) != len(wanted):
                raise ArgumentError(f"[{self.name}] expected values of {len(wanted)} {what}, got {len(values)}.")
        pairs = [*zip(mine, trainable_variables, strict=True), *zip(own, optimizer_variables, strict=True)]
        with StatelessScope(state_mapping=pairs) as scope:
            self.apply(grads)
            now = [scope.get_current_value(v) for v, _ in pairs]
        return now[: len(mine)], now[len(mine) :]

    # -- saving -------------------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """Constructor arguments; the learning rate as it is now."""
        out: Config = {"name": self.name, "learning_rate": self._kf_rate_config()}
        for name in ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum"):
            out[name] = getattr(self, name)
        for name in ("ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps"):
            out[name] = getattr(self, name)
        out.update(self._kf_stored_options())
        if self._kf_param_groups:  # Keras has no such argument: files without groups stay files of Keras
            out["param_groups"] = self.param_groups
        return out

    def _kf_rate_config(self) -> float | Config:
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return float(rate.numpy())
        if isinstance(rate, LearningRateSchedule):
            return schedules.serialize(rate)

        return serialize_keras_object(rate)

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """An optimizer from its config.

        Args:
            config: as `get_config` returns it.
            custom_objects: classes and functions by name.
        """
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects=custom_objects)
        return cls(**config)

    def __getstate__(self) -> dict[str, object]:
        kept = {**self.__dict__, "_kf_backend": self._kf_backend.name, "_kf_plans": {}, "_kf_reduction": None}
        kept["_kf_excluded"] = (
            [v for v in self._trainable_variables if id(v) in self._kf_excluded[0]],
            self._kf_excluded[1],
        )
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._kf_backend = get(kept["_kf_backend"])
        self._kf_positions = {id(v): i for i, v in enumerate(self._trainable_variables)}
        variables, names = kept["_kf_excluded"]
        self._kf_excluded = ({id(v) for v in variables}, names)


def _is_callable(rate: object) -> TypeGuard[Callable[[], Scalar]]:
    return callable(rate) and not isinstance(rate, Variable)


def _is_per_variable(cls: type, only: str = "") -> bool:
    """Whether the most derived class with a rule states it as `update_step`."""
    for one in cls.__mro__:
        if one is Optimizer:
            return True
        if "_kf_apply" in one.__dict__:
            return False
        if "update_step" in one.__dict__ and not only:
            return True
    return True
