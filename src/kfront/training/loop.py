"""The epoch loops of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import contextlib
import itertools
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from kfront import callbacks as callback_module
from kfront import config
from kfront.backends.watch import digest
from kfront.core import tree
from kfront.core.errors import DataError
from kfront.core.spec import is_text
from kfront.core.state import distribution_on, named
from kfront.core.tracking import structure
from kfront.core.typing import Backend, CallbacksLike, Config
from kfront.training.data import Data, make_data
from kfront.training.data.arrays import check_sizes, class_weights, to_array
from kfront.training.gathered import Gathered
from kfront.training.logs import LazyLogs, by_name, python_logs
from kfront.training.progress import Progress

if TYPE_CHECKING:
    from kfront.callbacks import CallbackList, History
    from kfront.models.model import Model
    from kfront.training.data.base import Batch
    from kfront.training.trainer import Trainer


class Plan(NamedTuple):
    """The length of a loop, and its callbacks."""

    epochs: int
    initial_epoch: int
    steps: int | None
    verbose: int | str
    callbacks: CallbacksLike


class Validation(NamedTuple):
    """What is evaluated between epochs, and when."""

    data: Any
    batch_size: int | None
    steps: int | None
    freq: int | Sequence[int]

    def due(self, epoch: int) -> bool:
        """Whether the epoch with this index ends with a validation."""
        if self.data is None:
            return False
        return (epoch + 1) % self.freq == 0 if isinstance(self.freq, int) else (epoch + 1) in self.freq


def _callback_list(model: Trainer, plan: Plan, data: Data, history: bool) -> CallbackList:
    if isinstance(plan.callbacks, callback_module.CallbackList):
        return plan.callbacks
    verbose = 1 if plan.verbose == "auto" else int(plan.verbose)
    return callback_module.CallbackList(
        plan.callbacks,
        add_history=history,
        add_progbar=verbose != 0,
        model=cast("Model", model),
        verbose=verbose,
        epochs=plan.epochs,
        steps=data.steps if plan.steps is None else plan.steps,
    )


def feed(batch: Any, b: Backend, fresh: bool = False) -> Any:
    """A batch as the engine's step takes it; text stays NumPy where the engine has no strings."""
    if type(batch) is np.ndarray and batch.dtype.kind in "fiub":
        return b.feed(batch, fresh)
    f, plain = b.feed, "string" not in b.dtypes
    return tree.map_structure(lambda a: a if a is None or (plain and is_text(a)) else f(a), batch)


def _feed3(batch: tuple[object, object, object], b: Backend, fresh: bool = False) -> tuple[Any, Any, Any]:
    x, y, w = batch
    return feed(x, b, fresh), None if y is None else feed(y, b, fresh), None if w is None else feed(w, b, fresh)


def _first(iterator: Iterator[Batch], what: str) -> tuple[Batch, Iterator[Batch]]:
    """The first batch, and an iterator that still yields it."""
    try:
        first = next(iterator)
    except StopIteration:
        raise DataError(f"[{what}] expected at least one batch, got empty data.") from None
    return first, itertools.chain((first,), iterator)


# ---- fit ------------------------------------------------------------------------------------------------------------


def fit(model: Trainer, data: Data, plan: Plan, validation: Validation) -> History:
    """Run the epochs; returns the History."""
    plan = plan._replace(epochs=_within(plan.epochs, config.max_epochs()))
    callbacks = _callback_list(model, plan, data, history=True)
    asked = plan.steps
    plan = plan._replace(steps=_within(plan.steps, config.max_steps_per_epoch()))
    model.stop_training = False
    model._kf_steps().begin("train")
    model._initial_epoch = None  # a callback that resumes a run may set it in `on_train_begin`
    with model._kf_backend.active_distributor.together():
        progress = Progress.of(model, data, callbacks)
        validator = _Validator(model, validation, callbacks, progress)
        try:
            run = _Run(model, data, plan, callbacks, progress, asked)
            callbacks.on_train_begin()
            logs = run.epochs(validator)
            if model.optimizer is not None and model.optimizer.built:
                model.optimizer.finalize_variable_values(model.trainable_variables)
        finally:
            data.close()
            validator.close()
        callbacks.on_train_end(logs)
        return model.history


def _compare(model: Trainer, call: str, data: Data, plan: Plan, **more: object) -> None:
    """Before a loop, or an epoch of one: do all processes begin the same?"""
    now = distribution_on(model._kf_backend)
    if now is None:
        return

    def facts() -> Config:
        shapes = "".join(str(v.shape) for v in model.variables)
        out = {"call": call, "model": digest(shapes), "epochs": plan.epochs, **more}
        if now.auto_shard_dataset and not data.apart:  # all of them are given the same batches
            generators = [random.getstate(), *(repr(named(n).random_state()) for n in data.engines)]
            out |= {"seeds": digest(generators), "batches": data.steps, "batch size": data.batch_size}
            out |= {"samples": data.size, "steps": plan.steps}
        return out | (model._kf_steps().hyperparameters() if call.startswith("fit") else {})

    now._kf_backend.distributor.compare(facts)


@contextlib.contextmanager
def _ready(
    model: Trainer, data: Data, batches: Iterator[Batch], most: int | None, followed: bool, done: int = 0
) -> Iterator[Iterator[Batch]]:
    """The batches of an epoch, made ahead where that helps, as the steps of all processes take them.

    Args:
        model: the model.
        data: its data.
        batches: an iterator over them.
        most: how many will be taken at most, None for all.
        followed: whether a callback saves the position of the data.
        done: batches that were taken from the iterator before.
    """
    with data.ahead(batches, most, followed) as ready:
        yield model._kf_backend.active_distributor.level(ready, data.apart, lambda: data.length(most, done))


class _Run:
    """The epochs of one `fit`.

    The batches that an epoch of `steps_per_epoch` leaves begin the next one, so that all data are used, as in Keras.
    The first batch, or the rest of an epoch that an earlier process began, is read before callbacks learn that training
    begins, so that the model is built by then.
    """

    def __init__(
        self,
        model: Trainer,
        data: Data,
        plan: Plan,
        callbacks: CallbackList,
        progress: Progress | None,
        asked: int | None,
    ) -> None:
        self.model, self.data, self.plan, self.asked = model, data, plan, asked
        self.callbacks, self.progress = callbacks, progress
        self.first, self.done = plan.initial_epoch, 0
        self.begun = False  # whether the epoch that comes has an iterator already
        self.taken: int = 0  # batches that earlier epochs took from it
        self.batches: Iterator[Batch] | None = None
        if progress is not None and progress.resumed is not None:
            self.first, self.done = progress.resumed["epoch"], progress.resumed["batch"]
            self.taken = progress.taken
            _compare(model, "fit, resumed", data, plan, epoch=self.first, batch=self.done)
            self.batches, self.begun = progress.rest(), self.done > 0
            self._expect(progress.zeros())
        elif self.first < plan.epochs:
            self._begin()

    def _begin(self) -> None:
        """Take the first batch, and build what is to be built."""
        first, self.batches = _first(self._begin_epoch(), "fit")
        self.begun = True
        self.model._kf_prepare(*first, train=True)
        self.model._kf_steps().refresh()
        if self.progress is not None:
            self.progress.first_batch(first)
        self._expect(first)

    def _expect(self, batch: object) -> None:
        """Compile for the smaller last batch now, so that no step after the first has to."""
        size, limit = self.data.steps, self.plan.steps
        reached = limit is None or limit * (self.plan.epochs - self.first) >= (size or 0)
        steps = size if limit is None else min(limit, size or limit)
        self.model._kf_steps().expect(batch, self.data.remainder if reached else 0, steps)

    def _begin_epoch(self) -> Iterator[Batch]:
        """The iterator of the epoch: a new one if the last epoch left none."""
        _compare(self.model, "fit", self.data, self.plan)
        self.data.on_epoch_begin()
        if self.batches is not None and self.data.steps is None:
            batch = next(self.batches, None)
            self.batches = None if batch is None else itertools.chain((batch,), self.batches)
        if self.batches is None:
            self.taken = 0
            if self.progress is not None:
                self.progress.begin_epoch()
            self.batches = self.data.batches()
        return self.batches

    def _end_epoch(self, steps: int) -> None:
        """Keep the iterator if `steps_per_epoch` has cut the epoch off and there may be more."""
        self.taken += steps
        if steps != self.plan.steps or self.taken == self.data.steps:
            self.batches, self.taken = None, 0
        if self.progress is not None:
            self.progress.taken = self.taken

    def epochs(self, validator: _Validator) -> Any:
        """Run them; returns the last results."""
        model, callbacks, logs = self.model, self.callbacks, None
        resumed = self.progress if self.progress is not None and self.progress.resumed is not None else None
        if resumed is not None and not self.done:
            resumed.restore()
        for epoch in range(model._initial_epoch or self.first, self.plan.epochs):
            if model.stop_training:  # an earlier process was cut off just before it ended
                break
            if not self.done:
                model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            if not self.begun:
                self._begin_epoch()
            self.begun = False
            if self.done and resumed is not None:
                resumed.restore()  # now, because callbacks may have changed things when the epoch began
            if not model.stop_training and not self._train():
                break
            self.done = 0
            logs = model._kf_epoch_logs()
            self.data.on_epoch_end()
            logs.update(validator.run(epoch))
            logs = by_name(logs)
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        return logs

    def _train(self) -> bool:
        """Train on the batches of an epoch; whether there were any."""
        assert self.batches is not None
        limit = self.plan.steps
        most = None if limit is None else limit - self.done
        before = self.taken + self.done
        with _ready(self.model, self.data, self.batches, most, self.progress is not None, before) as ready:
            steps = _train_epoch(self.model, ready, self.data, self.callbacks, self.done)
        if not steps or (steps < (self.asked or 0) and steps != limit and not self.model.stop_training):
            _warn_short(steps, self.asked)
        self._end_epoch(steps)
        return steps > 0


class _Validator:
    """Evaluates between epochs; its data are prepared on first use and kept."""

    def __init__(self, model: Trainer, plan: Validation, callbacks: CallbackList, progress: Progress | None) -> None:
        self.model, self.plan, self.callbacks, self.progress = model, plan, callbacks, progress
        self.data: Data | None = None

    def run(self, epoch: int) -> Config:
        """Results as ``val_…``, empty when this epoch has no validation."""
        if not self.plan.due(epoch):
            return {}
        if type(self.model).evaluate is not self.model._kf_steps()._default("evaluate"):
            return {f"val_{k}": v for k, v in self.by_its_own().items()}
        if self.data is None:
            self.data = _validation_data(self.model, self.plan)
            if self.progress is not None:
                self.progress.validates_on(self.data)
        values = evaluate(self.model, self.data, Plan(1, 0, self.plan.steps, 0, self.callbacks), nested=True)
        return {f"val_{k}": v for k, v in values.items()}

    def by_its_own(self) -> Config:
        """What the model's own `evaluate` gives."""
        plan = self.plan
        x, y, weight = _validation_arrays(plan)
        more = {"batch_size": plan.batch_size, "steps": plan.steps, "callbacks": self.callbacks, "return_dict": True}
        return self.model.evaluate(x=x, y=y, sample_weight=weight, verbose=0, **more)

    def close(self) -> None:
        """Release the data."""
        if self.data is not None:
            self.data.close()


def _train_epoch(model: Trainer, batches: Iterator[Batch], data: Data, callbacks: CallbackList, done: int) -> int:
    """Train on batches, of which `done` came before; how many that makes together."""
    b, fields = model._kf_backend, model.__dict__
    per_call = model.steps_per_execution
    if not done:
        model._kf_last_logs = None
    if per_call > 1:
        return _run_grouped(model, "train", batches, per_call, callbacks, done)
    steps, hooks = model._kf_steps(), callbacks.train_batch_hooks
    steps.refresh()
    step_function, version = steps.train_function(), model._kf_structure_version()
    fresh = data.fresh or (data.stays and not hooks)
    step = done
    for batch in batches:
        if hooks:
            callbacks.on_train_batch_begin(step)
            if model._kf_structure_version() != version:  # a callback may have frozen layers
                version = structure.version
                if steps.refresh():
                    step_function = steps.train_function()
        out = step_function(*_feed3(batch, b, fresh))
        fields["_kf_last_logs"] = out
        if hooks:
            callbacks.on_train_batch_end(step, model._kf_logs() if out is None else python_lazy(out, b))
        step += 1
        if model.stop_training:
            break
    return step


def python_lazy(out: object, b: Backend) -> Any:
    """Logs of a custom step, turned into Python numbers when they are read."""
    return LazyLogs(lambda: python_logs(out, b)) if isinstance(out, dict) else out


def _within(count: Any, bound: int | None) -> Any:
    """The smaller one; None is without bound."""
    if bound is None:
        return count
    return bound if count is None else min(bound, count)


def _warn_short(done: int, asked: int | None) -> None:
    """Say that data ran out; an epoch without any ends the training."""
    warnings.warn(
        f"[fit] expected {'batches' if asked is None else f'{asked} batches'} in the epoch, got {done}: the data ran "
        f"out{'' if done else ', so training ends'}; pass a smaller `steps_per_epoch` or a dataset that repeats.",
        stacklevel=5,
    )


def _run_grouped(
    model: Trainer, kind: str, batches: Iterator[Batch], per_call: int, callbacks: object, done: int = 0
) -> int:
    """`steps_per_execution` batches per call of the device loop; how many that makes with the `done` before."""
    b, fields = model._kf_backend, model.__dict__
    function = model._kf_steps().loop_function(kind)
    begin = getattr(callbacks, f"on_{kind}_batch_begin")
    end = getattr(callbacks, f"on_{kind}_batch_end")
    step = done
    while group := [_feed3(batch, b) for batch in itertools.islice(batches, per_call)]:
        begin(step)
        out = function(group)
        fields["_kf_last_logs"] = out
        step += len(group)
        end(step - 1, model._kf_logs() if out is None else python_lazy(out, b))
        if model.stop_training if kind == "train" else model.stop_evaluating:
            break
    return step


def _validation_arrays(validation: Validation) -> tuple[object, object, object]:
    v = validation.data
    if not isinstance(v, (tuple, list)) or len(v) not in (1, 2, 3):
        return v, None, None
    x, y, weight, *_ = *v, None, None
    return x, y, weight


def _validation_data(model: Trainer, validation: Validation) -> Data:
    x, y, w = _validation_arrays(validation)
    return make_data(x, y, w, validation.batch_size, False, model._kf_backend)


# ---- evaluate and predict -------------------------------------------------------------------------------------------


def evaluate(model: Trainer, data: Data, plan: Plan, nested: bool = False) -> dict[str, Any]:
    """Results by name over all batches."""
    with model._kf_backend.active_distributor.together():
        _compare(model, "evaluate", data, plan)
        return _evaluate(model, data, plan, nested)


def _evaluate(model: Trainer, data: Data, plan: Plan, nested: bool) -> dict[str, Any]:
    callbacks = _callback_list(model, plan, data, history=False)
    first, batches = _first(data.batches(), "evaluate")
    model._kf_prepare(*first, train=False)
    if not nested:
        model._kf_steps().refresh()
    model._kf_steps().begin("test")
    model.reset_metrics()
    model.stop_evaluating = False
    callbacks.on_test_begin()
    followed = hasattr(callbacks, "callbacks") and any(hasattr(c, "follow") for c in callbacks.callbacks)
    with _ready(model, data, batches, _within(plan.steps, config.max_steps_per_epoch()), followed) as ready:
        if model.steps_per_execution > 1:
            _run_grouped(model, "test", ready, model.steps_per_execution, callbacks)
        else:
            _test_batches(model, ready, data, callbacks)
    logs = model._kf_epoch_logs()
    if not nested:
        data.close()
    callbacks.on_test_end(by_name(logs))
    return logs


def _test_batches(model: Trainer, batches: Iterator[Batch], data: Data, callbacks: CallbackList) -> None:
    b, fields = model._kf_backend, model.__dict__
    hooks = callbacks.test_batch_hooks
    fresh = data.fresh or (data.stays and not hooks)
    gathered = Gathered.of(model._kf_steps()) if fresh and not hooks else None  # other arrays may be written to again
    function = gathered or model._kf_steps().test_function()
    model._kf_last_logs = None
    for step, batch in enumerate(batches):
        if hooks:
            callbacks.on_test_batch_begin(step)
        out = function(*_feed3(batch, b, fresh))
        fields["_kf_last_logs"] = out
        if hooks:
            callbacks.on_test_batch_end(step, model._kf_logs() if out is None else python_lazy(out, b))
        if model.stop_evaluating:
            break
    if gathered is not None:
        gathered.flush()


def predict(model: Trainer, data: Data, plan: Plan) -> Any:
    """Outputs of all batches, joined."""
    with model._kf_backend.active_distributor.together():
        _compare(model, "predict", data, plan)
        return _predict(model, data, plan)


def _predict(model: Trainer, data: Data, plan: Plan) -> Any:
    b = model._kf_backend
    callbacks = _callback_list(model, plan, data, history=False)
    first, batches = _first(data.batches(), "predict")
    model._kf_prepare(first[0], None, None, train=False)
    model._kf_steps().refresh()
    function = model._kf_steps().predict_function()
    model.stop_predicting = False
    callbacks.on_predict_begin()
    hooks = callbacks.predict_batch_hooks
    fresh = data.fresh or (data.stays and not hooks)
    outputs, step = _Outputs(b), 0
    with _ready(model, data, batches, _within(plan.steps, config.max_steps_per_epoch()), False) as ready:
        while group := list(itertools.islice(ready, model.steps_per_execution if hooks else 1)):
            if hooks:
                callbacks.on_predict_batch_begin(step)
            found = [outputs.add(function(feed(batch[0], b, fresh))) for batch in group]
            step += len(group)
            if hooks:
                callbacks.on_predict_batch_end(step - 1, _host_outputs(found, b))
            if model.stop_predicting:
                break
    data.close()
    callbacks.on_predict_end()
    return _join(outputs.all())


def _host_outputs(found: list[object], b: Backend) -> LazyLogs:
    """What callbacks get of the outputs of batches: NumPy arrays, fetched when they are read."""
    return LazyLogs(lambda: {"outputs": _join([on_host(out, b.to_numpy) for out in found])})


def as_own(x: object) -> Any:
    """Outputs that the caller may write to: some engines give their own memory to read."""
    return x if not isinstance(x, np.ndarray) or x.flags.writeable else x.copy()


def on_host(out: Any, to_numpy: Callable[[Any], Any]) -> Any:
    """Outputs as NumPy arrays in plain lists, tuples and dicts (an engine may give back ordered dicts)."""
    if isinstance(out, dict):
        return {k: on_host(v, to_numpy) for k, v in out.items()}
    if isinstance(out, (list, tuple)) and not hasattr(out, "_fields"):
        return type(out)(on_host(v, to_numpy) for v in out)
    return tree.map_structure(to_numpy, out) if isinstance(out, tuple) else to_numpy(out)


class _Outputs:
    """Outputs as NumPy arrays, fetched some steps late, so that a step does not wait for the device."""

    LAG = 8

    def __init__(self, backend: Backend) -> None:
        self.to_numpy = backend.to_numpy
        self.parts: list[object] = []
        self.waiting: list[object] = []

    def add(self, out: object) -> object:
        """Take the outputs of a step; returns them."""
        self.waiting.append(out)
        if len(self.waiting) > self.LAG:
            self._fetch()
        return out

    def _fetch(self) -> None:
        out = self.waiting.pop(0)
        self.parts.append(on_host(out, self.to_numpy))

    def all(self) -> list[Any]:
        """Everything, fetched."""
        while self.waiting:
            self._fetch()
        return self.parts


def _join(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return tree.map_structure(as_own, parts[0])
    if not tree.is_nested(parts[0]):
        return np.concatenate(parts, 0)
    columns = zip(*(tree.flatten(p) for p in parts), strict=True)
    return tree.pack_sequence_as(parts[0], [np.concatenate(c, 0) for c in columns])


# ---- single batches -------------------------------------------------------------------------------------------------


def one_batch(
    model: Trainer, x: object, y: Any, sample_weight: object, class_weight: Any = None
) -> tuple[Any, Any, Any]:
    """Arrays of one batch as native tensors."""
    b = model._kf_backend

    def native(v: object, name: str) -> Any:
        if v is None or type(v) is np.ndarray:
            return v if v is None else to_array(v, name, b)
        if isinstance(v, (list, tuple)) and not any(hasattr(a, "shape") for a in tree.flatten(v)):
            v = np.asarray(v)
        keep: Callable[[Any], Any] = lambda a: a if b.is_tensor(a) else to_array(a, name, b)  # noqa: E731
        return tree.map_structure(lambda a: None if a is None else keep(a), v)

    x, y, w = native(x, "x"), native(y, "y"), native(sample_weight, "sample_weight")
    check_sizes(x, y, w)
    if class_weight is not None:
        w = class_weights(class_weight, y, w)
    return _feed3((x, y, w), b)
