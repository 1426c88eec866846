"""The pages of results: of what was recorded, or of a run since."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "site"


@pytest.fixture
def results(monkeypatch, tmp_path):
    """The module `results`; build/ is an empty folder."""
    monkeypatch.syspath_prepend(TOOLS)
    monkeypatch.setattr(importlib.import_module("recorded"), "BUILD", tmp_path)
    return importlib.import_module("results")


def test_a_build_without_a_run_shows_what_was_recorded(results):
    for what, page in (("conformance", results.conformance()), ("benchmarks", results.benchmarks())):
        assert f"`python -m {what} " in page and "Load average before the run" in page
        assert all(engine in page for engine in ("torch", "jax", "tensorflow", "numpy"))
        assert page.count("\n| ") > 6


def test_a_later_run_is_shown_instead(results, tmp_path):
    case = {"area": "tides", "backend": "torch", "status": "pass"}
    row = {"name": "tide", "unit": "x", "kfront": 1.25, "keras": None, "native": 3.0, "limit": None, "spread": [1, 1.5]}
    files = {"conformance/results.json": {"results": [case, {**case, "status": "fail"}]}, "benchmarks/jax.json": [row]}
    for name, body in files.items():
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(json.dumps(body))
        os.utime(path, (2**33, 2**33))
    assert "| tides | 1 of 2, 1 failed |" in results.conformance()
    assert "| tide | x | 1.25 (1.00–1.50) |  |" in results.benchmarks()
    for name in files:
        os.utime(tmp_path / name, (0, 0))
    assert "tide" not in results.conformance() + results.benchmarks()
