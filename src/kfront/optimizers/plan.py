"""What one call of an optimizer updates: variables grouped by what a rule may treat alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NotRequired, TypedDict, TypeVar

from kfront.core.errors import ArgumentError
from kfront.core.typing import Scalar
from kfront.core.variable import Variable
from kfront.optimizers import scalars

if TYPE_CHECKING:
    from kfront.optimizers.base import Optimizer

Slot = TypeVar("Slot", bound="Variable | None")


class ParamGroup(TypedDict):
    """What differs for the variables whose path a pattern is found in.

    Attributes:
        pattern: regular expression, searched for in `Variable.path`.
        learning_rate: factor on the optimizer's learning rate, schedules included; 1 if left out.
        weight_decay: factor on the optimizer's weight decay; 1 if left out.
        frozen: the variables, their averages and slots are left as they are.
    """

    pattern: str
    learning_rate: NotRequired[float]
    weight_decay: NotRequired[float]
    frozen: NotRequired[bool]


class MoreOptions(TypedDict, total=False):
    """The **kwargs of optimizers."""

    param_groups: Iterable[ParamGroup] | None
    decay: float | None


_EVERY: ParamGroup = {"pattern": ""}


def check_param_groups(who: str, groups: Iterable[ParamGroup] | None) -> list[ParamGroup]:
    """Copies of parameter groups.

    Args:
        who: name of the optimizer, for messages.
        groups: the groups, None for none.

    Raises:
        ArgumentError: for an unknown key, a pattern that is no regular expression, or a factor below zero.
    """
    out: list[ParamGroup] = []
    for group in groups or ():
        unknown = set(group) - set(ParamGroup.__annotations__) if isinstance(group, dict) else {"no dict"}
        if unknown or "pattern" not in group:
            raise ArgumentError(
                f"[{who}] expected each of `param_groups` as a dict with 'pattern' and any of 'learning_rate', "
                f"'weight_decay' and 'frozen', got {group!r}."
            )
        try:
            re.compile(group["pattern"])
        except (re.error, TypeError) as error:
            raise ArgumentError(
                f"[{who}] expected a regular expression as 'pattern', got {group['pattern']!r}: {error}."
            ) from None
        for key in ("learning_rate", "weight_decay"):
            factor = group.get(key, 1.0)
            if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not factor >= 0:
                raise ArgumentError(f"[{who}] expected '{key}' of a parameter group >= 0, got {factor!r}.")
        out.append(group.copy())
    return out


class Group:
    """Variables that a rule updates together: of one dtype and one learning rate.

    Attributes:
        variables: the Variables.
        positions: their positions among all that the optimizer was built for.
        native: the engine's dtype of their values.
        full: whether they are all of the optimizer's variables.
        factor: what the learning rate is multiplied by for them.
    """

    __slots__ = ("dtype", "factor", "full", "native", "positions", "variables")

    def __init__(self, variables: list[Variable], positions: list[int], full: bool, factor: float = 1.0) -> None:
        self.variables, self.positions, self.full, self.factor = variables, positions, full, factor
        self.dtype = variables[0]._dtype
        self.native = variables[0]._kf_backend.native_dtype(self.dtype)

    def numbers(self, rate: Scalar, step: Scalar) -> tuple[Scalar, Scalar]:
        """The learning rate and the step of these variables; tensors have their digits, of which powers lose some."""
        rate = rate if self.factor == 1.0 else rate * self.factor
        return (rate, step) if self.dtype != "float64" else (scalars.in_float64(rate), scalars.in_float64(step))

    def of(self, slots: list[Slot]) -> list[Slot]:
        """The slot Variables of this group, of a list with one for each variable of the optimizer."""
        return slots if self.full else [slots[i] for i in self.positions]


class Plan:
    """What one call updates.

    Attributes:
        order: positions in the order in which the gradients are taken; None for all in the optimizer's order.
        positions: positions of the variables that the rule updates.
        variables: these variables.
        overwritten: positions of those that take their gradient as their value.
        groups: the variables by dtype and learning rate.
        native: the engine's dtype of all of them, None if there are several.
        decays: pairs (variables, factor on learning rate times weight decay).
        constrained: the variables with a constraint.
    """

    __slots__ = ("constrained", "decays", "groups", "native", "order", "overwritten", "positions", "variables")

    def __init__(self, optimizer: Optimizer, positions: list[int]) -> None:
        mine = optimizer._trainable_variables
        special = _special(optimizer.name, optimizer._kf_param_groups, mine)
        positions = [i for i in positions if not special.get(i, _EVERY).get("frozen")]
        self.overwritten = [i for i in positions if mine[i].overwrite_with_gradient]
        self.positions = [i for i in positions if not mine[i].overwrite_with_gradient]
        plain = not self.overwritten and len(positions) == len(mine)
        self.order = None if plain else [*self.positions, *self.overwritten]
        self.variables = [mine[i] for i in self.positions]
        self.constrained = [mine[i] for i in positions if mine[i].constraint is not None]
        alike: dict[tuple[str, float], list[int]] = {}
        decayed: dict[tuple[float, bool], list[Variable]] = {}  # float64 by itself
        for i in self.positions:
            factors = special.get(i, _EVERY)
            rate = float(factors.get("learning_rate", 1.0))
            alike.setdefault((mine[i]._dtype, rate), []).append(i)
            decay = optimizer._kf_decay_of(mine[i])
            if decay:
                factor = rate * factors.get("weight_decay", 1.0) * decay
                decayed.setdefault((factor, mine[i]._dtype == "float64"), []).append(mine[i])
        self.groups = [
            Group([mine[i] for i in found], found, len(found) == len(mine), rate) for (_, rate), found in alike.items()
        ]
        one_dtype = len({g.dtype for g in self.groups}) == 1 and not self.overwritten
        plain = optimizer._kf_reduction is None  # else `Optimizer._kf_native` gets the gradients each time
        self.native = self.groups[0].native if one_dtype and plain else None
        self.decays = [(variables, factor) for (factor, _), variables in decayed.items() if factor]


def _special(who: str, groups: list[ParamGroup], variables: list[Variable]) -> dict[int, ParamGroup]:
    """The first group that each variable belongs to, by position."""
    if not groups:
        return {}
    out: dict[int, ParamGroup] = {}
    used: set[int] = set()
    for i, v in enumerate(variables):
        for n, group in enumerate(groups):
            if re.search(group["pattern"], v.path):
                used.add(n)
                out.setdefault(i, group)
    idle = [g["pattern"] for n, g in enumerate(groups) if n not in used]
    if idle:
        raise ArgumentError(
            f"[{who}] expected each pattern of `param_groups` to be found in the path of a variable, got none for "
            f"{idle}; the paths are {[v.path for v in variables[:8]]}{' …' if len(variables) > 8 else ''}."
        )
    return out


def frozen_positions(who: str, groups: list[ParamGroup], variables: list[Variable]) -> set[int]:
    """Positions of the variables that are to be left as they are."""
    return {i for i, group in _special(who, groups, variables).items() if group.get("frozen")}
