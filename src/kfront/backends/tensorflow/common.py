"""What the modules of this adapter share: TensorFlow's generated ops as plain positional functions, and shape helpers.

The functions under `tf.raw_ops` check for keywords and re-dispatch; the generated function behind each takes its
arguments by position and costs 4-10 us less per eager call than the public Python form.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.machinery
import inspect
import operator
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kfront.backends.typing import Axes, Function
from kfront.core.typing import DTypeLike, ShapeLike

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # only the default: silences start-up notices of the C++ side


class _Later(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds Keras and JAX, but does not load them.

    `import tensorflow` tries to load all of Keras for `tf.keras` (and with it torch or JAX, as KERAS_BACKEND says),
    and JAX for one converter of `tf.lite`; it does without where they are not installed. Without them it takes half
    the time. `tf.keras` still loads Keras when it is used; the converter needs JAX to be imported first.
    """

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def find_spec(self, fullname: str, path: Tensor | None = None, target: Tensor | None = None) -> Any:
        if fullname not in ("keras", "tf_keras", "jax") or threading.get_ident() != self.thread:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None:
            spec.loader = self
        return spec

    def create_module(self, spec: KerasTensor) -> Any:
        raise ImportError(f"{spec.name} is left out while TensorFlow is loaded", name=spec.name)

    def exec_module(self, module: object) -> None:
        raise ImportError


_later = _Later()
sys.meta_path.insert(0, _later)
try:
    import tensorflow as tf
finally:
    sys.meta_path.remove(_later)

__all__ = [
    "axes_of",
    "broadcast_sizes",
    "constant",
    "dims",
    "eager_types",
    "nonnegative",
    "product",
    "raw",
    "records",
    "shape_vector",
    "size_of",
    "target",
    "via",
]

try:  # private: whether a tape records in this thread
    from tensorflow.python.eager.record import could_possibly_record as records
except ImportError:  # pragma: no cover

    def records() -> bool:
        return True


Tensor = tf.Tensor
EagerTensor: type = tf.__internal__.EagerTensor
SymbolicTensor: type = tf.__internal__.SymbolicTensor
eager_types = frozenset((EagerTensor, SymbolicTensor))


def raw(name: str) -> Function[Tensor]:
    """The generated function of a TensorFlow op; arguments by position in the order of the op's definition."""
    public = getattr(tf.raw_ops, name)
    inner = getattr(public, "__wrapped__", None)
    if inner is not None:
        return inner
    names = list(inspect.signature(public).parameters)
    return lambda *args: public(**dict(zip(names, args, strict=False)))


def as_kind(x: complex, dtype: tf.DType) -> complex:
    """A Python number as one that TensorFlow takes for a dtype: 9.0 is refused for integers."""
    if dtype.is_complex or isinstance(x, complex):
        return x
    return bool(x) if dtype == tf.bool else float(x) if dtype.is_floating else int(x)


@functools.lru_cache(maxsize=16384)
def constant(value: Tensor, dtype: DTypeLike = tf.int32) -> Tensor:
    """A host tensor of a hashable Python value, made once.

    Converting a tuple costs an eager call about 13 us. Captured by a graph, small eager tensors become `Const` nodes.
    """
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(as_kind(value, dtype) if isinstance(value, (int, float)) else value, dtype)


def shape_vector(shape: ShapeLike) -> Tensor:
    """A shape (ints, or ints mixed with scalar tensors, or one tensor) in the form that generated ops take."""
    if isinstance(shape, tf.Tensor):
        return shape
    if isinstance(shape, int):
        return constant((shape,))
    shape = tuple(shape)
    try:
        return constant(shape)
    except (TypeError, ValueError):
        return tf.stack([d if isinstance(d, int) else tf.cast(d, tf.int32) for d in shape])


_all_axes = [tuple(range(n)) for n in range(16)]


def axes_of(x: Tensor, axis: Axes) -> Tensor:
    """Reduction axes in the form that generated ops take; None means all."""
    if axis is None:
        rank = x.shape.rank
        return tf.range(tf.rank(x)) if rank is None else constant(_all_axes[rank])
    return axis if axis.__class__ is int else constant(tuple(operator.index(a) for a in _sequence(axis)))


def _sequence(axis: Axes) -> Iterable[Tensor]:
    return axis if isinstance(axis, (tuple, list)) else (axis,)


def nonnegative(axis: int, rank: int) -> int:
    """A non-negative axis."""
    return axis + rank if axis < 0 else axis


def size_of(x: Tensor, axis: int) -> Tensor:
    """The size of one axis: an int where it is known, else a scalar tensor."""
    size = x.shape[axis]
    return size if size is not None else tf.shape(x)[axis]


def dims(x: Tensor) -> list[int]:
    """The sizes of all axes: ints where known, else scalar tensors."""
    known = x.shape.as_list()
    if None in known:
        dynamic = tf.shape(x)
        return [dynamic[i] if d is None else d for i, d in enumerate(known)]
    return known


def broadcast_sizes(a: Sequence[Tensor], b: Sequence[Tensor]) -> list[Tensor]:
    """The sizes (ints, scalar tensors) that two lists of one length broadcast to."""

    def joined(x: Tensor, y: Tensor) -> Tensor:
        for size, other in ((x, y), (y, x)):
            if isinstance(size, int):
                return other if size == 1 else size
        return tf.maximum(x, y)

    return [joined(x, y) for x, y in zip(a, b, strict=True)]


def via(f: Function[Tensor], dtype: DTypeLike, x: Tensor, *args: object) -> Tensor:
    """`f` run in another dtype, and cast back: for kernels that TensorFlow lacks."""
    return tf.cast(f(tf.cast(x, dtype), *args), x.dtype)


def product(sizes: Sequence[int]) -> Tensor:
    """The product of sizes that may be scalar tensors."""
    out: Any = 1
    for s in sizes:
        out = out * s
    return out


class _Target(threading.local):
    """What will run the function that is traced now, where it lacks some of TensorFlow's operations."""

    fused = True  # False for XLA and LiteRT: no whole recurrent layers as one operation
    lite = False  # True for LiteRT without TensorFlow's own: no loops that collect tensors either, and no searches

    @contextlib.contextmanager
    def being(self, fused: bool, lite: bool = False) -> Iterator[None]:
        """Scope in which functions are traced for such a target."""
        outer = self.fused, self.lite
        self.fused, self.lite = fused, lite
        try:
            yield
        finally:
            self.fused, self.lite = outer


target = _Target()
