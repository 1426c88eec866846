"""Arrays of labels, vectors and sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kfront import config, ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.operators import ArrayOperators
from kfront.core.options import positive, whole
from kfront.core.typing import Tensor, TensorLike


def to_categorical(x: TensorLike, num_classes: int | None = None) -> Tensor:
    """One-hot rows for class numbers, as `categorical_crossentropy` expects them.

    Args:
        x: class numbers from 0 to `num_classes - 1`, any shape; a last axis of length 1 is dropped.
        num_classes: length of the rows; `max(x) + 1` if None.

    Returns:
        A float64 NumPy array of shape `(*x.shape, num_classes)`; for a tensor a tensor in floatx.

    Raises:
        ArgumentError: a class number is negative or not below `num_classes`, or there are none to take the maximum of.

    Example:

    >>> import kfront
    >>> kfront.utils.to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if num_classes is not None:
        positive("to_categorical", "num_classes", num_classes)
    if ops.is_tensor(x) or isinstance(x, ArrayOperators):  # symbolic, or a Variable
        return _one_hot_tensor(x, num_classes)
    labels = np.asarray(x)
    try:
        labels = labels.astype("int64")  # numbers in an array of objects or strings, as tables of text have them, too
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"[to_categorical] expected class numbers, got values of dtype {labels.dtype}."
        ) from None
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        if labels.size == 0:
            raise ArgumentError("[to_categorical] expected class numbers, got an empty array; pass `num_classes`.")
        num_classes = int(labels.max()) + 1
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ArgumentError(
            f"[to_categorical] expected class numbers from 0 to {num_classes - 1}, got {labels.min()} to "
            f"{labels.max()}; pass a greater `num_classes` or renumber the classes."
        )
    return (labels[..., None] == np.arange(num_classes)).astype("float64")


def _one_hot_tensor(x: TensorLike, num_classes: int | None) -> Tensor:
    labels = ops.cast(ops.convert_to_tensor(x), "int32")
    if len(labels.shape) > 1 and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if num_classes is None:
        num_classes = int(ops.max(labels)) + 1
    return ops.one_hot(labels, num_classes, dtype=config.floatx())


def normalize(x: TensorLike, axis: int = -1, order: int = 2) -> Tensor | np.ndarray:
    """Divide vectors by their norm; vectors of norm 0 stay.

    Args:
        x: array-like or tensor.
        axis: axis along which the vectors lie.
        order: order of the norm, e.g. 2 for the Euclidean one.

    Returns:
        A NumPy array for NumPy arrays, else a tensor, of the shape of `x`.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> kfront.utils.normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    if not isinstance(x, np.ndarray):
        return ops.normalize(ops.convert_to_tensor(x), axis=axis, order=order)
    x = np.atleast_1d(x)
    norm = np.linalg.norm(x, ord=order, axis=axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)


def pad_sequences(
    sequences: Iterable[object],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: object = 0.0,
) -> np.ndarray:
    """Bring sequences to one length: shorter ones are filled up, longer ones cut.

    Args:
        sequences: the sequences, each a list or array whose first axis is time.
        maxlen: the length; that of the longest sequence if None.
        dtype: dtype of the result; `object` for strings of different lengths.
        padding: ``"pre"`` fills up in front, ``"post"`` behind.
        truncating: ``"pre"`` cuts in front, ``"post"`` behind.
        value: what to fill up with.

    Returns:
        Array of shape `(len(sequences), maxlen, *shape of one step)`.

    Raises:
        ArgumentError: unknown `padding` or `truncating`, or `value` does not fit `dtype`.
        ArgumentTypeError: `sequences` is not made of sequences.
        ShapeError: steps have different shapes.

    Example:

    >>> import kfront
    >>> kfront.utils.pad_sequences([[1], [2, 3]])
    array([[0, 1],
           [2, 3]], dtype=int32)
    """
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise ArgumentError(f"[pad_sequences] expected `{name}` to be 'pre' or 'post', got {given!r}.")
    rows = _rows(sequences)
    longest = max((len(r) for r in rows), default=0)
    maxlen = longest if maxlen is None else int(whole("pad_sequences", "maxlen", maxlen))
    step = _step_shape(rows)
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "USO":
        raise ArgumentError(
            f"[pad_sequences] expected a number as `value` for dtype {kind}, got {value!r}; pass dtype=object."
        )
    out = np.full((len(rows), maxlen, *step), value, dtype=kind)
    for i, row in enumerate(rows):
        kept = row[max(len(row) - maxlen, 0) :] if truncating == "pre" else row[:maxlen]
        if len(kept):
            where = slice(maxlen - len(kept), None) if padding == "pre" else slice(len(kept))
            out[i, where] = np.asarray(kept, dtype=kind)
    return out


def _rows(sequences: Iterable[Any]) -> list[Sequence[Any]]:
    try:
        rows = list(sequences)
    except TypeError as e:
        raise ArgumentTypeError(f"[pad_sequences] expected a list of sequences, got {sequences!r}.") from e
    for i, row in enumerate(rows):
        if not hasattr(row, "__len__") or isinstance(row, (str, bytes, dict)):
            raise ArgumentTypeError(f"[pad_sequences] expected sequences, got {row!r} at position {i}.")
    return rows


def _step_shape(rows: list[Sequence[Any]]) -> tuple[int, ...]:
    step: tuple[int, ...] | None = None
    for i, row in enumerate(rows):
        if not len(row):
            continue
        shape = np.shape(row)[1:]
        if step is not None and shape != step:
            raise ShapeError(f"[pad_sequences] expected steps of shape {step}, got {shape} in sequence {i}.")
        step = shape
    return step or ()
