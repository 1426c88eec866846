"""A page about a search: plots as SVG in one HTML file, which needs nothing else."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kfront.tuning.library import library

if TYPE_CHECKING:
    import optuna

_WIDTH, _HEIGHT, _MARGIN = 720, 260, 48  # pixels
_STYLE = """
:root { color-scheme: light dark; --dot: #3b73b9; --best: #c2412d; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; overflow: visible; } text { fill: currentColor; font-size: 12px; }
.axis { stroke: currentColor; opacity: .4; } .line { fill: none; stroke: var(--dot); }
.best { fill: none; stroke: var(--best); stroke-width: 2; } circle, rect { fill: var(--dot); }
table { border-collapse: collapse; } td, th { padding: 2px 12px 2px 0; text-align: left; }
.wide { overflow-x: auto; }
"""


def _text(x: float, y: float, words: object, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(str(words))}</text>'


def _path(points: Sequence[tuple[float, float]], kind: str, style: str = "") -> str:
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{steps}"{style}/>'


def _svg(parts: Sequence[str], height: float = _HEIGHT) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img">{"".join(parts)}</svg>'


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = min(values), max(values)
    return lambda v: start + (end - start) * ((v - low) / (high - low) if high > low else 0.5)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def history(results: Sequence[tuple[int, float]], rising: bool) -> str:
    """Results by the number of the trial, and the best up to each."""
    best, bests = results[0][1], []
    for number, value in results:
        best = (max if rising else min)(best, value)
        bests.append((number, best))
    across = _scale([n for n, _ in results], _MARGIN, _WIDTH - _MARGIN)
    up = _scale([v for _, v in results], _HEIGHT - _MARGIN, _MARGIN / 2)
    base = _HEIGHT - _MARGIN + 12
    parts = [f'<line class="axis" x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{base}" y2="{base}"/>']
    parts += [f'<circle cx="{across(n):.1f}" cy="{up(v):.1f}" r="3"/>' for n, v in results]
    parts.append(_path([(across(n), up(v)) for n, v in bests], "best"))
    parts += [_text(across(n), base + 16, n) for n in (results[0][0], results[-1][0])]
    values = [v for _, v in results]
    parts += [_text(_MARGIN - 8, up(v) + 4, _short(v), "end") for v in dict.fromkeys((min(values), max(values)))]
    return _svg([*parts, _text(_WIDTH / 2, base + 32, "trial")])


def importances(shares: dict[str, float]) -> str:
    """How much of the differences between results each parameter explains."""
    parts = []
    for i, (name, share) in enumerate(shares.items()):
        y = 24 * i + 8
        parts += [_text(190, y + 13, name, "end"), _text(206 + 420 * share, y + 13, f"{share:.2f}", "start")]
        parts.append(f'<rect x="200" y="{y}" width="{420 * share:.1f}" height="16"/>')
    return _svg(parts, 24 * len(shares) + 16)


def parallel(trials: Sequence[optuna.trial.FrozenTrial], rising: bool) -> str:
    """A line for each trial through its parameters to its result; the best tenth in colour."""
    names = sorted({name for t in trials for name in t.params})
    places = _scale(range(len(names) + 1), _MARGIN, _WIDTH - _MARGIN)
    ups, parts = {}, []
    for i, name in enumerate([*names, "result"]):
        found = [t.params.get(name, t.value) for t in trials if name in t.params or name == "result"]
        up, ends = _axis(found, any(getattr(t.distributions.get(name), "log", False) for t in trials))
        ups[name] = up
        x = places(i)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="24" y2="{_HEIGHT - 40}"/>')
        parts += [_text(x, 14, ends[1]), _text(x, _HEIGHT - 26, ends[0]), _text(x, _HEIGHT - 8, name)]
    ordered = sorted(trials, key=lambda t: t.value or 0.0, reverse=not rising)
    for rank, trial in enumerate(ordered):  # the best are drawn last, over the others
        points = [(places(i), ups[n](trial.params[n])) for i, n in enumerate(names) if n in trial.params]
        points.append((places(len(names)), ups["result"](trial.value)))
        good = rank >= len(ordered) - max(1, len(ordered) // 10)
        parts.append(_path(points, "best" if good else "line", "" if good else ' opacity="0.35"'))
    return _svg(parts)


def _axis(found: Sequence[object], log: bool) -> tuple[Callable[[object], float], tuple[str, str]]:
    """Where a value stands on an axis, and what is written at its ends."""
    numbers = [float(v) for v in found if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) == len(found):
        bend = math.log if log else float
        up = _scale([bend(v) for v in numbers], _HEIGHT - 40, 24)
        return lambda v: up(bend(v)), (_short(min(numbers)), _short(max(numbers)))  # type: ignore[arg-type]
    choices = sorted({str(v) for v in found})
    up = _scale(range(len(choices)), _HEIGHT - 40, 24)
    return lambda v: up(choices.index(str(v))), (choices[0], choices[-1])


def write_report(study: optuna.Study, path: Path) -> Path:
    """Write the page.

    Args:
        study: a study of Optuna.
        path: where to.
    """
    importance = library().importance
    trials = [t for t in study.trials if t.value is not None and math.isfinite(t.value) and t.state.is_finished()]
    rising = study.direction.name == "MAXIMIZE"
    states = ", ".join(
        f"{sum(t.state.name == s for t in study.trials)} {s.lower()}" for s in ("COMPLETE", "PRUNED", "FAIL")
    )
    parts = [f"<h1>Search</h1><p>{len(study.trials)} trials: {states}.</p>"]
    if trials:
        best = (max if rising else min)(trials, key=lambda t: t.value or 0.0)
        rows = "".join(
            f"<tr><td>{html.escape(k)}</td><td>{html.escape(_short(v))}</td></tr>" for k, v in best.params.items()
        )
        parts.append(f"<h2>Best: {_short(best.value)}, trial {best.number}</h2><table>{rows}</table>")
        parts.append(f"<h2>History</h2>{history([(t.number, t.value or 0.0) for t in trials], rising)}")
        if len(trials) > 3:
            shares = importance.get_param_importances(study, evaluator=importance.PedAnovaImportanceEvaluator())
            parts.append(f"<h2>Importances</h2>{importances(shares)}")
        parts.append(f"<h2>Parameters and results</h2>{parallel(trials, rising)}")
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Search</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>"
    )
    path.write_text(text, encoding="utf-8")
    return path
