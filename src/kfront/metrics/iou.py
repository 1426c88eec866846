"""Intersection over union of classes, from a confusion matrix."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from kfront import ops
from kfront.config import floatx
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError
from kfront.core.options import kept, normalisers, positive
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.core.variable import Variable, read
from kfront.metrics.base import Metric, as_tensor


class _Confusion(Metric):
    """The confusion matrix of class numbers."""

    num_classes: int
    ignore_class: int | None
    sparse_y_true: bool
    sparse_y_pred: bool
    axis: int
    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__("int32" if dtype is None else dtype, name)
        positive(self, "num_classes", num_classes)
        self._kf_store(locals())
        self.total_confusion_matrix = self.add_variable(
            (num_classes, num_classes), "zeros", name="total_confusion_matrix"
        )
        self._counts = not is_float(self._dtype)  # whether fractions are cut off, of which no warning was given yet

    @property
    def total_cm(self) -> Variable:
        """The counts, of shape (classes, classes): targets by predictions."""
        return self.total_confusion_matrix

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: class numbers, or one-hot classes.
            y_pred: class numbers, or scores.
            sample_weight: weights of the values; fractions are cut off, with a warning, unless the metric is made with
                a floating dtype, because it counts in int32 by default.
        """
        y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        y_true, y_pred = (ops.cast(ops.reshape(y, (-1,)), "int32") for y in (y_true, y_pred))
        if sample_weight is None:
            weight = ops.ones_like(y_true, dtype=self._dtype)
        else:
            weight = as_tensor(sample_weight)
            if self._counts and is_float(self._kf_backend.dtype_name(weight.dtype)):
                self._look_at(weight)
            weight = ops.reshape(ops.cast(weight, self._dtype), (-1,))
            weight = ops.broadcast_to(weight, ops.shape(y_true)) if weight.shape == (1,) else weight
        if self.ignore_class is not None:
            weight = ops.where(ops.equal(y_true, self.ignore_class), ops.zeros_like(weight), weight)
            y_true = ops.where(ops.equal(y_true, self.ignore_class), ops.zeros_like(y_true), y_true)
        n = self.num_classes
        counts = ops.segment_sum(weight, ops.add(ops.multiply(y_true, n), y_pred), n * n)
        self._kf_backend.foreach.increment(self.total_confusion_matrix, ops.reshape(counts, (n, n)))

    def _look_at(self, weight: Tensor) -> None:
        """Warn once if weights have fractions, which would be lost; where they cannot be read, if they may have."""
        b = self._kf_backend
        self._counts = False
        seen = b.to_numpy(weight) if b.has_value(weight) else None
        if seen is None or (seen != seen.astype("int32")).any():
            got = "floats in compiled code" if seen is None else f"{seen[seen != seen.astype('int32')][0]}"
            warnings.warn(
                f"[{self.name}] expected whole numbers as `sample_weight`, because the metric counts in {self._dtype}, "
                f"got {got}: fractions are cut off. Make the metric with dtype='float32' to count them.",
                stacklevel=4,
            )

    def _parts(self) -> tuple[Tensor, Tensor]:
        """Diagonal and sizes of the unions, as floats."""
        matrix = ops.cast(read(self.total_confusion_matrix), floatx())
        diagonal = ops.diagonal(matrix)
        total = ops.add(ops.sum(matrix, axis=0), ops.sum(matrix, axis=1))
        return diagonal, ops.subtract(total, diagonal)


def _mean_of_seen(ratio: Tensor, union: Tensor) -> Tensor:
    """Mean over the classes that occur."""
    seen = ops.cast(ops.greater(union, 0), ratio.dtype)
    return ops.divide_no_nan(ops.sum(ops.multiply(ratio, seen)), ops.sum(seen))


class IoU(_Confusion):
    """Intersection over union ``tp / (tp + fp + fn)``, averaged over some classes.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes whose values are averaged.
        name, dtype: see `Metric`.
        ignore_class: a target class that does not count.
        sparse_y_true: whether targets are class numbers rather than one-hot.
        sparse_y_pred: whether predictions are class numbers rather than scores.
        axis: axis of the classes.

    Raises:
        ArgumentError: a target class is not below `num_classes`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    target_class_ids: list[int]
    _kf_normalise = normalisers(target_class_ids=lambda _, __, ids: list(ids))

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        if max(target_class_ids) >= num_classes:
            raise ArgumentError(
                f"[{self.name}] expected `target_class_ids` below {num_classes}, got {list(target_class_ids)}."
            )

    def result(self) -> Tensor:
        """The mean over the target classes that occur."""
        diagonal, union = self._parts()
        diagonal, union = (ops.take(x, ops.convert_to_tensor(self.target_class_ids), axis=0) for x in (diagonal, union))
        return _mean_of_seen(ops.divide_no_nan(diagonal, union), union)


class BinaryIoU(IoU):
    """Intersection over union of the classes "below" and "above a threshold".

    Args:
        target_class_ids: some of 0 and 1.
        threshold: a prediction at or above it is class 1.
        name, dtype: see `Metric`.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    threshold: float
    _kf_normalise = normalisers(
        **dict.fromkeys(("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis"), kept)
    )

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(2, **self._kf_store(locals()))
        self._kf_store(locals())

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, 0 or 1.
            y_pred: predictions.
            sample_weight: weights of the values.
        """
        y_pred = as_tensor(y_pred)
        above = ops.cast(ops.greater_equal(y_pred, self.threshold), "int32")
        super().update_state(y_true, above, sample_weight)


class MeanIoU(_Confusion):
    """Intersection over union ``tp / (tp + fp + fn)``, averaged over all classes that occur.

    Args:
        num_classes: number of classes.
        name, dtype: see `Metric`.
        ignore_class: a target class that does not count.
        sparse_y_true: whether targets are class numbers rather than one-hot.
        sparse_y_pred: whether predictions are class numbers rather than scores.
        axis: axis of the classes.

    Example:

    >>> import kfront
    >>> round(float(kfront.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    @property
    def target_class_ids(self) -> list[int]:
        """The classes whose values are averaged: all."""
        return list(range(self.num_classes))

    def result(self) -> Tensor:
        """The mean over the classes that occur."""
        diagonal, union = self._parts()
        return _mean_of_seen(ops.divide_no_nan(diagonal, union), union)


class OneHotIoU(IoU):
    """As `IoU`, for one-hot targets.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes whose values are averaged.
        name, dtype: see `Metric`.
        ignore_class: a target class that does not count.
        sparse_y_pred: whether predictions are class numbers rather than scores.
        axis: axis of the classes.

    Example:

    >>> import kfront
    >>> metric = kfront.metrics.OneHotIoU(num_classes=2, target_class_ids=[0])
    >>> float(metric([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]]))
    0.5
    """

    _kf_normalise = normalisers(sparse_y_true=kept)

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(**self._kf_store(locals()), sparse_y_true=False)


class OneHotMeanIoU(MeanIoU):
    """As `MeanIoU`, for one-hot targets.

    Args:
        num_classes: number of classes.
        name, dtype: see `Metric`.
        ignore_class: a target class that does not count.
        sparse_y_pred: whether predictions are class numbers rather than scores.
        axis: axis of the classes.

    Example:

    >>> import kfront
    >>> metric = kfront.metrics.OneHotMeanIoU(num_classes=2)
    >>> float(metric([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]]))
    0.25
    """

    _kf_normalise = normalisers(sparse_y_true=kept)

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(**self._kf_store(locals()), sparse_y_true=False)
