"""The suite on code from elsewhere: own layers, resumed runs, exit codes, badge, comparison."""

from __future__ import annotations

import json
import sys

import pytest
from conformance import __main__ as command
from conformance import comparison, report, resume
from conformance.__main__ import INCOMPLETE, INTERRUPTED, main
from conformance.suite import Case, Result

WORDS = ["--backends", "numpy", "--areas", "values", "--rows", "tanh,relu"]
MODULE = """
import kfront
from kfront import ops

class Half(kfront.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
    def call(self, x):
        return x * self.scale / 2

class Wrong(Half):  # the noise has no seed
    def call(self, x):
        return x * self.scale if isinstance(x, kfront.KerasTensor) else x[:, :1]

class Needs(kfront.layers.Layer):
    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "their_layers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KFRONT_LAYERS", "")
    yield "their_layers"
    sys.modules.pop("their_layers", None)


def test_layers_of_ones_own(module, tmp_path, capsys):
    assert main(["--backends", "numpy", "--layers", module, "--out", str(tmp_path / "out")]) == 1
    found = comparison.load(tmp_path / "out")
    assert {r.area for r in found} == {"own_layers"}
    wrong = {r.name: r.message for r in found if r.status != "pass"}
    assert "Wrong(no arguments)/symbolic" in wrong
    assert "rows in their_layers.CONFORMANCE" in wrong["Needs/has a row"]
    assert [n for n in wrong if n.startswith("Half")] == []
    half = {r.name.rpartition("/")[2] for r in found if r.name.startswith("Half(")}
    assert {"values", "symbolic", "config", "files", "float64"} <= half
    assert f"--layers {module}" in capsys.readouterr().out  # of the command that runs a failure again


def test_rows_are_those_of_the_module(module, tmp_path):
    text = MODULE + "\nfrom conformance.layers.row import row, x\n"
    text += 'CONFORMANCE = [row("Needs", "of size 3", lambda: Needs(3), x(4)), row("Wrong", "made", Half, x(2))]\n'
    (tmp_path / "their_layers.py").write_text(text)
    from conformance.layers import own

    found = list(own.rows_of(__import__(module)))
    assert [r.id for r in found] == ["Needs(of size 3)", "Wrong(made)", "Half(no arguments)"]


def test_a_run_goes_on_after_an_interruption(tmp_path, monkeypatch, capsys):
    out, ran, real = ["--out", str(tmp_path / "out")], [], command.run_case

    def interrupted(case, expected):
        ran.append(case.name)
        if len(ran) == 4:
            raise KeyboardInterrupt
        return real(case, expected)

    monkeypatch.setattr(command, "run_case", interrupted)
    assert main([*WORDS, *out]) == INTERRUPTED
    assert "--resume" in capsys.readouterr().err
    first = ran[:3]
    assert main([*WORDS, *out, "--resume"]) == 0
    again = ran[4:]
    assert again[0] == ran[3] and not set(first) & set(again)
    assert {r.name for r in comparison.load(tmp_path / "out")} == {*first, *again}
    assert not (tmp_path / "out" / "unfinished").exists()


def test_a_run_of_other_settings_does_not_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "run_case", lambda case, expected: (_ for _ in ()).throw(KeyboardInterrupt))
    out = ["--out", str(tmp_path / "out")]
    assert main([*WORDS, *out]) == INTERRUPTED
    for words, said in (
        ([*WORDS, "--quick", *out, "--resume"], "got other ones of: quick"),
        ([*WORDS, "--resume"], "expected `--out`"),
        ([*WORDS, "--out", str(tmp_path / "none"), "--resume"], "expected an interrupted run"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, said",
    [
        (["--backend", "nobody", "--jobs", "2"], "got nobody"),
        (["--backend", "numpy", "--area", "value"], "got value"),
        (["--backend", "numpy", "--layers", "no_such_module"], "can be imported in `--layers`, got no_such_module"),
        (["--backend", "numpy", "--xfail", "no/such/file"], "found none at 'no/such/file'"),
    ],
)
def test_names_that_there_are_not_are_refused_at_once(words, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2 and said in capsys.readouterr().err


def test_a_case_that_ends_the_process_twice_has_failed(tmp_path):
    case = Case("values", "divide/by zero", "mine", lambda: None)
    resume.Journal(str(tmp_path)).start(case)
    journal = resume.Journal(str(tmp_path))
    assert journal.left([case]) == [case]
    journal.start(case)
    with (tmp_path / "0.jsonl").open("a") as file:
        file.write('{"started": ["val')  # a line that was not written to its end
    journal = resume.Journal(str(tmp_path))
    assert journal.left([case]) == []
    assert [(r.status, r.message) for r in journal.results()] == [("fail", "the process ended while this ran, twice")]


def test_a_process_that_ends_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "_run", None)
    monkeypatch.setattr(command.subprocess, "Popen", lambda *args, **kwargs: _Dead())
    assert main([*WORDS, "--jobs", "2", "--out", str(tmp_path / "out")]) == INCOMPLETE
    assert "ended with status -8" in capsys.readouterr().err


class _Dead:
    def wait(self):
        return -8

    def kill(self):
        pass


BEFORE = [
    Result("values", "add/a", "mine", "pass", 0.1, ""),
    Result("values", "add/b", "mine", "fail", 0.1, "<b>wrong</b>"),
    Result("layers", "Dense/x", "mine", "pass", 0.1, ""),
]
NOW = [
    Result("values", "add/a", "mine", "fail", 0.1, "broken <i>now</i>"),
    Result("values", "add/b", "mine", "pass", 0.1, ""),
    Result("values", "add/c", "mine", "xfail", 0.1, "a reason"),
]


def test_two_runs_are_compared():
    found = comparison.changes(BEFORE, NOW)
    assert [[r.name for r in part] for part in found] == [["add/a"], ["add/b"], ["add/c"], ["Dense/x"]]
    assert comparison.summary(found) == ("against the earlier run: 1 no longer hold, 1 hold now, 1 are new, 1 are gone")
    page = comparison.page(NOW, BEFORE, {"mine": "1.0"})
    for text in ("1 of 3", "before: 1 of 2", "No longer holds (1)", "Holds now (1)", "Gone (1)", "broken &lt;i&gt;"):
        assert text in page
    alone = comparison.page(NOW, None, {})
    assert "Does not hold (2)" in alone and "before" not in alone


def test_against_an_earlier_run(tmp_path, capsys):
    words = ["--backends", "numpy", "--areas", "values", "--rows", "tanh"]
    assert main([*words, "--out", str(tmp_path / "first")]) == 0
    assert main([*words, "--out", str(tmp_path / "second"), "--against", str(tmp_path / "first")]) == 0
    assert "0 no longer hold, 0 hold now, 0 are new, 0 are gone" in capsys.readouterr().out
    assert "before: " in (tmp_path / "second" / "report.html").read_text()


def test_a_badge_reads_the_results(tmp_path):
    report.write(BEFORE, tmp_path, {})
    badge = json.loads((tmp_path / "badge.json").read_text())
    assert badge == {"schemaVersion": 1, "label": "conformance", "message": "1 failed", "color": "#c93c37"}
    assert report.endpoint(BEFORE[:1])["message"] == "1 passed"
