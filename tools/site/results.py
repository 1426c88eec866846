"""Write the pages of results, each from the JSON or TOML of a program.

Usage: python tools/site/results.py FOLDER
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # of the site's programs, also where tests import this one
from recorded import newest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "benchmarks" / "programs" / "recorded.json"
ACCURACY = ROOT / "conformance" / "accuracy" / "recorded.json"
EXPLAINED = ROOT / "conformance" / "keras"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def conformance() -> str:
    """Passed cases by area and engine."""
    text = (
        "# Conformance\n\nThe suite runs every op and layer on every engine against NumPy and against the other "
        "engines: values, dtypes, shapes, gradients, compiled runs, files, errors. `python -m kfront.conformance` "
        "runs it on your machine; third-party backends run it with `--backend NAME`.\n\n"
    )
    found = newest("conformance")
    engines = list(dict.fromkeys(e for cells in found["results"].values() for e in cells))
    rows = [[area, *(_cases(cells.get(e)) for e in engines)] for area, cells in found["results"].items()]
    text += "Passed of all cases; those left are expected failures with a reason each, but for those that failed.\n\n"
    return text + _how(found) + table(["area", *engines], rows) + "\n"


def _cases(counts: dict[str, int] | None) -> str:
    if counts is None:
        return ""
    wrong = counts.get("fail", 0) + counts.get("xpass", 0)
    return f"{counts['pass']:,} of {sum(counts.values()):,}" + (f", {wrong:,} failed" if wrong else "")


def benchmarks() -> str:
    """Measures by engine, beside code written by hand for the engine and beside Keras."""
    text = (
        "# Benchmarks\n\nEach row is timed beside the same computation written by hand for the engine, in turn, and "
        "beside Keras where it is installed. A ratio of 1.00 is the speed of the engine's own code; less is faster. "
        "`python3 -m nox -s benchmarks` measures on your machine.\n\n"
    )
    found = newest("benchmarks")
    text += "In brackets: the quartiles of the rounds.\n\n" + _how(found)
    for engine, measured in found["results"].items():
        rows = [[name, unit, _measure(own, spread), _measure(keras)] for name, unit, own, spread, keras in measured]
        text += f"## {engine}\n\n{table(['measure', 'unit', 'kfront', 'Keras'], rows)}\n\n"
    return text


def _measure(value: float | None, spread: Sequence[float] | None = None) -> str:
    between = " ({:.2f}–{:.2f})".format(*spread) if spread else ""
    return "" if value is None else f"{value:.2f}{between}"


def _how(found: dict[str, Any]) -> str:
    """The command, the date, the machine and the versions of a record; of a run that was not recorded, its date."""
    if "command" not in found:
        return f"Found on {found['date']}.\n\n"
    before, after = found["load"]
    notes = "Cases that had not begun after the budget of seconds are not counted. " * ("--budget" in found["command"])
    notes += "The machine was busy with other work: times are rough. " * (before >= 0.5)
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"`{found['command']}`, {found['date']}, {found['machine']}; {versions}. {notes}Load average before the run "
        f"{before}, at its end {after}.\n\n"
    )


def programs() -> str:
    """Whole programs by engine, beside their twins by hand and beside Keras."""
    recorded = json.loads(PROGRAMS.read_text(encoding="utf-8"))
    text = (
        "# Whole programs\n\nProcessor time of programs from first import to end, on one thread, as a ratio "
        "to the same program written by hand for the engine: medians of runs in turn, each in a process of its own. "
        "The files in `benchmarks/programs` say `import keras`: Keras runs them as they are, kfront after "
        "`kfront.install_as_keras()`. `python -m benchmarks.programs` measures, and writes "
        "`benchmarks/programs/recorded.json`, of which this page is made.\n\nThe twins by hand stand beside them, in "
        "`native_torch.py`, `native_jax.py` (with optax) and `native_tensorflow.py`; they have as many parameters and "
        "take as many steps. Importing and compiling is much of a program: `torch.optim` imports torch's compiler, "
        "and XLA compiles convolutions that run slower than kfront's own. So a ratio may lie far below 1.\n\n"
    )
    engines = list(recorded)
    found = {engine: {r["name"]: r for r in rows} for engine, rows in recorded.items()}
    rows = []
    for name in dict.fromkeys(r["name"] for rows in recorded.values() for r in rows):
        cells = [found[engine].get(name) for engine in engines]
        rows.append([f"`{name}.py`", *(text for cell in cells for text in _three(cell))])
    heads = [f"{engine}: {what}" for engine in engines for what in ("by hand, s", "kfront", "Keras")]
    return text + table(["program", *heads], rows) + "\n"


def _three(row: dict[str, Any] | None) -> list[str]:
    return [""] * 3 if row is None else [f"{row['native'] / 1e6:.1f}", f"{row['kfront']:.2f}", f"{row['keras']:.2f}"]


def accuracy() -> str:
    """The worst error of each op, by engine and dtype."""
    recorded = json.loads(ACCURACY.read_text())
    engines, dtypes = list(recorded), ("float16", "bfloat16", "float32", "float64")
    text = (
        "# Accuracy of each dtype\n\nThe largest error in units of the last place over ordinary arguments, from "
        "`conformance/accuracy/recorded.json`. [Accuracy](../accuracy.md) tells how it is measured.\n\n"
    )
    for dtype in dtypes:
        rows = []
        for op in sorted({op for e in engines for op in recorded[e]}):
            found = [recorded[e].get(op, {}).get(dtype, {}).get("ordinary", [None])[0] for e in engines]
            if any(f is not None for f in found):
                rows.append([op, *("" if f is None else f"{f:.2f}" if f < 1e4 else "no digits" for f in found)])
        text += f"## {dtype}\n\n{table(['op', *engines], rows)}\n\n"
    return text


def differences() -> str:
    """What the audit beside Keras found, by its reason."""
    text = (
        "# Differences that were looked for\n\n`python -m conformance --areas keras` calls every public name on Keras "
        "and kfront alike, with arguments good and bad, and compares attributes, configs, weights, results, dtypes and "
        "errors. What differs on purpose has a reason in `conformance/keras/explained*.toml`, of which this page is "
        "made; anything else fails. [Differences from Keras](../differences_from_keras.md) tells what programs notice."
        "\n\n"
    )
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for file in sorted(EXPLAINED.glob("explained*.toml")):
        for decision in tomllib.loads(file.read_text(encoding="utf-8"))["decision"]:
            for cover in decision["covers"]:
                kinds, _, rest = cover.partition("/")
                for kind in _names(kinds):
                    found[kind][decision["reason"]] |= _names(rest)
    for kind, reasons in sorted(found.items()):
        rows = [[reason, ", ".join(f"`{n}`" for n in sorted(names))] for reason, names in reasons.items()]
        text += f"## {kind.replace('*', 'all').capitalize()}\n\n{table(['why', 'of what'], rows)}\n\n"
    return text


def _names(pattern: str) -> set[str]:
    """The public names of a pattern: of `ops.<dot|tile>/axis=*`, ops.dot and ops.tile."""
    head, choice = re.match(r"([^/<]*)(?:<([^>]*)>)?", pattern).groups()  # type: ignore[union-attr]
    return {head + one for one in choice.split("|")} if choice else {head}


def main(folder: Path) -> None:
    """Write the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for make in (conformance, benchmarks, programs, accuracy, differences):
        (folder / f"{make.__name__}.md").write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
