"""Mutants: what may become what, the same ones for a seed, put in and taken out again, and reasons that are strict."""

from __future__ import annotations

import ast
import json
import re

import numpy as np
import pytest
from conformance.mutants import __main__ as command
from conformance.mutants import changes, draw, patching, runner, touched
from conformance.suite import collect, run_case

import kfront

FUNCTION = """
def f(x, axis: int = 1):
    '''Text with 1 + 1.'''
    if x < 0:
        raise ValueError(str(1 + 1))
    y = where(x, sum(x, axis), 0)
    return y.astype("int32") - x
"""


def texts(kind):
    (function,) = ast.parse(FUNCTION).body
    found = [(ast.unparse(n), k, ast.unparse(new)) for n, _ in changes.inside(function)
             for k, new in changes.changes(n, True)]  # fmt: skip
    return {(before, after) for before, k, after in found if k == kind}


@pytest.mark.parametrize(
    "kind, before, after",
    [
        ("other comparison", "x < 0", "x <= 0"),
        ("other function", "sum(x, axis)", "mean(x, axis)"),
        ("mask left out", "where(x, sum(x, axis), 0)", "sum(x, axis)"),
        ("cast left out", "y.astype('int32')", "y"),
        ("swapped operands", "y.astype('int32') - x", "x - y.astype('int32')"),
        ("lost gradient", "return y.astype('int32') - x", "return __without_gradient__(y.astype('int32') - x)"),
    ],
)
def test_what_an_expression_becomes(kind, before, after):
    assert (before, after) in texts(kind)


def test_messages_and_texts_stay():
    assert texts("one more") == {("0", "1")} and texts("other arithmetic") == {
        ("y.astype('int32') - x", "y.astype('int32') + x")
    }


@pytest.fixture(scope="module")
def of_numpy():
    kfront.backends.get("numpy")
    return list(draw.everything("numpy", ["numpy"]))


def test_a_seed_gives_the_same_mutants(of_numpy):
    first, again = (draw.mutants(20, 3, ["numpy"]) for _ in range(2))
    assert first == again and len({m.rank for m in first}) == len(first)
    assert first != draw.mutants(20, 4, ["numpy"]) and len(first) == 20
    assert len({*of_numpy}) == len(of_numpy)


def one(mutants, function, before, after):
    (found,) = [m for m in mutants if m.function == function and (m.before, m.after) == (before, after)]
    return found


def test_a_mutant_is_put_in_and_taken_out(of_numpy):
    mutant = one(of_numpy, "stack", "np.stack(x, axis)", "np.stack(axis, x)")
    assert re.match("(values|gradients|specs)/stack/", runner.noticed(mutant, None))
    with kfront.backend_scope("numpy"):
        assert np.shape(kfront.ops.stack([[1.0], [2.0]], 1)) == (1, 2)
    with patching.replaced({mutant.path: mutant.tree()}, lambda name: name == "nothing of that name") as changed:
        assert not changed


def test_ops_that_use_a_function_come_nearest_first(of_numpy):
    mutant = one(of_numpy, "_same_pads", "size - 1", "size + 1")
    assert "conv" in draw.ops_of(mutant) and len(draw.ops_of(mutant)) <= draw.OPS_AT_MOST


def test_what_a_case_runs_is_recorded(tmp_path, of_numpy):
    cases = [c for c in collect(["values"], ["numpy"], True) if c.subjects & {"stack", "tanh"}]
    touched.record("numpy", cases, tmp_path / "map.json")
    known = touched.Map(tmp_path / "map.json")
    about = known.cases_of(one(of_numpy, "stack", "np.stack(x, axis)", "np.stack(axis, x)"))
    assert about and all("stack" in name for name in about)
    assert [run_case(c, []).status for c in cases] == ["pass"] * len(cases)


def test_a_reason_for_what_is_noticed_is_wrong(of_numpy):
    mutant = of_numpy[0]
    assert command._status(mutant, "values/add", {}) == "noticed"
    assert command._status(mutant, "", {}) == "MISSED"
    assert command._status(mutant, "", {mutant.key: "why"}) == "equivalent"
    assert command._status(mutant, "values/add", {mutant.key: "why"}) == "WRONGLY LISTED"
    assert command._finish([mutant], {command._name(mutant): ""}) == 1
    assert command._finish([mutant], {command._name(mutant): "values/add"}) == 0


def test_results_are_kept_and_forgotten(tmp_path, of_numpy):
    first, second = of_numpy[:2]
    results = command.Results(tmp_path, "numpy")
    results.add(first, None)
    results.add(first, "")
    results.add(second, None)  # the process ends here
    results = command.Results(tmp_path, "numpy")
    assert results.found == {command._name(first): "", command._name(second): None}
    results.drop({command._name(first)})
    assert [*command.Results(tmp_path, "numpy").found] == [command._name(second)]
    assert all(json.loads(line)["kind"] for line in results.path.read_text().splitlines())


def test_reasons_are_of_mutants_that_there_are():
    for key, reason in command.reasons().items():
        path, function, change = re.fullmatch(r"([\w/]+\.py):([\w.]+): (.*)", key, re.DOTALL).groups()
        body = dict(draw.functions_of(draw.parsed(path)))[function]
        found = {
            f"{ast.unparse(node)} -> {ast.unparse(ast.fix_missing_locations(ast.copy_location(new, node)))}"
            for node, _ in changes.inside(body)
            for _, new in changes.changes(node, not path.startswith("backends/numpy"))
        }
        assert change in found, key
        assert len(reason) > 20 and reason.endswith("."), key
