"""Dtypes: on every engine a result has the dtype that the declared rule gives, whatever the operands have."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import kfront
from kfront.backends import get
from kfront.core.errors import KfrontError

from ..suite import Case
from .entry import DTYPES, FLOATS, Entry, Sample, arrays_of, cast, kind_of, with_arrays
from .running import dtype_on, flat, quiet, run
from .samples import function_of, table

__all__ = ["cases"]

_INTS = tuple(d for d in DTYPES if "int" in d)
DOMAINS = {
    "any": DTYPES,
    "number": DTYPES,
    "real": (*_INTS, *FLOATS),
    "float": FLOATS,
    "bits": ("bool", *_INTS),
    "int": _INTS,
    "index": ("int8", "int32", "int64"),
    "bool": ("bool",),
}
_FEW = ("bool", "uint8", "int8", "int32", "float16", "bfloat16", "float32")  # for pairs when quick


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each op and backend, and the table of promotion."""
    for entry in table().values():
        if entry.random or not entry.compiles or not _probe(entry):
            continue
        for b in backends:
            yield Case("dtypes", entry.name, b, _check(b, entry, quick))
    yield Case("dtypes", "result_type as documented", "all", _as_keras)


def _probe(entry: Entry) -> Sample | None:
    """The sample whose arrays are tried in other dtypes: the first one with arrays."""
    found = (s for s in entry.samples if arrays_of((s.args, s.kwargs)))
    return None if entry.domain == "fixed" else next(found, None)


def _combinations(entry: Entry, sample: Sample, have: tuple[str, ...], quick: bool) -> Iterator[tuple[Any, ...]]:
    """Dtypes for the arrays of a sample: all, all pairs, or all alike for three and more."""
    arrays = arrays_of((sample.args, sample.kwargs))
    choices = [
        (kind_of(x),) if entry.domain_of(i) == "fixed" else tuple(d for d in DOMAINS[entry.domain_of(i)] if d in have)
        for i, x in enumerate(arrays)
    ]
    free = [i for i, c in enumerate(choices) if len(c) > 1]
    if len(free) <= 2:
        if len(free) == 2 and quick:
            choices = [tuple(d for d in c if d in _FEW) or c for c in choices]
        yield from itertools.product(*choices)
        return
    for d in DTYPES:
        if all(d in c or len(c) == 1 for c in choices):
            yield tuple(d if len(c) > 1 else c[0] for c in choices)
    for a, b in itertools.pairwise(choices[free[0]]):  # the first one apart from the others
        rest = tuple(b if len(c) > 1 and b in c else c[0] for c in choices)
        yield (*rest[: free[0]], a, *rest[free[0] + 1 :])


def _check(backend: str, entry: Entry, quick: bool) -> Callable[[], None]:
    def check() -> None:
        sample = _probe(entry)
        assert sample is not None
        have = get(backend).dtypes
        wrong = []
        with kfront.backend_scope(backend):
            for kinds in _combinations(entry, sample, have, quick):
                arrays = [
                    _without_zero(entry, cast(x, d))
                    for x, d in zip(arrays_of((sample.args, sample.kwargs)), kinds, strict=True)
                ]
                wrong += _compare(backend, entry, sample, arrays, "+".join(kinds))
            if entry.scalars:
                for d, scalar in itertools.product(have, (True, 2, 1.5)):
                    if d in DTYPES:
                        wrong += _with_scalar(backend, entry, sample, d, scalar)
        assert not wrong, f"{len(wrong)} differ: " + "; ".join(wrong[:6])

    return check


def _without_zero(entry: Entry, x: np.ndarray) -> np.ndarray:
    """Ones for zeros where two operands meet: engines disagree on what integers divided by 0 are."""
    return np.where(x == 0, np.ones_like(x), x) if entry.scalars else x


def _declared(backend: str, entry: Entry, args: Any, kwargs: Any) -> list[str] | str:
    """Inferred dtypes, or the name of the error class that inference raises."""
    from kfront.core.spec import KerasTensor

    try:
        with quiet():
            out = flat(function_of(entry.name)(*args, **kwargs))
    except KfrontError as error:
        return type(error).__name__
    return [dtype_on(backend, x.dtype) if isinstance(x, KerasTensor) else "python" for x in out]


def _actual(backend: str, entry: Entry, args: Any, kwargs: Any) -> list[str] | str:
    sample = Sample(args, kwargs, "", False, ())
    try:
        return _traced(entry, sample) if backend == "jax" else [kind_of(x) for x in run(backend, entry, sample)]
    except KfrontError as error:
        return type(error).__name__
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:80]}"


def _traced(entry: Entry, sample: Sample) -> list[str]:
    """The dtypes that JAX gives results: when it traces as when it runs, which compiles for each dtype."""
    import jax

    def call(values: list[Any]) -> list[Any]:
        args, kwargs = with_arrays((sample.args, sample.kwargs), values)
        return flat(function_of(entry.name)(*args, **kwargs))

    with quiet(), kfront.backend_scope("jax") as b:
        values = [b.convert(x) for x in arrays_of((sample.args, sample.kwargs))]
        return [b.dtype_name(x.dtype) for x in jax.eval_shape(call, values)]


def _compare(backend: str, entry: Entry, sample: Sample, arrays: list[np.ndarray], label: str) -> list[str]:
    from kfront.core.spec import Abstract

    specs = [Abstract(x.shape, kind_of(x)) for x in arrays]
    want = _declared(backend, entry, *with_arrays((sample.args, sample.kwargs), specs))
    got = _actual(backend, entry, *with_arrays((sample.args, sample.kwargs), arrays))
    same = got == want or (isinstance(want, list) and isinstance(got, list) and "python" in want)
    return [] if same else [f"{label}: {got}, declared {want}"]


def _with_scalar(backend: str, entry: Entry, sample: Sample, dtype: str, scalar: Any) -> list[str]:
    from kfront.core.spec import Abstract

    x = _without_zero(entry, cast(arrays_of(sample.args)[0], dtype))
    spec = Abstract(x.shape, dtype)
    rest, kwargs = sample.args[2:], sample.kwargs
    out = []
    for place in (0, 1):
        pair = (scalar, x) if place == 0 else (x, scalar)
        symbolic = (scalar, spec) if place == 0 else (spec, scalar)
        want = _declared(backend, entry, (*symbolic, *rest), kwargs)
        got = _actual(backend, entry, (*pair, *rest), kwargs)
        if got != want:
            out.append(f"{dtype} with {scalar!r} as operand {place}: {got}, declared {want}")
    return out


# ---- the lattice against the installed Keras -----------------------------------------------------------------------

_SCRIPT = """
import json, itertools, keras
names = {names!r}
kinds = dict(zip(names, names)) | {{"py_int": int, "py_float": float}}
pairs = itertools.product(kinds, kinds)
print(json.dumps({{f"{{a}} {{b}}": keras.backend.result_type(kinds[a], kinds[b]) for a, b in pairs}}))
"""


def _as_keras() -> None:
    """`result_type` of all pairs is that of the installed Keras; nothing to compare where it is not installed."""
    from kfront.core.dtypes import result_type

    if any(importlib.util.find_spec(m) is None for m in ("keras", "tensorflow")):
        return
    names = [*DTYPES, "uint16", "uint32"]
    env = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(names=names)], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-600:]
    weak: dict[str, Any] = {"py_int": int, "py_float": float}
    wrong = []
    for pair, want in json.loads(done.stdout.splitlines()[-1]).items():
        got = result_type(*(weak.get(n, n) for n in pair.split()))
        if got != want:
            wrong.append(f"{pair}: {got}, Keras {want}")
    assert not wrong, f"{len(wrong)} differ: " + "; ".join(wrong[:8])
