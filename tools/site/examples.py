"""Run the example of every public name on every engine, and write down which ran where.

Usage: python tools/site/examples.py FILE.json [ENGINE ...]     (all installed engines by default)

The file has one row a page of the reference: {"kfront.ops.add": {"torch": "ran", "numpy": "…the error"}}.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "src")]
ENGINES = ("numpy", "torch", "jax", "tensorflow")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
LONGEST = 300  # characters of an error that are kept


def run(text: str, name: str, scope: dict[str, object]) -> str:
    """Run a docstring's example: "ran", "none" if it has none, or what went wrong."""
    test = doctest.DocTestParser().get_doctest(text, scope, name, None, None)
    if not test.examples:
        return "none"
    said = io.StringIO()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        result = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=said.write)
    return "ran" if not result.failed else said.getvalue().strip().replace("\n", " ")[-LONGEST:]


def one_engine(file: Path) -> None:
    """Run all examples on the engine of this process."""
    from public import entries  # here: it imports kfront, for which the parent process has no use

    from kfront.core import settings
    from kfront.core.state import state

    before, backend = dict(vars(settings.now)), state.backend
    results = {}
    for entry in entries():
        module = sys.modules.get(getattr(entry.value, "__module__", ""), None)
        results[entry.name] = run(entry.docstring, entry.name, dict(vars(module)) if module else {})
        vars(settings.now).clear()
        vars(settings.now).update(before)
        state.backend = backend
    file.write_text(json.dumps(results))


def main(file: Path, engines: list[str]) -> None:
    """Run each engine in a process of its own."""
    rows: dict[str, dict[str, str]] = {}
    for engine in engines:
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / f"{engine}.json"
            env = {**os.environ, "KERAS_BACKEND": engine}
            subprocess.run([sys.executable, __file__, "--here", str(part)], env=env, check=True, cwd=folder)
            for name, result in json.loads(part.read_text()).items():
                rows.setdefault(name, {})[engine] = result
        ran = sum(row[engine] == "ran" for row in rows.values())
        print(f"{engine}: {ran} of {len(rows)} examples ran", flush=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=0, sort_keys=True))


if __name__ == "__main__":
    if sys.argv[1] == "--here":
        one_engine(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), sys.argv[2:] or list(ENGINES))
