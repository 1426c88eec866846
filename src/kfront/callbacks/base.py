"""`Callback`: what training calls at each epoch and batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from kfront.core.typing import Config

if TYPE_CHECKING:
    from kfront.models import Model

Logs: TypeAlias = dict[str, Any] | None


class Callback:
    """Base of the callbacks: override the hooks you need.

    `logs` of batch hooks are computed when they are first read, so that a hook which does not look at them costs
    nothing. What a callback changes in the model (weights, learning rate) holds at once on every backend.

    Attributes:
        model: the model that is trained.
        params: dict with ``"verbose"``, ``"epochs"`` and ``"steps"``.

    Example:

    >>> import kfront
    >>> class Announce(kfront.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch} is over")
    """

    _kf_remembered: tuple[str, ...] = ()  # attributes that `state_dict` holds
    _kf_last = False  # whether its hooks run after those of the others

    def __init__(self) -> None:
        self.params: Config | None = None
        self._model: Model | None = None

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return self.__dict__.get("_model")

    def set_params(self, params: Config) -> None:
        """Called before training with the parameters of the loop."""
        self.params = params

    def set_model(self, model: Model) -> None:
        """Called before training with the model."""
        self._model = model

    def state_dict(self) -> Config:
        """What the callback must remember for a run that is taken up in another process: plain values and arrays."""
        return {name: getattr(self, name) for name in self._kf_remembered}

    def load_state_dict(self, state: Config) -> None:
        """Remember what `state_dict` gave.

        Args:
            state: as `state_dict` returned it.
        """
        for name in self._kf_remembered:
            if name in state:
                setattr(self, name, state[name])

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """As `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """As `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called before each epoch of `fit`; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called after each epoch of `fit` and its validation; `logs` holds all results."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before each batch of `fit`."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after each batch of `fit`; `logs` holds the results of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before each batch of `evaluate`, also of the validation in `fit`."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after each batch of `evaluate`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before each batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after each batch of `predict`; ``logs["outputs"]`` holds its outputs."""

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called when `fit` begins."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Called when `fit` ends, with the results of the last epoch."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """Called when `evaluate` begins, also for the validation in `fit`."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Called when `evaluate` ends, with its results."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called when `predict` begins."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Called when `predict` ends."""
