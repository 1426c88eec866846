"""`Loss`: from targets and predictions to one number, with sample weights and masks."""

from __future__ import annotations

from typing import Any, Self, TypeAlias

from kfront import config, dtype_policies, ops
from kfront.backends import current
from kfront.core import tree
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.naming import auto_name
from kfront.core.options import Configurable, WrapsFunction
from kfront.core.registry import serializable
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import AnyCallable, Backend, Config, DTypeLike, Nested, Tensor, TensorLike

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
_MEANS = ("sum_over_batch_size", "mean")
_SUMS = ("sum", "none", None)


Targets: TypeAlias = "Nested[TensorLike]"


class Loss(Configurable):
    """Base of the losses: define `call(y_true, y_pred)`, which gives one value per sample.

    Args:
        name: the loss's name; made from the class name if None.
        reduction: how values become one number: ``"sum_over_batch_size"`` or ``"mean"`` (the sum of the weighted values
            divided by their number), ``"sum"``, ``"mean_with_sample_weight"`` (divided by the sum of the weights), or
            ``"none"``/None (not reduced).
        dtype: dtype name or policy that is computed in; floatx if None.

    Raises:
        ArgumentError: for an unknown reduction.
        ArgumentTypeError: if `name` is no string.

    Example:

    >>> import kfront
    >>> class FourthPower(kfront.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return kfront.ops.mean((y_true - y_pred) ** 4, axis=-1)
    >>> float(FourthPower()([[0.0, 0.0]], [[1.0, 2.0]]))
    8.5
    """

    _kf_takes_labels = False  # whether integer targets reach `call` as they are

    _kf_of_instance = frozenset({"name"})

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: DTypeLike = None
    ) -> None:
        if not isinstance(name, str | None):
            raise ArgumentTypeError(f"[{type(self).__name__}] expected `name` to be a string or None, got {name!r}.")
        self.name = name if name is not None else auto_name(type(self).__name__)
        if reduction not in REDUCTIONS:
            raise ArgumentError(
                f"[{self.name}] expected `reduction` to be one of {', '.join(map(repr, REDUCTIONS))}, "
                f"got {reduction!r}."
            )
        self.reduction = reduction
        self._kf_given_dtype = dtype
        self._dtype = _compute_dtype(dtype)
        self._kf_plain = True  # whether values never carry a mask of their own
        self._kf_native: dict[Backend, Any] = {}  # the engine's dtype for `dtype`

    @property
    def dtype(self) -> str:
        """The dtype that is computed in."""
        return self._dtype

    def __call__(self, y_true: Targets, y_pred: Targets, sample_weight: TensorLike | None = None) -> Tensor:
        """The reduced loss.

        Args:
            y_true: targets: a tensor or nested tensors.
            y_pred: predictions; a Keras mask on them leaves masked steps out.
            sample_weight: weights, one per sample or one per value.

        Returns:
            A scalar; one value per sample without reduction.
        """
        b = state.backend or current()
        value = self._kf_value(b, y_true, y_pred, sample_weight)
        if b.replicas() == 1 or self.reduction in _SUMS:
            return value
        any_rows = ops.greater(ops.size(tree.flatten(y_pred)[0]), 0)  # not of a batch smaller than there are replicas
        return ops.where(any_rows, share_of_replica(value), 0.0)

    def _kf_value(self, b: Backend, y_true: Targets, y_pred: Targets, sample_weight: TensorLike | None) -> Tensor:
        if sample_weight is None and not state.any_mask_seen and self._kf_plain and type(y_pred) in b.types:
            native = self._kf_native.get(b) or self._kf_native_dtype(b)
            true: Any = y_true
            pred: Any = y_pred
            if pred.dtype == native and type(true) in b.types and (self._kf_takes_labels or true.dtype == native):
                if self.reduction in _MEANS:
                    return self._kf_mean(b, true, pred)
                return self._kf_reduce(self.call(true, pred), None, None)
        return self._kf_general(y_true, y_pred, sample_weight)

    def _kf_mean(self, b: Backend, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean of all values, for native tensors without weights and masks."""
        values = self.call(y_true, y_pred)
        return b.mean(values, None, False) if type(values) in b.types else self._kf_reduce(values, None, None)

    def _kf_native_dtype(self, b: Backend) -> Any:
        native = self._kf_native[b] = b.native_dtype(self._dtype)
        return native

    def _kf_general(self, y_true: Targets, y_pred: Targets, sample_weight: TensorLike | None) -> Tensor:
        b = current()
        mask = b.get_mask(y_pred) if state.any_mask_seen and not tree.is_nested(y_pred) else None
        y_pred = _convert(y_pred, self._dtype, b, False)
        y_true = _convert(y_true, self._dtype, b, self._kf_takes_labels)
        values = self.call(y_true, y_pred)
        own = None if self._kf_plain else b.get_mask(values)
        if own is not None:
            mask = own if mask is None else b.logical_and(mask, own)
        return self._kf_reduce(values, sample_weight, mask)

    def _kf_reduce(self, values: Tensor, sample_weight: TensorLike | None, mask: Tensor | None) -> Tensor:
        return reduce_weighted(values, sample_weight, mask, self.reduction, self._dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """Values, one per sample; subclasses define it.

        Args:
            y_true: targets, tensors.
            y_pred: predictions, tensors.
        """
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `call(y_true, y_pred)`.")

    def get_config(self) -> Config:
        """Constructor arguments."""
        out = {"name": self.name, "reduction": self.reduction}
        if self._kf_given_dtype is not None:
            out["dtype"] = self._dtype
        return {**out, **self._kf_stored_options()}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A loss from its config."""
        return cls(**config)

    def __getstate__(self) -> Config:
        return {k: v for k, v in {**self.__dict__, "_kf_native": {}}.items() if k != "_of_error"}

    def __setstate__(self, kept: Config) -> None:
        self.__dict__.update(kept, _of_error=getattr(kept.get("fn"), "_of_error", None))


@serializable("keras.src.losses.losses")
class LossFunctionWrapper(Loss, WrapsFunction):
    """A loss from a function of targets and predictions.

    Args:
        fn: ``fn(y_true, y_pred, **kwargs)`` that gives one value per sample.
        reduction: see `Loss`.
        name: the loss's name.
        dtype: see `Loss`.
        **kwargs: arguments of `fn`.
    """

    def __init__(
        self,
        fn: AnyCallable,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: DTypeLike = None,
        **kwargs: object,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn, self._function_options = fn, kwargs
        self._of_error = getattr(fn, "_of_error", None)
        if type(self) is LossFunctionWrapper:
            self._kf_plain = not hasattr(fn, "_sets_mask")
            self._kf_takes_labels = hasattr(fn, "_kf_takes_labels")

    def _kf_mean(self, b: Backend, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """As in `Loss`; where it is the mean of a function of the errors, with one reduction instead of two.

        A function may have its mean as a whole, which gives None where the engine has nothing for it.
        """
        if self._of_error is None:
            whole = getattr(self.fn, "_whole", None)
            mean = None if whole is None else whole(b, y_true, y_pred, **self._function_options)
            return super()._kf_mean(b, y_true, y_pred) if mean is None else mean
        if y_true.shape != y_pred.shape:
            return super()._kf_mean(b, y_true, y_pred)
        return b.mean(self._of_error(b, b.subtract(y_pred, y_true)), None, False)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """The function's values."""
        return self.fn(y_true, y_pred, **self._function_options)

    def get_config(self) -> Config:
        """Constructor arguments."""
        out = super().get_config()
        if self._kf_takes_function:
            out.update(fn=serialize_keras_object(self.fn), **self._function_options)
        return out

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A loss from its config."""
        if isinstance(config.get("fn"), (dict, str)):
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, reduction={self.reduction}>"


class FunctionLoss(LossFunctionWrapper):
    """Base of the losses of this package, each of which names its function in the class statement."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(self._function, reduction, name, dtype, **self._function_options)


def _compute_dtype(dtype: DTypeLike) -> str:
    if dtype is None:
        return config.floatx()
    found = getattr(dtype, "compute_dtype", None)
    if found is None and isinstance(dtype, (str, dict)) and (isinstance(dtype, dict) or dtype.startswith("mixed")):
        found = dtype_policies.get(dtype).compute_dtype
    return found or standardize(dtype)


def _convert(x: object, dtype: str, b: Backend, keep_labels: bool) -> Any:
    """Tensors of `dtype` in the place of array-likes; integer labels may stay as they are."""
    if isinstance(x, dict):
        return {k: _convert(v, dtype, b, keep_labels) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and any(isinstance(v, dict) or hasattr(v, "shape") for v in x):
        made = [_convert(v, dtype, b, keep_labels) for v in x]
        return type(x)(*made) if hasattr(x, "_fields") else type(x)(made)
    if isinstance(x, KerasTensor):
        return x if keep_labels or x.dtype == dtype else ops.cast(x, dtype)
    if keep_labels:
        return b.convert(x)
    mask = b.get_mask(x) if state.any_mask_seen else None
    x = b.cast(b.convert(x), dtype)
    if mask is not None:
        b.set_mask(x, mask)
    return x


def share_of_replica(loss: Tensor) -> Tensor:
    """What a mean over this replica's part of a batch adds to that over the batch, to which replicas are summed."""
    count = current().replicas()
    return loss if count == 1 else loss / count


def whole_of_replicas(loss: Tensor) -> Tensor:
    """The mean that `share_of_replica` was given."""
    count = (state.backend or current()).replicas()
    return loss if count == 1 else loss * count


def align_weights(weights: Tensor, values: Tensor) -> Tensor:
    """`weights` with axes of size 1 behind, so that they broadcast over `values` from the first axis on.

    Weights of shape (batch,) belong to samples, whatever the other axes of `values` are.
    """
    have, want = tuple(weights.shape), tuple(values.shape)
    if len(have) > len(want):
        if have[-1] == 1 and len(have) == len(want) + 1:
            return ops.squeeze(weights, -1)
        return weights
    if have and len(have) < len(want) and all(a in (w, 1, None) or w is None for a, w in zip(have, want, strict=False)):
        for _ in range(len(want) - len(have)):
            weights = ops.expand_dims(weights, -1)
    return weights


def reduce_weighted(
    values: Tensor, sample_weight: TensorLike | None, mask: Tensor | None, reduction: str | None, dtype: str
) -> Tensor:
    """Weighted values as one number.

    Args:
        values: any shape.
        sample_weight: weights or None.
        mask: bool, False leaves a value out, or None.
        reduction: see `Loss`.
        dtype: dtype of the weights.
    """
    factor = None
    if sample_weight is not None:
        factor = align_weights(ops.cast(ops.convert_to_tensor(sample_weight), dtype), values)
    if mask is not None:
        seen = align_weights(ops.cast(mask, dtype), values)
        factor = seen if factor is None else ops.multiply(factor, seen)
    if factor is not None:
        values = ops.multiply(ops.cast(values, dtype), factor)
    if reduction in (None, "none"):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if factor is not None and reduction == "mean_with_sample_weight":
        weights = ops.broadcast_to(factor, ops.shape(values))
        return ops.divide_no_nan(ops.sum(values), ops.sum(weights))
    if mask is not None:
        count = ops.sum(ops.broadcast_to(seen, ops.shape(values)))
        return ops.divide_no_nan(ops.sum(values), count)
    return ops.mean(values)
