"""Cases, areas, and running them with strict expected failures."""

from __future__ import annotations

import contextlib
import ctypes
import fnmatch
import gc
import importlib
import os
import pathlib
import re
import sys
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "AREAS",
    "OF_OPS",
    "ON_REQUEST",
    "Case",
    "Expected",
    "Result",
    "close",
    "collect",
    "free_memory",
    "in_turn",
    "load_expected",
    "process_of",
    "run_case",
]

# area -> module of this package with `cases(backends, quick) -> iterator of Case`
AREAS = {
    "values": ".ops.values",
    "inputs": ".ops.inputs",
    "dtypes": ".ops.dtypes",
    "specs": ".ops.specs",
    "compiled": ".ops.compiled",
    "gradients": ".ops.gradients",
    "second_order": ".ops.second_order",
    "accuracy": ".accuracy.table",
    "keras_values": ".ops.against_keras",
    "transforms": ".transforms.table",
    "layers": ".layers.table",
    "own_layers": ".layers.own",
    "training": ".training.curves",
    "files": ".files.exchange",
    "interop": ".interop.native",
    "models": ".models.table",
    "errors": ".errors.mistakes",
    "keras": ".keras.audit",
    "coverage": ".coverage",
}
ON_REQUEST = ("keras", "own_layers")  # run only when named: one has differences left, the other is for `--layers`
OF_OPS = (
    "values",
    "inputs",
    "dtypes",
    "specs",
    "compiled",
    "gradients",
    "second_order",
    "accuracy",
    "keras_values",
    "transforms",
    "coverage",
)


class Case(NamedTuple):
    """One thing that must hold on one backend.

    Attributes:
        area: the area's name.
        name: unique within area and backend.
        backend: the backend it is run on, "all" for cases that compare several.
        check: raises AssertionError (or anything) when it does not hold; may give a note for the result.
    """

    area: str
    name: str
    backend: str
    check: Callable[[], str | None]

    @property
    def id(self) -> str:
        """``area/name``, as xfail files name it."""
        return f"{self.area}/{self.name}"

    @property
    def subjects(self) -> set[str]:
        """What it is about, in lower case: an op, a layer, a model and its optimizer."""
        return set(re.findall(r"[\w.]+", re.split(r"[:(,]", self.name)[0].lower()))


class Expected(NamedTuple):
    """A line of an xfail file: a pattern and why."""

    pattern: str
    reason: str


class Result(NamedTuple):
    """How a case ended.

    Attributes:
        area: the area's name.
        name: the case's name.
        backend: where it was run.
        status: "pass", "fail", "xfail" or "xpass".
        seconds: how long it took.
        message: what is wrong, the reason of an expected failure, or the case's note.
    """

    area: str
    name: str
    backend: str
    status: str
    seconds: float
    message: str

    @property
    def row(self) -> str:
        """What the case is about: an op, a layer, a model."""
        return self.name.partition("/")[0]

    @property
    def label(self) -> str:
        """What of it."""
        return self.name.partition("/")[2]


def load_expected(backend: str, path: pathlib.Path | None = None) -> list[Expected]:
    """The expected failures of a backend.

    Args:
        backend: its name.
        path: the file, that of `conformance/xfail` if None.

    Raises:
        ValueError: for a line without a reason.
    """
    path = path or pathlib.Path(__file__).parent / "xfail" / f"{backend}.txt"
    out = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            pattern, _, reason = text.partition("  ")
            if not reason.strip():
                raise ValueError(f"{path.name}:{number}: expected 'pattern  reason', got {line!r}")
            out.append(Expected(pattern, reason.strip()))
    return out


def in_turn(quick: bool, share: int, *what: str) -> bool:
    """Whether something is run: always, or when `quick` one in `share` by its name, the same in every run."""
    return not quick or zlib.crc32(" ".join(what).encode()) % share == 0


def collect(areas: list[str], backends: list[str], quick: bool) -> Iterator[Case]:
    """All cases of the areas."""
    for area in areas:
        yield from importlib.import_module(AREAS[area], __package__).cases(backends, quick)


def process_of(module: str, **settings: str) -> tuple[list[str], dict[str, str]]:
    """The command and the environment that run a module of the suite in a process of its own.

    Args:
        module: its name within the suite, which is `conformance` in a checkout, `kfront.conformance` where installed.
        **settings: variables of the environment that are set.
    """
    package = str(__package__)
    home = pathlib.Path(__file__).resolve().parents[package.count(".") + 1]
    path = os.pathsep.join([str(home), *filter(None, [os.environ.get("PYTHONPATH")])])
    return [sys.executable, "-m", f"{package}.{module}"], {**os.environ, "PYTHONPATH": path, **settings}


def free_memory(most: float = 2e9) -> None:
    """Drop what JAX has compiled when the process grows beyond so many bytes (Linux; it drops nothing by itself)."""
    pages = pathlib.Path("/proc/self/statm")
    jax = sys.modules.get("jax")
    if jax is None or not pages.exists() or int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") < most:
        return
    jax.clear_caches()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def run_case(case: Case, expected: list[Expected]) -> Result:
    """Run one case; an expected failure that passes is "xpass"."""
    start = time.perf_counter()
    reason = next((e.reason for e in expected if fnmatch.fnmatchcase(case.id, e.pattern)), None)
    note = None
    try:
        note = case.check()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".strip()
        if not isinstance(error, AssertionError):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            text += f" ({pathlib.Path(frame.filename).name}:{frame.lineno})"
        status = "fail" if reason is None else "xfail"
        message = text if reason is None else f"{reason} [{text[:120]}]"
    else:
        status = "pass" if reason is None else "xpass"
        message = (
            (note or "")
            if reason is None
            else f"expected to fail ({reason}) but passed: take the line out of the xfail file"
        )
    return Result(case.area, case.name, case.backend, status, time.perf_counter() - start, message)


def close(got: Any, want: Any, rtol: float, atol: float = 0.0, what: str = "value") -> None:
    """Assert equal shapes and close values, NaN equal to NaN.

    Args:
        got: an array; compared in float64 (complex128 for complex).
        want: what it should be.
        rtol: relative tolerance, stated by the case.
        atol: absolute tolerance.
        what: for the message.
    """
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    kind = "complex128" if "c" in (got.dtype.kind, want.dtype.kind) else "float64"
    a, b = got.astype(kind), want.astype(kind)
    bad = ~np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if bad.any():
        at = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(bad)))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NaN and infinities
            worst = float(np.nanmax(np.abs(np.atleast_1d(a - b)))) if a.size else 0.0
        raise AssertionError(
            f"{what}: {int(bad.sum())} of {a.size} differ, first at {at}: got {np.atleast_1d(a)[at]!r}, "
            f"expected {np.atleast_1d(b)[at]!r} (largest difference {worst:.3g}, rtol {rtol:g}, atol {atol:g})"
        )
