"""`OrbaxCheckpoint`: array checkpoints that are written during training."""

from __future__ import annotations

import os

from kfront.callbacks.base import Logs
from kfront.callbacks.checkpoint import SavingCallback
from kfront.saving import orbax
from kfront.utils.io_utils import print_msg


class OrbaxCheckpoint(SavingCallback):
    """Saves the state of model and optimizer with Orbax, in the background; works with every engine.

    `model.load_weights(directory)` and `kfront.saving.load_model(directory)` read the newest checkpoint. Needs Orbax:
    ``pip install 'kfront[orbax]'``.

    Args:
        directory: the folder; each checkpoint is a folder in it, named by epoch or number of batches.
        monitor: name of the result that decides with `save_best_only`.
        verbose: 1 prints what is done.
        save_best_only: save only when the result is the best so far.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        save_freq: ``"epoch"``, or a number of batches.
        initial_value_threshold: with `save_best_only`, the value to beat at first.
        max_to_keep: how many checkpoints are kept; all if None.
        save_on_background: whether files are written during training.
        save_weights_only: leave out the optimizer, the metrics and the model's config.

    Raises:
        ImportError: Orbax is not installed.
        ArgumentError: an argument does not fit.

    Example:

    >>> import importlib.util, tempfile
    >>> import kfront
    >>> if importlib.util.find_spec("orbax"):
    ...     saver = kfront.callbacks.OrbaxCheckpoint(tempfile.mkdtemp(), save_freq="epoch", max_to_keep=2)
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        super().__init__(monitor, verbose, save_best_only, mode, save_freq, initial_value_threshold)
        self.directory, self.max_to_keep = os.fspath(directory), max_to_keep
        self.save_on_background, self.save_weights_only = save_on_background, save_weights_only
        self.manager = orbax.manager(directory, max_to_keep, save_on_background)
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save, if so many batches have passed."""
        self._batches += batch + 1 - self._last_batch_seen
        if self.save_freq == "epoch":
            self._last_batch_seen = batch + 1
        else:
            super().on_train_batch_end(batch, logs)

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        if self.save_best_only and not self._is_better(epoch, logs):
            return
        step = epoch if batch is None else self._batches
        if self.verbose:
            print_msg(f"Epoch {epoch + 1}: saving checkpoint {step} to {self.directory}")
        tree = self.model.get_state_tree("numpy_array")
        if self.save_weights_only:
            tree = {group: tree[group] for group in ("trainable_variables", "non_trainable_variables")}
        orbax.save(self.manager, step, tree, None if self.save_weights_only else orbax.config_of(self.model))

    def on_train_end(self, logs: Logs = None) -> None:
        """Wait until all is written."""
        self.wait_until_finished()

    def wait_until_finished(self) -> None:
        """Wait until all checkpoints are written."""
        self.manager.wait_until_finished()

    def is_multihost_enabled(self) -> bool:
        """Whether several hosts train together."""
        return self._hosts() > 1

    def is_primary_host(self) -> bool:
        """Whether this host writes what is written once."""
        return self._hosts() == 1 or orbax.orbax("OrbaxCheckpoint").utils.is_primary_host(0)

    def _hosts(self) -> int:
        hosts = getattr(self._model and self._model._kf_backend, "process_count", None)
        return 1 if hosts is None else int(hosts())
