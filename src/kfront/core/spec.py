"""Values that do not exist yet: shape and dtype, with None for a dimension that is not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentTypeError, ShapeError
from kfront.core.operators import ArrayOperators

__all__ = ["Abstract", "KerasTensor", "is_keras_tensor", "is_text", "standardize_shape"]

Shape = tuple[int | None, ...]


def standardize_shape(shape: Any, name: str = "shape") -> Shape:
    """`shape` as a tuple of ints and None.

    Raises:
        ShapeError: if it is not a sequence of non-negative ints and None.
    """
    if isinstance(shape, int):
        shape = (shape,)
    try:
        out = tuple(d if d is None else int(d) for d in shape)
    except TypeError:
        raise ShapeError(f"[{name}] expected a sequence of ints and None, got {shape!r}.") from None
    if any(d is not None and d < 0 for d in out):
        raise ShapeError(f"[{name}] expected dimensions >= 0 or None, got {tuple(shape)}.")
    return out


class KerasTensor(ArrayOperators):
    """A symbolic tensor: shape, dtype, and the operation that yields it.

    Args:
        shape: tuple of ints, None for a dimension that is not known.
        dtype: dtype name.
        sparse: whether the value will be sparse.
        ragged: whether the value will be ragged.
        record_history: kept for compatibility; the history is set when an operation yields the tensor.
        name: a name for messages and input matching.
    """

    __slots__ = ("__weakref__", "_keras_history", "_keras_mask", "dtype", "name", "ragged", "shape", "sparse")
    ragged_rank: int | None = None  # no engine's ragged tensors have more than one uneven axis here
    row_splits_dtype: str | None = None

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.shape: Shape = standardize_shape(shape)
        self.dtype: str = standardize(dtype)
        self.sparse = bool(sparse)
        self.ragged = bool(ragged)
        self.name = name if name is not None else "keras_tensor"
        self._keras_history: Any = None
        self._keras_mask: Any = None

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def reshape(self, newshape: Any) -> Any:
        """`kfront.ops.reshape` of this tensor."""
        from kfront import ops

        return ops.reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """`kfront.ops.squeeze` of this tensor."""
        from kfront import ops

        return ops.squeeze(self, axis)

    def _no_value(self, what: str) -> ArgumentTypeError:
        return ArgumentTypeError(
            f"[KerasTensor] {what} needs a value, but {self!r} is symbolic (it stands for data that comes later); "
            "use kfront.ops on it, or do this inside a Layer's `call`."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._no_value("conversion to NumPy")

    def __bool__(self) -> bool:
        raise self._no_value("bool()")

    def __int__(self) -> int:
        raise self._no_value("int()")

    def __float__(self) -> float:
        raise self._no_value("float()")

    def __iter__(self) -> Any:
        raise self._no_value("iteration")

    def __len__(self) -> int:
        raise self._no_value("len()")

    def __jax_array__(self) -> Any:
        raise self._no_value("use in jax.numpy")

    def __tf_tensor__(self, dtype: Any = None, name: Any = None) -> Any:
        raise self._no_value("use in tf")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


class Abstract(KerasTensor):
    """A KerasTensor inside shape inference: computed on, never recorded into a graph."""

    __slots__ = ()

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.sparse = self.ragged = False
        self.name = "abstract"
        self._keras_history = self._keras_mask = None


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a symbolic tensor."""
    return isinstance(x, KerasTensor)


def is_text(x: Any) -> bool:
    """Whether `x` is a NumPy array of strings or bytes, which few engines have tensors of."""
    kind = x.dtype.kind if isinstance(x, np.ndarray) else ""
    return kind in ("U", "S", "T") or (kind == "O" and x.size > 0 and isinstance(x.flat[0], (str, bytes)))
