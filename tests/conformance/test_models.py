"""Drawn models: the same for a seed, as source that runs, and a fault in them is found and made small."""

from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest
from conformance.models import checks, explained, running, sources, table
from conformance.models.draw import draw
from conformance.models.program import Input, Make, Node, Program
from conformance.models.shrink import shrunk
from conformance.suite import Case, run_case

import kfront
from kfront.backends import get


def test_a_seed_gives_one_program():
    first, again = draw(3), draw(3)
    assert first.text() == again.text() and first.text() != draw(3, 1).text() != draw(4).text()


def test_programs_have_all_kinds_of_parts():
    text = "\n".join(draw(seed).text() for seed in range(40))
    for part in ("k.Sequential", "k.Model(i", "ops.", "L.", "None,", "dict(", "Masking", "mask_zero"):
        assert part in text, part


def test_layers_as_source_are_those_of_the_table():
    with kfront.backend_scope("numpy"):
        for recipe in sources.recipes()[::5]:
            made = eval(str(recipe.make), {"k": kfront, "L": kfront.layers})
            want = recipe.row.make().get_config()
            assert sources._unnamed(made.get_config()) == sources._unnamed(want), recipe.make


LONG = Program(
    (Input("x", (5, 4), (5, 4)), Input("z", (4,), (4,))),
    {
        "a": Make("L.Dense", (("units", "4"), ("activation", "'relu'"))),
        "b": Make("L.LayerNormalization"),
        "c": Make("k.Sequential([L.Dense(3), L.ReLU()])", None),
    },
    (
        Node("n1", "{f}({0})", ("x",), "a"),
        Node("n2", "{f}({0})", ("n1",), "b"),
        Node("n3", "ops.tanh({0})", ("n2",)),
        Node("n4", "{f}({0})", ("z",), "c"),
    ),
    ("n3", "n4"),
    named=True,
)


def test_programs_run_and_are_made_small(backend):
    assert checks.difference(LONG, backend.name, "eager") == ("", "")
    assert checks.difference(LONG, backend.name, "predict") == ("", "")
    small = shrunk(LONG, lambda p: "LayerNormalization" in p.uses)
    assert [n.call for n in small.nodes] == ["{f}({0})"] and len(small.text().splitlines()) == 6
    with kfront.backend_scope(backend.name):
        assert len(small.run("kfront", "got = model.predict(data, verbose=0)")["got"]) == 3


def test_a_fault_is_found_and_printed(monkeypatch):
    pytest.importorskip("torch")
    backend = get("torch")
    right = backend.layer_normalization
    monkeypatch.setattr(backend, "layer_normalization", lambda *args: right(*args) * 1.001)
    monkeypatch.setattr(table, "drawn", lambda seed: (LONG, running.reference(LONG)))
    monkeypatch.setattr(table, "ways", lambda *args: ["eager"])
    result = run_case(Case("models", "0", "torch", table._check(0, "torch", True)), [])
    assert result.status == "fail"
    program = result.message.partition("# KERAS_BACKEND")[2].partition("\n")[2]
    assert len(program.splitlines()) <= 10 and "LayerNormalization" in program and "Dense" not in program
    space: dict[str, object] = {}
    with kfront.backend_scope("torch"):
        exec(program, space)
    assert "got" in space


def test_data_at_a_jump_are_not_compared():
    there = Program((Input("x", (4,), (4,), low=2, high=2),), {}, (Node("n", "ops.floor({0})", ("x",)),), ("n",))
    assert running.reference(there) is None
    found = running.reference(LONG)
    assert found is not None and all(np.isfinite(s) and s < 1e-3 for s in found.slack)


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is the reference")
def test_explained_differences_are_strict():
    pytest.importorskip("torch")
    row = explained.ROWS[0]
    assert row.holds("torch") and all(r.reason and re.search(r.pattern, r.program.text()) for r in explained.ROWS)
    assert not row._replace(program=LONG).holds("torch")
