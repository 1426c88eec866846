"""Small callbacks."""

from __future__ import annotations

import csv
import json
import math
import os
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kfront.callbacks.base import Callback, Logs
from kfront.callbacks.monitor import read_rates
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import AnyCallable
from kfront.utils.io_utils import print_msg


class LambdaCallback(Callback):
    """A callback from functions.

    Args:
        on_epoch_begin: called as ``f(epoch, logs)``.
        on_epoch_end: called as ``f(epoch, logs)``.
        on_train_begin: called as ``f(logs)``.
        on_train_end: called as ``f(logs)``.
        on_train_batch_begin: called as ``f(batch, logs)``.
        on_train_batch_end: called as ``f(batch, logs)``.
        **kwargs: functions for any other hook of `Callback`.

    Example:

    >>> import kfront
    >>> callback = kfront.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
    >>> callback.on_epoch_end(3, {})
    3
    """

    def __init__(
        self,
        on_epoch_begin: AnyCallable | None = None,
        on_epoch_end: AnyCallable | None = None,
        on_train_begin: AnyCallable | None = None,
        on_train_end: AnyCallable | None = None,
        on_train_batch_begin: AnyCallable | None = None,
        on_train_batch_end: AnyCallable | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        self.__dict__.update(kwargs)
        self.__dict__.update({k: f for k, f in given.items() if f is not None})


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: ``f(epoch, learning_rate)`` (or ``f(epoch)``) that returns the new rate, a float.
        verbose: 1 prints the rate.

    Raises:
        ArgumentTypeError: at the beginning of an epoch, if the schedule returns something else.

    Example:

    >>> import kfront
    >>> callback = kfront.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set the rate."""
        if not hasattr(self.model.optimizer, "_kf_rated"):
            raise ArgumentError("[LearningRateScheduler] expected an optimizer with a `learning_rate`, got none.")
        for name, now in read_rates(self.model).items():
            try:
                rate = self.schedule(epoch, now)
            except TypeError:
                rate = self.schedule(epoch)
            if not isinstance(rate, (float, np.floating)):
                raise ArgumentTypeError(f"[LearningRateScheduler] expected `schedule` to return a float, got {rate!r}.")
            self.model.optimizer._kf_rated[name].learning_rate = float(rate)
            if self.verbose:
                print_msg(f"Epoch {epoch + 1}: {name} is set to {float(rate)}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add the rate to the results."""
        if logs is not None:
            logs.update(read_rates(self.model))


class TerminateOnNaN(Callback):
    """Stops training as soon as the loss is NaN or infinite. It reads the loss after every batch.

    Args:
        raise_error: raise a RuntimeError instead of ending `fit` quietly.

    Example:

    >>> import kfront
    >>> kfront.callbacks.TerminateOnNaN().raise_error
    False
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(float(loss)):
            return
        message = f"Batch {batch}: the loss is {float(loss)}, training stops."
        if self.raise_error:
            raise RuntimeError(message)
        self.model.stop_training = True
        print_msg(message)


class CSVLogger(Callback):
    """Writes the results of each epoch as a line of a CSV file.

    Args:
        filename: the file.
        separator: between fields.
        append: go on with an existing file instead of replacing it.

    Example:

    >>> import kfront
    >>> kfront.callbacks.CSVLogger("log.csv").sep
    ','
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.sep, self.append = str(filename), separator, append
        self.keys: list[str] | None = None
        self.csv_file: Any = None
        self._writer: Any = None
        self._with_header = True

    def on_train_begin(self, logs: Logs = None) -> None:
        """Open the file."""
        if self.append:
            try:
                with open(self.filename, encoding="utf-8") as f:
                    self._with_header = not f.readline().strip()
            except FileNotFoundError:
                self._with_header = True
        self.csv_file = open(self.filename, "a" if self.append else "w", encoding="utf-8", newline="")  # noqa: SIM115
        self._writer, self.keys = None, None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write a line."""
        logs = dict(logs or {})
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(k.startswith("val_") for k in self.keys):
                self.keys += [f"val_{k}" for k in self.keys]  # validation may begin in a later epoch
        if self._writer is None:
            names = ["epoch", *self.keys]
            self._writer = csv.DictWriter(self.csv_file, names, delimiter=self.sep, restval="NA", extrasaction="ignore")
            if self._with_header:
                self._writer.writeheader()
        self._writer.writerow({"epoch": epoch, **{k: _field(logs.get(k, "NA")) for k in self.keys}})
        self.csv_file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        """Close the file."""
        if self.csv_file is not None:
            self.csv_file.close()
        self._writer = None


def _field(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    if isinstance(value, Iterable):
        return f'"[{", ".join(map(str, value))}]"'
    return value


class RemoteMonitor(Callback):
    """Sends the results of each epoch to a server by HTTP POST.

    Args:
        root: address of the server.
        path: path under it.
        field: form field that holds the results as JSON.
        headers: HTTP headers.
        send_as_json: send JSON as the body instead of a form.

    Example:

    >>> import kfront
    >>> monitor = kfront.callbacks.RemoteMonitor("http://localhost:9000", send_as_json=True)
    >>> monitor.root + monitor.path
    'http://localhost:9000/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Send the results; a server that does not answer is warned about."""
        text = json.dumps({"epoch": epoch, **{k: np.asarray(v).tolist() for k, v in (logs or {}).items()}})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, body.encode(), headers)
        if request.type not in ("http", "https"):
            raise ArgumentError(f"[RemoteMonitor] expected an http(s) address as `root`, got {self.root!r}.")
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except OSError:
            warnings.warn(f"[RemoteMonitor] could not reach {self.root}.", stacklevel=2)


class SwapEMAWeights(Callback):
    """Evaluates and predicts with the averages that an optimizer with ``use_ema=True`` keeps.

    Args:
        swap_on_epoch: swap at the end of each epoch too and back at the beginning of the next one, so that callbacks
            such as `ModelCheckpoint` get the averages; otherwise around each evaluation and prediction only.

    Example:

    >>> import kfront
    >>> kfront.callbacks.SwapEMAWeights().swap_on_epoch
    False
    """

    _kf_remembered = ("_swapped",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped, self._swapped_for_test = False, False
        self._kf_kept: list[np.ndarray] = []

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Variables and their averages."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ArgumentError("[SwapEMAWeights] expected an optimizer with use_ema=True, got one without.")
        if not optimizer.built:
            return []
        pairs = zip(optimizer._trainable_variables, optimizer._kf_averages, strict=True)
        return [(v, a) for v, a in pairs if a is not None]

    def _swap(self) -> None:
        if not (pairs := self._pairs()):
            return
        values = [(v.numpy(), a.numpy()) for v, a in pairs]
        for (v, a), (mine, average) in zip(pairs, values, strict=True):
            v.assign(average)
            a.assign(mine)
        self._swapped = not self._swapped
        self._kf_kept = [average for _, average in values] if self._swapped else []

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Swap back."""
        if self.swap_on_epoch and self._swapped:
            self._swap()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Swap."""
        if self.swap_on_epoch and not self._swapped:
            self._swap()

    def on_train_end(self, logs: Logs = None) -> None:
        """Leave the averages in the model: `fit` has taken them from where the other values are."""
        for (v, a), average in zip(self._pairs(), self._kf_kept, strict=False):
            v.assign(average)
            a.assign(average)
        self._swapped, self._kf_kept = False, []

    def on_test_begin(self, logs: Logs = None) -> None:
        """Swap, if the averages are not in the model."""
        self._swapped_for_test = not self._swapped
        if self._swapped_for_test:
            self._swap()

    def on_test_end(self, logs: Logs = None) -> None:
        """Swap back."""
        if self._swapped_for_test:
            self._swap()

    on_predict_begin = on_test_begin
    on_predict_end = on_test_end
