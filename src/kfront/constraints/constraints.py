"""Projections that are applied to weights after each update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from kfront import ops
from kfront.config import epsilon
from kfront.core.lookup import Lookup
from kfront.core.options import Configurable
from kfront.core.typing import AnyCallable, Config, ConstraintLike, CustomObjects, Tensor


class Constraint(Configurable):
    """Maps a weight to the nearest one that is allowed.

    A subclass defines ``__call__(self, w)``, which is w itself here; `get_config` gives its constructor arguments.

    Example:

    >>> import kfront
    >>> class ZeroMean(kfront.constraints.Constraint):
    ...     def __call__(self, w):
    ...         return w - kfront.ops.mean(w)
    >>> layer = kfront.layers.Dense(4, kernel_constraint=ZeroMean())
    """

    def __call__(self, w: Tensor) -> Tensor:
        """The weight's next value."""
        return w

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A constraint from its config."""
        return cls(**config)


def _norms(w: Tensor, axis: int | Sequence[int]) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


def _epsilon() -> float:
    return epsilon()


class MaxNorm(Constraint):
    """Scales vectors longer than `max_value` down to it.

    Args:
        max_value: greatest Euclidean norm allowed.
        axis: axis or axes that one vector runs along: 0 for the inputs of a Dense unit, [0, 1, 2] for a filter of
            Conv2D.

    Example:

    >>> import kfront
    >>> w = kfront.constraints.MaxNorm(1.0)(kfront.ops.convert_to_tensor([[3.0], [4.0]]))
    >>> [round(float(x), 3) for x in w[:, 0]]
    [0.6, 0.8]
    """

    max_value: float
    axis: int | Sequence[int]

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, w: Tensor) -> Tensor:
        """The weight's next value."""
        norms = _norms(w, self.axis)
        return ops.multiply(w, ops.clip(norms, 0, self.max_value) / (_epsilon() + norms))


class NonNeg(Constraint):
    """Replaces negative values by zero.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.constraints.NonNeg()(kfront.ops.convert_to_tensor([-1.0, 2.0]))).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Tensor) -> Tensor:
        """The weight's next value."""
        return ops.relu(w)


class UnitNorm(Constraint):
    """Scales every vector to length 1.

    Args:
        axis: axis or axes that one vector runs along.

    Example:

    >>> import kfront
    >>> w = kfront.constraints.UnitNorm()(kfront.ops.convert_to_tensor([[3.0], [4.0]]))
    >>> [round(float(x), 3) for x in w[:, 0]]
    [0.6, 0.8]
    """

    axis: int | Sequence[int]

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, w: Tensor) -> Tensor:
        """The weight's next value."""
        return ops.divide(w, _epsilon() + _norms(w, self.axis))


class MinMaxNorm(Constraint):
    """Brings the length of every vector between two bounds.

    Args:
        min_value, max_value: bounds of the Euclidean norm.
        rate: how far to go: the new norm is ``rate * bounded + (1 - rate) * norm``.
        axis: axis or axes that one vector runs along.

    Example:

    >>> import kfront
    >>> w = kfront.constraints.MinMaxNorm(10.0, 20.0)(kfront.ops.convert_to_tensor([[3.0], [4.0]]))
    >>> [round(float(x), 3) for x in w[:, 0]]
    [6.0, 8.0]
    """

    min_value: float
    max_value: float
    rate: float
    axis: int | Sequence[int]

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, w: Tensor) -> Tensor:
        """The weight's next value."""
        norms = _norms(w, self.axis)
        wanted = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return ops.multiply(w, wanted / (_epsilon() + norms))


_lookup = Lookup("constraint", {c.__name__: c for c in (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)})


def get(identifier: ConstraintLike | type[Constraint]) -> Any:
    """The constraint that `identifier` stands for.

    Args:
        identifier: a name such as "non_neg", a config, a Constraint, a class, a callable, or None.

    Raises:
        ArgumentError: if it stands for none.

    Example:

    >>> import kfront
    >>> type(kfront.constraints.get("unit_norm")).__name__
    'UnitNorm'
    """
    return _lookup.get(identifier)


def serialize(constraint: Constraint | AnyCallable) -> Config:
    """The config of a constraint.

    Args:
        constraint: a constraint, or a registered function.

    Returns:
        Its config: a dict with `class_name` and `config`, or the name of a function.

    Example:

    >>> import kfront
    >>> kfront.constraints.serialize(kfront.constraints.NonNeg())["class_name"]
    'NonNeg'
    """
    return _lookup.serialize(constraint)


def deserialize(config: Config | str, custom_objects: CustomObjects = None) -> Any:
    """A constraint from its config.

    Args:
        config: what `serialize` gave.
        custom_objects: dict name -> class or function for names that are not kfront's.

    Returns:
        The constraint.

    Example:

    >>> import kfront
    >>> config = kfront.constraints.serialize(kfront.constraints.NonNeg())
    >>> type(kfront.constraints.deserialize(config)).__name__
    'NonNeg'
    """
    return _lookup.deserialize(config, custom_objects)
