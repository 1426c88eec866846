"""What a transform does with the arguments of a function: find the engine, the tensors, the Variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kfront.backends import backend_scope, current
from kfront.core import tree
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError, ArgumentTypeError, DTypeError
from kfront.core.operators import VariableBase
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import AnyCallable, Backend, Tensor


class Cell:
    """Has a tensor argument as its value, as a Variable does, so that transforms treat both alike."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def _put(self, value: object) -> None:
        self._value = value


def is_layer(x: object) -> bool:
    """Whether `x` is a layer or model: it is differentiated by its trainable variables."""
    return hasattr(x, "trainable_variables") and hasattr(x, "_kf_backend")


def check_callable(name: str, fn: Callable[..., object]) -> None:
    """Raise unless `fn` is callable."""
    if not callable(fn):
        raise ArgumentTypeError(f"[{name}] expected a function, got {fn!r}.")


def engine_of(*values: object) -> Any:
    """The backend of the first Variable or layer among nested values, else the current one."""
    for x in tree.flatten(values):
        if isinstance(x, VariableBase) or is_layer(x):
            return x._kf_backend
    return current()


def on_engine(b: Backend, fn: AnyCallable, *args: object) -> Any:
    """Call a function while `b` is the current backend."""
    if state.backend is b:
        return fn(*args)
    with backend_scope(b):
        return fn(*args)


def split_tensors(b: Backend, values: object) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The tensors nested in `values`, and a function that puts others in their places; the rest stays as it is."""
    leaves = [x._tensor if isinstance(x, VariableBase) else x for x in tree.flatten(values)]
    places = [i for i, x in enumerate(leaves) if b.is_tensor(x)]
    others = [None if b.is_tensor(x) else x for x in leaves]

    def rebuild(tensors: Sequence[Tensor]) -> object:
        new = list(others)
        for i, x in zip(places, tensors, strict=True):
            new[i] = x
        return tree.pack_sequence_as(values, new)

    return [leaves[i] for i in places], rebuild


class Point:
    """Where a function is differentiated: nested tensors, Variables and layers.

    Args:
        name: of the transform, for messages.
        b: the backend.
        values: what to differentiate by; None among them is left out.

    Attributes:
        holders: Cells and Variables that hold the values, each once.
    """

    def __init__(self, name: str, b: Backend, values: object) -> None:
        self.name, self.b, self.values = name, b, values
        self.holders: list[Any] = []
        self._index: dict[int, int] = {}
        self._leaves = [x._handle if isinstance(x, VariableBase) else x for x in tree.flatten(values)]
        self._places = [[self._kf_place(h) for h in self._held(x)] for x in self._leaves]

    def _held(self, leaf: Any) -> list[object]:
        if leaf is None:
            return []
        if isinstance(leaf, VariableBase):
            return [leaf]
        if is_layer(leaf):
            return list(leaf.trainable_variables)
        if isinstance(leaf, (str, bytes, KerasTensor)) or callable(leaf):
            raise ArgumentTypeError(f"[{self.name}] expected tensors, Variables or layers, got {leaf!r}.")
        return [Cell(self.b.convert(leaf))]

    def _kf_place(self, holder: Any) -> int:
        found = self._index.get(id(holder))
        if found is None:
            dtype = self.b.dtype_name(holder._value.dtype)
            if not is_float(dtype) and not dtype.startswith("complex"):
                raise DTypeError(
                    f"[{self.name}] expected floating values to differentiate by, got dtype {dtype}; "
                    "cast them, or choose other arguments with `argnums`."
                )
            found = self._index[id(holder)] = len(self.holders)
            self.holders.append(holder)
        return found

    def arguments(self) -> Any:
        """The values as the function gets them now: tensors from their Cells, Variables and layers themselves."""
        new = [
            self.holders[p[0]]._value if len(p) == 1 and isinstance(self.holders[p[0]], Cell) else x
            for x, p in zip(self._leaves, self._places, strict=True)
        ]
        return tree.pack_sequence_as(self.values, new)

    def pack(self, found: Sequence[object]) -> Any:
        """One value per holder in the structure of the values; a layer has a list of them."""
        out = [
            [found[i] for i in p] if is_layer(x) else found[p[0]] if p else None
            for x, p in zip(self._leaves, self._places, strict=True)
        ]
        return tree.pack_sequence_as(self.values, out)

    def unpack(self, values: object) -> list[Any]:
        """The tensors of `values`, structured as `pack` gives them, one per holder and in its dtype."""
        try:
            flat = tree.flatten(tree.map_structure_up_to(self.values, lambda _, v: _Leaf(v), self.values, values))
        except ArgumentError as error:
            raise ArgumentError(
                f"[{self.name}] expected tangents in the structure of the primals, got {values!r}."
            ) from error
        out: list[Any] = [None] * len(self.holders)
        for leaf, places in zip(flat, self._places, strict=True):
            given = list(leaf.value) if len(places) != 1 and leaf.value is not None else [leaf.value]
            for i, x in zip(places, given, strict=False):
                out[i] = self.b.convert(x, self.b.dtype_name(self.holders[i]._value.dtype))
        return out


class _Leaf:
    """Keeps `tree` from looking into a value."""

    def __init__(self, value: object) -> None:
        self.value = value


_KEPT = ("backend", "autocast", "training", "depth", "in_segment")


def as_now(f: Callable[..., object]) -> AnyCallable:
    """`f`, whose later calls run with this thread's present state: the second run happens in the backward pass."""
    now = [getattr(state, n) for n in _KEPT]

    def call(*args: object, **kwargs: object) -> Any:
        before = [getattr(state, n) for n in _KEPT]
        for name, value in zip(_KEPT, now, strict=True):
            setattr(state, name, value)
        try:
            return f(*args, **kwargs)
        finally:
            for name, value in zip(_KEPT, before, strict=True):
                setattr(state, name, value)

    return call
