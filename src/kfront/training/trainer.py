"""`Trainer`: compile, fit, evaluate, predict — written once for all engines.

What an engine contributes is `value_and_grad` and `compile_step`. Logs stay on the device until something reads them.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from kfront import losses as loss_module
from kfront import metrics as metric_module
from kfront import ops, optimizers
from kfront.backends import backend_scope
from kfront.config import floatx
from kfront.core import codec, tree
from kfront.core.errors import ArgumentError, DataError, NotCompiledError
from kfront.core.state import distribution_on, state
from kfront.core.traceback import F, filtered
from kfront.core.typing import (
    AnyCallable,
    Backend,
    CallbacksLike,
    Config,
    LossLike,
    MetricLike,
    Nested,
    OptimizerLike,
    Tensor,
)
from kfront.losses.base import share_of_replica
from kfront.metrics.base import reset_all, result_on_host
from kfront.training import loop
from kfront.training.checks import check_labels
from kfront.training.compiled import CompiledLoss, CompiledMetrics, specs_of
from kfront.training.data import make_data, split_arrays
from kfront.training.logs import LazyLogs, by_name, python_logs
from kfront.training.step import StepMaker
from kfront.utils.data_utils import unpack_x_y_sample_weight

if TYPE_CHECKING:
    from kfront.callbacks.history import History
    from kfront.layers.base import Layer
    from kfront.metrics import Metric
    from kfront.optimizers.base import Optimizer
else:
    Layer = object  # a `Model` is both

_OF_TRAINING = frozenset((
    "optimizer", "loss", "compiled", "stop_training", "stop_evaluating", "stop_predicting", "steps_per_execution",
    "jit_compile", "_run_eagerly", "_kf_compiled", "_kf_compile_arguments", "_compile_loss", "_compile_metrics",
    "_loss_tracker",
))  # fmt: skip


def _also_with_state(step: F) -> F:
    """A step that takes (state, data) too. Its signature stays: subclasses override it with one or the other form."""
    phase = step.__name__.removesuffix("_step")

    @functools.wraps(step)
    def run(self: Trainer, data: object, *rest: object) -> Any:
        return self._kf_steps().default_with_state(phase, data, *rest) if rest else step(self, data)

    return cast("F", run)


class _CompiledMetrics:
    """The metrics of `compile` for steps in the form of Keras 2, which call `update_state`; a model may set its own."""

    def __get__(self, model: Trainer, owner: object) -> SimpleNamespace:
        return SimpleNamespace(update_state=getattr(model, "_kf_update_metrics", None))


class _StepFunction:
    """`train_function` and its kin: what is run for a batch, None before it is made; `compile` forgets it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get__(self, model: Trainer | None, owner: object) -> AnyCallable | _StepFunction | None:
        return self if model is None else model._kf_steps().functions.get(self.kind)

    def __set__(self, model: Trainer, function: AnyCallable | None) -> None:
        model._kf_steps().set_function(self.kind, function)


class Trainer(Layer):
    """The training side of a model; mixed into `Model`."""

    _kf_backend: Backend
    name: str
    built: bool
    optimizer: Any = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    history: History
    _initial_epoch: int | None
    _kf_last_logs: object
    steps_per_execution: int = 1
    jit_compile: bool | str = "auto"
    loss: LossLike | Nested[LossLike] = None  # as given to `compile`
    compiled: bool = False  # whether `compile` was called
    _kf_has_call: bool = True
    _kf_compiled: StepMaker | None = None
    _compile_loss: CompiledLoss | None = None
    _compile_metrics: Any = None
    _loss_tracker: Any = None
    _kf_compile_arguments: Config | None = None
    _run_eagerly: bool = False
    train_function = _StepFunction("train")
    test_function = _StepFunction("test")
    predict_function = _StepFunction("predict")

    def _kf_architecture(self) -> Config:
        """As of a layer: how the model is trained is no part of it."""
        fields: Config = super()._kf_architecture()  # pyright: ignore[reportAttributeAccessIssue]
        return {k: v for k, v in fields.items() if k not in _OF_TRAINING}

    # -- compile ------------------------------------------------------------------------------------------------------

    @filtered
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: Nested[LossLike] = None,
        loss_weights: Nested[float | None] = None,
        metrics: Nested[MetricLike] = None,
        weighted_metrics: Nested[MetricLike] = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: name, config or Optimizer.
            loss: name, function or Loss; a list or dict of them for several outputs.
            loss_weights: scale of each output's loss, in the same structure.
            metrics: names, functions or Metrics; per output a list of them.
            weighted_metrics: likewise, computed with the sample weights.
            run_eagerly: whether steps run without compilation.
            steps_per_execution: batches per call of the compiled function.
            jit_compile: True, False, or "auto" for the engine's best choice.
            auto_scale_loss: whether the loss is scaled dynamically under the policy mixed_float16.

        Raises:
            ArgumentError: for unknown names or values that are not allowed.
        """
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ArgumentError(f"[compile] expected `steps_per_execution` >= 1, got {steps_per_execution!r}.")
        if jit_compile not in (True, False, "auto", None):
            raise ArgumentError(f"[compile] expected `jit_compile` True, False or 'auto', got {jit_compile!r}.")
        fields = self.__dict__
        fields["_kf_compile_arguments"] = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
        }
        with backend_scope(self._kf_backend):
            optimizer = fields["_kf_compile_arguments"]["optimizer"] = optimizers.get(optimizer)
            policy = getattr(self, "dtype_policy", None)
            if optimizer is not None and auto_scale_loss and policy is not None and policy.name == "mixed_float16":
                optimizer = _scaled(optimizer)
            fields["optimizer"] = optimizer
            fields["_compile_loss"] = CompiledLoss(loss, loss_weights) if loss is not None else None
            fields["_compile_metrics"] = CompiledMetrics(metrics, weighted_metrics)
            fields["_loss_tracker"] = metric_module.Mean(name="loss")
            _check_names(loss, metrics, weighted_metrics)
        fields["_run_eagerly"], fields["steps_per_execution"] = bool(run_eagerly), steps_per_execution
        fields["jit_compile"] = "auto" if jit_compile is None else jit_compile
        fields["stop_training"] = False
        fields["loss"], fields["compiled"] = loss, True
        fields["_kf_compiled"] = StepMaker(self, Trainer)

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run without compilation."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._run_eagerly = bool(value)
        self._kf_steps().clear()

    def _kf_require_compiled(self, method: str) -> None:
        if not self.compiled:
            raise NotCompiledError(
                f"[{self.name}] expected a compiled model before `{method}`, got one without loss and optimizer; call "
                "`model.compile(optimizer=..., loss=...)` first."
            )

    def _kf_steps(self) -> StepMaker:
        found = self._kf_compiled
        if found is None:
            found = self.__dict__["_kf_compiled"] = StepMaker(self, Trainer)
        return found

    def get_compile_config(self) -> Config:
        """The arguments of `compile`, serialized, the optimizer as it is now; {} before `compile`."""
        return {k: codec.serialize_keras_object(v) for k, v in (self._kf_compile_arguments or {}).items()}

    def compile_from_config(self, config: Mapping[str, object]) -> None:
        """Compile from `get_compile_config`, and build the optimizer if the model is built."""
        self._kf_compile_as(config)
        if self.optimizer is not None and self.built:
            with backend_scope(self._kf_backend), self._kf_backend.scope_of(self):
                self.optimizer.build(self.trainable_variables)

    def _kf_compile_as(self, config: Mapping[str, object]) -> None:
        config = {k: codec.deserialize_keras_object(v) for k, v in config.items()}
        known = inspect.signature(Trainer.compile).parameters
        self.compile(**{k: v for k, v in config.items() if k in known})

    # -- losses and metrics -------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Metric]:
        """The loss tracker, the compiled metrics and those of the layers."""
        out = list(super().metrics)
        if self._loss_tracker is not None:
            out = [self._loss_tracker, *self._kf_compiled_metrics(), *(m for m in out if m is not self._loss_tracker)]
        return out

    def _kf_compiled_metrics(self) -> list[Metric]:
        trackers = self._compile_loss.results if self._compile_loss is not None else ()
        return [*trackers, *self._compile_metrics.metrics]

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Reset all metrics."""
        reset_all(self.metrics)

    def get_metrics_result(self) -> dict[str, Any]:
        """Current results by name, the loss first."""
        return self._kf_results(lambda m: m.result())

    def _kf_results(self, of: Callable[[Any], Any]) -> dict[str, Any]:
        out: dict[str, object] = {}
        listed = None if type(self).metrics is Trainer.metrics else self.metrics
        if listed is None or any(m is self._loss_tracker for m in listed):
            if self._loss_tracker is not None:
                out["loss"] = of(self._loss_tracker)
            for m in self._compile_loss.results if self._compile_loss is not None and self._compile_loss.asked else ():
                out[m.name] = of(m)
            if self._compile_metrics is not None:
                out.update(self._compile_metrics.result(of))
            listed = super().metrics
        for m in listed:  # of a class that lists its own metrics, these and no other
            if m is not self._loss_tracker and m.name not in out:
                value = of(m)
                out.update(value if isinstance(value, dict) else {m.name: value})
        return out

    def _kf_python_results(self) -> dict[str, Any]:
        """As `get_metrics_result`, with Python numbers."""
        plain = type(self).get_metrics_result is Trainer.get_metrics_result
        return python_logs(self._kf_results(result_on_host) if plain else self.get_metrics_result(), self._kf_backend)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The total loss of a batch: the compiled loss and what layers added.

        Args:
            x: inputs.
            y: targets.
            y_pred: outputs.
            sample_weight: weights of the samples.
            training: whether this is a training step.

        Returns:
            A scalar tensor.
        """
        total = None
        if self._compile_loss is not None:
            if self._compile_loss.terms is None:
                self._compile_loss.build(y, y_pred, self._kf_output_names())
            if y is None:
                raise DataError("[fit] expected targets `y` for the compiled loss, got None.")
            total = self._compile_loss(y, y_pred, sample_weight)
        if state.add_loss_used or self._kf_steps().regularized:
            for extra in self.losses:
                extra = share_of_replica(extra)
                total = extra if total is None else ops.add(total, extra)  # halves, where policies are mixed
        if total is None:
            raise ArgumentError(
                f"[{self.name}] expected a loss: pass `loss=` to `compile`, or call `add_loss` in a layer; got neither."
            )
        return total

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics with a batch and return their results."""
        self._kf_update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def compiled_loss(
        self, y: object, y_pred: object, sample_weight: object = None, regularization_losses: object = None
    ) -> Tensor:
        """The total loss of a batch, in the form of Keras 2: `compute_loss` is today's.

        Args:
            y: targets.
            y_pred: outputs.
            sample_weight: weights of the samples.
            regularization_losses: not used; `losses` are added anyway.
        """
        return self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)

    compiled_metrics = _CompiledMetrics()

    def _kf_update_metrics(self, y: Tensor, y_pred: object, sample_weight: object = None) -> None:
        compiled = self._compile_metrics
        if compiled is not None:
            if compiled.items is None:
                compiled.build(y, y_pred, self._kf_output_names())
            compiled.update_state(y, y_pred, sample_weight)

    def _kf_output_names(self) -> list[str] | None:
        return getattr(self, "output_names", None)

    # -- steps --------------------------------------------------------------------------------------------------------

    @_also_with_state
    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training on a batch; override it for another kind of training.

        Args:
            data: (x, y) or (x, y, sample_weight) of native tensors. After a state, the form that Keras has on JAX, the
                result is a pair of results and the new state.

        Returns:
            Results by name.
        """
        logs = self._kf_steps().train_on(*unpack_x_y_sample_weight(data))
        return self.get_metrics_result() if logs is None else logs

    @_also_with_state
    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of evaluation on a batch."""
        logs = self._kf_steps().test_on(*unpack_x_y_sample_weight(data))
        return self.get_metrics_result() if logs is None else logs

    @_also_with_state
    def predict_step(self, data: Any) -> Any:
        """The outputs for a batch."""
        x = data[0] if isinstance(data, tuple) else data
        return self(x, training=False) if self._kf_steps().takes_training else self(x)

    def make_train_function(self, force: bool = False) -> AnyCallable:
        """Set `train_function` to the training step, compiled as `compile` says, unless it is set.

        An override may set another function, which `fit` then runs for each batch: on torch and NumPy
        ``f([data]) -> logs``, on TensorFlow ``f(iterator) -> logs``, on JAX ``f(state, iterator) -> (logs, state)``.

        Args:
            force: whether to make it anew.
        """
        return self._kf_steps().make_function("train", force)

    def make_test_function(self, force: bool = False) -> AnyCallable:
        """Set `test_function` to the evaluation step, as `make_train_function` does."""
        return self._kf_steps().make_function("test", force)

    def make_predict_function(self, force: bool = False) -> AnyCallable:
        """Set `predict_function` to the prediction step, as `make_train_function` does."""
        return self._kf_steps().make_function("predict", force)

    # -- building on data ---------------------------------------------------------------------------------------------

    def _kf_prepare(self, x: object, y: object, sample_weight: object, train: bool) -> None:
        """Before the first batch: weights, loss, metrics and optimizer slots exist."""
        with self._kf_backend.scope_of(self):
            self._kf_prepare_here(x, y, sample_weight, train)

    def _kf_prepare_here(self, x: Any, y: object, sample_weight: object, train: bool) -> None:
        unbuilt = not self._kf_all_built
        loss: Any = self._compile_loss
        metrics: Any = self._compile_metrics
        lossless = loss is not None and loss.terms is None
        measured = metrics is not None and metrics.items is None
        runs = self._kf_has_call or not self.built  # a model of steps alone is built by its author
        if runs and (y is not None or unbuilt) and (unbuilt or lossless or measured):
            y_pred = self._kf_output_spec(specs_of(x, self._kf_backend), x)
            y_spec = None if y is None else specs_of(y, self._kf_backend)
            if loss is not None and lossless and y is not None:
                # a `compute_loss` of the model's own may never ask for it; if it does, what does not fit is told then
                later = (ArgumentError, DataError) if self._kf_steps()._own_loss else ()
                with contextlib.suppress(*later):
                    loss.build(y_spec, y_pred, self._kf_output_names())
            if metrics is not None and measured and y is not None:
                metrics.build(y_spec, y_pred, self._kf_output_names())
        if train and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _kf_output_spec(self, specs: object, x: Tensor) -> Any:
        """Outputs for symbolic inputs; a model that cannot run on them runs once on the first sample(s)."""
        try:
            return self(specs)
        except (TypeError, AttributeError, NotImplementedError, RuntimeError) as error:
            if getattr(error, "_from_kfront", False):
                raise
            b = self._kf_backend
            with b.no_grad():
                return self(tree.map_structure(b.convert, x))

    # -- fit, evaluate, predict ---------------------------------------------------------------------------------------

    @filtered
    def fit(
        self,
        x: object = None,
        y: object = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: CallbacksLike = None,
        validation_split: float = 0.0,
        validation_data: object = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: object = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train the model.

        Args:
            x: arrays (nested as the model's inputs), a pandas object, a torch DataLoader, a tf.data.Dataset, a
                PyDataset, or a generator of (x, y[, sample_weight]).
            y: targets, in the structure of the outputs.
            batch_size: samples per step; 32 if None.
            epochs: the epoch to end at.
            verbose: 0 silent, 1 progress bar, 2 a line per epoch, "auto" = 1.
            callbacks: Callbacks or a CallbackList.
            validation_split: fraction of the samples, from the end, kept for validation.
            validation_data: (x, y[, sample_weight]) or a dataset.
            shuffle: whether samples are shuffled each epoch; "batch" shuffles whole batches.
            class_weight: dict class index -> weight.
            sample_weight: weights of the samples.
            initial_epoch: the epoch to start at.
            steps_per_epoch: batches per epoch; all if None. The next epoch goes on with the batches that are left.
            validation_steps: batches per validation.
            validation_batch_size: samples per validation step; `batch_size` if None.
            validation_freq: epochs between validations, or the list of epochs that end with one.

        Returns:
            The `History` callback.

        Raises:
            NotCompiledError: before `compile`.
            DataError: if the data do not fit together.
        """
        self._kf_require_compiled("fit")
        with backend_scope(self._kf_backend):
            if validation_split and validation_data is None:
                (x, y, sample_weight), validation_data = split_arrays(x, y, sample_weight, validation_split)
            data = make_data(x, y, sample_weight, batch_size, shuffle, self._kf_backend, class_weight)
            if type(self).train_step is Trainer.train_step and type(self).compute_loss is Trainer.compute_loss:
                check_labels(self, data)
            return loop.fit(
                self,
                data,
                loop.Plan(epochs, initial_epoch, steps_per_epoch, verbose, callbacks),
                loop.Validation(
                    validation_data, validation_batch_size or batch_size, validation_steps, validation_freq
                ),
            )

    @filtered
    def evaluate(
        self,
        x: object = None,
        y: object = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: object = None,
        steps: int | None = None,
        callbacks: CallbacksLike = None,
        return_dict: bool = False,
        **kwargs: object,
    ) -> Any:
        """Loss and metrics on data.

        Args:
            x: as for `fit`.
            y: as for `fit`.
            sample_weight: as for `fit`.
            batch_size: samples per step; 32 if None.
            verbose: as for `fit`.
            steps: batches to take; all if None.
            callbacks: Callbacks.
            return_dict: whether to return a dict by name instead of a list.
            **kwargs: refused.

        Returns:
            The loss, or a list [loss, metrics …], or a dict.
        """
        self._kf_require_compiled("evaluate")
        if kwargs:
            raise ArgumentError(f"[evaluate] expected known arguments, got {sorted(kwargs)}.")
        with backend_scope(self._kf_backend):
            data = make_data(x, y, sample_weight, batch_size, False, self._kf_backend)
            logs = loop.evaluate(self, data, loop.Plan(1, 0, steps, verbose, callbacks))
        return by_name(logs) if return_dict else self._kf_listed(logs)

    @filtered
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: CallbacksLike = None,
    ) -> Any:
        """Outputs for data, as NumPy arrays.

        Args:
            x: as for `fit`.
            batch_size: samples per step; 32 if None.
            verbose: as for `fit`.
            steps: batches to take; all if None.
            callbacks: Callbacks.

        Returns:
            NumPy array(s) in the structure of the outputs.
        """
        b = self._kf_backend
        small = callbacks is None and steps is None and not verbose and type(x) is np.ndarray and x.ndim > 0
        alone = state.distribution is None and self.built
        if small and alone and 0 < len(x) <= (batch_size or 32) and x.dtype.kind not in "OSTU":
            return self._kf_predict_small(x)
        with backend_scope(b):
            data = make_data(x, None, None, batch_size, False, b)
            return loop.predict(self, data, loop.Plan(1, 0, steps, verbose, callbacks))

    def _kf_predict_small(self, x: np.ndarray) -> Any:
        """One batch in, one batch out: no pipeline."""
        b = self._kf_backend
        old, state.backend = state.backend, b
        try:
            if x.dtype == np.float64 and floatx() == "float32":
                x = x.astype(np.float32)
            out = self._kf_steps().predict_function()(b.feed(x, True))
            if type(out) in b.types:
                return loop.as_own(b.to_numpy(out))
            return tree.map_structure(loop.as_own, loop.on_host(out, b.to_numpy))
        finally:
            state.backend = old

    # -- single batches -----------------------------------------------------------------------------------------------

    @filtered
    def train_on_batch(
        self,
        x: object,
        y: object = None,
        sample_weight: object = None,
        class_weight: object = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step; returns the results of this batch (loss, or list, or dict with `return_dict`)."""
        self._kf_require_compiled("train_on_batch")
        with backend_scope(self._kf_backend):
            batch = loop.one_batch(self, x, y, sample_weight, class_weight)
            self._kf_prepare(*batch, train=True)
            return self._kf_one_step("train", batch, return_dict)

    @filtered
    def test_on_batch(
        self, x: object, y: object = None, sample_weight: object = None, return_dict: bool = False
    ) -> Any:
        """One evaluation step; returns the results of this batch."""
        self._kf_require_compiled("test_on_batch")
        with backend_scope(self._kf_backend):
            batch = loop.one_batch(self, x, y, sample_weight)
            self._kf_prepare(*batch, train=False)
            return self._kf_one_step("test", batch, return_dict)

    @filtered
    def predict_on_batch(self, x: object) -> Any:
        """Outputs for one batch, as NumPy arrays."""
        b = self._kf_backend
        with backend_scope(b):
            x, _, _ = loop.one_batch(self, x, None, None)
            return tree.map_structure(loop.as_own, loop.on_host(self._kf_steps().predict_function()(x), b.to_numpy))

    def _kf_one_step(self, kind: str, batch: tuple[object, object, object], return_dict: bool) -> Any:
        steps = self._kf_steps()
        steps.begin(kind)
        single = steps.single_function(kind)
        if single is not None:
            logs = single(*batch)
        else:
            self.reset_metrics()
            logs = (steps.train_function() if kind == "train" else steps.test_function())(*batch)
        values = self._kf_python_results() if logs is None else python_logs(logs, self._kf_backend)
        return by_name(values) if return_dict else self._kf_listed(values)

    def _kf_epoch_logs(self) -> dict[str, Any]:
        """Results at the end of an epoch: those of a custom step if it gave any, else the metrics'."""
        last = self.__dict__.get("_kf_last_logs")
        last = python_logs(last, self._kf_backend) if isinstance(last, dict) else None
        if distribution_on(self._kf_backend) is not None:
            with self._kf_backend.distributor.gathered(self, last) as together:
                return self._kf_python_results() if last is None else together
        return self._kf_python_results() if last is None else last

    def _kf_listed(self, logs: Mapping[str, object]) -> Any:
        """Results in the order of the metrics, then those of other names, sorted; the loss alone if that is all."""
        keys = list(logs)
        if len(keys) > 2 or keys[:1] != ["loss"]:
            named = dict.fromkeys(name for name in self.metrics_names if name in logs)
            keys = [*named, *sorted(logs.keys() - named.keys())]
        values = [logs[key] for key in keys]
        return values[0] if len(values) == 1 else values

    def _kf_logs(self) -> LazyLogs:
        """Results that are computed when read."""

        def compute() -> dict[str, Any]:
            with backend_scope(self._kf_backend):
                return self._kf_python_results()

        return LazyLogs(compute)


def _scaled(optimizer: Optimizer) -> Optimizer:
    if isinstance(optimizer, optimizers.LossScaleOptimizer):
        return optimizer
    return optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")


def _check_names(loss: object, metrics: object, weighted: object) -> None:
    """Unknown names fail at `compile`, not in the first step."""
    for x in tree.flatten(loss):
        if isinstance(x, str) and x not in ("crossentropy", "ce"):
            loss_module.get(x)
    for x in tree.flatten((metrics, weighted)):
        if isinstance(x, str) and x.lower() not in ("accuracy", "acc", "crossentropy", "ce"):
            metric_module.get(x)
