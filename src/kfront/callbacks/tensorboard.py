"""`TensorBoard`: results, histograms and pictures of weights, the graph and profiles as TensorBoard shows them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.callbacks.base import Callback, Logs
from kfront.callbacks.events import EventWriter
from kfront.callbacks.monitor import read_rates
from kfront.core.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from kfront.models.model import Model


class TensorBoard(Callback):
    """Writes files for TensorBoard; neither TensorFlow nor tensorboard is needed to write them.

    Training results go to the run ``train``, validation results to ``validation`` below `log_dir`: ``epoch_loss`` and
    the like by epoch, ``batch_loss`` by step with `update_freq`, ``evaluation_loss_vs_iterations`` from `evaluate`.

    Args:
        log_dir: the folder, for this callback alone.
        histogram_freq: epochs between histograms of the weights; 0 for none.
        write_graph: whether the model's layers are written as a graph.
        write_images: whether histograms are accompanied by pictures of the weights.
        write_steps_per_second: whether the speed is written, by epoch and as often as `update_freq` says.
        update_freq: ``"epoch"``, ``"batch"``, or a number of batches: how often results are written by step.
        profile_batch: number of the batch (from 1), or (first, last), that the engine's profiler watches; 0 for none.
        embeddings_freq: epochs between writings of embedding layers for the projector; 0 for none.
        embeddings_metadata: dict name of an embedding layer -> file of labels; or one file for all.

    Raises:
        ArgumentError: an argument does not fit.
        UnsupportedError: when a batch is to be profiled and the engine has no profiler.

    Example:

    >>> import tempfile
    >>> import kfront
    >>> board = kfront.callbacks.TensorBoard(tempfile.mkdtemp(), update_freq=100)
    >>> board.update_freq
    100
    """

    _kf_remembered = ("_kf_step",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int | Sequence[int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: dict[str, str] | str | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(log_dir, (str, os.PathLike)):
            raise ArgumentTypeError(f"[TensorBoard] expected `log_dir` to be a path, got {log_dir!r}.")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph, self.write_images = histogram_freq, write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq: Any = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and (not isinstance(self.update_freq, int) or self.update_freq < 1):
            raise ArgumentError(
                f"[TensorBoard] expected `update_freq` to be 'epoch', 'batch' or a number of batches, "
                f"got {update_freq!r}."
            )
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self._first_profiled, self._last_profiled = _batches(profile_batch)
        self._writers: dict[str, EventWriter] = {}
        self._profiler: Any = None
        self._kf_step, self._epoch_start, self._epoch_step = 0, 0.0, 0
        self._since = (0.0, 0)  # time and step of the last writing by step
        self._training = False

    @property
    def summary(self) -> EventWriter:
        """The writer of the training run, for values of your own: ``board.summary.scalar(name, value, step)``."""
        return self._writer("train")

    def _writer(self, run: str) -> EventWriter:
        if run not in self._writers:
            self._writers[run] = EventWriter(Path(self.log_dir) / run)
        return self._writers[run]

    def _write(self, run: str, values: Mapping[str, float], step: int) -> None:
        writer = self._writer(run)
        for name, value in values.items():
            if np.ndim(value) == 0:
                writer.scalar(name, value, step)
        writer.flush()

    # -- training ------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs = None) -> None:
        """Write the graph."""
        self._training, self._kf_step = True, 0
        self._since = (time.perf_counter(), 0)
        if self.write_graph:
            self.summary.graph(_nodes(self.model))
            self.summary.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        """Close the files."""
        self._training = False
        self._stop_profiler()
        self._close()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Note the time."""
        self._epoch_start, self._epoch_step = time.perf_counter(), self._kf_step

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Start the profiler, if it is its turn."""
        if self._first_profiled and self._kf_step + 1 == self._first_profiled and self._profiler is None:
            self._profiler = self.model._kf_backend.profiler(os.path.join(self.log_dir, "train"))
            self._profiler.__enter__()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Write results, if it is time to; stop the profiler."""
        self._kf_step += 1
        if self._profiler is not None and self._kf_step >= self._last_profiled:
            self._stop_profiler()
        if self.update_freq != "epoch" and self._kf_step % self.update_freq == 0:
            values = {f"batch_{k}": v for k, v in (logs or {}).items()}
            if self.write_steps_per_second:
                now, (then, step) = time.perf_counter(), self._since
                values["batch_steps_per_second"] = (self._kf_step - step) / max(now - then, 1e-9)
                self._since = (now, self._kf_step)
            self._write("train", values, self._kf_step)

    def _stop_profiler(self) -> None:
        profiler, self._profiler = self._profiler, None
        if profiler is not None:
            profiler.__exit__(None, None, None)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write results, and weights if it is their turn."""
        logs = dict(logs or {})
        own = {f"epoch_{k}": v for k, v in logs.items() if not k.startswith("val_")}
        if self.model.optimizer is not None:
            own.update({f"epoch_{name}": rate for name, rate in read_rates(self.model).items()})
        if self.write_steps_per_second:
            passed = time.perf_counter() - self._epoch_start
            own["epoch_steps_per_second"] = (self._kf_step - self._epoch_step) / max(passed, 1e-9)
        self._write("train", own, epoch)
        validated = {f"epoch_{k[4:]}": v for k, v in logs.items() if k.startswith("val_")}
        if validated:
            self._write("validation", validated, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            _write_embeddings(self.model, Path(self.log_dir) / "train", self.embeddings_metadata)

    def _write_weights(self, epoch: int) -> None:
        writer = self.summary
        for v in self.model.weights:
            value = np.asarray(v.numpy(), "float32")
            writer.histogram(f"{v.path}/histogram", value, epoch)
            if self.write_images and value.ndim:
                writer.image(f"{v.path}/image", _pictures(value), epoch)
        writer.flush()

    # -- evaluate ------------------------------------------------------------------------------------------------------

    def on_test_end(self, logs: Logs = None) -> None:
        """Write the results of an evaluation against the updates made."""
        optimizer = self.model.optimizer
        if optimizer is not None and hasattr(optimizer, "iterations"):
            values = {f"evaluation_{k}_vs_iterations": v for k, v in (logs or {}).items()}
            self._write("validation", values, int(optimizer.iterations))
        if not self._training:
            self._close()


def _batches(given: int | Sequence[int] | str) -> tuple[int, int]:
    """The first and last batch to be profiled, (0, 0) for none."""
    pair = [given, given] if isinstance(given, int) else list(given) if isinstance(given, (list, tuple)) else []
    if len(pair) != 2 or not all(isinstance(n, int) and n >= 0 for n in pair) or pair[0] > pair[1]:
        raise ArgumentError(
            f"[TensorBoard] expected `profile_batch` to be a number of a batch or (first, last), got {given!r}."
        )
    return pair[0], pair[1]


def _nodes(model: Model) -> list[tuple[str, str, list[str]]]:
    """The model's layers as nodes of a graph, with the layers that they get their inputs from."""
    operations = list(getattr(model, "operations", None) or model.layers)
    names = {id(o): o.name for o in operations}
    out = []
    for one in operations:
        parents = [p.operation for node in one._inbound_nodes for p in node.parent_nodes]
        found = dict.fromkeys(names[id(p)] for p in parents if id(p) in names)
        out.append((one.name, type(one).__name__, list(found)))
    return out


def _pictures(weight: np.ndarray) -> np.ndarray:
    """A weight as one gray picture: its last axis downwards, all others across; large ones are cut."""
    flat = weight.reshape(-1, weight.shape[-1]).T[:512, :2048]
    low, high = float(flat.min()), float(flat.max())
    return ((flat - low) / (high - low or 1.0))[None, :, :, None]


def _write_embeddings(model: Model, folder: Path, metadata: object) -> None:
    """Embedding layers as tables, and the projector's list of them (a message in text form)."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for layer in model._flatten_layers():
        table: Any = getattr(layer, "embeddings", None)
        if not hasattr(table, "numpy"):
            continue
        file = f"{layer.name}.tsv"
        np.savetxt(folder / file, np.asarray(table.numpy(), "float32"), delimiter="\t", fmt="%.7g")
        labels = metadata.get(layer.name) if isinstance(metadata, dict) else metadata
        lines = [f'tensor_name: "{layer.name}"', f'tensor_path: "{file}"']
        lines += [f'metadata_path: "{labels}"'] if labels else []
        entries.append("embeddings {\n" + "".join(f"  {line}\n" for line in lines) + "}\n")
    unknown = set(metadata) - {layer.name for layer in model._flatten_layers()} if isinstance(metadata, dict) else ()
    if unknown:
        raise ArgumentError(f"[TensorBoard] expected names of layers in `embeddings_metadata`, got {sorted(unknown)}.")
    (folder / "projector_config.pbtxt").write_text("".join(entries), encoding="utf-8")
