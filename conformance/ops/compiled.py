"""Compiled runs give what eager runs give: `jax.jit`, `tf.function` with unknown batch, `torch.compile(fullgraph)`,
without graph breaks and without another compilation when they are called again.

The samples of an op are compiled together as one function, because compilers take longer to start than to compile a
small op; when that fails, each is compiled alone to name the culprits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import kfront
from kfront.backends import current, get
from kfront.backends.base import Backend

from ..suite import Case, close, in_turn
from . import randoms
from .entry import EPS, Entry, Sample, arrays_of, kind_of, with_arrays
from .running import eager, quiet, supported
from .samples import function_of, table

__all__ = ["COMPILERS", "as_one", "cases", "compiles"]

_MOST = {"jax": (4, 2), "tensorflow": (12, 3), "torch": (6, 2)}  # samples of an op: (all, quick)
_OTHERWISE = (3, 1)  # on a backend from elsewhere


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each op and backend that compiles."""
    for b in backends:
        if not compiles(b):
            continue
        for entry in table().values():
            if entry.random or not entry.compiles or not in_turn(quick, 3, "compiled", b, entry.name):
                continue
            samples = [s for s in entry.samples if arrays_of((s.args, s.kwargs)) and supported(get(b), s)]
            if samples:
                yield Case(
                    "compiled", entry.name, b, _check(b, entry, _spread(samples, _MOST.get(b, _OTHERWISE)[quick]))
                )
        if b in ("torch", "tensorflow"):  # what JAX compiles is given the state of generators, and gives it back
            yield Case("compiled", "uniform/a generator moves on", b, _moves_on(b))
        for name in (n for n in randoms.DRAWS if in_turn(quick, 3, "drawn", b, n)):
            yield Case("compiled", f"{name}/same numbers", b, _random(b, name, False))
        for name in (n for n in randoms.PORTABLE if in_turn(quick, 3, "portable", b, n)):
            yield Case("compiled", f"{name}/same numbers, portable", b, _random(b, name, True))


def _moves_on(backend: str) -> Callable[[], None]:
    """A generator that compiled code draws from moves on as one of eager code does."""

    def check() -> None:
        with quiet(), kfront.backend_scope(backend) as b, randoms.portable_mode(True):
            eager, compiled = kfront.random.SeedGenerator(5), kfront.random.SeedGenerator(5)
            want = [b.to_numpy(kfront.random.uniform((4,), seed=eager)) for _ in range(3)]
            run = COMPILERS[backend](lambda values: [kfront.random.uniform((4,), seed=compiled)], [], [])
            close(b.to_numpy(run[0]), want[1], 1e-6, 0.0, "the second run")
            close(b.to_numpy(kfront.random.uniform((4,), seed=compiled)), want[2], 1e-6, 0.0, "eagerly after it")

    return check


def _random(backend: str, name: str, portable: bool) -> Callable[[], None]:
    """The numbers of a seed are the same in compiled code."""

    def check() -> None:
        want = randoms.draw(backend, name, 5, portable)
        with quiet(), kfront.backend_scope(backend) as b, randoms.portable_mode(portable):
            compiler = COMPILERS.get(backend, _by_step)
            got = b.to_numpy(compiler(lambda values: [randoms.tensor(name, 5)], [], [])[0])
        if portable:
            randoms.alike(name, got, want)
        else:
            close(got, want, 1e-5, 1e-6, "compiled")

    return check


def _spread(samples: list[Sample], most: int) -> list[Sample]:
    """At most so many samples, from all over the list."""
    step = max(1.0, len(samples) / most)
    return [samples[int(i * step)] for i in range(min(most, len(samples)))]


Arrays = list[np.ndarray]
Function = Callable[[list[Any]], Any]


def _function(entry: Entry, samples: Sequence[Sample]) -> Function:
    """From all arrays of the samples, one after the other, to their results; nothing traced holds a NumPy array."""
    calls, at, fn = [], 0, function_of(entry.name)
    for s in samples:
        n = len(arrays_of((s.args, s.kwargs)))
        calls.append(with_arrays((s.args, s.kwargs), [_Slot(at + i) for i in range(n)]))
        at += n

    def run(values: list[Any]) -> list[list[Any]]:
        return [_leaves(fn(*_filled(args, values), **_filled(kwargs, values))) for args, kwargs in calls]

    return run


class _Slot:
    """The place of a tensor."""

    def __init__(self, place: int) -> None:
        self.place = place


def _filled(x: Any, values: list[Any]) -> Any:
    if isinstance(x, _Slot):
        return values[x.place]
    if isinstance(x, (tuple, list)):
        return type(x)([_filled(v, values) for v in x])
    return {k: _filled(v, values) for k, v in x.items()} if isinstance(x, dict) else x


def _leaves(x: Any) -> list[Any]:
    return [v for item in x for v in _leaves(item)] if isinstance(x, (tuple, list)) else [x]


def _jit(fn: Function, samples: Sequence[Sample], values: list[Any]) -> Any:
    import jax

    compiled = jax.jit(fn)
    compiled(values)
    out = compiled(values)
    assert compiled._cache_size() == 1, "expected one compilation for two calls alike"
    return out


def _graph(fn: Function, samples: Sequence[Sample], values: list[Any]) -> Any:
    import tensorflow as tf

    specs, at = [], 0
    for s in samples:
        for i, x in enumerate(arrays_of((s.args, s.kwargs))):
            shape = list(x.shape)
            if i in s.batch:
                shape[0] = None
            specs.append(tf.TensorSpec(shape, values[at].dtype))
            at += 1
    compiled = tf.function(fn, input_signature=[specs], autograph=False)
    compiled(values)
    out = compiled(values)
    assert compiled.experimental_get_tracing_count() == 1, "expected one tracing for two calls alike"
    return out


def _dynamo(fn: Function, samples: Sequence[Sample], values: list[Any]) -> Any:
    import torch

    torch._dynamo.reset()
    compiled = torch.compile(fn, fullgraph=True, backend="eager")
    compiled(values)
    with torch.compiler.set_stance("fail_on_recompile"):
        return compiled(values)


def _by_step(fn: Function, samples: Sequence[Sample], values: list[Any]) -> Any:
    """On any engine: as a step of `Backend.compile_step`."""
    runs: list[None] = []

    def step(values: list[Any]) -> Any:
        runs.append(None)
        return fn(values)

    compiled = current().compile_step(step, list, True)
    compiled(values)
    out = compiled(values)
    assert len(runs) == 1, "expected one tracing for two calls alike"
    return out


def compiles(backend: str) -> bool:
    """Whether an engine compiles."""
    return type(get(backend)).compile_step is not Backend.compile_step


COMPILERS = {"jax": _jit, "tensorflow": _graph, "torch": _dynamo}


def as_one(backend: str, entry: Entry, samples: Sequence[Sample]) -> list[list[np.ndarray]]:
    """The results of each sample, from one compiled function."""
    with quiet(), kfront.backend_scope(backend) as b:
        values = [b.convert(x) for s in samples for x in arrays_of((s.args, s.kwargs))]
        compiled = COMPILERS.get(backend, _by_step)(_function(entry, samples), samples, values)
        return [[b.to_numpy(x) if b.is_tensor(x) else np.asarray(x) for x in results] for results in compiled]


def _run(backend: str, entry: Entry, samples: Sequence[Sample]) -> None:
    want = [x for s in samples for x in eager(backend, entry, s)]
    got = [x for results in as_one(backend, entry, samples) for x in results]
    assert len(got) == len(want), f"{len(got)} results, eager {len(want)}"
    for g, w in zip(got, want, strict=True):
        kind = kind_of(w)
        assert kind_of(g) == kind or w.dtype.kind == "i" == g.dtype.kind, f"dtype {kind_of(g)}, eager {kind}"
        eps = EPS.get(kind, 0.0)
        finite = np.abs(w[np.isfinite(w)].astype("float64")) if eps and w.size else np.zeros(0)
        # fused kernels round in other places: the op's own tolerance, against eager instead of the reference
        _, atol = entry.tolerance.of(kind, float(finite.max(initial=0.0))) if eps else (0.0, 0.0)
        rtol = max(entry.tolerance.of(kind, 0.0)[0], 4 * eps) if eps else 1e-5 * (w.dtype.kind == "c")
        close(g, w, rtol, atol + rtol * (w.dtype.kind == "c"), "compiled")


def _check(backend: str, entry: Entry, samples: list[Sample]) -> Callable[[], None]:
    def check() -> None:
        try:
            _run(backend, entry, samples)
        except Exception as error:
            wrong = [found for s in samples if (found := _failure(backend, entry, s))]
            raise AssertionError("; ".join(wrong) or f"only together: {_text(error)}") from error

    return check


def _failure(backend: str, entry: Entry, sample: Sample) -> str:
    try:
        _run(backend, entry, [sample])
    except Exception as error:
        return f"{sample.label}: {_text(error)}"
    return ""


def _text(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines[:2])[:240]}"
