"""Search spaces as annotations of the function that builds a model."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from kfront.core.errors import ArgumentError

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Range:
    """Between which numbers a parameter lies: ``Annotated[int, Range(16, 256, log=True)]``.

    Args:
        low, high: the least and the greatest value, both of them possible.
        log: whether the logarithm is drawn evenly; for learning rates and sizes.
        step: distance of possible values; none if None.

    Raises:
        ArgumentError: if `low` is greater than `high`.

    Example:

    >>> from kfront import tuning
    >>> tuning.Range(1e-4, 1e-1, log=True)
    Range(low=0.0001, high=0.1, log=True, step=None)
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ArgumentError(f"[Range] expected `low` to be at most `high`, got {self.low} and {self.high}.")


def suggest(function: Callable[..., Result], trial: BaseTrial) -> Result:
    """Call a function with values that a trial suggests for its annotated arguments.

    `Annotated[int, Range(...)]` and `Annotated[float, Range(...)]` are numbers, `Literal["relu", "tanh"]` is a choice,
    `bool` yes or no. An argument named `trial` is the trial itself; others keep their defaults.

    Args:
        function: what is called.
        trial: a trial of Optuna.

    Returns:
        What the function returns.

    Raises:
        ArgumentError: an argument without default has no annotation from which to suggest.

    Example:

    >>> from typing import Annotated, Literal
    >>> from kfront import tuning
    >>> def choose(units: Annotated[int, tuning.Range(8, 64)], activation: Literal["relu", "tanh"]):
    ...     return units, activation
    >>> import optuna
    >>> tuning.suggest(choose, optuna.trial.FixedTrial({"units": 16, "activation": "tanh"}))
    (16, 'tanh')
    """
    hints = typing.get_type_hints(function, include_extras=True)
    values: dict[str, object] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints.get(name)
        if name == "trial":
            values[name] = trial
        elif typing.get_origin(hint) is Literal:
            values[name] = trial.suggest_categorical(name, typing.get_args(hint))
        elif hint is bool:
            values[name] = trial.suggest_categorical(name, (False, True))
        elif typing.get_origin(hint) is Annotated:
            values[name] = _number(name, hint, trial)
        elif parameter.default is parameter.empty:
            raise ArgumentError(
                f"[suggest] expected `{name}` to be annotated with a Literal, bool or a Range, got {hint}; "
                f"write e.g. `{name}: Annotated[int, Range(1, 8)]`, or name it `trial`."
            )
    return function(**values)


def _number(name: str, hint: object, trial: BaseTrial) -> float:
    kind, *rest = typing.get_args(hint)
    limits = next((r for r in rest if isinstance(r, Range)), None)
    if limits is None or kind not in (int, float):
        raise ArgumentError(f"[suggest] expected `{name}` to be an int or float with a Range, got {hint}.")
    if kind is int:
        step = int(limits.step or 1)
        return trial.suggest_int(name, int(limits.low), int(limits.high), step=step, log=limits.log)
    return trial.suggest_float(name, limits.low, limits.high, step=limits.step, log=limits.log)
