"""The results as a matrix on the terminal, as JSON, as one static HTML page, and as a badge."""

from __future__ import annotations

import json
import pathlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from . import comparison
from .suite import Result

__all__ = ["badge", "endpoint", "matrix", "page", "print_matrix", "print_slowest", "write"]

STATUSES = ("pass", "xfail", "xpass", "fail")
WRONG = ("fail", "xpass")


def matrix(results: list[Result]) -> dict[tuple[str, str], Counter[str]]:
    """Counts of each status by (area, backend)."""
    out: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for r in results:
        out[r.area, r.backend][r.status] += 1
    return out


def print_matrix(results: list[Result], again: Callable[[Result], str]) -> None:
    """Print areas by backends, then every failure, and how each is run again."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    counts = matrix(results)
    backends = list(dict.fromkeys(r.backend for r in results))
    table = Table(title="conformance: passed / cases (expected failures)")
    table.add_column("area")
    for b in backends:
        table.add_column(b, justify="right")
    for area in dict.fromkeys(r.area for r in results):
        table.add_row(area, *(_cell(counts.get((area, b))) for b in backends))
    console = Console(highlight=False, width=120)
    console.print(table)
    for r in results:
        if r.status in WRONG:
            console.print(f"[bold]{r.status}[/bold] {escape(f'{r.backend}: {r.area}/{r.name}: {r.message[:2500]}')}")
            console.print(escape(f"  to run it again: {again(r)}"), soft_wrap=True)


def _cell(count: Counter[str] | None) -> str:
    if not count:
        return "-"
    text = f"{count['pass']} / {count.total()}" + (f" ({count['xfail']})" if count["xfail"] else "")
    return f"[bold red]{text}[/bold red]" if any(count[s] for s in WRONG) else text


def print_slowest(results: list[Result], most: int = 15) -> None:
    """Print seconds by area and backend, and the rows that take most of them."""
    for title, key in (("area", lambda r: (r.area, r.backend)), ("row", lambda r: (r.row, r.area, r.backend))):
        seconds: Counter[tuple[str, ...]] = Counter()
        for r in results:
            seconds[key(r)] += r.seconds  # type: ignore[assignment]
        print(f"seconds by {title}:")
        for where, spent in seconds.most_common(most):
            print(f"  {spent:7.2f}  {' '.join(where)}")


def write(
    results: list[Result], folder: pathlib.Path, versions: dict[str, str], before: list[Result] | None = None
) -> None:
    """Write what was found into a folder, which is made.

    Args:
        results: of the run.
        folder: gets results.json, index.html with every case, report.html with what holds per area, badge.svg, and
            badge.json for https://shields.io/badges/endpoint-badge.
        versions: of the engines.
        before: results of an earlier run to compare with in report.html.
    """
    folder.mkdir(parents=True, exist_ok=True)
    body = {"versions": versions, "results": [r._asdict() for r in results]}
    (folder / "results.json").write_text(json.dumps(body))
    (folder / "index.html").write_text(page(results, versions), encoding="utf-8")
    (folder / "report.html").write_text(comparison.page(results, before, versions), encoding="utf-8")
    (folder / "badge.svg").write_text(badge(results), encoding="utf-8")
    (folder / "badge.json").write_text(json.dumps(endpoint(results)), encoding="utf-8")


# ---- the page ------------------------------------------------------------------------------------------------------


def page(results: list[Result], versions: dict[str, str]) -> str:
    """The page: `report.html` with the results in it, in as little text as possible.

    Strings stand once in lists; a case is (row, area, backend, status, milliseconds, label, message) by their places.
    """
    areas, backends = _Places(r.area for r in results), _Places(r.backend for r in results)
    rows = _Places(r.row for r in results)
    labels, messages = _Places(r.label for r in results), _Places(r.message for r in results)
    cases = [
        (
            rows[r.row], areas[r.area], backends[r.backend], STATUSES.index(r.status), round(r.seconds * 1000),
            labels[r.label], messages[r.message],
        )
        for r in results
    ]  # fmt: skip
    lists = {"rows": rows, "areas": areas, "backends": backends, "labels": labels, "messages": messages}
    data: dict[str, Any] = {k: list(v) for k, v in lists.items()}
    data |= {"statuses": STATUSES, "versions": versions, "cases": cases}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/").replace("<!--", "<\\!--")
    return (pathlib.Path(__file__).parent / "report.html").read_text(encoding="utf-8").replace("__DATA__", text)


class _Places(dict[str, int]):
    """Different strings and their places, in order of appearance."""

    def __init__(self, strings: Iterable[str]) -> None:
        super().__init__((s, i) for i, s in enumerate(dict.fromkeys(strings)))


_BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">
<title>conformance: {text}</title><clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="86" height="20" fill="#454c56"/>
<rect x="86" width="{right}" height="20" fill="{fill}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="43" y="14">conformance</text><text x="{middle}" y="14">{text}</text></g></svg>
"""


def _outcome(results: list[Result]) -> tuple[str, str]:
    """What a badge says, and its colour."""
    wrong = sum(r.status in WRONG for r in results)
    text = f"{wrong:,} failed" if wrong else f"{len(results):,} passed" if results else "no results"
    return text, "#c93c37" if wrong else "#2f8f46" if results else "#8b949e"


def endpoint(results: list[Result]) -> dict[str, Any]:
    """What shields.io draws a badge from: put badge.json where it can be read, and name its address."""
    text, fill = _outcome(results)
    return {"schemaVersion": 1, "label": "conformance", "message": text, "color": fill}


def badge(results: list[Result]) -> str:
    """An SVG that says how many cases passed, or how many failed."""
    text, fill = _outcome(results)
    right = 14 + 7 * len(text)
    return _BADGE.format(width=86 + right, right=right, middle=86 + right / 2, text=text, fill=fill)
