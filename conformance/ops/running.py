"""Running samples on a backend, and comparing with the reference."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np

import kfront
from kfront.core import tree

from .entry import FLOATS, Entry, Sample, arrays_of, cast, kind_of, map_arrays, with_arrays
from .samples import function_of, table

__all__ = ["compare", "dtype_on", "eager", "flat", "narrowed", "quiet", "run", "supported", "wanted"]


@functools.cache
def dtype_on(backend: str, name: str) -> str:
    """The dtype that stands for `name` on a backend: itself, where the engine has it."""
    with kfront.backend_scope(backend) as b:
        return name if name in b.dtypes else b.dtype_name(b.zeros((), name).dtype)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """NumPy's warnings about NaN and overflow, and engines' about casts, are no news here."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def flat(result: Any) -> list[Any]:
    """The leaves of a nested result."""
    return [x for x in tree.flatten(result) if x is not None]


def supported(backend: Any, sample: Sample) -> bool:
    """Whether the backend has the dtypes of the sample's arrays."""
    return all(kind_of(x) in backend.dtypes for x in arrays_of((sample.args, sample.kwargs)))


def narrowed(backend: Any, sample: Sample) -> Sample:
    """The sample with int32 in place of int64, where a backend has only that: mostly these are indices."""
    if "int64" in backend.dtypes or all(kind_of(x) != "int64" for x in arrays_of((sample.args, sample.kwargs))):
        return sample
    args, kwargs = map_arrays(lambda x: cast(x, "int32") if kind_of(x) == "int64" else x, (sample.args, sample.kwargs))
    return sample._replace(args=args, kwargs=kwargs)


def run(backend: str, entry: Entry, sample: Sample) -> list[np.ndarray]:
    """The results of a sample on a backend, as NumPy arrays."""
    with quiet(), kfront.backend_scope(backend) as b:
        args, kwargs = map_arrays(b.convert, (sample.args, sample.kwargs))
        out = function_of(entry.name)(*args, **kwargs)
        return [b.to_numpy(x) if b.is_tensor(x) else _number(x) for x in flat(out)]


def _number(x: Any) -> np.ndarray:
    """A Python number or NumPy array; ints are int32, as in tensors."""
    return np.asarray(x, "int32") if type(x) is int else np.asarray(x)


@functools.cache
def _eager(backend: str, entry: int, sample: int) -> list[np.ndarray]:
    e, s = _ENTRIES[entry], _SAMPLES[sample]
    return run(backend, e, s)


_ENTRIES: dict[int, Entry] = {}
_SAMPLES: dict[int, Sample] = {}


BY_ITSELF = {"jax": 4}  # how many samples of an op run by themselves where an engine compiles each step of each


def eager(backend: str, entry: Entry, sample: Sample) -> list[np.ndarray]:
    """As `run`; each sample is run once on each backend, most of those on JAX in one compiled function for each op."""
    if backend in BY_ITSELF and entry.compiles:
        found = _others(backend, entry.name).get(id(sample))
        if found is not None:
            return found
    _ENTRIES[id(entry)], _SAMPLES[id(sample)] = entry, sample
    return _eager(backend, id(entry), id(sample))


@functools.cache
def _others(backend: str, name: str) -> dict[int, list[np.ndarray]]:
    """Results of the samples that do not run by themselves; none where one of them cannot be compiled."""
    from .compiled import as_one

    entry = table()[name]
    alone = [id(s) for s in entry.some(True, BY_ITSELF[backend])]
    rest = [s for s in entry.samples if id(s) not in alone and supported(kfront.backends.get(backend), s)]
    with contextlib.suppress(Exception):
        return dict(zip(map(id, rest), as_one(backend, entry, rest), strict=True))
    return {}


def _wide(x: np.ndarray) -> np.ndarray:
    if kind_of(x) in FLOATS:
        return x.astype("float64")
    return x if x.dtype.kind in "bc" else x.astype("int64")


def wanted(entry: Entry, sample: Sample) -> list[np.ndarray]:
    """The results of the reference, in float64, int64 and bool."""
    args, kwargs = sample.args, sample.kwargs
    if not entry.raw:
        args, kwargs = map_arrays(_wide, (args, kwargs))
    assert entry.reference is not None
    with quiet():
        want = [np.asarray(x) for x in flat(entry.reference(*args, **kwargs))]
        if any(x.dtype == np.float16 for x in want) and not entry.raw:  # NumPy's functions of bools compute in float16
            args, kwargs = map_arrays(lambda x: x.astype("int64") if x.dtype == bool else x, (args, kwargs))
            want = [np.asarray(x) for x in flat(entry.reference(*args, **kwargs))]
        return want


def compare(entry: Entry, got: list[np.ndarray], want: list[np.ndarray], scale: float = 0.0) -> None:
    """Assert that results are within the tolerance of the entry.

    Args:
        entry: the op.
        got: its results.
        want: those of the reference.
        scale: how large the terms are, where they may be larger than the results.
    """
    assert len(got) == len(want), f"{len(got)} results, expected {len(want)}"
    dtypes = [kind_of(x) for x in got]
    if entry.view is not None:
        narrow = _REAL.get(dtypes[0], dtypes[0])
        got, want = entry.view([_unpacked(x) for x in got]), entry.view([_unpacked(x) for x in want])
        dtypes = [narrow] * len(got)
    for i, (g, w, d) in enumerate(zip(got, want, dtypes, strict=True)):
        _compare_one(entry, np.asarray(g), np.asarray(w), d, f"result {i}" if len(got) > 1 else "result", scale)


_REAL = {"complex64": "float32", "complex128": "float64"}


def _unpacked(x: np.ndarray) -> np.ndarray:
    return x if x.dtype.kind == "c" else x.astype("float64")


def _compare_one(entry: Entry, got: np.ndarray, want: np.ndarray, dtype: str, what: str, scale: float) -> None:
    from ..suite import close

    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    dtype = _REAL.get(dtype, dtype)
    if dtype not in FLOATS:
        want = want if want.dtype.kind == "b" else want.astype(np.dtype(dtype))
        close(got, want, 0.0, 0.0, what)
        return
    if want.dtype.kind != "c":  # what overflows in the dtype is infinite
        want = want.astype("float64")
        limit = float(ml_dtypes.finfo(dtype).max)
        want = np.where(np.abs(want) > limit * 1.01, np.copysign(np.inf, want), want)
        if not entry.tolerance.ulp:  # as near as the dtype has it
            want = cast(want, dtype).astype("float64")
    finite = np.abs(want[np.isfinite(want)])
    rtol, atol = entry.tolerance.of(dtype, float(finite.max(initial=scale)))
    close(got, want, rtol, atol, what)


def replaced(sample: Sample, arrays: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a sample with other values for its arrays."""
    return with_arrays((sample.args, sample.kwargs), arrays)


Runner = Callable[[], None]
