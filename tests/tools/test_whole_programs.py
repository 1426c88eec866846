"""Whole programs that are timed: each has a twin on each engine, and the page shows all that is recorded."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from benchmarks.programs import ENGINES, PROGRAMS, RECORDED
from tools.site import results

FOLDER = RECORDED.parent


def functions(path: Path) -> set[str]:
    return {n.name for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef)}


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    names += [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("engine", ENGINES)
def test_each_program_has_a_twin_without_a_frontend(engine):
    path = FOLDER / f"native_{engine}.py"
    assert functions(path) >= set(PROGRAMS) and imports(path).isdisjoint({"keras", "kfront"})


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_know_keras_alone(name):
    assert imports(FOLDER / f"{name}.py") - {"torch", "jax", "tensorflow", "numpy", "data"} == {"keras"}


def test_the_page_shows_all_that_is_recorded():
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert list(recorded) == list(ENGINES)
    text = results.programs()
    for name in PROGRAMS:
        (line,) = (line for line in text.splitlines() if line.startswith(f"| `{name}.py` |"))
        cells = [cell.strip() for cell in line.split("|")[2:-1]]
        rows = [next(r for r in recorded[engine] if r["name"] == name) for engine in ENGINES]
        assert cells == [
            f"{x:.{n}f}" for r in rows for x, n in ((r["native"] / 1e6, 1), (r["kfront"], 2), (r["keras"], 2))
        ]
