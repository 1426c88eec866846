"""Whole programs, from the first import to the end: the same file on Keras and on kfront, and a twin by hand."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.timing import Row, quartiles

__all__ = ["ENGINES", "PROGRAMS", "RECORDED", "programs"]

ENGINES = ("torch", "jax", "tensorflow")
PROGRAMS = ("image_cnn", "text_lstm", "translation", "gan", "vae", "dqn", "gcn", "fine_tuning")
RECORDED = Path(__file__).with_name("recorded.json")  # what docs/results/programs.md shows
_FOLDER, _LIMIT = Path(__file__).parent, 1.1
_ALIASED = "import kfront, runpy, sys; kfront.install_as_keras(); runpy.run_path(sys.argv[1], run_name='__main__')"


class _Run(NamedTuple):
    """One run of a program: its processor seconds, and its last line."""

    seconds: float
    told: dict[str, Any]


def _run(engine: str, name: str, by: str) -> _Run:
    command = {
        "native": [str(_FOLDER / f"native_{engine}.py"), name],
        "keras": [str(_FOLDER / f"{name}.py")],
        "kfront": ["-c", _ALIASED, str(_FOLDER / f"{name}.py")],
    }[by]
    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(_FOLDER)])
    env = {**os.environ, "KERAS_BACKEND": engine, "PYTHONPATH": path}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([sys.executable, *command], env=env, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Run(seconds, json.loads(out.splitlines()[-1]))


def programs(engine: str, names: Iterable[str] = PROGRAMS, rounds: int = 5, with_keras: bool = True) -> Iterator[Row]:
    """Processor time of each program as a ratio to that of its twin; all run in turn, each time in a new process."""
    order = ["native", "kfront", "keras"][: 3 if with_keras else 2]
    for name in names:
        found: dict[str, list[_Run]] = {by: [] for by in order}
        for i in range(rounds):
            for by in order[:: -1 if i % 2 else 1]:
                found[by].append(_run(engine, name, by))
        sizes = {by: runs[0].told["parameters"] for by, runs in found.items()}
        assert len(set(sizes.values())) == 1, f"{name} on {engine} has other parameters: {sizes}"
        base = [one.seconds for one in found["native"]]
        ratios = {by: [a.seconds / b for a, b in zip(found[by], base, strict=True)] for by in order[1:]}
        ours, theirs = (statistics.median(ratios[by]) if by in ratios else None for by in ("kfront", "keras"))
        yield Row(name, "x", ours, theirs, statistics.median(base) * 1e6, _LIMIT, quartiles(ratios["kfront"]))
