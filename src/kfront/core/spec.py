"""Symbolic tensors: shape and dtype, with None for a dimension that is not known."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, TypeGuard

import numpy as np

from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from kfront.core.op_registry import ops
from kfront.core.operators import ArrayOperators
from kfront.core.typing import DTypeLike, ShapeLike

Shape = tuple[int | None, ...]
_KEPT = ("dtype", "ragged", "shape", "sparse")


def is_plain(shape: object) -> TypeGuard[tuple[int, ...]]:
    """Whether it is a tuple of ints that are not negative, as nearly every shape is."""
    if type(shape) is not tuple:
        return False
    for d in shape:  # noqa: SIM110  (`all` takes twice as long)
        if type(d) is not int or d < 0:
            return False
    return True


def standardize_shape(shape: Any, name: str = "shape") -> Shape:
    """`shape` as a tuple of ints and None.

    Raises:
        ShapeError: if it is not a sequence of non-negative ints and None.
    """
    if is_plain(shape):
        return shape
    try:
        out = tuple([d if d is None else operator.index(d) for d in shape])
    except (TypeError, ValueError):
        raise ShapeError(f"[{name}] expected a sequence of ints and None, got {_short(shape)}.") from None
    if any([d is not None and d < 0 for d in out]):
        raise ShapeError(f"[{name}] expected dimensions >= 0 or None, got {tuple(shape)}.")
    return out


def _short(value: object) -> str:
    return f"{value!r:.100}"


class NoValueError(ArgumentTypeError):
    """Raised where the value of a symbolic tensor is needed, by code of an engine as a rule."""


class KerasTensor(ArrayOperators):
    """A symbolic tensor: shape, dtype, and the operation that yields it.

    Args:
        shape: tuple of ints, None for a dimension that is not known.
        dtype: dtype name.
        sparse: whether the value will be sparse.
        ragged: whether the value will be ragged.
        record_history: kept for compatibility; the history is set when an operation yields the tensor.
        name: a name for messages and input matching.
        ragged_rank: of a ragged value: the number of its uneven dimensions.
        row_splits_dtype: of a ragged value: the dtype of the places where its rows begin.

    Raises:
        ArgumentError: for a value that is sparse and ragged, or a `ragged_rank` that is no int.

    Example:

    >>> import kfront
    >>> x = kfront.KerasTensor((None, 4), "float32")
    >>> kfront.ops.matmul(x, kfront.ops.ones((4, 2))).shape
    (None, 2)
    """

    __slots__ = ("__dict__", "__weakref__", "_keras_history", "_keras_mask", "_rows", *_KEPT, "name")
    shape: Shape
    dtype: str
    sparse: bool
    ragged: bool
    name: str
    _keras_history: Any
    _keras_mask: Any
    _kf_of_instance = frozenset({"name", "shape"})  # of models made alike: one is built with another batch size

    def __init__(
        self,
        shape: object,
        dtype: DTypeLike = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        ragged_rank: int | None = None,
        row_splits_dtype: object = None,
        **kwargs: object,
    ) -> None:
        if sparse and ragged:
            raise ArgumentError("[KerasTensor] expected `sparse` or `ragged`, got both.")
        if ragged_rank is not None or row_splits_dtype is not None:
            if ragged_rank is not None and not isinstance(ragged_rank, (int, np.integer)):
                raise ArgumentTypeError(f"[KerasTensor] expected `ragged_rank` to be an int, got {ragged_rank!r}.")
            self._rows = (ragged_rank, None if row_splits_dtype is None else standardize(row_splits_dtype))
        put = object.__setattr__
        put(self, "shape", standardize_shape(shape))
        put(self, "dtype", standardize(dtype))
        put(self, "sparse", bool(sparse))
        put(self, "ragged", bool(ragged))
        put(self, "name", name if name is not None else "keras_tensor")
        put(self, "_keras_history", None)
        put(self, "_keras_mask", None)

    def __setattr__(self, name: str, value: object, /) -> None:
        if name in _KEPT and hasattr(self, name):
            raise AttributeError(f"[KerasTensor] expected `{name}` to stay as it is; make a new KerasTensor.")
        object.__setattr__(self, name, value)

    @property
    def ragged_rank(self) -> int | None:
        """The number of uneven dimensions of a ragged value, None if not given."""
        return getattr(self, "_rows", (None, None))[0]

    @property
    def row_splits_dtype(self) -> str | None:
        """The dtype of the row splits of a ragged value, None if not given."""
        return getattr(self, "_rows", (None, None))[1]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def reshape(self, newshape: ShapeLike) -> Any:
        """`kfront.ops.reshape` of this tensor."""
        return ops.reshape(self, newshape)

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Any:
        """`kfront.ops.squeeze` of this tensor."""
        return ops.squeeze(self, axis)

    def _no_value(self, what: str) -> NoValueError:
        return NoValueError(
            f"[KerasTensor] {what} needs a value, but {self!r} is symbolic (it has a shape and a dtype, no value); "
            "use kfront.ops on it, or do this inside a Layer's `call`."
        )

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise self._no_value("conversion to NumPy")

    def __eq__(self, other: object) -> bool:
        """Identity among tensors of graphs, which lists of them need; the op `equal` with an array, or in a `call`."""
        graph = isinstance(other, KerasTensor) and type(self) is not Abstract
        if graph or other is None or isinstance(other, str):
            return self is other
        return ops.equal(self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise self._no_value("bool()")

    def __int__(self) -> int:
        raise self._no_value("int()")

    def __float__(self) -> float:
        raise self._no_value("float()")

    def __iter__(self) -> Iterator[KerasTensor]:
        raise UnsupportedError(f"[KerasTensor] expected no iteration over {self!r}; use kfront.ops.unstack.")

    def __len__(self) -> int:
        raise self._no_value("len()")

    def __jax_array__(self) -> NoReturn:
        raise self._no_value("use in jax.numpy")

    def __tf_tensor__(self, dtype: DTypeLike = None, name: object = None) -> NoReturn:
        raise self._no_value("use in tf")

    def __repr__(self) -> str:
        kind = f"sparse={self.sparse}, ragged={self.ragged}"
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, {kind}, name={self.name}>"


class Abstract(KerasTensor):
    """A KerasTensor inside shape inference: computed on, never recorded into a graph."""

    __slots__ = ()
    __setattr__ = object.__setattr__

    def __iter__(self) -> Iterator[KerasTensor]:
        if not self.shape or self.shape[0] is None:
            raise self._no_value("iteration over a first dimension that is not known")
        return (self[i] for i in range(self.shape[0]))

    def __init__(self, shape: Any, dtype: Any, sparse: bool = False) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.sparse, self.ragged = sparse, False
        self.name = "abstract"
        self._keras_history = self._keras_mask = None


def abstract(x: object) -> Any:
    """The `Abstract` of a KerasTensor, its mask included; anything else as it is."""
    if not isinstance(x, KerasTensor):
        return x
    out, mask = Abstract(x.shape, x.dtype, x.sparse), x._keras_mask
    out._keras_mask = None if mask is None else Abstract(mask.shape, mask.dtype)
    return out


def is_keras_tensor(x: object) -> bool:
    """Whether a value is a symbolic tensor.

    Args:
        x: any object.

    Returns:
        True for a KerasTensor, False for tensors with values and anything else.

    Example:

    >>> import kfront
    >>> kfront.utils.is_keras_tensor(kfront.Input((3,))), kfront.utils.is_keras_tensor(1.0)
    (True, False)
    """
    return isinstance(x, KerasTensor)


def is_text(x: Any) -> bool:
    """Whether `x` is a NumPy array of strings or bytes, which few engines have tensors of."""
    kind = x.dtype.kind if isinstance(x, np.ndarray) else ""
    return kind in ("U", "S", "T") or (kind == "O" and x.size > 0 and isinstance(x.flat[0], (str, bytes)))
