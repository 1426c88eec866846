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
from contextlib import nullcontext
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
        kept: the step's values.
        places: where those of this part are among them.

    Attributes:
        live: whether the list has the values, and not the Variables.
    """

    __slots__ = ("kept", "left", "live", "pause", "places", "since", "variables")

    def __init__(self, kept: Kept, places: Sequence[int]) -> None:
        self.kept, self.places = kept, places
        self.variables = [kept.variables[i] for i in places]
        self.live = False
        self.since = self.pause = self.left = 0  # the run at which they were held; pauses, and what is left of one

    def give_back(self) -> None:
        """Let the Variables have their values."""
        kept = self.kept
        with kept.lock:
            if not self.live:
                return
            values = kept.values
            give = map(setattr, self.variables, repeat("_value"), map(values.__getitem__, self.places))
            self.live = kept.whole = False
            deque(give, 0)  # one call, so that an interruption (Ctrl-C) comes before or after
            for i in self.places:
                values[i] = None
            self.left = self.pause = 0 if kept.runs - self.since >= _SOON else min(2 * self.pause + 1, _PAUSE)

    def fill(self, values: list[Any]) -> None:
        """Put the values that the Variables have into the list."""
        for i, x in zip(self.places, _alone(self.variables), strict=True):
            values[i] = x

    def settle(self, new: list[Any]) -> None:
        """Leave new values in their list, or give them to the Variables."""
        if self.live:
            return
        if self.left or scopes.stateless is not None:
            self.left = max(self.left - 1, 0)
            for v, i in zip(self.variables, self.places, strict=True):
                v._value, new[i] = new[i], None
        else:
            for v in self.variables:
                v._held = self
                v.__dict__.pop("_value", None)
            self.live, self.since = True, self.kept.runs


class Kept:
    """The values of the Variables that a step assigns.

    Counters and the totals of metrics, which are looked at after each epoch, are a part of their own.

    A step that runs takes what others hold of its Variables, and waits for their locks. No two wait for each other:
    nobody else holds anything of the one that ran last.

    Args:
        variables: the Variables.

    Attributes:
        lock: held while the step runs, if values are held.
        values: of the last run, None in the places of those that Variables have.
        whole: whether `values` has them all.
        runs: how often the step ran.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self.variables = variables
        self.values: list[Any] = []
        self.whole, self.runs = False, 0
        self.parts: list[Part] = []
        self.lock: Any = nullcontext()
        if len(variables) >= _MANY:
            self.lock = threading.RLock()
            scalars = [not v._shape for v in variables]
            for scalar in (False, True):
                self.parts.append(Part(self, [i for i, s in enumerate(scalars) if s is scalar]))

    def ready(self) -> list[Any]:
        """The values for the next run, to which nothing else refers."""
        if not self.parts or journaling():
            return _alone(self.variables)
        values = self.values or [None] * len(self.variables)
        for part in self.parts:
            if not part.live:
                part.fill(values)
        return values

    def settle(self, new: list[Any]) -> None:
        """Put the new values where they belong."""
        self.runs += 1
        if journaling():
            for v, x in zip(self.variables, new, strict=True):
                store(v, x)
        elif not self.parts:
            self.write(new)
        else:
            self.values = new
            for part in self.parts:
                part.settle(new)
            self.whole = all(part.live for part in self.parts)

    def write(self, new: list[Any]) -> None:
        """Put new values into the Variables, but for those that have theirs already."""
        for part in self.parts:
            part.live = False
        self.values, self.whole = [], False
        for v, x in zip(self.variables, new):  # noqa: B905  (one value per variable by construction)
            if x is not None:
                v._value = x

    def give_back(self) -> None:
        """Let all Variables have their values."""
        for part in self.parts:
            part.give_back()
        self.values = []
