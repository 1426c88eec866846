"""Results as one HTML page with plots, and beside those of an earlier run."""

from __future__ import annotations

import html
import json
import pathlib
from collections.abc import Iterable, Iterator

from benchmarks.timing import Row

__all__ = ["Change", "changes", "page", "read", "write"]

_WIDTH, _HEIGHT, _NAMES = 640, 22, 280  # pixels: of the plot, of a row, of the names
_NOISE = 0.05  # a change of fewer percent is not told where no spread was measured
_STYLE = """
:root { color-scheme: light dark; --bar: #3b73b9; --over: #c2412d; --keras: #9a9a9a; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: 2px 10px; text-align: right; }
td:first-child, th:first-child { text-align: left; }
figure { margin: 0 0 2rem; overflow-x: auto; } text { fill: currentColor; font-size: 13px; }
.slower { color: var(--over); }
"""


class Change:
    """A measure beside that of an earlier run.

    Attributes:
        engine, name, unit: the row.
        before, after: its two measures.
        slower, faster: whether it changed by more than its spread.
    """

    def __init__(self, engine: str, before: Row, after: Row) -> None:
        assert before.kfront is not None and after.kfront is not None
        self.engine, self.name, self.unit = engine, after.name, after.unit
        self.before, self.after = before.kfront, after.kfront
        (low, high), (old_low, old_high) = _band(after), _band(before)
        self.slower, self.faster = low > old_high, high < old_low

    def __str__(self) -> str:
        word = "slower" if self.slower else "faster"
        return f"{self.engine}: {self.name}: {word}, {self.before:.2f} -> {self.after:.2f} {self.unit}"


def _band(row: Row) -> tuple[float, float]:
    """Where the measure lies when it is taken again."""
    value = row.kfront or 0.0
    low, high = row.spread or (value, value)
    return min(low, value * (1 - _NOISE)), max(high, value * (1 + _NOISE))


def changes(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> list[Change]:
    """The rows that both runs have, by engine."""
    out = []
    for engine, rows in after.items():
        old = {r.name: r for r in before.get(engine, ()) if r.kfront is not None}
        out += [Change(engine, old[r.name], r) for r in rows if r.kfront is not None and r.name in old]
    return out


def read(path: pathlib.Path) -> dict[str, list[Row]]:
    """Rows by engine: of a folder that `--out` has written, or of one of its files.

    Raises:
        FileNotFoundError: there are no results.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files or not all(f.is_file() for f in files):
        raise FileNotFoundError(
            f"[benchmarks] expected JSON results, got the path {path}; run with `--out {path}` first"
        )
    return {f.stem: [_row(one) for one in json.loads(f.read_text(encoding="utf-8"))] for f in files}


def _row(values: dict[str, object]) -> Row:
    spread = values.get("spread")
    return Row(**{**values, "spread": tuple(spread) if isinstance(spread, list) else None})  # type: ignore[arg-type]


def write(folder: pathlib.Path, found: list[Change]) -> pathlib.Path:
    """Write index.html of a folder's results into it, and return its path."""
    target = folder / "index.html"
    target.write_text(page(read(folder), found), encoding="utf-8")
    return target


def page(results: dict[str, list[Row]], found: Iterable[Change] = ()) -> str:
    """The page: for each engine a plot and a table for each unit, after what became slower and faster."""
    parts = [
        "<h1>Benchmarks</h1>",
        "<p>Bars: kfront, with the quartiles of its rounds. Grey: Keras. Red: over the bound.</p>",
    ]
    told = [c for c in found if c.slower or c.faster]
    if told:
        lines = "".join(f"<li class='{'slower' if c.slower else 'faster'}'>{html.escape(str(c))}</li>" for c in told)
        parts.append(f"<h2>Beside the earlier run</h2><ul>{lines}</ul>")
    for engine, rows in results.items():
        parts.append(f"<h2>{html.escape(engine)}</h2>")
        for unit in dict.fromkeys(r.unit for r in rows):
            chosen = [r for r in rows if r.unit == unit and r.kfront is not None]
            if chosen:
                parts += [f"<h3>{html.escape(_title(unit))}</h3>", _plot(chosen, unit), _table(chosen)]
    view = "<meta charset=utf-8><meta name=viewport content='width=device-width'><title>Benchmarks</title>"
    return (
        f"<!doctype html><html lang=en><head>{view}<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _title(unit: str) -> str:
    known = {"x": "Time, as a ratio to native code", "us": "Microseconds over the native call"}
    return known.get(unit, f"In {unit}")


def _plot(rows: list[Row], unit: str) -> str:
    """Horizontal bars; a dashed line at 1 where bars are ratios."""
    most = max(max(r.kfront or 0, r.keras or 0, *(r.spread or (0,))) for r in rows) or 1.0
    scale = (_WIDTH - _NAMES - 60) / most
    marks = "".join(m for i, r in enumerate(rows) for m in _bar(r, i * _HEIGHT, scale))
    height = len(rows) * _HEIGHT
    if unit.startswith("x") and most > 1:
        at = _NAMES + scale
        marks += f"<line x1={at:.1f} x2={at:.1f} y1=0 y2={height} stroke=currentColor stroke-dasharray=4 />"
    label = html.escape(_title(unit))
    return f"<figure><svg role=img aria-label='{label}' width={_WIDTH} height={height}>{marks}</svg></figure>"


def _bar(row: Row, top: int, scale: float) -> Iterator[str]:
    value = row.kfront or 0.0
    over = row.limit is not None and value > row.limit
    yield f"<text x={_NAMES - 8} y={top + 15} text-anchor=end>{html.escape(row.name[:44])}</text>"
    if row.keras is not None:
        yield f"<rect x={_NAMES} y={top + 13} width={max(0, row.keras * scale):.1f} height=5 fill='var(--keras)' />"
    colour = "var(--over)" if over else "var(--bar)"
    yield f"<rect x={_NAMES} y={top + 4} width={max(0.0, value * scale):.1f} height=9 fill='{colour}' />"
    if row.spread is not None:
        low, high = (_NAMES + max(0.0, v * scale) for v in row.spread)
        yield f"<line x1={low:.1f} x2={high:.1f} y1={top + 8.5} y2={top + 8.5} stroke=currentColor />"
    yield f"<text x={_NAMES + max(0.0, value, row.keras or 0.0) * scale + 6:.1f} y={top + 14}>{value:.2f}</text>"


def _table(rows: list[Row]) -> str:
    """The same in figures."""
    head = "".join(f"<th>{h}</th>" for h in ("case", "kfront", "quartiles", "Keras", "bound", "native, µs"))
    lines = []
    for r in rows:
        spread = f"{r.spread[0]:.2f}–{r.spread[1]:.2f}" if r.spread else ""
        cells = [r.name, f"{r.kfront:.2f}", spread, *("" if v is None else f"{v:.2f}" for v in (r.keras, r.limit))]
        lines.append("".join(f"<td>{html.escape(c)}</td>" for c in [*cells, f"{r.native:.1f}"]))
    return (
        f"<details><summary>Figures</summary><table><tr>{head}</tr><tr>{'</tr><tr>'.join(lines)}</tr></table></details>"
    )
