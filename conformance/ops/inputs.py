"""Inputs drawn by Hypothesis: values, dtypes and shapes against the reference, and symbolic = eager.

The draws are the same in every run and on every engine. The samples of an op run one by one, on JAX compiled as one
function, as it compiles eager ops for each shape; one that fails is made as small as Hypothesis can.

Drawn numbers may be where an op is steep, where a rounding of its operands alone moves the result by more than its
tolerance. So what lies outside of the tolerance is compared with the references of operands moved by half an ulp or so:
it may lie as far from them as they lie from each other. Denormals may count as zeros, as they do in engines.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import HealthCheck, Phase, assume, find, given, settings

from kfront.backends import get

from ..suite import Case, in_turn
from .compiled import as_one
from .entry import EPS, FLOATS, Entry, Sample, arrays_of, kind_of, map_arrays, sample_of
from .families import families
from .running import compare, run, supported, wanted
from .samples import table
from .specs import NOT_SYMBOLIC, agree

__all__ = ["cases", "drawn", "near"]

_COUNT = (24, 4)  # calls of an op: (all, quick)
_SETTINGS = settings(
    derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each op that has a family and each backend."""
    for name in families():
        for b in backends:
            if in_turn(quick, 3 if b == "jax" else 1, "inputs", b, name):  # which compiles for seconds
                yield Case("inputs", name, b, _check(b, table()[name], _COUNT[quick]))


def _sampled(entry: Entry) -> Any:
    """Samples of an op whose reference has a result, as a strategy."""
    family = families()[entry.name]

    def sample(call: Any) -> Sample:
        found = sample_of(*call, batch=family.batch)
        try:
            wanted(entry, found)
        except (ValueError, IndexError):  # an empty maximum, a window larger than the image
            assume(False)
        return found

    return family.strategy(entry).map(sample)


@functools.cache
def drawn(name: str, count: int) -> list[Sample]:
    """So many samples of an op, the same each time."""
    found: list[Sample] = []

    @settings(_SETTINGS, max_examples=count)
    @given(_sampled(table()[name]))
    def keep(sample: Sample) -> None:
        found.append(sample)

    keep()
    return found


# ---- checks --------------------------------------------------------------------------------------------------------


def _check(backend: str, entry: Entry, count: int) -> Callable[[], None]:
    def check() -> None:
        b = get(backend)
        tries = ([s for s in drawn(entry.name, n) if supported(b, s)] for n in (count, 8 * count))
        samples = next(filter(None, tries), [])  # few calls may all have dtypes that the backend lacks
        assert samples, "expected calls that the backend's dtypes allow, got none"
        results = _together(backend, entry, samples)
        for sample, got in zip(samples, results, strict=True):
            try:
                _hold(backend, entry, sample, got)
            except Exception:
                raise AssertionError(_smallest(backend, entry, sample)) from None

    return check


def _together(backend: str, entry: Entry, samples: list[Sample]) -> list[Any]:
    """The results of all samples from one compilation, where each would be compiled by itself; None where not."""
    if backend == "jax" and entry.compiles:
        with contextlib.suppress(Exception):  # which sample it is, and how, tells `_hold`
            return as_one(backend, entry, samples)
    return [None] * len(samples)


def _hold(backend: str, entry: Entry, sample: Sample, got: list[np.ndarray] | None = None) -> None:
    """Check one sample, of which `got` are the results if they are known."""
    got = run(backend, entry, sample) if got is None else got
    near(entry, sample, got)
    if entry.compiles and entry.name not in NOT_SYMBOLIC:
        agree(backend, entry, sample, got)


def _smallest(backend: str, entry: Entry, sample: Sample, most: int = 150) -> str:
    """What is wrong with the smallest sample that Hypothesis makes of those that fail, in so many attempts."""
    wrong, left = "", most

    def fails(candidate: Sample) -> bool:
        nonlocal wrong, left
        left -= 1
        if left < 0 or not supported(get(backend), candidate):
            return False
        try:
            _hold(backend, entry, candidate)
        except Exception as error:
            wrong = f"{_spelled(candidate)}: {type(error).__name__ if str(error) == '' else error}"
            return True
        return False

    fails(sample)
    with contextlib.suppress(Exception):
        find(
            _sampled(entry),
            fails,
            settings=settings(_SETTINGS, phases=[Phase.generate, Phase.shrink], max_examples=most),
        )
    return wrong or "a sample fails together with others, or not each time"


def _spelled(sample: Sample) -> str:
    """The arguments with the values of small arrays."""
    shown = map_arrays(
        lambda x: _Text(f"{kind_of(x)}{x.shape}{x.tolist() if x.size <= 12 else ''}"), (sample.args, sample.kwargs)
    )
    return f"{shown[0]} {shown[1] or ''}"


class _Text(str):
    def __repr__(self) -> str:
        return str(self)


# ---- what may differ -----------------------------------------------------------------------------------------------


def near(entry: Entry, sample: Sample, got: list[np.ndarray]) -> None:
    want = wanted(entry, sample)
    if entry.one_by_one:
        terms = max((x.size for x in arrays_of(sample[:2])), default=1)
        wider = max(1.0, math.sqrt(terms) / 4)
        entry = dataclasses.replace(entry, tolerance=entry.tolerance._replace(ulp=wider * entry.tolerance.ulp))
    sizes = [np.abs(x[np.isfinite(x)].astype("float64")) for x in arrays_of(sample[:2]) if kind_of(x) in FLOATS]
    scale = min(8.0, max((float(x.max(initial=0.0)) for x in sizes), default=0.0))
    try:
        compare(entry, got, want, scale)
    except AssertionError:
        if entry.view is not None:  # unique up to signs or order, so there is no nearest
            raise
        for others in _alternatives(entry, sample):
            with contextlib.suppress(AssertionError):
                nearest = [_towards(g, w, o) for g, w, o in zip(got, want, others, strict=True)]
                compare(entry, got, nearest, scale)
                return
        raise


def _alternatives(entry: Entry, sample: Sample) -> Iterator[list[list[np.ndarray]]]:
    """For each result the references that it may be taken for: with denormals as zeros, then with operands moved."""
    flushed = wanted(entry, _changed(sample, _without_denormals))
    yield [[x] for x in flushed]
    if entry.tolerance.ulp:
        moved = [wanted(entry, _changed(sample, _Moved(k))) for k in range(6)]
        yield [list(x) for x in zip(flushed, *moved, strict=True)]


def _changed(sample: Sample, change: Callable[[np.ndarray], np.ndarray]) -> Sample:
    args, kwargs = map_arrays(lambda x: change(x) if kind_of(x) in FLOATS else x, (sample.args, sample.kwargs))
    return sample._replace(args=args, kwargs=kwargs)


def _without_denormals(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < ml_dtypes.finfo(x.dtype).smallest_normal, np.zeros_like(x), x)


class _Moved:
    """Moves numbers by an ulp, all up, all down, or each by chance; in float64, where that can be seen."""

    def __init__(self, k: int) -> None:
        self.rng = np.random.Generator(np.random.Philox(key=k))
        self.signs = ([1.0], [-1.0])[k : k + 1] or [[-1.0, 1.0]]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return x.astype("float64") * (1 + self.rng.choice(self.signs[0], x.shape) * EPS[kind_of(x)])


def _towards(got: np.ndarray, want: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """The number nearest to `got` among those as far from the references as these are from each other."""
    if got.shape != want.shape or any(o.shape != want.shape for o in others):
        return want
    if kind_of(got) not in FLOATS or want.dtype.kind == "c":
        return functools.reduce(lambda w, o: np.where(got == o, o, w), others, want)
    near, all_ = got.astype("float64"), np.stack([want, *others]).astype("float64")
    with np.errstate(all="ignore"):
        low, high = np.min(all_, 0), np.max(all_, 0)
        wide = np.where(np.isfinite(high - low), 4 * (high - low), 0.0)
        inside = np.clip(near, low - wide, high + wide)
    unsure = np.isnan(all_).any(0)
    return np.where(unsure, np.where(np.isnan(near) | (near == all_).any(0), near, want), inside)
