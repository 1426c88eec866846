"""Callbacks that watch one result: stop early, lower the learning rate."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kfront.callbacks.base import Callback, Logs
from kfront.core.errors import ArgumentError
from kfront.core.operators import VariableBase
from kfront.core.options import not_negative
from kfront.utils.io_utils import print_msg

if TYPE_CHECKING:
    from kfront.models.model import Model
    from kfront.optimizers.base import Optimizer

_LARGER_IS_BETTER = ("acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "io_u", "r2", "correlation", "cosine")
_SMALLER_IS_BETTER = ("loss", "error", "mse", "mae", "crossentropy", "divergence", "hinge", "poisson", "logcosh")


class MonitorCallback(Callback):
    """Base of callbacks that watch whether a result gets better.

    Args:
        monitor: name of the result, as in `logs`.
        mode: ``"min"``, ``"max"``, or ``"auto"``: chosen by the metric.
        baseline: the value to beat at first.
        min_delta: the least change that counts.

    Attributes:
        best: the best value so far, None before the first.
    """

    _kf_remembered = ("best",)

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"[{type(self).__name__}] mode {mode!r} is not known, 'auto' is used.", stacklevel=3)
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[[float, float], bool] | None = None
        if mode != "auto":
            self._set_monitor_op()

    def _set_monitor_op(self) -> None:
        larger = self._larger_is_better()
        self.monitor_op = (lambda a, b: a > b) if larger else (lambda a, b: a < b)
        self._sign = 1 if larger else -1

    def _larger_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return False
        for m in getattr(self.model, "metrics", ()):
            direction = getattr(m, "_direction", None)
            if m.name == name and direction in ("up", "down"):
                return direction == "up"
        for words, larger in ((_LARGER_IS_BETTER, True), (_SMALLER_IS_BETTER, False)):
            if any(w in name.lower() for w in words):
                return larger
        raise ArgumentError(
            f"[{type(self).__name__}] expected a metric whose better direction is known, got monitor={self.monitor!r}; "
            "pass mode='min' or mode='max'."
        )

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        assert self.monitor_op is not None
        return self.monitor_op(value - self._sign * self.min_delta, reference)

    def get_monitor_value(self, logs: Logs) -> float | None:
        """The watched result, None (with a warning) where `logs` does not have it; of several values their mean."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"[{type(self).__name__}] expected {self.monitor!r} among the results, got "
                f"{', '.join(logs or {}) or 'none'}; nothing is done.",
                stacklevel=3,
            )
        if value is None or not np.ndim(value):
            return value
        return float(np.mean(value))  # a metric may have a value for each class


class EarlyStopping(MonitorCallback):
    """Stops training when a result no longer gets better.

    Args:
        monitor: name of the result.
        min_delta: the least change that counts as better.
        patience: epochs without a better result before training stops.
        verbose: 1 prints what is done.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        baseline: training also stops if the result does not beat this within `patience` epochs.
        restore_best_weights: set the weights at the end to those of the best epoch.
        start_from_epoch: epochs before it are not looked at.

    Example:

    >>> import kfront
    >>> kfront.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True).patience
    3
    """

    _kf_remembered = ("best", "wait", "stopped_epoch", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = not_negative(self, "patience", patience), verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Reset the best value and the counters."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best, self.best_weights = None, None

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Look whether the result got better."""
        if self.monitor_op is None:
            self._set_monitor_op()
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._is_improvement(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self._is_improvement(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        """Report, and restore the best weights."""
        if self.stopped_epoch > 0 and self.verbose:
            print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print_msg(f"Restoring the weights of the best epoch, {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a result no longer gets better.

    Args:
        monitor: name of the result.
        factor: what the learning rate is multiplied by, below 1.
        patience: epochs without a better result before the rate is lowered.
        verbose: 1 prints what is done.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        min_delta: the least change that counts as better.
        cooldown: epochs after a change that are not looked at.
        min_lr: the rate does not go below it.
        **kwargs: not used.

    Raises:
        ArgumentError: if `factor` is not below 1.

    Example:

    >>> import kfront
    >>> kfront.callbacks.ReduceLROnPlateau(factor=0.5, patience=2).factor
    0.5
    """

    _kf_remembered = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: object,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ArgumentError(f"[ReduceLROnPlateau] expected `factor` < 1, got {factor!r}.")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Reset the best value and the counters."""
        self.best, self.cooldown_counter, self.wait = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Look whether the result got better."""
        if self.monitor_op is None:
            self._set_monitor_op()
        if logs is not None:
            logs.update(read_rates(self.model))
        value = self.get_monitor_value(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._lower(epoch)

    def _lower(self, epoch: int) -> None:
        for name, optimizer in self.model.optimizer._kf_rated.items():
            rate = _read(optimizer)
            if rate <= self.min_lr:
                continue
            new = optimizer.learning_rate = max(rate * self.factor, self.min_lr)
            if self.verbose:
                print_msg(f"Epoch {epoch + 1}: {name} is lowered to {new}.")
            self.cooldown_counter, self.wait = self.cooldown, 0

    def in_cooldown(self) -> bool:
        """Whether results are not looked at."""
        return self.cooldown_counter > 0


def read_rates(model: Model) -> dict[str, float]:
    """The optimizer's learning rate, or those of the optimizers inside it, by the names they have in logs."""
    return {name: _read(optimizer) for name, optimizer in model.optimizer._kf_rated.items()}


def _read(optimizer: Optimizer) -> float:
    rate = optimizer.learning_rate
    if isinstance(rate, VariableBase):
        return float(rate.numpy())
    return float(rate) if isinstance(rate, (int, float)) else float(optimizer._kf_backend.to_numpy(rate))
