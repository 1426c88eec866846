"""Build the site: a copy of docs/ with the pages that are made from code and results, then Sphinx.

Usage: python tools/site/build.py [--quick]      into build/site/html; --quick leaves the gallery's programs unrun

Warnings are errors, links inside the site among them. What tools/site/examples.py (build/examples.json) has written is
shown, if it is there, and of `conformance --out build/conformance` and `benchmarks --out build/benchmarks` what is
newer than the record of them in docs/_data (tools/site/recorded.py).
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAGE = ROOT / "build" / "site"
PARTS = ("docs", "examples", "CONTRIBUTING.md", "CHANGELOG.md", "conformance/interop/idioms.py")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def sync(source: Path, target: Path, own: frozenset[str] = frozenset()) -> None:
    """Make `target` what `source` is; files that are equal stay untouched, so that Sphinx reads only what changed.

    Args:
        source: a file or folder.
        target: where it goes.
        own: names inside `target` that are left alone.
    """
    if source.is_file():
        if not (target.exists() and filecmp.cmp(source, target, shallow=False)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    wanted = {p.name for p in source.iterdir() if p.name != "__pycache__"}
    for extra in {p.name for p in target.iterdir()} - wanted - own:
        path = target / extra
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in wanted:
        sync(source / name, target / name)


def run(*command: str, **env: str) -> None:
    """Run a Python program of the site; its failure ends the build."""
    done = subprocess.run([sys.executable, *command], env={**os.environ, **env}, cwd=ROOT)
    if done.returncode:
        raise SystemExit(done.returncode)


def main(quick: bool) -> None:
    """Build it."""
    made = frozenset({"reference", "gallery", "results", "sg_execution_times.rst", "sg_api_usage.rst"})
    for part in PARTS:
        sync(ROOT / part, STAGE / part, made if part == "docs" else frozenset())
    fresh = STAGE / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    run(str(HERE / "reference.py"), str(fresh / "reference"), str(ROOT / "build" / "examples.json"))
    run(str(HERE / "results.py"), str(fresh / "results"))
    for part in ("reference", "results"):
        sync(fresh / part, STAGE / "docs" / part)
    processes = "2" if quick else "1"  # engines that the gallery has started must not be forked
    options = ["-W", "--keep-going", "-q", "-j", processes, "-d", str(STAGE / "cache")]
    env = {"KFRONT_GALLERY": "0"} if quick else {}
    run("-m", "sphinx", *options, str(STAGE / "docs"), str(STAGE / "html"), **env)
    print(f"the site is in {STAGE / 'html'}; open index.html in it")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
