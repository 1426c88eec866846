"""Evaluation by an engine that compiles nothing: losses and metrics are computed for several batches at once.

They cost more than a small model: on a small batch each takes several kernels. What is a mean over samples is the same
of all batches together as of one after the other, up to rounding.
"""

from __future__ import annotations

import math
from typing import Self

from kfront import ops
from kfront.core.options import WrapsFunction
from kfront.core.state import state
from kfront.core.typing import AnyCallable, Tensor
from kfront.losses.base import LossFunctionWrapper
from kfront.metrics.reduction import MeanMetricWrapper
from kfront.training.step import StepMaker, batch_size

_STEPS = 16  # batches that are measured at once, at most
_NUMBERS = 1 << 16  # in their outputs, at most: with more of them the kernels' own work costs more than the calls
_WITHIN = frozenset({"kfront.losses.regression", "kfront.losses.classification", "kfront.metrics.accuracy"})
_OF_BATCHES = frozenset({"circle", "ctc", "dice", "tversky"})  # the other functions in there are of samples
_USUAL = {"axis": -1, "ignore_class": None}  # with these options


class Gathered:
    """The step of an evaluation that keeps outputs and measures them together; `flush` measures what is left.

    Args:
        steps: the steps of the model.
        sparse: whether all targets are labels of the classes along the outputs' last axis.
    """

    def __init__(self, steps: StepMaker, sparse: bool) -> None:
        self._steps, self._backend, self._sparse = steps, steps.model._kf_backend, sparse
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._form: tuple[object, ...] = ()  # sizes and dtypes of what is kept
        self._most = 1  # batches of this form that are kept, at most

    @classmethod
    def of(cls, steps: StepMaker) -> Self | None:
        """One for the model; None unless all that is measured is a mean over samples, by code of this package."""
        loss, measured = steps.model._compile_loss, steps.model._compile_metrics
        if steps.model._run_eagerly or steps.measures_itself or steps.test_function() != steps.test_on:
            return None
        items = [] if measured is None else measured.items
        if loss is None or not loss.terms or not loss.single or items is None or any(w for *_, w in items):
            return None
        fn = loss.terms[0].fn
        if not isinstance(fn, LossFunctionWrapper) or fn.reduction not in ("sum_over_batch_size", "mean"):
            return None
        functions = [_of_samples(fn, fn.fn)]
        functions += [_of_samples(m, m._fn) if isinstance(m, MeanMetricWrapper) else None for m, *_ in items]
        sparse = [name.startswith("sparse") for name in functions if name]
        return cls(steps, all(sparse)) if all(functions) and len({*sparse}) == 1 else None

    def __call__(self, x: Tensor, y: Tensor, weight: object) -> None:
        """Run the model on a batch."""
        with self._backend.no_grad():
            y_pred = self._steps.forward(x, False)
            types = self._backend.types
            own = weight is not None or state.any_mask_seen or state.add_loss_used
            if own or type(y) not in types or type(y_pred) not in types:
                self.flush()
                self._steps.measure(x, y, y_pred, weight)
                return
            form = (y.shape, y.dtype, y_pred.shape, y_pred.dtype)
            if form != self._form:
                self.flush()
                self._form, self._most = form, self._room(tuple(y.shape), tuple(y_pred.shape), batch_size(x))
            self._kept.append((y, y_pred))
            if len(self._kept) >= self._most:
                self.flush()

    def flush(self) -> None:
        """Measure what is kept."""
        if self._kept:
            y, y_pred = (x[0] if len(x) == 1 else ops.concatenate(x) for x in zip(*self._kept, strict=True))
            self._kept.clear()
            with self._backend.no_grad():
                self._steps.measure(y_pred, y, y_pred, None)

    def _room(self, y: tuple[int, ...], y_pred: tuple[int, ...], samples: object) -> int:
        """How many batches are measured at once: 1 where targets do not go with outputs sample by sample."""
        of_labels = y in (y_pred[:-1], (*y_pred[:-1], 1))
        alike = of_labels if self._sparse else y == y_pred or (y_pred[-1:] == (1,) and of_labels)
        return min(_STEPS, _NUMBERS // (math.prod(y_pred) or 1)) if alike and y_pred[:1] == (samples,) else 1


def _of_samples(owner: WrapsFunction, function: AnyCallable) -> str | None:
    """The name of a function of this package that gives one value per sample, whatever else is in the batch."""
    name, options = getattr(function, "__name__", "").lstrip("_"), owner._function_options
    ours = type(owner).__module__.startswith("kfront.") and getattr(function, "__module__", "") in _WITHIN
    usual = all(options.get(key, value) == value for key, value in _USUAL.items())
    return name if ours and usual and name not in _OF_BATCHES else None
