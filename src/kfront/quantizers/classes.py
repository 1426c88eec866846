"""Quantizers as objects, and how they are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError
from kfront.core.lookup import Lookup
from kfront.core.registry import serializable
from kfront.quantizers.functions import abs_max_quantize

__all__ = ["AbsMaxQuantizer", "Quantizer", "deserialize", "get", "serialize"]


@serializable("keras.quantizers")
class Quantizer:
    """Base of quantizers: callables that give (quantized, scale) for a tensor.

    Args:
        output_dtype: dtype of the quantized tensor.
    """

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = standardize(output_dtype)

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Quantize a tensor; subclasses define it."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `__call__(self, x)`.")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"output_dtype": self.output_dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A quantizer from its config."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(type(self).__name__)


@serializable("keras.quantizers")
class AbsMaxQuantizer(Quantizer):
    """Symmetric quantization by the largest absolute value, see `abs_max_quantize`.

    Args:
        axis: axes along which the largest value is looked for; None leaves it to the caller.
        value_range: smallest and largest quantized value.
        epsilon: added to the largest value, which may be 0.
        output_dtype: dtype of the quantized tensor.

    Raises:
        ArgumentError: if `value_range` is no pair of numbers in order.

    Example:

    >>> import kfront
    >>> values, scale = kfront.quantizers.AbsMaxQuantizer(axis=-1)(kfront.ops.array([[0.5, -1.0]]))
    >>> kfront.ops.convert_to_numpy(values).tolist()
    [[63, -127]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = None,
        value_range: Sequence[float] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        if len(value_range) != 2 or not value_range[0] < value_range[1]:
            raise ArgumentError(
                f"[AbsMaxQuantizer] expected `value_range` to be (smallest, largest), got {value_range!r}."
            )
        self.axis = (axis,) if isinstance(axis, int) else None if axis is None else tuple(axis)
        self.value_range = tuple(value_range)
        self.epsilon = epsilon

    def __call__(self, x: Any, axis: int | Sequence[int] | None = None, to_numpy: bool = False) -> tuple[Any, Any]:
        """Quantize.

        Args:
            x: floating tensor.
            axis: axes, those of the quantizer if None.
            to_numpy: whether NumPy computes.

        Returns:
            (quantized, scale).
        """
        axes = self.axis if axis is None else axis
        return abs_max_quantize(x, axes, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else {**config, "axis": self.axis}


_lookup = Lookup("quantizer", {"AbsMaxQuantizer": AbsMaxQuantizer}, {"abs_max": AbsMaxQuantizer})


def get(identifier: Any, **kwargs: Any) -> Any:
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


def serialize(initializer: Any) -> Any:
    """The config of a quantizer.

    Args:
        initializer: a quantizer, or None.
    """
    return None if initializer is None else _lookup.serialize(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A quantizer from its config.

    Args:
        config: what `serialize` gave, or None.
        custom_objects: dict name -> class for names that are not kfront's.
    """
    return None if config is None else _lookup.deserialize(config, custom_objects)
