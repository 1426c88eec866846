"""The tuples that `fit` takes, and splits of data."""

from __future__ import annotations

from typing import Any

from kfront.core.errors import DataError


def pack_x_y_sample_weight(x: object, y: object = None, sample_weight: object = None) -> Any:
    """One object in the form in which `fit` takes data.

    Args:
        x: inputs.
        y: targets.
        sample_weight: a weight per sample.

    Returns:
        `x` alone where that is all and it is neither list nor tuple, else `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Example:

    >>> import kfront
    >>> kfront.utils.pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if sample_weight is not None:
        return (x, y, sample_weight)
    if y is not None:
        return (x, y)
    return (x,) if isinstance(x, (list, tuple)) else x


def unpack_x_y_sample_weight(data: object) -> tuple[object, object, object]:
    """`(x, y, sample_weight)` of a batch, None for what it does not have.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        DataError: it has none of these forms.

    Example:

    >>> import kfront
    >>> kfront.utils.unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if not isinstance(data, (list, tuple)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise DataError(
            f"[unpack_x_y_sample_weight] expected x, (x,), (x, y) or (x, y, sample_weight), got {len(data)} elements."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
