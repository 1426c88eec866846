"""Derivatives of closures over Variables and Cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from kfront.backends.typing import Closure
from kfront.core.variable import bind
from kfront_mlx.common import FLOATING
from kfront_mlx.native import Journal, store

if TYPE_CHECKING:
    from kfront.core.variable import Variable

Arrays = list[mx.array]


class _Pure:
    """A closure as a function of the values of its holders; what it assigns and its other results are kept aside.

    MLX follows arrays wherever they go: those kept aside in one run are usable after the transform.
    """

    def __init__(self, fn: Closure[mx.array], holders: Sequence[Variable]) -> None:
        self.fn, self.holders = fn, holders
        self.before: list[tuple[Any, mx.array]] = []
        self.after: list[tuple[Any, mx.array]] = []
        self.results: Arrays = []
        self.others: Arrays = []

    def __call__(self, *values: mx.array) -> Arrays:
        with bind(self.holders, values), Journal() as journal:
            self.results, self.others = self.fn()
            self.after = [(v, v._value) for v in journal.written()]
            self.before = [(v, old) for v, old in journal.entries.values()]
        return self.results

    def again(self, *values: mx.array) -> Arrays:
        """Another run from the state that the first one began with; it leaves no trace."""
        kept = self.results, self.others, self.after
        held = [v for v, _ in self.before if all(v is not h for h in self.holders)]
        old = [x for v, x in self.before if any(v is h for h in held)]
        with bind(held, old):
            out = self(*values)
        self.results, self.others, self.after = kept
        return out

    def keep(self) -> None:
        """Have the assigned values in the Variables."""
        for v, x in self.after:
            store(v, x)


def _scalar(results: Sequence[mx.array]) -> bool:
    return len(results) == 1 and not results[0].ndim and results[0].dtype in FLOATING


def vjp(fn: Closure[mx.array], holders: Sequence[Variable], once: bool = False) -> tuple[Arrays, Arrays, Any]:
    """See `Backend.vjp`. MLX wants the gradients beforehand: those of a scalar are scaled, else `fn` runs again."""
    run, values = _Pure(fn, holders), [h._value for h in holders]
    slopes: Any = None
    if once and values:

        def total(xs: Arrays) -> mx.array:
            results = run(*xs)
            return results[0] if _scalar(results) else mx.array(0.0)

        slopes = mx.grad(total)(values)
    else:
        run(*values)
    run.keep()
    results = list(run.results)

    def pull(gradients: Sequence[mx.array]) -> Arrays:
        if not values:
            return []
        if slopes is not None and _scalar(results):
            return [s * gradients[0].astype(s.dtype) for s in slopes]
        return _pull(run, values, [_conj(g.astype(r.dtype)) for g, r in zip(gradients, results, strict=True)])

    return results, list(run.others), pull


def _conj(x: mx.array) -> mx.array:
    return x


def _pull(run: _Pure, values: Arrays, gradients: Arrays) -> Arrays:
    """Gradients by the values, of those results that can have any."""
    wanted = [i for i, g in enumerate(gradients) if g.dtype in FLOATING or g.dtype == mx.complex64]
    if not wanted:
        return [mx.zeros_like(x) for x in values]
    return mx.vjp(lambda *xs: [run.again(*xs)[i] for i in wanted], values, [gradients[i] for i in wanted])[1]


def jvp(
    fn: Closure[mx.array], holders: Sequence[Variable], tangents: Sequence[mx.array]
) -> tuple[Arrays, Arrays, Arrays]:
    """See `Backend.jvp`: by MLX's own, or by two pulls, where an op has no such derivative but the other one."""
    run, values = _Pure(fn, holders), [h._value for h in holders]
    run(*values)
    run.keep()
    results, others = list(run.results), list(run.others)
    try:
        slopes = mx.jvp(lambda *xs: run.again(*xs), values, list(tangents))[1]
    except (ValueError, RuntimeError, TypeError):
        slopes = _by_pulls(run, values, list(tangents), results)
    return results, others, slopes


def _by_pulls(run: _Pure, values: Arrays, tangents: Arrays, results: Arrays) -> Arrays:
    """The pull of gradients is linear in them: its own pull is the push of tangents."""
    zeros = [mx.zeros_like(r) for r in results]
    return mx.vjp(lambda *gs: _pull(run, values, list(gs)), zeros, tangents)[1]


def checkpoint(fn: Callable[..., Arrays], tensors: Sequence[mx.array]) -> Arrays:
    """See `Backend.checkpoint`."""
    run = mx.custom_function(lambda *xs: list(fn(*xs)))

    @run.vjp
    def _(primals: Any, gradients: Any, outputs: Any) -> Any:
        primals = list(primals) if isinstance(primals, (tuple, list)) else [primals]
        gradients = list(gradients) if isinstance(gradients, (tuple, list)) else [gradients]
        with Journal():
            return tuple(mx.vjp(lambda *xs: list(fn(*xs)), primals, gradients)[1])

    return list(run(*tensors)) if tensors else list(fn())
