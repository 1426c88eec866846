"""Documents name files that exist: a decision goes when its piece does."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NAMED = re.compile(r"`([\w./*-]+\.(?:py|md|toml))`|\]\(([\w./-]+)\)")


@pytest.fixture(scope="module")
def files():
    found = [
        p for top in ("src", "tests", "conformance", "tools", "docs", "examples") for p in (ROOT / top).rglob("*.*")
    ]
    return [f"/{p.relative_to(ROOT).as_posix()}" for p in [*found, *ROOT.iterdir()]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_are_there(document, files):
    names = {a or b for a, b in NAMED.findall(document.read_text(encoding="utf-8"))}
    missing = [n for n in sorted(names) if not fnmatch.filter(files, f"*/{n.removeprefix('../')}")]
    assert missing == []
