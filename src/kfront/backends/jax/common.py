"""What the modules of the JAX adapter share: compiled helpers, dtypes, static arguments.

Dispatching a compiled function costs about 3 us whatever is in it, a `jax.numpy` function that runs eagerly costs 4 to
8 us for each primitive. So whatever is more than one primitive is compiled here, with its shapes and axes static.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.export import is_symbolic_dim

from kfront.backends.typing import Axes, Function
from kfront.core.dtypes import standardize
from kfront.core.typing import DTypeLike, ShapeLike

try:  # private; a client of XLA must not be made yet, for `jax.distributed.initialize` has to come before
    from jax._src.array import ArrayImpl as ARRAY
except ImportError:  # pragma: no cover
    ARRAY = type(jax.numpy.zeros(()))
try:  # private: whether JAX traces nothing here
    from jax._src.core import trace_state_clean as at_top
except ImportError:  # pragma: no cover

    def at_top() -> bool:
        return False


try:  # private: what jitted functions were traced with; `jax.clear_caches` leaves it
    from jax._src.pjit import _seen_qdds as _TRACED
except ImportError:  # pragma: no cover
    _TRACED: MutableMapping[Any, Any] = {}


TRACER = jax.core.Tracer
_NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}


def compiled(*static: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: compile once per shapes and values of the arguments at the positions `static` (must be hashable)."""

    def decorate(fn: Function[Array]) -> Function[Array]:
        return jax.jit(fn, static_argnums=static, inline=True)

    return decorate


def x64() -> bool:
    """Whether JAX has 64-bit types (`jax_enable_x64`)."""
    return bool(jax.config.read("jax_enable_x64"))


def canonical(dtype: DTypeLike) -> str:
    """The name of the dtype that JAX stores for `dtype`: 64-bit types narrow to 32 bits unless x64 is enabled."""
    name = standardize(dtype)
    return _NARROW[name] if name in _NARROW and not x64() else name


_FEW = 100
_seen: Counter[object] = Counter()  # arrays, by what they were given to, by shape and dtype


class Repeated:
    """A function of one array that is run compiled, and so compiled for a shape, once a few arrays of it have come.

    To compile costs as much as some hundred calls of `plain`, which adds up where models of ever new sizes follow each
    other.

    Args:
        compiled: what `jax.jit` has given.
        plain: does the same without compiling.
    """

    def __init__(self, compiled: Callable[[Array], Array], plain: Callable[[Array], Array]) -> None:
        self._kf_compiled, self._kf_plain = compiled, plain

    def __call__(self, x: Array) -> Array:
        key = self, x.shape, x.dtype
        _seen[key] += 1
        return self._kf_compiled(x) if _seen[key] > _FEW else self._kf_plain(x)


_identity = jax.jit(lambda x: x)
first_value = Repeated(_identity, jax.device_put)


def forget() -> None:
    """Drop what JAX traced and compiled for each shape (jax 0.10: some MB for a small model of a new size)."""
    jax.clear_caches()
    _TRACED.clear()
    _seen.clear()


_NOTHING = np.zeros(())


def tracing() -> bool:
    """Whether a computation is being staged out (`jit`, `scan`, `eval_shape` of one)."""
    return not at_top() and type(jax.device_put(_NOTHING)) is not ARRAY


def on_cpu() -> bool:
    """Whether computations run on the CPU unless placed elsewhere."""
    return jax.default_backend() == "cpu"


def lift(x: Array, dtype: str | None = None) -> Array:
    """A JAX array of a NumPy array or number, in `dtype` or its own.

    The memory is copied first: on CPU JAX reads it later than it returns, even in `jnp.array` (seen with jax 0.10), so
    a caller that goes on writing to its buffer would change the array.
    """
    if dtype is None:
        dtype = canonical(x.dtype)
    return (first_value if at_top() else _identity)(np.array(x, dtype))


def axes(axis: Axes) -> int | tuple[int, ...] | None:
    """An axis argument in hashable form."""
    return tuple(axis) if axis.__class__ is list else axis


def dims(shape: ShapeLike) -> tuple[int, ...]:
    """A shape argument in hashable form; entries may be concrete 0-d arrays, and symbolic in code that is exported."""
    if shape.__class__ is int:
        return (shape,)
    for d in shape:
        if d.__class__ is not int:
            return tuple(d if is_symbolic_dim(d) else int(d) for d in shape)
    return tuple(shape)


def nested(x: object) -> object:
    """A nested list of numbers in hashable form."""
    if isinstance(x, (list, tuple)):
        return tuple(nested(i) for i in x)
    if isinstance(x, (np.ndarray, np.generic)):
        return nested(x.tolist())
    return x


def concrete(x: object) -> bool:
    """Whether the value of `x` is known now."""
    return not isinstance(x, TRACER)


def per_axis(value: int | Sequence[int], n: int) -> tuple[int, ...]:
    """`value` once per spatial axis."""
    return (value,) * n if isinstance(value, int) else tuple(int(v) for v in value)


def filled_windows(out: Array, inputs: Array) -> Array:
    """XLA gives an empty result where the window is larger than the input; that is an error here, as elsewhere."""
    if 0 in out.shape and 0 not in inputs.shape:
        raise ValueError("the window is larger than the input")
    return out
