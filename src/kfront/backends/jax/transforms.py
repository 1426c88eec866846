"""JAX: derivatives of closures over Variables and Cells. What the closure assigns is carried out of the transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
from jax import Array

from kfront.backends.jax.native import Journal, recomputing, store
from kfront.backends.typing import Closure
from kfront.core.errors import UnsupportedError
from kfront.core.typing import Nested
from kfront.core.variable import bind

if TYPE_CHECKING:
    from kfront.core.variable import Variable


def _conj(xs: Sequence[Array]) -> list[Array]:
    """Complex gradients are conjugated: here, as on the other engines, they point to where the value grows."""
    return [x.conj() if jax.numpy.iscomplexobj(x) else x for x in xs]


def _pure(fn: Closure[Array], holders: Sequence[Variable], written: list[Variable]) -> Closure[Array]:
    """`fn` as a function of the values of `holders`: (results, (others, new values of `written`))."""

    def run(values: Sequence[Array]) -> Nested[Array]:
        with bind(holders, values), Journal() as journal:
            results, others = fn()
            written[:] = journal.written()
            return results, (others, [v._value for v in written])

    return run


def _keep(written: Sequence[Variable], values: Sequence[Array]) -> None:
    for v, x in zip(written, values, strict=True):
        store(v, x)


def vjp(fn: Closure[Array], holders: Sequence[Variable], once: bool = False) -> tuple[list[Array], list[Array], Any]:
    """See `Backend.vjp`."""
    written: list[Variable] = []
    run = _pure(fn, holders, written)
    results, pull, (others, new) = jax.vjp(run, [h._value for h in holders], has_aux=True)
    _keep(written, new)

    def back(gradients: Sequence[Array]) -> list[Array]:
        try:
            return _conj(pull(_conj(gradients))[0])
        except ValueError as error:
            if "while_loop" not in str(error):
                raise
            raise UnsupportedError(
                "[jax] expected loops of a known number of steps in a compiled gradient, got a `while_loop` or a "
                "`fori_loop` with traced bounds; give `maximum_iterations`, or use `scan`."
            ) from error

    return results, others, back


def jvp(
    fn: Closure[Array], holders: Sequence[Variable], tangents: Sequence[Array]
) -> tuple[list[Array], list[Array], list[Array]]:
    """See `Backend.jvp`."""
    written: list[Variable] = []
    run = _pure(fn, holders, written)
    results, slopes, (others, new) = jax.jvp(run, ([h._value for h in holders],), (list(tangents),), has_aux=True)
    _keep(written, new)
    return results, others, slopes


def checkpoint(fn: Callable[..., list[Array]], tensors: Sequence[Array]) -> list[Array]:
    """See `Backend.checkpoint`."""
    written: list[Variable] = []

    def run(values: Sequence[Array]) -> Nested[Array]:
        with Journal() as journal:
            results = fn(*values)
            written[:] = journal.written()
            return results, [v._value for v in written]

    recomputing.seen = True
    results, new = jax.checkpoint(run)(list(tensors))
    _keep(written, new)
    return results
