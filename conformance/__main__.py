"""``python -m conformance``: run the suite, print the matrix, write the report.

Exit status: 0 every case ended as expected; 1 some did not; 2 the arguments are wrong; 3 a process ended before its
time, so results are missing (`--out` keeps the others, `--resume` goes on); 5 no case was chosen; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import logging
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import zlib
from importlib.util import find_spec

from . import comparison, report, resume
from .keras import audit
from .suite import AREAS, OF_OPS, ON_REQUEST, Case, Result, collect, free_memory, load_expected, process_of, run_case

START = time.monotonic()
LONG = ("compiled", "keras_values", "keras")  # areas that generate code, and start Keras in a process of its own
ALL_WELL, FAILED, INCOMPLETE, NOTHING_RUN, INTERRUPTED = 0, 1, 3, 5, 130  # exit statuses, as of pytest and shells
EVERYTHING = ",".join(a for a in AREAS if a not in ON_REQUEST)


def _import_engines(backends: list[str]) -> None:
    """Load the engines in an order in which they live together (torch before TensorFlow)."""
    import kfront

    for name in ("torch", "jax", "tensorflow", "numpy", *backends):
        if name in backends:
            with kfront.backend_scope(name):
                pass
        if name == "torch" and name in backends:  # Triton, which its compiler loads, crashes after TensorFlow
            importlib.import_module("torch._dynamo")


def _settings() -> None:
    """Let JAX keep what it compiled for the next run: it compiles each eager op for each shape, which takes minutes.

    And let TensorFlow keep to itself that many small functions are traced.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path.home() / ".cache" / "kfront" / "xla"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _versions(backends: list[str]) -> dict[str, str]:
    out = {}
    for name in ("numpy", *backends):
        for dist in (name, f"{name}-cpu"):
            try:
                out[name] = importlib.metadata.version(dist)
                break
            except importlib.metadata.PackageNotFoundError:
                continue
    return out


def _parser() -> argparse.ArgumentParser:
    from kfront.backends import installed

    parser = argparse.ArgumentParser(f"python -m {__package__}", description="Check that the backends do the same.")
    parser.add_argument("--backends", "--backend", default=",".join(installed()), help="names, separated by commas")
    parser.add_argument("--areas", "--area", default="", help="areas to run, separated by commas; all if not given")
    parser.add_argument("--layers", default="", help="modules with layers of your own, which are run instead of areas")
    parser.add_argument("--only", default="", help='"ops" for the areas of ops, or text that ids of cases contain')
    parser.add_argument("--rows", default="", help="names of ops, layers, models or areas, run in this order")
    parser.add_argument("--budget", type=float, default=0, help="start no case after so many seconds; 0: no end")
    parser.add_argument("--quick", action="store_true", help="a sample of the larger tables")
    parser.add_argument("--plain", action="store_true", help="run plain forms in place of tuned kernels")
    parser.add_argument("--jobs", type=int, default=0, help="number of processes; 0: two for longer runs")
    parser.add_argument("--out", default="", help="folder for results.json, pages, and badges")
    parser.add_argument("--against", default="", help="`--out` folder of an earlier run, compared with in report.html")
    parser.add_argument("--resume", action="store_true", help="go on with the run in `--out` that was interrupted")
    parser.add_argument("--models", default="", help="how many models are drawn, or which: 300, or 300:600")
    parser.add_argument("--record", default="", help="folder of what parts of the audit found; only others are run")
    parser.add_argument("--explained", action="store_true", help="how many differences each row of the audit covers")
    parser.add_argument("--slowest", action="store_true", help="print where the seconds go")
    parser.add_argument("--xfail", default="", help="file with the expected failures of a backend from elsewhere")
    parser.add_argument("--part", default="", help="run one part of the cases: its number/how many parts, 0/2 or 1/2")
    parser.add_argument("--journal", default="", help=argparse.SUPPRESS)  # of a process of several
    return parser


def _belongs(case: Case, number: int, count: int) -> bool:
    """Whether a case is run by a process.

    All cases of one op or layer on one backend run in the same, and all of one model.
    """
    where = "" if case.area in ("files", "models") else case.backend
    return zlib.crc32(f"{where} {case.name.split('/')[0]}".encode()) % count == number


def _chosen(args: argparse.Namespace, backends: list[str]) -> list[Case]:
    """The cases that are asked for: those of the first of `--rows` first, those that take seconds last."""
    number, count = map(int, (args.part or "0/1").split("/"))
    cases = collect(args.areas.split(","), backends, args.quick)
    found = [c for c in cases if args.only in c.id and _belongs(c, number, count)]
    if not args.rows:
        return found
    places = {name: i for i, name in reversed(list(enumerate(args.rows.lower().split(","))))}
    ranked = [(min((places[s] for s in {*c.subjects, c.area} & places.keys()), default=-1), c) for c in found]
    asked = [(c.area in LONG, rank, c) for rank, c in ranked if rank >= 0]
    return [c for *_, c in sorted(asked, key=lambda a: a[:2])]


def _run(args: argparse.Namespace, backends: list[str]) -> list[Result]:
    _import_engines(backends)
    expected = {b: load_expected(b) for b in [*backends, "all"]}
    if args.xfail:
        expected[backends[0]] = load_expected(backends[0], pathlib.Path(args.xfail))
    results: list[Result] = []
    journal = resume.Journal(args.journal, args.part)
    cases = journal.left(_chosen(args, backends))
    for case in cases:
        if args.budget and time.monotonic() - START > args.budget:
            left = len(cases) - len(results)
            print(f"{left} of {len(cases)} cases were left out: the budget of {args.budget:g} seconds was spent")
            break
        journal.start(case)
        results.append(run_case(case, expected.get(case.backend, [])))
        journal.end(results[-1])
        if len(results) % 20 == 0:
            free_memory()
    return results


class _Ended(Exception):
    """A process of the suite is gone, with the results that it would have had."""


def _run_apart(args: argparse.Namespace) -> list[Result]:
    """Run in several processes and gather their results.

    Raises:
        _Ended: if a process dies.
    """
    with tempfile.TemporaryDirectory() as folder:
        command, env = process_of("__main__")
        command += ["--backends", args.backends, "--areas", args.areas, "--rows", args.rows, "--only", args.only]
        command += ["--xfail", args.xfail, "--budget", str(args.budget), *(["--quick"] if args.quick else [])]
        command += ["--journal", args.journal]
        running = []
        for i in range(args.jobs):
            out = pathlib.Path(folder) / str(i)
            own = [*command, "--part", f"{i}/{args.jobs}", "--out", str(out)]
            running.append((out, subprocess.Popen(own, env=env, stdout=subprocess.DEVNULL)))
        results: list[Result] = []
        try:
            for out, process in running:
                code = process.wait()
                if not (out / "results.json").exists():
                    raise _Ended(f"a process of the suite ended with status {code} before it had all results")
                results += [Result(**r) for r in json.loads((out / "results.json").read_text())["results"]]
        finally:
            for _, process in running:
                process.kill()
    order = {a: i for i, a in enumerate(AREAS)}
    return sorted(results, key=lambda r: order[r.area])


def _again(args: argparse.Namespace, result: Result) -> str:
    """The command that runs a case again."""
    alone = result.area in OF_OPS and result.backend != "all"  # others compare with the other engines of the run
    words = ["--backends", result.backend if alone else args.backends, "--areas", result.area]
    words += ["--only", f"{result.area}/{result.name}"]
    words += ["--models", f"{result.name}:{int(result.name) + 1}"] if result.name.isdigit() else []
    words += [f"--{switch}" for switch in ("quick", "plain") if getattr(args, switch)]
    words += ["--layers", args.layers] if args.layers else []
    return shlex.join(["python", "-m", str(__package__), *words, *(["--xfail", args.xfail] if args.xfail else [])])


def _checked(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse names that there are not, before a process starts for them.

    Raises:
        SystemExit: with status 2.
    """
    from kfront.backends import installed

    for what, asked, known in (("backend", args.backends, installed()), ("area", args.areas, [*AREAS])):
        wrong = [name for name in filter(None, asked.split(",")) if name not in known]
        if wrong:
            parser.error(f"expected `--{what}` of {', '.join(known)}, got {', '.join(wrong)}")
    gone = [name for name in filter(None, args.layers.split(",")) if not find_spec(name.partition(".")[0])]
    if gone:
        parser.error(f"expected modules that can be imported in `--layers`, got {', '.join(gone)}")
    if args.xfail and not pathlib.Path(args.xfail).exists():
        parser.error(f"expected a file in `--xfail`, found none at {args.xfail!r}")


def _prepare(args: argparse.Namespace) -> None:
    """Arguments that stand for others, and what cases read from the environment."""
    own = "own_layers" if args.layers else EVERYTHING
    args.areas = ",".join(filter(None, [args.areas, own if args.layers or not args.areas else ""]))
    if args.only == "ops":
        args.only, args.areas = "", ",".join(OF_OPS)
    _settings()
    if args.areas == "models":  # no program is met again; a mesh on which each device has a sample
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=3".strip()
    for name, value in (
        ("MODELS", args.models),
        ("LAYERS", args.layers),
        ("RECORD", args.record),
        ("TUNED_KERNELS", "0" if args.plain else ""),
    ):
        if value:
            os.environ[f"KFRONT_{name}"] = value
    if not args.jobs:
        few = args.part or args.only or args.rows or args.budget or (args.quick and "," not in args.backends)
        args.jobs = 1 if few or args.layers else min(2, os.cpu_count() or 1)  # few cases: not worth another process


def main(argv: list[str] | None = None) -> int:
    """Run the suite; the exit status is 0 when every case ended as expected."""
    parser = _parser()
    args = parser.parse_args(argv)
    _checked(args, parser)
    backends = args.backends.split(",")
    _prepare(args)
    results = resume.begin(args, parser)
    try:
        results += _run_apart(args) if args.jobs > 1 else _run(args, backends)
    except (KeyboardInterrupt, _Ended) as error:
        print(str(error) or "interrupted", "; `--resume` goes on" if args.journal else "", sep="", file=sys.stderr)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else INCOMPLETE
    whole = not (args.part or args.only or args.rows or args.budget or args.quick)
    if whole and "keras" in args.areas.split(","):
        results += audit.finish(results, backends)
    if results:
        report.print_matrix(results, lambda r: _again(args, r))
    if args.explained:
        audit.print_covered(results)
    if args.record and not args.part:
        audit.print_recorded(backends)
    if args.slowest:
        report.print_slowest(results)
    before = comparison.load(pathlib.Path(args.against)) if args.against else None
    if before is not None:
        print(comparison.summary(comparison.changes(before, results)))
    if args.out:
        report.write(results, pathlib.Path(args.out), _versions(backends), before)
    resume.finish(args)
    failed = sum(r.status in ("fail", "xpass") for r in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return FAILED if failed else ALL_WELL if results else NOTHING_RUN


if __name__ == "__main__":
    sys.exit(main())
