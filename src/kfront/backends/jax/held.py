"""JAX: where the values of a compiled step's Variables are between its runs.

Values that a step has returned stay in the list in which they came, ready for the next run, as long as nobody looks at
a Variable or assigns it. Meanwhile the Variables have no value of their own (`JaxVariable.__getattr__` asks for it).
That spares a step the way to each of its Variables, there and back: of small steps a tenth.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import jax.numpy as jnp

from kfront.backends.jax.common import TRACER
from kfront.backends.jax.native import journaling, store
from kfront.core.state import state as scopes

__all__ = ["Kept", "Part"]

_MANY = 8  # Variables of a step of which values are held
_SOON, _PAUSE = 4, 64  # steps


def _plain_count() -> int:
    """References to an array that a Variable alone holds, counted where `_alone` counts them."""

    class Holder:
        pass

    holder = Holder()
    holder._value = object()
    values = [v._value for v in [holder]]
    return next(map(sys.getrefcount, values))


_ALONE = _plain_count()


def _alone(variables: Sequence[Any]) -> list[Any]:
    """The values, copies of those that something besides their Variable refers to: a step takes them away."""
    values = [v._value for v in variables]
    counts = list(map(sys.getrefcount, values))
    if counts.count(_ALONE) != len(counts):
        values = [x if count == _ALONE else _own(x) for x, count in zip(values, counts, strict=True)]
    return values


def _own(x: Any) -> Any:
    return x if isinstance(x, TRACER) else jnp.copy(x)


class Part:
    """Variables whose values are held, and given back, together.

    They are not held again at once if they were asked for soon after they were held: the pauses double.

    Args:
        variables: the Variables.
        places: where their values are in the step's list.
        lock: the step's.

    Attributes:
        values: the step's list while it has the values, None while the Variables have them.
    """

    __slots__ = ("lasted", "left", "lock", "pause", "places", "values", "variables")

    def __init__(self, variables: Sequence[Any], places: Sequence[int], lock: Any) -> None:
        self.variables, self.places, self.lock = variables, places, lock
        self.values: list[Any] | None = None
        self.lasted = self.pause = self.left = 0  # steps since values are held; pauses after they were asked for

    def give_back(self) -> None:
        """Let the Variables have their values."""
        with self.lock:
            values = self.values
            if values is not None:
                give = map(setattr, self.variables, repeat("_value"), map(values.__getitem__, self.places))
                self.values = None
                deque(give, 0)  # one call, so that an interruption (Ctrl-C) comes before or after
                for i in self.places:
                    values[i] = None

    def fill(self, values: list[Any]) -> None:
        """Put the values that the Variables have into the list."""
        for i, x in zip(self.places, _alone(self.variables), strict=True):
            values[i] = x

    def settle(self, new: list[Any]) -> None:
        """Take over from a list of new values: hold them, or write them into the Variables."""
        if self.values is not None:
            self.values = new
            self.lasted += 1
            if self.lasted >= _SOON:
                self.left = self.pause = 0
        elif self.left or scopes.stateless is not None:
            self.left -= self.left > 0
            for v, i in zip(self.variables, self.places, strict=True):
                v._value, new[i] = new[i], None
        else:
            for v in self.variables:
                v._held = self
                v.__dict__.pop("_value", None)
            self.values = new
            self.lasted, self.pause = 0, min(2 * self.pause + 1, _PAUSE)
            self.left = self.pause


class Kept:
    """The values of the Variables that a step assigns.

    Counters and the totals of metrics, which are looked at after each epoch, are a part of their own.

    Args:
        variables: the Variables.

    Attributes:
        lock: held while the step runs, None if values are not held.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self.variables = variables
        self.lock = threading.RLock() if len(variables) >= _MANY else None
        self.parts: list[Part] = []
        self.values: list[Any] = []  # of the last run, None in the places of those that Variables have
        if self.lock is not None:
            for scalar in (False, True):
                found = [(i, v) for i, v in enumerate(variables) if (not v._shape) is scalar]
                self.parts.append(Part([v for _, v in found], [i for i, _ in found], self.lock))

    def ready(self) -> list[Any]:
        """The values for the next run, which is to be theirs alone."""
        journal = journaling()
        if self.lock is None or journal:
            return _alone(self.variables)
        values = self.values or [None] * len(self.variables)
        for part in self.parts:
            if part.values is None:
                part.fill(values)
        return values

    def settle(self, new: list[Any]) -> None:
        """Put the new values where they belong."""
        if journaling():
            for v, x in zip(self.variables, new, strict=True):
                store(v, x)
        elif self.lock is None:
            self.write(new)
        else:
            self.values = new
            for part in self.parts:
                part.settle(new)

    def write(self, new: list[Any]) -> None:
        """Put new values into the Variables, but for those that have theirs already."""
        for part in self.parts:
            part.values = None
        self.values = []
        for v, x in zip(self.variables, new):  # noqa: B905  (one value per variable by construction)
            if x is not None:
                v._value = x

    def give_back(self) -> None:
        """Let all Variables have their values."""
        for part in self.parts:
            part.give_back()
        self.values = []
