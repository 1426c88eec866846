"""Models that nobody wrote: drawn programs on every engine, in every way to run them, and in the installed Keras.

Each case is one program on one engine. Its outputs must be those of NumPy in float64 as far as NumPy's own float32 is:
eagerly, by `predict`, compiled, exported, saved and loaded, cloned, converted, and on a mesh. Three steps of training
must give what torch's give. Keras on the same engine must give the same, and files go both ways. A difference is shrunk
to a program of a few lines.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

from kfront.backends import get

from ..suite import Case, in_turn
from .against_keras import has_keras
from .checks import CHECKS, KERAS, TRAINING, difference
from .explained import ROWS, Explained, explains
from .program import Program
from .running import EAGER, drawn, trainer
from .shrink import shrunk
from .ways import SELDOM, WAYS, training, written

__all__ = ["cases"]

DRAWN = "300"  # models in an ordinary run; the long one is `python -m conformance --areas models --models 20000`
SHARE_OF_TRAINING = 4  # when `quick`, one program in so many is trained


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each program and engine, and one for each difference that is explained."""
    if has_keras():
        for row in ROWS:
            for backend in backends:
                if backend in (row.engines[:1] if quick else row.engines):
                    yield Case("models", f"explained: {row.name}", backend, _still(row, backend))
    first, _, last = os.environ.get("KFRONT_MODELS", DRAWN).rpartition(":")
    for seed in range(int(first or 0), int(last)):
        for backend in backends:
            yield Case("models", f"{seed}", backend, _check(seed, backend, quick))


def _check(seed: int, engine: str, quick: bool) -> Callable[[], None]:
    def check() -> None:
        program, want = drawn(seed)
        for way in ways(seed, engine, quick):
            kind, text = difference(program, engine, way, want)
            if kind:
                small = shrunk(program, lambda p, w=way, k=kind: difference(p, engine, w)[0] == k)
                if not any(explains(small, engine, way)):
                    raise AssertionError(report(small, engine, way, text))

    return check


def _still(row: Explained, engine: str) -> Callable[[], None]:
    def check() -> None:
        assert row.holds(engine), f"nothing differs: take the row {row.name!r} out of explained.py"

    return check


def ways(seed: int, engine: str, quick: bool) -> list[str]:
    """How a program is run on an engine: some ways in turn when `quick`."""
    out = ["eager"] if in_turn(quick, SELDOM.get(engine, 1), "eager", engine, str(seed)) else []
    out += [n for n, w in WAYS.items() if engine in w.engines and in_turn(quick, w.share, n, engine, str(seed))]
    if get(engine).trainable and trainer():
        out += [n for n in TRAINING if in_turn(quick, SHARE_OF_TRAINING, n, engine, str(seed))]
        if has_keras() and (not quick or engine == _in_turn(seed)):
            out += KERAS
    assert set(out) <= set(CHECKS)
    return out


def _in_turn(seed: int) -> str:
    """The engine on which Keras runs a program when `quick`."""
    return ("torch", "torch", "jax", "tensorflow")[seed % 4]


def report(program: Program, engine: str, way: str, text: str) -> str:
    """What differs, and the program that shows it."""
    lines = WAYS[way].lines if way in WAYS else training(way == "training eagerly") if "training" in way else (EAGER,)
    shown = written(lines, tempfile.gettempdir())
    return f"{way}: {text}\n# KERAS_BACKEND={engine}, {way}\n{program.text('kfront', *shown, 'print(got)')}"
