"""The tests that the installed Keras brings, run on Keras and on kfront under its name, and what fails on kfront only.

    python tests/interop/keras_tests/run.py torch                 all on one engine; takes an hour on two cores
    python tests/interop/keras_tests/run.py jax layers/core ops/  parts: files whose path begins so
    …  --out folder                                               keeps what kfront gave, in `folder/kfront-jax.jsonl`
    …  -n 2                                                       so many processes; all cores otherwise

The files are copied to a temporary folder from where Keras is installed; kfront ships none of them. What they give on
Keras is kept in `~/.cache/kfront/keras_tests` by version and engine, so that a second run needs kfront only.
A difference fails unless a row of `explained.txt` has the reason; "open:" begins what is still to be mended. So does a
row that no difference needs, when all is run. Tests that use a name private to Keras, which kfront has not, are counted
apart.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
ENGINES = ("torch", "jax", "tensorflow", "numpy")
LEFT_OUT = ("applications/applications_test.py",)  # downloads weights
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "kfront" / "keras_tests"
WORST = ("failed", "passed", "skipped")
# what ids have that differs between two runs: addresses, and the package in which a class stands
CHANGING = [(re.compile(r" ?at ?0x[0-9a-f]+"), ""), (re.compile(r"<class ?'(?:\w+\.)+(\w+)'>"), r"\1")]
PRIVATE = ("PrivateMissing", "private to Keras")

Result = dict[str, str]
Results = dict[str, Result]  # by id of the test


@dataclass(frozen=True)
class Row:
    """A row of `explained.txt`: differences that are on purpose, or that cannot be told from a fault of the test."""

    pattern: str
    engines: tuple[str, ...]
    reason: str

    def covers(self, name: str) -> bool:
        """Whether the pattern, in which `*` stands for anything, is that of the id."""
        return re.fullmatch(".*".join(map(re.escape, self.pattern.split("*"))), name) is not None


def rows(text: str, engine: str) -> list[Row]:
    """The rows of the table that hold for an engine."""
    found = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, engines, reason = (part.strip() for part in line.split(" | "))
            known = ENGINES if engines == "*" else tuple(engines.split(","))
            if not reason or set(known) - set(ENGINES):
                raise ValueError(f"expected `pattern | engines | reason`, got {line!r}")
            found.append(Row(pattern, known, reason))
    return [row for row in found if engine in row.engines]


def read(file: Path) -> Results:
    """The results in a file; of several of one test the worst."""
    found: Results = {}
    for line in file.read_text().splitlines():
        result = json.loads(line)
        name = result["id"]
        for pattern, by in CHANGING:
            name = pattern.sub(by, name)
        known = found.setdefault(name, result)
        if WORST.index(result["outcome"]) < WORST.index(known["outcome"]):
            found[name] = result
    return found


@dataclass
class Compared:
    """Two runs side by side: ids of tests that pass on Keras, by what they do on kfront, and rows that none needs."""

    passed: list[str]
    private: list[str]
    explained: dict[str, Row]
    unexplained: dict[str, Result]
    stale: list[Row]


def compare(theirs: Results, ours: Results, table: list[Row]) -> Compared:
    """What passes on Keras, and what it does on kfront."""
    out = Compared([], [], {}, {}, [])
    used = set()
    for name in sorted(n for n, result in theirs.items() if result["outcome"] == "passed"):
        nothing = ours.get(name.partition("::")[0], {"outcome": "missing"})  # a module that could not be imported
        result = ours.get(name, nothing)
        if result["outcome"] == "passed":
            out.passed.append(name)
        elif result.get("error") == PRIVATE[0] or PRIVATE[1] in result.get("message", ""):
            out.private.append(name)
        elif covering := [row for row in table if row.covers(name)]:
            out.explained[name] = covering[0]
            used.update(covering)
        else:
            out.unexplained[name] = result
    out.stale = [row for row in table if row not in used]
    return out


# ---- runs ------------------------------------------------------------------------------------------------------------


def test_files(engine: str, parts: tuple[str, ...]) -> list[str]:
    """The test modules of Keras, by their path below `keras/src`."""
    listed = [str(file) for file in importlib.metadata.files("keras") or []]
    names = [name.removeprefix("keras/src/") for name in listed if name.endswith("_test.py")]
    other = [f"backend/{e}/" for e in (*ENGINES, "openvino") if e != engine]
    return sorted(n for n in names if n.startswith(parts) and n not in LEFT_OUT and not n.startswith(tuple(other)))


def run(side: str, engine: str, files: list[str], processes: str, out: Path) -> None:
    """Run test files on `keras` or `kfront`, and add what came of each test to `out`."""
    sources = Path(str(importlib.metadata.distribution("keras").locate_file("keras/src")))
    with tempfile.TemporaryDirectory() as folder:
        for name in test_files(engine, ("",)):  # some import others
            (to := Path(folder, "t", "src", name)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sources / name, to)
        Path(folder, "pytest.ini").write_text("[pytest]\n")
        path = os.pathsep.join([str(HERE), str(ROOT / "src")])
        env = {"KERAS_TESTS_SIDE": side, "KERAS_TESTS_OUT": str(out), "KERAS_BACKEND": engine, "PYTHONPATH": path}
        env |= {"KERAS_HOME": f"{folder}/home", "PYTHONHASHSEED": "0"}  # parameters of tests come from sets
        hang = ["-o", "faulthandler_timeout=300", "-o", "faulthandler_exit_on_timeout=true"]
        quiet = ["-q", "-rN", "--tb=no", "--disable-warnings", "-p", "no:cacheprovider", "--import-mode=importlib"]
        words = ["-p", "plugin", *quiet, *hang, "-n", processes, "--dist", "loadfile", *(f"t/src/{f}" for f in files)]
        command = [sys.executable, "-m", "pytest", *words]
        done = subprocess.run(command, cwd=folder, env={**os.environ, **env})
    if done.returncode > 1:
        sys.exit(f"the tests ended with {done.returncode} on {side}")


def on_keras(engine: str, files: list[str], processes: str) -> Results:
    """Results on Keras: those that are kept, and of files that have none new ones."""
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = CACHE / f"keras-{importlib.metadata.version('keras')}-{engine}.jsonl"
    whole = kept.with_suffix(".files")  # those that were run to the end
    done = set(whole.read_text().split()) if whole.exists() else set()
    if new := [name for name in files if name not in done]:
        with tempfile.TemporaryDirectory() as folder:
            run("keras", engine, new, processes, out := Path(folder, "results"))
            with kept.open("a") as file:
                file.write(out.read_text())
        with whole.open("a") as file:
            file.write("\n".join(new) + "\n")
    return {name: result for name, result in read(kept).items() if name.partition("::")[0] in files}


def tell(found: Compared) -> None:
    """Print the differences, and the counts by part."""
    for name, result in found.unexplained.items():
        told = " | ".join([result.get("error", result["outcome"]), result.get("message", "").replace("\n", " ")[:300]])
        print(f"differs: {name} | {told} | {' < '.join(reversed(result.get('frames', [])))}")
    to_mend = {name for name, row in found.explained.items() if row.reason.startswith("open:")}
    kinds = (found.passed, found.private, set(found.explained) - to_mend, to_mend, found.unexplained)
    columns = [Counter(n.partition("/")[0] for n in names) for names in kinds]
    columns.insert(0, sum(columns, Counter()))
    heads = ("Keras passed", "kfront passed", "private", "explained", "open", "differs")
    print(f"{'':16}" + "".join(f"{head:>14}" for head in heads))
    for part in [*sorted(columns[0]), "all"]:
        print(f"{part:16}" + "".join(f"{c.total() if part == 'all' else c[part]:14}" for c in columns))


def main() -> int:
    """Run and compare; 1 for a difference or a row too many."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("part", nargs="*")
    parser.add_argument("--out", type=Path)
    parser.add_argument("-n", default="auto")
    args = parser.parse_args()
    files = test_files(args.engine, tuple(args.part or [""]))
    if not files:
        sys.exit(f"no test module of Keras begins so: {' '.join(args.part)}")
    theirs = on_keras(args.engine, files, args.n)
    with tempfile.TemporaryDirectory() as folder:
        (out := args.out or Path(folder)).mkdir(parents=True, exist_ok=True)
        (results := out / f"kfront-{args.engine}.jsonl").unlink(missing_ok=True)
        run("kfront", args.engine, files, args.n, results)
        ours = read(results)
    found = compare(theirs, ours, rows((HERE / "explained.txt").read_text("utf-8"), args.engine))
    tell(found)
    stale = [] if args.part else found.stale
    for row in stale:
        print(f"explains nothing: {row.pattern} | {','.join(row.engines)} | {row.reason}")
    return int(bool(found.unexplained or stale))


if __name__ == "__main__":
    sys.exit(main())
