"""JAX: who has the values of the Variables that a compiled step assigns.

A step donates them: their buffers are reused for the new values, and whoever still refers to the old arrays finds them
deleted. So it donates only arrays that nobody else can have. Such are the arrays that came out of its last run: they
stay *resident* in the step's own list, and the Variable has no attribute `_value`. Whoever asks for it
(`JaxVariable.__getattr__`) is given the array, which the Variable holds from then on; the next run copies it first.
Arrays move from step to step without a copy, and a step that only reads a value borrows it for the time of its run.

It also spares a step the way to each of its Variables, there and back: of small steps a tenth.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array

from kfront.backends.jax.common import TRACER, Repeated

if TYPE_CHECKING:
    from kfront.backends.jax.native import JaxVariable

_copy = jax.jit(jnp.copy)


def copy_of(x: jax.Array) -> jax.Array:
    """An array of its own with the value of `x`; a tracer has no memory to share."""
    return x if isinstance(x, TRACER) else _copy(x)


def _copy_plainly(x: jax.Array) -> jax.Array:
    """`copy_of` without compiling; what several processes hold JAX copies in compiled code only."""
    plainly = not isinstance(x, TRACER) and x.is_fully_addressable
    return jax.device_put(x, may_alias=False) if plainly else copy_of(x)


first_copy = Repeated(_copy, _copy_plainly)


class _Borrowing(threading.local):
    lenders: list[StepState] | None = None


_here = _Borrowing()


class Borrowed:
    """Context manager: the values of Variables, for a run that lets nobody else have them.

    Args:
        variables: the Variables.

    Attributes:
        values: their arrays, in order.
    """

    __slots__ = ("_lenders", "values")

    def __init__(self, variables: Sequence[JaxVariable]) -> None:
        self._lenders: list[StepState] = []
        outer, _here.lenders = _here.lenders, self._lenders
        try:
            self.values = [v._value for v in variables]
        except BaseException:
            self._return()
            raise
        finally:
            _here.lenders = outer

    def __enter__(self) -> list[jax.Array]:
        return self.values

    def __exit__(self, *exc: object) -> None:
        self._return()

    def _return(self) -> None:
        for state in self._lenders:
            with state.lock:
                state.lent -= 1


_gathering = threading.Lock()  # held by the one step that brings its values together; never taken with a state's lock


class StepState:
    """The values of the Variables that a step assigns, while they are resident with the step.

    Context manager, whose value is the list of arrays that the step may donate; another thread that wants one of them
    waits until its end. A step that takes values from others waits for them, and holds no lock of its own meanwhile.

    Args:
        variables: the Variables.

    Attributes:
        lock: held while the step runs.
        values: the arrays, None in the places of those that are not resident.
        missing: these places.
        lent: how often arrays are borrowed at the moment.
    """

    __slots__ = ("_places", "lent", "lock", "missing", "values", "variables")

    def __init__(self, variables: Sequence[JaxVariable]) -> None:
        self.variables = list(variables)
        self.values: list[Array] = [None] * len(self.variables)
        self.missing = set(range(len(self.variables)))
        self.lock = threading.RLock()
        self.lent = 0
        self._places = {id(v): i for i, v in enumerate(self.variables)}

    @property
    def complete(self) -> bool:
        """Whether all values are resident."""
        return not self.missing

    def __enter__(self) -> list[Array]:
        self.lock.acquire()
        while self.missing:
            self.lock.release()
            with _gathering:
                self._gather()
                self.lock.acquire()
        if self.lent:  # by a step that is about to run in another thread
            self.values = [copy_of(x) for x in self.values]
        return self.values

    def __exit__(self, *exc: object) -> None:
        self.lock.release()

    def _gather(self) -> None:
        """Make all values resident: from other steps as they are, from Variables as copies."""
        copy = first_copy if len(self.missing) == len(self.variables) else copy_of
        for i, v in enumerate(self.variables):
            other = v._resident_in
            if other is self:
                continue
            x = None if other is None else other.take(v, self)
            if x is None:
                x = copy(v._value)
            with self.lock:
                self.values[i] = x
                self._keep(i)

    def put(self, values: list[Array]) -> None:
        """What a run has returned; Variables that were looked at while it was traced have old values."""
        self.values = values
        if self.missing:
            for i in tuple(self.missing):
                self._keep(i)

    def _keep(self, i: int) -> None:
        v = self.variables[i]
        v._resident_in = self
        v.__dict__.pop("_value", None)
        self.missing.discard(i)

    # -- for Variables and other steps --------------------------------------------------------------------------------

    def value(self, variable: JaxVariable) -> None:
        """Let a Variable have its value, which is not resident any more."""
        with self.lock:
            i = self._places[id(variable)]
            if i not in self.missing:
                variable._value = self.values[i]
                self._forget(i)

    def lend(self, variable: JaxVariable, lenders: list[StepState]) -> jax.Array | None:
        """The value, for somebody who counts `lent` down when he has done with it; None if it is not resident."""
        with self.lock:
            i = self._places[id(variable)]
            if i in self.missing:
                return None
            self.lent += 1
            lenders.append(self)
            return self.values[i]

    def take(self, variable: JaxVariable, taker: StepState) -> jax.Array | None:
        """The value, for a step that donates it; None if it is not resident, or borrowed.

        The Variable is at once one of the taker's: whoever asks for its value meanwhile finds where it will be.
        """
        with self.lock:
            i = self._places[id(variable)]
            if i in self.missing or self.lent:
                return None
            x = self.values[i]
            self._forget(i)
            variable._resident_in = taker
            return x

    def _forget(self, i: int) -> None:
        self.missing.add(i)
        self.values[i] = None
        self.variables[i]._resident_in = None


def resident_value(variable: JaxVariable) -> jax.Array | None:
    """The value of a Variable that has none of its own: borrowed if somebody borrows in this thread, else given back.

    None if it has been given back meanwhile, by another thread.
    """
    state = variable._resident_in
    if state is None:
        return None
    if _here.lenders is not None:
        return state.lend(variable, _here.lenders)
    state.value(variable)
    return None
