"""Derivatives of closures over Variables and Cells, by tapes and forward accumulators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.typing import Closure
from kfront.core.errors import UnsupportedError
from kfront.core.typing import Nested
from kfront.core.variable import Carried, bind

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.variable import Variable


_ZERO = tf.UnconnectedGradients.ZERO


def _dense(xs: Sequence[Tensor]) -> list[Tensor]:
    return [tf.convert_to_tensor(x) if isinstance(x, tf.IndexedSlices) else x for x in xs]


def _run(
    fn: Closure[Tensor], holders: Sequence[Variable], values: Sequence[Tensor]
) -> tuple[Any, Any, list[tuple[Tensor, Tensor]]]:
    """Results of `fn` while `holders` hold `values`, and what it assigned to them."""
    with bind(holders, values) as bound:
        results, others = fn()
        now = bound.current()
    return results, others, [(h, new) for h, x, new in zip(holders, values, now, strict=True) if new is not x]


def _alias(holders: Sequence[Variable]) -> list[Tensor]:
    """Tensors of their own: only what is computed from them depends on them, not what was computed before."""
    return [tf.identity(h._value) for h in holders]


def vjp(fn: Closure[Tensor], holders: Sequence[Variable], once: bool = False) -> tuple[list[Tensor], list[Tensor], Any]:
    """See `Backend.vjp`."""
    xs = _alias(holders)
    with tf.GradientTape(persistent=not once, watch_accessed_variables=False) as tape:
        tape.watch(xs)
        results, others, assigned = _run(fn, holders, xs)
    for h, x in assigned:
        h._write(x)

    def pull(gradients: Sequence[Tensor]) -> list[Tensor]:
        return _dense(tape.gradient(results, xs, list(gradients), unconnected_gradients=_ZERO))

    return results, others, pull


def jvp(
    fn: Closure[Tensor], holders: Sequence[Variable], tangents: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """See `Backend.jvp`."""
    xs = _alias(holders)
    with tf.autodiff.ForwardAccumulator(xs, list(tangents)) as accumulator:
        try:
            results, others, assigned = _run(fn, holders, xs)
        except TypeError as error:
            if "variant" not in str(error):
                raise
            raise UnsupportedError(
                "[tensorflow] expected no loop inside compiled or vectorized forward derivatives; take reverse ones."
            ) from error
        slopes = _dense([accumulator.jvp(y, _ZERO) for y in results])
    for h, x in assigned:
        h._write(x)
    return results, others, slopes


def checkpoint(fn: Callable[..., list[Tensor]], tensors: Sequence[Tensor]) -> list[Tensor]:
    """See `Backend.checkpoint`. `fn` is traced; all tensors that it closes over are differentiated by as well."""
    made, scope = _traced(fn, tensors, ())
    before = [v._tensor for v in scope.variables]
    if before:  # they are inputs, so that the second run finds them as the first did
        made, scope = _traced(fn, tensors, scope.variables)
    given = [*tensors, *before]
    outer = [x for x in made.captured_inputs if x.dtype != tf.resource]
    found = _twice(made, len(given))(*given, *outer)
    count = len(found) - len(scope.variables)
    scope.keep(found[count:])
    return list(found[:count])


def _traced(
    fn: Callable[..., list[Tensor]], tensors: Sequence[Tensor], assigned: Sequence[Tensor]
) -> tuple[Any, Carried]:
    """`fn` as a graph of the tensors and the values of Variables that it assigns; it returns their new values too."""
    scope = Carried()

    def run(*values: Nested[Tensor]) -> list[Tensor]:
        with bind(assigned, values[len(tensors) :]), scope:
            return [*fn(*values[: len(tensors)]), *scope.written()]

    made = tf.function(run, autograph=False)
    return made.get_concrete_function(*tensors, *(v._tensor for v in assigned)), scope


def _twice(made: Any, count: int) -> Closure[Tensor]:
    """A graph of `count` inputs that runs again for its gradient; what it captures comes as further inputs."""

    def call(inputs: Sequence[Tensor]) -> list[Tensor]:
        rest = iter(inputs[count:])
        captured = [x if x.dtype == tf.resource else next(rest) for x in made.captured_inputs]
        return made._call_flat(list(inputs[:count]), captured)

    @tf.custom_gradient
    def run(*inputs: Nested[Tensor]) -> Nested[Tensor]:
        def backward(*gradients: Tensor, variables: Nested[Tensor] = None) -> Nested[Tensor]:
            watched = [x for x in (*inputs, *(variables or ())) if x.dtype.is_floating or x.dtype.is_complex]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(watched)
                results = call(inputs)
            found = tape.gradient(results, watched, list(gradients), unconnected_gradients=_ZERO)
            by_id = {id(x): g for x, g in zip(watched, _dense(found), strict=True)}
            mine = [by_id.get(id(x)) for x in inputs]
            return mine if variables is None else (mine, [by_id.get(id(v)) for v in variables])

        return call(inputs), backward

    return run
