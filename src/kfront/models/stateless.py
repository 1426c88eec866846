"""A model's state as a tree of arrays, and its loss as a function of state, for custom training loops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kfront.backends import backend_scope
from kfront.core.errors import ArgumentError
from kfront.core.typing import Backend, Config
from kfront.core.variable import StatelessScope, read

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.optimizers.base import Optimizer

_GROUPS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
_FORMATS = ("backend_tensor", "numpy_array")


class Stateless:
    """Mixed into `Model`."""

    _kf_backend: Backend
    name: str
    optimizer: Optimizer
    trainable_variables: list[Variable]
    non_trainable_variables: list[Variable]
    metrics_variables: list[Variable]

    # -- trees --------------------------------------------------------------------------------------------------------

    def _kf_group(self, name: str) -> list[Any]:
        if name == "optimizer_variables":
            return [] if self.optimizer is None else self.optimizer.variables
        return getattr(self, name)

    def get_state_tree(self, value_format: str = "backend_tensor") -> Config:
        """All variables as nested dicts, by the parts of their paths.

        Args:
            value_format: "backend_tensor" for the engine's tensors, "numpy_array" for copies in NumPy.

        Returns:
            Dict with "trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables".

        Raises:
            ArgumentError: for an unknown format, or two variables of one path.

        Example:

        >>> import kfront
        >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2, name="out")], name="net")
        >>> sorted(model.get_state_tree()["trainable_variables"]["net"]["out"])
        ['bias', 'kernel']
        """
        if value_format not in _FORMATS:
            raise ArgumentError(f"[{self.name}] expected `value_format` in {_FORMATS}, got {value_format!r}.")
        host = value_format == "numpy_array"
        return {
            group: _tree((v.path, v.numpy() if host else read(v)) for v in self._kf_group(group)) for group in _GROUPS
        }

    def set_state_tree(self, state_tree: dict[str, object]) -> None:
        """Assign the values of a tree as `get_state_tree` gives; what it leaves out stays as it is.

        Args:
            state_tree: nested dicts of array-likes.

        Raises:
            ArgumentError: if it names variables that the model has not; nothing is assigned then.
            ShapeError: if a value has another shape than its variable.
        """
        pairs = []
        for group, values in state_tree.items():
            if group not in _GROUPS:
                raise ArgumentError(f"[{self.name}] expected groups among {_GROUPS}, got {group!r}.")
            known = {v.path: v for v in self._kf_group(group)}
            for path, value in _flat(values):
                if path not in known:
                    raise ArgumentError(
                        f"[{self.name}] expected paths of {group} such as {', '.join(list(known)[:3]) or 'none'}, got "
                        f"{path!r}."
                    )
                pairs.append((known[path], value))
        for variable, value in pairs:
            variable.assign(value)

    # -- functions of state -------------------------------------------------------------------------------------------

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Variable],
        non_trainable_variables: Sequence[Variable],
        metrics_variables: Sequence[Variable],
        x: object = None,
        y: object = None,
        y_pred: object = None,
        sample_weight: object = None,
        training: bool = True,
    ) -> tuple[Any, tuple[list[Any], list[Any], list[Any]]]:
        """`compute_loss` with the given values of the variables; nothing is assigned.

        Args:
            trainable_variables: values, in the order of the attribute.
            non_trainable_variables: values, likewise.
            metrics_variables: values, likewise.
            x: inputs.
            y: targets.
            y_pred: outputs.
            sample_weight: weights of the samples.
            training: whether this is a training step.

        Returns:
            (loss, values of the three groups afterwards).
        """
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        given = (trainable_variables, non_trainable_variables, metrics_variables)
        pairs = [p for own, values in zip(groups, given, strict=True) for p in zip(own, values, strict=True)]
        with backend_scope(self._kf_backend), StatelessScope(pairs):
            loss = self.compute_loss(x, y, y_pred, sample_weight, training)  # type: ignore[attr-defined]
            after = tuple([v._value for v in own] for own in groups)
        return loss, after  # type: ignore[return-value]

    def compute_loss_and_updates(
        self,
        trainable_variables: Sequence[Variable],
        non_trainable_variables: Sequence[Variable],
        metrics_variables: Sequence[Variable],
        x: object,
        y: object,
        sample_weight: object,
        training: bool = False,
        optimizer_variables: Sequence[Variable] | None = None,
    ) -> tuple[Any, tuple[Any, Any, list[Any], list[Any]]]:
        """Loss and new state for the given values of the variables, to be differentiated by the first argument.

        Args:
            trainable_variables: values, in the order of the attribute.
            non_trainable_variables: values, likewise.
            metrics_variables: values, likewise.
            x: inputs.
            y: targets.
            sample_weight: weights of the samples, or None.
            training: whether layers behave as in training.
            optimizer_variables: values of the optimizer's variables, where it scales the loss.

        Returns:
            (scaled loss, (loss, outputs, new non-trainable values, new values of the metrics)).
        """
        call: dict[str, object] = {"training": training} if self._kf_steps().takes_training else {}  # type: ignore[attr-defined]
        y_pred, rest, losses = self.stateless_call(  # type: ignore[attr-defined]
            trainable_variables, non_trainable_variables, x, return_losses=True, **call
        )
        with backend_scope(self._kf_backend), _added(self, losses):
            loss, (_, rest, metrics) = self.stateless_compute_loss(
                trainable_variables, rest, metrics_variables, x, y, y_pred, sample_weight, training
            )
        scaled = loss
        if training and self.optimizer is not None and self.optimizer._kf_scales_loss:
            own = self.optimizer.variables if optimizer_variables is not None else ()
            with backend_scope(self._kf_backend), StatelessScope(zip(own, optimizer_variables or (), strict=True)):
                scaled = self.optimizer.scale_loss(loss)
        return scaled, (loss, y_pred, rest, metrics)

    def state_sync(self) -> None:
        """Nothing: the variables hold the state of training at any time, on every engine."""

    def jax_state_sync(self) -> None:
        """Nothing: the variables hold the state of training at any time, on every engine."""


class _added:
    """Context in which a model holds the losses that a stateless call gave, but for those of its weights."""

    def __init__(self, model: Any, losses: Sequence[object]) -> None:
        self.model = model
        self.losses = list(losses)[: len(losses) - len(model._kf_weight_losses())]

    def __enter__(self) -> None:
        if self.losses:
            self.model.add_loss(self.losses)

    def __exit__(self, *exc: object) -> None:
        if self.losses:
            del self.model._losses[-len(self.losses) :]


def _tree(items: Iterable[tuple[str, object]]) -> Config:
    out: dict[str, Any] = {}
    for path, value in items:
        *folders, name = path.split("/")
        place = out
        for folder in folders:
            place = place.setdefault(folder, {})
        if name in place:
            raise ArgumentError(f"[get_state_tree] expected paths that differ, got {path!r} twice; name the variables.")
        place[name] = value
    return out


def _flat(tree: object, path: str = "") -> Iterable[tuple[str, object]]:
    if not isinstance(tree, dict):
        yield path, tree
        return
    for name, sub in tree.items():
        yield from _flat(sub, f"{path}/{name}" if path else str(name))
