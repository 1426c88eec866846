"""kfront-mlx is a distribution of its own: what its metadata say, and that kfront does not name it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugins" / "kfront-mlx"
SOURCE = PLUGIN / "src" / "kfront_mlx"
MOST_CODE, MOST_EXPECTED = 2500, 25


def test_its_metadata():
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    assert project["name"] == "kfront-mlx" and project["readme"] == "README.md"
    (point,) = project["entry-points"]["kfront.backends"].items()
    assert point == ("mlx", "kfront_mlx:make_backend")
    names = {n.name for n in ast.parse((SOURCE / "__init__.py").read_text()).body if isinstance(n, ast.FunctionDef)}
    assert "make_backend" in names
    assert {re.split(r"[<>=\[]", d)[0] for d in project["dependencies"]} == {"kfront", "mlx"}


def test_its_wheel_has_the_adapter_and_the_entry_point(tmp_path):
    pytest.importorskip("hatchling", reason="the build backend")
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(PLUGIN)]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = tmp_path.glob("kfront_mlx-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (points,) = (n for n in names if n.endswith("entry_points.txt"))
        assert "mlx = kfront_mlx:make_backend" in archive.read(points).decode()
    assert {n for n in names if n.startswith("kfront_mlx/")} == {f"kfront_mlx/{p.name}" for p in SOURCE.glob("*.py")}


def test_kfront_does_not_name_it():
    files = [p for top in ("src", "conformance") for p in (ROOT / top).rglob("*.py")]
    assert [str(p) for p in files if re.search(r"\bmlx\b", p.read_text(encoding="utf-8"), re.IGNORECASE)] == []


def test_its_size_and_its_expected_failures():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from counts import code_lines
    finally:
        sys.path.remove(str(ROOT / "tools"))
    assert 1000 < len(code_lines(SOURCE)) <= MOST_CODE
    lines = [t for t in (PLUGIN / "xfail.txt").read_text().splitlines() if t and not t.startswith("#")]
    assert len(lines) <= MOST_EXPECTED and all("  " in t for t in lines)


def test_its_files_are_those_of_the_plan():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    plan = set(re.findall(r"^\| `([a-z_]+)\.py` \|", text.partition("## The adapters' files")[2], re.MULTILINE))
    assert {p.stem for p in SOURCE.glob("*.py")} - {"__init__"} <= plan
