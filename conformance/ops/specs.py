"""Inference: what an op says about symbolic values is what it does to real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import kfront
from kfront.backends import get

from ..suite import Case
from .entry import Entry, Sample, arrays_of, kind_of, with_arrays
from .running import dtype_on, eager, flat, quiet, supported
from .samples import function_of, table

__all__ = ["NOT_SYMBOLIC", "agree", "cases"]


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """For each sample and backend: with known sizes, and with an unknown first dimension."""
    for entry in table().values():
        if entry.random or entry.name in NOT_SYMBOLIC:
            continue
        for sample in entry.some(quick):
            known = entry.compiles or sample.kwargs.get("size") is not None
            if not known or not arrays_of((sample.args, sample.kwargs)):
                continue
            for b in backends:
                if supported(get(b), sample):
                    yield Case("specs", f"{entry.name}/{sample.label}", b, _check(b, entry, sample))


NOT_SYMBOLIC = {
    "cond",
    "switch",
    "custom_gradient",
    "jvp",
    "vectorize",
}  # called through closures: tests/ops/test_control.py


def _infer(entry: Entry, sample: Sample, make: Callable[[tuple[Any, ...], str], Any], unknown: bool) -> list[Any]:
    """The inferred results of a sample.

    Args:
        entry: the op.
        sample: the arguments.
        make: makes a symbolic value of a shape and dtype.
        unknown: whether the first dimension of the sample's batch is unknown.
    """
    arrays = arrays_of((sample.args, sample.kwargs))
    specs = []
    for i, x in enumerate(arrays):
        shape: tuple[Any, ...] = x.shape
        if unknown and i in sample.batch:
            shape = (None, *shape[1:])
        specs.append(make(shape, kind_of(x)))
    args, kwargs = with_arrays((sample.args, sample.kwargs), specs)
    with quiet():
        return flat(function_of(entry.name)(*args, **kwargs))


def _agree(backend: str, inferred: list[Any], results: list[np.ndarray], exact: bool, how: str) -> None:
    from kfront.core.spec import KerasTensor

    assert len(inferred) == len(results), f"{how}: {len(inferred)} results, eager {len(results)}"
    for s, x in zip(inferred, results, strict=True):
        if not isinstance(s, KerasTensor):  # an int, such as the size of a known shape
            assert np.shape(s) == x.shape, f"{how}: {s!r}, eager {x!r}"
            continue
        assert dtype_on(backend, s.dtype) == kind_of(x), f"{how}: dtype {s.dtype}, eager {kind_of(x)}"
        shape = tuple(s.shape)
        fits = len(shape) == x.ndim and all(a is None or a == b for a, b in zip(shape, x.shape, strict=True))
        assert fits, f"{how}: shape {shape}, eager {x.shape}"
        assert not exact or None not in shape, f"{how}: shape {shape}, though every dimension is known: {x.shape}"


def agree(backend: str, entry: Entry, sample: Sample, results: list[np.ndarray]) -> None:
    """Assert that a sample has, as inferred with known and unknown sizes, the shapes and dtypes of its results."""
    from kfront.core.spec import Abstract, KerasTensor

    with kfront.backend_scope(backend):
        for make in (Abstract, KerasTensor):
            _agree(backend, _infer(entry, sample, make, False), results, True, f"{make.__name__} of known shape")
            if sample.batch:
                found = _infer(entry, sample, make, True)
                _agree(backend, found, results, False, f"{make.__name__} of unknown batch")


def _check(backend: str, entry: Entry, sample: Sample) -> Callable[[], None]:
    return lambda: agree(backend, entry, sample, eager(backend, entry, sample))
