"""Making layers of rows, and calling them in every way there is."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import kfront
from kfront.core import tree

from .row import Row, arrays_of, map_arrays, with_arrays

__all__ = [
    "built",
    "call",
    "compiled",
    "eager",
    "host",
    "native",
    "new_weights",
    "result",
    "specs",
    "tensors",
    "world",
]

SEED = 11


@contextlib.contextmanager
def world(backend: str, policy: str = "float32", portable: bool = True) -> Iterator[Any]:
    """A backend is current, with a dtype policy, and random ops that give the same on every engine.

    On JAX 64-bit types are enabled meanwhile for the policy "float64".
    """
    config = kfront.config
    old_policy, old_portable = config.dtype_policy(), config.is_portable_random()
    quiet = warnings.catch_warnings(action="ignore")
    with quiet, np.errstate(all="ignore"), _wide(backend, policy), kfront.backend_scope(backend) as b:
        config.set_dtype_policy(policy)
        config.set_portable_random(portable)
        try:
            yield b
        finally:
            config.set_dtype_policy(old_policy)
            config.set_portable_random(old_portable)


@contextlib.contextmanager
def _wide(backend: str, policy: str) -> Iterator[None]:
    if backend != "jax" or policy != "float64":
        yield
        return
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


# ---- layers ----------------------------------------------------------------------------------------------------------


def specs(row: Row, batch: int | None = None, free: bool = False) -> tuple[Any, Any]:
    """Positional and keyword arguments of the row's call with KerasTensors for arrays.

    Args:
        row: the row.
        batch: the size of the first axis, None if unknown.
        free: whether the row's free axes are unknown too.
    """
    unknown = row.free if free else ()

    def one(a: np.ndarray) -> Any:
        rank = _timed_rank(a)
        shape = [None if i in unknown and i < rank else d for i, d in enumerate(a.shape)]
        return kfront.Input(batch_shape=(batch, *shape[1:]), dtype=a.dtype.name)

    return map_arrays(one, (row.args, row.kwargs))


def _timed_rank(a: np.ndarray) -> int:
    """How many axes an array shares with the main input: states have none of time and space."""
    return a.ndim if a.ndim > 2 or a.dtype.kind in "bi" else 1


def built(row: Row) -> Any:
    """A new layer with its first weights; nothing has been computed, so no random number is drawn."""
    layer = row.make()
    args, kwargs = specs(row)
    layer(*args, **kwargs, **_training(row))
    return layer


def _training(row: Row) -> dict[str, Any]:
    return {} if row.training is None else {"training": row.training}


@functools.cache
def new_weights(row: Row) -> list[np.ndarray]:
    """Weights that a test sets: near the first ones, but no zeros and ones that would hide a mistake."""
    with world("numpy"):
        kfront.utils.set_random_seed(SEED)
        weights = built(row).weights
    g = np.random.Generator(np.random.Philox(key=5))
    return [
        w.numpy() + g.uniform(0.05, 0.4, w.shape).astype("float32") * g.choice([1.0, -1.0]) ** ("var" not in w.name)
        for w in weights
    ]


def ready(row: Row) -> Any:
    """A new layer with `new_weights`."""
    layer = built(row)
    layer.set_weights(new_weights(row))
    return layer


# ---- calls -----------------------------------------------------------------------------------------------------------


def native(b: Any, row: Row, count: int | None = None) -> tuple[Any, Any]:
    """The row's arguments as the backend's tensors, the first `count` samples."""
    return map_arrays(lambda a: b.convert(np.ascontiguousarray(a[:count])), (row.args, row.kwargs))


def tensors(b: Any, output: Any) -> list[Any]:
    """The tensors of a nested output."""
    return [t for t in tree.flatten(output) if t is not None]


def host(b: Any, output: Any) -> list[np.ndarray]:
    """The outputs as NumPy arrays."""
    return [b.to_numpy(t) for t in tensors(b, output)]


def call(layer: Any, row: Row, arguments: tuple[Any, Any]) -> Any:
    """Call a layer as the row says."""
    args, kwargs = arguments
    return layer(*args, **kwargs, **_training(row))


@functools.cache
def result(backend: str, row: Row, policy: str = "float32", count: int | None = None) -> list[np.ndarray]:
    """What a new layer with `new_weights` gives; computed once."""
    with world(backend, policy) as b:
        return host(b, call(ready(row), row, native(b, row, count)))


def eager(backend: str, row: Row) -> list[np.ndarray]:
    """`result` in float32."""
    return result(backend, row)


# ---- compiled --------------------------------------------------------------------------------------------------------


def compiled(backend: str, row: Row, counts: tuple[int | None, ...]) -> list[list[np.ndarray]]:
    """The outputs of the compiled layer for the first samples, as many as each of `counts` says (None: all)."""
    with world(backend) as b:
        return _COMPILED.get(backend, _by_step)(b, row, counts)


def _jax(b: Any, row: Row, counts: tuple[int | None, ...]) -> list[list[np.ndarray]]:
    import jax

    layer = ready(row)
    train, rest = ([v.value for v in vs] for vs in (layer.trainable_variables, layer.non_trainable_variables))
    arrays, training = arrays_of((row.args, row.kwargs)), _training(row)

    @jax.jit
    def run(train: Any, rest: Any, flat: list[Any]) -> Any:
        args, kwargs = with_arrays((row.args, row.kwargs), flat)
        return layer.stateless_call(train, rest, *args, **kwargs, **training)[0]

    return [host(b, run(train, rest, [b.convert(np.ascontiguousarray(a[:n])) for a in arrays])) for n in counts]


def _torch(b: Any, row: Row, counts: tuple[int | None, ...]) -> list[list[np.ndarray]]:
    import torch

    torch._dynamo.reset()
    layer = ready(row)
    run = torch.compile(layer, fullgraph=True, backend="eager")
    return [host(b, call(run, row, native(b, row, n))) for n in counts]


def _tensorflow(b: Any, row: Row, counts: tuple[int | None, ...]) -> list[list[np.ndarray]]:
    import tensorflow as tf

    layer = ready(row)
    arrays = arrays_of((row.args, row.kwargs))
    symbolic = arrays_of_specs(specs(row, None, True))
    signature = [tf.TensorSpec(s.shape, a.dtype) for s, a in zip(symbolic, arrays, strict=True)]

    @tf.function(input_signature=signature, autograph=False)
    def run(*flat: Any) -> Any:
        out = call(layer, row, with_arrays((row.args, row.kwargs), flat))
        return tensors(b, out)

    return [host(b, run(*(b.convert(np.ascontiguousarray(a[:n])) for a in arrays))) for n in counts]


def _by_step(b: Any, row: Row, counts: tuple[int | None, ...]) -> list[list[np.ndarray]]:
    """On any engine: as a step of `Backend.compile_step`."""
    layer = ready(row)
    arrays = arrays_of((row.args, row.kwargs))

    def run(flat: list[Any]) -> Any:
        return tensors(b, call(layer, row, with_arrays((row.args, row.kwargs), flat)))

    step = b.compile_step(run, lambda: layer.variables, True)
    return [host(b, step([b.convert(np.ascontiguousarray(a[:n])) for a in arrays])) for n in counts]


def arrays_of_specs(arguments: Any) -> list[Any]:
    """The KerasTensors nested in arguments, in order."""
    return [v for v in tree.flatten(arguments) if isinstance(v, kfront.KerasTensor)]


_COMPILED: dict[str, Callable[..., list[list[np.ndarray]]]] = {"jax": _jax, "torch": _torch, "tensorflow": _tensorflow}
