"""Draw mutants, run them in a process for each backend, and print a table."""

from __future__ import annotations

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from kfront.backends import installed

from ..__main__ import _import_engines, _settings
from ..suite import process_of
from .draw import Mutant, mutants
from .runner import CPU, Left, cases_elsewhere, noticed, others
from .touched import Map, record

EQUIVALENT = pathlib.Path(__file__).with_name("mutants.toml")
ENOUGH = 0.95  # of those that matter
DRAWN = "drawn.json"
AGAIN = 17  # exit status: a mutant has left something behind, another process goes on


def reasons() -> dict[str, str]:
    """The mutants that nothing can notice, and why."""
    found = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", []) if EQUIVALENT.exists() else []
    return {one["key"]: one["reason"] for one in found}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants", description=__doc__)
    parser.add_argument("--number", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="which")
    parser.add_argument("--only", default="", help="those whose key or kind has this text, run again")
    parser.add_argument("--missed", action="store_true", help="run those again that were missed")
    parser.add_argument("--seconds", type=float, default=CPU, help="of the processor, for one; `--missed` goes on")
    parser.add_argument("--jobs", type=int, default=1, help="how many backends at a time")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/mutants"),
                        help="folder for results, which are kept, and for what is recorded of the suite")  # fmt: skip
    parser.add_argument("--backend", default="", help=argparse.SUPPRESS)  # of a process of its own
    return parser


class Results:
    """What was found so far on a backend: lines of JSON, of which the last one of a mutant counts."""

    def __init__(self, folder: pathlib.Path, backend: str) -> None:
        self.path = path = folder / f"{backend}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.found: dict[str, str | None] = {r["name"]: r["found"] for r in map(json.loads, lines)}

    def add(self, mutant: Mutant, found: str | None) -> None:
        """Note what noticed a mutant; None when it begins."""
        self.found[_name(mutant)] = found
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": _name(mutant), "kind": mutant.kind, "found": found}) + "\n")

    def drop(self, names: set[str]) -> None:
        """Forget results, so that they are run again."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        kept = [line for line in lines if json.loads(line)["name"] not in names]
        self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _name(mutant: Mutant) -> str:
    """Unlike its key, unique."""
    return f"{mutant.backend} {mutant.key} #{mutant.node}.{mutant.change}"


def _status(mutant: Mutant, found: str, known: dict[str, str]) -> str:
    listed = mutant.key in known
    return ("WRONGLY LISTED" if listed else "noticed") if found else "equivalent" if listed else "MISSED"


def _run(chosen: argparse.Namespace, drawn: list[Mutant]) -> int:
    """The mutants of one backend that have no result yet; first with cases of ops, then the others with all."""
    results, path = Results(chosen.out, chosen.backend), chosen.out / f"{chosen.backend}.json"
    own = [m for m in drawn if m.backend == chosen.backend]
    if not path.exists() and all(results.found.get(_name(m)) is not None for m in own):
        results.drop({_name(m) for m in own if not results.found[_name(m)]})
        record(chosen.backend, list(cases_elsewhere(chosen.backend).values()), path)
        return AGAIN  # without marks
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit is an interruption too
    known, fresh = Map(path) if path.exists() else None, True
    for mutant in own:
        if results.found.get(_name(mutant)) is not None:
            continue
        if _name(mutant) in results.found and fresh:  # it began twice
            results.add(mutant, "the process ended")
            continue
        results.add(mutant, None)
        try:
            found = noticed(mutant, known, chosen.seconds)
        except LookupError:  # the code has changed since it was drawn
            results.drop({_name(mutant)})
            continue
        except KeyboardInterrupt:  # it begins anew, and does not count as one that ends the process
            results.drop({_name(mutant)})
            raise
        except Left as error:
            if not fresh:
                results.drop({_name(mutant)})
                return AGAIN
            found = str(error)  # it is the mutant itself that is still there
        fresh = False
        results.add(mutant, " ".join(found[:300].split()))
        print("\n".join(_lines(mutant, results.found, reasons())), flush=True)
    return 0 if known else AGAIN


def _lines(mutant: Mutant, results: dict[str, str | None], known: dict[str, str]) -> tuple[str, str]:
    found = results.get(_name(mutant))
    status = _status(mutant, found or "", known)
    first = f"{status:10} {mutant.backend:10} {mutant.kind}: {' '.join(mutant.key.split())}"
    return first[:240], f"{'':10} {(found or known.get(mutant.key, 'no case fails'))[:200]}"


def _finish(drawn: list[Mutant], results: dict[str, str | None]) -> int:
    """Print the table and the sums."""
    known = reasons()
    counts = Counter(_status(m, results.get(_name(m)) or "", known) for m in drawn)
    for mutant in drawn:
        print("\n".join(_lines(mutant, results, known)))
    by_kind = {k: Counter(bool(results.get(_name(m))) for m in drawn if m.kind == k) for k in {m.kind for m in drawn}}
    for kind, seen in sorted(by_kind.items()):
        print(f"{kind:30} {seen[True]:3} of {seen[True] + seen[False]}")
    matter = counts["noticed"] + counts["MISSED"]
    print(f"{counts['noticed']} of {matter} noticed, {counts['equivalent']} equivalent; {dict(counts)}")
    return int(counts["noticed"] < ENOUGH * matter or counts["WRONGLY LISTED"] > 0)


def _apart(backend: str, out: pathlib.Path, seconds: float) -> None:
    """The mutants of a backend in a process; one that a mutant ends, or leaves something in, is followed by another.

    Raises:
        RuntimeError: if that one finds nothing either.
    """
    command, env = process_of("mutants")
    command += ["--backend", backend, "--out", str(out), "--seconds", str(seconds)]
    before = None
    while subprocess.run(command, env=env, check=False).returncode:
        now = [p.stat().st_size for p in sorted(out.glob(f"{backend}.json*"))]
        if now == before:
            raise RuntimeError(f"the process for {backend} ends without a result")
        before = now


def main(arguments: list[str] | None = None) -> int:
    """Run them all; 1 if less than 95 % of those that matter are noticed, or if a reason is wrong."""
    chosen = _parser().parse_args(arguments)
    _settings()
    if chosen.backend:
        known = json.loads((chosen.out / DRAWN).read_text(encoding="utf-8"))
        near = (chosen.out / f"{chosen.backend}.json").exists()  # else only cases of ops are run
        _import_engines([*(others(chosen.backend) if near else ()), chosen.backend])
        return _run(chosen, [Mutant(*fields) for fields in known])
    backends = installed()
    chosen.out.mkdir(parents=True, exist_ok=True)
    _import_engines(backends)
    drawn = mutants(chosen.number, chosen.seed, backends)
    (chosen.out / DRAWN).write_text(json.dumps(drawn), encoding="utf-8")
    again = {_name(m) for m in drawn if chosen.only and chosen.only in f"{_name(m)} {m.kind}"}
    for backend in backends:
        results = Results(chosen.out, backend)
        results.drop(again | {name for name, found in results.found.items() if chosen.missed and not found})
    with ThreadPoolExecutor(chosen.jobs) as pool:
        list(pool.map(lambda backend: _apart(backend, chosen.out, chosen.seconds), backends))
    found = {name: found for b in backends for name, found in Results(chosen.out, b).found.items()}
    return _finish(drawn, found)


if __name__ == "__main__":
    sys.exit(main())
