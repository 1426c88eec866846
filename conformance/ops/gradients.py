"""Gradients of every op on every engine: against central differences, at kinks, and far out.

Ordinary points are compared in float64 with differences of the reference. At a kink the derivative is a convention,
which the table states: relu, relu6 and abs have slope 0 at their kinks, clip has 1 at its bounds, a tie of max, min,
maximum or minimum shares the gradient evenly (in sort, top_k and max_pool the first of equals has it), norms, std,
hypot and arctan2 have gradient 0 at 0, and an update that a later one overwrites has none. Far out (about 1e4)
gradients must be finite and equal on all engines in float32. In float16, where engines often take another way, they
must be those of float64 as far as the digits go.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import kfront
from kfront.backends import current, get, installed
from kfront.core.variable import bind

from ..suite import Case, close, in_turn
from .entry import FLOATS, Entry, Kink, Sample, arrays_of, kind_of, map_arrays, with_arrays
from .running import flat, quiet
from .samples import function_of, table

__all__ = [
    "cases",
    "chosen",
    "directions",
    "floating",
    "gradients",
    "in_dtype",
    "moved",
    "results_of",
    "weights",
    "wide",
]

FAR, HALF = "far out", "in float16"
_STEP = 1e-5
_RTOL, _ATOL = (
    1e-5,
    1e-7,
)  # of central differences in float64: rounding 1e-11 / step, and step^2 of the third derivative


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """Smooth samples, kinks and far points for each engine that differentiates."""
    for entry in table().values():
        for b in backends:
            if get(b).trainable and not entry.random and in_turn(quick, 2, "gradients", b, entry.name):
                for label, question in questions(entry.name, quick).items():
                    yield Case("gradients", f"{entry.name}/{label}", b, _check(b, entry, label, quick))
                    if label == HALF and in_turn(quick, 8, "forward", b, entry.name):
                        yield Case("gradients", f"{entry.name}/forward", b, _forward(b, entry, quick))


class Question(NamedTuple):
    """Where gradients are asked for.

    Attributes:
        sample: the arguments, in the dtypes in which they are differentiated.
        ones: whether all results count 1.
        kink: the convention, at a kink.
    """

    sample: Sample
    ones: bool = False
    kink: Kink | None = None


@functools.cache
def questions(name: str, quick: bool) -> dict[str, Question]:
    """The questions about an op by label."""
    entry = table()[name]
    smooth = [s for s in entry.samples if s.smooth and floating(s)]
    out = {s.label: Question(in_dtype(s, "float64")) for s in (smooth[:1] if quick else smooth)}
    for n, kink in enumerate(entry.kinks):
        out[f"kink {n}"] = Question(Sample(kink.args, {}, "", True, ()), True, kink)
    if smooth and entry.far:
        out[FAR] = Question(_distant(entry, smooth[0]))
    if smooth:
        out[HALF] = Question(in_dtype(smooth[0], "float16"))
    return out


def floating(sample: Sample) -> list[int]:
    arrays = arrays_of((sample.args, sample.kwargs))
    return [i for i, x in enumerate(arrays) if kind_of(x) in FLOATS and x.size]


def in_dtype(sample: Sample, dtype: str) -> Sample:
    """A sample with its floating arrays in a dtype."""
    args, kwargs = map_arrays(lambda x: x.astype(dtype) if kind_of(x) in FLOATS else x, (sample.args, sample.kwargs))
    return sample._replace(args=args, kwargs=kwargs)


@contextlib.contextmanager
def wide(backend: str) -> Iterator[Any]:
    """The backend's scope with 64-bit types (JAX has them as an option)."""
    with contextlib.ExitStack() as stack:
        if backend == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        stack.enter_context(quiet())
        yield stack.enter_context(kfront.backend_scope(backend))


# ---- gradients of a backend, and of the reference ------------------------------------------------------------------


def weights(shape: tuple[int, ...], n: int) -> np.ndarray:
    """What the elements of result n count in the sum that is differentiated."""
    return 0.5 + np.random.Generator(np.random.Philox(key=n)).uniform(0, 1, shape)


def gradients(backend: Any, entry: Entry, asked: list[Question]) -> list[list[np.ndarray]]:
    """Gradients of the weighted sum of an op's results by its floating arrays, for each question.

    JAX, which would compile every step by itself, compiles all of them as one function.
    """
    problems = [_problem(backend, entry, q) for q in asked]

    def run(values: list[list[Any]]) -> list[list[Any]]:
        out = []
        for (loss, variables), v in zip(problems, values, strict=True):
            with bind(variables, v):
                out.append(backend.value_and_grad(loss, variables)[2])
        return out

    if backend.name == "jax" and entry.compiles:
        import jax

        found = jax.jit(run)([[v._value for v in variables] for _, variables in problems])
    else:
        found = [backend.value_and_grad(loss, variables)[2] for loss, variables in problems]
    return [
        [
            np.zeros(v.shape) if g is None else np.asarray(backend.to_numpy(g), "float64")
            for g, v in zip(gs, vs, strict=True)
        ]
        for gs, (_, vs) in zip(found, problems, strict=True)
    ]


def _problem(backend: Any, entry: Entry, question: Question) -> tuple[Callable[[], Any], list[Any]]:
    """What is differentiated, and by which Variables."""
    from kfront import ops

    sample = question.sample
    arrays, places = arrays_of((sample.args, sample.kwargs)), floating(sample)
    kind = kind_of(arrays[places[0]])
    variables = {i: backend.Variable(arrays[i], dtype=kind_of(arrays[i]), name=f"x{i}") for i in places}
    others = [x if i in variables else backend.convert(x) for i, x in enumerate(arrays)]

    def loss() -> tuple[Any, None]:
        values = [variables[i].value if i in variables else x for i, x in enumerate(others)]
        args, kwargs = with_arrays((sample.args, sample.kwargs), values)
        total: Any = 0.0
        for n, y in chosen(entry, flat(function_of(entry.name)(*args, **kwargs))):
            w = np.ones(y.shape) if question.ones else weights(tuple(y.shape), n)
            total = ops.add(total, ops.sum(ops.multiply(y, backend.convert(w.astype(kind)))))
        return total, None

    return loss, list(variables.values())


def chosen(entry: Entry, results: list[Any]) -> list[tuple[int, Any]]:
    """The floating results that are differentiated, with their places."""
    keep = range(len(results)) if entry.outputs is None else entry.outputs
    name = current().dtype_name
    return [
        (n, results[n]) for n in keep if not isinstance(results[n], np.ndarray) and name(results[n].dtype) in FLOATS
    ] or [(n, results[n]) for n in keep if isinstance(results[n], np.ndarray)]


def results_of(entry: Entry, sample: Sample, arrays: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Floating results of the reference with other arrays, and what their elements count."""
    assert entry.reference is not None
    args, kwargs = with_arrays((sample.args, sample.kwargs), arrays)
    results = [np.asarray(y) for y in flat(entry.reference(*args, **kwargs))]
    for n in range(len(results)) if entry.outputs is None else entry.outputs:
        if results[n].dtype.kind == "f":
            yield results[n], weights(results[n].shape, n)


def _value(entry: Entry, sample: Sample, arrays: list[np.ndarray]) -> float:
    return sum(float(np.sum(y * w)) for y, w in results_of(entry, sample, arrays))


def _differences(entry: Entry, sample: Sample, places: list[int]) -> tuple[list[np.ndarray], list[float]]:
    """Directions and the slopes of the reference along them."""
    arrays = arrays_of((sample.args, sample.kwargs))
    along = directions(sum(arrays[i].size for i in places))
    slopes = []
    for d in along:
        ends = [_value(entry, sample, moved(arrays, places, sign * _STEP * d)) for sign in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * _STEP))
    return list(along), slopes


def directions(total: int, most: int = 12) -> np.ndarray:
    """One for each of so many elements, or a few random ones for more than 24."""
    return (
        np.eye(total)
        if total <= 24
        else np.random.Generator(np.random.Philox(key=1)).choice([-1.0, 1.0], (most, total))
    )


def moved(arrays: list[np.ndarray], places: list[int], step: np.ndarray) -> list[np.ndarray]:
    """The arrays with those at `places` moved by a step, which is given flat."""
    out, at = list(arrays), 0
    for i in places:
        n = arrays[i].size
        out[i] = arrays[i] + step[at : at + n].reshape(arrays[i].shape)
        at += n
    return out


@functools.cache
def _slopes(entry: str, label: str) -> tuple[list[np.ndarray], list[float]]:
    e = table()[entry]
    sample = in_dtype(next(s for s in e.samples if s.label == label), "float64")
    with quiet(), kfront.backend_scope("numpy"):
        return _differences(e, sample, floating(sample))


def _along(backend: Any, entry: Entry, question: Question, vector: np.ndarray) -> float:
    """How the weighted sum changes along a vector, forward: by `Backend.jvp`."""
    loss, variables = _problem(backend, entry, question)
    values = [v.value for v in variables]
    ends = np.cumsum([int(np.prod(v.shape)) for v in variables])
    parts = [p.reshape(v.shape) for p, v in zip(np.split(vector, ends[:-1]), variables, strict=True)]
    tangents = [backend.convert(p.astype(backend.dtype_name(x.dtype))) for p, x in zip(parts, values, strict=True)]

    def along(*xs: Any) -> Any:
        with bind(variables, list(xs)):
            return loss()[0]

    def run(xs: list[Any]) -> Any:
        return kfront.jvp(along, xs, tangents)[1]

    if backend.name == "jax" and entry.compiles:  # which would compile every step of it by itself
        import jax

        run = jax.jit(run)
    return float(backend.to_numpy(run(values)))


# ---- checks --------------------------------------------------------------------------------------------------------


def _answer(backend: str, name: str, label: str, quick: bool) -> list[np.ndarray]:
    """The gradients that answer a question; on JAX with those of all others about the op, unless one of them fails."""
    if backend == "jax" and table()[name].compiles:
        with contextlib.suppress(Exception):
            return _answers(backend, name, tuple(questions(name, quick)), quick)[label]
    return _answers(backend, name, (label,), quick)[label]


@functools.cache
def _answers(backend: str, name: str, labels: tuple[str, ...], quick: bool) -> dict[str, list[np.ndarray]]:
    asked = questions(name, quick)
    with wide(backend) as b:
        return dict(zip(labels, gradients(b, table()[name], [asked[i] for i in labels]), strict=True))


def _check(backend: str, entry: Entry, label: str, quick: bool) -> Callable[[], None]:
    question = questions(entry.name, quick)[label]

    def check() -> None:
        got = _answer(backend, entry.name, label, quick)
        if question.kink is not None:
            for n, (g, slope) in enumerate(zip(got, question.kink.slopes, strict=True)):
                close(g, np.asarray(slope, "float64"), 1e-7, 1e-12, f"gradient {n}")
        elif label == FAR:
            _same_far_out(entry, got, _answer("torch" if "torch" in installed() else backend, entry.name, label, quick))
        elif label == HALF:
            first = next(iter(questions(entry.name, quick)))
            _same_in_halves(got, _answer(backend, entry.name, first, quick))
        else:
            along, want = _slopes(entry.name, label)
            g = np.concatenate([x.ravel() for x in got])
            scale = float(np.max(np.abs(want), initial=0.0))
            close(np.array([float(d @ g) for d in along]), np.array(want), _RTOL, _ATOL + 1e-6 * scale, "slope")

    return check


def _forward(backend: str, entry: Entry, quick: bool) -> Callable[[], None]:
    """Forward derivatives, for which engines have rules of their own, are those that go backward."""

    def check() -> None:
        first, question = next(iter(questions(entry.name, quick).items()))
        g = np.concatenate([x.ravel() for x in _answer(backend, entry.name, first, quick)])
        vector = np.random.Generator(np.random.Philox(key=2)).uniform(0.5, 1.0, g.size)
        with wide(backend) as b:
            got = _along(b, entry, question, vector)
        slack = 1e-6 * float(np.abs(vector * g).sum())  # some results are float32
        close(np.array(got), np.array(vector @ g), 0.0, slack, "change along a vector")

    return check


def _same_far_out(entry: Entry, got: list[np.ndarray], want: list[np.ndarray]) -> None:
    for n, (g, w) in enumerate(zip(got, want, strict=True)):
        assert np.isfinite(g).all(), f"gradient {n} is not finite: {g.ravel()[:6]}"
        scale = float(np.max(np.abs(w), initial=0.0))
        close(g, w, 1e-4, 1e-5 * scale + entry.far_slack[0], f"gradient {n}, torch's")


def _same_in_halves(got: list[np.ndarray], want: list[np.ndarray]) -> None:
    scale = max((float(np.max(np.abs(w), initial=0.0)) for w in want), default=0.0)
    for n, (g, w) in enumerate(zip(got, want, strict=True)):
        close(g, w, 0.05, 0.02 * scale, f"gradient {n}, in float64")


def _distant(entry: Entry, sample: Sample) -> Sample:
    """A sample far out, in float32."""
    sample = in_dtype(sample, "float32")
    arrays = arrays_of((sample.args, sample.kwargs))
    if isinstance(entry.far, (bool, float)):
        factor = np.float32(1e4 if entry.far is True else entry.far)
        distant = [x * factor if kind_of(x) in FLOATS else x for x in arrays]
    else:
        points = np.array(entry.far, "float32")
        distant = [points[i:] if i == 0 else points[::-1].copy() for i in range(len(arrays))]
    args, kwargs = with_arrays((sample.args, sample.kwargs), distant)
    return sample._replace(args=args, kwargs=kwargs)
