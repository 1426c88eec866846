"""Callbacks that write the model to files."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path

from kfront.callbacks.base import Callback, Logs
from kfront.callbacks.monitor import MonitorCallback
from kfront.core.errors import ArgumentError, SavingError
from kfront.core.files import atomic_write
from kfront.core.typing import Config
from kfront.saving.background import PendingSave
from kfront.saving.walk import stored_variables
from kfront.saving.weights_h5 import read_weights, write_weights
from kfront.training.progress import Progress, pack, unpack
from kfront.utils.io_utils import print_msg


class SavingCallback(MonitorCallback):
    """Base of callbacks that save after epochs or batches, perhaps only what is best; a subclass has `_save_model`.

    Subclasses in programs call and replace the methods that have an underscore, under the names of Keras.

    Args:
        monitor, verbose, save_best_only, mode, save_freq, initial_value_threshold: as `ModelCheckpoint` has them.

    Raises:
        ArgumentError: an argument does not fit.
    """

    _kf_remembered = ("best", "_batches_since_save")

    def __init__(
        self, monitor: str, verbose: int, save_best_only: bool, mode: str, save_freq: int | str, threshold: float | None
    ) -> None:
        super().__init__(monitor, mode, threshold)
        self.verbose, self.save_best_only, self.save_freq = verbose, save_best_only, save_freq
        self._last_batch_seen = self._batches_since_save = 0
        self._current_epoch = 0
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(
                f"[{type(self).__name__}] expected `save_freq` to be 'epoch' or a number of batches, got {save_freq!r}."
            )

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Note the epoch."""
        self._current_epoch = epoch
        self._last_batch_seen = 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save, if so many batches have passed."""
        if self._should_save_on_batch(batch):
            self._save_model(epoch=self._current_epoch, batch=batch, logs=logs)

    def _should_save_on_batch(self, batch: int) -> bool:
        if self.save_freq == "epoch":
            return False
        self._batches_since_save += batch + 1 - self._last_batch_seen
        self._last_batch_seen = batch + 1
        if self._batches_since_save < self.save_freq:  # type: ignore[operator]
            return False
        self._batches_since_save = 0
        return True

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, unless `save_freq` counts batches."""
        if self.save_freq == "epoch":
            self._save_model(epoch=epoch, batch=None, logs=logs)

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        raise NotImplementedError

    def _is_better(self, epoch: int, logs: Logs) -> bool:
        if self.monitor_op is None:
            self._set_monitor_op()
        value = self.get_monitor_value(logs)
        if value is None:
            return True
        if getattr(value, "ndim", 0):
            warnings.warn(
                f"[{type(self).__name__}] {self.monitor!r} is not a number; the model is saved.", stacklevel=3
            )
            return True
        if not self._is_improvement(value, self.best):
            if self.verbose:
                print_msg(f"Epoch {epoch + 1}: {self.monitor} did not improve from {self.best:.5f}.")
            return False
        if self.verbose:
            old = "nothing" if self.best is None else f"{self.best:.5f}"
            print_msg(f"Epoch {epoch + 1}: {self.monitor} improved from {old} to {value:.5f}.")
        self.best = value
        return True


class ModelCheckpoint(SavingCallback):
    """Saves the model, or its weights, while it is trained.

    Args:
        filepath: file name; ``{epoch}`` and the names of results in it are filled in
            (``"model-{epoch:02d}-{val_loss:.2f}.keras"``). It ends in ``.keras`` or ``.h5``, with `save_weights_only`
            in ``.weights.h5``, with `max_shard_size` in ``.weights.json``.
        monitor: name of the result that decides with `save_best_only`.
        verbose: 1 prints what is done.
        save_best_only: save only when the result is the best so far.
        save_weights_only: save only the weights.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        save_freq: ``"epoch"``, or a number of batches.
        initial_value_threshold: with `save_best_only`, the value to beat at first.
        save_on_background: whether a thread writes files during training: the state is copied at once, and
            `on_train_end` waits for the last file. The error of a failed save is raised by the next one, or at the end.
        max_shard_size: gigabytes; with `save_weights_only`, the weights are split into files of at most that size.

    Raises:
        ArgumentError: an argument does not fit.

    Example:

    >>> import kfront
    >>> kfront.callbacks.ModelCheckpoint("best.keras", save_best_only=True).save_freq
    'epoch'
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        *,
        save_on_background: bool = False,
        max_shard_size: float | None = None,
    ) -> None:
        super().__init__(monitor, verbose, save_best_only, mode, save_freq, initial_value_threshold)
        self.filepath, self.save_weights_only = os.fspath(filepath), save_weights_only
        self.save_on_background, self.max_shard_size = save_on_background, max_shard_size
        self._pending: PendingSave | None = None
        if max_shard_size is not None and not save_weights_only:
            raise ArgumentError(
                f"[ModelCheckpoint] expected `save_weights_only=True` with `max_shard_size`, got {max_shard_size!r} "
                "for whole models, which are saved in one file."
            )
        endings = (".keras",) if save_on_background else (".keras", ".h5")
        if save_weights_only:
            endings = (".weights.h5",) if max_shard_size is None else (".weights.json",)
        if not self.filepath.endswith(endings):
            what = "weights" if save_weights_only else "models"
            raise ArgumentError(
                f"[ModelCheckpoint] expected a `filepath` that ends in {' or '.join(endings)} for {what} with these "
                f"options, got {self.filepath!r}."
            )

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._get_file_path(epoch, batch, logs)
        if self.save_best_only and not self._is_better(epoch, logs):
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.verbose:
            print_msg(f"Epoch {epoch + 1}: saving the model to {path}")
        later: Config = {"background": True} if self.save_on_background else {}
        if self.save_weights_only:
            self._pending = self.model.save_weights(path, True, self.max_shard_size, **later)
        else:
            self._pending = self.model.save(path, True, **later)

    def on_train_end(self, logs: Logs = None) -> None:
        """Wait until the last file is written."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.wait()

    def _get_file_path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        known = {**(logs or {}), "epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1})}
        try:
            return self.filepath.format(**known)
        except (KeyError, IndexError) as error:
            raise ArgumentError(
                f"[ModelCheckpoint] expected names in `filepath` among {', '.join(known)}, "
                f"got {error} in {self.filepath!r}."
            ) from None


class ResumingCallback(Callback):
    """Base of callbacks that save a run, from which another process goes on; a subclass has `follow` and `_save`.

    Args:
        save_freq: ``"epoch"``, a number of batches, or False to save nothing.

    Raises:
        ArgumentError: `save_freq` is none of these.
    """

    _kf_last = True  # what is saved is what the other callbacks have just changed
    _kf_remembered = ("_batches_since_save",)

    def __init__(self, save_freq: int | str | bool) -> None:
        super().__init__()
        counts = isinstance(save_freq, int) and save_freq >= 1
        if not counts and save_freq is not False and save_freq != "epoch":
            raise ArgumentError(
                f"[{type(self).__name__}] expected `save_freq` to be 'epoch', False or a number of batches, "
                f"got {save_freq!r}."
            )
        self.save_freq = save_freq
        self._epoch = self._batches_since_save = self._last_batch_seen = 0
        self._progress: Progress | None = None

    def follow(self, progress: Progress) -> None:
        """Called when `fit` begins: go on from what was saved, if there is something.

        Args:
            progress: of the run.

        Raises:
            SavingError: it is unreadable, or of another model.
        """
        raise NotImplementedError

    def _save(self, progress: Progress, epoch: int, batch: int) -> None:
        raise NotImplementedError

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Note the epoch."""
        if epoch != self._epoch:
            self._last_batch_seen = 0
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save, if so many batches have passed."""
        if self.save_freq == "epoch" or self.save_freq is False:
            return
        self._batches_since_save += batch + 1 - self._last_batch_seen
        self._last_batch_seen = batch + 1
        if self._batches_since_save >= int(self.save_freq):
            self._batches_since_save = 0
            self._save_at(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, if `save_freq` counts epochs."""
        self._epoch, self._last_batch_seen = epoch + 1, 0
        if self.save_freq == "epoch":
            self._save_at(epoch + 1, 0)

    def _save_at(self, epoch: int, batch: int) -> None:
        if self._progress is None:
            raise ArgumentError(
                f"[{type(self).__name__}] expected to be passed to `fit`, got called from another loop."
            )
        self._save(self._progress, epoch, batch)

    def on_train_end(self, logs: Logs = None) -> None:
        """The run is over."""
        self._progress = None


class BackupAndRestore(ResumingCallback):
    """Backs up training, so that a `fit` which was cut off, even by a crash or SIGKILL, continues where it was.

    After each epoch (or number of batches) one file is written to a folder: weights, optimizer, metrics, seeds and
    other generators of random numbers, the position in the data, and what the other callbacks remember
    (`Callback.state_dict`). The next `fit` with this callback, the same folder and the same arguments continues from
    there, in the middle of an epoch too, and ends with the same bits as one that was never cut off. The backup is
    deleted when training is complete.

    Data must be reproducible: arrays, torch loaders, tf.data and generators are, where their randomness comes from
    Python, NumPy or torch. What draws from a generator of its own should have `state_dict` and `load_state_dict`.

    Args:
        backup_dir: the folder, for the backups of this run alone.
        save_freq: ``"epoch"``, a number of batches, or False to save nothing.
        double_checkpoint: keep the backup before the last one too, and use it if the last one cannot be read.
        delete_checkpoint: delete the backup when training is complete.

    Raises:
        ArgumentError: an argument does not fit.

    Example:

    >>> import kfront
    >>> kfront.callbacks.BackupAndRestore("backup").save_freq
    'epoch'
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: int | str | bool = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__(save_freq)
        if not backup_dir:
            raise ArgumentError(f"[BackupAndRestore] expected the name of a folder, got {backup_dir!r}.")
        self.backup_dir = os.fspath(backup_dir)
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._latest, self._previous = (Path(self.backup_dir) / f"{name}.backup" for name in ("latest", "previous"))

    def follow(self, progress: Progress) -> None:
        """Go on from the backup, if there is one."""
        self._progress = progress
        progress.stored = stored_variables
        found = self._read()
        if found is not None:
            snapshot, weights = found
            self._last_batch_seen = snapshot["batch"]
            progress.go_on(snapshot, lambda: read_weights(self.model, io.BytesIO(weights), self.backup_dir))

    def _read(self) -> tuple[Config, bytes] | None:
        files = [path for path in (self._latest, self._previous) if path.exists()]
        for path in files:
            try:
                with zipfile.ZipFile(path) as archive:
                    text, arrays, weights = (archive.read(name) for name in _PARTS)
                    return unpack(text.decode(), arrays), weights
            except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
                problem = f"[BackupAndRestore] expected a backup in {path}, got {error!r}"
                if path is files[-1]:
                    raise SavingError(f"{problem}; delete {self.backup_dir} to start from the beginning.") from error
                warnings.warn(f"{problem}; the one before it is used.", stacklevel=2)
        return None

    def _save(self, progress: Progress, epoch: int, batch: int) -> None:
        text, arrays = pack(progress.snapshot(epoch, batch))
        weights = io.BytesIO()
        write_weights(self.model, weights)
        self._latest.parent.mkdir(parents=True, exist_ok=True)
        if self.double_checkpoint and self._latest.exists():
            os.replace(self._latest, self._previous)
        with atomic_write(self._latest) as file, zipfile.ZipFile(file, "w") as archive:
            for name, content in zip(_PARTS, (text, arrays, weights.getbuffer()), strict=True):
                archive.writestr(name, content)

    def on_train_end(self, logs: Logs = None) -> None:
        """Delete the backup."""
        super().on_train_end(logs)
        folder = Path(self.backup_dir)
        if self.delete_checkpoint and folder.exists():
            for path in (self._latest, self._previous):
                path.unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()


_PARTS = ("state.json", "state.npz", "model.weights.h5")
