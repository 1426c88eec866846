"""Second-order gradients: `kfront.grad` of `kfront.grad` on every engine, against second differences of the reference.

What is differentiated is the weighted sum of y + y^2 / 2 for the results y, so that ops that are linear count too: the
gradient goes backward, forward and backward through them. Compared is the Hessian times a vector, in float64.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import kfront
from kfront.backends import get

from ..suite import Case, close, in_turn
from .entry import Entry, Sample, arrays_of, with_arrays
from .gradients import chosen, directions, floating, in_dtype, moved, results_of, weights, wide
from .running import flat, quiet
from .samples import function_of, table

__all__ = ["cases"]

_STEP = 1e-4  # rounding of some 1e-15 times the value, divided by its square
_MOST = (3, 1)  # samples of an op: (all, quick)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """Smooth samples of each op, from all over the list, for each engine that differentiates."""
    for entry in table().values():
        smooth = [s for s in entry.samples if s.smooth and floating(s)]
        for sample in smooth[:: -(-len(smooth) // _MOST[quick]) or 1]:
            for b in backends:
                if get(b).trainable and in_turn(quick, 4, "second order", b, entry.name):
                    yield Case("second_order", f"{entry.name}/{sample.label}", b, _check(b, entry, sample))


def _vector(total: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=2)).uniform(0.5, 1.0, total)


# ---- the reference -------------------------------------------------------------------------------------------------


def _value(entry: Entry, sample: Sample, arrays: list[np.ndarray]) -> float:
    return sum(float(np.sum(w * (y + y * y / 2))) for y, w in results_of(entry, sample, arrays))


@functools.cache
def _curvature(name: str, label: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Directions, how the slope along the vector changes along them, and the value."""
    entry = table()[name]
    sample = in_dtype(next(s for s in entry.samples if s.label == label), "float64")
    arrays, places = arrays_of((sample.args, sample.kwargs)), floating(sample)
    total = sum(arrays[i].size for i in places)
    along, v = directions(total, 6), _vector(total)

    def at(step: np.ndarray) -> float:
        return _value(entry, sample, moved(arrays, places, _STEP * step))

    with quiet(), kfront.backend_scope("numpy"):
        changes = [(at(v + d) - at(v - d) - at(d - v) + at(-v - d)) / (4 * _STEP**2) for d in along]
        return along, np.array(changes), abs(at(0 * v))


# ---- an engine -----------------------------------------------------------------------------------------------------


def _product(backend: Any, entry: Entry, sample: Sample) -> np.ndarray:
    """The Hessian times the vector."""
    from kfront import ops

    arrays, places = arrays_of((sample.args, sample.kwargs)), floating(sample)
    others = [None if i in places else backend.convert(x) for i, x in enumerate(arrays)]
    v = np.split(_vector(sum(arrays[i].size for i in places)), np.cumsum([arrays[i].size for i in places])[:-1])
    vectors = [backend.convert(d.reshape(arrays[i].shape)) for i, d in zip(places, v, strict=True)]
    numbers = tuple(range(len(places)))

    def loss(*xs: Any) -> Any:
        values = list(others)
        for i, x in zip(places, xs, strict=True):
            values[i] = x
        args, kwargs = with_arrays((sample.args, sample.kwargs), values)
        total: Any = 0.0
        for n, y in chosen(entry, flat(function_of(entry.name)(*args, **kwargs))):
            w = backend.convert(weights(tuple(y.shape), n))
            total = ops.add(total, ops.sum(ops.multiply(w, ops.add(y, ops.multiply(ops.square(y), 0.5)))))
        return total

    def slope(*xs: Any) -> Any:
        found = kfront.grad(loss, argnums=numbers)(*xs)
        return functools.reduce(ops.add, (ops.sum(ops.multiply(g, d)) for g, d in zip(found, vectors, strict=True)))

    run = kfront.grad(slope, argnums=numbers)
    if backend.name == "jax" and entry.compiles:  # which would compile every step of it by itself
        import jax

        run = jax.jit(run)
    found = run(*(backend.convert(arrays[i]) for i in places))
    return np.concatenate([np.asarray(backend.to_numpy(g), "float64").ravel() for g in found])


def _check(backend: str, entry: Entry, sample: Sample) -> Callable[[], None]:
    def check() -> None:
        along, want, value = _curvature(entry.name, sample.label)
        with wide(backend) as b:
            got = along @ _product(b, entry, in_dtype(sample, "float64"))
        scale = float(np.max(np.abs(want), initial=0.0))
        close(got, want, 1e-4, 1e-5 * scale + 2e-7 * (1 + value), "change of slope")

    return check
