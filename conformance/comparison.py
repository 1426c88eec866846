"""One page about what holds: each area on each backend, beside an earlier run where there is one."""

from __future__ import annotations

import html
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .suite import Result

__all__ = ["Change", "changes", "load", "page", "summary"]

HOLDS = ("pass",)
Key = tuple[str, str, str]


class Change(NamedTuple):
    """What is different in a run.

    Attributes:
        lost: cases that held before and do not now.
        won: cases that hold now and did not before.
        new: cases that were not run before.
        gone: cases that are not run any more.
    """

    lost: list[Result]
    won: list[Result]
    new: list[Result]
    gone: list[Result]


def load(folder: pathlib.Path) -> list[Result]:
    """The results that a run has written with `--out`.

    Raises:
        FileNotFoundError: the folder has none.
    """
    return [Result(**r) for r in json.loads((folder / "results.json").read_text(encoding="utf-8"))["results"]]


def _by_key(results: Iterable[Result]) -> dict[Key, Result]:
    return {(r.area, r.name, r.backend): r for r in results}


def changes(before: Sequence[Result], now: Sequence[Result]) -> Change:
    """The differences between two runs."""
    old, new = _by_key(before), _by_key(now)
    both = [(old[k], r) for k, r in new.items() if k in old]
    return Change(
        [r for o, r in both if o.status in HOLDS and r.status not in HOLDS],
        [r for o, r in both if o.status not in HOLDS and r.status in HOLDS],
        [r for k, r in new.items() if k not in old],
        [r for k, r in old.items() if k not in new],
    )


def summary(found: Change) -> str:
    """The differences in one line."""
    words = zip(("no longer hold", "hold now", "are new", "are gone"), found, strict=True)
    return "against the earlier run: " + ", ".join(f"{len(cases)} {what}" for what, cases in words)


_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#1f2328}
table{border-collapse:collapse}td,th{padding:.25rem .9rem;border-bottom:1px solid #d8dee4;text-align:right}
td:first-child,th:first-child{text-align:left}.bad{color:#cf222e}.good{color:#1a7f37}small{color:#656d76}
li{margin:.2rem 0}code{font-size:13px}"""


def page(now: Sequence[Result], before: Sequence[Result] | None, versions: dict[str, str]) -> str:
    """`report.html`: per area and backend how many cases hold, and the cases that changed."""
    backends = list(dict.fromkeys(r.backend for r in now))
    areas = list(dict.fromkeys(r.area for r in now))
    head = "".join(f"<th>{html.escape(b)}</th>" for b in backends)
    lines = [f"<tr><td>{html.escape(a)}</td>{''.join(_cell(now, before, a, b) for b in backends)}</tr>" for a in areas]
    engines = " · ".join(f"{html.escape(n)} {html.escape(v)}" for n, v in versions.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>What holds</title><style>{_STYLE}</style>'
        f"<h1>What holds</h1><p><small>{engines}</small></p>"
        f"<table><tr><th>area</th>{head}</tr>{''.join(lines)}</table>{_changed(now, before)}</html>"
    )


def _counts(results: Sequence[Result], area: str, backend: str) -> tuple[int, int]:
    """(how many hold, how many there are)."""
    found = [r for r in results if (r.area, r.backend) == (area, backend)]
    return sum(r.status in HOLDS for r in found), len(found)


def _cell(now: Sequence[Result], before: Sequence[Result] | None, area: str, backend: str) -> str:
    hold, total = _counts(now, area, backend)
    if not total:
        return "<td>–</td>"
    text = f'<td><span class="{"good" if hold == total else "bad"}">{hold:,} of {total:,}</span>'
    if before is not None:
        past, all_then = _counts(before, area, backend)
        text += f"<br><small>before: {past:,} of {all_then:,}</small>"
    return text + "</td>"


def _changed(now: Sequence[Result], before: Sequence[Result] | None) -> str:
    if before is None:
        wrong = [r for r in now if r.status not in HOLDS]
        return _list("Does not hold", wrong)
    found = changes(before, now)
    titles = ("No longer holds", "Holds now", "New cases that do not hold", "Gone")
    shown = (found.lost, found.won, [r for r in found.new if r.status not in HOLDS], found.gone)
    return "".join(map(_list, titles, shown))


def _list(title: str, results: Sequence[Result]) -> str:
    if not results:
        return ""
    items = [
        f"<li>{html.escape(r.backend)}: <code>{html.escape(f'{r.area}/{r.name}')}</code> {r.status}"
        f"<br><small>{html.escape(r.message[:400])}</small></li>"
        for r in results
    ]
    return f"<h2>{title} ({len(results):,})</h2><ul>{''.join(items)}</ul>"
