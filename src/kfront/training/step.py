"""The functions that run one step, made from a model and compiled by its backend."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.backends.watch import shortest
from kfront.core import tree
from kfront.core.rng import SeedGenerator, global_seed_generator
from kfront.core.state import distribution_on, state
from kfront.core.typing import AnyCallable, Backend, Config, T, Tensor
from kfront.layers.call_signature import call_info
from kfront.losses.base import whole_of_replicas
from kfront.training.compiled import first_size
from kfront.utils.data_utils import pack_x_y_sample_weight, unpack_x_y_sample_weight

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.training.trainer import Trainer


class StepMaker:
    """Makes and keeps the step functions of one model.

    Args:
        model: the model.
        trainer: the class that has the default methods, `Trainer`.

    Attributes:
        takes_training: whether the model's `call` takes `training`.
        regularized: whether a trainable weight has a regularizer.
    """

    def __init__(self, model: Trainer, trainer: type) -> None:
        self.model, self._trainer = model, trainer
        self.takes_training = call_info(type(model)).training
        self.regularized = True
        self._made: dict[object, Any] = {}
        self.functions: dict[str, AnyCallable] = {}  # in Keras's form, as `model.train_function` has them, by kind
        self._forms: dict[str, AnyCallable] = {}  # those of them that are ours
        kinds = ("train", "test", "predict")
        self._remade = [k for k in kinds if getattr(type(model), (n := f"make_{k}_function")) is not self._default(n)]
        self.train_variables: list[Variable] = []
        self.other_variables: list[Variable] = []
        self._looked: Any = None
        self._seen: Any = None
        self._own_loss = getattr(model.compute_loss, "__func__", None) is not self._default("compute_loss")
        self._tells_training = "training" in inspect.signature(model.compute_loss).parameters  # or the user's has none
        self._own_metrics = type(model).compute_metrics is not self._default("compute_metrics")

    def _default(self, name: str) -> Any:
        """A method of `Trainer`, to find out whether the model overrides it."""
        return getattr(self._trainer, name)

    def clear(self) -> None:
        """Drop compiled functions."""
        self._made.clear()

    # -- state --------------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Read which variables are trained and which a step may assign."""
        model = self.model
        self.train_variables = model.trainable_variables
        trained = {id(v) for v in self.train_variables}
        optimizer = model.optimizer
        everything = {id(v): v for v in (*model.variables, *model.metrics_variables)}
        if optimizer is not None:
            everything.update({id(v): v for v in optimizer.variables})
        for generator in self._global_seeds():
            everything[id(generator.state)] = generator.state
        self.other_variables = [v for i, v in everything.items() if i not in trained]
        self.all_variables = [*self.train_variables, *self.other_variables]
        self.forward_variables = [
            *{id(v): v for v in (*model.variables, *(g.state for g in self._global_seeds()))}.values()
        ]
        self.test_variables = [*{id(v): v for v in (*self.forward_variables, *model.metrics_variables)}.values()]
        self.regularized = any(v.regularizer is not None for v in self.train_variables)

    def _global_seeds(self) -> list[SeedGenerator]:
        return [global_seed_generator()]

    def _kf_settings(self) -> tuple[object, ...]:
        """What a compiled step depends on besides the layers."""
        model = self.model
        optimizer = model.optimizer
        return (
            model._run_eagerly,
            model.jit_compile,
            id(optimizer),
            optimizer._kf_settings if optimizer is not None else None,
            tuple(id(g.state) for g in self._global_seeds()),
        )

    def _structure_key(self) -> tuple[object, ...]:
        """Changes when layers are frozen, or variables or metrics are added."""
        model = self.model
        ids = (tuple(map(id, found)) for found in (model.trainable_variables, model.variables, model.metrics))
        distribution = distribution_on(model._kf_backend)
        return (*ids, [v.regularizer is None for v in model.trainable_variables], distribution)

    def refresh(self) -> bool:
        """Remake the functions when what they depend on has changed, and say whether they were.

        Called at the start of each loop, and between batches where callbacks may change things.
        """
        looked = (self.model._kf_structure_version(), self._kf_settings())
        if looked == self._looked:
            return False
        seen = (looked[1], self._structure_key())
        changed = seen != self._seen
        if changed:
            self._seen = seen
            self._made.clear()
            self._refresh()
        self._looked = looked
        return changed

    # -- the default steps --------------------------------------------------------------------------------------------

    def train_on(self, x: Any, y: Any, weight: object) -> dict[str, Any] | None:
        """Forward, backward, update, metrics; returns what a `compute_metrics` of the model's own does."""
        model, b = self.model, self.model._kf_backend
        optimizer = model.optimizer

        def forward() -> tuple[Any, Any]:
            y_pred = self.forward(x, True)
            loss = self._loss(x, y, y_pred, weight, True)
            scaled = optimizer.scale_loss(loss) if optimizer._kf_scales_loss else loss
            return scaled, (loss, y_pred, _masks(y_pred, b) if state.any_mask_seen else None)

        if not self.train_variables:
            self._refresh()
            if not self.train_variables:
                text = f"[{model.name}] expected weights to train, got none; see `trainable` of its layers."
                warnings.warn(text, stacklevel=2)
        _, (loss, y_pred, masks), gradients = b.value_and_grad(forward, self.train_variables, self.other_variables)
        with b.no_grad():
            if masks is not None:
                _set_masks(y_pred, masks, b)
            if optimizer._kf_takes_pairs:  # in an override, as Keras asks it on TensorFlow
                optimizer.apply_gradients(zip(gradients, self.train_variables, strict=True))
            else:
                optimizer.apply(gradients, self.train_variables)
            logs = self._track(model, x, y, y_pred, weight, loss)
        if state.add_loss_used:  # losses added in a trace are invalid outside it, and keep the step's graph alive
            model._clear_losses()
        return logs

    def test_on(self, x: Any, y: Any, weight: object) -> dict[str, Any] | None:
        """Forward and metrics; returns what a `compute_metrics` of the model's own does."""
        with self.model._kf_backend.no_grad():
            return self.measure(x, y, self.forward(x, False), weight)

    def measure(self, x: Tensor, y: Tensor, y_pred: object, weight: object) -> dict[str, Any] | None:
        """The part of `test_on` that comes after the model."""
        logs = self._track(self.model, x, y, y_pred, weight, self._loss(x, y, y_pred, weight, False))
        if state.add_loss_used:
            self.model._clear_losses()
        return logs

    @property
    def measures_itself(self) -> bool:
        """Whether losses or metrics of a batch are computed by code of the model's own."""
        return self._own_loss or self._own_metrics

    def forward(self, x: object, training: bool) -> Any:
        """The model's outputs with the training flag set."""
        outer, state.training = state.training, training
        try:
            outputs = self.model(x)
        finally:
            state.training = outer
        now = distribution_on(self.model._kf_backend)
        return outputs if now is None else now._kf_backend.distributor.outputs(outputs, now)

    def _loss(self, x: object, y: object, y_pred: object, weight: Any, training: bool) -> Any:
        """The loss; directly that of `compile` where nothing is added to it."""
        own = self.model._compile_loss
        if self._own_loss or self.regularized or state.add_loss_used or y is None or own is None or own.terms is None:
            more = {"training": training} if self._tells_training else {}
            return self.model.compute_loss(x, y, y_pred, weight, **more)
        return own(y, y_pred, weight)

    def _track(self, model: Trainer, x: Tensor, y: Tensor, y_pred: object, weight: object, loss: Tensor) -> Any:
        model._loss_tracker.update_state(whole_of_replicas(loss), batch_size(x))
        if self._own_metrics:  # its results need not be those of `model.metrics`
            return model.compute_metrics(x, y, y_pred, weight)
        return model._kf_update_metrics(y, y_pred, weight)

    # -- compiled functions -------------------------------------------------------------------------------------------

    def train_function(self) -> AnyCallable:
        """``f(x, y, weight)`` that trains on a batch; returns logs, or None when results are read from the metrics."""
        return self._function("train")

    def test_function(self) -> AnyCallable:
        """``f(x, y, weight)`` that evaluates a batch."""
        return self._function("test")

    def predict_function(self) -> AnyCallable:
        """``f(x)`` that gives the outputs of a batch."""
        self.begin("predict")
        return self._function("predict")

    def single_function(self, kind: str) -> AnyCallable | None:
        """``f(x, y, weight)`` for a batch on its own: metrics are reset first, and their results are what it returns.

        One compiled call does all of it. None where that is no gain, or where code of the user runs between batches.
        """
        self.refresh()
        name = f"{kind}-single"
        if name not in self._made:
            self._made[name] = self._make_single(kind)
        return self._made[name]

    def _make_single(self, kind: str) -> AnyCallable | None:
        model, cls = self.model, type(self.model)
        own = (f"{kind}_step", "get_metrics_result", "reset_metrics", "metrics")
        foreign = any(getattr(cls, n) is not self._default(n) for n in own) or self._given(kind) is not None
        if foreign or model._run_eagerly or not all(type(m).__module__.startswith("kfront.") for m in model.metrics):
            return None
        raw, variables = self._raw(kind)

        def single(x: object, y: object, weight: object) -> dict[str, Any]:
            with model._kf_backend.no_grad():
                model.reset_metrics()
            logs = raw(x, y, weight)
            return model.get_metrics_result() if logs is None else logs

        compiled = model._kf_backend.compile_step(single, variables, model.jit_compile)
        return None if compiled is single else self._distributed(self._or_eagerly(compiled, single), kind)

    def _function(self, kind: str) -> AnyCallable:
        found = self._made.get(kind)
        if found is None:
            self.refresh()
            found = self._made[kind] = self._given(kind) or self.program(("own", kind), lambda: self._make(kind))
        return found

    def begin(self, kind: str) -> None:
        """Before a loop: a `make_train_function`, or its kin, of the model's own has its turn."""
        if kind in self._remade:
            getattr(self.model, f"make_{kind}_function")()

    def set_function(self, kind: str, function: AnyCallable | None) -> None:
        """Run this for each batch, in place of the step: it takes batches as Keras gives them on the engine."""
        for key in (kind, f"{kind}-single", f"{kind}-loop"):
            self._made.pop(key, None)
        self.functions.pop(kind, None)
        if function is not None:
            self.functions[kind] = function

    def make_function(self, kind: str, force: bool) -> AnyCallable:
        """The step in Keras's form, ``f(batches)`` or, on JAX, ``f(state, batches)``, unless there is a function."""
        if force:
            self._made.pop(("own", kind), None)
        if force or kind not in self.functions:
            self._forms[kind] = lambda *given: self._in_keras_form(kind, *given)
            self.set_function(kind, self._forms[kind])
        return self.functions[kind]

    def _in_keras_form(self, kind: str, *given: Any) -> object:
        def run(data: object) -> object:
            x, y, weight = unpack_x_y_sample_weight(data)
            step = self.program(("own", kind), lambda: self._make(kind))
            logs = step(x) if kind == "predict" else step(x, y, weight)
            return self.model.get_metrics_result() if logs is None else logs

        data = next(iter(given[-1]))
        return run(data) if len(given) == 1 else self.with_state(kind, given[0], lambda: run(data))

    def _given(self, kind: str) -> AnyCallable | None:
        """A function of the model's own, set by hand or by `make_train_function` and its kin, for a batch."""
        found, backend = self.functions.get(kind), self.model._kf_backend
        if found is None or found is self._forms.get(kind):
            return None
        batches = backend.one_batch
        if backend.steps_take_state:
            return self._with_state(lambda state, data: found(state, batches(data, kind)), kind)
        return lambda x, y=None, weight=None: found(batches(pack_x_y_sample_weight(x, y, weight), kind))

    def program(self, key: object, make: Callable[[], T]) -> T:
        """What `make` makes for the model as it is: kept under a key until a step would be remade."""
        self.refresh()
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def loop_function(self, kind: str) -> AnyCallable:
        """As the step function, for a list of batches run on the device."""
        found = self._made.get(f"{kind}-loop")
        if found is None:
            self.refresh()
            model = self.model
            raw, variables = self._raw(kind)
            given = self._given(kind)
            if model._run_eagerly or given is not None:
                found = _eager_loop(given or raw)
            else:
                made = model._kf_backend.compile_loop(raw, variables, model.jit_compile, model.steps_per_execution)
                found = self._or_eagerly(made, _eager_loop(raw))
            found = self._made[f"{kind}-loop"] = self._distributed(found, kind)
        return found

    def _make(self, kind: str) -> AnyCallable:
        model = self.model
        raw, variables = self._raw(kind)
        if model._run_eagerly:
            return self._distributed(raw, kind)
        return self._distributed(
            self._or_eagerly(model._kf_backend.compile_step(raw, variables, model.jit_compile), raw), kind
        )

    def _distributed(self, run: AnyCallable, kind: str) -> AnyCallable:
        """The step on the devices of the current distribution."""
        now = distribution_on(self.model._kf_backend)
        if now is None:
            return run
        distributor = now._kf_backend.distributor
        step = distributor.step(run, kind, now, self.model)
        return distributor.watched(step, lambda: {"kind": kind, **(self.hyperparameters() if kind == "train" else {})})

    def hyperparameters(self) -> Config:
        """Numbers and words that the optimizer was given, by name."""
        optimizer = self.model.optimizer
        found = [] if optimizer is None else tree.flatten_with_path(optimizer.get_config())
        named = {".".join(map(str, path)): x for path, x in found if path[-1] != "name"}
        plain = {name: x for name, x in named.items() if x is None or isinstance(x, (bool, int, float, str))}
        return {name: shortest(x) if isinstance(x, float) else x for name, x in plain.items()}

    def _or_eagerly(self, compiled: AnyCallable, raw: AnyCallable) -> AnyCallable:
        """With jit_compile="auto", a step that can run but cannot be traced runs as it is, after one warning."""
        model = self.model
        if compiled is raw or model.jit_compile != "auto":
            return compiled
        cannot_trace = model._kf_backend.cannot_trace
        run = compiled

        def step(*args: object) -> Any:
            nonlocal run
            try:
                return run(*args)
            except Exception as error:
                if run is raw or not cannot_trace(error):
                    raise
                reason = str(error).strip().partition("\n")[0]
                warnings.warn(
                    f"[{model.name}] runs without compilation, because it cannot be traced: {reason} "
                    "Use ops such as `kfront.ops.where` and `cond` in place of Python's `if`, or compile with "
                    "run_eagerly=True.",
                    stacklevel=3,
                )
                run = raw
                return raw(*args)

        step.expect = getattr(compiled, "expect", None)  # type: ignore[attr-defined]
        return step

    def expect(self, batch: object, remainder: int, steps: int | None) -> None:
        """Compile the training steps for the other shapes that end an epoch before they are needed.

        Args:
            batch: a batch (x, y, weight) of the usual size, as the data give it.
            remainder: the size of a smaller last one, 0 if there is none.
            steps: batches of an epoch, None where that is not known.
        """
        per_call = self.model.steps_per_execution
        last = (steps or 0) % per_call or (per_call if remainder else 0)  # batches that are run one by one
        usual = per_call > 1 and last > (remainder > 0)
        if (not remainder and not usual) or "train" in self.functions:
            return
        expect = getattr(self.train_function() if per_call == 1 else self.loop_function("train"), "expect", None)
        if expect is None:
            return
        b = self.model._kf_backend
        arrays = tree.map_structure(lambda a: None if a is None else np.zeros(a.shape, b.dtype_name(a.dtype)), batch)

        def fed(size: int | None) -> tuple[Any, ...]:
            return tuple(tree.map_structure(lambda a: None if a is None else b.feed(a[:size]), arrays))

        try:
            if usual:
                expect(fed(None), fed(None))
            if remainder:
                expect(fed(None), fed(remainder))
        except Exception as error:  # a step that cannot be traced raises when it is run
            if not b.cannot_trace(error):
                raise

    def _raw(self, kind: str) -> tuple[AnyCallable, Callable[[], list[Variable]]]:
        """The Python function of a step, and the Variables it may assign."""
        run, pick = self._of_one_replica(kind)
        return self.model._kf_backend.replicated(self.model, run, kind), pick

    def _of_one_replica(self, kind: str) -> tuple[AnyCallable, Callable[[], list[Variable]]]:
        model = self.model
        if kind == "predict":
            return self._raw_predict(), lambda: self.forward_variables
        pick = (lambda: self.all_variables) if kind == "train" else (lambda: self.test_variables)
        method = getattr(model, f"{kind}_step")
        if getattr(type(model), f"{kind}_step") is self._default(f"{kind}_step"):
            return (self.train_on if kind == "train" else self.test_on), pick
        if _takes_state(method, model._kf_backend):
            return self._with_state(method, kind), pick
        return lambda x, y, weight: method(pack_x_y_sample_weight(x, y, weight)), pick

    def _raw_predict(self) -> AnyCallable:
        model = self.model
        if type(model).predict_step is not self._default("predict_step"):
            if _takes_state(model.predict_step, model._kf_backend):
                return self._with_state(model.predict_step, "predict")
            return lambda x: model.predict_step(pack_x_y_sample_weight(x, None, None))
        no_grad = model._kf_backend.no_grad

        def predict(x: Tensor) -> Any:
            with no_grad():
                y_pred = self.forward(x, False)
            if state.add_loss_used:
                model._clear_losses()
            return y_pred

        return predict

    def _with_state(self, method: AnyCallable, kind: str) -> AnyCallable:
        """A step in the form that Keras documents for JAX: ``(state, data) -> (logs, state)``."""

        def run(x: object, y: object = None, weight: object = None) -> Any:
            lists = self._groups(kind)
            logs, new = method(tuple([v._value for v in g] for g in lists), pack_x_y_sample_weight(x, y, weight))
            if kind == "predict":  # gives back the non-trainable values alone
                lists, new = lists[1:], (new,)
            for group, values in zip(lists, new, strict=True):
                for v, value in zip(group, values, strict=True):
                    v.assign(value)
            return logs

        return run

    def default_with_state(self, kind: str, state: Any, data: object) -> Any:
        """The usual step in that form, for an override that passes its arguments on."""
        return self.with_state(kind, state, lambda: getattr(self._trainer, f"{kind}_step")(self.model, data))

    def with_state(self, kind: str, state: Sequence[Sequence[Tensor]], run: Callable[[], object]) -> object:
        """What `run` gives for the values in `state`, and the values after it."""
        lists = self._groups(kind)
        for group, values in zip(lists, state, strict=True):
            for v, value in zip(group, values, strict=True):
                if v._value is not value:
                    v.assign(value)
        logs = run()
        new = tuple([v._value for v in g] for g in lists)
        return logs, new[1] if kind == "predict" else new

    def _groups(self, kind: str) -> list[list[Variable]]:
        """The variables whose values a step of that form takes."""
        model = self.model
        out = [model.trainable_variables, model.non_trainable_variables]
        if kind == "train":
            out.append(model.optimizer.variables)
        return out if kind == "predict" else [*out, model.metrics_variables]


def _eager_loop(raw: AnyCallable) -> AnyCallable:
    def run(batches: list[Any]) -> Any:
        out = None
        for batch in batches:
            out = raw(*batch)
        return out

    return run


def _masks(outputs: object, backend: Backend) -> list[Tensor | None] | None:
    found = [backend.get_mask(x) if backend.is_tensor(x) else None for x in tree.flatten(outputs)]
    return found if any(m is not None for m in found) else None


def _set_masks(outputs: object, masks: Sequence[Tensor | None], backend: Backend) -> None:
    """Put masks on outputs again: gradients of an engine may return other objects than the model did, without masks."""
    for x, m in zip(tree.flatten(outputs), masks, strict=True):
        if m is not None and backend.get_mask(x) is None:
            backend.set_mask(x, m)


def _takes_state(method: AnyCallable, backend: Backend) -> bool:
    """Whether a step is called as ``(state, data)``: by its arguments, where they tell."""
    parameters = inspect.signature(method).parameters
    return "state" in parameters or (
        backend.steps_take_state and any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    )


def batch_size(x: Tensor) -> object:
    """The size of the first axis: an int where it is known, else a scalar tensor."""
    while isinstance(x, (dict, list, tuple)):
        given = [v for v in (x.values() if isinstance(x, dict) else x) if v is not None]  # optional inputs may be None
        x = given[0]
    return first_size(x)
