"""Training on a mesh gives the numbers of one device: a short form of `same_numbers.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from kfront import backends

_spec = importlib.util.spec_from_file_location("same_numbers", Path(__file__).with_name("same_numbers.py"))
same_numbers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(same_numbers)


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "processes"), [("torch", 2), ("jax", 1)])
def test_short(engine, processes):
    if engine not in backends.installed():
        pytest.skip(f"{engine} is not installed")
    how = {"steps": 3, "models": ["mlp", "transformer"], "timeout": 240}
    one = same_numbers.run(engine, [1, 1], 1, **how)
    got = same_numbers.run(engine, [2, 1], processes, **how)
    wrong = {name: why for name, (_, why) in same_numbers.compare(one, got, "float32").items() if why}
    assert not wrong
