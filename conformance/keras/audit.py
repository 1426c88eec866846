"""Every public class and function against the installed Keras on the same engine: cases of the suite."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import kfront
from kfront.core.state import state

from ..suite import Case, Result, in_turn
from . import explained, record, tables
from .answers import ENDED, ask
from .compare import differences
from .probing import observe
from .subjects import subjects
from .tables import KINDS, probes_of

__all__ = ["ENGINES", "HELD", "cases", "chosen", "covered", "finish", "print_covered", "print_recorded"]

ENGINES = ("numpy", "torch", "jax", "tensorflow")
# kinds without an unexplained difference that take little time: a part of them is among the tests of each commit
HELD = {
    "numpy": KINDS,
    "torch": KINDS,
    "jax": ("attributes", "config", "masks", "dtypes", "symbolic", "overrides", "quantized"),
    "tensorflow": ("attributes", "config", "masks", "dtypes", "symbolic", "overrides", "quantized"),
}
SHARE = 90  # one case in so many is run when quick


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each kind of probe, public name and engine that Keras has."""
    if importlib.util.find_spec("keras") is None:
        return
    for engine in [b for b in backends if b in ENGINES]:
        yield from chosen(engine, KINDS, lambda *what: in_turn(quick, SHARE, *what))


def chosen(engine: str, kinds: Sequence[str], wanted: Callable[[str, str, str, str], bool]) -> Iterator[Case]:
    """The cases of an engine and some kinds for which ``wanted("keras", engine, kind, name)`` holds."""
    for name in subjects():
        for kind in kinds:
            if wanted("keras", engine, kind, name) and probes_of(kind, name):
                yield Case("keras", f"{name}/{kind}", engine, _check(engine, kind, name))


def _check(engine: str, kind: str, name: str) -> Callable[[], str]:
    def check() -> str:
        used, wrong = Counter[explained.Row](), []
        for difference, text in record.differences_of(engine, kind, name, lambda: found(engine, kind, name)):
            rows = explained.reasons(engine, difference, text)
            used.update(rows)
            if not rows:
                wrong.append(f"{difference}: {text}")
        assert not wrong, f"{len(wrong)} unexplained: " + "; ".join(wrong)
        unneeded = explained.unneeded(engine, kind, name, used)
        assert not unneeded, f"nothing differs as {unneeded} say: take them out of explained.toml"
        return "\n".join(f"{count} {row.name}" for row, count in used.items())

    return check


def found(engine: str, kind: str, name: str) -> Iterator[tuple[str, str]]:
    """The differences of a kind and a name: ``kind/name/tag/probe/fact``, and both sides."""
    theirs = ask(engine, kind, name)
    if theirs == ENDED:
        yield f"{kind}/{name}/all/process", "Keras ends the process"
        return
    state.any_mask_seen = True  # masks that are set by hand are looked for once there was one, in each order of parts
    with kfront.backend_scope(engine):
        for label, probe in probes_of(kind, name).items() if theirs else ():  # Keras has no such name
            ours = json.loads(json.dumps(observe(kfront, probe)))
            for fact, text in differences(theirs[label], ours, getattr(tables.kind(kind), "ILL_USE", False)):
                yield f"{kind}/{name}/{label}/{fact}", text


def covered(results: Sequence[Result]) -> Counter[tuple[str, str]]:
    """How many differences each row of the table covers on each engine: (row, engine) -> number."""
    out = Counter[tuple[str, str]]()
    for r in results:
        if r.area == "keras" and r.status == "pass":
            for line in r.message.splitlines():
                count, _, row = line.partition(" ")
                out[row, r.backend] += int(count)
    return out


def finish(results: Sequence[Result], backends: list[str]) -> Iterator[Result]:
    """After a whole run: rows that nothing needed, on an engine that they name, or on any."""
    needed = covered(results)
    failed = {r.backend for r in results if r.area == "keras" and r.status == "fail"}
    whole = set(backends) - failed
    for row in explained.rows():
        idle = [e for e in row.engines if e in whole and not needed[row.name, e]]
        if row.everywhere or len(idle) == len(row.engines):
            for engine in idle if row.everywhere else idle[:1]:
                text = "nothing differs as this row says: take it out of explained.toml"
                yield Result("keras", f"explained/{row.name}", engine, "fail", 0.0, text)


def print_recorded(backends: list[str]) -> None:
    """Print how long the recorded parts took, and how many of them an earlier version of kfront has run."""
    for engine in [b for b in backends if b in ENGINES]:
        kept = record.records([engine])
        before, seconds = sum(r.version != record.version() for r in kept), sum(r.seconds for r in kept)
        print(f"keras on {engine}: {len(kept)} parts recorded, {seconds:.0f} s, {before} by other versions of kfront")


def print_covered(results: Sequence[Result]) -> None:
    """Print the rows of the table with the numbers of differences that they cover, the largest first."""
    counts = covered(results)
    totals = Counter[str]()
    for (row, _), n in counts.items():
        totals[row] += n
    for row, total in totals.most_common():
        where = ", ".join(f"{e} {counts[row, e]}" for e in ENGINES if counts[row, e])
        print(f"{total:6}  {row}  [{where}]")
    print(f"{sum(totals.values()):6}  differences explained by {len(totals)} rows")
