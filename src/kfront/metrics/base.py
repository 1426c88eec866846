"""`Metric`: state on the device that batches are added to, and a result computed from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from kfront import initializers
from kfront.backends import backend_scope, current, get
from kfront.core import shapes, tree
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.naming import auto_name, name_scope
from kfront.core.operators import VariableBase
from kfront.core.options import Configurable
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.tracking import Tracker
from kfront.core.typing import Backend, Config, DTypeLike, InitializerLike, ShapeLike, Tensor, TensorLike
from kfront.core.variable import StatelessScope, Variable
from kfront.losses import regression
from kfront.losses.base import _compute_dtype


def as_tensor(x: Any, dtype: str | None = None) -> Tensor:
    """What a batch consists of as a tensor of `dtype`, or of the dtype that it has.

    Raises:
        ArgumentError: for a symbolic tensor: it has no values that could be counted. Where shapes are inferred, in a
            layer that holds a metric, there are none yet.
    """
    if isinstance(x, KerasTensor) and not state.symbolic:
        raise ArgumentError(f"[update_state] expected values, got {x}, which is symbolic.")
    return regression.as_tensor(x, dtype)


def check_same_shape(name: str, y_true: Tensor, y_pred: Tensor) -> None:
    """Refuse targets and predictions that would be stretched to each other's shape.

    Raises:
        ShapeError: if the shapes differ.
    """
    if not shapes.may_be_equal(y_true.shape, y_pred.shape):
        raise ShapeError(
            f"[{name}] expected targets and predictions of one shape, got {tuple(y_true.shape)} and "
            f"{tuple(y_pred.shape)}."
        )


def _kind_of(value: object) -> str | None:
    if isinstance(value, VariableBase):
        return "variable"
    return "metric" if isinstance(value, Metric) else None


def _nobody(attribute: str, added: Sequence[object], removed: Sequence[object]) -> None:
    """Metrics do not track their attributes for an engine."""


class Metric(Configurable):
    """Base of the metrics: create state in `__init__`, define `update_state` and `result`.

    Args:
        dtype: dtype name or policy of state and result; floatx if None.
        name: the metric's name; made from the class name if None.

    Attributes:
        variables: the state, that of metrics which are attributes, or in lists and dicts that are, included.

    Example:

    >>> import kfront
    >>> class Largest(kfront.metrics.Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.most = self.add_weight(shape=(), initializer="zeros", name="most")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.most.assign(kfront.ops.maximum(self.most, kfront.ops.max(y_pred)))
    ...     def result(self):
    ...         return self.most.value
    >>> metric = Largest()
    >>> metric.update_state([0.0], [3.0])
    >>> float(metric.result())
    3.0
    """

    _direction: str | None = None  # "up" or "down": what is better, for callbacks
    _kf_tracked_kind = "metric"  # layers file it as such

    name: str
    _tracker: Tracker
    _kf_backend: Backend

    _kf_of_instance = frozenset({"name"})

    def __init__(self, dtype: DTypeLike = None, name: str | None = None) -> None:
        fields = self.__dict__
        fields["_tracker"] = Tracker(_kind_of, _nobody)
        fields["_kf_backend"] = current()
        self.name = name if name is not None else auto_name(type(self).__name__)
        self._dtype = _compute_dtype(dtype)

    def __setattr__(self, name: str, value: object) -> None:
        tracker = self.__dict__.get("_tracker")
        if tracker is not None:
            kept = tracker.track(name, value)  # lists of plain things stay lists: torch.compile cannot take others
            value = kept if type(value) not in (list, dict) or not value or name in tracker.items else value
        elif _kind_of(value) is not None:
            raise ArgumentError(
                f"[{type(self).__name__}] expected `super().__init__()` before attributes are set, got {name!r} first."
            )
        object.__setattr__(self, name, value)

    @property
    def _kf_own(self) -> list[Variable]:
        return self._tracker.of_kind("variable")

    @property
    def _kf_inner(self) -> list[Metric]:
        return self._tracker.of_kind("metric")

    @property
    def dtype(self) -> str:
        """The dtype of state and result."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state: its own Variables, then those of metrics inside it."""
        return [*self._kf_own, *(v for m in self._kf_inner for v in m.variables)]

    def add_variable(
        self,
        shape: ShapeLike,
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Add a Variable to the state.

        Args:
            shape: its shape.
            initializer: name of an initializer, or a callable.
            dtype: dtype name; the metric's if None.
            aggregation: how replicas are combined.
            name: its name.

        Returns:
            The Variable.
        """
        b = self._kf_backend
        with backend_scope(b), b.eager(), name_scope(self.name, caller=self):
            made = Variable(
                initializers.get("zeros" if initializer is None else initializer),
                shape,
                self._dtype if dtype is None else dtype,
                trainable=False,
                autocast=False,
                aggregation=aggregation,
                synchronization="on_read",
                name=name,
            )
        self._tracker.track(f"_weight_{len(self._tracker.items)}_{made.name}", made)
        return made

    def add_weight(
        self,
        shape: ShapeLike = (),
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        name: str | None = None,
    ) -> Variable:
        """As `add_variable`, by default for a scalar with the value zero."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def reset_state(self) -> None:
        """Set all Variables to zero."""
        for m in self._kf_inner:
            m.reset_state()
        if self._kf_own:
            b = self._kf_backend
            with backend_scope(b):
                b.foreach.zero(self._kf_own)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch; subclasses define it."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `update_state`.")

    def result(self) -> Any:
        """The result so far: a tensor or a dict of tensors; subclasses define it."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `result`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        if state.backend is not self._kf_backend:
            with backend_scope(self._kf_backend):
                return self(*args, **kwargs)
        self.update_state(*args, **kwargs)
        return self.result()

    # -- without side effects -----------------------------------------------------------------------------------------

    def _kf_scope(self, values: Sequence[TensorLike]) -> StatelessScope:
        mine = self.variables
        if len(values) != len(mine):
            raise ArgumentError(f"[{self.name}] expected values of {len(mine)} variables, got {len(values)}.")
        return StatelessScope(state_mapping=list(zip(mine, values, strict=True)))

    def stateless_update_state(
        self, metric_variables: Sequence[TensorLike], *args: object, **kwargs: object
    ) -> list[Tensor]:
        """`update_state` as a function of values.

        Args:
            metric_variables: values of `variables`.
            *args: as `update_state` takes them.
            **kwargs: as `update_state` takes them.

        Returns:
            The new values.
        """
        with self._kf_scope(metric_variables) as scope:
            self.update_state(*args, **kwargs)
            return [scope.get_current_value(v) for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[TensorLike]) -> Any:
        """`result` as a function of values.

        Args:
            metric_variables: values of `variables`.
        """
        with self._kf_scope(metric_variables):
            return tree.map_structure(lambda x: x._tensor if isinstance(x, Variable) else x, self.result())

    def _kf_on_host(self) -> Any:
        """The result for those who read it at once: a tensor, or a number that is cheaper to have."""
        return self.result()

    def stateless_reset_state(self) -> list[Tensor]:
        """Values of `variables` to start with."""
        mine = self.variables
        with StatelessScope() as scope:
            self.reset_state()
            return [scope.get_current_value(v) for v in mine]

    # -- config -------------------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {"name": self.name, "dtype": self._dtype, **self._kf_stored_options()}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A metric from its config."""
        return cls(**config)

    def __getstate__(self) -> Config:
        return {**self.__dict__, "_kf_backend": self._kf_backend.name}

    def __setstate__(self, kept: Config) -> None:
        self.__dict__.update(kept, _kf_backend=get(kept["_kf_backend"]))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def reset_all(metrics: Iterable[Any]) -> None:
    """`reset_state` of several metrics; those that do nothing of their own in it are set to zero together.

    Args:
        metrics: Metrics, or objects that have `reset_state`.
    """
    together: dict[Backend, list[Variable]] = {}
    for m in metrics:
        if getattr(type(m), "reset_state", None) is Metric.reset_state and not m._kf_inner:
            together.setdefault(m._kf_backend, []).extend(m._kf_own)
        else:
            m.reset_state()
    for b, variables in together.items():
        if variables:
            with backend_scope(b):
                b.foreach.zero(variables)


def result_on_host(metric: Metric) -> Any:
    """The result of a metric (or of an object that has `result`) for those who read it at once: tensors or numbers."""
    return metric._kf_on_host() if isinstance(metric, Metric) else metric.result()
