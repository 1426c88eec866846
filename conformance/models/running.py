"""What a program gives: on NumPy in float64, which the others are compared with, and on an engine in every way."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import kfront
from kfront.backends import installed

from ..layers.running import world
from ..suite import close
from .draw import draw
from .noise import JUMP, moved
from .program import Program, flat
from .ways import written

__all__ = ["Reference", "compare", "drawn", "on_host", "outcome", "reference", "trained_reference"]

ROUNDING = 1e-3  # outputs that NumPy itself gives no better, in float32, are not compared
SAME = 1e-5  # what sums in another order may differ by, of the largest output, beside what NumPy's float32 differs by
ROUNDINGS = 0.1  # of the change that moved data make: as much as float32 may move them on the way
TIMES = 30  # how many times as far as NumPy's float32 another engine's may be
HALF_ROUNDING, HALF_SAME, HALF_TIMES = 0.05, 0.01, 8  # the same for policies that compute in half precision
QUANTIZED = 0.02  # for quantized inputs, of which one may be rounded up here and down there

Arrays = list[np.ndarray]


class Reference(NamedTuple):
    """Outputs, and how far others may be from each.

    Attributes:
        outputs: as float64, integers or bools.
        slack: absolute tolerances.
    """

    outputs: list[np.ndarray]
    slack: list[float]


@contextlib.contextmanager
def _wide(backend: str) -> Iterator[None]:
    """A backend on which all is float64."""
    old = kfront.config.floatx()
    with world(backend, "float64"):
        kfront.config.set_floatx("float64")
        try:
            yield
        finally:
            kfront.config.set_floatx(old)


def on_host(values: Any) -> list[np.ndarray]:
    """Outputs as NumPy arrays."""
    return [
        np.asarray(v) if isinstance(v, (np.ndarray, float)) else kfront.ops.convert_to_numpy(v) for v in flat(values)
    ]


def _in_float64(program: Program, backend: str, *more: str, noisy: bool = False) -> list[np.ndarray]:
    text = dataclasses.replace(program, policy="float32").text("kfront").replace("'float32'", "'float64'")
    space: dict[str, Any] = {}
    with _wide(backend):
        kfront.utils.clear_session(free_memory=False)
        exec(text, space)
        if noisy:
            g = np.random.default_rng(1)
            space["data"] = kfront.tree.map_structure(lambda x: moved(x, g), space["data"])
        exec("\n".join(more).replace('"float32"', '"float64"'), space)
        return on_host(space["got"])


def _judged(program: Program, exact: Arrays, moved: Arrays, rounded: Arrays) -> Reference | None:
    """What to compare with; None if rounding, or moved data, change it much."""
    slack, half = [], program.policy != "float32" or "float16" in program.text()  # "bfloat16" is found, too
    same, times, rounding = (HALF_SAME, HALF_TIMES, HALF_ROUNDING) if half else (SAME, TIMES, ROUNDING)
    same = QUANTIZED if program.quantized else same
    for want, near, own in zip(exact, moved, rounded, strict=True):
        if not (want.shape == near.shape == own.shape and all(np.isfinite(x).all() for x in (want, near, own))):
            return None
        if want.dtype.kind not in "fc":
            if not (np.array_equal(want, near) and np.array_equal(want, own)):
                return None
            slack.append(0.0)
            continue
        largest = float(np.abs(want).max(initial=0.0))
        spread = float(np.abs(want - own.astype(want.dtype)).max(initial=0.0))
        jump = float(np.abs(want - near).max(initial=0.0))
        if largest > 1e4 or spread > max(rounding, same) * largest or jump > JUMP * largest:
            return None
        slack.append(same * largest + times * spread + ROUNDINGS * jump + 1e-7)
    return Reference(exact, slack)


EAGER = "got = model(data, training=False)"


def reference(program: Program) -> Reference | None:
    """The outputs of NumPy; None if they say little."""
    with world("numpy"):
        rounded = _run(program, EAGER)
    exact, near = (_in_float64(program, "numpy", EAGER, noisy=n) for n in (False, True))
    return _judged(program, exact, near, rounded)


def trainer() -> str | None:
    """The engine whose training others are compared with: torch, or the next one that is installed."""
    return next((name for name in ("torch", "jax", "tensorflow") if name in installed()), None)


def trained_reference(program: Program, lines: tuple[str, ...]) -> Reference | None:
    """What training gives on `trainer()`; None if it says little. The last program's is kept: each engine asks."""
    key = program.text("kfront", *lines)
    if key not in _trained:
        _trained.clear()
        _trained[key] = _trained_reference(program, lines)
    return _trained[key]


_trained: dict[str, Reference | None] = {}


def _trained_reference(program: Program, lines: tuple[str, ...]) -> Reference | None:
    engine = trainer()
    assert engine is not None
    try:
        with world(engine):
            rounded = _run(program, *lines)
        exact, near = (_in_float64(program, engine, *lines, noisy=n) for n in (False, True))
    except kfront.errors.ArgumentError as error:
        if "non-finite" not in str(error):
            raise
        return None  # the training diverges
    return _judged(program, exact, near, rounded)


@functools.lru_cache(4)
def drawn(seed: int) -> tuple[Program, Reference]:
    """The first program of a seed that can be compared, and what it gives."""
    for turn in itertools.count():
        program = draw(seed, turn)
        try:
            found = reference(program)
        except IndexError:  # the data are not those that it was drawn with: places beyond the end of an axis
            continue
        if found is not None:
            return program, found
    raise AssertionError


def _run(program: Program, *more: str) -> list[np.ndarray]:
    kfront.utils.clear_session(free_memory=False)
    return on_host(program.run("kfront", *more)["got"])


def outcome(program: Program, engine: str, lines: tuple[str, ...], other: str = "numpy") -> list[np.ndarray]:
    """What a program gives on an engine, run in a way."""
    with world(engine), tempfile.TemporaryDirectory() as folder:
        return _run(program, *written(lines, folder, other))


def compare(got: list[np.ndarray], want: Reference, what: str) -> None:
    """Assert that outputs are those of the reference."""
    assert len(got) == len(want.outputs), f"{what}: {len(got)} outputs, expected {len(want.outputs)}"
    for i, (g, w, slack) in enumerate(zip(got, want.outputs, want.slack, strict=True)):
        kinds = [x.dtype.kind.replace("V", "f") for x in (g, w)]  # "V" is bfloat16
        assert kinds[0] == kinds[1], f"{what}: output {i} is {g.dtype}, expected a kind of {w.dtype}"
        close(g, w, 0.0, slack, f"{what}: output {i}")
