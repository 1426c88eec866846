"""Idioms of an engine: what its users do with a layer of its own, done with a layer of kfront.

A row holds how ours is made, how the engine's own is made, and the idiom: a function of either, whose result is what
is compared. Numbers never stand in a row: the engine's own layer is the oracle. The tables are the modules
``idioms_<engine>*.py`` beside this one, each with a list `ROWS`; they import their engine, and are loaded only where
that engine is run. Rows that fail stand in ``conformance/xfail``, with the reason.
"""

from __future__ import annotations

import importlib
import importlib.util
import numbers
import pkgutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

import kfront

from ..suite import Case, close, in_turn

__all__ = ["Idiom", "Rows", "alike", "cases", "table"]

RTOL, ATOL = 1e-5, 1e-6  # float32, a few layers: sums in another order
SEED = 3
PLAIN = (str, bool, type, type(None))  # what must be equal
SHARE = 8  # a quick run takes one row in so many

Compare = Callable[[Any, Any], None]


class Idiom(NamedTuple):
    """One row.

    Attributes:
        name: ``group/what is done``; the group is the part of the engine's documentation that it stands in.
        ours: makes what is tried, with layers of kfront.
        own: makes the same of the engine's own, with equal weights.
        use: the idiom. It gets what either made, and returns what is compared: arrays, numbers, strings, and dicts,
            lists and tuples of them.
        compare: raises AssertionError unless the two results, ours first, say the same.
        needs: packages without which the row is left out.
    """

    name: str
    ours: Callable[[], Any]
    own: Callable[[], Any]
    use: Callable[[Any], Any]
    compare: Compare
    needs: tuple[str, ...]


class Rows(list[Idiom]):
    """A table that is written as one function for each idiom.

    Args:
        group: the part of the engine's documentation.

    >>> rows = Rows("vmap")
    >>> @rows.of("over the batch", (lambda: abs, lambda: abs))
    ... def _(f):
    ...     return f(-1)
    >>> rows[0].name
    'vmap/over the batch'
    """

    def __init__(self, group: str) -> None:
        super().__init__()
        self.group = group

    def of(
        self,
        what: str,
        pair: tuple[Callable[[], Any], Callable[[], Any]],
        compare: Compare | None = None,
        needs: tuple[str, ...] = (),
    ) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        """A decorator: the function is the idiom, `pair` makes ours and the engine's own."""

        def add(use: Callable[[Any], Any]) -> Callable[[Any], Any]:
            self.append(Idiom(f"{self.group}/{what}", *pair, use, compare or alike, needs))
            return use

        return add


def alike(got: Any, want: Any, what: str = "result") -> None:
    """Assert that two results are of one structure, numbers close, everything else equal."""
    if isinstance(want, Mapping):
        assert isinstance(got, Mapping) and got.keys() == want.keys(), f"{what}: {_short(got)}, not {_short(want)}"
        for key in want:
            alike(got[key], want[key], f"{what}[{key!r}]")
    elif isinstance(want, (list, tuple)):
        assert isinstance(got, (list, tuple)) and len(got) == len(want), f"{what}: {_short(got)}, not {_short(want)}"
        for i, (a, b) in enumerate(zip(got, want, strict=True)):
            alike(a, b, f"{what}[{i}]")
    elif isinstance(want, PLAIN) or isinstance(got, PLAIN):
        assert type(got) is type(want) and got == want, f"{what}: {_short(got)}, not {_short(want)}"
    else:
        a, b = _array(got), _array(want)
        assert isinstance(want, numbers.Number) or a.dtype == b.dtype, f"{what}: dtype {a.dtype}, not {b.dtype}"
        close(a, b, RTOL, ATOL, what)


def _array(x: Any) -> np.ndarray:
    return np.asarray(x if isinstance(x, numbers.Number) else kfront.ops.convert_to_numpy(x))


def _short(x: Any) -> str:
    return repr(list(x) if isinstance(x, Mapping) else x)[:200]


def table(backend: str) -> Iterator[Idiom]:
    """The rows of an engine whose packages are installed."""
    for module in pkgutil.iter_modules(importlib.import_module(str(__package__)).__path__):
        if module.name.startswith(f"idioms_{backend}"):
            for row in importlib.import_module(f".{module.name}", __package__).ROWS:
                if all(importlib.util.find_spec(name) for name in row.needs):
                    yield row


def cases(backend: str, quick: bool) -> Iterator[Case]:
    """A case for each row of a backend."""
    for row in table(backend):
        if in_turn(quick, SHARE, row.name):
            yield Case("interop", row.name, backend, lambda r=row: check(backend, r))


def check(backend: str, row: Idiom) -> None:
    """Do what a row says with the engine's own, which must go well, and with ours; compare.

    Raises:
        RuntimeError: if the idiom fails on the engine's own: then the row is wrong.
    """
    with warnings.catch_warnings(action="ignore"), kfront.backend_scope(backend):
        try:
            want = _outcome(row.own, row.use)
        except Exception as error:
            raise RuntimeError(f"the engine's own fails: {type(error).__name__}: {error}") from error
        row.compare(_outcome(row.ours, row.use), want)


def _outcome(make: Callable[[], Any], use: Callable[[Any], Any]) -> Any:
    """What an idiom gives; every random number in it is the same in each run."""
    kfront.utils.set_random_seed(SEED)
    made = make()
    kfront.utils.set_random_seed(SEED)
    return use(made)
