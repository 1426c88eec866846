"""What a run has found so far, on disk: one that was interrupted, or whose process an engine ended, goes on from there.

A folder holds the settings of the run, and for each process a file of lines: a case when it starts, its result when it
ends.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
from collections import Counter
from collections.abc import Sequence

from .suite import Case, Result

__all__ = ["Journal", "begin", "finish"]

SETTINGS = ("areas", "backends", "only", "rows", "quick", "plain", "models", "layers", "xfail")
Key = tuple[str, str, str]  # area, name, backend


def begin(args: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Result]:
    """Prepare the journal of a run, and give the results of the one that it goes on with.

    Raises:
        SystemExit: for `--resume` of a run that had other settings, or of none.
    """
    if args.part or not args.out:
        if args.resume:
            parser.error("expected `--out` with `--resume`: the folder of the run that was interrupted")
        return []
    folder = pathlib.Path(args.out) / "unfinished"
    args.journal = str(folder)
    asked = {name: getattr(args, name) for name in SETTINGS}
    settings = folder / "settings.json"
    if not args.resume:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        settings.write_text(json.dumps(asked))
        return []
    if not settings.exists():
        parser.error(f"expected an interrupted run in {folder}, found none; leave `--resume` out")
    other = [name for name, value in json.loads(settings.read_text()).items() if asked[name] != value]
    if other:
        parser.error(f"expected the settings of the run that was interrupted, got other ones of: {', '.join(other)}")
    return Journal(args.journal).results()


def finish(args: argparse.Namespace) -> None:
    """The run is complete: its journal is not needed any more."""
    if args.journal and not args.part:
        shutil.rmtree(args.journal, ignore_errors=True)


class Journal:
    """The journal of a run.

    Args:
        folder: where it is, "" for none.
        part: which of several processes writes.
    """

    def __init__(self, folder: str, part: str = "") -> None:
        self.folder = pathlib.Path(folder) if folder else None
        self.name = f"{part.partition('/')[0] or 0}.jsonl"
        self.ended = self._ended()
        self.failed = [r for r in self._crashed() if r.name]

    def left(self, cases: Sequence[Case]) -> list[Case]:
        """The cases that have no result yet."""
        known = {*self.ended, *((r.area, r.name, r.backend) for r in self.failed)}
        return [c for c in cases if (c.area, c.name, c.backend) not in known]

    def results(self) -> list[Result]:
        """The results so far; a case with which the process ended twice has failed."""
        return [*self.ended.values(), *self.failed]

    def start(self, case: Case) -> None:
        """A case is about to run."""
        self._write({"started": [case.area, case.name, case.backend]})

    def end(self, result: Result) -> None:
        """A case has run."""
        self._write(result._asdict())

    def _write(self, line: dict[str, object]) -> None:
        if self.folder is not None:
            with (self.folder / self.name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _lines(self) -> list[dict[str, object]]:
        out = []
        for path in sorted(self.folder.glob("*.jsonl")) if self.folder is not None else ():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    out.append(json.loads(line))
                except ValueError:  # the last line of a process that was ended while it wrote
                    continue
        return out

    def _ended(self) -> dict[Key, Result]:
        found = [Result(**line) for line in self._lines() if "started" not in line]  # type: ignore[arg-type]
        return {(r.area, r.name, r.backend): r for r in found}

    def _crashed(self) -> list[Result]:
        starts = Counter(tuple(line["started"]) for line in self._lines() if "started" in line)  # type: ignore[arg-type]
        message = "the process ended while this ran, twice"
        return [
            Result(area, name, backend, "fail", 0.0, message)
            for (area, name, backend), times in starts.items()
            if times > 1 and (area, name, backend) not in self.ended
        ]
