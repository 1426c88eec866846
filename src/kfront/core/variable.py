"""`Variable`: a named, mutable tensor of one backend, and the scopes that replace its value for a time.

Each backend has a subclass with its storage. `Variable.bind` (and `StatelessScope` on top of it) is the one mechanism
below stateless calls, `jit` and gradients: values are put in, and what was assigned meanwhile is taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from kfront.core.dtypes import FLOATS, is_float, standardize
from kfront.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from kfront.core.guard import public_name
from kfront.core.mesh import Unmade, as_layout
from kfront.core.naming import auto_name, current_path
from kfront.core.operators import VariableBase
from kfront.core.spec import KerasTensor, standardize_shape
from kfront.core.state import current, distribution_on, named, state
from kfront.core.tracking import structure
from kfront.core.typing import DTypeLike, InitializerLike, ShapeLike, Tensor

AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")


class Variable(VariableBase):
    """A mutable tensor.

    Args:
        initializer: an array-like, a tensor, a callable ``(shape, dtype) -> array``, or the name of an initializer.
        shape: needed when `initializer` is callable or a name.
        dtype: dtype name; that of the value, or floatx, if None.
        trainable: whether optimizers update it.
        autocast: whether a floating variable is read in the compute dtype inside an autocast scope.
        aggregation: how replicas are combined: "none", "mean", "sum" or "only_first_replica".
        synchronization: when the values of replicas are combined: "auto", "none", "on_write" or "on_read".
        name: its name, without "/".
        layout: a `kfront.distribution.TensorLayout`, or its axes; that of the current distribution if None.

    Attributes:
        value: the native tensor, on TensorFlow the `tf.Variable`; cast inside an autocast scope.
        path: name with the scopes it was created in.
        regularizer, constraint: callables or None.
        overwrite_with_gradient: whether the optimizer assigns the gradient instead of a step.

    Raises:
        ArgumentError: a `name` that is no string or contains ``/``, or an unknown `aggregation`.

    Example:

    >>> import kfront
    >>> counter = kfront.Variable(0, dtype="int32", name="counter")
    >>> _ = counter.assign_add(5)
    >>> int(counter), counter.shape, counter.dtype
    (5, (), 'int32')
    """

    name: str = ""
    path: str = ""
    aggregation: str = "none"
    synchronization: str = "auto"
    overwrite_with_gradient: bool = False
    _layout: Any = None
    # what the variables of layers made alike differ in
    _kf_of_instance = frozenset({"name", "path", "_shape", "_value"})
    _kf_listed: bool = True  # whether its owner lists it
    _kf_made_in: object = None  # the trace that it belongs to, whose values it may hold
    _divided: bool = False  # whether `_make` takes an `Unmade`

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls is Variable:
            cls = current().Variable
        return super().__new__(cls)

    def __init__(
        self,
        initializer: Any,
        shape: ShapeLike | None = None,
        dtype: DTypeLike = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: object = None,
        **kwargs: object,
    ) -> None:
        name = name if name is not None else auto_name("variable")
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError(f"[Variable] expected a `name` that is a string without '/', got {name!r}.")
        if aggregation not in AGGREGATIONS:
            raise ArgumentError(f"[Variable {name}] expected `aggregation` in {AGGREGATIONS}, got {aggregation!r}.")
        self._kf_backend = current()
        self.name = name
        parent = current_path()
        self.path = f"{parent}/{name}" if parent else name
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization
        self._trainable = bool(trainable)
        self._autocast = bool(autocast)
        self._layout = layout
        self._regularizer: object = None
        self._constraint: object = None
        self.overwrite_with_gradient = False
        self._owner: object = None
        self._settable_trainable = bool(trainable)
        value = self._initial(initializer, shape, dtype)
        self._shape: tuple[int, ...] = tuple(value.shape)
        if layout is not None or state.distribution is not None:
            self._lay_out()
        self._make(value.whole() if type(value) is Unmade and not self._divided else value)

    def _lay_out(self) -> None:
        """Choose the devices of the storage, before there is a value, from `layout` or the current distribution."""
        now, layout = distribution_on(self._kf_backend), self._layout
        if layout is not None:
            layout = self._layout = as_layout("Variable", layout, None if now is None else now.device_mesh)
        if now is not None:
            layout = now.get_variable_layout(self)
        if layout is not None:
            layout.check_shape(f"Variable {self.path}", self._shape)
            self._kf_backend.distributor.lay_out(self, layout)

    def _lay_out_like(self, reference: Variable) -> None:
        """Be where `reference` is, if the engine's own tools have put that on several devices."""

    def _initial(self, initializer: InitializerLike, shape: Any, dtype: DTypeLike) -> Any:
        """The first value as a NumPy array or native tensor of the wanted dtype."""
        b = self._kf_backend
        if isinstance(initializer, str):
            initializer = public_name("kfront.initializers", "get")(initializer)
        if callable(initializer) and not b.is_tensor(initializer) and not isinstance(initializer, VariableBase):
            if shape is None:
                raise ArgumentError(
                    f"[Variable {self.name}] expected `shape` with the initializer {initializer!r}, got None."
                )
            dtype = standardize(dtype)
            shape = standardize_shape(shape)
            if None in shape:
                raise ShapeError(f"[Variable {self.name}] expected a fully known `shape`, got {shape}.")
            if state.budget is not None:
                state.budget.spend(shape, dtype)
            host = getattr(initializer, "host", None) if getattr(initializer, "made_on_host", False) else None
            if host is not None:
                self._dtype = dtype
                return host(shape, dtype) if state.distribution is None else Unmade(initializer, shape, dtype)
            with b.eager():
                value = initializer(shape, dtype=dtype)
        else:
            value = initializer._tensor if isinstance(initializer, VariableBase) else initializer
            if dtype is None and not hasattr(value, "dtype"):
                dtype = None if np.asarray(value).dtype != np.float64 else standardize(None)
        self._dtype = standardize(dtype) if dtype is not None else b.dtype_name(b.convert(value).dtype)
        return b.host_value(value, self._dtype)

    # -- storage: what a backend's subclass defines -------------------------------------------------------------------

    _value: Any

    def _make(self, value: object) -> None:
        """Create the storage from `value` (NumPy array or native tensor)."""
        self._value = self._kf_backend.convert(value, self._dtype)

    def _write(self, value: object) -> None:
        """Store a native tensor of the right shape and dtype."""
        self._value = value

    def _read(self) -> Any:
        """The stored native tensor."""
        return self._value

    def _kf_before_change(self) -> None:
        """Called before the value changes; an engine that undoes changes after a trace keeps the old value."""

    def _put(self, value: object) -> None:
        """Stand `value` in the stored tensor's place, or put that back."""
        self._value = value

    def _shown(self, layer: object) -> Any:
        """What an attribute of `layer` holds: the Variable, or what the engine knows its storage as."""
        return self

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The native tensor, in the autocast dtype inside such a scope."""
        cast = state.autocast
        if cast is None:
            return self._value
        if self._autocast and cast != self._dtype and self._dtype in FLOATS:
            return self._kf_backend.cast(self._value, cast)
        return self._value

    def _autocast_now(self) -> bool:
        return self._autocast and is_float(self._dtype)

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array (a copy)."""
        return np.array(self._kf_backend.to_numpy(self._value))

    def __dlpack__(self, **kwargs: object) -> Any:
        """The value for another engine, in the same memory."""
        return self._shared().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._shared().__dlpack_device__()

    def _shared(self) -> Any:
        return self._kf_backend.stop_gradient(self._read())

    def __iter__(self) -> Any:
        if not self._shape:
            raise ArgumentTypeError(
                f"[Variable {self.path}] expected at least one dimension to iterate over, got none."
            )
        return (self[i] for i in range(self._shape[0]))

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        raise ArgumentTypeError(f"[Variable {self.path}] expected no bool() of a Variable; compare its value instead.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    @property
    def dtype(self) -> str:
        """Dtype name, the autocast dtype inside such a scope."""
        cast = state.autocast
        return cast if cast is not None and self._autocast_now() else self._dtype

    @property
    def layout(self) -> Any:
        """Layout on a device mesh, or None."""
        return self._layout

    @layout.setter
    def layout(self, value: object) -> None:
        self._layout = value

    # -- writing ------------------------------------------------------------------------------------------------------

    def assign(self, value: Any) -> Any:
        """Set the value; returns it.

        Args:
            value: array-like of the variable's shape; cast to its dtype.

        Raises:
            ShapeError: if the shape differs.
        """
        b = self._kf_backend
        value = value._tensor if isinstance(value, VariableBase) else value
        if isinstance(value, KerasTensor):
            return self._check_symbolic(value)
        if type(value) not in b.types or b.dtype_name(value.dtype) != self._dtype:
            value = b.cast(b.convert(value, None if b.is_tensor(value) else self._dtype), self._dtype)
        shape = b.static_shape(value)
        if shape != self._shape and not _fits(shape, self._shape):
            raise ShapeError(
                f"[Variable {self.path}] expected a value of shape {self._shape}, got {tuple(shape)}; "
                "a variable keeps its shape."
            )
        scope = state.stateless
        if scope is None:
            self._write(value)
        else:
            scope.write(self, value)
        return value

    def _check_symbolic(self, value: KerasTensor) -> KerasTensor:
        """While shapes are inferred nothing is assigned; the shape is checked."""
        if not _fits(value.shape, self._shape):
            raise ShapeError(f"[Variable {self.path}] expected a value of shape {self._shape}, got {value.shape}.")
        return value

    def assign_add(self, value: object) -> Tensor:
        """Add `value`; returns the new value."""
        if isinstance(value, KerasTensor):
            return self._check_symbolic(value)
        return self.assign(self._kf_backend.add(self._value, self._same(value)))

    def assign_sub(self, value: object) -> Tensor:
        """Subtract `value`; returns the new value."""
        if isinstance(value, KerasTensor):
            return self._check_symbolic(value)
        return self.assign(self._kf_backend.subtract(self._value, self._same(value)))

    def _same(self, value: object) -> Tensor:
        b = self._kf_backend
        value = value._tensor if isinstance(value, VariableBase) else value
        return b.cast(value, self._dtype) if b.is_tensor(value) else b.convert(value, self._dtype)

    # -- properties ---------------------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        structure.version += 1

    @property
    def regularizer(self) -> Any:
        """Callable value -> penalty, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: object) -> None:
        self._regularizer = _callable_or_none(self, "regularizer", value)
        structure.version += 1

    @property
    def constraint(self) -> Any:
        """Callable value -> value applied after each update, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: object) -> None:
        self._constraint = _callable_or_none(self, "constraint", value)

    def __repr__(self) -> str:
        value = self._value
        if self._layout is None and self._kf_backend.has_value(value):
            value = self.numpy()
        return f"<Variable path={self.path}, shape={self._shape}, dtype={self._dtype}, value={value}>"

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return _restore, (self._kf_backend.name,), self._kf_state()

    def _kf_state(self) -> dict[str, Any]:
        """What pickle and copy keep; the backend is kept by name."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_kf_backend", "_owner")}

    def __setstate__(self, saved: Mapping[str, object]) -> None:
        self.__dict__.update(saved)


def _restore(backend_name: str) -> Variable:
    b = named(backend_name)
    out = object.__new__(b.Variable)
    out._kf_backend, out._owner = b, None
    return out


def _fits(shape: Sequence[int | None], wanted: Sequence[int]) -> bool:
    return len(shape) == len(wanted) and all(a is None or a == w for a, w in zip(shape, wanted, strict=True))


def _callable_or_none(variable: Variable, what: str, value: object) -> Any:
    if value is not None and not callable(value):
        raise ArgumentError(f"[Variable {variable.path}] expected `{what}` to be callable or None, got {value!r}.")
    return value


class bind:
    """Context manager: `variables` hold `values` inside, and have their own values again afterwards.

    Assignments inside stay visible inside; `current()` gives the values as they are now.
    """

    __slots__ = ("_saved", "variables")

    def __init__(self, variables: Sequence[Variable], values: Iterable[object]) -> None:
        self.variables = variables
        self._saved = [v._value for v in variables]
        for v, x in zip(variables, values, strict=True):
            v._put(x)

    def current(self) -> list[Tensor]:
        """The values the variables hold now."""
        return [v._value for v in self.variables]

    def restore(self) -> None:
        """Put the variables' own values back."""
        for v, x in zip(self.variables, self._saved, strict=True):
            v._put(x)

    def __enter__(self) -> bind:
        return self

    def __exit__(self, *exc: object) -> None:
        self.restore()


class StatelessScope:
    """Context manager: variables are read from a mapping, and assignments change the scope instead of the variables.

    Args:
        state_mapping: pairs (variable, value).
        collect_losses: whether `add_loss` values are collected in `scope.losses`.
        initialize_variables: kept for compatibility.

    Raises:
        ArgumentError: `state_mapping` has something other than pairs (Variable, value).
        ShapeError: a value has another shape than its variable.

    Example:

    >>> import kfront
    >>> v = kfront.Variable(1.0)
    >>> with kfront.StatelessScope([(v, 5.0)]) as scope:
    ...     _ = v.assign(v * 2)
    >>> float(v), float(scope.get_current_value(v))
    (1.0, 10.0)
    """

    except_builds = False  # whether assignments of layers that are built inside are made

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.state_mapping: dict[int, object] = {}
        self.collect_losses = collect_losses
        self.losses: list[Any] = []
        self._start: list[tuple[Variable, Any]] = []
        for variable, value in state_mapping or ():
            if not isinstance(variable, VariableBase):
                raise ArgumentError(f"[StatelessScope] expected pairs (Variable, value), got {variable!r}.")
            variable = variable._handle
            if value is not None:
                b = variable._kf_backend
                value = b.cast(b.convert(value), variable._dtype)
                if not _fits(b.static_shape(value), variable._shape):
                    raise ShapeError(
                        f"[StatelessScope] expected a value of shape {variable._shape} for {variable.path}, "
                        f"got {b.static_shape(value)}."
                    )
                self._start.append((variable, value))

    def write(self, variable: Variable, value: object) -> None:
        """Let `variable` have `value` until the scope ends."""
        if id(variable) not in self._saved:
            self._saved[id(variable)] = (variable, variable._value)
            variable._kf_before_change()
        variable._put(value)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Let a variable have a value until the scope ends: a pair (variable, value)."""
        variable, value = update
        self.write(variable, variable._same(value))

    def add_loss(self, loss: object) -> None:
        """Collect a loss."""
        self.losses.append(loss)

    def get_current_value(self, variable: Variable) -> Any:
        """The value of `variable` in the scope, None if the scope has none."""
        variable = variable._handle
        if state.stateless is self and id(variable) in self._saved:
            return variable._value
        return self.state_mapping.get(id(variable))

    def __enter__(self) -> StatelessScope:
        self._saved: dict[int, tuple[Variable, Any]] = {}
        self._outer, state.stateless = state.stateless, self
        self._outer_losses = state.losses
        if self.collect_losses:
            state.losses = self.losses
        for variable, value in self._start:
            self.write(variable, value)
        return self

    def __exit__(self, *exc: object) -> None:
        state.stateless, state.losses = self._outer, self._outer_losses
        for variable, value in self._saved.values():
            self.state_mapping[id(variable)] = variable._value
            variable._put(value)


class Forgetting(StatelessScope):
    """Context of a call that computes nothing: assignments are undone, except those of layers that are built in it."""

    except_builds = True


class Carried(StatelessScope):
    """Context that collects assignments instead of making them, so that a transform can return the values.

    `keep` assigns the values that the transform returned.
    """

    def written(self) -> list[Variable]:
        """The values assigned so far."""
        self.variables = [v for v, _ in self._saved.values()]
        return [v._value for v in self.variables]

    def keep(self, values: Sequence[object]) -> None:
        """Assign the returned values."""
        for v, x in zip(self.variables, values, strict=True):
            v.assign(x)


class AutocastScope:
    """Context manager: floating variables are read in `dtype` (None: as they are)."""

    __slots__ = ("_old", "dtype")

    def __init__(self, dtype: str | None) -> None:
        self.dtype = standardize(dtype) if dtype is not None else None
        if self.dtype is not None and not is_float(self.dtype):
            raise DTypeError(f"[AutocastScope] expected a floating dtype or None, got {dtype!r}.")

    def __enter__(self) -> AutocastScope:
        self._old, state.autocast = state.autocast, self.dtype
        return self

    def __exit__(self, *exc: object) -> None:
        state.autocast = self._old


def read(weight: Any) -> Any:
    """The tensor of what a layer has as a weight, in the dtype of an autocast scope.

    That is a Variable, or what is computed from Variables, or what an engine has put in its place; None stays None.
    """
    cast = state.autocast
    if type(weight) not in parameters and isinstance(weight, VariableBase):
        return weight._tensor
    if cast is None or weight is None or not getattr(weight, "_autocast", True):
        return weight
    b = state.backend
    return b.cast(weight, cast) if b.dtype_name(weight.dtype) in FLOATS else weight


parameters: set[type] = set()  # classes of native tensors with the members of a Variable
