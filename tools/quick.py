"""Run what a change touches, on NumPy and one engine, within a minute: `nox -s quick [-- ENGINE] [-- BASE]`.

The tests and the conformance suite run side by side, each until its time is spent; what is left out is said.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tools.affected import ENGINES, Change, Selection, Sources, changes, select  # noqa: E402

START = time.monotonic()
SECONDS = 60
LAST_START = 45  # no test and no case starts later: none that is not marked `slow` takes longer than the rest
NOTHING_RUN = 5  # the exit status of pytest and of the conformance suite
MOST_FILES = 40  # of tests: they are imported before the first one runs
FUNCTIONS, CLASSES = ("ops", "random", "transforms"), ("layers", "optimizers")  # namespaces with rows of their names
MOST_WHOLE = 8  # so many rows of the conformance suite are run whole, more are sampled


def engine_of(words: list[str], found: list[Change]) -> str:
    """The engine that is asked for, else that of the only adapter that changed, else torch."""
    touched = {c.path.split("/")[3] for c in found if c.path.startswith("src/kfront/backends/")} & ENGINES.keys()
    asked = [w for w in words if w in ENGINES]
    return asked[0] if asked else touched.pop() if len(touched) == 1 else "torch"


def documents(found: list[Change]) -> list[str]:
    """Changed files whose examples are run: modules of the package, documents."""
    kinds = [c.path for c in found if (ROOT / c.path).is_file()]
    return [p for p in kinds if (p.startswith("src/kfront/") and p.endswith(".py")) or p.endswith(".md")]


def public_names() -> set[str]:
    """Names that rows of the conformance suite may have."""
    import kfront

    functions = {name for space in FUNCTIONS for name in dir(getattr(kfront, space))}
    return functions | {name for space in CLASSES for name in dir(getattr(kfront, space)) if name[0].isupper()}


def of_tests(chosen: Selection, found: list[Change], budget: float) -> list[str]:
    """The command that runs the tests and examples."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", f"--budget={budget:.0f}"]
    command += ["--doctest-modules", "--doctest-glob=*.md", "-p", "no:cacheprovider"]
    command += ["--first", ",".join(chosen.names)] if chosen.names else []
    if not (chosen.rows or chosen.areas):  # the other core is free
        command += ["-n", "2", "--dist", "worksteal"]
    return [*command, *documents(found), *chosen.tests[:MOST_FILES]]


def of_suite(chosen: Selection, engine: str, budget: float) -> list[str]:
    """The command that runs the rows, and areas after them."""
    command = [sys.executable, "-m", "conformance", "--backends", f"numpy,{engine}", f"--budget={budget:.0f}"]
    sampled = chosen.areas or len(chosen.rows) > MOST_WHOLE
    return [*command, "--rows", ",".join([*chosen.rows, *chosen.areas]), *(["--quick"] if sampled else [])]


def main(words: list[str]) -> int:
    """Find out what changed, run what it touches, and print what was run and what was not."""
    from conformance.suite import AREAS

    base = next((w for w in words if w not in ENGINES), "main")
    found = changes(ROOT, base)
    engine = engine_of(words, found)
    chosen = select(Sources(ROOT), found, engine, public_names(), AREAS)
    print(f"{len(found)} files differ from {base}; on numpy and {engine}, within {SECONDS} seconds:")
    print(f"  {min(len(chosen.tests), MOST_FILES)} files of tests: {' '.join(chosen.tests[:MOST_FILES]) or '-'}")
    if left := chosen.tests[MOST_FILES:]:
        print(f"  left out, as further from the change: {len(left)} files of tests")
    print(f"  conformance: {' '.join([*chosen.rows, *chosen.areas]) or '-'}", flush=True)
    env = {**os.environ, "KFRONT_TEST_ENGINES": f"numpy,{engine}", "KERAS_BACKEND": engine}
    budget = LAST_START - (time.monotonic() - START)
    with tempfile.TemporaryFile("w+") as out:
        suite = None
        if chosen.rows or chosen.areas:
            suite = subprocess.Popen(of_suite(chosen, engine, budget), cwd=ROOT, env=env, stdout=out)
        codes = [subprocess.run(of_tests(chosen, found, budget), cwd=ROOT, env=env).returncode] if found else []
        if suite is not None:
            codes.append(suite.wait())
            out.seek(0)
            told = out.read()  # also where no case was run, because the time was spent
            print(told if codes[-1] != NOTHING_RUN or "left out" in told else "no row of the suite has these names")
    print(f"{time.monotonic() - START:.0f} seconds")
    return int(any(code not in (0, NOTHING_RUN) for code in codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
