"""Gradients of closures over Variables, and compiled steps that keep their state in Variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from kfront.backends.typing import Closure, Pair
from kfront.core import tree
from kfront.core.typing import Nested
from kfront.core.variable import bind
from kfront_mlx.common import FLOATING
from kfront_mlx.control import array
from kfront_mlx.native import Journal, Reads, local, store

if TYPE_CHECKING:
    from kfront.core.variable import Variable


def value_and_grad(
    fn: Callable[[], Pair[mx.array]], variables: Sequence[Variable], state: Sequence[Variable] = ()
) -> tuple[Nested[mx.array], Nested[mx.array], list[mx.array | None]]:
    """See `Backend.value_and_grad`; what `fn` assigned is in the Variables afterwards."""
    chosen = [v for v in variables if v._value.dtype in FLOATING]
    written: list[Any] = []

    def run(values: list[mx.array]) -> tuple[Any, ...]:
        with bind(chosen, values), Journal() as journal:
            loss, aux = fn()
            written[:] = [(v, v._value) for v in journal.written()]
            return array(loss), loss, aux

    if chosen:
        (_, loss, aux), found = mx.value_and_grad(run)([v._value for v in chosen])
    else:
        (_, loss, aux), found = run([]), []
    for v, x in written:
        store(v, x)
    by_id = {id(v): g for v, g in zip(chosen, found, strict=True)}
    return loss, aux, [by_id.get(id(v)) for v in variables]


def settle(values: Sequence[mx.array]) -> None:
    """Have arrays computed, in the background: what MLX has put off would grow from step to step."""
    if not local.traced:
        try:
            mx.async_eval(list(values))
        except ValueError:  # inside a transform that the user has started
            return


class _Stale(Exception):
    """The Variables are not those that the step was prepared for."""


def _form(x: object) -> object:
    """Structure, shapes and dtypes, hashable: what a step is traced for."""
    if isinstance(x, mx.array):
        return x.shape, x.dtype
    if isinstance(x, dict):
        return (dict, *[(k, _form(v)) for k, v in x.items()])
    if isinstance(x, (list, tuple)):
        return (type(x), *map(_form, x))
    return None if x is None else ((), array(x).dtype)


class Step:
    """A function over Variables, compiled: values go in, the new ones come out and are written straight back.

    Args:
        fn: takes nested tensors, reads and assigns Variables, returns nested tensors.
        state: gives the list of Variables; asked when the step is traced.
    """

    def __init__(self, fn: Closure[mx.array], state: Callable[[], Sequence[Variable]]) -> None:
        self.fn, self.state = fn, state
        self.extra: dict[int, Any] = {}  # read or assigned by `fn`, but not in `state()`
        self.versions: dict[object, _Version] = {}

    def ask(self) -> list[Any]:
        """All Variables that it depends on."""
        found = {id(v): v for v in self.state()}
        return list({**found, **self.extra}.values())

    def __call__(self, *args: Any) -> Nested[mx.array]:
        """Run it once."""
        key = _form(args)
        while True:
            version = self.versions.get(key)
            if version is None:
                version = self.versions[key] = _Version(self, args)
            try:
                return version(args)
            except _Stale:
                del self.versions[key]


class _Version:
    """A step for arguments of one structure, and for the Variables that there are."""

    def __init__(self, step: Step, args: Any) -> None:
        self.step, self.like = step, args
        self.places = [i for i, x in enumerate(tree.flatten(args)) if x is not None]
        self.variables = step.ask()
        self.written: list[Any] = []
        self.out: Any = None
        self.compiled = mx.compile(self.run)
        self.like = tree.map_structure(lambda _: None, args)

    def run(self, values: list[mx.array], arrays: list[mx.array]) -> list[mx.array]:
        """New values of `written`, then the leaves of the output."""
        leaves: list[Any] = [None] * len(tree.flatten(self.like))
        for i, x in zip(self.places, arrays, strict=True):
            leaves[i] = x
        known = set(map(id, self.variables))
        with bind(self.variables, values), Reads() as reads, Journal(traced=True) as journal:
            out = self.step.fn(*tree.pack_sequence_as(self.like, leaves))
            changed = {id(v): v for v in journal.written()}
            outcome = [v._value for v in changed.values()]
            missed = {i: v for i, v in {**reads, **changed}.items() if i not in known}
        if missed or len(self.step.ask()) != len(self.variables):
            self.step.extra.update(missed)
            raise _Stale
        self.written = list(changed.values())
        self.out = tree.map_structure(lambda x: x is not None, out)
        return outcome + [array(x) for x in tree.flatten(out) if x is not None]

    def __call__(self, args: Any) -> Nested[mx.array]:
        leaves = tree.flatten(args)
        found = self.compiled([v._value for v in self.variables], [array(leaves[i]) for i in self.places])
        count = len(self.written)
        for v, x in zip(self.written, found[:count], strict=True):
            store(v, x)
        settle(found)
        results = iter(found[count:])
        return tree.map_structure(lambda there: next(results) if there else None, self.out)


class Eager:
    """A step that is not compiled: what it assigned is computed after each run."""

    def __init__(self, fn: Closure[mx.array], state: Callable[[], Sequence[Variable]]) -> None:
        self.fn, self.state = fn, state

    def __call__(self, *args: Any) -> Nested[mx.array]:
        """Run it once."""
        out = self.fn(*args)
        settle([v._value for v in self.state()])
        return out
