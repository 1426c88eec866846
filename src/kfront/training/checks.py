"""Checks of training data that would otherwise give NaN or wrong results without an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core import tree
from kfront.core.errors import DataError
from kfront.training.data import ArrayData

if TYPE_CHECKING:
    from kfront.training.trainer import Trainer


def check_labels(model: Trainer, data: object) -> None:
    """Labels that are NaN or outside the classes, which a loss of kfront's own would take without an error.

    Args:
        model: a compiled model whose training is the usual one.
        data: its data; only arrays in memory are looked at.

    Raises:
        DataError: with the first bad label and its position.
    """
    if not isinstance(data, ArrayData) or data.y is None or not all(map(_is_own, tree.flatten(model.loss))):
        return
    for path, y in tree.flatten_with_path(data.y):
        label = "y" + "".join(f"[{p!r}]" for p in path)
        if isinstance(y, np.ndarray) and y.dtype.kind == "f" and np.isnan(y).any():
            at = tuple(int(i[0]) for i in np.nonzero(np.isnan(y)))
            raise DataError(f"[fit] expected numbers in `{label}`, got NaN at index {at}; clean the data first.")
    classes = _classes(model)
    y = data.y
    if classes is None or not isinstance(y, np.ndarray) or not y.size:
        return
    if y.dtype.kind == "i" and classes <= np.iinfo(y.dtype).max:  # without a sign, those below zero are the largest
        fine = np.maximum.reduce(y.view(y.dtype.str.replace("i", "u")), None) < classes
    else:
        fine = y.min() >= 0 and y.max() < classes
    if not fine:
        bad = y.min() if y.min() < 0 else y.max()
        raise DataError(
            f"[fit] expected labels from 0 to {classes - 1} for the model's {classes} outputs, got {bad}; renumber the "
            "classes or give the last layer more units."
        )


def _is_own(loss: Any) -> bool:
    """Whether a loss is one of kfront's: a user's may well leave out labels that are NaN, as no loss at all does."""
    if loss is None or isinstance(loss, str):
        return loss is not None
    return all(x.__module__.startswith("kfront.") for x in (loss, getattr(loss, "fn", loss)))


def _classes(model: Trainer) -> int | None:
    """The number of classes when the loss is a plain sparse categorical crossentropy."""
    loss = model.loss
    name = loss if isinstance(loss, str) else getattr(loss, "name", None)
    if name != "sparse_categorical_crossentropy" or getattr(loss, "ignore_class", None) is not None:
        return None
    shape = getattr(model, "output_shape", None) if model.built else None
    return shape[-1] if isinstance(shape, tuple) and shape and isinstance(shape[-1], int) else None
