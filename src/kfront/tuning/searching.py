"""A search in a folder: trials in processes that may be killed at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import math
import multiprocessing
import multiprocessing.connection
import os
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from kfront.callbacks import BackupAndRestore, Callback, History
from kfront.core.errors import ArgumentError
from kfront.core.state import backend_scope, current
from kfront.dtype_policies.policies import dtype_policy, set_dtype_policy
from kfront.models import Model
from kfront.saving import load_model
from kfront.tuning.library import library
from kfront.tuning.pruning import PruningCallback
from kfront.tuning.report import write_report
from kfront.tuning.space import suggest
from kfront.utils import set_random_seed

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    import optuna

Train = Callable[[Model, "optuna.Trial", list[Callback]], "History | float"]
NAME = "search"
TRIALS_OF_A_PROCESS = 50  # then a new one takes its place: engines keep what they have compiled, some MB in 100 trials


@dataclasses.dataclass
class Search:
    """A search for the arguments with which a model becomes best, kept in a folder.

    Trials run in processes of their own. One that ends, be it by SIGKILL, loses nothing: its trial goes on from its
    last backup in another process, and ends with the same bits as if nothing had happened. The same search started
    again goes on where it was.

    Args:
        build_model: makes a compiled model; from `trial`, an Optuna trial, or from arguments with annotations (see
            `suggest`). Processes import it by its name: it must not be defined within a function.
        train: called as ``train(model, trial, callbacks)``; hands `callbacks` to `fit` and returns its history, or a
            number.
        folder: of the search; made if it is not there.
        objective: the result that counts, as it is after the last epoch.
        direction: ``"minimize"`` or ``"maximize"``; by the name of `objective` if None.
        engines, precisions, batch_sizes: if given, these are parameters too: the engine, the dtype policy, and
            ``trial.params["batch_size"]`` for `train`.
        seed: of initial weights, shuffles and the draws of parameters.
        sampler: makes an Optuna sampler from a seed; a TPESampler if None.
        pruner: an Optuna pruner; none prunes if None.

    Raises:
        ArgumentError: `direction` is neither.
        ImportError: Optuna is not installed.

    Example:

    >>> import tempfile, kfront
    >>> from typing import Annotated
    >>> from kfront import tuning
    >>> x = kfront.random.normal((64, 4), seed=0)
    >>> def build_model(units: Annotated[int, tuning.Range(2, 8)]):
    ...     model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(units), kfront.layers.Dense(4)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> def train(model, trial, callbacks):
    ...     return kfront.ops.convert_to_numpy(kfront.ops.mean((model(x) - x) ** 2))
    >>> search = tuning.Search(build_model, train, tempfile.mkdtemp(), objective="loss")
    >>> search.run(trials=3, workers=0)
    >>> sorted(search.study.best_params)
    ['units']
    """

    build_model: Callable[..., Model]
    train: Train
    folder: str | os.PathLike[str]
    objective: str = "val_loss"
    direction: Literal["minimize", "maximize"] | None = None
    engines: Sequence[str] = ()
    precisions: Sequence[str] = ()
    batch_sizes: Sequence[int] = ()
    seed: int = 0
    sampler: Callable[[int], optuna.samplers.BaseSampler] | None = None
    pruner: optuna.pruners.BasePruner | None = None

    def __post_init__(self) -> None:
        if self.direction is None:
            rising = ("acc", "auc", "precision", "recall", "f1", "score", "return", "iou", "r2")
            self.direction = "maximize" if any(word in self.objective for word in rising) else "minimize"
        if self.direction not in ("minimize", "maximize"):
            raise ArgumentError(f"[Search] expected 'minimize' or 'maximize' as direction, got {self.direction!r}.")
        self.folder = Path(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked("claims.lock"):
            self._open(create=True)

    # ---- what is asked of it ----------------------------------------------------------------------------------------

    def run(self, trials: int, workers: int = 1, attempts: int = 1000) -> None:
        """Go on until there are so many trials.

        Args:
            trials: how many there are to be in the end, with those of earlier runs.
            workers: number of processes; 0 runs the trials in this one, for debuggers and notebooks.
            attempts: how many processes may end before their time.

        Raises:
            RuntimeError: more processes ended than `attempts` allows.
        """
        if workers == 0:
            self._work(trials)
            return
        context = multiprocessing.get_context("spawn")
        alive: list[BaseProcess] = []
        try:
            while wanted := min(workers, self._left(trials)):
                while len(alive) < wanted:
                    args = (trials, TRIALS_OF_A_PROCESS)
                    alive.append(process := context.Process(target=self._work, args=args, daemon=True))
                    process.start()
                multiprocessing.connection.wait([p.sentinel for p in alive])
                attempts -= sum(p.exitcode not in (None, 0) for p in alive)
                alive = [p for p in alive if p.exitcode is None]
                if attempts < 0:
                    raise RuntimeError("[Search] expected processes to end by themselves, got too many that did not.")
            for process in alive:
                process.join()
        finally:
            for process in alive:
                process.terminate()

    @property
    def study(self) -> optuna.Study:
        """The study of Optuna, with all trials up to now."""
        return self._open()

    def best_model(self) -> Model:
        """The model of the best trial, trained, on the current backend.

        Raises:
            SavingError: no trial is complete yet.
        """
        return load_model(Path(self.folder) / "best.keras")

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write a page: results by trial, importances, which parameters go with which results.

        Args:
            path: of the page; ``report.html`` in the folder if None.

        Returns:
            The path.
        """
        return write_report(self.study, Path(path or Path(self.folder) / "report.html"))

    # ---- trials ------------------------------------------------------------------------------------------------------

    def _open(self, create: bool = False, sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
        optuna = library()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        url = f"sqlite:///{Path(self.folder).resolve() / 'study.db'}"
        waiting = {"connect_args": {"timeout": 120}}
        storage = optuna.storages.RDBStorage(url, engine_kwargs=waiting, skip_table_creation=not create)
        if create:
            optuna.create_study(study_name=NAME, storage=storage, direction=self.direction, load_if_exists=True)
        pruner = self.pruner or optuna.pruners.NopPruner()
        return optuna.load_study(study_name=NAME, storage=storage, sampler=sampler, pruner=pruner)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """No other process is in such a block; the lock of one that was killed is free."""
        with open(Path(self.folder) / name, "ab") as file:
            _lock(file, wait=True)
            yield

    def _left(self, trials: int) -> int:
        """How many trials are not finished."""
        return trials - sum(t.state.is_finished() for t in self.study.get_trials(deepcopy=False))

    def _work(self, trials: int, most: int = sys.maxsize) -> None:
        """Run trials until there are enough, `most` are done, or the process that started this one is gone."""
        study, parent = self._open(), multiprocessing.parent_process()
        for _ in range(most):
            if parent is not None and not parent.is_alive():
                return
            claimed = self._claim(study, trials)
            if claimed is None:
                return
            trial, lock = claimed
            with lock:
                self._finish(study, trial)
            gc.collect()

    def _claim(self, study: optuna.Study, trials: int) -> tuple[optuna.Trial, BinaryIO] | None:
        """A trial whose process was killed, else a new one; with its lock, which ends with this process."""
        optuna = library()

        with self._locked("claims.lock"):
            begun = study.get_trials(deepcopy=False)
            for frozen in begun:
                if frozen.state == optuna.trial.TrialState.RUNNING:
                    lock = self._trial_lock(frozen.number)
                    if lock is not None:
                        return optuna.Trial(study, frozen._trial_id), lock
            if sum(t.state != optuna.trial.TrialState.WAITING for t in begun) >= trials:
                return None
            trial = study.ask()
            lock = self._trial_lock(trial.number)
            assert lock is not None
            return trial, lock

    def _trial_lock(self, number: int) -> BinaryIO | None:
        folder = Path(self.folder) / "trials" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        # it stays open as long as the trial runs
        file = open(folder / "lock", "ab")  # noqa: SIM115
        if _lock(file, wait=False):
            return file
        file.close()
        return None

    def _finish(self, study: optuna.Study, trial: optuna.Trial) -> None:
        """Run a trial, and tell its result."""
        optuna = library()

        try:
            value, model = self._trial(study, trial)
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        except Exception as error:  # whatever a choice of parameters leads to is a result, and others may do better
            warnings.warn(f"[Search] trial {trial.number} failed: {error!r}", stacklevel=2)
            trial.set_user_attr("error", repr(error))
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            with self._locked("best.lock"):
                if math.isfinite(value) and self._is_best(study, value):
                    model.save(Path(self.folder) / "best.keras")
                study.tell(trial, value)

    def _is_best(self, study: optuna.Study, value: float) -> bool:
        values = [t.value for t in study.get_trials(deepcopy=False) if t.value is not None and t.state.is_finished()]
        sign = 1 if self.direction == "maximize" else -1
        return all(sign * value > sign * v for v in values if math.isfinite(v))

    def _trial(self, study: optuna.Study, trial: optuna.Trial) -> tuple[float, Model]:
        """The result of a trial and its model; goes on where it was if it was cut off."""
        study.sampler = _draws(self, trial.number)
        named = {"engine": self.engines, "precision": self.precisions, "batch_size": self.batch_sizes}
        chosen = {name: trial.suggest_categorical(name, list(values)) for name, values in named.items() if values}
        engine = chosen.get("engine")
        policy = dtype_policy()
        with backend_scope(engine if isinstance(engine, str) else current()):
            set_random_seed(self.seed + trial.number)
            try:
                set_dtype_policy(chosen.get("precision", policy))
                model = suggest(self.build_model, trial)
                backup = BackupAndRestore(Path(self.folder) / "trials" / str(trial.number) / "backup")
                callbacks: list[Callback] = [backup]
                if self.pruner is not None:
                    callbacks.append(PruningCallback(trial, self.objective))
                result = self.train(model, trial, callbacks)
            finally:
                set_dtype_policy(policy)
                current().forget_compiled()  # the next trial's model has other sizes
            trial.set_user_attr("weights", _digest(model))
        if isinstance(result, History):
            result = float(result.history[self.objective][-1])
        return float(result), model


def _draws(search: Search, number: int) -> optuna.samplers.BaseSampler:
    """A sampler whose draws depend on the trial, the parameter and finished trials, and not on earlier draws.

    So a trial that was cut off between two draws gets the second as it would have been.
    """
    optuna = library()

    make = search.sampler or (lambda seed: optuna.samplers.TPESampler(seed=seed))

    class Draws(optuna.samplers.RandomSampler):
        def sample_independent(
            self,
            study: optuna.Study,
            trial: optuna.trial.FrozenTrial,
            param_name: str,
            param_distribution: optuna.distributions.BaseDistribution,
        ) -> object:
            one = make(zlib.crc32(f"{search.seed}/{number}/{param_name}".encode()))
            return one.sample_independent(study, trial, param_name, param_distribution)

    return Draws()


def _digest(model: Model) -> str:
    """A fingerprint of a model's weights."""
    found = hashlib.sha256()
    for weight in model.weights:
        found.update(weight.numpy().tobytes())
    return found.hexdigest()


def _lock(file: BinaryIO, wait: bool) -> bool:
    """Lock a file for this process until it is closed or the process ends; False if another has it."""
    try:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
