"""Published packages on Keras and on kfront: what their classes and the examples of their docstrings do, side by side.

    python -m tests.interop.survey.run torch             every package of `SURVEYED` (`tests/interop/packages.py`)
    python -m tests.interop.survey.run jax ncps medicai  some of them
    python -m tests.interop.survey.run torch keras       the modules and examples of Keras itself

`nox -s survey` installs them, each in a folder of its own, without what they depend on. What they do on Keras is kept
in `~/.cache/kfront/survey`, so that a second run needs kfront only. Where Keras fails there is nothing to compare. A
difference fails unless a row of `explained.txt` has the reason (`package fact | engines | reason`); so does a row that
no difference of the packages that were run needs.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path
from typing import Any

from tests.interop.keras_tests.run import CACHE, ENGINES, HERE, ROOT, Row, rows
from tests.interop.packages import SURVEYED, Package

TABLE = HERE.parent / "survey" / "explained.txt"
SIDE = TABLE.with_name("side.py")
ASKED = (SIDE, SIDE.with_name("examples.py"), SIDE.with_name("limits.py"))
SITES = ROOT / "build" / "survey"
NEAR = 2e-4  # of the mean size of a result: float32, summed in another order, through a whole model
LIMIT = 3600  # seconds for a package on one side

Facts = dict[str, Any]


@dataclass
class Compared:
    """Two runs of a package side by side: names of facts."""

    same: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)  # on Keras
    explained: dict[str, Row] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)


def fails(fact: Any) -> bool:
    """Whether a fact is that something fails."""
    return isinstance(fact, dict) and "error" in fact


def alike(theirs: Any, ours: Any) -> bool:
    """Whether two facts are the same: exact but for the numbers of tensors."""
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(alike, theirs, ours))
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys() >= {"tensor", "size"}:
        numbers = [(theirs[k], ours[k]) for k in ("size", "mean")]
        if all(isinstance(n, float) for pair in numbers for n in pair):
            near = NEAR * max(theirs["size"], NEAR)
            exact = all(theirs[k] == ours[k] for k in ("tensor", "finite"))
            return exact and all(abs(a - b) <= near for a, b in numbers)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return theirs.keys() == ours.keys() and all(alike(fact, ours[name]) for name, fact in theirs.items())
    return theirs == ours


def narrow(fact: Any) -> Any:
    """A fact in which 64-bit numbers count as 32-bit: examples pass NumPy's arrays, which kfront narrows everywhere."""
    return json.loads(re.sub(r"\b(float|int)64\b", r"\g<1>32", json.dumps(fact)))


def compare(package: str, theirs: Facts, ours: Facts, table: list[Row]) -> Compared:
    """What a package does on Keras, and whether it does the same on kfront."""
    out = Compared()
    for name, fact in theirs.items():
        if fails(fact):
            out.failing.append(name)
        elif alike(fact, ours.get(name)) or (" example" in name and alike(narrow(fact), narrow(ours.get(name)))):
            out.same.append(name)
        elif row := next((row for row in table if row.covers(f"{package} {name}")), None):
            out.explained[name] = row
        else:
            out.unexplained.append(name)
    return out


# ---- runs ------------------------------------------------------------------------------------------------------------


def facts_of(side: str, engine: str, package: Package, site: Path, code: Path) -> Facts:
    """What a package does on `keras` or `kfront`; the examples of its docstrings are written to `code`, or read."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([*([str(ROOT / "src")] * (side == "kfront")), str(site)])
        env = {**os.environ, "KERAS_BACKEND": engine, "PYTHONPATH": path, "KERAS_HOME": folder}
        command = [sys.executable, str(SIDE), side, package.module, out := f"{folder}/facts", str(code)]
        done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
        if done.returncode:
            sys.exit(f"{package.name} ended with {done.returncode} on {side}:\n{done.stderr[-2000:]}")
        return json.loads(Path(out).read_text())


def on_keras(engine: str, package: Package, site: Path) -> tuple[Facts, Path]:
    """What a package does on Keras, and the file of its examples: kept, by both versions and by what is asked."""
    found = importlib.metadata.distributions(name=package.name, path=[str(site), *sys.path])
    version = next((d.version for d in found), None)
    if version is None:
        sys.exit(f"expected {package.name} in {site}; `nox -s survey -- {engine} {package.name}` installs it")
    asked = hashlib.sha256(b"".join(path.read_bytes() for path in ASKED)).hexdigest()[:12]
    of_keras = importlib.metadata.version("keras")
    kept = CACHE.with_name("survey") / f"{package.name}-{version}-keras-{of_keras}-{engine}-{asked}.json"
    code = kept.with_suffix(".examples")
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        facts = facts_of("keras", engine, package, site, code)
        if fails(top := facts.get(f"{package.module} imports")):
            sys.exit(f"expected {package.name} to be imported with Keras, got {top}; it needs more in `requires`")
        kept.write_text(json.dumps(facts))
    return json.loads(kept.read_text()), code


def tell(package: str, found: Compared, theirs: Facts, ours: Facts) -> None:
    """Print the differences and the counts."""
    for name in found.unexplained:
        both = [json.dumps(facts.get(name)) for facts in (theirs, ours)]
        start = max(len(commonpath(both)) - 60, 0)
        print(f"differs: {package} {name}\n    Keras  {both[0][start:][:240]}\n    kfront {both[1][start:][:240]}")
    counts = {"the same": found.same, "explained": found.explained, "fail on Keras": found.failing}
    counts["differ"] = found.unexplained
    print(f"{package}: " + ", ".join(f"{len(names)} {what}" for what, names in counts.items()), flush=True)


def main() -> int:
    """Run and compare; 1 for a difference or a row too many."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("package", nargs="*", choices=[[], *(p.name for p in SURVEYED)], metavar="package")
    args = parser.parse_args()
    table, used, different = rows(TABLE.read_text("utf-8"), args.engine), set(), 0
    chosen = [p for p in SURVEYED if p.name in args.package or not args.package]
    for package in chosen:
        theirs, code = on_keras(args.engine, package, site := SITES / package.name)
        ours = facts_of("kfront", args.engine, package, site, code)
        found = compare(package.name, theirs, ours, table)
        tell(package.name, found, theirs, ours)
        used.update(found.explained.values())
        different += len(found.unexplained)
    of_these = [row for row in table if row.pattern.partition(" ")[0] in {p.name for p in chosen}]
    stale = [row for row in of_these if row not in used]
    for row in stale:
        print(f"explains nothing: {row.pattern} | {','.join(row.engines)} | {row.reason}")
    return int(bool(different or stale))


if __name__ == "__main__":
    sys.exit(main())
