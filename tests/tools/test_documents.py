"""Documents name files that exist: a decision goes when its piece does."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NAMED = re.compile(r"`([\w./*-]+\.(?:py|md|toml))`|\]\(([\w./-]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
MADE = re.compile(r"(\.\./)*(reference|results|gallery)/")  # pages that tools/site writes


@pytest.fixture(scope="module")
def files():
    tops = ("src", "tests", "conformance", "tools", "docs", "examples", "plugins")
    found = [p for top in tops for p in (ROOT / top).rglob("*.*")]
    return [f"/{p.relative_to(ROOT).as_posix()}" for p in [*found, *ROOT.iterdir()]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_document_names_are_there(document, files):
    prose = CODE.sub("", document.read_text(encoding="utf-8"))
    names = {a or b for a, b in NAMED.findall(prose)}
    names = {n.replace("../", "") for n in names if not MADE.match(n)}
    missing = [n for n in sorted(names) if not fnmatch.filter(files, f"*/{n}")]
    assert missing == []
