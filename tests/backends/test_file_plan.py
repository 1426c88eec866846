"""One plan for all adapters: an op stands in the same file on every engine, and the files are those of the plan."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from pathlib import Path

import pytest

import kfront
import kfront.ops
from kfront.core.op import OPS

ROOT = Path(kfront.__file__).parent / "backends"
ENGINES = ("numpy", "torch", "jax", "tensorflow")
PLAN = Path(__file__).parents[2] / "docs" / "architecture.md"


def planned() -> dict[str, set[str]]:
    """Of each file in the table of docs/architecture.md: the engines that may have it."""
    text = PLAN.read_text(encoding="utf-8").partition("## The adapters' files")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)\.py` \| ([^|]+) \|", text, re.MULTILINE)
    return {name: set(ENGINES) if where.strip() == "all" else set(where.strip().split(", ")) for name, where in rows}


def ops_in(path: Path) -> list[str]:
    """The ops that a module defines, and those that it registers as tuned kernels."""
    found: list[str] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return [n for n in found if n in OPS]


def files(engine: str) -> list[Path]:
    """The files that hold ops."""
    module = importlib.import_module(f"kfront.backends.{engine}")
    backend = next(c for c in vars(module).values() if getattr(c, "name", "") == engine)
    own = [Path(m.__file__) for m in backend.modules]
    return own + [p for p in (ROOT / engine / "tuned").glob("*.py") if p.stem not in ("__init__", "table")]


def test_an_op_stands_in_the_same_file_everywhere() -> None:
    places: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for engine in ENGINES:
        pytest.importorskip(engine)
        for path in files(engine):
            for op in ops_in(path):
                places[op][path.stem].add(engine)
    assert len(places) > 200
    assert {op: dict(at) for op, at in places.items() if len(at) > 1} == {}
    assert {at for op in places for at in places[op]} <= planned().keys()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_files_are_those_of_the_plan(engine: str) -> None:
    have = {p.stem for p in (ROOT / engine).rglob("*.py")} - {"__init__", "table"}
    plan = {name for name, where in planned().items() if engine in where}
    assert have - plan == set(), "files that the plan does not have"
    whole = {name for name, where in planned().items() if where != set(ENGINES) and engine in where}
    assert whole - have == set(), "files that the plan has for this engine"
