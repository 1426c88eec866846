"""``python -m conformance.upstream``: faults of the engines themselves, each with a program that shows it.

The folder of an engine has one program for each fault, at most ten lines without kfront. It ends well as long as the
fault is there; when it does not, the engine is mended and the workaround may go. The first line of its docstring says
what is wrong, the rest what kfront does about it. `docs/engine_differences.md` is written of them.
"""

from __future__ import annotations

import ast
import os
import pathlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

__all__ = ["ENGINES", "PAGE", "Fault", "faults", "mended", "page"]

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "engine_differences.md"
ENGINES = {"torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}
RUN = """
import runpy, sys, traceback
for path in sys.argv[1:]:
    try:
        runpy.run_path(path)
    except BaseException:
        print("MENDED", path, traceback.format_exc().strip().splitlines()[-1])
"""


class Fault(NamedTuple):
    """One fault of an engine.

    Attributes:
        path: of the program.
        title: what is wrong.
        workaround: what kfront does about it.
        program: its text without the docstring.
    """

    path: pathlib.Path
    title: str
    workaround: str
    program: str


def faults(engine: str) -> list[Fault]:
    """The faults of an engine, by the names of their files."""
    out = []
    for path in sorted((HERE / engine).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        title, _, workaround = (ast.get_docstring(tree) or "").partition("\n")
        lines = path.read_text(encoding="utf-8").splitlines()[tree.body[1].lineno - 1 :]
        out.append(Fault(path, title, " ".join(workaround.split()), "\n".join(lines)))
    return out


def mended(engine: str) -> list[str]:
    """The faults that are gone, with the last line of what their programs say.

    All run in one process, but for those that set something before the engine is imported or measure the memory.
    """
    env = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1", "JAX_ENABLE_X64": "0"}  # as each engine comes
    together: list[str] = []
    alone: list[list[str]] = []
    for fault in faults(engine):
        if "os.environ" in fault.program or "/proc/self" in fault.program:
            alone.append([str(fault.path)])
        else:
            together.append(str(fault.path))
    out: list[str] = []
    for paths in (together, *alone):
        done = subprocess.run([sys.executable, "-c", RUN, *paths], capture_output=True, text=True, check=True, env=env)
        out += [line for line in done.stdout.splitlines() if line.startswith("MENDED")]
    return out


def page() -> str:
    """The text of `docs/engine_differences.md`."""
    out = [
        "# Faults of the engines",
        "",
        "What the conformance suite found wrong in the engines themselves, with a program that shows it without",
        "kfront, and what kfront does about it. `python -m conformance.upstream` runs the programs, says which faults",
        "are gone, and writes this page. Kernels that are only slow have a page of their own,",
        "[tuned_kernels.md](tuned_kernels.md); [accuracy.md](accuracy.md) tells how far results are from exact ones.",
    ]
    for engine, name in ENGINES.items():
        out += ["", f"## {name} {_version(engine)}"]
        for fault in faults(engine):
            text = ["", f"### {fault.title.rstrip('.')}", "", f"kfront: {fault.workaround}", ""]
            out += [*text, "```python", fault.program, "```"]
    return "\n".join(out) + "\n"


def _version(engine: str) -> str:
    names = {"tensorflow": ("tensorflow-cpu", "tensorflow")}.get(engine, (engine,))
    for name in names:
        try:
            return version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return ""
