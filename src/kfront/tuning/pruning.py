"""A callback that ends trials which lag behind."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from kfront.callbacks.base import Callback
from kfront.core.errors import ArgumentError
from kfront.tuning.library import library

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from kfront.callbacks.base import Logs


class PruningCallback(Callback):
    """Reports a result after each epoch, and ends the trial where Optuna's pruner says so.

    Args:
        trial: a trial of Optuna.
        monitor: name of the result, such as ``"val_loss"``.

    Raises:
        optuna.TrialPruned: within `fit`, if the trial is to end.
        ArgumentError: within `fit`, if there is no such result.

    Example:

    >>> import optuna
    >>> from kfront import tuning
    >>> callback = tuning.PruningCallback(optuna.trial.FixedTrial({}), "loss")
    >>> callback.on_epoch_end(0, {"loss": 0.5})
    """

    def __init__(self, trial: BaseTrial, monitor: str) -> None:
        super().__init__()
        self.trial, self.monitor = trial, monitor

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Report, and ask."""
        if not logs or self.monitor not in logs:
            raise ArgumentError(
                f"[PruningCallback] expected a result named {self.monitor!r}, got {sorted(logs or ())}; "
                f"pass `validation_data` to `fit`, or monitor another."
            )
        with warnings.catch_warnings():
            # an epoch that is trained again, because the process ended before its backup, was reported already
            warnings.filterwarnings("ignore", message="The reported value is ignored")
            self.trial.report(float(logs[self.monitor]), epoch)
        if self.trial.should_prune():
            raise library().TrialPruned(f"{self.monitor} is {logs[self.monitor]} after epoch {epoch}")
