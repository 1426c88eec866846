"""`ShardedCheckpoint`: checkpoints of a run from which any mesh and any engine can go on."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

from kfront.callbacks.base import Logs
from kfront.callbacks.checkpoint import ResumingCallback
from kfront.core.errors import ArgumentError, SavingError
from kfront.core.typing import Config
from kfront.saving import background, checkpoints
from kfront.training.progress import Progress

_NAME = "checkpoint-"
_OWN = ("mark", "position", "random", "validation")  # what each process remembers for itself


class ShardedCheckpoint(ResumingCallback):
    """Saves a run while it goes on, so that `fit` in another program continues it, on another mesh or engine too.

    Each checkpoint is a folder ``checkpoint-000001`` …: every process writes the parts that it holds, and the folder
    gets its name when all have. It holds weights, the optimizer with its averages, metrics, streams of random numbers,
    the place in the data, and what the other callbacks remember. `fit` with this callback and the same folder goes on
    from the newest one, in the middle of an epoch too: with as many processes or others, with other layouts, or on
    another engine (where random layers draw the same only in portable mode). `model.load_weights(folder)` reads one
    elsewhere.

    All processes pass it to `fit`, with a folder that all of them see and that is of this run alone. Data must be
    reproducible, as for `BackupAndRestore`.

    Args:
        directory: the folder of the checkpoints.
        save_freq: ``"epoch"``, a number of batches, or False to save nothing.
        max_to_keep: how many checkpoints are kept; all if None.
        save_on_background: whether a thread writes files during training: the state is copied at once (which takes the
            memory of a copy), and `on_train_end` waits for the last. The error of a failed save is raised by the next
            one, or at the end.

    Raises:
        ArgumentError: an argument does not fit.

    Example:

    >>> import tempfile
    >>> import kfront
    >>> saver = kfront.callbacks.ShardedCheckpoint(tempfile.mkdtemp(), save_freq=100, max_to_keep=2)
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        save_freq: int | str | bool = "epoch",
        max_to_keep: int | None = 2,
        save_on_background: bool = True,
    ) -> None:
        super().__init__(save_freq)
        if not directory:
            raise ArgumentError(f"[ShardedCheckpoint] expected the name of a folder, got {directory!r}.")
        if max_to_keep is not None and (not isinstance(max_to_keep, int) or max_to_keep < 1):
            raise ArgumentError(
                f"[ShardedCheckpoint] expected `max_to_keep` to be a number from 1 or None, got {max_to_keep!r}."
            )
        self.directory, self.max_to_keep = os.fspath(directory), max_to_keep
        self.save_on_background = save_on_background
        self._number = 0
        self._pending: background.PendingSave | None = None

    def follow(self, progress: Progress) -> None:
        """Go on from the newest checkpoint, if there is one; the first process says which that is."""
        self._progress = progress
        progress.stored = lambda model: checkpoints.named_state(model).values()
        distributor = self.model._kf_backend.distributor
        count, mine = distributor.processes()
        if not mine:
            checkpoints.sweep(Path(self.directory), rf"{_NAME}\d+")
        (self._number,) = distributor.agreed([0 if mine else self._newest()])
        if not self._number:
            return
        found = checkpoints.Checkpoint(self._path(self._number))
        snapshot = found.state(0)
        if found.count == count and mine:
            own = found.state(mine)
            snapshot.update({key: own[key] for key in _OWN})
        self._last_batch_seen = snapshot["batch"]

        def load() -> None:
            with found:
                found.load(self.model)

        progress.go_on(snapshot, load, together=True)

    def _path(self, number: int) -> Path:
        return Path(self.directory) / f"{_NAME}{number:06d}"

    def _numbers(self) -> list[int]:
        """Those of the checkpoints that are there."""
        folder = Path(self.directory)
        found = [p for p in folder.iterdir() if re.fullmatch(rf"{_NAME}\d+", p.name)] if folder.is_dir() else []
        return sorted(int(p.name.removeprefix(_NAME)) for p in found if checkpoints.is_checkpoint(p))

    def _newest(self) -> int:
        """The newest checkpoint that can be read, 0 without any."""
        numbers = self._numbers()
        for number in reversed(numbers):
            try:
                with checkpoints.Checkpoint(self._path(number)) as found:
                    found.check()
                return number
            except SavingError as error:
                if number == numbers[0]:
                    raise
                warnings.warn(f"{error} The checkpoint before it is used.", stacklevel=2)
        return 0

    def _save(self, progress: Progress, epoch: int, batch: int) -> None:
        mine = self.model._kf_backend.distributor.processes()[1]

        def state() -> Config:
            snapshot = progress.snapshot(epoch, batch)
            return {key: snapshot[key] for key in _OWN} if mine else snapshot

        self._number += 1
        path = self._path(self._number)
        self._pending = checkpoints.write(self.model, path, state, self.save_on_background, self._prune)

    def _prune(self) -> None:
        numbers = self._numbers()
        for number in numbers[: -self.max_to_keep] if self.max_to_keep else ():
            checkpoints.remove(self._path(number))

    def on_train_end(self, logs: Logs = None) -> None:
        """Wait until the last checkpoint is there."""
        super().on_train_end(logs)
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.wait()
