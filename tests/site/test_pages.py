"""The pages of the site, without building it: each is in a table of contents, and links between them lead somewhere."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
MADE = ("reference", "results", "gallery")  # folders that tools/site and sphinx-gallery write
GENERATED = re.compile(rf"(\.\./)*({'|'.join(MADE)})/")
PAGES = sorted(DOCS.rglob("*.md"))
TREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)
FENCE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return page.relative_to(DOCS).with_suffix("").as_posix()


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as links have them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


def test_each_page_is_in_a_table_of_contents():
    listed = set()
    for page in PAGES:
        for tree in TREE.findall(page.read_text(encoding="utf-8")):
            entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / e).relative_to(DOCS).as_posix() for e in entries}
    made = {entry for entry in listed if entry.split("/")[0] in MADE}
    assert listed - made == {name(p) for p in PAGES} - {"index"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if link.startswith(("http:", "https:")) or GENERATED.match(path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_each_error_has_a_page_and_a_link_to_it(monkeypatch):
    from kfront import errors

    monkeypatch.delenv("KFRONT_DOCS", raising=False)
    for error in (getattr(errors, n) for n in dir(errors)):
        assert (DOCS / f"{error.help}.md").exists(), error
        assert error("x").help == f"errors/{error.__name__}"
        (note,) = error("x").__notes__  # tracebacks show it
        with urllib.request.urlopen(note.rpartition(" ")[2]) as page:
            assert page.read().startswith(f"# {error.__name__}\n".encode())
    own = type("Own", (errors.ShapeError,), {"__module__": "elsewhere"})
    assert own.help == "errors/ShapeError"
    monkeypatch.setenv("KFRONT_DOCS", "https://docs.example.org/kfront/")
    (note,) = own("x").__notes__
    assert note.endswith(" https://docs.example.org/kfront/errors/ShapeError.html")  # as the site has it
