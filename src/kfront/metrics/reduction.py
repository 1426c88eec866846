"""Sums and means of values over batches."""

from __future__ import annotations

from typing import Any, Self

from kfront import ops
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.options import WrapsFunction
from kfront.core.state import state
from kfront.core.typing import AnyCallable, Config, DTypeLike, Foreach, Scalar, Tensor, TensorLike
from kfront.core.variable import read
from kfront.losses.base import align_weights
from kfront.metrics.base import Metric, as_tensor


def _per_sample(
    values: TensorLike, weights: TensorLike | None, dtype: str, reduce: AnyCallable
) -> tuple[Tensor, Tensor | None]:
    """Weighted values reduced to the batch axis, and the weights spread over them likewise (None without weights)."""
    x = as_tensor(values, dtype)
    if weights is None:
        axes = tuple(range(1, len(x.shape)))
        return (reduce(x, axis=axes) if axes else x), None
    w = align_weights(as_tensor(weights, dtype), x)
    x = ops.multiply(x, w)
    if w.shape != x.shape:
        w = ops.broadcast_to(w, ops.shape(x))
    if len(x.shape) > 1:
        x = reduce(x, axis=tuple(range(1, len(x.shape))))
    if len(w.shape) > 1:
        w = reduce(w, axis=tuple(range(1, len(w.shape))))
    return x, w


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

    def __init__(self, name: str | None = "sum", dtype: DTypeLike = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add values.

        Args:
            values: any shape.
            sample_weight: weights that broadcast over them from the first axis on.
        """
        values, _ = _per_sample(values, sample_weight, self._dtype, ops.sum)
        self._kf_backend.foreach.increment(self.total, ops.sum(values))

    def result(self) -> Tensor:
        """The sum so far."""
        return read(self.total)


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

    def __init__(self, name: str | None = "mean", dtype: DTypeLike = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add values.

        Args:
            values: any shape; what is counted are samples along the first axis.
            sample_weight: weights that broadcast over them from the first axis on.
        """
        b = self._kf_backend
        fe = b.foreach
        if type(values) in b.types and (sample_weight is None or sample_weight.__class__ in (int, float)):
            weight = 1 if sample_weight is None else sample_weight
            x: Any = values
            shape = x.shape
            if len(shape) == 0:
                fe.tally(self.total, self.count, x, weight, weight)
                return
            if weight == 1 and None not in shape and all(shape):
                same = x.dtype == b.native_dtype(self._dtype)
                total = b.sum(x if same else b.cast(x, self._dtype), None, False)
                samples = shape[0]
                inner = 1
                for d in shape[1:]:
                    inner *= d
                fe.tally(self.total, self.count, total if inner == 1 else b.divide(total, inner), samples)
                return
        self._kf_add(fe, values, sample_weight)

    def _kf_add(self, fe: Foreach, values: TensorLike, sample_weight: TensorLike | None) -> None:
        x, weights = _per_sample(values, sample_weight, self._dtype, ops.mean)
        if weights is None:
            count: Any = ops.shape(x)[0] if len(x.shape) else 1
            count = count if isinstance(count, int) else ops.cast(count, self._dtype)
        else:
            count = ops.sum(weights)
        fe.tally(self.total, self.count, ops.sum(x), count)

    def result(self) -> Tensor:
        """The mean so far, 0 before any value."""
        return ops.divide_no_nan(read(self.total), read(self.count))

    def _kf_on_host(self) -> Scalar:
        """Two numbers are read and divided sooner than tensors are, with the same bits."""
        if type(self).result is not Mean.result:
            return self.result()
        total, count = (self._kf_backend.to_numpy(v._read()) for v in (self.total, self.count))
        return float(total / count) if count else 0.0


class MeanMetricWrapper(Mean, WrapsFunction):
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

    def __init__(self, fn: AnyCallable, name: str | None = None, dtype: DTypeLike = None, **kwargs: object) -> None:
        super().__init__(name, dtype)
        self._fn, self._function_options = fn, kwargs

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets.
            y_pred: predictions; a Keras mask on them leaves masked steps out.
            sample_weight: weights of the samples.
        """
        values = self._fn(y_true, y_pred, **self._function_options)
        if state.any_mask_seen:
            get_mask = self._kf_backend.get_mask
            sample_weight = _with_mask(get_mask(y_pred), sample_weight, self._dtype)
            if sample_weight is not None:
                sample_weight = _with_mask(get_mask(values), sample_weight, self._dtype)
        Mean.update_state(self, values, sample_weight)

    def get_config(self) -> Config:
        """Constructor arguments."""
        out = super().get_config()
        if self._kf_takes_function:
            out.update(fn=serialize_keras_object(self._fn), **self._function_options)
        return out

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A metric from its config."""
        if isinstance(config.get("fn"), (dict, str)):
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)


class FunctionMetric(MeanMetricWrapper):
    """Base of the metrics of this package that name their function in the class statement."""

    def __init__(self, name: str | None = None, dtype: DTypeLike = None) -> None:
        super().__init__(self._function, name, dtype, **self._function_options)


def _with_mask(mask: Tensor | None, weights: TensorLike | None, dtype: str) -> TensorLike | None:
    """Sample weights that are 0 where the mask is False."""
    if mask is None:
        return weights
    seen: Tensor = ops.cast(mask, dtype)
    if weights is None:
        return seen
    return ops.multiply(seen, align_weights(as_tensor(weights, dtype), seen))
