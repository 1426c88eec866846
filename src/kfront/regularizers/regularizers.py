"""Penalties on weights and activations."""

from __future__ import annotations

import math
from typing import Any, Self

from kfront import ops
from kfront.core.errors import ShapeError
from kfront.core.lookup import Lookup
from kfront.core.options import Configurable, Option, normalisers, number, one_of, option_names
from kfront.core.typing import AnyCallable, Config, CustomObjects, RegularizerLike, Scalar, Tensor


class Regularizer(Configurable):
    """Maps a weight or an activation to a scalar penalty that is added to the loss.

    A subclass defines ``__call__(self, x)``; `get_config` gives its constructor arguments.

    Example:

    >>> import kfront
    >>> class Spread(kfront.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * kfront.ops.var(x)
    >>> layer = kfront.layers.Dense(4, kernel_regularizer=Spread())
    """

    def __call__(self, x: Tensor) -> Scalar:
        """The penalty of `x`, a scalar tensor."""
        return 0.0

    def get_config(self) -> Config:
        """Constructor arguments."""
        if not option_names(type(self)):
            raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `get_config` to be saved.")
        return super().get_config()

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A regularizer from its config."""
        return cls(**config)


_factor = number(
    "to be a finite number >= 0",
    lambda x: isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x) and x >= 0,
)


def _factor_or(default: float | None) -> Option:
    """A factor, `default` in the place of None."""

    def check(owner: object, name: str, value: Any) -> float:
        value = default if value is None else value
        return _factor(owner, name, value.item() if hasattr(value, "item") else value)

    return Option(check, write=float)


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

    l1: float
    _kf_normalise = normalisers(l1=_factor_or(0.01))

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, x: Tensor) -> Scalar:
        """The penalty of `x`, a scalar tensor."""
        return ops.multiply(self.l1, ops.sum(ops.absolute(x)))


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

    l2: float
    _kf_normalise = normalisers(l2=_factor_or(0.01))

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, x: Tensor) -> Scalar:
        """The penalty of `x`, a scalar tensor."""
        return ops.multiply(self.l2, ops.sum(ops.square(x)))


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

    l1: float
    l2: float
    _kf_normalise = normalisers(l1=_factor_or(0.0), l2=_factor_or(0.0))

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, x: Tensor) -> Scalar:
        """The penalty of `x`, a scalar tensor."""
        if not self.l1 and not self.l2:
            return ops.zeros((), dtype=x.dtype if hasattr(x, "dtype") else None)
        terms = [ops.multiply(self.l1, ops.sum(ops.absolute(x)))] if self.l1 else []
        if self.l2:
            terms.append(ops.multiply(self.l2, ops.sum(ops.square(x))))
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]


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

    factor: float
    mode: str
    _kf_normalise = normalisers(factor=_factor_or(None), mode=one_of("rows", "columns", case=str))

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, x: Tensor) -> Scalar:
        """The penalty of `x`, a scalar tensor."""
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ShapeError(f"[OrthogonalRegularizer] expected a matrix, got shape {tuple(x.shape)}.")
        rows = x if self.mode == "rows" else ops.transpose(x)
        rows = ops.multiply(rows, ops.rsqrt(ops.maximum(ops.sum(ops.square(rows), axis=1, keepdims=True), 1e-12)))
        count = rows.shape[0]
        cosines = ops.matmul(rows, ops.transpose(rows))
        off_diagonal = ops.absolute(cosines * (1.0 - ops.eye(count, dtype=cosines.dtype)))
        return self.factor * ops.sum(off_diagonal) / max(1, count * (count - 1))


_lookup = Lookup("regularizer", {c.__name__: c for c in (L1, L2, L1L2, OrthogonalRegularizer)}, {"l1_l2": L1L2})


def get(identifier: RegularizerLike | type[Regularizer]) -> Any:
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


def serialize(regularizer: Regularizer | AnyCallable) -> Config:
    """The config of a regularizer.

    Args:
        regularizer: a regularizer, or a registered function.

    Returns:
        Its config: a dict with `class_name` and `config`, or the name of a function.

    Example:

    >>> import kfront
    >>> kfront.regularizers.serialize(kfront.regularizers.L2(0.1))["class_name"]
    'L2'
    """
    return _lookup.serialize(regularizer)


def deserialize(config: Config | str, custom_objects: CustomObjects = None) -> Any:
    """A regularizer from its config.

    Args:
        config: what `serialize` gave.
        custom_objects: dict name -> class or function for names that are not kfront's.

    Returns:
        The regularizer.

    Example:

    >>> import kfront
    >>> config = kfront.regularizers.serialize(kfront.regularizers.L2(0.1))
    >>> type(kfront.regularizers.deserialize(config)).__name__
    'L2'
    """
    return _lookup.deserialize(config, custom_objects)
