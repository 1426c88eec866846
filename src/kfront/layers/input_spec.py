"""`InputSpec`: what a layer expects of an input, checked before it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kfront.core import tree
from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from kfront.core.registry import serializable
from kfront.core.spec import standardize_shape
from kfront.core.typing import Config, DTypeLike, TensorLike


@serializable("keras.layers")
class InputSpec:
    """Expected rank, shape and dtype of one input.

    Args:
        dtype: expected dtype name.
        shape: expected shape, None for any size.
        ndim: expected rank.
        max_ndim, min_ndim: bounds of the rank.
        axes: dict axis -> expected size.
        allow_last_axis_squeeze: whether a last axis of size 1 may be missing or added.
        name: the input's name.
        optional: whether None may be passed.

    Raises:
        ArgumentError: if `axes` is no dict of ints, or names an axis beyond the rank.

    Example:

    >>> import kfront
    >>> class Flat(kfront.layers.Layer):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.input_spec = kfront.layers.InputSpec(ndim=2, axes={-1: 3})
    ...     def call(self, inputs):
    ...         return inputs
    >>> tuple(Flat()(kfront.ops.ones((2, 3))).shape)
    (2, 3)
    """

    def __init__(
        self,
        dtype: DTypeLike = None,
        shape: object = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else standardize(dtype)
        self.shape = standardize_shape(shape) if shape is not None else None
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.name, self.optional = name, optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            self.axes = {int(k): v for k, v in (axes or {}).items()}
        except (ValueError, TypeError, AttributeError):
            raise ArgumentTypeError(f"[InputSpec] expected `axes` to be a dict of ints, got {axes!r}.") from None
        limit = ndim if ndim is not None else max_ndim
        if self.axes and limit is not None and max(self.axes) > limit - 1:
            raise ArgumentError(f"[InputSpec] expected axes below {limit}, got {max(self.axes)}.")

    def get_config(self) -> Config:
        """Constructor arguments."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {n: getattr(self, n) for n in names}

    @classmethod
    def from_config(cls, config: Config) -> InputSpec:
        """A spec from its config."""
        return cls(**config)

    def __repr__(self) -> str:
        parts = [f"{k}={v}" for k, v in self.get_config().items() if v]
        return f"InputSpec({', '.join(parts)})"

    def problem(self, shape: tuple[int | None, ...], dtype: str) -> str | None:
        """What does not fit, in words, or None."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim and not self._squeezable(shape):
            return f"expected rank {self.ndim}, got shape {shape} of rank {rank}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected rank at most {self.max_ndim}, got shape {shape} of rank {rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected rank at least {self.min_ndim}, got shape {shape} of rank {rank}"
        for axis, size in self.axes.items():
            if size is not None and -rank <= axis < rank and shape[axis] not in (size, None):
                return f"expected axis {axis} of size {size}, got shape {shape}"
        if self.shape is not None and rank == len(self.shape):
            for want, have in zip(self.shape, shape, strict=True):
                if want is not None and have is not None and want != have:
                    return f"expected shape {self.shape}, got {shape}"
        return None

    def _squeezable(self, shape: tuple[int | None, ...]) -> bool:
        if not self.allow_last_axis_squeeze or self.ndim is None:
            return False
        return (len(shape) == self.ndim + 1 and shape[-1] == 1) or (
            len(shape) == self.ndim - 1 and self.shape is not None and self.shape[-1] == 1
        )


def check_inputs(spec: object, inputs: TensorLike, who: str, shape_of: Callable[[Any], Any]) -> None:
    """Raise unless `inputs` fit `spec` (one InputSpec or a structure of them).

    Raises:
        ShapeError: with the layer's name, what was expected and what was got.
        DTypeError: if a required dtype differs.
    """
    specs, values = tree.flatten(spec), tree.flatten(inputs)
    if len(specs) != len(values):
        raise ShapeError(f"[{who}] expected {len(specs)} input(s), got {len(values)}; pass one tensor for each.")
    for i, (one, x) in enumerate(zip(specs, values, strict=True)):
        if one is None or (x is None and one.optional):
            continue
        if x is None or not hasattr(x, "shape"):
            raise ArgumentError(f"[{who}] expected input {i} to be a tensor, got {x!r}.")
        where = f"input {one.name!r}" if one.name else f"input {i}" if len(specs) > 1 else "input"
        problem = one.problem(shape_of(x), "")
        if problem:
            raise ShapeError(f"[{who}] {problem} for {where}; reshape the data or change the layer before it.")
        if one.dtype is not None:
            have = str(getattr(x.dtype, "name", x.dtype)).removeprefix("torch.")
            if have != one.dtype:
                raise DTypeError(f"[{who}] expected dtype {one.dtype} for {where}, got {have}; cast it first.")


def shape_test(spec: object) -> Callable[[Any], bool] | None:
    """A quick test of a shape against one InputSpec: True when it surely fits. None: nothing to test."""
    if spec is None:
        return None
    if not isinstance(spec, InputSpec) or spec.dtype is not None or spec.allow_last_axis_squeeze:
        return lambda shape: False
    low = spec.min_ndim or 0
    exact, last = spec.ndim, spec.axes.get(-1)
    if spec.max_ndim is not None or any(a != -1 for a in spec.axes) or any(d is not None for d in spec.shape or ()):
        return lambda shape: spec.problem(tuple(shape), "") is None
    if exact is not None:
        return lambda shape: len(shape) == exact and (last is None or shape[-1] == last)
    return lambda shape: len(shape) >= low and (last is None or shape[-1] == last)
