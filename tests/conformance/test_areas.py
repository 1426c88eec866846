"""The suite itself: its lists, what it takes for a failure, and faults that it must notice."""

from __future__ import annotations

import importlib.util
import re

import pytest
from conformance import mutations, suite
from conformance.ops import against_keras
from conformance.ops.against_keras import Difference
from conformance.ops.samples import table


def failures(area, backend, pattern="", quick=True):
    found = [c for c in suite.collect([area], [backend], quick) if re.match(pattern, c.name)]
    assert found
    return [f"{r.name}: {r.message}" for r in (suite.run_case(c, []) for c in found) if r.status == "fail"]


def test_second_order(trainable_backend):
    assert failures("second_order", trainable_backend.name, "(tanh|matmul|take|cumsum|softmax|conv)/", False) == []


@pytest.mark.sampled(4, table="long")
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is the reference")
def test_a_difference_that_is_gone_is_a_failure(monkeypatch):
    pytest.importorskip("torch")
    lines = (*against_keras.listed(), Difference(("torch",), "add/*", "nothing differs"))
    monkeypatch.setattr(against_keras, "listed", lambda: lines)
    (message,) = failures("keras_values", "torch", "add$", False)
    assert "no difference needs ['add/*']" in message


def test_lists_have_reasons(tmp_path):
    for backend in ("numpy", "torch", "jax", "tensorflow"):
        assert all(e.reason for e in suite.load_expected(backend))
    names = {*table(), "*"}
    for line in against_keras.listed():
        assert (
            line.reason and line.pattern.partition("/")[0] in names and set(line.engines) <= set(against_keras.ENGINES)
        )
    bad = tmp_path / "bad.txt"
    bad.write_text("values/add/*\n")
    with pytest.raises(ValueError, match="pattern  reason"):
        suite.load_expected("torch", bad)


def test_expected_failures_are_few():
    assert sum(len(suite.load_expected(b)) for b in ("numpy", "torch", "jax", "tensorflow", "all")) < 25


def test_every_op_runs_on_every_engine_when_quick(backend):
    for name, entry in table().items():
        assert entry.random or entry.some(True), name
    found = {c.name.partition("/")[0] for c in suite.collect(["values"], [backend.name], True)}
    assert found >= {n for n, e in table().items() if not e.random}


@pytest.mark.parametrize("what", ["max leaves NaN out", "the dtype rule of sqrt", "reshape reads the memory"])
def test_faults_are_noticed(what):
    (fault,) = [f for f in mutations.faults() if f.what == what]
    assert mutations.noticed(fault)
