"""What must hold for a program on an engine, one check for each way to run it."""

from __future__ import annotations

import dataclasses
import fnmatch
import tempfile
from collections.abc import Callable

import numpy as np

from kfront.backends import installed

from ..ops.against_keras import listed
from . import running
from .against_keras import has_keras, in_keras
from .program import Program
from .running import Reference, compare, outcome, reference, trained_reference
from .ways import SELDOM, WAYS, training

__all__ = ["CHECKS", "KERAS", "TRAINING", "difference"]

EAGER = (running.EAGER,)


class NotCompared(Exception):
    """The program says nothing about this: Keras refuses it, or is known to differ."""


def _trained(program: Program, engine: str, want: Reference, eagerly: bool = False) -> None:
    after = _after_training(program, want)
    compare(outcome(program, engine, training(eagerly)), after, "training")


def _after_training(program: Program, want: Reference) -> Reference:
    """What training gives on torch.

    Raises:
        NotCompared: where there is nothing to train, rounding changes it much, or Keras refuses it too.
    """
    if any(w.dtype.kind != "f" for w in want.outputs) or not program.layers or program.quantized:
        raise NotCompared
    try:
        found = trained_reference(program, training())
    except Exception:
        if has_keras() and isinstance(in_keras(program, "torch", training()), str):
            raise NotCompared from None
        raise
    if found is None or len(found.outputs) == 1:
        raise NotCompared
    return found


def _answer(program: Program, engine: str, lines: tuple[str, ...]) -> list[np.ndarray]:
    samples = [n.sample for n in program.nodes if n.sample]
    for line in listed():
        if engine in line.engines and any(fnmatch.fnmatchcase(s, line.pattern) for s in samples):
            raise NotCompared
    found = in_keras(program, engine, lines)
    if isinstance(found, str):
        raise NotCompared(found)
    return found


def _keras(program: Program, engine: str, want: Reference) -> None:
    lines = WAYS["predict"].lines if engine in SELDOM else EAGER
    compare(_answer(program, engine, lines), want, "Keras")


def _keras_trained(program: Program, engine: str, want: Reference) -> None:
    if program.noisy:
        raise NotCompared
    compare(_answer(program, engine, training()), _after_training(program, want), "training in Keras")


def _to_keras(program: Program, engine: str, want: Reference) -> None:
    """Keras reads what kfront wrote, where it reads what it wrote itself."""
    with tempfile.TemporaryDirectory() as folder:
        own, ours = f"{folder}/keras.keras", f"{folder}/kfront.keras"
        _answer(program, engine, (f'model.save("{own}"); got = k.saving.load_model("{own}")(data, training=False)',))
        outcome(program, engine, (f'model.save("{ours}"); got = []',))
        found = in_keras(program, engine, (f'got = k.saving.load_model("{ours}")(data, training=False)',))
        assert not isinstance(found, str), f"Keras cannot read the file: {found}"
        compare(found, want, "Keras with the file")


def _from_keras(program: Program, engine: str, want: Reference) -> None:
    """kfront reads what Keras wrote and reads itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/keras.keras"
        _answer(program, engine, (f'model.save("{path}"); got = k.saving.load_model("{path}")(data, training=False)',))
        compare(
            outcome(program, engine, (f'got = k.saving.load_model("{path}")(data, training=False)',)),
            want,
            "Keras's file",
        )


def _way(name: str) -> Callable[[Program, str, Reference], None]:
    def check(program: Program, engine: str, want: Reference) -> None:
        engines = [*installed(), engine]
        other = engines[(engines.index(engine) + 1) % len(engines)]
        try:
            found = outcome(program, engine, WAYS[name].lines, other)
        except Exception:
            if WAYS[name].exported and not _takes_any_batch(program):
                raise NotCompared from None
            raise
        compare(found, want, name)

    return check


def _takes_any_batch(program: Program) -> bool:
    """Whether the batch is free; it is not where it meets the size of another axis, or is that of one."""
    twice = "data = k.tree.map_structure(lambda x: np.concatenate([x, x]), data)"
    every = dataclasses.replace(program, outputs=tuple(n.name for n in program.nodes))
    try:
        once, both = (outcome(every, "numpy", (*more, *EAGER)) for more in ((), (twice,)))
    except Exception:
        return False
    return all(a.shape[1:] == b.shape[1:] for a, b in zip(once, both, strict=True))


TRAINING: dict[str, Callable[[Program, str, Reference], None]] = {
    "training": _trained,
    "training eagerly": lambda p, e, w: _trained(p, e, w, True),
}
KERAS: dict[str, Callable[[Program, str, Reference], None]] = {
    "Keras": _keras,
    "training in Keras": _keras_trained,
    "file to Keras": _to_keras,
    "file from Keras": _from_keras,
}
CHECKS: dict[str, Callable[[Program, str, Reference], None]] = {
    "eager": lambda p, e, w: compare(outcome(p, e, EAGER), w, "eager"),
    **{name: _way(name) for name in WAYS},
    **TRAINING,
    **KERAS,
}


def difference(program: Program, engine: str, way: str, want: Reference | None = None) -> tuple[str, str]:
    """What differs: the kind, "values" or the class of an error, and a text; both empty if nothing does."""
    try:
        want = reference(program) if want is None else want
    except Exception as error:
        return (type(error).__name__, str(error)) if way == "eager" else ("", "")
    if want is None:
        return "", ""
    try:
        CHECKS[way](program, engine, want)
    except NotCompared:
        return "", ""
    except AssertionError as error:
        return "values", str(error)
    except Exception as error:
        return type(error).__name__, f"{type(error).__name__}: {error}"
    return "", ""
