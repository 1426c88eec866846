"""The wheel: it claims one top-level name, and the conformance suite in it runs without the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*words: str, **settings: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300, **settings)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The folder in which the files of the wheel lie as when installed."""
    pytest.importorskip("hatchling", reason="the build backend")
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("kfront-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_the_suite_imports_itself_by_relative_names():
    """In a checkout it is the package `conformance`, where it is installed `kfront.conformance`."""
    own = re.compile(r"^\s*(from|import) conformance\b", flags=re.M)
    assert [str(p) for p in sorted((ROOT / "conformance").rglob("*.py")) if own.search(p.read_text())] == []


def test_it_has_one_top_level_name(unpacked):
    names = {p.name for p in unpacked.iterdir() if not p.name.endswith(".dist-info")}
    assert names == {"kfront"}
    assert (unpacked / "kfront" / "py.typed").exists() and (unpacked / "kfront" / "__init__.pyi").exists()


def test_every_file_of_the_suite_is_in_it(unpacked):
    here, there = (
        {str(p.relative_to(top)) for p in top.rglob("*") if p.is_file() and p.suffix != ".pyc"}
        for top in (ROOT / "conformance", unpacked / "kfront" / "conformance")
    )
    assert here == there


def test_errors_link_to_pages_in_it(unpacked, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "KFRONT_DOCS"} | {"PYTHONPATH": str(unpacked)}
    show = "import kfront; [print(getattr(kfront.errors, name)('x').__notes__[0]) for name in dir(kfront.errors)]"
    links = [line.rpartition(" ")[2] for line in run("-c", show, cwd=tmp_path, env=environment).splitlines()]
    pages = {p.as_uri() for p in (unpacked / "kfront" / "docs" / "errors").glob("*Error.md")}
    assert set(links) == pages and len(links) == len(pages) > 10


@pytest.mark.parametrize("jobs", ["1", "2"])  # 2: the suite starts processes of itself
def test_the_suite_runs_from_it(unpacked, tmp_path, jobs):
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    words = ["--backend", "numpy", "--areas", "values,layers,coverage", "--rows", "tanh,dense", "--jobs", jobs]
    out = run("-m", "kfront.conformance", *words, cwd=tmp_path, env=environment)
    assert " 0 failed" in out and "layers" in out
    where = "import kfront, kfront.conformance.suite as s; print(kfront.__file__, s.__file__)"
    assert run("-c", where, cwd=tmp_path, env=environment).count(str(unpacked)) == 2
