"""``python -m benchmarks``: a table per engine, in a process of its own each; JSON, and a page with plots."""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from benchmarks.bench import Bench
from benchmarks.cases import CASES
from benchmarks.page import changes, read, write
from benchmarks.timing import Row

_THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def _table(engine: str, rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{engine}: x = ratio to native code, us = microseconds over the native call")
    for head in ("case", "unit", "kfront", "keras", "bound", "native us"):
        table.add_column(head, justify="left" if head == "case" else "right")
    for r in rows:
        over = r.limit is not None and r.kfront is not None and r.kfront > r.limit
        cells = [r.name, r.unit, *(f"{v:.2f}" if v is not None else "-" for v in (r.kfront, r.keras, r.limit))]
        cells[2] = f"[red]{cells[2]}[/red]" if over else cells[2]
        table.add_row(*cells, f"{r.native:.1f}")
    Console(width=110).print(table)


def _one(args: argparse.Namespace) -> int:
    parts = tuple(n for n in args.parts.split(",") if n)
    bench = Bench(args.engine, not args.no_keras, args.rounds, parts)
    rows = [row for name in args.only.split(",") for row in CASES[name](bench)]
    _table(args.engine, rows)
    if args.out:
        folder = pathlib.Path(args.out)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{args.engine}.json").write_text(json.dumps([r._asdict() for r in rows], indent=1))
    return 0


def main() -> int:
    """Measure one engine here, or all of them one after another in processes of their own."""
    import os

    parser = argparse.ArgumentParser("benchmarks", description="Speed beside native code and beside Keras.")
    parser.add_argument("--engine", default="all", help="torch, jax, tensorflow, numpy or all")
    parser.add_argument("--only", default=",".join(CASES), help=f"cases: {', '.join(CASES)}")
    parser.add_argument(
        "--parts", default="", help="layers of eager_layers and compiled_layers, models of fit and depths; all if empty"
    )
    parser.add_argument("--rounds", type=int, default=11, help="rounds of paired timing")
    parser.add_argument("--no-keras", action="store_true", help="leave Keras out")
    parser.add_argument("--out", default="", help="folder for JSON results and index.html")
    parser.add_argument("--against", default="", help="results of an earlier run: what became slower is printed")
    args = parser.parse_args()
    if args.engine != "all" and os.environ.get("KFRONT_BENCHMARK") == "1":
        return _one(args)
    before = read(pathlib.Path(args.against)) if args.against else {}
    out = args.out or (tempfile.mkdtemp(prefix="kfront-benchmarks-") if before else "")
    engines = ["torch", "jax", "tensorflow", "numpy"] if args.engine == "all" else [args.engine]
    status = 0
    for engine in engines:
        env = {**os.environ, **_THREADS, "KFRONT_BENCHMARK": "1", "KERAS_BACKEND": engine}
        command = [
            sys.executable,
            "-m",
            "benchmarks",
            "--engine",
            engine,
            "--only",
            args.only,
            "--rounds",
            str(args.rounds),
            "--parts",
            args.parts,
        ]
        command += ["--no-keras"] * args.no_keras + (["--out", out] if out else [])
        status |= subprocess.run(command, env=env, check=False).returncode
    if out:
        found = changes(before, read(pathlib.Path(out)))
        print(*(c for c in found if c.slower or c.faster), sep="\n")
        print(write(pathlib.Path(out), found))
    return status


if __name__ == "__main__":
    sys.exit(main())
