"""Penalties on weights and activations."""

from __future__ import annotations

import math
from typing import Any

from kfront import ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.lookup import Lookup
from kfront.core.registry import serializable

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "serialize"]


class Regularizer:
    """Maps a weight or an activation to a scalar penalty that is added to the loss.

    A subclass defines ``__call__(self, x)``; `get_config` gives its constructor arguments.

    Example:

    >>> import kfront
    >>> class Spread(kfront.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * kfront.ops.var(x)
    >>> layer = kfront.layers.Dense(4, kernel_regularizer=Spread())
    """

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar tensor."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `get_config` to be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A regularizer from its config."""
        return cls(**config)


def _factor(who: str, name: str, value: Any) -> float:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ArgumentError(f"[{who}] expected `{name}` to be a finite number >= 0, got {value!r}.")
    return value


@serializable("keras.regularizers")
class L1(Regularizer):
    """``l1 * sum(abs(x))``.

    Args:
        l1: factor.

    Raises:
        ArgumentError: if the factor is negative or not a finite number.

    Example:

    >>> import kfront
    >>> round(float(kfront.regularizers.L1(0.1)(kfront.ops.ones((2, 3)))), 4)
    0.6
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor("L1", "l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar tensor."""
        return self.l1 * ops.sum(ops.absolute(x))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"l1": float(self.l1)}


@serializable("keras.regularizers")
class L2(Regularizer):
    """``l2 * sum(square(x))``.

    Args:
        l2: factor.

    Raises:
        ArgumentError: if the factor is negative or not a finite number.

    Example:

    >>> import kfront
    >>> round(float(kfront.regularizers.L2(0.1)(2 * kfront.ops.ones((2, 3)))), 4)
    2.4
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor("L2", "l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar tensor."""
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"l2": float(self.l2)}


@serializable("keras.regularizers")
class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(square(x))``.

    Args:
        l1, l2: factors.

    Raises:
        ArgumentError: if a factor is negative or not a finite number.

    Example:

    >>> import kfront
    >>> round(float(kfront.regularizers.L1L2(0.1, 0.1)(2 * kfront.ops.ones((2, 3)))), 4)
    3.6
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor("L1L2", "l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("L1L2", "l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar tensor."""
        if not self.l1 and not self.l2:
            return ops.zeros((), dtype=x.dtype if hasattr(x, "dtype") else None)
        out = self.l1 * ops.sum(ops.absolute(x)) if self.l1 else None
        if not self.l2:
            return out
        square = self.l2 * ops.sum(ops.square(x))
        return square if out is None else out + square

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"l1": float(self.l1), "l2": float(self.l2)}


@serializable("keras.regularizers")
class OrthogonalRegularizer(Regularizer):
    """The mean absolute cosine between different rows (or columns) of a matrix, times `factor`.

    Args:
        factor: factor.
        mode: "rows" or "columns".

    Raises:
        ArgumentError: for another mode, or a factor that is negative or not a finite number.
        ShapeError: when called on something that is not a matrix.

    Example:

    >>> import kfront
    >>> float(kfront.regularizers.OrthogonalRegularizer(0.1)(kfront.ops.eye(3)))
    0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("OrthogonalRegularizer", "factor", factor)
        if mode not in ("rows", "columns"):
            raise ArgumentError(f"[OrthogonalRegularizer] expected `mode` 'rows' or 'columns', got {mode!r}.")
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar tensor."""
        if not hasattr(x, "shape"):
            x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ShapeError(f"[OrthogonalRegularizer] expected a matrix, got shape {tuple(x.shape)}.")
        rows = x if self.mode == "rows" else ops.transpose(x)
        rows = rows * ops.rsqrt(ops.maximum(ops.sum(ops.square(rows), axis=1, keepdims=True), 1e-12))
        count = rows.shape[0]
        cosines = ops.matmul(rows, ops.transpose(rows))
        off_diagonal = ops.absolute(cosines * (1.0 - ops.eye(count, dtype=cosines.dtype)))
        return self.factor * ops.sum(off_diagonal) / max(1, count * (count - 1))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"factor": float(self.factor), "mode": self.mode}


_lookup = Lookup("regularizer", {c.__name__: c for c in (L1, L2, L1L2, OrthogonalRegularizer)}, {"l1_l2": L1L2})


def get(identifier: Any) -> Any:
    """The regularizer that `identifier` stands for.

    Args:
        identifier: a name such as "l2", a config, a Regularizer, a class, a callable, or None.

    Raises:
        ArgumentError: if it stands for none.

    Example:

    >>> import kfront
    >>> type(kfront.regularizers.get("l2")).__name__
    'L2'
    """
    return _lookup.get(identifier)


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer."""
    return _lookup.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A regularizer from its config.

    Args:
        config: what `serialize` gave.
        custom_objects: dict name -> class or function for names that are not kfront's.
    """
    return _lookup.deserialize(config, custom_objects)
