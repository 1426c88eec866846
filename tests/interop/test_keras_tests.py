"""The driver of Keras's own tests: what it reads and compares. The tests themselves are run by `nox -s keras-tests`."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "keras_tests"
DRIVER = runpy.run_path(str(FOLDER / "run.py"))
TABLE = """
# a comment
layers/a_test.py::*_shape | * | shapes are tuples here
layers/a_test.py::test_jit[*] | torch,jax | compiled otherwise
ops/*::test_gone | torch | nothing needs it
"""


def results(folder: Path, side: str, **outcomes: str) -> dict[str, dict[str, str]]:
    """Results as the plugin writes them: `passed`, `failed` or the name of an error, by the end of the id."""
    lines = []
    for name, outcome in outcomes.items():
        failed = {} if outcome in ("passed", "skipped") else {"error": outcome, "message": f"{outcome} in {name}"}
        told = {"id": f"layers/a_test.py::test_{name}", "outcome": "failed" if failed else outcome, **failed}
        lines.append(json.dumps(told))
    (file := folder / side).write_text("\n".join(lines))
    return DRIVER["read"](file)


def test_rows_hold_for_their_engines():
    torch, numpy = DRIVER["rows"](TABLE, "torch"), DRIVER["rows"](TABLE, "numpy")
    assert [row.reason for row in torch] == ["shapes are tuples here", "compiled otherwise", "nothing needs it"]
    assert [row.reason for row in numpy] == ["shapes are tuples here"]
    assert torch[1].covers("layers/a_test.py::test_jit[x]") and not torch[1].covers("layers/a_test.py::test_jitx")


@pytest.mark.parametrize("line", ["a | torch | ", "a | cuda | reason", "a | torch"])
def test_a_row_without_engine_or_reason_is_refused(line):
    with pytest.raises(ValueError):
        DRIVER["rows"](line, "torch")


def test_a_difference_an_explained_one_and_a_stale_row(tmp_path):
    theirs = dict.fromkeys(("same", "new", "a_shape", "secret", "lost", "less"), "passed") | {"broken": "ValueError"}
    ours = {"same": "passed", "new": "TypeError", "a_shape": "ValueError", "secret": "PrivateMissing"}
    ours |= {"less": "skipped", "broken": "ValueError", "more": "ValueError"}
    table = DRIVER["rows"](TABLE, "numpy") + DRIVER["rows"](TABLE, "torch")[2:]
    found = DRIVER["compare"](results(tmp_path, "keras", **theirs), results(tmp_path, "kfront", **ours), table)
    names = [[name.rpartition("test_")[2] for name in part] for part in (found.passed, found.private, found.explained)]
    assert names == [["same"], ["secret"], ["a_shape"]]
    different = {name.rpartition("test_")[2]: result["outcome"] for name, result in found.unexplained.items()}
    assert different == {"new": "failed", "less": "skipped", "lost": "missing"}
    assert [row.reason for row in found.stale] == ["nothing needs it"]


def test_a_module_that_cannot_be_imported_has_its_tests_fail(tmp_path):
    theirs = results(tmp_path, "keras", one="passed")
    private = {"outcome": "failed", "error": "PrivateMissing", "message": ""}
    found = DRIVER["compare"](theirs, {"layers/a_test.py": private}, [])
    assert found.private == ["layers/a_test.py::test_one"]


def test_of_several_results_of_one_test_the_worst_counts(tmp_path):
    lines = [json.dumps({"id": "a", "outcome": outcome}) for outcome in ("skipped", "failed", "passed")]
    (file := tmp_path / "results").write_text("\n".join(lines))
    assert DRIVER["read"](file) == {"a": {"id": "a", "outcome": "failed"}}


@pytest.mark.parametrize("engine", DRIVER["ENGINES"])
def test_the_table_can_be_read(engine):
    rows = DRIVER["rows"]((FOLDER / "explained.txt").read_text("utf-8"), engine)
    assert len({row.pattern for row in rows}) == len(rows)
