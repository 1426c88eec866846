"""The suite's command: which cases it takes and in which order, until when, and how a failure is run again."""

from __future__ import annotations

import re
import shlex

import pytest
from conformance.__main__ import NOTHING_RUN, _again, _chosen, _parser, main
from conformance.suite import Case, Result

NUMPY = ["--backends", "numpy", "--areas", "values,errors,layers,coverage"]


def chosen(*words):
    return _chosen(_parser().parse_args([*NUMPY, *words]), ["numpy"])


def test_rows_are_names_and_come_in_their_order():
    cases = chosen("--rows", "dense,Tanh")
    about = ["dense" if "dense" in c.subjects else "tanh" if "tanh" in c.subjects else "" for c in cases]
    assert about == sorted(about) and "" not in about
    found = set(zip((c.area for c in cases), about, strict=True))
    assert found == {("values", "tanh"), ("layers", "dense"), ("errors", "dense"), ("coverage", "tanh")}
    assert chosen("--rows", "nothing of that name") == []
    ids = [c.id for c in chosen("--rows", "errors")]
    assert ids and ids == [c.id for c in chosen() if c.area == "errors"]


@pytest.mark.parametrize(
    "name, subjects",
    [
        ("add/f32:2x3, f32:3", {"add", "f32"}),
        ("Dense(plain)/values", {"dense"}),
        ("graph.GCNConv(padded)/values", {"graph.gcnconv"}),
        ("mlp/Adam: losses as on torch", {"mlp", "adam"}),
    ],
)
def test_what_a_case_is_about(name, subjects):
    assert Case("area", name, "numpy", lambda: None).subjects == subjects


def test_a_budget_is_kept_and_said(capsys):
    words = ["--backends", "numpy", "--areas", "values", "--rows", "tanh"]
    assert main([*words, "--budget", "1e-9"]) == NOTHING_RUN
    said = r"(\d+) of \1 cases were left out: the budget of 1e-09 seconds was spent"
    assert re.search(said, capsys.readouterr().out)
    assert main(words) == 0
    assert "left out" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "result, backends",
    [
        (Result("values", "tanh/f32:2x3", "jax", "fail", 0.1, "wrong"), "jax"),
        (Result("training", "mlp/adam: losses as on torch", "jax", "fail", 0.1, "wrong"), "numpy,torch,jax"),
    ],
)
def test_the_command_of_a_failure_runs_it_alone(result, backends):
    args = _parser().parse_args(["--backends", "numpy,torch,jax", "--quick", "--plain", "--rows", "tanh"])
    command = shlex.split(_again(args, result))
    assert command[:3] == ["python", "-m", "conformance"]
    again = _parser().parse_args(command[3:])
    assert (again.backends, again.areas, again.only) == (backends, result.area, f"{result.area}/{result.name}")
    assert again.quick and again.plain and not again.rows


def test_the_command_of_a_failure_is_printed(capsys, monkeypatch):
    from conformance.ops import values

    def wrong(*args):
        raise AssertionError("what is wrong")

    monkeypatch.setattr(values, "compare", wrong)
    assert main(["--backends", "numpy", "--areas", "values", "--rows", "tanh"]) == 1
    out = capsys.readouterr().out
    (first, *_) = [line for line in out.splitlines() if "run it again" in line]
    command = shlex.split(first.partition(": ")[2])
    assert main(command[3:]) == 1 and "1 failed" in capsys.readouterr().out
