"""Learning rates that change with the number of steps made."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self, TypeAlias

from kfront.backends import current
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.options import Configurable, above_zero, normalisers, not_negative, option_names, with_defaults
from kfront.core.typing import Config, CustomObjects, Scalar
from kfront.core.variable import Variable
from kfront.optimizers import scalars

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def __dir__() -> list[str]:
    return list(__all__)


class LearningRateSchedule(Configurable):
    """Base of schedules: define `__call__(step)` and `get_config()`.

    Example:

    >>> import kfront
    >>> class Halving(kfront.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5 ** kfront.ops.cast(step, "float32")
    >>> round(float(Halving()(2)), 4)
    0.025
    """

    def __call__(self, step: Scalar | Variable) -> Scalar:
        """The learning rate at a step.

        Args:
            step: number of updates made before, an int, a Variable or a 0-d integer tensor.
        """
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `__call__(step)`.")

    def _kf_at(self, step: Variable, number: float | None) -> Scalar:
        """The rate for an optimizer: `step` is its Variable, `number` its value where that is at hand."""
        return self(step)

    def get_config(self) -> Config:
        """Constructor arguments."""
        if not option_names(type(self)):
            raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `get_config`.")
        return super().get_config()

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A schedule from its config."""
        return cls(**config)


class _Formula(LearningRateSchedule):
    """A schedule given by `rate(step)`, where `step` is a float or a 0-d float32 tensor."""

    name: str
    _kf_normalise = normalisers(
        **dict.fromkeys(("decay_steps", "first_decay_steps", "t_mul"), above_zero),
        **dict.fromkeys(("decay_rate", "power"), not_negative),
    )

    def rate(self, step: Scalar) -> Scalar:
        raise NotImplementedError

    def __call__(self, step: Scalar | Variable) -> Scalar:
        """The learning rate at a step, a 0-d float32 tensor.

        Args:
            step: number of updates made before, an int, a Variable or a 0-d tensor.
        """
        b = current()
        if isinstance(step, (int, float)):
            return b.convert(self.rate(float(step)), "float32")
        step = step._tensor if isinstance(step, Variable) else b.convert(step)
        return b.cast(b.convert(self.rate(b.cast(step, "float32"))), "float32")

    def _kf_at(self, step: Variable, number: float | None) -> Scalar:
        if number is not None and type(self).__call__ is _Formula.__call__:
            return self.rate(float(number))
        return self(step)


class _Decay(_Formula):
    """A formula of the number of times that `decay_steps` have passed."""

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "",
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _passed(self, step: Scalar) -> Scalar:
        part = step / self.decay_steps
        return scalars.floor(part) if self.staircase else part


class ExponentialDecay(_Decay):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: after so many steps the rate has been multiplied by `decay_rate`.
        decay_rate: the factor.
        staircase: change only each `decay_steps` steps.
        name: a name.

    Example:

    >>> import kfront
    >>> schedule = kfront.optimizers.schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)
    >>> round(float(schedule(20)), 6)
    0.025
    """

    __init__ = with_defaults(_Decay.__init__, name="ExponentialDecay")

    def rate(self, step: Scalar) -> Scalar:
        return self.initial_learning_rate * self.decay_rate ** self._passed(step)


class InverseTimeDecay(_Decay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: the unit of time.
        decay_rate: the slope.
        staircase: change only each `decay_steps` steps.
        name: a name.

    Example:

    >>> import kfront
    >>> schedule = kfront.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)
    >>> round(float(schedule(10)), 6)
    0.05
    """

    __init__ = with_defaults(_Decay.__init__, name="InverseTimeDecay")

    def rate(self, step: Scalar) -> Scalar:
        return self.initial_learning_rate / (self._passed(step) * self.decay_rate + 1.0)


class PiecewiseConstantDecay(_Formula):
    """``values[i]`` up to and with step ``boundaries[i]``, the last value after that.

    Args:
        boundaries: steps, growing.
        values: rates, one more than boundaries.
        name: a name.

    Raises:
        ArgumentError: if the lengths do not fit.

    Example:

    >>> import kfront
    >>> schedule = kfront.optimizers.schedules.PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> [round(float(schedule(step)), 6) for step in (100, 101, 1000)]
    [0.1, 0.01, 0.001]
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str | None = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                f"[{name}] expected one value more than boundaries, got {len(boundaries)} boundaries and "
                f"{len(values)} values."
            )
        super().__init__(**self._kf_store(locals()))

    def rate(self, step: Scalar) -> Scalar:
        out = self.values[-1]
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1]), strict=True):
            out = scalars.where(scalars.less_equal(step, boundary), value, out)
        return out


class PolynomialDecay(_Formula):
    """From one rate to another by a polynomial: ``(initial - end) * (1 - step / decay_steps) ** power + end``.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: the step at which the end is reached.
        end_learning_rate: the rate from there on.
        power: of the polynomial; 1 is a straight line.
        cycle: when the end is reached, go on with a multiple of `decay_steps` that lies ahead, instead of staying.
        name: a name.

    Example:

    >>> import kfront
    >>> schedule = kfront.optimizers.schedules.PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)
    >>> round(float(schedule(50)), 6)
    0.05
    """

    initial_learning_rate: float
    decay_steps: int
    end_learning_rate: float
    power: float
    cycle: bool

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = "PolynomialDecay",
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def rate(self, step: Scalar) -> Scalar:
        if self.cycle:
            total = scalars.maximum(scalars.ceil(step / self.decay_steps), 1.0) * self.decay_steps
        else:
            step, total = scalars.minimum(step, float(self.decay_steps)), float(self.decay_steps)
        left = 1.0 - step / total
        return (self.initial_learning_rate - self.end_learning_rate) * left**self.power + self.end_learning_rate


class CosineDecay(_Formula):
    """A half cosine from one rate down to a part of it, after an optional straight warm-up.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: length of the decay.
        alpha: the rate at the end, as a part of the rate the decay starts from.
        name: a name.
        warmup_target: the rate that the warm-up leads to and the decay starts from; None: no warm-up.
        warmup_steps: length of the warm-up.

    Reference: Loshchilov and Hutter, 2016, "SGDR: Stochastic gradient descent with warm restarts", arXiv:1608.03983.

    Example:

    >>> import kfront
    >>> schedule = kfront.optimizers.schedules.CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10)
    >>> [round(float(schedule(step)), 6) for step in (0, 5, 10, 60, 110)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float
    warmup_target: float | None
    warmup_steps: int

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _decayed(self, step: Scalar, start: float) -> Scalar:
        part = scalars.minimum(step, float(self.decay_steps)) / self.decay_steps
        return ((1.0 - self.alpha) * 0.5 * (scalars.cos(part * math.pi) + 1.0) + self.alpha) * start

    def rate(self, step: Scalar) -> Scalar:
        target = self.warmup_target
        if target is None:
            return self._decayed(step, self.initial_learning_rate)
        warm = float(self.warmup_steps)
        decayed = self._decayed(scalars.maximum(step - warm, 0.0), target)
        if not warm:
            return decayed
        rising = (target - self.initial_learning_rate) * step / warm + self.initial_learning_rate
        return scalars.where(step < warm, rising, decayed)


class CosineDecayRestarts(_Formula):
    """Half cosines one after another, each longer and lower than the one before by constant factors.

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: length of the first period.
        t_mul: each period is so many times as long as the one before.
        m_mul: each period starts at so many times the rate of the one before.
        alpha: the lowest rate as a part of `initial_learning_rate`.
        name: a name.

    Reference: Loshchilov and Hutter, 2016, "SGDR: Stochastic gradient descent with warm restarts", arXiv:1608.03983.

    Example:

    >>> import kfront
    >>> schedule = kfront.optimizers.schedules.CosineDecayRestarts(0.1, first_decay_steps=10)
    >>> [round(float(schedule(step)), 6) for step in (0, 5, 10, 20)]
    [0.1, 0.05, 0.1, 0.05]
    """

    initial_learning_rate: float
    first_decay_steps: int
    t_mul: float
    m_mul: float
    alpha: float

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def rate(self, step: Scalar) -> Scalar:
        part = step / self.first_decay_steps  # in units of the first period
        if self.t_mul == 1.0:
            period = scalars.floor(part)
            part = part - period
        else:  # periods 1, t, t^2 ... end at (t^(i+1) - 1) / (t - 1)
            t = float(self.t_mul)
            period = scalars.floor(scalars.log(1.0 - part * (1.0 - t)) / math.log(t))
            part = (part - (1.0 - t**period) / (1.0 - t)) / t**period
        height = 0.5 * self.m_mul**period * (scalars.cos(part * math.pi) + 1.0)
        return ((1.0 - self.alpha) * height + self.alpha) * self.initial_learning_rate


LearningRate: TypeAlias = float | LearningRateSchedule | Callable[[], Scalar]


def serialize(learning_rate_schedule: LearningRateSchedule) -> Config:
    """The config of a schedule, as files hold it.

    Args:
        learning_rate_schedule: a schedule.

    Returns:
        Its config: a dict with `class_name` and `config`.

    Example:

    >>> from kfront.optimizers import schedules
    >>> schedules.serialize(schedules.CosineDecay(0.1, 100))["class_name"]
    'CosineDecay'
    """
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> LearningRateSchedule:
    """A schedule from its config.

    Args:
        config: as `serialize` returns it, or ``{"class_name": …, "config": …}``.
        custom_objects: classes by name.

    Raises:
        ArgumentTypeError: the config is of something else.

    Example:

    >>> from kfront.optimizers import schedules
    >>> config = schedules.serialize(schedules.CosineDecay(0.1, 100))
    >>> schedules.deserialize(config).decay_steps
    100
    """
    if isinstance(config, dict) and "module" not in config and config.get("class_name") in __all__:
        config = {"module": "keras.optimizers.schedules", "registered_name": None, **config}
    found = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(found, LearningRateSchedule):
        raise ArgumentTypeError(f"[schedules] expected the config of a LearningRateSchedule, got that of {found!r}.")
    return found
