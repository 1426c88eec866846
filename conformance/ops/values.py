"""Values of every op on every backend against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kfront.backends import get

from ..suite import Case
from . import randoms
from .entry import Entry, Sample
from .running import compare, eager, narrowed, supported, wanted
from .samples import table

__all__ = ["cases"]


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each sample and backend; a sample of the longer entries when `quick`."""
    for entry in table().values():
        for sample in entry.some(quick):
            for b in backends:
                own = narrowed(get(b), sample)
                if supported(get(b), own):
                    yield Case("values", f"{entry.name}/{sample.label}", b, _check(b, entry, own))
    yield from randoms.cases(backends, quick)


def _check(backend: str, entry: Entry, sample: Sample) -> Callable[[], None]:
    def check() -> None:
        compare(entry, eager(backend, entry, sample), wanted(entry, sample))

    return check
