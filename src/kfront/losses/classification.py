"""Losses of class labels: the functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kfront import config, ops
from kfront.core.errors import DataError, ShapeError
from kfront.core.options import from_0_to_1
from kfront.core.registry import serializable
from kfront.core.shapes import axis_of
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import Backend, Scalar, Tensor, TensorLike
from kfront.losses.regression import MODULES, as_tensors, pair, same_dtype
from kfront.ops.primitives.dtypes import dtype_of

# ---- crossentropies --------------------------------------------------------------------------------------------------


def _smooth(y_true: Tensor, amount: float, classes: int) -> Tensor:
    from_0_to_1("crossentropy", "label_smoothing", amount)
    return ops.add(ops.multiply(y_true, 1.0 - amount), amount / classes)


@serializable(MODULES, None, "bce", "BCE")
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Crossentropy of yes-or-no targets: ``-mean(y_true * log(p) + (1 - y_true) * log(1 - p), axis)``.

    Args:
        y_true: targets, 0 or 1, of shape (batch, ..., size) and any dtype.
        y_pred: floating probabilities, or logits, of the same shape.
        from_logits: whether `y_pred` are logits.
        label_smoothing: from 0 to 1: how far targets are drawn towards 0.5.
        axis: axis that the mean is taken over.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    y_true, y_pred = pair(y_true, y_pred)
    if label_smoothing:
        y_true = _smooth(y_true, label_smoothing, 2)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis)


@serializable(MODULES)
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Crossentropy of one-hot targets: ``-sum(y_true * log(p), axis)``.

    Args:
        y_true: targets, one-hot or probabilities, of shape (batch, ..., classes).
        y_pred: floating probabilities (scaled to a sum of 1), or logits, of the same shape.
        from_logits: whether `y_pred` are logits.
        label_smoothing: from 0 to 1: how far targets are drawn towards equal probabilities.
        axis: axis of the classes.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    y_true, y_pred = same_dtype(y_true, y_pred)
    if label_smoothing:
        y_true = _smooth(y_true, label_smoothing, y_true.shape[axis])
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


@serializable(MODULES)
def sparse_categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Crossentropy of integer targets: ``-log(p[y_true])``.

    Args:
        y_true: class numbers from 0, with the shape of `y_pred` less its class axis (a last axis of size 1 is allowed).
        y_pred: floating probabilities (scaled to a sum of 1), or logits, of shape (batch, ..., classes).
        from_logits: whether `y_pred` are logits.
        ignore_class: a class number (-1, say) that does not count: 0, and left out of means.
        axis: axis of the classes.
        label_smoothing: from 0 to 1: how far targets are drawn towards equal probabilities.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Raises:
        DataError: a label is not a class (where the labels can be seen: not in compiled steps).

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    labels, scores = as_tensors(y_true, y_pred)
    if len(labels.shape) == len(scores.shape) and len(labels.shape) > 1 and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)

    def known(labels: Tensor) -> Any:
        if not label_smoothing:
            return _sparse(labels, scores, from_logits, axis)
        targets = _one_hot(labels, scores, axis)
        return categorical_crossentropy(targets, scores, from_logits, label_smoothing, axis)

    return _without_class(labels, ignore_class, known)


def _one_hot(labels: Tensor, scores: Tensor, axis: int) -> Tensor:
    classes = scores.shape[axis_of(axis, len(scores.shape))]
    return ops.one_hot(ops.cast(labels, "int32"), classes, axis=axis, dtype=ops.dtype(scores))


def _without_class(labels: Tensor, ignore_class: int | None, loss: Callable[[Tensor], Any]) -> Any:
    """The loss of labels; 0 where they are of a class that does not count, with a mask that says so."""
    if ignore_class is None:
        return loss(labels)
    valid = ops.not_equal(labels, ignore_class)
    values = loss(ops.where(valid, labels, ops.zeros_like(labels)))
    values = ops.where(valid, values, ops.zeros_like(values))
    if not isinstance(values, KerasTensor):
        state.any_mask_seen = True
        state.backend.set_mask(values, valid)
    return values


def _sparse(y_true: Tensor, y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    b = state.backend
    if type(y_true) in b.types:
        span = b.foreach.label_range(y_true)
        if span is not None:
            _check_span(span, y_pred.shape[axis_of(axis, len(y_pred.shape))])
        if y_pred.dtype in b.ok_exp:  # a float type: the engine's form takes both as they are
            try:
                labels = y_true if y_true.dtype == b.native_dtype("int32") else b.cast(y_true, "int32")
                return b.sparse_categorical_crossentropy(labels, y_pred, from_logits, axis)
            except Exception:  # the op below says what is wrong
                pass
    return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)


def _check_span(span: tuple[Scalar, Scalar], classes: int | None) -> None:
    low, high = span
    if classes is not None and not (low >= 0 and high < classes):
        bad = low if not low >= 0 else high
        raise DataError(
            f"[sparse_categorical_crossentropy] expected labels from 0 to {classes - 1} for {classes} classes, "
            f"got {bad}; renumber the classes, give the last layer more units, or set `ignore_class`."
        )


sparse_categorical_crossentropy._kf_takes_labels = True  # type: ignore[attr-defined]


def _sparse_mean(
    b: Backend,
    y_true: Tensor,
    y_pred: Tensor,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
) -> Tensor | None:
    """The mean over rows by one kernel, which looks whether labels are classes; None where that is not to be had."""
    shape = y_pred.shape
    fused = b.fused_sparse_crossentropy_mean
    if fused is None or label_smoothing or ignore_class is not None or axis != -1:
        return None
    if len(shape) != 2 or len(y_true.shape) != 1:
        return None
    if y_true.shape[0] != shape[0]:
        return None
    try:
        return fused(y_true, y_pred, from_logits)
    except IndexError:
        _check_span(b.foreach.label_range(y_true), shape[1])
        raise


sparse_categorical_crossentropy._whole = _sparse_mean  # type: ignore[attr-defined]


@serializable(MODULES)
def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Binary crossentropy times ``(1 - p_t) ** gamma``, where p_t is the probability given to the right answer.

    Args:
        y_true: targets, 0 or 1, of shape (batch, ..., size) and any dtype.
        y_pred: floating probabilities, or logits, of the same shape.
        apply_class_balancing: weigh class 1 by `alpha` and class 0 by ``1 - alpha``.
        alpha: weight of class 1.
        gamma: how much less easy samples count.
        from_logits: whether `y_pred` are logits.
        label_smoothing: how far targets are drawn towards 0.5.
        axis: axis that the mean is taken over.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Reference: Lin et al., 2017, "Focal loss for dense object detection", arXiv:1708.02002.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.binary_focal_crossentropy([[1.0]], [[0.5]])[0]), 4)
    0.1733
    """
    y_true, y_pred = pair(y_true, y_pred)
    if label_smoothing:
        y_true = _smooth(y_true, label_smoothing, 2)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    values = ops.binary_crossentropy(y_true, y_pred, False)
    other = ops.subtract(1.0, y_true)
    right = ops.add(ops.multiply(y_true, y_pred), ops.multiply(other, ops.subtract(1.0, y_pred)))
    values = ops.multiply(ops.power(ops.subtract(1.0, right), gamma), values)
    if apply_class_balancing:
        values = ops.multiply(values, ops.add(ops.multiply(y_true, alpha), ops.multiply(other, 1.0 - alpha)))
    return ops.mean(values, axis)


def _probabilities(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    """Probabilities with a sum of 1, clipped to epsilon and 1 - epsilon."""
    if from_logits:
        y_pred = ops.softmax(y_pred, axis)
    y_pred = ops.divide(y_pred, ops.sum(y_pred, axis, True))
    return ops.clip(y_pred, config.epsilon(), 1.0 - config.epsilon())


@serializable(MODULES)
def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float | Tensor = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Categorical crossentropy with each class's term times ``alpha * (1 - p) ** gamma``.

    Args:
        y_true: targets, one-hot or probabilities.
        y_pred: probabilities, or logits.
        alpha: a weight, or one for each class.
        gamma: how much less easy samples count.
        from_logits: whether `y_pred` are logits.
        label_smoothing: how far targets are drawn towards equal probabilities.
        axis: axis of the classes.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Reference: Lin et al., 2017, "Focal loss for dense object detection", arXiv:1708.02002.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.0433
    """
    y_true, y_pred = pair(y_true, y_pred)
    if label_smoothing:
        y_true = _smooth(y_true, label_smoothing, y_true.shape[axis])
    y_pred = _probabilities(y_pred, from_logits, axis)
    weight = ops.multiply(ops.power(ops.subtract(1.0, y_pred), gamma), alpha)
    return ops.sum(ops.multiply(weight, ops.negative(ops.multiply(y_true, ops.log(y_pred)))), axis)


@serializable("keras.losses")
def sparse_categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Crossentropy of integer targets times ``alpha * (1 - p) ** gamma``, p being the probability of the right class.

    Args:
        y_true: class numbers from 0, with the shape of `y_pred` less its class axis (a last axis of size 1 is allowed).
        y_pred: probabilities, or logits, of shape (batch, ..., classes).
        alpha: a weight, or one for each class.
        gamma: how much less easy samples count.
        from_logits: whether `y_pred` are logits.
        ignore_class: a class number (-1, say) that does not count: 0, and left out of means.
        axis: axis of the classes.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Raises:
        ShapeError: `alpha` has another number of weights than there are classes.

    Reference: Lin et al., 2017, "Focal loss for dense object detection", arXiv:1708.02002.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.sparse_categorical_focal_crossentropy([1], [[0.5, 0.5]])[0]), 4)
    0.0433
    """
    labels, scores = as_tensors(y_true, y_pred)
    if len(labels.shape) == len(scores.shape) and len(labels.shape) > 1 and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    weights, classes = ops.convert_to_tensor(alpha, ops.dtype(scores)), scores.shape[axis]
    if len(weights.shape) and None not in (classes, weights.shape[0]) and weights.shape[0] != classes:
        raise ShapeError(f"[focal] expected one `alpha` for each of {classes} classes, got {tuple(weights.shape)}.")
    if len(weights.shape):
        weights = ops.reshape(
            weights, tuple(-1 if i == axis % len(scores.shape) else 1 for i in range(len(scores.shape)))
        )

    def known(labels: Tensor) -> Any:
        return categorical_focal_crossentropy(
            _one_hot(labels, scores, axis), scores, weights, gamma, from_logits, 0.0, axis
        )

    return _without_class(labels, ignore_class, known)


@serializable("keras.losses")
def categorical_generalized_cross_entropy(y_true: TensorLike, y_pred: TensorLike, q: float) -> Tensor:
    """``(1 - p ** q) / q``, where p is the probability of the right class: little moved by wrong labels.

    Args:
        y_true: integer class numbers.
        y_pred: probabilities.
        q: from 0 (crossentropy) to 1 (mean absolute error), both excluded.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Reference: Zhang and Sabuncu, 2018, "Generalized cross entropy loss for training deep neural networks with noisy
    labels", arXiv:1805.07836.

    Example:

    >>> import kfront
    >>> out = kfront.losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)
    >>> kfront.ops.convert_to_numpy(out).tolist()
    [1.0]
    """
    y_true, y_pred = as_tensors(y_true, y_pred)
    right = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    right = ops.sum(ops.multiply(right, y_pred), axis=-1)
    return ops.divide(ops.subtract(1.0, ops.power(right, q)), q)


categorical_generalized_cross_entropy._kf_takes_labels = True  # type: ignore[attr-defined]


@serializable(MODULES, None, "kld", "KLD")
def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``sum(y_true * log(y_true / y_pred), axis=-1)``.

    Args:
        y_true: target probabilities.
        y_pred: predicted probabilities of the same shape.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.kl_divergence([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
    0.6931
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true, y_pred = (ops.clip(y, config.epsilon(), 1.0) for y in (y_true, y_pred))
    return ops.sum(ops.multiply(y_true, ops.log(ops.divide(y_true, y_pred))), axis=-1)


# ---- hinges ----------------------------------------------------------------------------------------------------------


def _signs(y_true: Tensor) -> Tensor:
    """Targets of 0 and 1 as -1 and 1; others as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(binary, ops.subtract(ops.multiply(y_true, 2.0), 1.0), y_true)


def _margin(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    y_true, y_pred = pair(y_true, y_pred)
    return ops.maximum(ops.subtract(1.0, ops.multiply(_signs(y_true), y_pred)), 0.0)


@serializable(MODULES)
def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``mean(max(0, 1 - y_true * y_pred), axis=-1)``.

    Args:
        y_true: targets, -1 or 1; 0 and 1 are turned into these.
        y_pred: predictions of the same shape.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.hinge([[-1.0, 1.0]], [[0.0, 0.5]])).tolist()
    [0.75]
    """
    return ops.mean(_margin(y_true, y_pred), axis=-1)


@serializable(MODULES)
def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``mean(max(0, 1 - y_true * y_pred) ** 2, axis=-1)``.

    Args:
        y_true: targets, -1 or 1; 0 and 1 are turned into these.
        y_pred: predictions of the same shape.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.squared_hinge([[-1.0, 1.0]], [[0.0, 0.0]])).tolist()
    [1.0]
    """
    return ops.mean(ops.square(_margin(y_true, y_pred)), axis=-1)


@serializable(MODULES)
def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """``max(0, 1 + the highest score of a wrong class - the score of the right one)``.

    Args:
        y_true: one-hot targets.
        y_pred: scores.

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.losses.categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]])).tolist()
    [0.75]
    """
    y_true, y_pred = pair(y_true, y_pred)
    right = ops.sum(ops.multiply(y_true, y_pred), axis=-1)
    wrong = ops.max(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis=-1)
    return ops.maximum(ops.add(ops.subtract(wrong, right), 1.0), 0.0)


# ---- sequences -------------------------------------------------------------------------------------------------------


@serializable("keras.losses")
def ctc(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Connectionist temporal classification: -log of the probability of all alignments that yield the target.

    Args:
        y_true: class numbers of shape (batch, target steps), padded with 0, which is the blank class.
        y_pred: logits of shape (batch, steps, classes).

    Returns:
        One value per sample: a tensor of shape (batch, ...), of the dtype of `y_pred`.

    Raises:
        ShapeError: shapes of other ranks.

    Reference: Graves et al., 2006, "Connectionist temporal classification: labelling unsegmented sequence data with
    recurrent neural networks", ICML.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.ctc([[1]], kfront.ops.zeros((1, 1, 2)))[0]), 4)
    0.6931
    """
    y_true, y_pred = as_tensors(y_true, y_pred)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ShapeError(
            f"[ctc] expected targets of shape (batch, target steps) and predictions of shape (batch, steps, classes), "
            f"got {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    labels = ops.cast(y_true, "int32")
    lengths = ops.cast(ops.count_nonzero(labels, axis=1), "int32")
    steps = ops.multiply(ops.ones_like(lengths), ops.shape(y_pred)[1])
    return ops.ctc_loss(labels, y_pred, lengths, steps, 0)


ctc._kf_takes_labels = True  # type: ignore[attr-defined]


# ---- overlap and metric learning -------------------------------------------------------------------------------------


@serializable("keras.losses")
def dice(y_true: TensorLike, y_pred: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """``1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))``.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: axes that sums are taken over; all if None.

    Returns:
        A scalar, or one value for each place of the other axes.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.dice([[1.0, 0.0]], [[1.0, 0.0]])), 4)
    0.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    common = ops.sum(ops.multiply(y_true, y_pred), axis)
    total = ops.add(ops.sum(y_true, axis), ops.sum(y_pred, axis))
    return ops.subtract(1.0, ops.divide(ops.multiply(common, 2.0), ops.add(total, config.epsilon())))


@serializable("keras.losses")
def tversky(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | Sequence[int] | None = None,
) -> Tensor:
    """One minus the Tversky index ``tp / (tp + alpha * fn + beta * fp)``.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        alpha: weight of false negatives (the values of Keras, whose description has the two the other way round).
        beta: weight of false positives.
        axis: axes that sums are taken over; all if None.

    Returns:
        A scalar, or one value for each place of the other axes.

    Reference: Salehi, Erdogmus and Gholipour, 2017, "Tversky loss function for image segmentation using 3D fully
    convolutional deep networks", arXiv:1706.05721.

    Example:

    >>> import kfront
    >>> round(float(kfront.losses.tversky([[1.0, 0.0]], [[1.0, 0.0]])), 4)
    0.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    common = ops.sum(ops.multiply(y_true, y_pred), axis)
    false_positive = ops.sum(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis)
    false_negative = ops.sum(ops.multiply(y_true, ops.subtract(1.0, y_pred)), axis)
    missed = ops.add(ops.multiply(false_negative, alpha), ops.multiply(false_positive, beta))
    small = config.epsilon()
    return ops.subtract(1.0, ops.divide(ops.add(common, small), ops.add(ops.add(common, missed), small)))


@serializable("keras.losses")
def circle(
    y_true: TensorLike,
    y_pred: TensorLike,
    ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Circle loss: embeddings of one class are drawn together, those of others pushed apart, by their cosines.

    Args:
        y_true: class numbers of shape (n,).
        y_pred: embeddings of norm 1, shape (n, d).
        ref_labels: class numbers to compare with; `y_true` if None.
        ref_embeddings: embeddings to compare with; `y_pred` if None.
        remove_diagonal: leave out the comparison of each sample with itself.
        gamma: scale.
        margin: how far from the optimum pairs stop to count.

    Returns:
        One value per sample; those without another of their class are left out of means.

    Reference: Sun et al., 2020, "Circle loss: A unified perspective of pair similarity optimization",
    arXiv:2002.10857.

    Example:

    >>> import kfront
    >>> kfront.losses.circle([0, 1], [[1.0, 0.0], [0.0, 1.0]]).shape[0]
    2
    """
    y_true, y_pred = as_tensors(y_true, y_pred)
    y_true = ops.cast(y_true, "int32")
    others = y_pred if ref_embeddings is None else ops.cast(ref_embeddings, y_pred.dtype)
    labels = y_true if ref_labels is None else ops.cast(ref_labels, "int32")
    alike = ops.equal(ops.reshape(y_true, (-1, 1)), ops.reshape(labels, (1, -1)))
    different = ops.logical_not(alike)
    if remove_diagonal:
        alike = ops.logical_and(alike, ops.logical_not(_diagonal(alike)))
    cosine = ops.matmul(y_pred, ops.transpose(others))
    far = ops.relu(ops.subtract(1.0 + margin, cosine))
    near = ops.relu(ops.add(cosine, margin))
    attract = ops.multiply(ops.multiply(far, ops.subtract(cosine, 1.0 - margin)), -gamma)
    repel = ops.multiply(ops.multiply(near, ops.subtract(cosine, margin)), gamma)
    values = ops.softplus(ops.add(_log_sum(attract, alike), _log_sum(repel, different)))
    if not isinstance(values, KerasTensor):
        state.any_mask_seen = True
        state.backend.set_mask(values, ops.any(alike, axis=-1))
    return values


def _diagonal(x: Tensor) -> Tensor:
    if isinstance(x, KerasTensor) or None in tuple(x.shape):
        size = ops.shape(x)
        return ops.equal(ops.reshape(ops.arange(size[0]), (-1, 1)), ops.reshape(ops.arange(size[1]), (1, -1)))
    return ops.cast(np.eye(*x.shape), "bool")


def _log_sum(x: Tensor, where: Tensor) -> Tensor:
    """log(sum(exp(x))) over the last axis, of the places where `where` holds."""
    nothing = -3e4 if dtype_of(x) == "float16" else -1e9
    return ops.logsumexp(ops.where(where, x, ops.full_like(x, nothing)), axis=-1)
