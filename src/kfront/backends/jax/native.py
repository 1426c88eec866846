"""JAX: storage of Variables, and the journal of what was assigned while tracing.

A traced function must not leave tracers behind in Variables. `Journal` notes which Variables were assigned since it
was opened, so that their new values can be returned from the traced function as results and the old ones put back.
"""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from jax import Array, lax
from jax.extend.core import get_opaque_trace_state

from kfront.backends.jax.common import TRACER, canonical, first_value
from kfront.backends.jax.step_state import StepState, resident_value
from kfront.core.dtypes import FLOATS
from kfront.core.errors import UnsupportedError
from kfront.core.state import state
from kfront.core.variable import Variable


class _Local(threading.local):
    entries: dict[int, tuple[Any, Any]] | None = None
    reads: dict[int, Any] | None = None  # Variables that a compiled function reads while it is traced
    logits: dict[int, tuple[Any, Any, int]] | None = None  # by the id of the softmax, with the softmax and the axis


class _Recomputing(threading.local):
    seen = False  # whether what is traced computes something again for its gradient


_local, recomputing = _Local(), _Recomputing()


def strong(x: Array) -> Any:
    """`x` without JAX's weak type: a weakly typed array is another input type to `jit` and would trace again."""
    return lax.convert_element_type(x, x.dtype) if getattr(x, "weak_type", False) else x


with ThreadPoolExecutor(1) as _other:  # this thread may be tracing
    _OUTSIDE = _other.submit(get_opaque_trace_state).result()


def trace_now() -> object:
    """What identifies the trace of JAX that runs in this thread, None outside of all."""
    return outer_is_none(get_opaque_trace_state())


def outer_is_none(trace: object) -> object:
    """A trace of `get_opaque_trace_state`, None for the one outside of all."""
    return None if trace == _OUTSIDE else trace


class JaxVariable(Variable):
    """A Variable whose storage is a `jax.Array`, replaced by each assignment."""

    _resident_in: StepState | None = None  # the compiled step that has the value, which is not an attribute then

    def __getattr__(self, name: str) -> Any:
        while name == "_value":
            value = resident_value(self)
            if value is None:
                value = self.__dict__.get("_value")
            if value is not None:
                return value
            if self._resident_in is None and "_value" not in self.__dict__:
                break
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _kf_state(self) -> dict[str, object]:
        _end_residence(self)
        return {k: v for k, v in super()._kf_state().items() if k not in ("_resident_in", "_kf_made_in", "_outside")}

    def _make(self, value: Array) -> None:
        self._dtype = canonical(self._dtype)
        self._kf_made_in = trace_now()
        if isinstance(value, TRACER):  # made from a computed value while tracing
            self._value = strong(value)
            return
        with jax.ensure_compile_time_eval():  # concrete even while tracing
            on_host = isinstance(value, np.ndarray)
            self._value = first_value(np.array(value, self._dtype)) if on_host else strong(value)

    @property
    def value(self) -> Array:
        """The array, in the autocast dtype inside such a scope."""
        reads, cast = _local.reads, state.autocast
        if reads is not None:
            reads[id(self)] = self
        if cast is None or not self._autocast or cast == self._dtype or self._dtype not in FLOATS:
            return self._value
        return self._kf_backend.cast(self._value, cast)

    def _read(self) -> Array:
        reads = _local.reads
        if reads is not None:
            reads[id(self)] = self
        return self._value

    def assign(self, value: Array) -> Array:
        """Set the value; returns it."""
        self._kf_before_change()
        return super().assign(value)

    def _kf_before_change(self) -> None:
        entries = _local.entries
        if entries is not None:
            entries.setdefault(id(self), (self, self._value))

    def _write(self, value: Array) -> None:
        if isinstance(value, TRACER):
            if _local.entries is not None:
                return self._put(strong(value))
            if trace_now() != self._kf_made_in:
                raise _stays(self)
        _end_residence(self)
        self._value = strong(value)
        return None

    def _put(self, value: object) -> None:
        if isinstance(self, Traced):
            self._value = value
            if not isinstance(value, TRACER):
                self.__class__ = plain_class(self)
                self.__dict__.pop("_outside", None)
        elif isinstance(value, TRACER) and not isinstance(self._value, TRACER):
            self.__dict__["_outside"] = threading.get_ident(), self._value
            self.__class__ = _traced_class(type(self))
            self._value = value
        else:
            self._value = value

    def _outcome(self) -> Array:
        """The value that compiled code has assigned, as it is to come out."""
        return strong(self._value)

    def __jax_array__(self) -> Array:
        return self.value


class Traced:
    """Mixed into the class of a Variable while it holds a tracer, which only the thread that traces is to see."""

    __slots__ = ()
    __dict__: dict[str, Any]

    @property
    def _value(self) -> Any:
        fields = self.__dict__
        thread, array = fields.get("_outside") or (None, None)
        if array is not None and thread != threading.get_ident():
            return array
        if "_value" not in fields:  # the trace has just ended, and a step has the value
            raise AttributeError("_value")
        return fields["_value"]

    @_value.setter
    def _value(self, value: object) -> None:
        self.__dict__["_value"] = value


@functools.cache
def _traced_class(cls: type) -> type:
    return type(cls.__name__, (cls, Traced), {"__slots__": ()})


def plain_class(variable: Variable) -> type:
    """The class that a Variable has outside of a trace."""
    return type(variable).__mro__[1] if isinstance(variable, Traced) else type(variable)


def _stays(variable: Variable) -> UnsupportedError:
    return UnsupportedError(
        f"[Variable {variable.path}] expected an array, got a value of the function that JAX traces, which would stay "
        "in the variable when the trace is over; use `stateless_call`, give the model to the function as an argument "
        "and return it, or trace with `kfront.jit`, `kfront.grad` or `kfront.vmap`, which keep what was assigned."
    )


def _end_residence(variable: Variable) -> None:
    """Before a Variable is assigned: its value is not resident with a step any more."""
    if variable._resident_in is not None:
        _ = variable._value


def store(variable: Variable, value: Array) -> None:
    """Put a value that came out of a traced function into a Variable."""
    _end_residence(variable)
    variable._kf_before_change()
    variable._value = value


def journaling() -> bool:
    """Whether a `Journal` is open in this thread."""
    return _local.entries is not None


class Journal:
    """Context manager that knows which Variables are assigned inside, and puts their old values back at the end."""

    __slots__ = ("_outer", "entries")

    def __enter__(self) -> Journal:
        self._outer = _local.entries
        self.entries: dict[int, tuple[Any, Any]] = {}
        _local.entries = self.entries
        return self

    def __exit__(self, *exc: object) -> None:
        _local.entries = self._outer
        for variable, old in self.entries.values():
            variable._put(old)

    def written(self) -> list[Array]:
        """The Variables whose value is another than at the start, in the order of their first assignment."""
        return [v for v, old in self.entries.values() if v._value is not old]


class Reads:
    """Context manager that notes which Variables are read inside."""

    __slots__ = ("_outer", "found")

    def __enter__(self) -> dict[int, Any]:
        self._outer = _local.reads
        _local.reads = self.found = {}
        return self.found

    def __exit__(self, *exc: object) -> None:
        _local.reads = self._outer
        if self._outer is not None:
            self._outer.update(self.found)


# ---- beside tracers -------------------------------------------------------------------------------------------------

# Tracers take no attributes and no weak references, so their masks are kept beside them, the latest ones only; the
# tracer is held along, so that its id stays its own.
_masks: dict[int, tuple[Any, Any]] = {}
_MOST_MASKS = 4096


def set_mask(x: Array, mask: Array) -> None:
    """Attach a mask to an array or tracer."""
    if not isinstance(x, TRACER):
        x._keras_mask = mask
        return
    while len(_masks) >= _MOST_MASKS:
        _masks.pop(next(iter(_masks)), None)
    _masks[id(x)] = (x, mask)


def get_mask(x: Array) -> Array | None:
    """The mask of an array or tracer, or None."""
    return _masks.get(id(x), (None, None))[1] if isinstance(x, TRACER) else getattr(x, "_keras_mask", None)


class Trace:
    """Context manager of a trace: what is kept beside its values is forgotten at the end."""

    __slots__ = ("_before", "_logits")

    def __enter__(self) -> None:
        self._before, self._logits = set(_masks), _local.logits
        _local.logits = {}

    def __exit__(self, *exc: object) -> None:
        _local.logits = self._logits
        for key in [k for k in _masks if k not in self._before]:
            _masks.pop(key, None)


def set_logits(x: Array, logits: Any, axis: int) -> None:
    """Note in a trace that `x` is the softmax of `logits` over one axis."""
    if _local.logits is not None and isinstance(x, TRACER):
        _local.logits[id(x)] = (x, logits, axis % x.ndim)


def get_logits(x: Array, axis: int) -> Any:
    """What `x` is the softmax of over this axis, None if that is not known."""
    _, logits, over = (_local.logits or {}).get(id(x), (None, None, None))
    return logits if over == axis % x.ndim else None
