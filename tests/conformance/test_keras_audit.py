"""The audit of behaviour against Keras: what it writes down, what it takes for a difference, and its table."""

from __future__ import annotations

import importlib.util
import zlib

import numpy as np
import pytest
from conformance import suite
from conformance.keras import audit, explained, record
from conformance.keras.compare import differences
from conformance.keras.kinds import attributes
from conformance.keras.made import k, make
from conformance.keras.normal import different, normal
from conformance.keras.probing import Probe, observe
from conformance.keras.subjects import subjects
from conformance.keras.tables import KINDS, probes_of
from tests.conftest import ENGINES

import kfront


def test_expressions_are_evaluated_on_a_package():
    made = k.layers.TimeDistributed(k.layers.Dense(2, activation="relu"), name="outer")
    layer = make(kfront, made)
    assert (layer.name, layer.layer.units) == ("outer", 2)
    assert make(kfront, made.with_options({"name": "other"})).name == "other"
    dense = k.layers.Dense(1)
    first, second = make(kfront, [dense, dense])
    assert first is second


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (1.0, 1.1),
        (1, 1.0),
        ([1], (1,)),
        ({"a": 1}, {"b": 1}),
        (np.ones(3, "float32"), np.ones(3, "float64")),
        (np.ones(3), np.array([1.0, 1.0, 1.01])),
        (np.array([np.nan]), np.array([1.0])),
        (np.ones((3, 1)), np.ones((1, 3))),
        (np.float64(1.0), np.float64(1.1)),
        (np.array([1.0, np.inf]), np.array([1.0, -np.inf])),
    ],
)
def test_values_that_differ(theirs, ours):
    theirs, ours = normal(theirs, kfront), normal(ours, kfront)
    assert different(theirs, ours)
    assert not different(theirs, theirs)
    assert not different(ours, ours)


@pytest.mark.parametrize(
    ("theirs", "ours", "text"),
    [
        (np.array([3], "int64"), np.array([3], "int32"), "array: Keras ['int64', [1]], kfront ['int32', [1]]"),
        ([1, 2], (1, 2), "form: Keras list, kfront tuple"),
        (np.ones((2, 3)), [np.ones(3), np.ones(3)], "form: Keras array, kfront list"),
        (2, np.array(2, "int32"), "form: Keras int, kfront array"),
        (True, 1, "form: Keras bool, kfront int"),
        ([[1.0], [2.0]], np.array([[1.0], [2.0]]), "form: Keras list, kfront array"),
    ],
)
def test_dtypes_and_forms_hide_no_numbers(theirs, ours, text):
    theirs, ours = normal(theirs, kfront), normal(ours, kfront)
    assert different(theirs, ours) == text
    for other in (9, [9, 2], np.array([9]), np.full((2, 3), 9.0), [[9.0], [2.0]]):
        found = different(normal(other, kfront), ours)
        assert not found or found != text
    row = explained.Row("a/b/*", f"{text.replace('Keras', '*')}*", ("numpy",), "why")
    assert row.matches("a/b/c", text) and not row.matches("a/b/c", f"{text}; values by 2")
    assert explained.Row("a/b/*", "*; values by *", ("numpy",), "why").matches("a/b/c", f"{text}; values by 2")


def test_drawn_results_have_shapes():
    drawn = lambda *shape: {"array": ["float32", [*shape]]}  # noqa: E731
    assert not different(drawn(2, 3), drawn(2, 3))
    assert different(drawn(2, 3), drawn(3, 2)) == "array: Keras ['float32', [2, 3]], kfront ['float32', [3, 2]]"


def test_methods_take_what_keras_methods_take():
    def told(f):
        return {"method": attributes._taken(f)}

    theirs = told(lambda a, b=1, *, c=2: None)
    assert not different(theirs, told(lambda a, b=1, *, c=2: None))
    assert not different(theirs, told(lambda a, b, d=3, c=2: None))
    assert not different(theirs, told(lambda *args, **kwargs: None))
    assert not different(told(lambda *args, **kwargs: None), theirs)
    assert different(theirs, told(lambda b, a, *, c: None))
    assert different(theirs, told(lambda a, b=1: None))
    assert different(theirs, told(lambda a, var, **kwargs: None))


def test_numpy_scalars_are_arrays_beside_arrays():
    number, array = normal(np.float32(1.5), kfront), normal(np.array(1.5, "float32"), kfront)
    assert not different(number, array)
    assert different(number, normal(np.array(2.5, "float32"), kfront))
    assert different(number, normal(np.array([1.5], "float32"), kfront))
    assert different(number, 1.5)


def test_a_part_is_run_again_when_something_about_it_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("KFRONT_RECORD", str(tmp_path))
    runs = []
    find = lambda: runs.append(1) or [("config/a.B/x", "differs")]  # noqa: E731
    part = ("torch", "config", "losses.Huber")
    assert record.differences_of(*part, find) == record.differences_of(*part, find) == [("config/a.B/x", "differs")]
    assert len(runs) == 1
    (kept,) = record.records(["torch"])
    assert kept.version == record.version() and kept.differences == [("config/a.B/x", "differs")]
    source = record._source
    monkeypatch.setattr(record, "_source", lambda name: source(name) + "# changed" * name.endswith("losses.base"))
    record.differences_of(*part, find)
    assert len(runs) == 2
    monkeypatch.delenv("KFRONT_RECORD")
    record.differences_of(*part, find)
    assert len(runs) == 3


def test_draws_differ_by_their_distribution():
    generator = np.random.Generator(np.random.Philox(key=1))
    told = lambda x: {"drawn": [x.size, float(x.mean()), float(x.std()), float(np.abs(x).max())]}  # noqa: E731
    uniform, again, wider = (generator.uniform(-s, s, 2000) for s in (1.0, 1.0, 1.2))
    assert not different(told(uniform), told(again))
    assert different(told(uniform), told(wider))


def raising(error):
    def run(package):
        raise error("no")

    return observe(kfront, Probe("raises", run))


def test_errors():
    planned = {"raises": {"error": "ValueError", "also": [], "planned": True}}
    accident = {"raises": {"error": "RuntimeError", "also": [], "planned": False}}
    refused = observe(kfront, Probe("refused", lambda package: {"layer": package.layers.Dense(-1)}))
    assert (refused["raises"]["error"], refused["raises"]["planned"]) == ("ValueError", True)
    assert not list(differences(planned, refused))
    assert list(differences(planned, raising(TypeError))) == [
        ("raises", "Keras raises ValueError, kfront fails (TypeError)")
    ]
    assert not list(differences(accident, raising(TypeError)))
    assert list(differences(planned, {"result": 1}))
    assert list(differences({"result": 1}, raising(ValueError)))
    assert not list(differences(accident, {"result": 1}))
    assert list(differences(accident, {"result": 1}, ill=True))


def test_only_what_keras_has_is_compared():
    assert list(differences({"a": 1}, {"b": 1})) == [("a", "missing; Keras 1")]
    assert not list(differences({"a": 1}, {"a": 1, "b": 2}))


def test_probes_have_names_of_their_own():
    asked = [(kind, name) for kind in KINDS for name in ("layers.Dense", "losses.Huber", "ops.add", "optimizers.Adam")]
    assert sum(len(probes_of(*one)) for one in asked) > 500
    assert {"layers.LSTM", "metrics.AUC", "random.uniform", "callbacks.EarlyStopping"} <= subjects().keys()


def test_the_table(tmp_path, monkeypatch):
    assert all(r.reason and set(r.engines) <= set(audit.ENGINES) for r in explained.rows())
    assert len({(r.name, r.engines) for r in explained.rows()}) == len(explained.rows())
    row = explained.Row("options/a.B/*axis=[1]*", "Keras accepts, *", ("torch",), "why")
    assert row.matches("options/a.B/plain/axis=[1], x=2/result", "Keras accepts, kfront raises ValueError")
    assert not row.matches("options/a.B/plain/axis=[1], x=2/result", "Keras raises ValueError, kfront accepts")
    assert not row.matches("options/a.B/plain/axis=1/result", "Keras accepts, kfront raises ValueError")
    monkeypatch.setattr(explained, "rows", lambda: (row, explained.Row("config/*/*", "*", ("torch",), "why")))
    assert explained.unneeded("torch", "options", "a.B", set()) == [row.name]
    assert explained.unneeded("torch", "options", "a.B", {row}) == []
    results = [suite.Result("keras", "a.B/options", "torch", "pass", 0.0, f"3 {row.name}")]
    (unused,) = audit.finish(results, ["torch"])
    assert unused.name == "explained/config/*/*"
    assert audit.covered(results) == {(row.name, "torch"): 3}


def test_a_row_for_all_engines_is_needed_on_one(monkeypatch):
    row = explained.Row("errors/a.B/*/x=1/raises", "*", audit.ENGINES, "why", everywhere=False)
    monkeypatch.setattr(explained, "rows", lambda: (row,))
    assert explained.unneeded("torch", "errors", "a.B", set()) == []
    results = [suite.Result("keras", "a.B/errors", "jax", "pass", 0.0, f"1 {row.name}")]
    assert not list(audit.finish(results, [*audit.ENGINES]))
    assert len(list(audit.finish([], [*audit.ENGINES]))) == 1
    assert not list(audit.finish([], ["torch"]))


def test_choices_in_a_row_are_rows():
    assert explained.spelt_out("a.<b|c>/x=<-1|{'d': 1}>") == [
        "a.b/x=-1",
        "a.b/x={'d': 1}",
        "a.c/x=-1",
        "a.c/x={'d': 1}",
    ]


def test_rows_about_mistakes_of_ops_name_ops_and_values():
    for row in explained.rows():
        kind, name, *_ = row.pattern.split("/")
        if kind == "errors" and name.startswith(("ops.", "*")):
            assert not {"*", "?"} & {*name}, row.name
            assert "*" not in row.pattern.split("/")[-2], row.name


PARTS = 200


@pytest.mark.sampled(450)  # of 800, so that a commit runs one or two
@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is the reference")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("engine", [e for e in audit.HELD if e in ENGINES])
def test_a_part_of_the_audit(engine, part):
    wanted = lambda *what: zlib.crc32(" ".join(what).encode()) % PARTS == part  # noqa: E731
    results = [suite.run_case(case, []) for case in audit.chosen(engine, audit.HELD[engine], wanted)]
    assert not [f"{r.name}: {r.message}" for r in results if r.status != "pass"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is the reference")
def test_a_difference_is_a_failure(monkeypatch):
    pytest.importorskip("torch")
    cases = [c for c in audit.cases(["torch"], False) if c.name.startswith("losses.Huber/")]
    assert {c.name for c in cases} >= {"losses.Huber/attributes", "losses.Huber/options"}
    (case,) = (c for c in cases if c.name.endswith("/options"))
    assert suite.run_case(case, []).status == "pass"
    call = kfront.losses.Huber.call
    monkeypatch.setattr(kfront.losses.Huber, "call", lambda self, *args: call(self, *args) + 0.01)
    result = suite.run_case(case, [])
    assert result.status == "fail"
    assert "unexplained" in result.message
