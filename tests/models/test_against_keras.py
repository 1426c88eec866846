"""Models behave as Keras's: structure, names, paths, order, values (`scenarios.py` says how the values are made)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kfront

_spec = importlib.util.spec_from_file_location("model_scenarios", Path(__file__).with_name("scenarios.py"))
scenarios = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scenarios)
VALUES = json.loads(Path(__file__).with_name("keras_values.json").read_text())


def same(ours: Any, theirs: Any, where: str = "") -> None:
    """Equal structures and strings, numbers within 1e-5."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict) and sorted(ours) == sorted(theirs), where
        for k in theirs:
            same(ours[k], theirs[k], f"{where}.{k}")
    elif isinstance(theirs, list) and any(isinstance(x, (dict, list, str)) for x in theirs):
        assert isinstance(ours, list) and len(ours) == len(theirs), f"{where}: {ours} != {theirs}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            same(a, b, f"{where}[{i}]")
    elif isinstance(theirs, (list, float)) and None not in (theirs if isinstance(theirs, list) else ()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=where)
    else:
        assert ours == theirs, f"{where}: {ours} != {theirs}"


def test_every_scenario_has_its_values():
    assert set(VALUES) == set(scenarios.SCENARIOS)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("name", [n for n in scenarios.SCENARIOS if n not in scenarios.TRAINS])
def test_scenario(name, backend):
    same(scenarios.run(name, kfront), VALUES[name], name)


@pytest.mark.parametrize("name", sorted(scenarios.TRAINS))
def test_training_scenario(name, trainable_backend):
    same(scenarios.run(name, kfront), VALUES[name], name)
