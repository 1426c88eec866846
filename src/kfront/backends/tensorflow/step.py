"""Gradients by `tf.GradientTape`, steps by `tf.function`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

__all__ = ["compile_loop", "compile_step", "compute_spec", "value_and_grad"]

_log = logging.getLogger("kfront")


def value_and_grad(
    fn: Callable[[], tuple[Any, Any]], variables: Sequence[Any], state: Sequence[Any] = ()
) -> tuple[Any, Any, list[Any]]:
    """Value and gradients of a closure; see `Backend.value_and_grad`. `state` needs no care: writes are ops."""
    held = [v._value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(held)
        loss, aux = fn()
    found = tape.gradient(loss, held)
    return loss, aux, [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in found]


def compile_step(fn: Callable[..., Any], state: Callable[[], Sequence[Any]], jit: bool | str) -> Callable[..., Any]:
    """`fn` as a graph. It is traced anew at most once more for other batch sizes (`reduce_retracing`).

    XLA is used only if `jit` is True; where it cannot compile the step, a warning is logged and the plain graph runs.
    """
    plain = tf.function(fn, autograph=False, reduce_retracing=True)
    if jit is not True:
        return plain
    return _WithFallback(tf.function(fn, autograph=False, reduce_retracing=True, jit_compile=True), plain)


class _WithFallback:
    """Calls the XLA-compiled step until it fails to compile, then the plain graph for good."""

    def __init__(self, compiled: Any, plain: Any) -> None:
        self.run, self.plain = compiled, plain
        self.compiled = True

    def __call__(self, *args: Any) -> Any:
        if not self.compiled:
            return self.run(*args)
        try:
            return self.run(*args)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError) as error:
            if not _from_compiler(error):
                raise
            reason = str(error).strip().splitlines()[0][:200]
            _log.warning("[jit_compile] XLA cannot compile this step, it runs as a plain graph: %s", reason)
            self.run, self.compiled = self.plain, False
            return self.run(*args)


def _from_compiler(error: Exception) -> bool:
    """Whether an error came from XLA and not from the computation (nothing has run, so it can be run again)."""
    text = str(error)
    return any(s in text for s in ("XLA", "compil", "unsupported", "Unsupported", "must be a compile-time constant"))


def compile_loop(fn: Callable[..., Any], state: Callable[[], Sequence[Any]], jit: bool | str) -> Callable[..., Any]:
    """Several batches in one graph call; see `Backend.compile_loop`.

    The first batch is run before the loop, which gives the loop its result structure. Batches whose shapes differ
    (the last one) are run one by one.
    """
    step = compile_step(fn, state, jit)

    def many(*batches: Any) -> Any:
        stacked = tf.nest.map_structure(lambda *xs: tf.stack(xs), *batches)
        out = fn(*batches[0])
        count = len(batches)

        def body(i: Any, last: Any) -> Any:
            new = fn(*tf.nest.map_structure(lambda x: x[i], stacked))
            return i + 1, tf.nest.map_structure(lambda n, o: tf.ensure_shape(n, o.shape), new, last)

        tensors = tf.nest.map_structure(tf.convert_to_tensor, out)
        return tf.while_loop(lambda i, _: i < count, body, (tf.constant(1), tensors), parallel_iterations=1)[1]

    loop = compile_step(many, state, jit)

    def run(batches: Any) -> Any:
        batches = [tuple(b) for b in batches]
        if len(batches) > 1 and _alike(batches):
            return loop(*batches)
        out = None
        for batch in batches:
            out = step(*batch)
        return out

    return run


def _alike(batches: Sequence[Any]) -> bool:
    """Whether all batches have the same shapes."""
    first = [getattr(x, "shape", None) for x in tf.nest.flatten(batches[0])]
    return all([getattr(x, "shape", None) for x in tf.nest.flatten(b)] == first for b in batches[1:])


def compute_spec(convert: Callable[[Any], Any], fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Outputs of `fn` on KerasTensors: it is traced, nothing runs.

    Args:
        convert: makes an abstract value of a traced tensor.
        fn: code on TensorFlow tensors.
        args, kwargs: its arguments, KerasTensors at the places of tensors.
    """
    from kfront.core import tree
    from kfront.core.spec import KerasTensor

    leaves = tree.flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if isinstance(x, KerasTensor)]
    specs = [tf.TensorSpec(leaves[i].shape, leaves[i].dtype) for i in places]
    found: list[Any] = []

    def traced(*tensors: Any) -> None:
        values = list(leaves)
        for i, t in zip(places, tensors, strict=True):
            values[i] = t
        a, k = tree.pack_sequence_as((args, kwargs), values)
        found.append(tree.map_structure(convert, fn(*a, **k)))

    tf.function(traced, autograph=False).get_concrete_function(*specs)
    return found[-1]
