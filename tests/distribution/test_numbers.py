"""Training on a mesh gives the numbers of one device: a short form of `same_numbers.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kfront import backends

SCRIPT = Path(__file__).with_name("same_numbers.py")


@pytest.mark.sampled(2)
@pytest.mark.slow
@pytest.mark.parametrize(("engine", "processes"), [("torch", "2"), ("jax", "1")])
def test_short(engine, processes):
    if engine not in backends.installed():
        pytest.skip(f"{engine} is not installed")
    done = subprocess.run([sys.executable, SCRIPT, engine, processes], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
