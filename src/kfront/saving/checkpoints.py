"""Checkpoints that any mesh and any engine can read: `save_checkpoint` and `load_checkpoint`.

All processes write what they hold into one new folder beside the target, under a name that the first process has
drawn, and report it there. When all have, the first one writes the index and gives the folder its name; that is the
commit. Whatever is killed before it leaves a folder that no reader looks at, and that the next save removes. Between
the snapshot and the commit processes talk through files alone, so it can be done while they train.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.backends import backend_scope
from kfront.core import guard
from kfront.core.errors import SavingError
from kfront.core.files import atomic_write, exchange, sync_folder
from kfront.core.typing import Config
from kfront.optimizers.base import Optimizer
from kfront.saving import background as in_background
from kfront.saving.directory import open_plain
from kfront.saving.parts import INDEX, Held, PartReader, write_index, write_parts
from kfront.saving.safetensors import named_values
from kfront.saving.walk import walk
from kfront.saving.weights_h5 import Difference, compare, report
from kfront.training.progress import pack, unpack

if TYPE_CHECKING:
    from kfront.backends.distributor import Distributor
    from kfront.core.variable import Variable
    from kfront.models.model import Model

_PATIENCE = 600.0  # seconds for which processes wait for each other's files
_PAUSE = 0.01
_LARGE = 1 << 16  # bytes that processes which hold the same share the writing of
_MARK = "kfront-new"
_OTHERS = "others/"  # variables that weights files do not hold: streams of random numbers


def named_state(model: Model) -> dict[str, Variable]:
    """The variables that a checkpoint holds, by name: weights, the optimizer's, streams of random numbers.

    Args:
        model: a built model.
    """
    out: dict[str, Any] = dict(named_values(model))
    seen = set(map(id, out.values()))
    own: list[Any] = []
    for path, obj in walk(model):
        if isinstance(obj, Optimizer):
            for i, v in enumerate(obj.variables):
                if id(v) not in seen:
                    seen.add(id(v))
                    out["/".join((*path, str(i)))] = v
        elif obj is model:
            own = [v for v in obj.variables if id(v) not in seen]
    for i, v in enumerate(v for v in own if id(v) not in seen):
        out[f"{_OTHERS}{i}/{v.name}"] = v
    return out


# ---- saving ----------------------------------------------------------------------------------------------------------


def save_checkpoint(
    model: Model, path: str | os.PathLike[str], state: object = None, *, background: bool = False
) -> in_background.PendingSave | None:
    """Save weights, optimizer, averages and streams of random numbers, from whatever mesh they lie on.

    Every process calls it with the same path, on a file system that all of them see, and writes what it holds. The
    folder is there completely or not at all; one of that name is replaced. `fit` saves and resumes with
    `kfront.callbacks.ShardedCheckpoint`.

    Args:
        model: a built model.
        path: the folder.
        state: what else this process wants to remember: plain values and arrays, such as the place in its data.
        background: whether to return when the state is copied, and to write it in a thread.

    Returns:
        None; with `background` a `PendingSave`, whose ``wait()`` waits for the end and raises what went wrong.

    Raises:
        SavingError: a file cannot be written, here or in another process.

    Example:

    >>> import tempfile
    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kfront.saving.save_checkpoint(model, f"{folder}/first", state={"step": 1})
    ...     kfront.saving.load_checkpoint(model, f"{folder}/first")
    {'step': 1}
    """
    return write(model, Path(path), lambda: state, background)


def write(
    model: Model,
    path: Path,
    state: Callable[[], object],
    later: bool,
    after: Callable[[], None] = lambda: None,
) -> in_background.PendingSave | None:
    """As `save_checkpoint`.

    Args:
        model: a built model.
        path: the folder.
        state: gives what else the process remembers; called when its variables are copied.
        later: whether to write in a thread.
        after: called in the first process when the checkpoint is there.
    """

    def prepare() -> Callable[[], None]:
        return _Save(model, path, state, later, after).run

    if later:
        return in_background.start(str(path), prepare)
    in_background.wait_for_all()
    prepare()()
    return None


class _Save:
    """One save in one process: the snapshot when it is made, the files when it runs."""

    def __init__(
        self, model: Model, path: Path, state: Callable[[], object], copy: bool, after: Callable[[], None]
    ) -> None:
        b = model._kf_backend
        self.path, self.after = path, after
        self.count, self.mine = b.distributor.processes()
        if path.exists() and not is_checkpoint(path):
            raise SavingError(f"[save_checkpoint] expected a new folder or a checkpoint to replace, got {path}.")
        if not self.mine:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent, re.escape(path.name))
        (token,) = b.distributor.agreed([secrets.randbits(48)])
        self.token = f"{token:012x}"
        self.new = path.parent / f".{path.name}.{_MARK}-{self.token}"
        self.new.mkdir(parents=True, exist_ok=True)
        with backend_scope(b), b.distributor.gathered(model, None):
            self.state = pack(state())
            self.held = _parts(named_state(model), b.distributor, copy)

    def run(self) -> None:
        """Write, report, and in the first process wait for the others and commit."""
        done: Config = {"entries": []}
        try:
            for name, content in zip(_state_names(self.mine), self.state, strict=True):
                with atomic_write(self.new / name) as file:
                    file.write(content.encode() if isinstance(content, str) else content)
            done["entries"] = write_parts(self.new, self.mine, self.held)
        except Exception as error:
            done["error"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            self.held = []
            self._report(done)
        if self.mine:
            _until(lambda: not self.new.exists(), f"the first process to commit {self.path}")
            if not is_checkpoint(self.path) or _token_of(self.path) != self.token:
                raise SavingError(f"[save_checkpoint] expected {self.path}, another process could not write its part.")
        else:
            self._commit()

    def _report(self, done: Config) -> None:
        if not self.mine:
            self.reports = [done]
            return
        with atomic_write(self.new / _report_name(self.mine)) as file:
            file.write(json.dumps(done).encode())

    def _commit(self) -> None:
        try:
            others = [self.new / _report_name(i) for i in range(1, self.count)]
            for i, found in enumerate(others, 1):
                _until(found.exists, f"process {i} of {self.count} to write its part of {self.path}")
                self.reports.append(json.loads(found.read_bytes()))
                if "error" in self.reports[-1]:
                    raise SavingError(
                        f"[save_checkpoint] expected {self.path}, process {i} failed: {self.reports[-1]['error']}"
                    )
            for found in others:
                found.unlink()
            entries = [entry for done in self.reports for entry in done["entries"]]
            write_index(self.new, entries, {"processes": self.count, "token": self.token})
            sync_folder(self.new)
            exchange(self.new, self.path)
            sync_folder(self.path.parent)
            shutil.rmtree(self.new, ignore_errors=True)  # the one that had the name before
        except BaseException:
            shutil.rmtree(self.new, ignore_errors=True)
            raise
        self.after()


def _parts(named: dict[str, Variable], distributor: Distributor, copy: bool) -> list[Held]:
    """The parts that this process writes, as they are now."""
    out = []
    for name, v in named.items():
        for offset, array, mine, copies in distributor.shards(v):
            if copies > 1 and array.nbytes >= _LARGE and len(array) >= copies:  # each writes rows of it
                start = len(array) * mine // copies
                array = array[start : len(array) * (mine + 1) // copies]
                offset = (offset[0] + start, *offset[1:])
            elif mine:
                continue
            if array.size or not v.shape or 0 in v.shape:
                # an engine's own memory is written to by the next step
                own = array if not copy or array.flags.owndata else array.copy()
                out.append(Held(name, tuple(v.shape), offset, own))
    return out


def _state_names(process: int) -> tuple[str, str]:
    return f"state-{process:05d}.json", f"state-{process:05d}.npz"


def _report_name(process: int) -> str:
    return f"report-{process:05d}.json"


def _until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does.

    Raises:
        SavingError: it takes too long, or the program is ending.
    """
    end = time.monotonic() + _PATIENCE
    while not done():
        ending = threading.current_thread() is not threading.main_thread() and not threading.main_thread().is_alive()
        if ending or time.monotonic() > end:
            why = "the program ended" if ending else f"{_PATIENCE:.0f} seconds passed"
            raise SavingError(f"[save_checkpoint] expected {what}, {why} before.")
        time.sleep(_PAUSE)


def remove(path: Path) -> None:
    """Remove a checkpoint: nobody sees a part of it."""
    old = path.parent / f".{path.name}.{_MARK}-{secrets.token_hex(6)}"
    os.rename(path, old)
    shutil.rmtree(old, ignore_errors=True)


def sweep(folder: Path, names: str) -> None:
    """Remove what interrupted saves have left.

    Args:
        folder: where they saved.
        names: pattern of the names of their targets.
    """
    left = re.compile(rf"\.{names}\.{_MARK}-[0-9a-f]{{12}}")
    for found in folder.iterdir() if folder.is_dir() else ():
        if left.fullmatch(found.name):
            shutil.rmtree(found, ignore_errors=True)


# ---- loading ---------------------------------------------------------------------------------------------------------


def _token_of(path: Path) -> object:
    with PartReader(path) as reader:
        return reader.facts.get("token")


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a path is the folder of a checkpoint."""
    return (Path(path) / INDEX).is_file()


def load_checkpoint(model: Model, path: str | os.PathLike[str]) -> Any:
    """Load what `save_checkpoint` saved, on another mesh or engine too: each process reads the parts that it holds.

    Args:
        model: a built model. If it is compiled, its optimizer is built and loaded as well.
        path: the folder.

    Returns:
        The `state` that this process saved; that of the first, if there are not as many processes as then.

    Raises:
        SavingError: the checkpoint is damaged, or of another model; nothing was loaded then.

    Example:

    >>> import tempfile
    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> other = kfront.models.clone_model(model)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kfront.saving.save_checkpoint(model, f"{folder}/first")
    ...     kfront.saving.load_checkpoint(other, f"{folder}/first")
    >>> bool((other.get_weights()[0] == model.get_weights()[0]).all())
    True
    """
    with Checkpoint(Path(path)) as found:
        found.load(model)
        mine = model._kf_backend.distributor.processes()[1]
        return found.state(mine if found.count == model._kf_backend.distributor.processes()[0] else 0)


class Checkpoint(PartReader):
    """A checkpoint that is read.

    Attributes:
        count: how many processes wrote it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.count = guard.expect(self.facts.get("processes"), int, "processes")

    def check(self) -> None:
        """Look whether all files are whole."""
        super().check()
        self.state(0)

    def state(self, process: int) -> Any:
        """What a process gave as `state`."""
        parts = []
        for name in _state_names(process):
            with open_plain(self.folder / name, self.what) as file:
                parts.append(file.read())
        with guard.corrupt_file_errors("state", self.folder / _state_names(process)[0]):
            return unpack(parts[0].decode(), parts[1])

    def load(self, model: Model) -> None:
        """Set the variables of a model and, if it is compiled, of its optimizer."""
        b, optimizer = model._kf_backend, model.optimizer
        with backend_scope(b):
            if optimizer is not None and not optimizer.built:
                optimizer.build(model.trainable_variables)
            named = named_state(model)
            differences = [compare(name, v, self.tensors.get(name)) for name, v in named.items()]
            unused = [n for n in self.tensors if n not in named and (optimizer or not n.startswith("optimizer/"))]
            found = [d for d in differences if d is not None] + [Difference(n, "nothing", "a tensor") for n in unused]
            report(model, self.what, found, [], [], skip_mismatch=False, strict_optimizer=False)
            for name, v in named.items():
                b.distributor.assign_shards(v, self._read_as(name, v))
            b.distributor.share_out([v for name, v in named.items() if name.startswith(_OTHERS)])

    def _read_as(self, name: str, v: Variable) -> Callable[[tuple[int, ...], tuple[int, ...]], np.ndarray]:
        return lambda offset, shape: self.read(name, tuple(offset), tuple(shape))
