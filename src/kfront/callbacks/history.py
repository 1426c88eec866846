"""What happened in training: `History` keeps it, `ProgbarLogger` shows it."""

from __future__ import annotations

import time
from typing import Any

from kfront.callbacks.base import Callback, Logs
from kfront.core.typing import Config
from kfront.utils.io_utils import print_msg
from kfront.utils.progbar import Progbar

_INTERVAL = 0.1  # seconds between two drawings


class History(Callback):
    """Keeps the results of all epochs; `fit` adds one and returns it.

    Attributes:
        history: dict name -> list of results, one for each epoch.
        epoch: the epochs' numbers.

    Example:

    >>> import kfront
    >>> history = kfront.callbacks.History()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.history
    {'loss': [0.5]}
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        """Drop the epochs of an earlier `fit`."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Note the results."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        model = self.model
        if model is not None and getattr(model, "history", None) is not self:
            model.history = self


class ProgbarLogger(Callback):
    """Shows steps done, the time that is left, the time per step, and results.

    The line is drawn at most ten times a second; in between, a batch costs one look at the clock, and no result is
    read from the device. Where the output is not a terminal, one line is written for each epoch.

    `fit`, `evaluate` and `predict` add one themselves unless ``verbose=0``.

    Example:

    >>> import kfront
    >>> callbacks = kfront.callbacks.CallbackList([kfront.callbacks.ProgbarLogger()])
    >>> type(callbacks.callbacks[0]).__name__
    'ProgbarLogger'
    """

    def __init__(self) -> None:
        super().__init__()
        self.target: int | None = None
        self.progbar: Any = None
        self._in_fit = False
        self._due = 0.0
        self._verbose, self._epochs = 1, 1

    def set_params(self, params: Config) -> None:
        """Take over how much to show."""
        super().set_params(params)
        self._verbose = int(params.get("verbose", 1))
        self._epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    # -- one bar ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.progbar = Progbar(self.target, verbose=self._verbose, interval=0.0, stateless_metrics=())
        self._live = self._verbose == 1 and self.progbar._live
        self._seen = 0
        self._due = 0.0

    def _kf_step(self, batch: int, logs: Logs) -> None:
        self._seen = batch + 1
        now = time.perf_counter()
        if now < self._due or self.progbar is None:
            return
        self._due = now + _INTERVAL
        values = list(logs.items()) if self._live and logs and self._seen > 1 else None
        self.progbar.update(self._seen, values, finalize=False)

    def _finish(self, logs: Logs) -> None:
        bar = self.progbar
        if bar is None:
            return
        if bar.target is None:
            self.target = bar.target = self._seen
        bar.update(self._seen, list((logs or {}).items()), finalize=True)
        self.progbar = None

    # -- fit ----------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs = None) -> None:
        """Note that validation belongs to the epoch's line."""
        self._in_fit = True

    def on_train_end(self, logs: Logs = None) -> None:
        """Evaluations from now on have lines of their own."""
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the epoch's line."""
        if self._verbose and self._epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{self._epochs}")
        self._start()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Draw, if it is time to."""
        self._kf_step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Finish the line, validation results included."""
        self._finish(logs)

    # -- evaluate and predict -----------------------------------------------------------------------------------------

    def on_test_begin(self, logs: Logs = None) -> None:
        """Start the line of `evaluate`."""
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Draw, if it is time to."""
        if not self._in_fit:
            self._kf_step(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        """Finish the line of `evaluate`."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Start the line of `predict`."""
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Draw, if it is time to."""
        self._kf_step(batch, None)

    def on_predict_end(self, logs: Logs = None) -> None:
        """Finish the line of `predict`."""
        self._finish(None)
