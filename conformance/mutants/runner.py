"""Running one mutant: all about the ops that use the function, then layers that run it, until a case fails."""

from __future__ import annotations

import functools
import itertools
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kfront.backends import get, installed

from ..suite import Case, Expected, collect, load_expected, run_case
from .draw import Mutant, ops_of
from .patching import replaced
from .touched import Map

__all__ = ["CPU", "Left", "cases_elsewhere", "noticed", "others"]

OF_OPS = ("values", "gradients", "specs", "dtypes", "inputs", "second_order", "transforms")  # in turn
SLOPES = ("gradients", "second_order", "transforms")  # these first, for lost gradients
LAST = ("accuracy", "compiled")  # take seconds
ELSEWHERE = ("layers", "training", "errors", "transforms")  # of which it is recorded what they run
CPU = 40.0  # seconds for the cases of ops, and again for those elsewhere, if not told otherwise
NEARER = 4  # rounds through the areas that an op has before the next one, which uses it
HANGS = 120.0  # seconds of the processor for one case: a busy machine makes none of them late
WAITS = 1800  # seconds for one that waits for ever


class Left(RuntimeError):
    """A mutant has left something behind, in a cache of the process: what comes after it needs another process."""


class _TooLong(BaseException):
    """A case that does not end, which `run_case` reports as failed."""


def _stop(*_: object) -> None:
    raise _TooLong("it does not end")


def others(backend: str) -> list[str]:
    """The backend that one is compared with where it trains."""
    return [b for b in installed() if get(b).trainable and b != backend][:1]


@functools.cache
def _of_ops(backend: str) -> dict[tuple[str, str], list[Case]]:
    """The cases of a backend by what they are about and by area."""
    out: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in collect([*OF_OPS, *LAST], [backend], False):
        for subject in case.subjects:
            out[subject, case.area].append(case)
    return out


@functools.cache
def cases_elsewhere(backend: str) -> dict[str, Case]:
    """What is recorded, by id: the quick form; a backend is compared with another that trains."""
    found = collect(list(ELSEWHERE), [*others(backend), backend], True)
    return {c.id: c for c in found if c.backend == backend}


def _near(mutant: Mutant) -> Iterator[Case]:
    """All about the ops that are or use the function: of each area in turn, what takes seconds last."""
    first = SLOPES if mutant.kind == "lost gradient" else ()
    areas, names = sorted(OF_OPS, key=lambda a: a not in first), [n.lower() for n in ops_of(mutant)]
    known = _of_ops(mutant.backend)
    found = [
        (turn + NEARER * far, case)
        for far, name in enumerate(names)
        for area in areas
        for turn, case in enumerate(_from_both_ends(known.get((name, area), [])))
    ]
    yield from (case for _, case in sorted(found, key=lambda f: f[0]))
    yield from (case for area in LAST for name in names for case in known.get((name, area), []))


def _from_both_ends(cases: list[Case]) -> Iterator[Case]:
    """The first, the last, the second …: ordinary samples stand first, those at edges last."""
    half = -(-len(cases) // 2)
    pairs = itertools.zip_longest(cases[:half], cases[: half - 1 : -1])
    return filter(None, itertools.chain.from_iterable(pairs))


def _elsewhere(mutant: Mutant, known: Map) -> Iterator[Case]:
    """Cases of layers, training and errors that run the statement, of each area in turn, quick ones first."""
    rows = defaultdict(list)
    for name in sorted(known.cases_of(mutant), key=lambda n: known.seconds[n]):
        case = cases_elsewhere(mutant.backend)[name]
        rows[case.area].append(case)
    return filter(None, itertools.chain.from_iterable(itertools.zip_longest(*rows.values())))


def noticed(mutant: Mutant, known: Map | None, most: float = CPU) -> str:
    """What the first case says that fails by it, "" if none does.

    Args:
        mutant: which.
        known: which cases elsewhere run its statement; None to leave these out.
        most: the seconds of the processor for the cases of ops, and again for those elsewhere.

    Raises:
        Left: if that case fails without it too.
        LookupError: if no live function is the one that is changed.
    """
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, _stop)
    expected = load_expected(mutant.backend)
    name = mutant.function
    with replaced({mutant.path: mutant.tree()}, lambda q: q == name or q.startswith(f"{name}.<locals>")) as changed:
        if not changed:
            raise LookupError(f"no live function is {name} of {mutant.path}")
        there = _elsewhere(mutant, known) if known else ()
        found = _first(_near(mutant), expected, most) or _first(there, expected, most)
    if found is None:
        return ""
    case, failed = found
    left = _fails(case, expected)
    if left:
        raise Left(f"{case.id} fails without a mutant: {left}")
    return f"{case.id}: {failed}"


def _first(cases: Iterable[Case], expected: list[Expected], most: float) -> tuple[Case, str] | None:
    """The first case that fails, within so many seconds."""
    end = time.process_time() + most
    for case in cases:
        failed = _fails(case, expected)
        if failed:
            return case, failed
        if time.process_time() > end:
            break
    return None


def _fails(case: Case, expected: list[Expected]) -> str:
    signal.setitimer(signal.ITIMER_PROF, HANGS)
    signal.alarm(WAITS)
    try:
        result = run_case(case, expected)
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    return result.message or "it failed" if result.status in ("fail", "xpass") else ""
