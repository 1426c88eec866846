"""Initializers without randomness."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.core.errors import ShapeError
from kfront.core.registry import serializable
from kfront.initializers.base import HostInitializer, plain_shape

__all__ = ["Constant", "Identity", "Ones", "Zeros"]


@serializable("keras.initializers")
class Zeros(HostInitializer):
    """All zeros.

    Example:

    >>> import kfront
    >>> float(kfront.initializers.Zeros()((2, 2))[0, 1])
    0.0
    """

    def host(self, shape: Any, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        from kfront.backends.base import numpy_dtype

        return np.zeros(plain_shape(shape), numpy_dtype(dtype))


@serializable("keras.initializers")
class Ones(HostInitializer):
    """All ones.

    Example:

    >>> import kfront
    >>> float(kfront.initializers.Ones()((2, 2))[0, 1])
    1.0
    """

    def host(self, shape: Any, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        from kfront.backends.base import numpy_dtype

        return np.ones(plain_shape(shape), numpy_dtype(dtype))


@serializable("keras.initializers")
class Constant(HostInitializer):
    """One given value, broadcast to the shape.

    Args:
        value: a number, or an array that broadcasts to the shape.

    Example:

    >>> import kfront
    >>> float(kfront.initializers.Constant(3.0)((2, 2))[0, 1])
    3.0
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def host(self, shape: Any, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        from kfront.backends.base import numpy_dtype

        shape, value = plain_shape(shape), self.value
        if hasattr(value, "_is_variable"):
            value = value.numpy()
        elif hasattr(value, "shape") and not isinstance(value, np.ndarray):
            from kfront.backends import current

            value = current().to_numpy(current().convert(value))
        value = np.asarray(value)
        try:
            return np.array(np.broadcast_to(value, shape)).astype(numpy_dtype(dtype), copy=False)
        except ValueError:
            raise ShapeError(
                f"[Constant] expected a value that broadcasts to shape {shape}, got one of shape {value.shape}."
            ) from None

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        if isinstance(self.value, (int, float)):
            return {"value": self.value}
        from kfront.saving.serialization import serialize_keras_object

        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        """An initializer from its config."""
        value = config.get("value", 0.0)
        if isinstance(value, dict):
            from kfront.saving.serialization import deserialize_keras_object

            value = deserialize_keras_object(value)
        return cls(value)


@serializable("keras.initializers", None, "IdentityInitializer")
class Identity(HostInitializer):
    """A matrix with `gain` on its diagonal and zeros elsewhere.

    Args:
        gain: the number on the diagonal.

    Raises:
        ShapeError: when called for a shape that is not a matrix's.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.initializers.Identity()((2, 3))).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def host(self, shape: Any, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        from kfront.backends.base import numpy_dtype

        shape = plain_shape(shape)
        if len(shape) != 2:
            raise ShapeError(f"[Identity] expected a shape of rank 2, got {shape}; it only makes matrices.")
        return (np.eye(*shape) * self.gain).astype(numpy_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; `gain` only where it is not 1, as files written by Keras have none."""
        return {} if self.gain == 1.0 else {"gain": self.gain}
