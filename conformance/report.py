"""The results as a matrix on the terminal, as JSON, and as one static HTML page."""

from __future__ import annotations

import html
import json
import pathlib
from collections import Counter, defaultdict
from typing import Any

from conformance.suite import Result

__all__ = ["matrix", "print_matrix", "write_html", "write_json"]


def matrix(results: list[Result]) -> dict[tuple[str, str], Counter[str]]:
    """Counts of each status by (area, backend)."""
    out: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for r in results:
        out[r.area, r.backend][r.status] += 1
    return out


def print_matrix(results: list[Result]) -> None:
    """Print areas by backends, then every failure."""
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
        if r.status in ("fail", "xpass"):
            console.print(f"[bold]{r.status}[/bold] {escape(f'{r.backend}: {r.area}/{r.name}: {r.message[:600]}')}")


def _cell(count: Counter[str] | None) -> str:
    if not count:
        return "-"
    total = sum(count.values())
    text = f"{count['pass']} / {total}" + (f" ({count['xfail']})" if count["xfail"] else "")
    return text if not count["fail"] and not count["xpass"] else f"[bold red]{text}[/bold red]"


def write_json(results: list[Result], path: pathlib.Path, versions: dict[str, str]) -> None:
    """Write every result and the engines' versions."""
    body = {"versions": versions, "results": [r._asdict() for r in results]}
    path.write_text(json.dumps(body, indent=1))


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>kfront conformance</title>
<style>body{{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:#1b1f24}}
table{{border-collapse:collapse;margin:1rem 0}}td,th{{border:1px solid #d0d7de;padding:.3rem .7rem;text-align:left}}
.pass{{background:#dafbe1}}.fail,.xpass{{background:#ffd8d3}}.xfail{{background:#fff3c4}}
details{{margin:.4rem 0}}code{{font-size:13px}}</style>
<h1>kfront conformance</h1><p>{summary}</p>
<table><tr><th>area</th>{heads}</tr>{rows}</table><h2>Cases</h2>{details}</html>"""


def write_html(results: list[Result], path: pathlib.Path, versions: dict[str, str]) -> None:
    """Write a page with the matrix and every case."""
    counts = matrix(results)
    backends = list(dict.fromkeys(r.backend for r in results))
    areas = list(dict.fromkeys(r.area for r in results))
    heads = "".join(f"<th>{html.escape(b)}</th>" for b in backends)
    rows = "".join(
        f"<tr><th>{html.escape(a)}</th>{''.join(_html_cell(counts.get((a, b))) for b in backends)}</tr>" for a in areas
    )
    details = "".join(_html_area(a, [r for r in results if r.area == a]) for a in areas)
    total = Counter(r.status for r in results)
    summary = (
        ", ".join(f"{n} {s}" for s, n in total.items()) + " — " + ", ".join(f"{k} {v}" for k, v in versions.items())
    )
    path.write_text(_PAGE.format(summary=html.escape(summary), heads=heads, rows=rows, details=details))


def _html_cell(count: Counter[str] | None) -> str:
    if not count:
        return "<td>–</td>"
    status = "fail" if count["fail"] or count["xpass"] else "xfail" if count["xfail"] else "pass"
    return f'<td class="{status}">{count["pass"]} / {sum(count.values())}</td>'


def _html_area(area: str, results: list[Result]) -> str:
    grouped: dict[str, dict[str, Any]] = defaultdict(dict)
    for r in results:
        grouped[r.name][r.backend] = r
    backends = list(dict.fromkeys(r.backend for r in results))
    rows = []
    for name, by in grouped.items():
        cells = "".join(
            f'<td class="{by[b].status}" title="{html.escape(by[b].message)}">{by[b].status}</td>'
            if b in by
            else "<td>–</td>"
            for b in backends
        )
        rows.append(f"<tr><td><code>{html.escape(name)}</code></td>{cells}</tr>")
    heads = "".join(f"<th>{html.escape(b)}</th>" for b in backends)
    table = f"<table><tr><th>case</th>{heads}</tr>{''.join(rows)}</table>"
    return f"<details><summary>{area} ({len(grouped)})</summary>{table}</details>"
