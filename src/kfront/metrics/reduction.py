"""Sums and means of values over batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kfront import ops
from kfront.core.registry import serializable
from kfront.core.state import state
from kfront.losses.base import align_weights
from kfront.metrics.base import Metric

__all__ = ["Mean", "MeanMetricWrapper", "Sum"]


def _per_sample(values: Any, weights: Any, dtype: str, reduce: Callable[..., Any]) -> tuple[Any, Any]:
    """Weighted values reduced to the batch axis, and the weights spread over them likewise (None without weights)."""
    values = ops.cast(ops.convert_to_tensor(values), dtype)
    if weights is None:
        axes = tuple(range(1, len(values.shape)))
        return (reduce(values, axis=axes) if axes else values), None
    weights = align_weights(ops.cast(ops.convert_to_tensor(weights), dtype), values)
    values = ops.multiply(values, weights)
    if weights.shape != values.shape:
        weights = ops.broadcast_to(weights, ops.shape(values))
    if len(values.shape) > 1:
        values = reduce(values, axis=tuple(range(1, len(values.shape))))
    if len(weights.shape) > 1:
        weights = reduce(weights, axis=tuple(range(1, len(weights.shape))))
    return values, weights


@serializable("keras.metrics")
class Sum(Metric):
    """The weighted sum of values.

    Args:
        name: the metric's name.
        dtype: dtype name of state and result; floatx if None.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Sum()([1.0, 2.0], sample_weight=[1.0, 0.5]))
    2.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values.

        Args:
            values: any shape.
            sample_weight: weights that broadcast over them from the first axis on.
        """
        values, _ = _per_sample(values, sample_weight, self._dtype, ops.sum)
        self._backend.foreach.increment(self.total, ops.sum(values))

    def result(self) -> Any:
        """The sum so far."""
        return self.total.value


@serializable("keras.metrics")
class Mean(Metric):
    """The weighted mean of values.

    Args:
        name: the metric's name.
        dtype: dtype name of state and result; floatx if None.

    Example:

    >>> import kfront
    >>> float(kfront.metrics.Mean()([1.0, 4.0], sample_weight=[2.0, 1.0]))
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values.

        Args:
            values: any shape; what is counted are samples along the first axis.
            sample_weight: weights that broadcast over them from the first axis on.
        """
        b = self._backend
        fe = b.foreach
        if type(values) in b.types and (sample_weight is None or sample_weight.__class__ in (int, float)):
            weight = 1 if sample_weight is None else sample_weight
            shape = values.shape
            if len(shape) == 0:
                fe.tally(self.total, self.count, values, weight, weight)
                return
            if weight == 1 and None not in shape and all(shape):
                same = values.dtype == b.native_dtype(self._dtype)
                total = b.sum(values if same else b.cast(values, self._dtype), None, False)
                samples = shape[0]
                inner = 1
                for d in shape[1:]:
                    inner *= d
                fe.tally(self.total, self.count, total if inner == 1 else b.divide(total, inner), samples)
                return
        self._add(fe, values, sample_weight)

    def _add(self, fe: Any, values: Any, sample_weight: Any) -> None:
        values, weights = _per_sample(values, sample_weight, self._dtype, ops.mean)
        if weights is None:
            count: Any = ops.shape(values)[0] if len(values.shape) else 1
            count = count if isinstance(count, int) else ops.cast(count, self._dtype)
        else:
            count = ops.sum(weights)
        fe.tally(self.total, self.count, ops.sum(values), count)

    def result(self) -> Any:
        """The mean so far, 0 before any value."""
        return ops.divide_no_nan(self.total.value, self.count.value)

    def _on_host(self) -> Any:
        """Two numbers are read and divided sooner than tensors are, with the same bits."""
        if type(self).result is not Mean.result:
            return self.result()
        total, count = (self._backend.to_numpy(v._read()) for v in (self.total, self.count))
        return float(total / count) if count else 0.0


@serializable("keras.metrics")
class MeanMetricWrapper(Mean):
    """The weighted mean of a function of targets and predictions.

    Args:
        fn: ``fn(y_true, y_pred, **kwargs)`` that gives one value per sample.
        name: the metric's name.
        dtype: dtype name of state and result; floatx if None.
        **kwargs: arguments of `fn`.

    Example:

    >>> import kfront
    >>> metric = kfront.metrics.MeanMetricWrapper(kfront.losses.mean_squared_error, name="error")
    >>> float(metric([[0.0]], [[2.0]]))
    4.0
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name, dtype)
        self._fn, self._fn_kwargs = fn, kwargs
        for k, v in kwargs.items():
            if k in self.arguments:
                setattr(self, k, v)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: targets.
            y_pred: predictions; a Keras mask on them leaves masked steps out.
            sample_weight: weights of the samples.
        """
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if state.any_mask_seen:
            get_mask = self._backend.get_mask
            sample_weight = _with_mask(get_mask(y_pred), sample_weight, self._dtype)
            if sample_weight is not None:
                sample_weight = _with_mask(get_mask(values), sample_weight, self._dtype)
        Mean.update_state(self, values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        out = super().get_config()
        if type(self) is MeanMetricWrapper:
            from kfront import saving

            out.update(fn=saving.serialize_keras_object(self._fn), **self._fn_kwargs)
        return out

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A metric from its config."""
        if isinstance(config.get("fn"), (dict, str)):
            from kfront import saving

            config = {**config, "fn": saving.deserialize_keras_object(config["fn"])}
        return cls(**config)


def _with_mask(mask: Any, weights: Any, dtype: str) -> Any:
    """Sample weights that are 0 where the mask is False."""
    if mask is None:
        return weights
    mask = ops.cast(mask, dtype)
    if weights is None:
        return mask
    weights = ops.cast(ops.convert_to_tensor(weights), dtype)
    return ops.multiply(mask, align_weights(weights, mask))
