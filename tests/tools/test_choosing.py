"""The options of the root's conftest.py: what a budget and a sample leave out, and how a failure is run again."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import time
import pytest

@pytest.mark.sampled(3)
@pytest.mark.parametrize("k", range(60))
def test_table(k):
    pass

@pytest.mark.sampled(3)
@pytest.mark.parametrize("k", ["lonely"])
def test_short_table(k):
    pass

def test_always():
    pass
"""
BY_NAME = """
import pytest

@pytest.mark.sampled(3, by="name")
@pytest.mark.parametrize("name", [f"n{i}" for i in range(30)])
@pytest.mark.parametrize("form", ["a", "b"])
def test_one_way(name, form):
    pass

@pytest.mark.sampled(3, by="name")
@pytest.mark.parametrize("name", [f"n{i}" for i in range(30)])
def test_the_other_way(name):
    pass
"""
BY_TABLE = "import pytest\n" + "".join(
    f"""
@pytest.mark.sampled(3, table="long")
@pytest.mark.parametrize("name", "xy")
def test_long_{i}(name):
    pass
"""
    for i in range(7)
)
SLOW = """
import time

def test_first():
    time.sleep(2)

def test_later():
    pass

def test_last():
    pass
"""
FAILING = """
import pytest

@pytest.mark.parametrize("name", ["a b"])
def test_wrong(name):
    assert not name
"""
INI = "[pytest]\nmarkers =\n    sampled(share, by, table): of its tests one in so many\n    slow\n"


def run(folder: Path, text: str, *words: str) -> str:
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text(INI)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120).stdout


def passed(output: str) -> set[str]:
    return set(re.findall(r"PASSED \S*?::(\S+)", output))


def test_turns_of_a_sample_are_fixed_and_together_the_whole(tmp_path):
    seen = [passed(run(tmp_path, TESTS, "--sample", turn)) for turn in ("1", "1", "2")]
    assert seen[0] == seen[1] != seen[2]
    assert all({"test_always", "test_short_table[lonely]"} <= s and len(s) == 22 for s in seen)
    sample = runpy.run_path(str(ROOT / "conftest.py"))["sample"]
    ids = [f"test_it.py::test_table[{k}]" for k in range(61)]
    for first in range(10):
        turns = [sample(ids, first + k, 3) for k in range(3)]
        assert sorted([*turns[0], *turns[1], *turns[2]]) == sorted(ids) and {len(t) for t in turns} == {20, 21}
    assert len(passed(run(tmp_path, TESTS))) == 62


def test_a_sample_by_an_argument_takes_all_tests_of_its_values(tmp_path):
    seen = [passed(run(tmp_path, BY_NAME, "--sample", str(turn))) for turn in range(3)]
    names = [{re.search(r"n\d+", test)[0] for test in tests} for tests in seen]
    assert set().union(*names) == {f"n{i}" for i in range(30)} and sum(map(len, names)) == 30
    for chosen, tests in zip(names, seen, strict=True):
        assert tests == {f"test_one_way[{f}-{n}]" for f in "ab" for n in chosen} | {
            f"test_the_other_way[{n}]" for n in chosen
        }


def test_a_table_of_functions_takes_all_tests_of_each(tmp_path):
    seen = [passed(run(tmp_path, BY_TABLE, "--sample", str(turn))) for turn in range(3)]
    assert sorted(test for tests in seen for test in tests) == [f"test_long_{i}[{n}]" for i in range(7) for n in "xy"]
    assert sorted(map(len, seen)) == [4, 4, 6]


def test_what_is_named_runs_first(tmp_path):
    out = run(tmp_path, TESTS, "-v", "--first", "Lonely,always,tabl")
    order = re.findall(r"^test_it.py::(\S+) PASSED", out, flags=re.M)
    assert order[:3] == ["test_short_table[lonely]", "test_always", "test_table[0]"]


@pytest.mark.parametrize("words", [[], ["-n", "2"]])
def test_a_budget_is_kept_and_said(tmp_path, words):
    if words:
        pytest.importorskip("xdist")
    out = run(tmp_path, SLOW * 2 if words else SLOW, "--budget", "1.5", *words)
    assert "test_first" in passed(out)
    left = re.search(r"(\d+) tests were left out: the budget of 1.5 seconds was spent", out)
    assert left and int(left[1]) + len(passed(out)) == 3


def test_a_failure_comes_with_its_command(tmp_path):
    out = run(tmp_path, FAILING)
    assert re.search(r"^\S*python\S* -m pytest 'test_it.py::test_wrong\[a b\]'$", out, flags=re.M)


def test_tests_without_engines_load_none(tmp_path):
    """What the tests share imports no engine: only a test that uses one does."""
    plugin = "import sys\ndef pytest_sessionfinish():\n    print('LOADED', [m for m in %r if m in sys.modules])\n"
    (tmp_path / "seen.py").write_text(plugin % (("torch", "jax", "tensorflow"),))
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = ["-p", "no:cacheprovider", "-p", "seen", "-q", "tests/tools/test_message.py", "-k", "complaints"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert "LOADED []" in done.stdout and " passed" in done.stdout, done.stdout
