"""What a suite found, as its page shows it; run as a program, it keeps that in docs/_data for builds without a run.

Usage: python tools/site/recorded.py conformance|benchmarks [arguments of `python -m conformance` or `-m benchmarks`]
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
DATA = ROOT / "docs" / "_data"
PACKAGES = ("numpy", "torch", "jax", "tensorflow", "tensorflow-cpu", "keras")


def _conformance(folder: Path) -> dict[str, dict[str, Counter[str]]]:
    """How many cases ended how, by area and engine."""
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(lambda: Counter({"pass": 0})))
    for row in json.loads((folder / "results.json").read_text())["results"]:
        counts[row["area"]][row["backend"]][row["status"]] += 1
    return counts


def _benchmarks(folder: Path) -> dict[str, list[list[Any]]]:
    """Name, unit, measure, its quartiles and Keras's measure of each row, by engine."""
    keys = ("name", "unit", "kfront", "spread", "keras")
    files = {f.stem: json.loads(f.read_text()) for f in sorted(folder.glob("*.json"))}
    exact = {engine: [[row.get(k) for k in keys] for row in rows] for engine, rows in files.items()}
    return json.loads(json.dumps(exact), parse_float=lambda text: round(float(text), 3))


FOUND = {"conformance": _conformance, "benchmarks": _benchmarks}


def newest(what: str) -> dict[str, Any]:
    """What `python -m WHAT --out build/WHAT` has found since the last record, else the record."""
    record = json.loads((DATA / f"{what}.json").read_text())
    files = [*(BUILD / what).glob("*.json")]
    date = _date(max((f.stat().st_mtime for f in files), default=0))
    return {"date": date, "results": FOUND[what](BUILD / what)} if date > record["date"] else record


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _version(package: str) -> dict[str, str]:
    try:
        return {package: importlib.metadata.version(package)}
    except importlib.metadata.PackageNotFoundError:
        return {}


def main(what: str, *arguments: str) -> int:
    """Run it, and keep what it found and how."""
    before = os.getloadavg()[0]
    out = ["--out", f"build/{what}"]
    shutil.rmtree(BUILD / what, ignore_errors=True)
    status = subprocess.run([sys.executable, "-m", what, *arguments, *out], cwd=ROOT).returncode
    record = {
        "command": shlex.join(["python", "-m", what, *arguments]),
        "date": _date(datetime.now(UTC).timestamp()),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": [round(before, 1), round(os.getloadavg()[0], 1)],
        "versions": {"python": platform.python_version()} | {k: v for p in PACKAGES for k, v in _version(p).items()},
        "results": FOUND[what](BUILD / what),
    }
    DATA.mkdir(exist_ok=True)
    (DATA / f"{what}.json").write_text(json.dumps(record, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
