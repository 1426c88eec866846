"""How tests are chosen and reported: a time budget, a sample of the large tables, and how to run one failure again."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

START = time.monotonic()
ROOT = Path(__file__).parent
LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--budget` and `--sample`."""
    group = parser.getgroup("kfront")
    group.addoption(
        "--budget", type=float, metavar="SECONDS", help="start no test later than this; say how many are left"
    )
    group.addoption("--first", default="", metavar="NAMES", help="run tests whose names have one of these words first")
    group.addoption(
        "--sample", type=int, metavar="TURN", help="run a part of each table that is marked `sampled`, in turn"
    )


def sample(rows: Iterable[str], turn: int, share: int) -> list[str]:
    """The rows whose turn it is, at least one: `share` turns in succession, each the same in every run, are all."""
    mixed = sorted(rows, key=lambda row: zlib.crc32(row.encode()))  # so that no turn has only one engine or form
    return mixed[turn % share :: share] or mixed[:1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take a sample, if one is asked for, and put first what is wanted first, or what would keep workers waiting."""
    if (turn := config.getoption("--sample")) is not None:
        left = left_out(items, turn)
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=list(left))
    if names := config.getoption("--first"):
        wanted = re.compile(rf"(?<![a-z0-9])({'|'.join(map(re.escape, names.lower().split(',')))})(?![a-z0-9])")
        items.sort(key=lambda item: wanted.search(item.nodeid.lower()) is None)
    elif hasattr(config, "workerinput"):
        count = Counter(item.path for item in items)
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: (item.path not in slow, -count[item.path]))


def left_out(items: list[pytest.Item], turn: int) -> set[pytest.Item]:
    """What a sample leaves to `nox -s full`; of each table at least one row stays.

    A row is one test, or with `sampled(…, by="name")` all tests of the file that have the same `name`: a fixture then
    makes what these need, which `tests.conftest.wanted` tells. With `sampled(…, table="name")` the functions of all
    files that say so are one table, and a row is a function.
    """
    tables: dict[tuple[str, int], dict[str, list[pytest.Item]]] = {}
    for item in items:
        marker = item.get_closest_marker("sampled")
        if marker is not None:
            file, function = item.nodeid.partition("::")[0], item.nodeid.partition("[")[0]
            by, table = marker.kwargs.get("by"), marker.kwargs.get("table")
            row = str(item.callspec.params[by]) if by else function if table else item.nodeid
            name = table or (f"{file} by {by}" if by else function)
            tables.setdefault((name, marker.args[0]), {}).setdefault(row, []).append(item)
    left: set[pytest.Item] = set()
    for (_, share), rows in tables.items():
        left.update(item for row in rows.keys() - sample(rows, turn, share) for item in rows[row])
    return left


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Pass over a test when the budget is spent."""
    budget = item.config.getoption("--budget")
    if budget is None or time.monotonic() - START < budget:
        return None
    item.config.stash[LEFT_OUT] = item.config.stash.get(LEFT_OUT, 0) + 1
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its count to the process that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    """Add up what the workers left out."""
    node.config.stash[LEFT_OUT] = node.config.stash.get(LEFT_OUT, 0) + getattr(node, "workeroutput", {}).get(
        "left_out", 0
    )


def command(node_id: str) -> str:
    """The command that runs one test again."""
    python = os.path.relpath(sys.executable, ROOT) if Path(sys.executable).is_relative_to(ROOT) else "python"
    doctest = " --doctest-modules" if node_id.startswith("src/") else ""
    return f"{python} -m pytest{doctest} {shlex.quote(node_id)}"


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """Say how to run each failure again, and what was not run."""
    failed = dict.fromkeys(r.nodeid for kind in ("failed", "error") for r in terminalreporter.stats.get(kind, []))
    if failed:
        terminalreporter.section("to run a failure again")
        for node_id in failed:
            terminalreporter.write_line(command(node_id))
    if config.stash.get(LEFT_OUT, 0):
        budget, count = config.getoption("--budget"), config.stash[LEFT_OUT]
        terminalreporter.write_line(f"{count} tests were left out: the budget of {budget:g} seconds was spent")
    if (turn := config.getoption("--sample")) is not None:
        terminalreporter.write_line(f"tables were sampled (turn {turn}); `nox -s full` runs them whole")
