"""Quantizers as objects, and how they are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, TypeAlias

from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError
from kfront.core.lookup import Lookup
from kfront.core.options import Configurable, normalisers
from kfront.core.typing import AnyCallable, Config, CustomObjects, Tensor, TensorLike
from kfront.quantizers.functions import abs_max_quantize


class Quantizer(Configurable):
    """Base of quantizers: callables that give (quantized, scale) for a tensor.

    Args:
        output_dtype: dtype of the quantized tensor.

    Example:

    >>> import kfront
    >>> class Halves(kfront.quantizers.Quantizer):
    ...     def __call__(self, x):
    ...         return kfront.ops.cast(kfront.ops.round(x * 2), self.output_dtype), 2.0
    >>> values, scale = Halves()(kfront.ops.array([0.5, -1.0]))
    >>> kfront.ops.convert_to_numpy(values).tolist()
    [1, -2]
    """

    output_dtype: str
    _kf_normalise = normalisers(output_dtype=lambda _, __, dtype: standardize(dtype))

    def __init__(self, output_dtype: str = "int8") -> None:
        super().__init__(**self._kf_store(locals()))

    def __call__(self, x: TensorLike, *args: Any, **kwargs: Any) -> Any:
        """Quantize a tensor; subclasses define it."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `__call__(self, x)`.")

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A quantizer from its config."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(type(self).__name__)


def _in_order(owner: object, name: str, value: Sequence[float]) -> tuple[float, float]:
    if len(value) != 2 or not value[0] < value[1]:
        raise ArgumentError(f"[AbsMaxQuantizer] expected `{name}` to be (smallest, largest), got {value!r}.")
    return value[0], value[1]


class AbsMaxQuantizer(Quantizer):
    """Symmetric quantization by the largest absolute value, see `abs_max_quantize`.

    Args:
        axis: axes along which the largest value is looked for; None leaves it to the caller, and then
            means the last one.
        value_range: smallest and largest quantized value.
        epsilon: added to the largest value, which may be 0.
        output_dtype: dtype of the quantized tensor.

    Raises:
        ArgumentError: if `value_range` is no pair of numbers in order, or beyond int8.

    Example:

    >>> import kfront
    >>> values, scale = kfront.quantizers.AbsMaxQuantizer(axis=-1)(kfront.ops.array([[0.5, -1.0]]))
    >>> kfront.ops.convert_to_numpy(values).tolist()
    [[63, -127]]
    """

    axis: tuple[int, ...] | None
    value_range: tuple[float, float]
    epsilon: float
    _kf_normalise = normalisers(
        axis=lambda _, __, axis: (axis,) if isinstance(axis, int) else None if axis is None else tuple(axis),
        value_range=_in_order,
    )

    def __init__(
        self,
        axis: int | Sequence[int] | None = None,
        value_range: Sequence[float] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        if output_dtype == "int8" and not -128 <= self.value_range[0] < self.value_range[1] <= 127:
            raise ArgumentError(f"[AbsMaxQuantizer] expected a `value_range` within int8, got {self.value_range}.")

    def __call__(
        self, x: TensorLike, axis: int | Sequence[int] | None = None, to_numpy: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Quantize.

        Args:
            x: floating tensor.
            axis: axes, those of the quantizer if None.
            to_numpy: whether NumPy computes.

        Returns:
            (quantized, scale).
        """
        axes = self.axis if axis is None else axis
        return abs_max_quantize(
            x, -1 if axes is None else axes, self.value_range, self.output_dtype, self.epsilon, to_numpy
        )

    def get_config(self) -> Config:
        """Constructor arguments."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name != "axis" or value is not None}


QuantizerLike: TypeAlias = str | Config | type[Quantizer] | Quantizer | AnyCallable | None

_lookup = Lookup("quantizer", {"AbsMaxQuantizer": AbsMaxQuantizer}, {"abs_max": AbsMaxQuantizer})


def get(identifier: QuantizerLike, **kwargs: Any) -> Any:
    """The quantizer that `identifier` stands for.

    Args:
        identifier: a name such as "abs_max_quantizer" or "AbsMaxQuantizer", a config, a class, a quantizer or another
            callable, or None.
        **kwargs: constructor arguments, for a name or a class.

    Raises:
        ArgumentError: if it stands for none.

    Example:

    >>> import kfront
    >>> kfront.quantizers.get("abs_max_quantizer", axis=0).axis
    (0,)
    """
    found = _lookup.get(identifier)
    return type(found)(**kwargs) if kwargs and isinstance(found, Quantizer) else found


def serialize(initializer: Quantizer | AnyCallable | None) -> Config | None:
    """The config of a quantizer.

    Args:
        initializer: a quantizer, or None.

    Returns:
        Its config: a dict with `class_name` and `config`, or the name of a function.

    Example:

    >>> import kfront
    >>> kfront.quantizers.serialize(kfront.quantizers.AbsMaxQuantizer())["class_name"]
    'AbsMaxQuantizer'
    """
    return None if initializer is None else _lookup.serialize(initializer)


def deserialize(config: Config | str | None, custom_objects: CustomObjects = None) -> Any:
    """A quantizer from its config.

    Args:
        config: what `serialize` gave, or None.
        custom_objects: dict name -> class for names that are not kfront's.

    Returns:
        The quantizer.

    Example:

    >>> import kfront
    >>> config = kfront.quantizers.serialize(kfront.quantizers.AbsMaxQuantizer())
    >>> type(kfront.quantizers.deserialize(config)).__name__
    'AbsMaxQuantizer'
    """
    return None if config is None else _lookup.deserialize(config, custom_objects)
